"""Which Gaussians the expression moves and which the head's pose: weights by distance to the landmarks (eq. 2)."""

import numpy as np
from scipy.spatial import cKDTree

from engine.methods.talk2me.config import FAR, NEAR


def region_weights(points: np.ndarray, landmarks: np.ndarray, near: float = NEAR, far: float = FAR) -> np.ndarray:
    """The expression's share of each point, float32 `[N]`; the pose has the rest.

    `clamp((far - d) / (far - near), 0, 1)` with d the squared distance to the nearest landmark at rest.

    Args:
        points: `[N, 3]`; landmarks: `[L, 3]`, head heights.
        near, far: squared distances; up to `near` a point is the expression's alone, from `far` on the pose's.

    Raises:
        ValueError: if near is not below far.
    """
    return weights_of(squared_distances(points, landmarks), near, far)


def squared_distances(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """To the nearest landmark at rest, float32 `[N]`."""
    distance, _ = cKDTree(landmarks).query(points)
    return (distance**2).astype(np.float32)


def weights_of(squared: np.ndarray, near: float, far: float) -> np.ndarray:
    """`region_weights` of squared distances `[N]`."""
    if not 0 <= near < far:
        raise ValueError(f"near {near:g} must lie below far {far:g}")
    return np.clip((far - squared) / (far - near), 0, 1).astype(np.float32)
