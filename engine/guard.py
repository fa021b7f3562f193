"""The range guard: a foreign voice's drive, softly pulled onto what the avatar saw in training."""

import numpy as np

from engine.controls import ControlSchema
from engine.parts.code_hull import CodeHull

GIVE = 0.25
"""How far past the hull a drive may lean, as a share of the way to it: the pull is soft, never a wall."""

MIN_LIMIT = 0.25
"""Sigmas every coordinate may move either way, also where training hardly used it."""

QUANTILE_Z = 2.576
"""Normal quantile of 99.5 %."""


class RangeGuard:
    """Pulls driven lip coordinates onto the training hull by a strength, and says how much of them lay inside.

    Within the hull nothing changes, bit for bit. Outside, each coordinate is bent back to its own range first, then the
    whole code along the line to the training mean.

    Attributes:
        strength: 0 leaves the drive alone, 1 pulls fully.
    """

    def __init__(self, hull: CodeHull, indices: np.ndarray, strength: float = 0.5) -> None:
        if len(indices) != len(hull.mean):
            raise ValueError(f"{len(indices)} controls do not fit a hull of {len(hull.mean)} dimensions.")
        self.hull = hull
        self.indices = indices
        self.strength = strength
        self._below = np.maximum(hull.mean - hull.low, MIN_LIMIT)
        self._above = np.maximum(hull.high - hull.mean, MIN_LIMIT)

    def apply(self, driven: np.ndarray) -> tuple[np.ndarray, float]:
        """Guards driven values `[C]`: the same array when nothing is to do, and the part that lay inside, 0 to 1."""
        if not len(self.indices):
            return driven, 1.0
        code = driven[self.indices]
        inside = self.inside(code)
        if inside >= 1.0 or self.strength <= 0:
            return driven, inside
        guarded = driven.copy()
        guarded[self.indices] = code + np.float32(self.strength) * (self.softened(code) - code)
        return guarded, inside

    def inside(self, code: np.ndarray) -> float:
        """How much of a code's way from the training mean lies in the hull, 0 to 1."""
        offset, limit = self._offset(code)
        over = (np.abs(offset) / limit).max(initial=0.0)
        return float(1.0 / max(1.0, over, float(self.hull.distance(code))))

    def softened(self, code: np.ndarray) -> np.ndarray:
        """A code `[D]` bent back towards the hull: unchanged within, at most `GIVE` beyond it."""
        offset, limit = self._offset(code)
        bounded = self.hull.mean + np.sign(offset) * limit * _bent(np.abs(offset) / limit)
        distance = float(self.hull.distance(bounded))
        if distance > 1.0:
            bounded = self.hull.mean + (bounded - self.hull.mean) * (_bent(distance) / distance)
        return bounded.astype(np.float32)

    def _offset(self, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From the mean to the code, and how far the training range goes that way."""
        offset = code - self.hull.mean
        return offset, np.where(offset < 0, self._below, self._above)


def guard_of(avatar, strength: float = 0.5) -> RangeGuard:
    """The guard of an avatar's lip coordinates, from the hull it stores, else from its sliders' training ranges."""
    indices = avatar.schema.indices("lip")
    hull = getattr(avatar, "hull", None)
    if hull is None or len(hull.mean) != len(indices):
        hull = hull_of_ranges(avatar.schema)
    return RangeGuard(hull, indices, strength)


def hull_of_ranges(schema: ControlSchema) -> CodeHull:
    """A hull for lip coordinates of which only the training ranges are known: in sigmas, uncorrelated.

    The radius holds 99.5 % of a normal cloud of that many dimensions (chi-square, Wilson and Hilferty's cube).
    """
    indices = schema.indices("lip")
    n = len(indices)
    low, high = (schema.column(side)[indices] for side in ("low", "high"))
    spread = 2.0 / (9.0 * max(1, n))
    radius = float(np.sqrt(max(1, n) * (1 - spread + QUANTILE_Z * np.sqrt(spread)) ** 3))
    return CodeHull(np.zeros(n, np.float32), np.eye(n, dtype=np.float32), radius, low, high)


def _bent(size: np.ndarray | float) -> np.ndarray | float:
    """Sizes in units of the limit: the same up to 1, then rising smoothly to `1 + GIVE` at most."""
    return np.where(size <= 1.0, size, 1.0 + GIVE * np.tanh((size - 1.0) / GIVE))
