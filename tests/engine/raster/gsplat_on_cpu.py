"""gsplat without a GPU: its own Python above, its own torch implementations (and one tile loop of ours) as kernels."""

import gsplat
import gsplat.rendering
import numpy as np
import torch
from gsplat.cuda import _torch_impl
from torch import Tensor

from engine.raster import cuda
from engine.raster.reference import ALPHA_MIN, TRANSMITTANCE_MIN

ALPHA_MAX = 0.999


class _Event:
    """A CPU has no queue to wait for."""

    def record(self, stream) -> None: ...

    def synchronize(self) -> None: ...


def install(monkeypatch) -> None:
    """Lets `engine.raster.cuda` run on tensors of the CPU."""
    for module in (gsplat, gsplat.rendering):
        monkeypatch.setattr(module, "fully_fused_projection", _project)
        monkeypatch.setattr(module, "isect_tiles", _isect_tiles)
        monkeypatch.setattr(module, "isect_offset_encode", _torch_impl._isect_offset_encode)
        monkeypatch.setattr(module, "rasterize_to_pixels", _rasterize_to_pixels)
        monkeypatch.setattr(module, "spherical_harmonics", _spherical_harmonics)
    monkeypatch.setattr(cuda, "_gsplat", lambda: gsplat)
    monkeypatch.setattr(cuda, "_pinned", np.empty)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: None)
    monkeypatch.setattr(torch.cuda, "Event", _Event)


def _project(
    means, covars, quats, scales, viewmats, ks, width, height, eps2d, near_plane, far_plane,
    radius_clip=0.0, packed=False, sparse_grad=False, calc_compensations=False, camera_model="pinhole", opacities=None,
):  # fmt: skip
    assert covars is None and not packed and not sparse_grad and radius_clip == 0 and camera_model == "pinhole"
    covars, _ = _torch_impl._quat_scale_to_covar_preci(quats, scales, compute_preci=False)
    radii, means2d, depths, conics, compensations = _torch_impl._fully_fused_projection(
        means, covars, viewmats, ks, width, height, eps2d, near_plane, far_plane, calc_compensations
    )
    if opacities is not None:
        shown = opacities[None] if compensations is None else opacities[None] * compensations
        radii = radii * (shown >= ALPHA_MIN)[..., None]
    return radii, means2d, depths, conics, compensations


def _isect_tiles(means2d, radii, depths, tile_size, tile_width, tile_height, **settings):
    assert not settings.get("packed") and settings.get("n_images", 1) == 1
    return _torch_impl._isect_tiles(means2d, radii.float(), depths, tile_size, tile_width, tile_height)


def _spherical_harmonics(degree, dirs, coeffs, masks=None) -> Tensor:
    return _torch_impl._spherical_harmonics(degree, dirs, coeffs)


def _rasterize_to_pixels(
    means2d, conics, colors, opacities, width, height, tile_size, offsets, ids, backgrounds=None, packed=False,
    absgrad=False,
):  # fmt: skip
    """What the kernel of this name does for one picture, tile by tile (gsplat's torch version needs a GPU for it)."""
    assert len(means2d) == 1 and backgrounds is None and not packed and not absgrad
    ends = torch.cat([offsets.flatten().long(), torch.tensor([len(ids)])])
    columns = offsets.shape[-1]
    image, alphas = torch.zeros(height * width, colors.shape[-1]), torch.zeros(height * width, 1)
    for tile in range(offsets.numel()):
        splats = ids[ends[tile] : ends[tile + 1]].long()
        top, left = tile // columns * tile_size, tile % columns * tile_size
        if top >= height:  # below the picture
            continue
        rows = torch.arange(top, min(top + tile_size, height))
        xs = torch.arange(left, min(left + tile_size, width)).repeat(len(rows))
        ys = rows.repeat_interleave(len(xs) // len(rows))
        dx, dy = (means2d[0, splats] - torch.stack([xs, ys], dim=-1)[:, None] - 0.5).unbind(-1)
        a, b, c = conics[0, splats].unbind(-1)
        sigma = 0.5 * (a * dx**2 + c * dy**2) + b * dx * dy
        alpha = (opacities[0, splats] * torch.exp(-sigma)).clamp(max=ALPHA_MAX)
        alpha = torch.where((sigma >= 0) & (alpha >= ALPHA_MIN), alpha, 0.0)
        after = torch.cumprod(1 - alpha, dim=1)
        before = torch.cat([torch.ones(len(xs), 1), after[:, :-1]], dim=1)
        weights = torch.where(torch.cumprod(after > TRANSMITTANCE_MIN, dim=1) > 0, alpha * before, 0.0)
        pixels = ys * width + xs
        image = image.index_add(0, pixels, weights @ colors[0, splats])
        alphas = alphas.index_add(0, pixels, weights.sum(dim=1, keepdim=True))
    return image.reshape(1, height, width, -1), alphas.reshape(1, height, width, 1)
