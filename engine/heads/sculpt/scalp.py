"""Where hair grows: the scalp of a head, its hairline, and what every style shares."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from engine.heads.sculpt import surface
from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.surface import Shape

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


class Scalp:
    """A head as hair sees it: a mesh in the sculpt's millimetres, `[V, 3]` and `[F, 3]`, and its distance field.

    Args:
        growing: faces on which hair may grow, `[F]` (default: all above the hairline).
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, growing: np.ndarray | None = None) -> None:
        self.vertices, self.faces = vertices, faces
        self._growing = np.ones(len(faces), bool) if growing is None else growing

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance (mm, negative inside) of points `[N, 3]` from what hair must not enter."""
        return surface.distance(points, Shape.HAIR)

    def direction(self, points: np.ndarray, step: float = 0.6) -> np.ndarray:
        """Unit vectors `[N, 3]` away from the head; a larger `step` (mm) looks at the field more coarsely."""
        return surface.direction(points, Shape.HAIR, step)

    def outside(self, points: np.ndarray, margin: float) -> np.ndarray:
        """Points `[..., 3]` pushed out of the head by at least `margin`."""
        flat = points.reshape(-1, 3).copy()
        depth = self.distance(flat)
        deep = np.nonzero(depth < margin)[0]
        flat[deep] += self.direction(flat[deep]) * (margin - depth[deep])[:, None]
        return flat.reshape(points.shape)

    def sample_roots(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """About `count` points `[N, 3]` on the scalp, denser and ragged along the hairline."""
        inside = self.faces[self._growing & (hairline(self.vertices[self.faces].mean(1)) > -3)]
        corner = self.vertices[inside[:, 0]]
        edge1, edge2 = self.vertices[inside[:, 1]] - corner, self.vertices[inside[:, 2]] - corner
        area = np.linalg.norm(np.cross(edge1, edge2), axis=1)
        weight = area * (1 + 0.8 * np.exp(-((hairline(self.vertices[inside].mean(1)) / 10) ** 2)))
        picked = rng.choice(len(inside), count, p=weight / weight.sum())
        u = rng.random((count, 2))
        u = np.where(u.sum(1, keepdims=True) > 1, 1 - u, u)
        roots = corner[picked] + edge1[picked] * u[:, :1] + edge2[picked] * u[:, 1:]
        return roots[hairline(roots) > rng.normal(0.5, 1.6, count)]


class MeshScalp(Scalp):
    """A scalp whose distance field is measured from its mesh: planes through the nearest vertices, blended."""

    N_NEAR = 6

    def distance(self, points: np.ndarray) -> np.ndarray:
        return self._field(points)[0]

    def direction(self, points: np.ndarray, step: float = 0.6) -> np.ndarray:
        return self._field(points)[1]

    def _field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gap, near = self._tree.query(points, self.N_NEAR)
        weight = 1 / (gap + 1.0) ** 2
        weight /= weight.sum(1, keepdims=True)
        normal = self._normals[near]
        height = ((points[:, None] - self.vertices[near]) * normal).sum(-1)
        return (weight * height).sum(1), unit((weight[..., None] * normal).sum(1))

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.vertices)

    @cached_property
    def _normals(self) -> np.ndarray:
        corner = self.vertices[self.faces]
        wide = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        normal = np.zeros_like(self.vertices)
        for k in range(3):
            np.add.at(normal, self.faces[:, k], wide)
        return unit(normal)


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


def within_surface(vectors: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Unit parts of vectors `[N, 3]` along the surface."""
    flat = vectors - normal * (vectors * normal).sum(1, keepdims=True)
    return flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors `[..., 3]` with length 1."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)
