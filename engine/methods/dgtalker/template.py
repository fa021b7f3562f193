"""The surface Gaussians start from: a mesh laid flat, sampled on a grid, and the place of every sample in the maps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import ModelMissingError
from engine.heads.texels import rasterized_uv

FLAME_TO_BFM = np.array([
    [2.682717, 0.010447, 0.047466, 0.003001],
    [-0.009422, 2.682516, -0.057905, 0.047409],
    [-0.047681, 0.057729, 2.682112, -0.002461],
])  # fmt: skip
"""FLAME's metres to the frame GGHead was trained in (its published registration)."""

UV_SIDE, GRID = 256, 512  # of the FFHQ-512 model
LEAST_VALID = 0.99
MAX_OBJ_BYTES = 64 << 20


@dataclass(frozen=True)
class Template:
    """One row for each Gaussian.

    Attributes:
        points: `[N, 3]`; grid: places in the maps as x, y from -1 to 1, `[N, 2]`.
        is_torso: bool `[N]`: below the head, where only a whole bust has Gaussians.
        anchors: MediaPipe's 478 landmarks on the template `[478, 3]`, or `[0, 3]` where they are not known.
    """

    points: np.ndarray
    grid: np.ndarray
    is_torso: np.ndarray
    anchors: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def cells(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Rows (from above: y goes up) and columns `[N]` of the regular grid the places lie on, and its side."""
        steps = np.diff(np.unique(self.grid))
        step = steps[steps > 1e-4].min(initial=2.0)  # nearer ones are one place, rounded
        columns, rows = np.rint((self.grid - self.grid.min(axis=0)) / step).astype(int).T
        return rows.max() - rows, columns, int(max(columns.max(), rows.max())) + 1

    def kept(self, rows: np.ndarray) -> "Template":
        """Only some rows."""
        return Template(self.points[rows], self.grid[rows], self.is_torso[rows], self.anchors)


def flame_template(path: Path, side: int = UV_SIDE, n_grid: int = GRID) -> Template:
    """GGHead's template from its OBJ file, in GGHead's frame.

    Raises:
        ModelMissingError: if the file is missing or holds no triangles with texture coordinates.
    """
    vertices, faces, uv = read_obj(path)
    points, grid = grid_samples(vertices, faces, uv, side, n_grid)
    points = points @ FLAME_TO_BFM[:, :3].T + FLAME_TO_BFM[:, 3]
    return Template(points.astype(np.float32), grid, np.zeros(len(points), bool), np.zeros((0, 3), np.float32))


def grid_samples(vertices, faces, uv, side: int, n_grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Points `[N, 3]` and places `[N, 2]` of a regular grid from corner to corner of the UV square: those whose four
    texels lie (all but a hundredth) on the surface."""
    face_of, weights = rasterized_uv(np.asarray(uv, np.float64), np.asarray(faces, np.int64), side)
    valid = (face_of >= 0).astype(np.float32)
    positions = np.einsum("yxk,yxkc->yxc", weights, np.asarray(vertices)[faces[np.maximum(face_of, 0)]])
    at = np.linspace(-1, 1, n_grid, dtype=np.float32)
    grid = np.stack(np.meshgrid(at, at, indexing="xy"), axis=-1).reshape(-1, 2)
    keep = _bilinear(valid[..., None], grid)[:, 0] > LEAST_VALID
    return _bilinear(positions, grid[keep]).astype(np.float32), grid[keep]


def shell_template(points: np.ndarray, n_grid: int) -> Template:
    """A template where there is no mesh: the directions from the middle of a cloud of points `[P, 3]`, laid flat round
    the one that looks forward, each as far out as the points nearest to it."""
    from scipy.spatial import cKDTree

    at = np.linspace(-1, 1, n_grid)
    grid = np.stack(np.meshgrid(at, at, indexing="xy"), axis=-1).reshape(-1, 2)
    radius = np.linalg.norm(grid, axis=1)
    grid, radius = grid[radius <= 0.98], radius[radius <= 0.98]
    polar = np.pi * radius
    flat = grid / np.maximum(radius, 1e-9)[:, None] * np.sin(polar)[:, None]
    directions = np.stack([flat[:, 0], -flat[:, 1], np.cos(polar)], axis=1)
    middle = np.median(points, axis=0)
    out = points - middle
    distance = np.linalg.norm(out, axis=1)
    _, nearest = cKDTree(out / distance[:, None]).query(directions, k=min(8, len(points)))
    shell = middle + directions * np.quantile(distance[nearest], 0.6, axis=1)[:, None]
    n = len(grid)
    return Template(shell.astype(np.float32), grid.astype(np.float32), np.zeros(n, bool), np.zeros((0, 3), np.float32))


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices `[V, 3]`, triangles `[F, 3]` and texture coordinates `[V, 2]` of an OBJ; a vertex with several texture
    coordinates stands several times.

    Raises:
        ModelMissingError: if it cannot be read as such.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_OBJ_BYTES:
            raise ModelMissingError(f"{path}: is over {MAX_OBJ_BYTES >> 20} MB, no template is that large.")
        places, textures, corners = [], [], []
        for line in path.read_text(errors="replace").splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                places.append([float(w) for w in words[:3]])
            elif kind == "vt":
                textures.append([float(w) for w in words[:2]])
            elif kind == "f":
                row = [tuple(int(n) - 1 for n in w.split("/")[:2]) for w in words]
                corners += [(row[0], row[i], row[i + 1]) for i in range(1, len(row) - 1)]
        order: dict[tuple[int, int], int] = {}
        faces = np.array([[order.setdefault(pair, len(order)) for pair in corner] for corner in corners])
        pairs = np.array(list(order))
        vertices, uv = np.array(places)[pairs[:, 0]], np.array(textures)[pairs[:, 1]]
    except OSError as error:
        raise ModelMissingError(f"{path}: the template is not there ({error.strerror}); name GGHead's OBJ.") from error
    except (ValueError, IndexError) as error:
        raise ModelMissingError(f"{path}: is no mesh with texture coordinates ({error}); name GGHead's OBJ.") from error
    if not np.isfinite(vertices).all() or not np.isfinite(uv).all():
        raise ModelMissingError(f"{path}: holds numbers that are not finite; fetch it again.")
    return vertices, faces, uv


def _bilinear(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Values `[S, S, C]` at places -1 to 1 (x, y), zeros beyond the border, as `grid_sample` reads them."""
    side = len(values)
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    x, y = ((grid + 1) * side / 2 - 0.5 + 1).T
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x0, y0 = np.clip(x0, 0, side), np.clip(y0, 0, side)
    u, v = (x - x0)[:, None], (y - y0)[:, None]
    top = padded[y0, x0] * (1 - u) + padded[y0, x0 + 1] * u
    return top * (1 - v) + (padded[y0 + 1, x0] * (1 - u) + padded[y0 + 1, x0 + 1] * u) * v
