"""Sums of blendshapes, as every head adds them at every picture."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _add(weights, moves, out):
    total = np.zeros(out.shape)
    for a in range(len(weights)):
        if weights[a] != 0:
            for v in range(out.shape[0]):
                for c in range(3):
                    total[v, c] += weights[a] * moves[a, v, c]
    for v in range(out.shape[0]):
        for c in range(3):
            out[v, c] += total[v, c]


def add_shapes(vertices: np.ndarray, weights: np.ndarray, moves: np.ndarray) -> None:
    """Adds `weights` `[A]` of the shapes `moves` `[A, V, 3]` to `vertices` `[V, 3]` (float64), in place."""
    _add(weights, moves, vertices)
