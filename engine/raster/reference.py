"""The definition of a correct picture: every Gaussian at every pixel in float64, slow and obvious.

Written as plain differentiable torch, so that its gradients are the definition of correct gradients too. The model is
EWA splatting (Zwicker et al. 2002) as in 3D Gaussian Splatting (Kerbl et al. 2023, equations 2 to 5), with gsplat's
constants.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ALPHA_MIN = 1.0 / 255.0
"""A Gaussian adds nothing to a pixel where its alpha is below this."""
ALPHA_MAX = 0.999
"""No single Gaussian hides what is behind it entirely."""
TRANSMITTANCE_MIN = 1e-4
"""A pixel is finished before the first Gaussian that would let less light than this through."""

RENDER_MODES = ("RGB", "D", "ED", "RGB+D", "RGB+ED")


@dataclass
class Projected:
    """Gaussians seen by one camera, in pixels.

    Attributes:
        means2d: `[N, 2]`.
        conics: `[N, 3]`, the inverse 2D covariance (xx, xy, yy).
        depths: `[N]`, camera z.
        opacities: `[N]`, with the anti-aliasing compensation applied.
        visible: `[N]` bool: between the planes, finite and not degenerate.
        extents: `[N, 2]`, half width and height of the box in which alpha reaches `ALPHA_MIN`.
    """

    means2d: Tensor
    conics: Tensor
    depths: Tensor
    opacities: Tensor
    visible: Tensor
    extents: Tensor


def rasterization(
    means: Tensor,  # [N, 3]
    quats: Tensor,  # [N, 4]
    scales: Tensor,  # [N, 3]
    opacities: Tensor,  # [N]
    colors: Tensor,  # [N, D], [C, N, D], [N, K, 3] or [C, N, K, 3]
    viewmats: Tensor,  # [C, 4, 4]
    Ks: Tensor,  # [C, 3, 3]
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    backgrounds: Tensor | None = None,
    render_mode: str = "RGB",
    rasterize_mode: str = "classic",
    pixels: Tensor | None = None,
    products_at_once: int = 2**21,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Renders as gsplat's function of the same name does, in float64.

    Args:
        pixels: `[P, 2]` integer x, y; only these are evaluated and the results are `[C, P, D]` and `[C, P, 1]`.
        products_at_once: pixels times Gaussians held in memory at a time.

    Returns:
        colors `[C, H, W, D]`, alphas `[C, H, W, 1]`, and what was projected.
    """
    means, quats, scales, opacities, colors, viewmats, Ks = (
        t.to(torch.float64) for t in (means, quats, scales, opacities, colors, viewmats, Ks)
    )
    everywhere = pixels is None
    if everywhere:
        ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        pixels = torch.stack([xs, ys], dim=-1).reshape(-1, 2)
    all_colors, all_alphas, projections = [], [], []
    for c in range(viewmats.shape[0]):
        seen = project(
            means, quats, scales, opacities, viewmats[c], Ks[c], width, height,
            near_plane, far_plane, radius_clip, eps2d, rasterize_mode == "antialiased",
        )  # fmt: skip
        channels = _channels(means, colors, viewmats[c], c, sh_degree, seen.depths, render_mode)
        background = None if backgrounds is None or render_mode in ("D", "ED") else backgrounds[c].to(torch.float64)
        color, alpha = composite(seen, channels, pixels, max(1, products_at_once // max(1, len(means))))
        if background is not None:
            padded = torch.cat([background, background.new_zeros(color.shape[1] - len(background))])
            color = color + (1 - alpha) * padded
        if render_mode.endswith("ED"):
            color = torch.cat([color[:, :-1], color[:, -1:] / alpha.clamp(min=1e-10)], dim=1)
        all_colors.append(color)
        all_alphas.append(alpha)
        projections.append(seen)
    shape = (height, width) if everywhere else (len(pixels),)
    meta = {"projected": projections, "width": width, "height": height, "n_cameras": len(projections)}
    return (
        torch.stack(all_colors).reshape(len(all_colors), *shape, -1),
        torch.stack(all_alphas).reshape(len(all_alphas), *shape, 1),
        meta,
    )


def project(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, viewmat: Tensor, k: Tensor,
    width: int, height: int, near_plane: float, far_plane: float, radius_clip: float, eps2d: float, antialiased: bool,
) -> Projected:  # fmt: skip
    """Gaussians as ellipses in the picture: Kerbl et al. equation 5 with gsplat's limit on how far off screen."""
    inputs = (means, quats, scales, opacities[:, None])
    finite = torch.stack([t.isfinite().all(dim=1) for t in inputs]).all(dim=0)
    means, quats, scales, opacities = (
        torch.where(finite[:, None], t, torch.zeros_like(t)) for t in (means, quats, scales, opacities[:, None])
    )
    opacities = opacities[:, 0]
    rotation, translation = viewmat[:3, :3], viewmat[:3, 3]
    x, y, z = (means @ rotation.T + translation).unbind(dim=1)
    visible = finite & (z >= near_plane) & (z <= far_plane)
    z = torch.where(visible, z, torch.ones_like(z))

    fx, fy, cx, cy = k[0, 0], k[1, 1], k[0, 2], k[1, 2]
    margin_x, margin_y = 0.15 * width / fx, 0.15 * height / fy
    u = (x / z).clamp(min=-cx / fx - margin_x, max=(width - cx) / fx + margin_x)
    v = (y / z).clamp(min=-cy / fy - margin_y, max=(height - cy) / fy + margin_y)
    zero = torch.zeros_like(z)
    jacobian = torch.stack([fx / z, zero, -fx * u / z, zero, fy / z, -fy * v / z], dim=1).reshape(-1, 2, 3)
    half = jacobian @ rotation @ rotation_matrices(quats) * scales[:, None, :]  # [N, 2, 3], covariance = half halfᵀ
    cov = half @ half.transpose(1, 2)
    a, b, c = cov[:, 0, 0] + eps2d, cov[:, 0, 1], cov[:, 1, 1] + eps2d
    det = a * c - b * b
    visible = visible & (det > 0)
    det = torch.where(visible, det, torch.ones_like(det))
    if antialiased:  # Mip-Splatting (Yu et al. 2024), equation 12
        ratio = (cov[:, 0, 0] * cov[:, 1, 1] - b * b) / det
        positive = ratio > 0
        opacities = opacities * torch.where(positive, torch.where(positive, ratio, 1.0).sqrt(), 0.0)
    visible = visible & (opacities >= ALPHA_MIN)
    extent = (2 * (opacities.detach() / ALPHA_MIN).clamp(min=1).log()).sqrt()
    extents = extent[:, None] * torch.stack([a, c], dim=1).detach().clamp(min=0).sqrt()
    if radius_clip > 0:
        visible = visible & (extents.ceil() > radius_clip).any(dim=1)
    conics = torch.stack([c / det, -b / det, a / det], dim=1)
    means2d = torch.stack([fx * x / z + cx, fy * y / z + cy], dim=1)
    return Projected(means2d, conics, z, opacities, visible, extents)


def composite(seen: Projected, channels: Tensor, pixels: Tensor, pixels_at_once: int) -> tuple[Tensor, Tensor]:
    """Blends front to back: Kerbl et al. equations 2 and 3. Returns colours `[P, D]` and alphas `[P, 1]`."""
    shown = seen.visible & channels.isfinite().all(dim=1)
    order = shown.nonzero()[:, 0]
    order = order[torch.argsort(seen.depths[order], stable=True)]
    means2d, conics, opacities, channels = (t[order] for t in (seen.means2d, seen.conics, seen.opacities, channels))
    colors, alphas = [], []
    for some in pixels.split(pixels_at_once):
        dx, dy = (some[:, None, :] + 0.5 - means2d[None]).unbind(dim=2)  # [P, N]
        sigma = 0.5 * (conics[:, 0] * dx * dx + conics[:, 2] * dy * dy) + conics[:, 1] * dx * dy
        alpha = (opacities * torch.exp(-sigma)).clamp(max=ALPHA_MAX)
        alpha = torch.where(alpha >= ALPHA_MIN, alpha, 0.0)
        after = torch.cumprod(1 - alpha, dim=1)
        before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], dim=1)
        weights = torch.where(after > TRANSMITTANCE_MIN, alpha * before, 0.0)
        colors.append(weights @ channels)
        alphas.append(weights.sum(dim=1, keepdim=True))
    return torch.cat(colors), torch.cat(alphas)


def rotation_matrices(quats: Tensor) -> Tensor:
    """`[N, 3, 3]` from `[N, 4]` (w, x, y, z) of any length; the zero quaternion is no rotation."""
    w, x, y, z = torch.nn.functional.normalize(quats, dim=1).unbind(dim=1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def sh_basis(degree: int, directions: Tensor) -> Tensor:
    """Real spherical harmonics of unit directions `[N, 3]`, `[N, (degree + 1) ** 2]`, INRIA's order and signs."""
    x, y, z = directions.unbind(dim=1)
    terms = [torch.full_like(x, 0.28209479177387814)]
    if degree >= 1:
        terms += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if degree >= 2:
        terms += [
            1.0925484305920792 * x * y, -1.0925484305920792 * y * z, 0.31539156525252005 * (2 * z * z - x * x - y * y),
            -1.0925484305920792 * x * z, 0.5462742152960396 * (x * x - y * y),
        ]  # fmt: skip
    if degree >= 3:
        terms += [
            -0.5900435899266435 * y * (3 * x * x - y * y), 2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
            0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
            -0.4570457994644658 * x * (4 * z * z - x * x - y * y), 1.445305721320277 * z * (x * x - y * y),
            -0.5900435899266435 * x * (x * x - 3 * y * y),
        ]  # fmt: skip
    return torch.stack(terms, dim=1)


def sh_colors(degree: int, coefficients: Tensor, means: Tensor, viewmat: Tensor) -> Tensor:
    """Colours `[N, 3]` seen from the camera, from coefficients `[N, K, 3]`; negative light is none."""
    return colors_from(degree, coefficients, means, torch.linalg.inv(viewmat)[:3, 3])


def colors_from(degree: int, coefficients: Tensor, means: Tensor, position: Tensor) -> Tensor:
    """As `sh_colors`, by the camera's place `[3]`."""
    directions = torch.nn.functional.normalize(means - position, dim=1)
    basis = sh_basis(degree, directions)
    return (torch.einsum("nk,nkc->nc", basis, coefficients[:, : basis.shape[1]]) + 0.5).clamp(min=0)


def _channels(
    means: Tensor, colors: Tensor, viewmat: Tensor, camera: int, sh_degree: int | None, depths: Tensor, mode: str
) -> Tensor:
    if mode not in RENDER_MODES:
        raise ValueError(f"render_mode {mode!r}: use one of {', '.join(RENDER_MODES)}.")
    if mode in ("D", "ED"):
        return depths[:, None]
    if colors.dim() == (3 if sh_degree is None else 4):
        colors = colors[camera]
    if sh_degree is not None:
        colors = sh_colors(sh_degree, colors, means, viewmat)
    return torch.cat([colors, depths[:, None]], dim=1) if mode != "RGB" else colors
