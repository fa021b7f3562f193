"""The brows as strands over the resting face, millimetres."""

from collections.abc import Callable

import numpy as np

from engine.heads.sculpt.scalp import Grown, unit
from engine.heads.sculpt.surface import front_hit

N_HAIRS, N_POINTS = 900, 5
Arc = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From the inner end (0) to the outer (1) of the left brow: x and y of its middle."""


def sculpted_arc(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The house head's brow."""
    return 9.8 + 37.0 * t, 18.6 + 4.6 * np.sin(np.pi * (t * 0.82 + 0.05)) + 0.6 * t


def brows(
    thickness: float = 1.0,
    seed: int = 4,
    arc: Arc = sculpted_arc,
    front: Callable[[np.ndarray, np.ndarray], np.ndarray] = front_hit,
) -> Grown:
    """Both brows: hairs rise at the inner end, lie outwards at the outer, and thin out along both edges.

    Args:
        front: z of the face at x and y.
    """
    rng = np.random.default_rng(seed)
    t = rng.random(N_HAIRS) ** 0.85
    w = rng.normal(0, 0.45, N_HAIRS).clip(-1, 1)
    x, y = arc(t)
    half = 3.9 * thickness * (1 - t**2.0 * 0.82) * np.clip(0.50 + t * 2.2, 0, 1)
    s = np.linspace(0, 1, N_POINTS)
    angle = np.radians(58 * (1 - t) ** 1.7 + 12 - 30 * t - 26 * w)
    long = 4.2 + 2.8 * rng.random(N_HAIRS) - 1.4 * t
    px = x[:, None] + (np.cos(angle) * long)[:, None] * s
    py = (y + w * half)[:, None] + (np.sin(angle) * long)[:, None] * s * 0.85 - 0.18 * s**2 * (long * (1 - t))[:, None]
    pz = front(px.ravel(), py.ravel()).reshape(px.shape) + 0.3 + 0.8 * np.sin(np.pi * s * 0.8)
    left = np.stack([px, py, pz], -1)
    points = np.concatenate([left, left * [-1, 1, 1]])
    shell = np.empty_like(points)
    shell[..., 0], shell[..., 1], shell[..., 2] = np.sign(points[..., 0]) * 0.4, 0.2, 1.0
    n = 2 * N_HAIRS
    soft = np.tile(np.clip(0.22 + 2.6 * t, 0, 1) * np.clip(1.3 - 0.95 * np.abs(w), 0.2, 1), 2)
    tint = np.repeat((0.75 + 0.5 * rng.random(n))[:, None], N_POINTS, 1)
    width = 0.50 * np.clip(1.2 - s, 0.3, 1)[None] * np.ones((n, 1))
    opacity = 0.62 * soft[:, None] * np.clip(0.6 + 2 * s, 0, 1)[None] * np.clip(1.5 - 1.1 * s, 0.3, 1)[None]
    return Grown(points, unit(shell), tint, width, opacity, np.full(n, 0.35))
