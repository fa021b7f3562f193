"""Small random scenes that the rasterizers are compared on."""

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera
from engine.gaussians import Gaussians
from engine.raster.reference import ALPHA_MIN, TRANSMITTANCE_MIN, Projected, project


def random_gaussians(n: int = 300, n_channels: int = 3, sh_degree: int | None = None, seed: int = 0) -> Gaussians:
    """A cloud of all sizes and shapes round the origin."""
    rng = torch.Generator().manual_seed(seed)
    colors = torch.rand(n, n_channels, generator=rng)
    if sh_degree is not None:
        colors = torch.randn(n, (sh_degree + 1) ** 2, 3, generator=rng) * 0.4
    return Gaussians(
        means=torch.randn(n, 3, generator=rng) * 0.8,
        quats=torch.randn(n, 4, generator=rng),
        scales=torch.exp(torch.randn(n, 3, generator=rng) * 0.7 - 2.3),
        opacities=torch.rand(n, generator=rng),
        colors=colors,
        sh_degree=sh_degree,
    )


def random_camera(width: int = 83, height: int = 65, seed: int = 0) -> Camera:
    """Looks at the origin from four units away, a little askew, its centre not in the middle."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(np.eye(3) + 0.2 * rng.normal(size=(3, 3)))
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation * np.sign(np.linalg.det(rotation)) * np.sign(rotation[2, 2])
    viewmat[:3, :3] *= np.sign(np.linalg.det(viewmat[:3, :3]))
    viewmat[2, 3] = 4.0
    k = np.array([[1.1 * width, 0, 0.48 * width], [0, 1.2 * width, 0.51 * height], [0, 0, 1]])
    return Camera(viewmat, k, width, height)


def tensors(camera: Camera) -> tuple[Tensor, Tensor]:
    """`viewmats` `[1, 4, 4]` and `Ks` `[1, 3, 3]` as the rasterization functions take them."""
    return torch.from_numpy(camera.viewmat)[None].float(), torch.from_numpy(camera.k)[None].float()


def undecided(layer: Gaussians, camera: Camera, antialiased: bool = False, slack: float = 1e-3) -> Tensor:
    """Pixels `[H, W]` where a rounding decides: an alpha or the light left is within `slack` of its threshold.

    There a picture may differ by 1/255 and a gradient jumps, whoever computes it.
    """
    viewmats, ks = (t[0].double() for t in tensors(camera))
    seen = project(
        layer.means.double(), layer.quats.double(), layer.scales.double(), layer.opacities.double(), viewmats, ks,
        camera.width, camera.height, 0.01, 1e10, 0.0, 0.3, antialiased,
    )  # fmt: skip
    alpha = _alphas(seen, camera)
    near_alpha = ((alpha / ALPHA_MIN - 1).abs() < slack).any(dim=2)
    light = torch.cumprod(1 - torch.where(alpha >= ALPHA_MIN, alpha.clamp(max=0.999), 0.0), dim=2)
    near_light = ((light / TRANSMITTANCE_MIN - 1).abs() < slack).any(dim=2)
    return near_alpha | near_light | ((alpha / 0.999 - 1).abs() < slack).any(dim=2)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Decibels between two pictures whose white is 1."""
    return float(-10 * np.log10(max(np.mean((np.asarray(first) - np.asarray(second)) ** 2), 1e-20)))


def _alphas(seen: Projected, camera: Camera) -> Tensor:
    order = seen.visible.nonzero()[:, 0]
    order = order[torch.argsort(seen.depths[order], stable=True)]
    y, x = torch.meshgrid(torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij")
    dx, dy = x[..., None] - seen.means2d[order, 0], y[..., None] - seen.means2d[order, 1]
    a, b, c = seen.conics[order].unbind(dim=1)
    return seen.opacities[order] * torch.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy)
