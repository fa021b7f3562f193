"""Hair styles as strands grown from the scalp, and the brows and lashes; millimetres."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.surface import Shape, direction, distance, front_hit


@dataclass
class Grown:
    """Strands before they become `base.Strands`: points `[N, K, 3]`, shell normals, tint, width (mm), opacity."""

    points: np.ndarray
    shell: np.ndarray
    tint: np.ndarray  # [N, K] multiplies the hair colour
    width: np.ndarray  # [N, K] mm
    opacity: np.ndarray  # [N, K]
    gloss: np.ndarray  # [N]


def hairline(points: np.ndarray) -> np.ndarray:
    """Millimetres above the hairline, positive on the scalp: its height as a function of azimuth round the head."""
    azimuth = np.degrees(np.arctan2(np.abs(points[:, 0]), points[:, 2] + 6))
    at = [0, 12, 24, 34, 42, 50, 58, 66, 74, 80, 86, 94, 102, 112, 125, 145, 180]
    height = [56, 56, 56, 53, 45, 32, 20, 9, -3, -14, -14, -12, -14, -26, -44, -58, -62.0]
    return points[:, 1] - np.interp(azimuth, at, height)


def scalp_cover(points: np.ndarray) -> np.ndarray:
    """How far the scalp is dyed with the hair's colour, 0 to 1, with a soft irregular edge."""
    wobble = 1.6 * np.sin(points[:, 0] * 0.55) * np.sin(points[:, 1] * 0.37 + points[:, 2] * 0.31)
    return ramp(-2.0, 9.0, hairline(points) + wobble)


def _sample_scalp(vertices: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    centre = vertices[faces].mean(1)
    inside = faces[hairline(centre) > -3]
    edge1, edge2 = vertices[inside[:, 1]] - vertices[inside[:, 0]], vertices[inside[:, 2]] - vertices[inside[:, 0]]
    area = np.linalg.norm(np.cross(edge1, edge2), axis=1)
    weight = area * (1 + 0.8 * np.exp(-((hairline(vertices[inside].mean(1)) / 10) ** 2)))
    picked = rng.choice(len(inside), count, p=weight / weight.sum())
    u = rng.random((count, 2))
    over = u.sum(1) > 1
    u[over] = 1 - u[over]
    roots = vertices[inside[picked, 0]] + edge1[picked] * u[:, :1] + edge2[picked] * u[:, 1:]
    return roots[hairline(roots) > rng.normal(0.5, 1.6, count)]


def crop(vertices: np.ndarray, faces: np.ndarray, seed: int = 3, count: int = 15000, length: float = 1.0) -> Grown:
    """Short hair: tight at the sides and nape, longer and swept aside on top."""
    rng = np.random.default_rng(seed)
    roots = _sample_scalp(vertices, faces, count, rng)
    normal = direction(roots, Shape.HAIR, 0.6)
    centres = roots[rng.choice(len(roots), 420, replace=False)]
    tree = cKDTree(centres)
    _, clump = tree.query(roots + rng.normal(0, 2.5, roots.shape))
    x, y, z = roots.T
    top = ramp(40, 72, y + 0.10 * z)
    front = ramp(0, 55, z) * top
    back = ramp(5, -60, z)
    flow = np.stack([0.55 + 0 * x, 0.05 * np.ones_like(x), 0.45 - 0.30 * front], 1) * top[:, None]
    flow += front[:, None] * np.array([0.50, 0.55, -0.10])
    side = np.stack([0 * x, -1.0 + 0 * x, -0.35 - 0.2 * back], 1)
    flow += side * (1 - top)[:, None]
    spread = rng.normal(0, 0.30, (len(centres), 3))
    flow += spread[clump] * (0.35 + 0.65 * top)[:, None] + rng.normal(0, 0.10, roots.shape)
    flow -= normal * (flow * normal).sum(1, keepdims=True)
    flow /= np.linalg.norm(flow, axis=1, keepdims=True) + 1e-9
    rise = hairline(roots)
    fade = np.clip(0.35 + rise / 30, 0.35, 1)
    long = (4.5 + 2.5 * ramp(10, 45, rise)) * (1 - top) + (17 + 13 * front) * top
    long = (long + 4.0 * back * (1 - top)) * fade * (0.72 + 0.5 * rng.random(len(roots))) * length
    lift = (0.30 * (1 - top) + (0.62 + 0.42 * front) * top) * (0.55 + 0.6 * rng.random(len(roots)))
    n_points = 7
    s = np.linspace(0, 1, n_points)[None, :, None]
    up = normal[:, None] * (lift * long)[:, None, None]
    along = flow[:, None] * long[:, None, None]
    points = roots[:, None] + up * (1.25 * s - 0.72 * s * s) + along * (0.25 * s + 0.72 * s * s)
    # locks: tips lean towards their clump's middle tip
    tip = points[:, -1]
    mean = np.zeros((len(centres), 3))
    np.add.at(mean, clump, tip)
    mean /= np.maximum(np.bincount(clump, minlength=len(centres)), 1)[:, None]
    pull = (mean[clump] - tip)[:, None] * (0.42 * top * (0.6 + 0.4 * rng.random(len(roots))))[:, None, None]
    points = points + pull * s**1.4
    points = _outside(points, 0.5)
    shell = (
        np.repeat(normal[:, None], n_points, 1) + 0.35 * (points - roots[:, None]) / np.maximum(long, 1)[:, None, None]
    )
    shell += 0.55 * spread[clump][:, None] * top[:, None, None]
    shell /= np.linalg.norm(shell, axis=2, keepdims=True)
    strand_tint = (0.80 + 0.36 * rng.random(len(centres))[clump]) * (0.82 + 0.36 * rng.random(len(roots)))
    tint = strand_tint[:, None] * (0.62 + 0.5 * s[..., 0])
    width = (0.62 + 0.35 * rng.random(len(roots)))[:, None] * np.clip(1.15 - s[..., 0], 0.22, 1)
    thin = np.clip(0.30 + rise / 14, 0.30, 1)
    opacity = (0.85 * thin)[:, None] * np.clip(1.45 - 1.1 * s[..., 0], 0.25, 1)
    return Grown(points, shell, tint, width, opacity, 0.55 + 0.5 * rng.random(len(roots)))


def brows(thickness: float = 1.0, seed: int = 4) -> Grown:
    """Both brows over the resting face."""
    rng = np.random.default_rng(seed)
    count = 900
    t = rng.random(count) ** 0.85
    w = rng.normal(0, 0.45, count).clip(-1, 1)
    x = 9.8 + 37.0 * t
    y = 18.6 + 4.6 * np.sin(np.pi * (t * 0.82 + 0.05)) + 0.6 * t
    half = 3.9 * thickness * (1 - t**2.0 * 0.82) * np.clip(0.50 + t * 2.2, 0, 1)
    n_points = 5
    s = np.linspace(0, 1, n_points)
    angle = np.radians(58 * (1 - t) ** 1.7 + 12 - 30 * t - 26 * w)
    long = 4.2 + 2.8 * rng.random(count) - 1.4 * t
    px = x[:, None] + (np.cos(angle) * long)[:, None] * s
    py = (y + w * half)[:, None] + (np.sin(angle) * long)[:, None] * s * 0.85 - 0.18 * s**2 * (long * (1 - t))[:, None]
    pz = front_hit(px.ravel(), py.ravel()).reshape(px.shape) + 0.3 + 0.8 * np.sin(np.pi * s * 0.8)
    right = np.stack([px, py, pz], -1)
    points = np.concatenate([right, right * [-1, 1, 1]])
    shell = np.zeros_like(points)
    shell[..., 0], shell[..., 1], shell[..., 2] = np.sign(points[..., 0]) * 0.4, 0.2, 1.0
    shell /= np.linalg.norm(shell, axis=2, keepdims=True)
    soft = np.tile(np.clip(0.22 + 2.6 * t, 0, 1) * np.clip(1.3 - 0.95 * np.abs(w), 0.2, 1), 2)
    tint = np.repeat((0.75 + 0.5 * rng.random(2 * count))[:, None], n_points, 1)
    width = 0.50 * np.clip(1.2 - s, 0.3, 1)[None] * np.ones((2 * count, 1))
    opacity = 0.62 * soft[:, None] * np.clip(0.6 + 2 * s, 0, 1)[None] * np.clip(1.5 - 1.1 * s, 0.3, 1)[None]
    return Grown(points, shell, tint, width, opacity, np.full(2 * count, 0.35))


def _outside(points: np.ndarray, margin: float) -> np.ndarray:
    flat = points.reshape(-1, 3).copy()
    depth = distance(flat, Shape.HAIR)
    inside = np.nonzero(depth < margin)[0]
    flat[inside] += direction(flat[inside], Shape.HAIR, 0.6) * (margin - depth[inside])[:, None]
    return flat.reshape(points.shape)


STYLES = {"crop": crop, "bald": None}
"""Style name to the function that grows it."""
