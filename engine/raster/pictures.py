"""Arrays for finished pictures, used again once nobody holds them: fresh memory costs a page fault each 4 KB."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

KEPT = 8
_FLOAT = np.dtype(np.float32)


class PicturePool:
    """Gives arrays away and finds, by their reference counts, those that have come back.

    A view of an array, and whatever shares its memory through Python's buffers, holds the array too.
    """

    def __init__(self, make: Callable[[tuple[int, ...], np.dtype], np.ndarray] | None = None) -> None:
        """`make` allocates an array of a shape and kind (default: ordinary memory)."""
        self._make = make or np.empty
        self._kept: list[np.ndarray] = []
        self._free_count = _reference_counts([np.empty(0)])[0]

    def get(self, shape: tuple[int, ...], dtype: np.dtype = _FLOAT) -> np.ndarray:
        """An array of this shape and kind whose contents are left over; nobody else holds it."""
        for place, count in enumerate(_reference_counts(self._kept)):
            kept = self._kept[place]
            if count <= self._free_count and kept.shape == shape and kept.dtype == dtype:
                return self._kept[place]
        self._kept = [*self._kept[1 - KEPT :], self._make(shape, dtype)]
        return self._kept[-1]


def _reference_counts(arrays: list[Any]) -> list[int]:
    """How often each is referred to, counted the same way for the pool and for an array that only a list holds."""
    counts = []
    for array in arrays:
        counts.append(sys.getrefcount(array))  # a comprehension may hold one reference more or less
    return counts
