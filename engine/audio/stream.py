"""The sound pushed so far, as far back as an encoder still needs it, with the time of every sample."""

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ, Block


class SampleStream:
    """Numbers the samples of a stream from 0; before 0 there is silence, and `pad` adds silence at the end."""

    def __init__(self) -> None:
        self._samples = np.zeros(0, dtype=np.float32)
        self._first = 0  # number of the oldest sample kept
        self.n = 0  # samples pushed in all
        self._stamp = (0, 0.0)  # number and time of the newest block's first sample

    def push(self, block: Block) -> None:
        self._stamp = (self.n, block.time)
        self._samples = np.concatenate([self._samples, np.asarray(block.samples, dtype=np.float32)])
        self.n += len(block.samples)

    def between(self, start: int, end: int) -> np.ndarray:
        """Samples `[end - start]` from number `start` to `end`; silence where the stream does not reach."""
        known = self._samples[max(0, start - self._first) : max(0, end - self._first)]
        before = min(max(0, self._first - start), end - start)
        after = end - start - before - len(known)
        return np.pad(known, (before, after)) if before or after else known

    def forget_before(self, index: int) -> None:
        """Drops samples that no one will ask for again."""
        n_gone = min(max(0, index - self._first), len(self._samples))
        if n_gone:
            self._samples = self._samples[n_gone:]
            self._first += n_gone

    def time_of(self, index: int) -> float:
        """Time of sample `index` in seconds, by the newest block's time (clocks of devices drift)."""
        number, time = self._stamp
        return time + (index - number) / SAMPLE_RATE_HZ
