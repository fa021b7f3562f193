"""Keeps the wanted loudspeaker playing the output ring, through unplugging and servers that end."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.audio.devices import AudioDevice, SoundSystem, choose
from app.audio.input_keeper import LOOK_SECONDS, Say
from app.audio.output_stream import OutputStream
from engine.audio.ring import SampleRing
from engine.errors import AudioError

SILENT_CALLBACK_SECONDS = 1.0
_OPENING_SECONDS = 3.0


class OutputKeeper:
    """Like `InputKeeper`, for playing: driven by `tick`, says `opened`, `back`, `lost` and `error`."""

    KIND = "output"  # what its events are about

    def __init__(self, system: SoundSystem, path: Path, say: Say, clock_ns: Callable[[], int] = time.perf_counter_ns):
        self._system, self._path, self._say, self._clock_ns = system, path, say, clock_ns
        self._ring: SampleRing | None = None
        self._is_wanted = False
        self._wanted: str | None = None
        self._stream: Any = None
        self._opened_at = self._look_at = 0.0
        self._is_lost = False
        self._last_error = ""
        system.before_refresh.append(self._close_stream)

    def use(self, name: str | None) -> None:
        """Plays on the device of that name from now on, or with None on the system's default."""
        self.stop()
        self._is_wanted, self._wanted = True, name
        self._look_at, self._last_error = 0.0, ""

    def stop(self) -> None:
        self._close_stream()
        self._is_wanted = self._is_lost = False

    def devices_changed(self, devices: list[AudioDevice]) -> None:
        """Told by whoever watches the system: leaves a device that went, before the server plays it elsewhere."""
        stream = self._stream
        if stream is not None and not any(d.kind == "output" and d.key == stream.device.key for d in devices):
            self._lose(f"{stream.device.name} was unplugged; looking for it.", self._clock_ns() * 1e-9)

    def tick(self) -> None:
        """Looks after the device; to be called some tens of times a second."""
        if not self._is_wanted or not self._has_ring():
            return
        now = self._clock_ns() * 1e-9
        stream = self._stream
        if stream is not None and stream.generation != self._ring.generation:
            self._close_stream()
            self._look_at = 0.0
        elif stream is not None and self._is_dead(stream, now):
            self._lose(f"{stream.device.name} stopped playing; looking for it.", now)
        if self._stream is None and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._open(now)

    def counts(self) -> dict[str, Any]:
        """What a heartbeat says about the output."""
        stream = self._stream
        return {
            "state": "live" if stream is not None else "lost" if self._is_wanted else "none",
            "name": stream.device.name if stream is not None else None,
            "underruns": stream.n_underruns if stream is not None else 0,
            "latency_ms": stream.latency_ms if stream is not None else 0.0,
        }

    def _has_ring(self) -> bool:
        if self._ring is None and self._path.exists():
            try:
                self._ring = SampleRing.attach(self._path)
            except AudioError:
                return False  # being made just now
        return self._ring is not None

    def _lose(self, sentence: str, now: float) -> None:
        name = self._stream.device.name
        self._close_stream()
        self._is_lost, self._look_at = True, now
        self._say("lost", kind=self.KIND, name=name, sentence=sentence)

    def _make_stream(self, device: AudioDevice) -> Any:
        return OutputStream(self._system, device, self._ring)

    def _is_dead(self, stream: Any, now: float) -> bool:
        newest = max(stream.last_ns * 1e-9 + SILENT_CALLBACK_SECONDS, self._opened_at + _OPENING_SECONDS)
        return stream.has_ended or now > newest

    def _open(self, now: float) -> None:
        try:
            device = choose(self._system.devices(), "output", self._wanted)
            if device is None:
                self._system.refresh()
                device = choose(self._system.devices(), "output", self._wanted)
            if device is None:
                what = f"{self._wanted}: is not connected" if self._wanted else "No loudspeaker was found"
                raise AudioError(f"{what}; sound is not played until there is one.")
            self._stream = self._make_stream(device)
        except AudioError as error:
            if str(error) != self._last_error:
                self._last_error = str(error)
                self._say("error", kind=self.KIND, sentence=str(error))
            return
        self._opened_at, self._last_error = now, ""
        self._say(
            "back" if self._is_lost else "opened",
            kind=self.KIND,
            name=device.name,
            rate_hz=self._stream.rate_hz,
            channels=device.channels,
            latency_ms=self._stream.latency_ms,
            is_default=device.is_default,
        )
        self._is_lost = False

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
