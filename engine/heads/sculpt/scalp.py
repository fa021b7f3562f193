"""Where hair grows: the hairline, roots sampled over the scalp, and what every style shares."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.surface import Shape, direction, distance

AZIMUTH_DEG = (0, 12, 24, 34, 42, 50, 58, 66, 74, 80, 86, 94, 102, 112, 125, 145, 180)
HAIRLINE_MM = (56, 56, 56, 53, 45, 32, 20, 9, -3, -14, -14, -12, -14, -26, -44, -58, -62.0)


@dataclass
class Grown:
    """Strands before they become `base.Strands`, millimetres.

    Attributes:
        points: `[N, K, 3]`; shell: unit normals of the volume they form `[N, K, 3]`.
        tint: multiplies the hair's colour `[N, K]`; width, opacity: `[N, K]`; gloss: `[N]`.
    """

    points: np.ndarray
    shell: np.ndarray
    tint: np.ndarray
    width: np.ndarray
    opacity: np.ndarray
    gloss: np.ndarray


def joined(*bundles: Grown) -> Grown:
    """Bundles with the same number of points a strand as one."""
    names = ("points", "shell", "tint", "width", "opacity", "gloss")
    return Grown(*(np.concatenate([getattr(b, n) for b in bundles]) for n in names))


def hairline(points: np.ndarray) -> np.ndarray:
    """Millimetres above the hairline, positive on the scalp: its height as a function of azimuth round the head."""
    azimuth = np.degrees(np.arctan2(np.abs(points[:, 0]), points[:, 2] + 6))
    return points[:, 1] - np.interp(azimuth, AZIMUTH_DEG, HAIRLINE_MM)


def scalp_cover(points: np.ndarray) -> np.ndarray:
    """How far the scalp is dyed with the hair's colour, 0 to 1, with a soft irregular edge."""
    wobble = 1.6 * np.sin(points[:, 0] * 0.55) * np.sin(points[:, 1] * 0.37 + points[:, 2] * 0.31)
    return ramp(-2.0, 9.0, hairline(points) + wobble)


def beard_area(points: np.ndarray) -> np.ndarray:
    """How far a beard covers the skin at points `[N, 3]`, 0 to 1: jaw, chin and upper lip, not the lips."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    line = np.interp(x, [0, 8, 16, 26, 36, 46, 54, 62], [-47, -47, -50, -62, -56, -42, -26, -2])
    lips = np.clip(1.6 * np.exp(-(((x / 25) ** 2 + ((y + 67) / 9.5) ** 2) ** 2)), 0, 1) * (z > 60)
    under_lip = np.exp(-((x / 9) ** 2 + ((y + 81) / 4) ** 2))
    return ramp(2, -9, y - line) * ramp(-116, -100, y) * ramp(-2, 12, z) * (1 - lips) * (1 - 0.6 * under_lip)


def sample_roots(vertices: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """About `count` points `[N, 3]` on the scalp of a mesh, denser and ragged along the hairline."""
    inside = faces[hairline(vertices[faces].mean(1)) > -3]
    corner = vertices[inside[:, 0]]
    edge1, edge2 = vertices[inside[:, 1]] - corner, vertices[inside[:, 2]] - corner
    area = np.linalg.norm(np.cross(edge1, edge2), axis=1)
    weight = area * (1 + 0.8 * np.exp(-((hairline(vertices[inside].mean(1)) / 10) ** 2)))
    picked = rng.choice(len(inside), count, p=weight / weight.sum())
    u = rng.random((count, 2))
    u = np.where(u.sum(1, keepdims=True) > 1, 1 - u, u)
    roots = corner[picked] + edge1[picked] * u[:, :1] + edge2[picked] * u[:, 1:]
    return roots[hairline(roots) > rng.normal(0.5, 1.6, count)]


def clumps(roots: np.ndarray, count: int, scatter_mm: float, rng: np.random.Generator) -> np.ndarray:
    """The lock each root belongs to, `[N]`, out of `count`."""
    centres = roots[rng.choice(len(roots), count, replace=False)]
    return cKDTree(centres).query(roots + rng.normal(0, scatter_mm, roots.shape))[1]


def gather(points: np.ndarray, clump: np.ndarray, strength: np.ndarray, power: float = 1.4) -> np.ndarray:
    """Pulls the tips of strands `[N, K, 3]` towards the middle tip of their lock, by `strength` `[N]`."""
    tip = points[:, -1]
    middle = np.zeros((clump.max() + 1, 3))
    np.add.at(middle, clump, tip)
    middle /= np.maximum(np.bincount(clump, minlength=len(middle)), 1)[:, None]
    s = np.linspace(0, 1, points.shape[1])[None, :, None]
    return points + ((middle[clump] - tip) * strength[:, None])[:, None] * s**power


def outside(points: np.ndarray, margin: float) -> np.ndarray:
    """Points `[..., 3]` pushed out of the head by at least `margin`."""
    flat = points.reshape(-1, 3).copy()
    depth = distance(flat, Shape.HAIR)
    deep = np.nonzero(depth < margin)[0]
    flat[deep] += direction(flat[deep], Shape.HAIR, 0.6) * (margin - depth[deep])[:, None]
    return flat.reshape(points.shape)


def within_surface(vectors: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Unit parts of vectors `[N, 3]` along the surface."""
    flat = vectors - normal * (vectors * normal).sum(1, keepdims=True)
    return flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors `[..., 3]` with length 1."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)
