"""Long styles: hair that falls from a parting, and hair drawn back into a bun."""

import numpy as np
from scipy.spatial import cKDTree

from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.scalp import Grown, Scalp, clumps, gather, hairline, joined, unit, within_surface

BUN = np.array([0.0, 62.0, -92.0])
BUN_RADIUS = 25.0


def bob(scalp: Scalp, length: float = 1.0, seed: int = 9, count: int = 9500) -> Grown:
    """Hair parted on the left that falls to the jaw (length 1) or the shoulders (1.6), turned in at the end."""
    rng = np.random.default_rng(seed)
    parting = 17.0
    guides = scalp.sample_roots(900, rng)
    guides = guides[_grows_long(guides)]
    forehead = (guides[:, 2] > 40) & ((hairline(guides) < 9) | (np.abs(guides[:, 0] - parting) < 5))
    guides = guides[~forehead]  # would wander over the forehead; the hair there follows what grows behind
    paths, layer = _fall(scalp, guides, parting, length, rng)
    roots = scalp.sample_roots(count, rng)
    roots = roots[_grows_long(roots)]
    n = len(roots)
    apart = np.array([400.0, 0, 0])  # keeps roots from guides across the parting
    near = cKDTree(guides + apart * (guides[:, :1] > parting)).query(roots + apart * (roots[:, :1] > parting), 3)[1]
    guide = near[np.arange(n), (rng.random(n) < 0.35).astype(int)]
    s = np.linspace(0, 1, paths.shape[1])
    points = paths[guide] + (roots - guides[guide])[:, None] * (1 - 0.35 * s**1.1)[None, :, None]
    phase, swing = rng.random((n, 3)) * 6.28, (0.25 + 0.9 * rng.random(n)) * (1 + 2.0 * (rng.random(n) < 0.06))
    wave = np.sin(phase[:, None] + s[None, :, None] * (4 + 4 * rng.random(n))[:, None, None])
    points = scalp.outside(points + wave * (swing[:, None] * s**1.2)[..., None], 0.7)
    shell = scalp.direction(points.reshape(-1, 3), 1.0).reshape(points.shape)
    lock = (0.80 + 0.34 * rng.random(len(guides)))[guide]
    shell = unit(shell + 0.30 * rng.normal(0, 1, (len(guides), 3))[guide][:, None])
    tint = (
        (lock * (0.85 + 0.3 * rng.random(n)))[:, None]
        * (0.66 + 0.42 * s[None] ** 0.8)
        * (0.72 + 0.28 * layer[guide][:, None])
    )
    width = (0.85 + 0.35 * rng.random(n))[:, None] * np.clip(1.2 - 0.9 * s**3, 0.25, 1)[None]
    opacity = np.clip(0.35 + hairline(roots) / 9, 0.35, 0.92)[:, None] * np.clip(1.4 - 1.0 * s**3, 0.3, 1)[None]
    return Grown(points, shell, tint, width, opacity, 0.75 + 0.4 * rng.random(n))


def _grows_long(roots: np.ndarray) -> np.ndarray:
    """Roots that carry long hair: not the sideburns, which would hang over the cheek."""
    azimuth = np.degrees(np.arctan2(np.abs(roots[:, 0]), roots[:, 2] + 6))
    return ~((roots[:, 1] < 26) & (azimuth < 88))


def _fall(scalp: Scalp, roots: np.ndarray, parting: float, length: float, rng: np.random.Generator, n_points: int = 18):
    """Guides grown step by step: away from the parting, round the skull, then down; points and layer 0 (inner) to 1."""
    n = len(roots)
    x, y, z = roots.T
    layer = rng.random(n) ** 0.8
    top = ramp(40, 78, y)
    side = np.where(x > parting, 1.0, -1.0)
    end = -72 - 8 * ramp(0, -60, z) - 95 * (length - 1)
    long = (y - end) + 26 * top + 0.12 * np.abs(x)
    long = long * (0.93 + 0.10 * rng.random(n) + 0.05 * (layer - 0.5))
    lift = (2.5 + 6.5 * ramp(0, 70, hairline(roots))) * (0.45 + 0.55 * layer)
    normal = scalp.direction(roots)
    head = np.stack([side, 0.25 * ramp(30, 60, z), -0.10 - 0.60 * ramp(30, 70, z)], 1) * top[:, None] + (1 - top)[
        :, None
    ] * [0, -1.2, -0.1]
    head = unit(within_surface(head + rng.normal(0, 0.05, roots.shape), normal) + 0.35 * normal)
    points, at, step = [roots], roots, (long / (n_points - 1))[:, None]
    for k in range(1, n_points):
        s = k / (n_points - 1)
        normal = scalp.direction(at, 0.8)
        turned = within_surface(head, normal) if k > 2 else head
        low = ramp(20, -30, at[:, 1])[:, None]
        turned = turned * (1 - 0.5 * low) + np.array([0, -1.0, 0]) * (0.12 + 0.8 * low)
        face = ramp(14, 34, at[:, 2]) * ramp(62, 40, at[:, 1])  # parts like a curtain in front of the face
        turned = turned + np.stack([np.sign(at[:, 0]) * 0.55, 0 * s * x, -0.75 + 0 * x], 1) * face[:, None]
        inwards = unit(-np.stack([at[:, 0], 0 * x, at[:, 2] + 12], 1))
        turned = turned + inwards * (0.55 * ramp(0.72, 1.0, np.full(n, s)) * (at[:, 1] < -35))[:, None]
        head = unit(turned)
        at = at + head * step
        gap = scalp.distance(at)
        wished = (
            lift * min(1.0, s * 3.2) ** 0.8
            + np.where(at[:, 1] < -118, 11.0, 0)
            + ramp(5, -45, at[:, 1]) * (3 + 4 * layer)
        )
        short = wished - gap
        hanging = ramp(4, -28, at[:, 1])
        move = np.where(short > 0, short * 0.8, short * 0.5 * (1 - hanging))
        at = at + scalp.direction(at, 0.8) * move[:, None]
        points.append(at)
    return np.stack(points, 1), layer


def bun(scalp: Scalp, length: float = 1.0, seed: int = 11, count: int = 9000) -> Grown:
    """Hair combed back from the face into a bun high at the back; `length` swells the bun."""
    rng = np.random.default_rng(seed)
    roots = scalp.sample_roots(count, rng)
    n, k = len(roots), 14
    clump = clumps(roots, 500, 1.5, rng)
    s = np.linspace(0, 1, k)
    layer = rng.random(n)
    goal = BUN + rng.normal(0, 5.0, (n, 3)) * [1, 1, 0.4]
    points = roots[:, None] * (1 - s)[None, :, None] + goal[:, None] * s[None, :, None]
    wished = (0.8 + (2.2 + 3.2 * ramp(40, 75, roots[:, 1])) * (0.35 + 0.65 * layer))[:, None] * np.minimum(1, 5 * s)[
        None
    ]
    for _ in range(4):
        flat = points.reshape(-1, 3)
        away = scalp.direction(flat, 0.8) * (wished.ravel() - scalp.distance(flat))[:, None]
        points = points + away.reshape(points.shape) * (s > 0)[None, :, None]
    points = gather(points, clump, 0.3 * np.ones(n), 0.7)
    shell = scalp.direction(points.reshape(-1, 3), 1.0).reshape(points.shape)
    shell = unit(shell + 0.28 * rng.normal(0, 1, (500, 3))[clump][:, None])
    rise = hairline(roots)
    tint = (
        (0.80 + 0.35 * rng.random(500)[clump])[:, None]
        * (0.86 + 0.28 * rng.random(n))[:, None]
        * (0.72 + 0.30 * s[None] ** 0.6)
    )
    width = (0.75 + 0.35 * rng.random(n))[:, None] * np.clip(0.45 + 3 * s, 0, 1)[None]
    opacity = np.clip(0.30 + rise / 12, 0.30, 0.92)[:, None] * np.ones(k)[None]
    combed = Grown(points, shell, tint, width, opacity, 0.85 + 0.3 * rng.random(n))
    return joined(combed, _knot(1700, k, BUN_RADIUS * length**0.5, rng))


def _knot(n: int, k: int, radius: float, rng: np.random.Generator) -> Grown:
    """The bun itself: strands wound round a flattened ball."""
    axis = unit(np.array([0.0, 0.35, -1.0]) + rng.normal(0, 0.28, (n, 3)))
    start = unit(np.cross(axis, rng.normal(0, 1, (n, 3))))
    beside = np.cross(axis, start)
    sweep = np.linspace(0, 1, k)[None] * (1.6 + 1.4 * rng.random(n))[:, None]
    tilt = (rng.random(n) * 1.7 - 0.85)[:, None]
    r = radius * (0.78 + 0.24 * rng.random(n) ** 0.6)[:, None]
    ring = np.cos(sweep)[..., None] * start[:, None] + np.sin(sweep)[..., None] * beside[:, None]
    ball = ring * np.cos(tilt)[..., None] + axis[:, None] * np.sin(tilt)[..., None]
    centre = BUN + np.array([0.0, 6.0, -16.0])
    points = centre + ball * r[..., None] * [1.0, 0.92, 0.85]
    s = np.linspace(0, 1, k)[None]
    tint = (0.66 + 0.5 * (r / radius - 0.78) / 0.24 * 0.8) * (0.85 + 0.3 * rng.random((n, 1))) * np.ones((1, k))
    width = (0.9 + 0.4 * rng.random((n, 1))) * np.clip(1.2 - 0.6 * s, 0.4, 1)
    return Grown(points, unit(ball), tint, width, np.full((n, k), 0.9), 0.85 + 0.3 * rng.random(n))
