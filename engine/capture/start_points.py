"""Points to start an avatar from: the face mesh, and hair and skull blown up from the head's outline, with colours."""

from collections.abc import Callable

import cv2
import numpy as np

from engine.camera import Camera
from engine.capture.face_shape import FACE_OVAL
from engine.capture.head_surface import cushion_depth, project, unproject

N_FACE, N_HAIR = 12_000, 20_000
N_VIEWS = 3


def start_points(
    read: Callable[[int], np.ndarray], read_masks: Callable[[int], np.ndarray], cameras: list[Camera],
    shape: np.ndarray, triangles: np.ndarray, seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Samples points that together cover the head mask.

    Args:
        read, read_masks: give frame i and its masks (R head), uint8 `[H, W, 3]`.
        cameras: one for each frame.
        shape: the person's face `[468, 3]` in the world.
        triangles: `[F, 3]`.

    Returns:
        points `[P, 3]` float32 in the world and colours `[P, 3]` float32, 0 to 1.
    """
    rng = np.random.default_rng(seed)
    turned = np.array([np.arctan2(*(camera.viewmat[0, [2, 0]] * [-1, 1])) for camera in cameras])
    order = np.argsort(turned)
    views = order[np.linspace(len(order) // 20, len(order) - 1 - len(order) // 20, N_VIEWS).round().astype(int)]
    front = int(views[N_VIEWS // 2])
    face = _on_triangles(shape, triangles, N_FACE, rng)
    points, colors = [face], [_colors(face, cameras[front], read(front))]
    for index in views:
        hair, hair_colors = _blown_up(read(index), read_masks(index), cameras[index], shape, N_HAIR // N_VIEWS, rng)
        points.append(hair)
        colors.append(hair_colors)
    points, colors = np.concatenate(points), np.concatenate(colors)
    keep = _inside_masks(points, read_masks, cameras, order[np.linspace(0, len(order) - 1, 12).round().astype(int)])
    return points[keep].astype(np.float32), colors[keep].astype(np.float32)


def _on_triangles(vertices: np.ndarray, triangles: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points spread evenly over a mesh, the vertices themselves first."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(triangles), count - len(vertices), p=area / area.sum())
    u, v = rng.random((2, len(chosen), 1))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    return np.concatenate([vertices, a[chosen] + u * (b - a)[chosen] + v * (c - a)[chosen]])


def _blown_up(
    rgb: np.ndarray, masks: np.ndarray, camera: Camera, shape: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Head pixels outside the face, lifted off the outline's plane like a cushion."""
    outside = (masks[..., 0] > 127).astype(np.uint8)
    cv2.fillPoly(outside, [np.round(project(shape, camera)[list(FACE_OVAL)]).astype(np.int32)], 0)
    rows, columns = np.nonzero(outside)
    if len(rows) == 0:
        return np.zeros((0, 3)), np.zeros((0, 3))
    chosen = rng.integers(len(rows), size=count)
    pixels = np.column_stack([columns[chosen], rows[chosen]]) + rng.random((count, 2))
    points = unproject(pixels, cushion_depth(pixels, masks, camera), camera)
    return points, rgb[rows[chosen], columns[chosen]] / 255


def _colors(points: np.ndarray, camera: Camera, rgb: np.ndarray) -> np.ndarray:
    x, y = _pixels(points, camera, rgb.shape[0])
    return rgb[y, x] / 255


def _inside_masks(
    points: np.ndarray, read_masks: Callable[[int], np.ndarray], cameras: list[Camera], frames: np.ndarray
) -> np.ndarray:
    """Points that fall on the head (or out of the picture) in nearly all of the frames."""
    hits = np.zeros(len(points))
    for index in frames:
        mask = cv2.dilate((read_masks(index)[..., 0] > 60).astype(np.uint8), np.ones((5, 5), np.uint8))
        x, y = _pixels(points, cameras[index], mask.shape[0])
        hits += mask[y, x]
    return hits >= 0.75 * len(frames)


def _pixels(points: np.ndarray, camera: Camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    xy = np.clip(np.floor(project(points, camera)), 0, size - 1).astype(int)
    return xy[:, 0], xy[:, 1]
