"""Where the Gaussians of a new avatar start: the dataset's surface points, or an ellipsoid that fills the masks."""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from engine.training.clip import Clip

START_OPACITY = 0.1
N_FRAMES_FOR_COLOR = 6
ROWS_AT_ONCE = 2048
HEAD_RADII = np.array([0.36, 0.5, 0.42])  # head heights: half the width, height and depth of a head


def start_points(clip: Clip, n_points: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positions `[P, 3]` and colours `[P, 3]` to start from, at most `n_points` and near to that many."""
    rng = np.random.default_rng(seed)
    points = clip.tracks.get("points")
    colors = clip.tracks.get("colors")
    if points is None:
        points, colors = _ellipsoid(4 * n_points, rng), None
    points = points.astype(np.float64)
    if colors is None:
        colors, seen = picture_colors(clip, points)
        points, colors = points[seen], colors[seen]
    points, colors = filled(points, colors.astype(np.float64), n_points, rng)
    points, colors = thinned(points, colors, n_points)
    return points.astype(np.float32), colors.astype(np.float32)


def neighbour_distance(points: np.ndarray, k: int = 3) -> np.ndarray:
    """Root mean squared distance to the k nearest others, `[P]`."""
    distances, _ = cKDTree(points).query(points, k=k + 1, workers=2)
    return np.sqrt(np.square(distances[:, 1:]).mean(axis=1)).clip(1e-5)


def nearest(points: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k nearest others, int64 `[P, k]`."""
    _, indices = cKDTree(points).query(points, k=min(k + 1, len(points)), workers=2)
    return indices[:, 1:].astype(np.int64)


def nearest_on_device(points: Tensor, k: int) -> Tensor:
    """As `nearest`, where the points are: a GPU compares all with all, a processor grows a tree."""
    if points.device.type == "cpu":
        return torch.from_numpy(nearest(points.numpy(), k))
    return nearest_of_all(points, k)


def nearest_of_all(points: Tensor, k: int) -> Tensor:
    """Indices of the k nearest others, int64 `[P, k]`, by the distances between all."""
    found = []
    for start in range(0, len(points), ROWS_AT_ONCE):
        rows = points[start : start + ROWS_AT_ONCE]
        distances = torch.cdist(rows, points, compute_mode="donot_use_mm_for_euclid_dist")
        itself = torch.arange(len(rows), device=points.device)
        distances[itself, start + itself] = torch.inf
        found.append(distances.topk(min(k, len(points) - 1), largest=False).indices)
    return torch.cat(found)


def thinned(points: np.ndarray, colors: np.ndarray, n_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Downsamples by growing a voxel size until at most `n_points` are left; a voxel keeps its mean."""
    size = np.ptp(points, axis=0).max() / 400
    while len(points) > n_points:
        voxels = np.floor(points / size).astype(np.int64)
        _, inverse, counts = np.unique(voxels, axis=0, return_inverse=True, return_counts=True)
        inverse = inverse.reshape(-1)
        if len(counts) <= n_points or size > 1:
            points, colors = (_mean_by(values, inverse, counts) for values in (points, colors))
        size *= 1.04
    return points, colors


def filled(points: np.ndarray, colors: np.ndarray, n_points: int, rng: np.random.Generator):
    """Adds points between near neighbours where there are far fewer than wanted."""
    if len(points) >= 0.8 * n_points or len(points) < 8:
        return points, colors
    neighbours = nearest(points, 6)
    distance = neighbour_distance(points, 6)
    n_more = n_points - len(points)
    first = rng.choice(len(points), n_more, p=distance**2 / np.sum(distance**2))  # wide gaps first
    second = neighbours[first, rng.integers(neighbours.shape[1], size=n_more)]
    part = rng.uniform(size=(n_more, 1))
    between = points[first] * (1 - part) + points[second] * part
    return np.concatenate([points, between]), np.concatenate(
        [colors, colors[first] * (1 - part) + colors[second] * part]
    )


def picture_colors(clip: Clip, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour of the pictures where the points project, `[P, 3]`, and which points fall inside the mask."""
    total, weight = np.zeros((len(points), 3)), np.zeros(len(points))
    for index in np.linspace(0, clip.n_train - 1, N_FRAMES_FOR_COLOR).astype(int):
        camera = clip.camera(int(index))
        sample = clip.sample(int(index))
        seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        pixels = seen @ camera.k.T
        x, y = (pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-6)).astype(int).T
        inside = (seen[:, 2] > 0) & (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
        x, y = x[inside], y[inside]
        share = sample.mask.numpy()[y, x] > 0.5
        total[np.flatnonzero(inside)] += sample.target.numpy()[y, x] * share[:, None]
        weight[np.flatnonzero(inside)] += share
    seen = weight >= N_FRAMES_FOR_COLOR / 2
    if seen.sum() < 100:  # the masks and the cameras do not meet; keep everything, grey
        return np.full((len(points), 3), 0.5), np.ones(len(points), dtype=bool)
    return total / np.maximum(weight, 1)[:, None], seen


def _ellipsoid(n: int, rng: np.random.Generator) -> np.ndarray:
    unit = rng.normal(size=(n, 3))
    return unit / np.linalg.norm(unit, axis=1, keepdims=True) * HEAD_RADII


def _mean_by(values: np.ndarray, inverse: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(inverse, values[:, c]) for c in range(3)], axis=1) / counts[:, None]
