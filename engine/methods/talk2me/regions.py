"""Which Gaussians the expression moves and which the head's pose: weights by distance to the landmarks (eq. 2)."""

import numpy as np
from scipy.spatial import cKDTree

NEAR, FAR = 0.016, 0.04
"""Squared distances in head heights: the published 0.1 and 0.25, where a head is 2.5 units tall."""


def region_weights(points: np.ndarray, landmarks: np.ndarray, near: float = NEAR, far: float = FAR) -> np.ndarray:
    """The expression's share of each point, float32 `[N]`; the pose has the rest.

    `clamp((far - d) / (far - near), 0, 1)` with d the squared distance to the nearest landmark at rest.

    Args:
        points: `[N, 3]`; landmarks: `[L, 3]`, head heights.
        near, far: squared distances; up to `near` a point is the expression's alone, from `far` on the pose's.

    Raises:
        ValueError: if near is not below far.
    """
    if not 0 <= near < far:
        raise ValueError(f"near {near:g} must lie below far {far:g}")
    distance, _ = cKDTree(landmarks).query(points)
    return np.clip((far - distance**2) / (far - near), 0, 1).astype(np.float32)
