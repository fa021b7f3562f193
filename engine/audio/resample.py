"""Changing the sampling rate of sound as it streams in, with a delay of one millisecond."""

from math import ceil, gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.audio.block import SAMPLE_RATE_HZ
from engine.errors import AudioError

DELAY_MS = 1.0
_KAISER_BETA = 5.0
_PASS = 0.45  # cut-off as a part of the lower of the two rates: 7.2 kHz towards 16 kHz


class Resampler:
    """Streaming rational resampling with a short linear-phase filter; the numbers do not depend on the block sizes.

    Output sample m is `sum_k h[m M - k L] x[k]` for the ratio L/M in lowest terms, h a Kaiser-windowed sinc of
    2 ms at L times the input rate. Towards 16 kHz from 48 kHz that is 97 taps: flat to 6 kHz, -6 dB at 7.2 kHz, below
    -45 dB from 8 kHz on.

    Attributes:
        delay: what the filter adds, in output samples (always a whole number): output sample m stands for the moment
            of `(m - delay) / to_hz` after the first input sample.
    """

    def __init__(self, from_hz: float, to_hz: float = SAMPLE_RATE_HZ) -> None:
        from_hz, to_hz = _whole_hz(from_hz), _whole_hz(to_hz)
        divisor = gcd(from_hz, to_hz)
        self.from_hz, self.to_hz = from_hz, to_hz
        self._up, self._down = to_hz // divisor, from_hz // divisor
        self.delay = ceil(to_hz * DELAY_MS / 1000) if from_hz != to_hz else 0
        self._phases = self._polyphase_taps()  # [L, K] float32, newest sample last
        self.reset()

    @property
    def delay_ms(self) -> float:
        return 1000 * self.delay / self.to_hz

    def reset(self) -> None:
        """Forgets the stream."""
        self._n_in = self._n_out = 0
        self._kept = np.zeros(self._phases.shape[1] - 1, dtype=np.float32)  # inputs before number n_in

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Takes mono samples `[n]`, gives all output samples that are final: `ceil(total n L / M)` in all so far."""
        samples = np.asarray(samples, dtype=np.float32)
        if self.from_hz == self.to_hz:
            return samples
        known = np.concatenate([self._kept, samples])
        self._n_in += len(samples)
        n_out = -(-self._n_in * self._up // self._down)
        position = np.arange(self._n_out, n_out, dtype=np.int64) * self._down
        windows = sliding_window_view(known, self._phases.shape[1]) if len(samples) else None
        newest = position // self._up - (self._n_in - len(samples))  # row of `windows` that ends in the newest input
        self._n_out = n_out
        self._kept = known[len(samples) :]
        if not len(position):
            return np.zeros(0, dtype=np.float32)
        if self._up == 1:
            return windows[newest[0] :: self._down] @ self._phases[0]
        return np.einsum("ij,ij->i", windows[newest], self._phases[position % self._up])

    def _polyphase_taps(self) -> np.ndarray:
        if self.from_hz == self.to_hz:
            return np.ones((1, 1), dtype=np.float32)
        reach = self.delay * self._down  # half the filter, at L times the input rate
        steps = np.arange(-reach, reach + 1)
        cut_off = _PASS * min(self.from_hz, self.to_hz) / (self.from_hz * self._up)  # cycles a step
        taps = 2 * cut_off * np.sinc(2 * cut_off * steps) * np.kaiser(len(steps), _KAISER_BETA)
        n_columns = -(-len(taps) // self._up)
        padded = np.zeros(n_columns * self._up)
        padded[: len(taps)] = taps
        phases = padded.reshape(n_columns, self._up).T  # phases[p, j] = h[p + j L], for the input j samples ago
        phases = phases / phases.sum(axis=1, keepdims=True)  # a constant stays that constant in every phase
        return np.ascontiguousarray(phases[:, ::-1], dtype=np.float32)


def resample(samples: np.ndarray, from_hz: float, to_hz: float = SAMPLE_RATE_HZ) -> np.ndarray:
    """A whole sound `[n]` at another rate, the filter's delay taken off; the same numbers `Resampler.push` gives."""
    resampler = Resampler(from_hz, to_hz)
    n_out = round(len(samples) * to_hz / from_hz)
    padding = ceil((resampler.delay + 1) * from_hz / to_hz)
    made = resampler.push(np.concatenate([np.asarray(samples, dtype=np.float32), np.zeros(padding, dtype=np.float32)]))
    return made[resampler.delay : resampler.delay + n_out]


def _whole_hz(rate_hz: float) -> int:
    if not 1_000 <= rate_hz <= 768_000 or rate_hz != round(rate_hz):
        raise AudioError(f"a sampling rate of {rate_hz} Hz cannot be used; choose a whole number from 1000 to 768000.")
    return round(rate_hz)
