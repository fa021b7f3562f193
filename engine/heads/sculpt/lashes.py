"""Lashes that stand on the lid margins and turn down with the lids."""

import numpy as np

from engine.heads.sculpt.curves import N_EYE
from engine.heads.sculpt.template import Template

N_UPPER, N_LOWER, N_POINTS = 110, 26, 5


def is_upper(count: int) -> np.ndarray:
    """Which of `count` lashes stand on an upper lid."""
    one = np.arange(N_UPPER + N_LOWER) < N_UPPER
    return np.tile(one, count // len(one))


def grow(
    vertices: np.ndarray, rest: np.ndarray, template: Template, centres: list[np.ndarray], units_mm: float
) -> np.ndarray:
    """Lashes `[N, K, 3]` for posed and resting vertices `[V, 3]` (world), both eyes, upper then lower lid each."""
    out = []
    for side, centre in zip((1, -1), centres):
        margin, above = template.eye[0], template.eye[2]
        if side < 0:
            margin, above = template.mirrored[margin], template.mirrored[above]
        for upper in (True, False):
            out.append(_lid(vertices, rest, margin, above, centre, units_mm, side, upper))
    return np.concatenate(out)


def _lid(vertices, rest, margin, above, centre, units_mm, side, upper) -> np.ndarray:
    n = N_UPPER if upper else N_LOWER
    rng = np.random.default_rng(7 + upper)
    if upper:
        at = np.linspace(0.5, N_EYE / 2 - 2.2, n) + rng.normal(0, 0.12, n)
    else:
        at = np.linspace(N_EYE / 2 + 4, N_EYE - 1.5, n) + rng.normal(0, 0.2, n)
    at = np.clip(at, 0, N_EYE - 1e-3)
    low, f = np.floor(at).astype(int) % N_EYE, (at - np.floor(at))[:, None]
    high = (low + 1) % N_EYE

    def along(points, ring):
        return points[ring[low]] * (1 - f) + points[ring[high]] * f

    root, up = along(vertices, margin), along(vertices, above)
    drop = np.clip((along(rest, margin)[:, 1:2] - root[:, 1:2]) * units_mm / 9, 0, 1) if upper else np.zeros((n, 1))
    out = root - centre
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    lift = up - root
    lift -= out * (lift * out).sum(1, keepdims=True)
    lift /= np.linalg.norm(lift, axis=1, keepdims=True) + 1e-9
    lift = lift * (1 - 0.8 * drop)
    outward = (root[:, 0] - centre[0]) * side * units_mm / 16
    fan = np.stack([side * (0.05 + 0.45 * outward), 0 * outward, 0 * outward], 1)
    if upper:
        long = 3.0 + 1.9 * np.clip(outward + 0.2, 0, 1) - 1.4 * np.clip(-outward - 0.3, 0, 1)
        long = long * (0.75 + 0.45 * rng.random(n))
    else:
        long = (1.2 + 0.4 * outward) * (0.8 + 0.4 * rng.random(n))
    t = np.linspace(0, 1, N_POINTS)[None, :, None]
    forward = (out + fan * 0.8 + drop * [0, -0.75, 0])[:, None]
    rise = lift[:, None] * (0.05 * t + 0.50 * t * t if upper else 0.15 * t + 0.30 * t * t)
    step = (long / units_mm)[:, None, None]
    return root[:, None] + out[:, None] * (0.1 / units_mm) + step * (forward * (0.8 * t - 0.18 * t * t) + rise)
