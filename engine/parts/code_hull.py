"""The hull of what an avatar's audio code did in training; `engine.guard` keeps a stranger's voice inside it."""

from dataclasses import dataclass

import numpy as np

from engine.parts.avatar_tensors import AvatarTensors

RADIUS_QUANTILE = 0.995


@dataclass(frozen=True)
class CodeHull:
    """An ellipsoid round the training clip's lip coordinates, and each coordinate's range.

    Attributes:
        mean: `[D]` coordinates.
        whitening: `[D, D]`; `|(x - mean) @ whitening.T|` is the distance in sigmas of the cloud.
        radius: distance that holds 99.5 % of the training frames.
        low, high: range of each coordinate in training, `[D]`.
    """

    mean: np.ndarray
    whitening: np.ndarray
    radius: float
    low: np.ndarray
    high: np.ndarray

    def distance(self, coordinates: np.ndarray) -> np.ndarray:
        """How far out coordinates lie, 1 on the hull: `[..., D]` -> `[...]`."""
        white = (coordinates - self.mean) @ self.whitening.T
        return np.sqrt((white * white).sum(axis=-1)) / self.radius


def fit_hull(coordinates: np.ndarray, ridge: float = 0.05) -> CodeHull:
    """The hull of a clip's coordinates `[T, D]`; `ridge` keeps directions the clip hardly used from being forbidden."""
    points = coordinates.astype(np.float64)
    mean = points.mean(axis=0)
    variance, vectors = np.linalg.eigh(np.cov(points, rowvar=False))
    whitening = (vectors / np.sqrt(np.maximum(variance, 0) + ridge)).T
    white = (points - mean) @ whitening.T
    radius = float(np.quantile(np.sqrt((white * white).sum(axis=1)), RADIUS_QUANTILE))
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    return CodeHull(mean.astype(np.float32), whitening.astype(np.float32), max(radius, 1e-3),
                    low.astype(np.float32), high.astype(np.float32))  # fmt: skip


def read_hull(file: AvatarTensors, n: int) -> CodeHull:
    """The hull an avatar file keeps for its n lip coordinates. Raises AvatarError if it is not whole."""
    mean, low, high = (file.array(f"hull.{name}", (n,)) for name in ("mean", "low", "high"))
    return CodeHull(mean, file.array("hull.whitening", (n, n)), float(file.array("hull.radius", (1,))[0]), low, high)
