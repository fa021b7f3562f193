"""Samples counted against the clock: what a device should have given by now and did not."""

import numpy as np

_WINDOW_NS = 500_000_000  # lateness that lasts this long is loss, not chance
_LOSS_NS = 15_000_000
_FLAGGED_LOSS_NS = 4_000_000  # after PortAudio itself said that input was dropped
_BEGINNING_NS = 1_200_000_000  # devices may begin with a burst of old sound, after which the rest only seems late
_SETTLING_NS = 5_000_000_000  # drift is measured from here on
_MAX_DRIFT = 1e-3  # device clocks differ from the computer's by less than this


class SampleClock:
    """Follows one device's blocks and tells missing samples.

    Blocks come late by chance and catch up; sound that was lost never does. So the clock's base is the earliest
    arrival (followed down at once, up no faster than device clocks drift), and what even the earliest block of half a
    second is late by has been lost.
    """

    def __init__(self, rate_hz: float) -> None:
        self._ns_per_sample = 1e9 / rate_hz
        self.n_samples = 0
        self.n_lost = 0
        self._base_ns: float | None = None
        self._start_ns = self._first_ns = self._last_ns = 0
        self._drifted_ns = 0.0
        self._window_start_ns = 0
        self._least_late_ns = np.inf
        self._flagged_until_ns = 0

    def push(self, n: int, now_ns: int, is_flagged: bool = False) -> int:
        """Takes a block of `n` samples that arrived now; returns how many samples are found missing before it."""
        self.n_samples += n
        if is_flagged:
            self._flagged_until_ns = now_ns + 2 * _WINDOW_NS
        offset_ns = now_ns - self.n_samples * self._ns_per_sample
        if self._base_ns is None:
            self._base_ns, self._start_ns, self._window_start_ns = offset_ns, now_ns, now_ns
        allowed_ns = _MAX_DRIFT * n * self._ns_per_sample
        late_ns = offset_ns - self._base_ns
        step_ns = late_ns if late_ns < 0 else min(late_ns, allowed_ns) * 0.5
        self._base_ns += step_ns
        self._drifted_ns += step_ns
        self._last_ns = now_ns
        if now_ns - self._start_ns < _SETTLING_NS:
            self._first_ns, self._drifted_ns = now_ns, 0.0
        self._least_late_ns = min(self._least_late_ns, late_ns)
        return self._missing(now_ns) if now_ns - self._window_start_ns >= _WINDOW_NS else 0

    @property
    def drift_ppm(self) -> float:
        """How much slower (positive) the device's clock runs than the computer's, in parts per million."""
        elapsed_ns = self._last_ns - self._first_ns
        return 1e6 * self._drifted_ns / elapsed_ns if elapsed_ns > 0 else 0.0

    def _missing(self, now_ns: int) -> int:
        late_ns, is_flagged = self._least_late_ns, now_ns <= self._flagged_until_ns
        has_begun = now_ns - self._start_ns > _BEGINNING_NS
        self._window_start_ns, self._least_late_ns = now_ns, np.inf
        if late_ns < (_FLAGGED_LOSS_NS if is_flagged else _LOSS_NS):
            return 0
        if not has_begun:
            self._base_ns += late_ns
            return 0
        n_missing = round(late_ns / self._ns_per_sample)
        self.n_samples += n_missing  # the silence put in their place counts, and the clock is right again
        self.n_lost += n_missing
        return n_missing
