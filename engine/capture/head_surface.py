"""How far away each pixel of the head is, guessed from its outline and the fitted face: good enough to start from."""

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from engine.camera import Camera
from engine.capture.face_shape import FACE_OVAL

ROUND = 0.34
"""Hair rises from its outline as a circle of this radius does, head heights."""
HAIR_PLANE = -0.05
"""Depth of the plane through the head's outline, head heights in front of the head's middle."""


def project(points: np.ndarray, camera: Camera) -> np.ndarray:
    """World points `[P, 3]` to pixels `[P, 2]`."""
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    return seen[:, :2] / seen[:, 2:] * camera.k[[0, 1], [0, 1]] + camera.k[:2, 2]


def lift(pixels: np.ndarray, masks: np.ndarray, camera: Camera, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Puts pixels of the head on its guessed surface: on the face where it is, else on a cushion over the outline.

    Args:
        pixels: `[P, 2]` x, y.
        masks: uint8 `[H, W, 3]`, R head.
        camera: the frame's camera.
        shape: the person's face `[468, 3]` in the world.

    Returns:
        `[P, 3]` in the world, and booleans `[P]`: on the face.
    """
    depth = cushion_depth(pixels, masks, camera)
    seen = shape @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    vertices = project(shape, camera)
    oval = cv2.convexHull(vertices[list(FACE_OVAL)].astype(np.float32))
    on_face = np.array([cv2.pointPolygonTest(oval, (float(x), float(y)), False) > 0 for x, y in pixels], bool)
    if on_face.any():
        face = LinearNDInterpolator(vertices, seen[:, 2])(pixels[on_face])
        depth[on_face] = np.where(np.isfinite(face), face, depth[on_face])
    return unproject(pixels, depth, camera), on_face


def cushion_depth(pixels: np.ndarray, masks: np.ndarray, camera: Camera) -> np.ndarray:
    """Depth in the camera of a cushion over the head's outline, `[P]`."""
    head = np.pad((masks[..., 0] > 127).astype(np.uint8), ((0, 1), (0, 0)), constant_values=1)  # hair goes on below
    side = masks.shape[0] - 1
    x, y = np.clip(pixels.astype(int), 0, side).T
    inside_px = cv2.distanceTransform(head, cv2.DIST_L2, 5)[y, x]
    middle = camera.viewmat[2, :3] @ np.array([0, 0, HAIR_PLANE]) + camera.viewmat[2, 3]
    inward = np.minimum(inside_px * middle / camera.k[0, 0], ROUND)
    return middle - np.sqrt(ROUND**2 - (ROUND - inward) ** 2)


def unproject(pixels: np.ndarray, depth: np.ndarray, camera: Camera) -> np.ndarray:
    """Pixels `[P, 2]` at depths `[P]` to world points `[P, 3]`."""
    rays = np.column_stack([(pixels - camera.k[:2, 2]) / camera.k[[0, 1], [0, 1]], np.ones(len(pixels))])
    return (rays * depth[:, None] - camera.viewmat[:3, 3]) @ camera.viewmat[:3, :3]
