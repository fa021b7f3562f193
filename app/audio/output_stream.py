"""One opened loudspeaker: plays the output ring a steady few blocks behind what has been written into it."""

import time
from typing import Any

import numpy as np

from app.audio.devices import AudioDevice, SoundSystem
from engine.audio.ring import SampleRing

BLOCKS_PER_SECOND = 100
TARGET_SECONDS = 0.04  # how far behind the writer it plays
_MAX_SECONDS = 0.2  # farther behind, it jumps to the target
_TOLERANCE_SECONDS = 0.005
_SMOOTHING = 0.01


class OutputStream:
    """Plays a ring's newest sound; starts as soon as it is made.

    The writer's clock and the device's differ a little, so when the distance between them has drifted, blocks are
    stretched or squeezed by one sample until it is right again; nobody hears that.

    Attributes:
        last_ns: perf_counter_ns of the newest callback, 0 before the first.
        has_ended: PortAudio gave the stream up.
        n_underruns: how often the writer fell behind while it was writing.

    Raises:
        AudioError: if the device cannot be opened or started.
    """

    def __init__(self, system: SoundSystem, device: AudioDevice, ring: SampleRing) -> None:
        self.device = device
        self.rate_hz = round(ring.rate_hz)
        self.generation = ring.generation
        self.last_ns = 0
        self.has_ended = False
        self.n_underruns = 0
        self._system, self._ring = system, ring
        self._cursor = ring.written
        self._is_playing = False
        self._behind = 0.0
        self._stream = system.open(
            device,
            samplerate=self.rate_hz,
            channels=min(2, device.channels),
            blocksize=self.rate_hz // BLOCKS_PER_SECOND,
            latency="low",
            callback=self._on_block,
            finished_callback=self._on_end,
        )
        system.start(self._stream, device)
        ring.latency_ms = self.latency_ms

    @property
    def latency_ms(self) -> float:
        """From writing a sample into the ring to hearing it."""
        return 1000 * (TARGET_SECONDS + float(self._stream.latency))

    def close(self) -> None:
        self._system.close(self._stream)

    def _on_block(self, out: np.ndarray, n: int, times: Any, status: Any) -> None:
        self.last_ns = time.perf_counter_ns()
        out[:] = self._next(n)[:, None]

    def _next(self, n: int) -> np.ndarray:
        target = int(TARGET_SECONDS * self.rate_hz)
        waiting = self._ring.written - self._cursor
        if self._ring.is_muted or (not self._is_playing and waiting < target):
            self._cursor = max(self._cursor, self._ring.written - target)
            return np.zeros(n, dtype=np.float32)
        if waiting < n + 1:  # the writer stopped or fell behind: wait until there is enough again
            self._is_playing = False
            self.n_underruns += waiting > 0
            rest, _ = self._ring.read(self._cursor, waiting)
            self._cursor += waiting
            return np.pad(rest, (0, n - len(rest))) if len(rest) <= n else rest[:n]
        if not self._is_playing or waiting > _MAX_SECONDS * self.rate_hz:
            self._is_playing = True
            self._cursor = self._ring.written - target
            self._behind = float(target)
            waiting = target
        self._behind += _SMOOTHING * (waiting - self._behind)
        error = self._behind - target
        more = int(np.sign(error)) if abs(error) > _TOLERANCE_SECONDS * self.rate_hz else 0
        samples, first = self._ring.read(self._cursor, n + more)
        self._cursor = first + len(samples)
        if len(samples) == n:
            return samples
        return np.interp(np.linspace(0, len(samples) - 1, n), np.arange(len(samples)), samples).astype(np.float32)

    def _on_end(self) -> None:
        self.has_ended = True
