"""Which sample arrived, told by what it sounds like: loss and lateness that no counter has to be believed for."""

import numpy as np

from engine.audio.ring import SampleRing
from engine.errors import AudioError

WINDOW_S, END_S, N_WINDOWS = 0.1, 0.1, 20
PATIENCE = 6
"""Looks in a row that may find nothing whole, as while a device begins."""

EXACT = 2.5 / 32_768  # what 16 bits may change of a sample


class ContentClock:
    """Finds the newest sound of a ring in the loop that is being said.

    Args:
        loop: `[n]` float32, said over and over, no part of it like another.

    Attributes:
        lost_samples: how many samples less than were said have arrived since the first look; negative where silence
            was put in for what a device was late with.
        error_ms: how much later than it was said the ring thinks its sound was in the air, at the last look.
        is_set: whether the place has been found.
    """

    def __init__(self, loop: np.ndarray, rate_hz: int) -> None:
        self._loop = np.round(loop * 32_767) / 32_768
        self._rate_hz = rate_hz
        self._spectrum = np.conj(np.fft.rfft(self._loop))
        self._offset: int | None = None  # samples said less samples of the ring, up to whole loops
        self._whole = 0  # the same, with whole loops
        self._begun = 0.0
        self._n_unknown = 0
        self.lost_samples = 0
        self.error_ms = 0.0

    @property
    def is_set(self) -> bool:
        return self._offset is not None

    def follow(self, ring: SampleRing, said: np.ndarray) -> None:
        """Looks again.

        Args:
            said: `perf_counter` seconds at which each 10 ms block so far had been said.

        Raises:
            AudioError: if what arrived is not the loop at all.
        """
        found = self._find(ring)
        if found is None:
            self._n_unknown += 1
            if self._n_unknown > PATIENCE:
                raise AudioError("what the microphone gave is not what was said; is another program using it?")
            return
        place, first = found
        self._n_unknown = 0
        newest = said[-200:]
        begun = float(np.median(newest - 0.01 * np.arange(len(said) - len(newest) + 1, len(said) + 1)))
        if self._offset is None:
            near = (ring.time_of(first) - begun) * self._rate_hz
            self._whole = place - first + round((near - place) / len(self._loop)) * len(self._loop)
            self._offset = place - first
        else:
            moved = (place - first - self._offset + len(self._loop) // 2) % len(self._loop) - len(self._loop) // 2
            self.lost_samples += moved
            self._whole += moved
            self._offset = place - first
        self._begun = begun
        self.error_ms = round(1e3 * (ring.time_of(first) - self._begun - (first + self._whole) / self._rate_hz), 2)

    def place_of(self, wall: float) -> float:
        """Which second of the loop was being said at a `perf_counter` time."""
        return (wall - self._begun) % (len(self._loop) / self._rate_hz)

    def _find(self, ring: SampleRing) -> tuple[int, int] | None:
        """Where in the loop a newest stretch of the ring begins, and its number; None where none is whole."""
        n = round(WINDOW_S * self._rate_hz)
        for i in range(N_WINDOWS):
            samples, first = ring.read(ring.written - (i + 1) * n - round(END_S * self._rate_hz), n)
            if len(samples) == n and (place := self._place(samples, first)) is not None:
                return place, first
        return None

    def _place(self, samples: np.ndarray, first: int) -> int | None:
        """Where in the loop these samples begin; None when a gap or something else is among them."""
        if self._offset is not None:
            expected = (first + self._offset) % len(self._loop)
            if self._is_at(samples, expected):
                return expected
        padded = np.zeros(len(self._loop))
        padded[: len(samples)] = samples
        match = np.fft.irfft(np.conj(np.fft.rfft(padded)) * np.conj(self._spectrum), len(self._loop))
        found = int(np.argmax(match))
        return found if self._is_at(samples, found) else None

    def _is_at(self, samples: np.ndarray, place: int) -> bool:
        part = np.take(self._loop, np.arange(place, place + len(samples)), mode="wrap")
        return bool(np.abs(samples - part).max(initial=0.0) <= EXACT)
