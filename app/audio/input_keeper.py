"""Keeps the wanted microphone open through everything that happens to microphones, and keeps the sound's time."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from app.audio.devices import AudioDevice, SoundSystem, choose
from app.audio.input_stream import InputStream
from engine.audio.ring import SampleRing, SourceState
from engine.errors import AudioError

SILENT_CALLBACK_SECONDS = 0.3  # without a block for this long, a device is dead or suspended
STALL_SECONDS = 0.2
LOOK_SECONDS = 0.5  # how often it looks for a lost device
PATIENCE_SECONDS = 3.0  # how long an opened stream may take to its first block: headsets are slow
DEAD_SIGNAL_SECONDS = 3.0  # digital silence for this long is worth a word
_MAX_FILL_SECONDS = 1.0

Say = Callable[..., None]


class InputKeeper:
    """A small state machine, driven by `tick`: the ring's state is LIVE while blocks come and LOST while they do not.

    While LOST it writes silence, so that the ring's time goes on for whoever reads it, and looks for the device.

    Args:
        say: told events: `opened`, `back`, `lost`, `error`, `silent`, with their fields.
    """

    def __init__(
        self, system: SoundSystem, ring: SampleRing, say: Say, clock_ns: Callable[[], int] = time.perf_counter_ns
    ):
        self._system, self._ring, self._say, self._clock_ns = system, ring, say, clock_ns
        self._is_wanted = False
        self._wanted: str | None = None
        self._stream: InputStream | None = None
        self._opened_at = self._look_at = self._lost_at = 0.0
        self._ticked_at = self._patient_until = 0.0
        self._had_device = False
        self._last_error = ""
        self._is_silent = self._is_system_muted = self._is_measured = False
        self._signal_at = (0.0, 0)  # when and at which sample the signal was last looked at
        system.before_refresh.append(self._release)

    @property
    def device(self) -> AudioDevice | None:
        """The device that is open, live or not."""
        return self._stream.device if self._stream is not None else None

    def use(self, name: str | None) -> None:
        """Captures the device of that name from now on, or with None whatever is the system's default."""
        self.stop()
        self._is_wanted, self._wanted = True, name
        self._look_at, self._last_error = 0.0, ""
        self._ring.state = SourceState.LOST

    def stop(self) -> None:
        """Stops capturing; the ring is no longer written and may have another writer."""
        self._close_stream()
        if self._is_wanted:  # else the state is another writer's
            self._ring.state = SourceState.NONE
        self._is_wanted = self._had_device = False

    def tick(self) -> None:
        """Looks after the device; to be called some tens of times a second."""
        if not self._is_wanted:
            return
        now = self._now()
        if now - self._ticked_at > STALL_SECONDS:  # this process itself stood still: its blocks are on their way
            self._patient_until = now + SILENT_CALLBACK_SECONDS
        self._ticked_at = now
        if self._ring.state == SourceState.LIVE:
            reason = self._why_lost(now)
            if reason:
                self._lose(reason, now)
            else:
                self._listen_for_signal(now)
        if self._ring.state != SourceState.LIVE:
            self._look(now)
        if self._ring.state != SourceState.LIVE:
            self._keep_time()

    def devices_changed(self, devices: list[AudioDevice]) -> None:
        """Told by whoever watches the system: leaves a device that went, follows the default where that is wanted."""
        if not self._is_wanted or self._stream is None:
            return
        device = self._stream.device
        chosen = choose(devices, "input", self._wanted)
        present = next((d for d in devices if d.kind == "input" and d.key == device.key), None)
        if present is None:
            self._lose(f"{device.name} was unplugged; the voice is silent until it is back.", self._now())
            self._release()
        elif chosen is not None and chosen.key != device.key:
            self._had_device = False  # another microphone is opened, not the same one back
            self._release()
        elif present.is_muted != self._is_system_muted:
            self._is_system_muted = present.is_muted
            sentence = f"{device.name} is muted in the system's sound settings." if present.is_muted else ""
            self._say("silent", is_silent=present.is_muted, sentence=sentence)

    def _release(self) -> None:
        """Closes the stream and looks at once for what is to be captured now."""
        if self._stream is not None:
            self._close_stream()
            self._ring.state = SourceState.LOST
            self._look_at = 0.0

    def counts(self) -> dict[str, Any]:
        """What a heartbeat says about the input."""
        ring, stream = self._ring, self._stream
        return {
            "state": ring.state.name.lower(),
            "name": stream.device.name if stream is not None else None,
            "rate_hz": ring.rate_hz,
            "latency_ms": ring.latency_ms,
            "samples": ring.written,
            "blocks": ring.n_blocks,
            "lost_samples": ring.lost_samples,
            "flags": stream.n_flags if stream is not None else 0,
            "drift_ppm": stream.clock.drift_ppm if stream is not None else 0.0,
            "is_muted": ring.is_muted,
        }

    def _why_lost(self, now: float) -> str:
        stream = self._stream
        if stream is None:
            return "The microphone was closed; it is being opened again."
        if stream.has_ended:
            return f"{stream.device.name} stopped: it was unplugged or the sound server ended; looking for it."
        if now - stream.last_ns * 1e-9 > SILENT_CALLBACK_SECONDS and now > self._patient_until:
            return f"{stream.device.name} gives no sound any more; is it suspended or unplugged? Looking for it."
        return ""

    def _lose(self, sentence: str, now: float) -> None:
        if self._ring.state != SourceState.LIVE:
            return
        stream = self._stream
        name = stream.device.name if stream is not None else None
        self._ring.state = SourceState.LOST
        self._lost_at = self._look_at = now
        if stream is not None:
            stream.is_writing = False
            self._opened_at = now  # it may come back to life by itself: suspended devices do
            if stream.has_ended:
                self._close_stream()
        self._say("lost", kind="input", name=name, sentence=sentence)

    def _look(self, now: float) -> None:
        """One step towards a live stream: open, wait for its first block, or give it up."""
        stream = self._stream
        if stream is not None:
            if stream.last_ns * 1e-9 > max(now - SILENT_CALLBACK_SECONDS / 2, self._opened_at):
                self._go_live(stream, now)
            elif stream.has_ended or now - self._opened_at > PATIENCE_SECONDS:
                self._close_stream()
        if self._stream is None and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._open(now)

    def _go_live(self, stream: InputStream, now: float) -> None:
        stream.begin_writing()
        self._ring.state = SourceState.LIVE
        self._last_error = ""
        self._is_silent, self._is_system_muted, self._is_measured = False, stream.device.is_muted, False
        self._signal_at = (now, self._ring.written)
        fields = {
            "kind": "input",
            "name": stream.device.name,
            "rate_hz": stream.rate_hz,
            "channels": stream.device.channels,
            "latency_ms": self._ring.latency_ms,
            "is_default": stream.device.is_default,
        }
        if self._had_device:
            self._say("back", **fields, seconds=now - self._lost_at)
        else:
            self._say("opened", **fields)
        self._had_device = True

    def _open(self, now: float) -> None:
        try:
            device = self._find()
            try:
                self._stream = InputStream(self._system, device, self._ring)
            except AudioError:
                self._system.refresh()
                self._stream = InputStream(self._system, self._find(), self._ring)
            self._opened_at = now
        except AudioError as error:
            self._say_error(str(error))

    def _find(self) -> AudioDevice:
        device = choose(self._system.devices(), "input", self._wanted)
        if device is None:  # PortAudio may only know devices of long ago
            self._system.refresh()
            device = choose(self._system.devices(), "input", self._wanted)
        if device is None and self._wanted is not None:
            raise AudioError(f"{self._wanted}: is not connected; plug it in or choose another microphone.")
        if device is None:
            raise AudioError("No microphone was found; plug one in, start the sound server, or open a sound file.")
        return device

    def _say_error(self, sentence: str) -> None:
        """Says what is wrong once, not twice a second."""
        if sentence != self._last_error:
            self._last_error = sentence
            self._say("error", kind="input", sentence=sentence)

    def _keep_time(self) -> None:
        """Writes silence up to now; one sample starts the clock of a ring that has none yet."""
        ring, now_ns = self._ring, self._clock_ns()
        has_clock = ring.time_of(0) > -np.inf
        n = int(min(ring.lateness(0, now_ns), _MAX_FILL_SECONDS) * ring.rate_hz) if has_clock else 1
        if n > 0:
            ring.write(np.zeros(n, dtype=np.float32), now_ns)

    def _listen_for_signal(self, now: float) -> None:
        """Notices a device that gives nothing but zeros: muted at its switch, or forbidden by the system."""
        since, first = self._signal_at
        if now - since < DEAD_SIGNAL_SECONDS:
            return
        ring = self._ring
        if not self._is_measured:
            self._is_measured = True
            ring.latency_ms = self._stream.measure_latency_ms()
        samples, _ = ring.read(first, ring.written - first)
        self._signal_at = (now, ring.written)
        is_silent = not (ring.is_muted or self._is_system_muted or samples.any())
        if is_silent != self._is_silent:
            self._is_silent = is_silent
            sentence = (
                f"{self._stream.device.name} gives perfect silence; is it muted in the system, at its own switch, or "
                "does the system forbid this program the microphone?"
            )
            self._say("silent", is_silent=is_silent, sentence=sentence if is_silent else "")

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _now(self) -> float:
        return self._clock_ns() * 1e-9
