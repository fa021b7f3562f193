"""Keeps the voice going to the loudspeaker or virtual cable that belongs to the virtual camera, late as its picture."""

from collections import deque
from pathlib import Path
from typing import Any

from app.audio.devices import AudioDevice, SoundSystem
from app.audio.input_keeper import Say
from app.audio.late_stream import BLOCKS_PER_SECOND, LateStream
from app.audio.output_keeper import OutputKeeper
from engine.audio.ring import OUTPUT_RING, VOICE_RING

MAX_DELAY_S = 2.0
_N_LATENCIES = 8  # readings that make a mean; a single one depends on when in a block it was taken
_SOON_S, _LATER_S = 0.2, 2.0  # between readings, before and after there are as many


class CableKeeper(OutputKeeper):
    """Plays what is heard, or a take that is played, on a device of the user's choice."""

    KIND = "cable"

    def __init__(self, system: SoundSystem, folder: Path, say: Say) -> None:
        super().__init__(system, folder / VOICE_RING, say)
        self._folder = folder
        self._delay_s = 0.0
        self._latencies_ms: deque[float] = deque(maxlen=_N_LATENCIES)
        self._ask_at = 0.0

    def use_ring(self, name: str | None, is_played: bool) -> None:
        """Plays the voice ring on the device of that name, or with `is_played` the output ring."""
        path = self._folder / (OUTPUT_RING if is_played else VOICE_RING)
        self.use(name)
        if path != self._path:
            if self._ring is not None:
                self._ring.close()
            self._ring, self._path = None, path

    def set_delay_ms(self, delay_ms: float) -> None:
        """How late the voice shall leave, after it was in the air."""
        self._delay_s = min(max(0.0, 1e-3 * delay_ms), MAX_DELAY_S)
        if self._stream is not None:
            self._stream.delay_s = self._delay_s

    def tick(self) -> None:
        super().tick()
        now = self._clock_ns() * 1e-9
        if self._stream is not None and now >= self._ask_at:
            self._measure(self._stream)
            self._ask_at = now + (_LATER_S if len(self._latencies_ms) == _N_LATENCIES else _SOON_S)

    def counts(self) -> dict[str, Any]:
        stream = self._stream
        figures = {"delay_ms": 1e3 * self._delay_s, "offset_ms": stream.offset_ms if stream is not None else 0.0}
        return {**super().counts(), **figures}

    def _make_stream(self, device: AudioDevice) -> LateStream:
        self._latencies_ms.clear()
        is_played = self._path.name == OUTPUT_RING
        return LateStream(self._system, device, self._ring, self._delay_s, is_played)

    def _measure(self, stream: LateStream) -> None:
        """What is buffered at a moment of chance is half a block more than what a new block finds before it."""
        buffered_ms = self._system.output_latency_ms(stream.device)
        if buffered_ms is not None:
            self._latencies_ms.append(buffered_ms)
        if len(self._latencies_ms) == _N_LATENCIES:
            half_block_ms = 500 / BLOCKS_PER_SECOND
            stream.latency_ms = max(0.0, sum(self._latencies_ms) / _N_LATENCIES - half_block_ms)
