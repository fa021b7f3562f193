"""How loud the voice was, moment by moment, read from the ring of samples all processes share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.timeline.track import RATE_HZ
from engine.audio.ring import SampleRing
from engine.errors import AudioError

LATEST_SECONDS = 2.0
"""What is older when it is first read is left out: the window was asleep."""


class VoicePeaks:
    """Reads what came since the last call.

    Args:
        path: the ring; while it is not there nothing is heard.
        gain_db: the gain the performer applies to the same samples.
    """

    def __init__(self, path: Path, gain_db: Callable[[], float] = lambda: 0.0) -> None:
        self._path, self._gain_db = path, gain_db
        self._ring: SampleRing | None = None
        self._next: int | None = None

    @property
    def is_there(self) -> bool:
        if self._ring is None:
            try:
                self._ring = SampleRing.attach(self._path)
            except AudioError:
                return False
        return True

    def read(self) -> list[tuple[float, float]]:
        """Time of capture (perf_counter seconds) and peak (0 to 1) of each whole bin since the last call."""
        if not self.is_there:
            return []
        ring, rate = self._ring, self._ring.rate_hz
        written, per_bin = ring.written, max(1, int(rate / RATE_HZ))
        if self._next is None or self._next < ring.first_of_generation:
            self._next = max(ring.first_of_generation, written - per_bin)
        self._next = max(self._next, written - int(LATEST_SECONDS * rate))
        n_bins = (written - self._next) // per_bin
        if n_bins <= 0:
            return []
        samples, first = ring.read(self._next, n_bins * per_bin)
        self._next += n_bins * per_bin
        n_bins = len(samples) // per_bin
        if n_bins <= 0:
            return []
        gain = 10 ** (self._gain_db() / 20)
        peaks = np.abs(samples[: n_bins * per_bin]).reshape(n_bins, per_bin).max(axis=1) * gain
        times = [ring.time_of(first + (i + 0.5) * per_bin) for i in range(n_bins)]
        return list(zip(times, peaks.tolist(), strict=True))

    def close(self) -> None:
        if self._ring is not None:
            self._ring.close()
            self._ring = None
