"""A sound file in the microphone's place: paced on the clock into the voice ring, over and over, and made audible."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from app.film_clock import FilmClock
from engine.audio.resample import Resampler
from engine.audio.ring import SampleRing, SourceState
from engine.audio.wav import SoundReader
from engine.errors import MouthpieceError

BLOCK_S = 0.01
STEADY_S = 0.01
"""Played sound that is this little off its delay is left alone."""

STRETCH = 0.05
"""How much faster or slower it may be played until it is right."""

PAUSE_S = 0.6
"""Silence between the end and the next time round, so that a loop sounds like one."""


class FileSource:
    """Writes a file's samples as a microphone would, on a thread of its own.

    Args:
        path: any sound file, or a video with sound.
        ring: the voice ring, whose only writer this is until `stop`.
        output: the ring that is played, None for none.
        on_failed: called with one sentence, from the thread, when the file turns out damaged on the way.

    Attributes:
        output_delay_s: how much later the sound is played than the face hears it, so that both come out together; to
            be set at any time.
    """

    def __init__(
        self, path: Path, ring: SampleRing, output: SampleRing | None, on_failed: Callable[[str], None]
    ) -> None:
        self.path = Path(path)
        self._started_at: float | None = None
        self._reader = SoundReader(path)
        self._ring, self._output, self._on_failed = ring, output, on_failed
        self.output_delay_s = 0.0
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="file source", daemon=True)

    @property
    def film_clock(self) -> FilmClock | None:
        """Where the file stands; None before its first sample."""
        at = self._started_at
        return None if at is None else FilmClock(at, self._reader.seconds, round(PAUSE_S / BLOCK_S) * BLOCK_S)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the pacing and waits for the thread; the ring may then have another writer."""
        self._is_stopped.set()
        self._thread.join(2.0)
        self._ring.state = SourceState.NONE

    def _run(self) -> None:
        try:
            self._pace()
        except MouthpieceError as error:
            self._ring.state = SourceState.LOST
            self._on_failed(str(error))

    def _pace(self) -> None:
        rate = self._reader.rate_hz
        n_block = max(1, round(BLOCK_S * rate))
        self._ring.start_generation(rate, latency_ms=0.0)
        self._ring.state = SourceState.LIVE
        played = _Played(self._output, rate, self.output_delay_s) if self._output is not None else None
        start, n_sent = time.perf_counter(), 0
        self._started_at = start
        for block in self._blocks(n_block):
            n_sent += len(block)
            due = start + n_sent / rate
            late = time.perf_counter() - due
            if late > 1.0:  # the machine slept: go on from now instead of rushing
                start += late
                due += late
                self._started_at = start
            if self._is_stopped.wait(max(0.0, -late)):
                return
            if self._ring.is_muted:
                block = np.zeros_like(block)
            self._ring.write(block, now_ns=int(due * 1e9))
            if played is not None:
                played.write(block, self.output_delay_s)

    def _blocks(self, n: int) -> Iterator[np.ndarray]:
        """The file in blocks, again and again, with a pause in between."""
        pause = np.zeros(n, dtype=np.float32)
        while True:
            for block in self._reader.blocks(n):
                yield block.astype(np.float32, copy=False)
            for _ in range(round(PAUSE_S / BLOCK_S)):
                yield pause


class _Played:
    """Writes to the output ring at its own rate, delayed; another delay is reached by stretching, not by gaps."""

    def __init__(self, ring: SampleRing, rate_hz: float, delay_s: float) -> None:
        self._ring = ring
        self._resampler = Resampler(rate_hz, round(ring.rate_hz))
        silence = round(max(0.0, delay_s) * ring.rate_hz)
        self._delay_s = silence / ring.rate_hz
        if silence:
            ring.write(np.zeros(silence, dtype=np.float32))

    def write(self, block: np.ndarray, delay_s: float) -> None:
        samples = self._resampler.push(block)
        if len(samples):
            self._ring.write(self._stretched(samples, max(0.0, delay_s) - self._delay_s))

    def _stretched(self, samples: np.ndarray, error_s: float) -> np.ndarray:
        if abs(error_s) < STEADY_S:
            return samples
        n = len(samples)
        more = round(float(np.clip(error_s * self._ring.rate_hz, -STRETCH * n, STRETCH * n)))
        self._delay_s += more / self._ring.rate_hz
        return np.interp(np.linspace(0, n - 1, n + more), np.arange(n), samples).astype(np.float32)
