"""Ways to look at Gaussians besides their colours: each turns them into others for the same rasterizer to draw.

layer = viewed(layer, camera, "normals")
rendered = rasterizer.render([layer], camera, hard_edged="normals" in HARD_EDGED)
picture = view_picture(rendered, "normals")
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engine.camera import Camera
from engine.gaussians import Gaussians
from engine.raster.base import Rendered
from engine.raster.kernels.projection import SOLID_SIGMAS
from engine.raster.reference import rotation_matrices, sh_colors

VIEW_MODES = ("color", "alpha", "depth", "normals", "opacity", "points", "ellipsoids", "features", "heat")
HARD_EDGED = ("points", "ellipsoids")
"""Modes to be rendered with `hard_edged=True`."""
HEAT_STOPS = ((0.05, 0.03, 0.20), (0.30, 0.07, 0.47), (0.65, 0.16, 0.45), (0.93, 0.36, 0.28), (0.99, 0.72, 0.30),
              (0.99, 0.99, 0.80))  # fmt: skip
"""Dark to light, evenly spaced: what `heat_colors` and depth are painted with."""


def viewed(
    layer: Gaussians,
    camera: Camera,
    mode: str,
    *,
    features: Tensor | None = None,
    values: Tensor | None = None,
    point_px: float = 3.0,
) -> Gaussians:
    """The Gaussians to draw in place of `layer` in a view mode; always with plain channels, except `color`.

    Args:
        mode: one of `VIEW_MODES`. `normals` shows the direction of each Gaussian's thinnest axis, `points` a dot of
            `point_px` pixels across at each centre, `ellipsoids` solids of two standard deviations.
        features: `[N, F]`, for `features`: their three principal components become the colour.
        values: `[N]`, for `heat`: dark where least, light where most.

    Raises:
        ValueError: for an unknown mode, or without the features or values it needs.
    """
    if mode not in VIEW_MODES:
        raise ValueError(f"{mode}: no such view; use one of {', '.join(VIEW_MODES)}.")
    if mode == "color":
        return layer
    if mode == "alpha":
        return _painted(layer, torch.ones(len(layer), 3))
    if mode == "depth":
        return _painted(layer, depths(layer, camera)[:, None])
    if mode == "normals":
        return _painted(layer, normals(layer, camera) * 0.5 + 0.5)
    if mode == "opacity":
        return _painted(layer, heat_colors(layer.opacities, 0.0, 1.0))
    if mode == "ellipsoids":
        return _painted(layer, plain_colors(layer, camera))
    if mode == "points":
        radius = 0.5 * point_px / SOLID_SIGMAS * depths(layer, camera).clamp(min=1e-3) / float(camera.k[0, 0])
        return replace(_painted(layer, plain_colors(layer, camera)), scales=radius[:, None].expand(-1, 3).contiguous())
    given = features if mode == "features" else values
    if given is None or len(given) != len(layer):
        raise ValueError(f"{mode}: needs one row for each of the {len(layer)} Gaussians.")
    return _painted(layer, feature_colors(given) if mode == "features" else heat_colors(given))


def view_picture(rendered: Rendered, mode: str, depth_range: tuple[float, float] | None = None) -> np.ndarray:
    """What a person sees of a view: `[H, W, 4]` float32, straight alpha, 0 to 1.

    Args:
        depth_range: nearest and farthest shown in `depth`; None takes what is in the picture.
    """
    covered = rendered.alpha > 1e-3
    straight = rendered.color / np.maximum(rendered.alpha, 1e-3)[..., None]
    if mode == "alpha":
        grey = np.repeat(rendered.alpha[..., None], 3, axis=2)
        return np.concatenate([grey, np.ones_like(rendered.alpha)[..., None]], axis=2)
    if mode == "depth":
        shown = straight[..., 0]
        if depth_range is None:
            solid = shown[rendered.alpha > 0.5] if (rendered.alpha > 0.5).any() else shown[covered]
            depth_range = (float(solid.min()), float(solid.max())) if solid.size else (0.0, 1.0)
        near, far = depth_range
        closeness = (far - shown) / max(far - near, 1e-6)  # near is light
        straight = heat_colors(torch.from_numpy(np.ascontiguousarray(closeness)).flatten(), 0.0, 1.0).numpy()
        straight = straight.reshape(*shown.shape, 3)
    picture = np.concatenate([np.clip(straight, 0, 1), rendered.alpha[..., None]], axis=2)
    picture[~covered] = 0
    return picture.astype(np.float32)


def depths(layer: Gaussians, camera: Camera) -> Tensor:
    """Camera z of each mean, `[N]`."""
    row = torch.from_numpy(camera.viewmat[2]).to(layer.means)
    return layer.means @ row[:3] + row[3]


def normals(layer: Gaussians, camera: Camera) -> Tensor:
    """The thinnest axis of each Gaussian, turned to the camera: `[N, 3]`, x right, y up, z to the viewer."""
    axes = rotation_matrices(layer.quats)
    thinnest = layer.scales.argmin(dim=1)
    axis = axes.gather(2, thinnest[:, None, None].expand(-1, 3, 1))[:, :, 0]
    view = torch.from_numpy(camera.viewmat).to(layer.means)
    seen = axis @ view[:3, :3].T
    centers = layer.means @ view[:3, :3].T + view[:3, 3]
    seen = torch.where((seen * centers).sum(dim=1, keepdim=True) > 0, -seen, seen)
    return seen * seen.new_tensor([1.0, -1.0, -1.0])


def plain_colors(layer: Gaussians, camera: Camera) -> Tensor:
    """The colour channels `[N, D]` that the camera sees."""
    if layer.sh_degree is None:
        return layer.colors
    return sh_colors(layer.sh_degree, layer.colors, layer.means, torch.from_numpy(camera.viewmat).to(layer.means))


def feature_colors(features: Tensor) -> Tensor:
    """`[N, 3]`, 0 to 1, from features `[N, F]`: the first three principal components, 2nd to 98th percentile.

    The sign of a component is such that its largest weight is positive: the same features always look the same.
    """
    features = torch.nan_to_num(features.detach().double())
    if len(features) == 0:
        return features.new_zeros(0, 3).float()
    centered = features - features.mean(dim=0)
    _, vectors = torch.linalg.eigh(centered.T @ centered)
    basis = vectors.flip(dims=(1,))[:, :3]
    strongest = basis.gather(0, basis.abs().argmax(dim=0, keepdim=True))
    components = centered @ (basis * torch.where(strongest < 0, -1.0, 1.0))
    low, high = (torch.quantile(_some_rows(components), q, dim=0) for q in (0.02, 0.98))
    scaled = ((components - low) / (high - low).clamp(min=1e-9)).clamp(0, 1)
    if scaled.shape[1] < 3:
        scaled = torch.cat([scaled, scaled.new_full((len(scaled), 3 - scaled.shape[1]), 0.5)], dim=1)
    return scaled.float()


def heat_colors(values: Tensor, low: float | None = None, high: float | None = None) -> Tensor:
    """`[N, 3]`, dark to light, from values `[N]` between `low` and `high` (None: the least and the most)."""
    values = torch.nan_to_num(values.detach().float(), 0.0, 0.0, 0.0)
    if values.numel() == 0:
        return values.new_zeros(0, 3)
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    stops = values.new_tensor(HEAT_STOPS)
    place = ((values - low) / max(high - low, 1e-9)).clamp(0, 1) * (len(stops) - 1)
    before = place.floor().long().clamp(max=len(stops) - 2)
    part = (place - before)[:, None]
    return stops[before] * (1 - part) + stops[before + 1] * part


def _painted(layer: Gaussians, colors: Tensor) -> Gaussians:
    return replace(layer, colors=colors.to(layer.means).contiguous(), sh_degree=None)


def _some_rows(values: Tensor, most: int = 50_000) -> Tensor:
    """At most so many rows, evenly taken: quantiles of millions are slow, and refused by torch."""
    return values[:: max(1, len(values) // most)]
