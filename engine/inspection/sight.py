"""What a camera sees of each splat: depth pictures, splats in sight, splats under an outline."""

import numpy as np

from engine.camera import Camera, intrinsics
from engine.gaussians import Gaussians
from engine.inspection.reach import joined_means
from engine.raster.base import Rasterizer
from engine.raster.views import viewed

SIGHT_PX = 128
BEHIND = 0.03  # head heights behind the surface that still count as in sight
LEAST_OPACITY = 0.02


def project(means: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Pixels `[N, 2]` and camera depth `[N]` of points `[N, 3]`."""
    seen = means @ camera.viewmat[:3, :3].T.astype(np.float32) + camera.viewmat[:3, 3].astype(np.float32)
    depth = seen[:, 2]
    pixels = seen @ camera.k.T.astype(np.float32)
    return pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-6), depth


def in_sight(layers: list[Gaussians], camera: Camera, rasterizer: Rasterizer) -> np.ndarray:
    """Splats that lie in the picture and not behind others, bool `[N]`.

    A depth picture is rendered from what is opaque; a splat farther than `BEHIND` behind it is hidden.
    """
    small = camera.resized(max(16, round(SIGHT_PX * camera.width / camera.height)), SIGHT_PX)
    rendered = rasterizer.render([viewed(layer, small, "depth") for layer in layers], small)
    depth = np.where(rendered.alpha > 0.5, rendered.color[..., 0] / np.maximum(rendered.alpha, 1e-3), np.inf)
    pixels, distance = project(joined_means(layers), small)
    column, row = np.floor(pixels[:, 0]).astype(int), np.floor(pixels[:, 1]).astype(int)
    inside = (distance > 0) & (column >= 0) & (row >= 0) & (column < small.width) & (row < small.height)
    surface = np.full(len(distance), -np.inf, np.float32)
    surface[inside] = depth[row[inside], column[inside]]
    return inside & (distance < surface + BEHIND)


def views_seeing(layers: list[Gaussians], cameras: list[Camera], rasterizer: Rasterizer) -> np.ndarray:
    """In how many of some cameras each splat is in sight, uint16 `[N]`."""
    counts = np.zeros(sum(len(layer) for layer in layers), np.uint16)
    for camera in cameras:
        counts += in_sight(layers, camera, rasterizer)
    return counts


def training_cameras(viewmats: np.ndarray, fov_deg: float, most: int) -> list[Camera]:
    """At most so many of an avatar's training cameras, evenly over the clip, `viewmats [T, 4, 4]`."""
    chosen = np.unique(np.linspace(0, len(viewmats) - 1, min(most, len(viewmats))).round().astype(int))
    k = intrinsics(fov_deg, SIGHT_PX, SIGHT_PX)
    return [Camera(viewmats[i].astype(np.float64), k, SIGHT_PX, SIGHT_PX) for i in chosen]


def under_outline(
    layers: list[Gaussians], camera: Camera, outline: np.ndarray, rasterizer: Rasterizer, through: bool = False
) -> np.ndarray:
    """Splats whose centre lies inside an outline drawn on the picture, bool `[N]`; hidden ones only with `through`.

    Args:
        outline: corners `[P, 2]` as parts of the picture's width and height, 0 to 1; closed by itself.
    """
    pixels, depth = project(joined_means(layers), camera)
    inside = inside_polygon(pixels / (camera.width, camera.height), np.asarray(outline, float))
    return _pickable(layers, depth, inside, camera, rasterizer, through)


def under_brush(
    layers: list[Gaussians], camera: Camera, path: np.ndarray, radius: float, rasterizer: Rasterizer,
    through: bool = False,
) -> np.ndarray:  # fmt: skip
    """Splats a round brush went over, bool `[N]`.

    Args:
        path: points `[P, 2]` as parts of the picture's width and height; radius: as a part of its height.
    """
    pixels, depth = project(joined_means(layers), camera)
    aspect = np.array([camera.width / camera.height, 1.0])
    spots = pixels / (camera.width, camera.height) * aspect
    inside = np.zeros(len(spots), bool)
    for start, end in zip(path, [*path[1:], path[-1]], strict=True):
        inside |= _distance_to_line(spots, np.asarray(start) * aspect, np.asarray(end) * aspect) <= radius
    return _pickable(layers, depth, inside, camera, rasterizer, through)


def inside_polygon(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Even-odd rule, bool `[N]` for points `[N, 2]` and corners `[P, 2]`."""
    inside = np.zeros(len(points), bool)
    low, high = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    x, y = points[near].T
    odd = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            odd ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    inside[near] = odd
    return inside


def _pickable(layers, depth, inside, camera, rasterizer, through) -> np.ndarray:
    opacities = np.concatenate([layer.opacities.detach().cpu().numpy() for layer in layers])
    inside = inside & (depth > 0) & (opacities >= LEAST_OPACITY)
    return inside if through or not inside.any() else inside & in_sight(layers, camera, rasterizer)


def _distance_to_line(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    length = float(along @ along)
    part = np.clip((points - start) @ along / length, 0, 1) if length > 0 else np.zeros(len(points))
    return np.linalg.norm(points - (start + part[:, None] * along), axis=1)
