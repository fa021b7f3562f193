"""One opened microphone: its callback copies blocks into the voice ring and does nothing else that could wait."""

import time
from typing import Any

import numpy as np

from app.audio.devices import AudioDevice, SoundSystem
from app.audio.sample_clock import SampleClock
from engine.audio.ring import SampleRing
from engine.errors import AudioError

BLOCKS_PER_SECOND = 100
_N_LATENCIES = 32  # blocks over which PortAudio's word on the latency is taken
_ABSURD_LATENCY_S = 0.5


class InputStream:
    """A device being captured into a ring; starts as soon as it is made, but writes only once `is_writing` is set.

    Attributes:
        last_ns: perf_counter_ns of the newest callback, 0 before the first.
        has_ended: PortAudio gave the stream up.
        n_flags: how often PortAudio said that input was dropped.

    Raises:
        AudioError: if the device cannot be opened or started.
    """

    def __init__(self, system: SoundSystem, device: AudioDevice, ring: SampleRing) -> None:
        self.device = device
        self.last_ns = 0
        self.has_ended = False
        self.is_writing = False
        self.n_flags = 0
        self._system, self._ring = system, ring
        self.rate_hz = round(device.rate_hz)
        self._latencies_s = np.zeros(_N_LATENCIES)
        self._n_blocks = 0
        self._stream = self._open()
        self.rate_hz = round(self._stream.samplerate)
        self.clock = SampleClock(self.rate_hz)
        self._weights = np.full(self._stream.channels, 1 / self._stream.channels, dtype=np.float32)
        self._mono = np.zeros(self.rate_hz, dtype=np.float32)
        self._silence = np.zeros(self.rate_hz, dtype=np.float32)
        system.start(self._stream, device)

    def measure_latency_ms(self) -> float:
        """What lies between the air and a sample's arrival here, beyond its block.

        By the sound server's word; without a server as PortAudio times it, or as it promised where that is absurd.
        """
        by_server = self._system.latency_ms(self.device)
        if by_server is not None:
            return by_server
        block_s = 1 / BLOCKS_PER_SECOND
        promised_s = max(0.0, float(self._stream.latency) - block_s)
        if self._n_blocks < _N_LATENCIES:
            return 1000 * promised_s
        measured_s = float(np.median(self._latencies_s)) - block_s
        return 1000 * (max(0.0, measured_s) if -block_s <= measured_s <= _ABSURD_LATENCY_S else promised_s)

    def begin_writing(self) -> None:
        """Lets the callback write from its next block on; the ring is told the device's rate and latency."""
        latency_ms = self.measure_latency_ms()
        if self.rate_hz != self._ring.rate_hz or self._ring.written == 0:
            self._ring.start_generation(self.rate_hz, latency_ms)
        self._ring.latency_ms = latency_ms
        self.clock = SampleClock(self.rate_hz)
        self.is_writing = True

    def close(self) -> None:
        self.is_writing = False
        self._system.close(self._stream)

    def _open(self) -> Any:
        """Asks the system for one channel, mixed by it, and for all the device's channels where it refuses."""
        settings = {
            "samplerate": self.rate_hz,
            "blocksize": self.rate_hz // BLOCKS_PER_SECOND,
            "latency": "low",
            "callback": self._on_block,
            "finished_callback": self._on_end,
        }
        try:
            return self._system.open(self.device, channels=1, **settings)
        except AudioError:
            if self.device.channels == 1:
                raise
            return self._system.open(self.device, channels=self.device.channels, **settings)

    def _on_block(self, samples: np.ndarray, n: int, times: Any, status: Any) -> None:
        now_ns = time.perf_counter_ns()
        self.last_ns = now_ns
        is_flagged = bool(status)
        self.n_flags += is_flagged
        self._latencies_s[self._n_blocks % _N_LATENCIES] = times.currentTime - times.inputBufferAdcTime
        self._n_blocks += 1
        if not self.is_writing:
            return
        n_missing = self.clock.push(n, now_ns, is_flagged)
        if n_missing:
            self._fill(n_missing, now_ns - n * 1_000_000_000 // self.rate_hz)
        if self._ring.is_muted:
            mono = self._silence[:n]
        elif len(self._weights) == 1:
            mono = samples[:, 0]
        else:
            mono = np.dot(samples, self._weights, out=self._mono[:n])
        self._ring.write(mono, now_ns)

    def _fill(self, n: int, now_ns: int) -> None:
        """Silence in the place of lost samples: the sound keeps its time, and what was lost is counted."""
        self._ring.add_lost(n)
        while n > 0:
            part = min(n, len(self._silence))
            self._ring.write(self._silence[:part], now_ns)
            n -= part

    def _on_end(self) -> None:
        self.has_ended = True
