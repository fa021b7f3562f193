"""The features heard so far, ready to be asked for the window round any time."""

import math

import numpy as np

from engine.audio.block import FEATURE_RATE_HZ, Features

PERIOD = 1.0 / FEATURE_RATE_HZ
_CLOCK_GAIN = 0.02  # how fast the history follows a device whose clock drifts: within a second, far below a jump
_CLOCK_EXACT = 1e-7  # seconds; differences of rounding are none
_PLACE_EXACT = 1e-4  # rows, likewise


class FeatureHistory:
    """Keeps the newest `seconds` of features in a ring; windows are read at any time, past the newest as missing.

    Features must arrive in order, 20 ms apart; a jump in time (a lost stretch, a new source) starts afresh, while the
    slow drift of a device's clock against the computer's is followed.

    Args:
        n_phases: features of 20 ms arrive so many times as often, as an `InterleavedEncoder` gives them.
    """

    def __init__(self, n_features: int, seconds: float = 8.0, n_phases: int = 1) -> None:
        self.n_features = n_features
        self._n_phases, self._period = n_phases, PERIOD / n_phases
        self._capacity = int(seconds * FEATURE_RATE_HZ * n_phases)
        self._values = np.zeros((2 * self._capacity, n_features), dtype=np.float32)
        self._start = 0  # first valid row
        self._end = 0  # one past the last valid row
        self._first_time = 0.0

    def __len__(self) -> int:
        return self._end - self._start

    @property
    def newest(self) -> float:
        """Time up to which everything is known (the end of the last feature); -inf when empty."""
        return self._next + PERIOD - self._period if len(self) else -np.inf

    @property
    def oldest(self) -> float:
        return self._first_time if len(self) else np.inf

    @property
    def _next(self) -> float:
        """When the next feature begins."""
        return self._first_time + len(self) * self._period

    def clear(self) -> None:
        self._start = self._end = 0

    def extend(self, features: Features) -> None:
        if not len(features):
            return
        if len(features) > self._capacity:
            self.clear()
            features = Features(features.times[-self._capacity :], features.values[-self._capacity :])
        if len(self) and abs(features.times[0] - self._next) > self._period:
            self.clear()
        if not len(self):
            self._start = self._end = 0
            self._first_time = float(features.times[0])
        late = float(features.times[0]) - self._next if len(self) else 0.0
        if abs(late) > _CLOCK_EXACT:
            self._first_time += _CLOCK_GAIN * late
        rows = features.values
        if self._end + len(rows) > len(self._values):
            keep = self._values[max(self._start, self._end - self._capacity) : self._end].copy()
            self._first_time += (len(self) - len(keep)) * self._period
            self._values[: len(keep)] = keep
            self._start, self._end = 0, len(keep)
        self._values[self._end : self._end + len(rows)] = rows
        self._end += len(rows)

    def window(self, first: float, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Features at `first, first + 20 ms, ...`, linearly interpolated, and which of them are known.

        Args:
            first: time of the window's first step (the start of its 20 ms).
            n_steps: number of steps.

        Returns:
            values `[n_steps, F]` float32, zero where unknown; known `[n_steps]` bool.
        """
        values = np.zeros((n_steps, self.n_features), dtype=np.float32)
        known = np.zeros(n_steps, dtype=bool)
        if not len(self):
            return values, known
        place, step, last = (first - self._first_time) / self._period, self._n_phases, len(self) - 1
        if abs(place - round(place)) < _PLACE_EXACT:
            place = round(place)
        begin = max(0, math.ceil(-place / step))  # of the steps that are known
        end = min(n_steps, math.floor((last - place) / step) + 1)
        if begin >= end:
            return values, known
        known[begin:end] = True
        low = math.floor(place)
        part = np.float32(place - low)
        rows = self._values[self._start + low + begin * step :]
        before = rows[: (end - begin - 1) * step + 1 : step]
        if part == 0:
            values[begin:end] = before
        else:
            values[begin:end] = before * (1 - part) + rows[1 : (end - begin - 1) * step + 2 : step] * part
        return values, known
