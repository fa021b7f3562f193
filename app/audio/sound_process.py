"""The sound process: microphone into the voice ring, output ring to the loudspeaker, and word of how they fare.

Requests, one JSON object a line: `{"do": "use_input", "name": NAME}` and `use_output` (a name from `devices`; null for
the system's default), `stop_input`, `stop_output`, `{"do": "mute", "is_muted": BOOL}`, `list`, `quit`; for the virtual
camera's voice `{"do": "use_cable", "name": NAME, "is_played": BOOL}`, `{"do": "delay_cable", "delay_ms": MS}` and
`stop_cable`.

Events: `ready`; `devices` {devices}; `opened` and `back` {kind, name, rate_hz, channels, latency_ms, is_default};
`lost` {kind, name, sentence}; `silent` {is_silent, sentence}; `error` {kind, sentence}; `heartbeat` {input, output,
cable}. A kind is `input`, `output` or `cable`.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from app.audio.cable_keeper import CableKeeper
from app.audio.devices import AudioDevice, SoundSystem
from app.audio.input_keeper import InputKeeper
from app.audio.output_keeper import OutputKeeper
from app.audio.pulse import ServerWatcher
from app.real_time import ask_for_real_time
from app.workers.lines import Lines
from engine.audio.ring import OUTPUT_RING, RING_SECONDS, VOICE_RING, SampleRing
from engine.errors import AudioError, MouthpieceError

TICK_SECONDS = 0.02
HEARTBEAT_SECONDS = 0.5
STUCK_SECONDS = 8.0  # a sound system that hangs inside a call is left to a new process
STUCK_EXIT_CODE = 75
USUAL_RATE_HZ = 48_000


def main(argv: list[str]) -> int:
    """`mouthpiece _sound FOLDER`: runs until the window closes its end of the pipe; `--list` prints the devices."""
    parser = argparse.ArgumentParser(prog="mouthpiece _sound")
    parser.add_argument("folder", type=Path, nargs="?", help="the per-run folder that holds the rings")
    parser.add_argument("--list", action="store_true", help="print the devices as JSON and end")
    arguments = parser.parse_args(argv)
    if arguments.list:
        return _print_devices()
    if arguments.folder is None:
        parser.error("the per-run folder is missing")
    ask_for_real_time()
    lines = Lines.of_process()
    try:
        process = SoundProcess(arguments.folder, lines)
        _end_on_signals(process)
        _StuckGuard(process)
        process.run()
        return 0
    except MouthpieceError as error:
        lines.say("error", kind="process", sentence=str(error))
        return error.exit_code
    finally:
        lines.close()


class SoundProcess:
    """The loop of the sound process: obeys, looks after input and output, and gives a heartbeat."""

    def __init__(self, folder: Path, lines: Lines) -> None:
        self._lines = lines
        self._system = SoundSystem()
        self._ring = _voice_ring(folder)
        self.input = InputKeeper(self._system, self._ring, lines.say)
        self.output = OutputKeeper(self._system, folder / OUTPUT_RING, lines.say)
        self.cable = CableKeeper(self._system, folder, lines.say)
        self._watcher: ServerWatcher | None = None
        self._devices: list[AudioDevice] | None = None
        self._heartbeat_at = 0.0
        self.is_ending = False
        self.ticked_at = time.monotonic()

    def run(self) -> None:
        """Goes round until told to quit or until the other end of the pipe closes."""
        self._lines.say("ready", pid=os.getpid())
        if self._system.has_server:
            self._watcher = ServerWatcher()
        self._look_at_devices()
        try:
            while not (self._lines.is_closed or self.is_ending):
                self._tick()
                self._lines.wait(TICK_SECONDS)
        finally:
            self.input.stop()
            self.output.stop()
            self.cable.stop()
            self._system.finish()
            if self._watcher is not None:
                self._watcher.close()
            self._ring.close()

    def _tick(self) -> None:
        self.ticked_at = time.monotonic()
        for request in self._lines.take():
            self._obey(request)
        if self._watcher is not None and self._watcher.take_change():
            self._look_at_devices()
        self.input.tick()
        self.output.tick()
        self.cable.tick()
        if self.ticked_at - self._heartbeat_at >= HEARTBEAT_SECONDS:
            self._heartbeat_at = self.ticked_at
            counts = {part.KIND: part.counts() for part in (self.output, self.cable)}
            self._lines.say_newest("heartbeat", input=self.input.counts(), **counts)

    def _obey(self, request: dict[str, Any]) -> None:
        action = request.get("do")
        if action == "use_input":
            self.input.use(request.get("name"))
        elif action == "stop_input":
            self.input.stop()
        elif action == "use_output":
            self.output.use(request.get("name"))
        elif action == "stop_output":
            self.output.stop()
        elif action == "use_cable":
            self.cable.use_ring(request.get("name"), bool(request.get("is_played", False)))
        elif action == "delay_cable":
            self.cable.set_delay_ms(float(request.get("delay_ms", 0.0)))
        elif action == "stop_cable":
            self.cable.stop()
        elif action == "mute":
            self._ring.is_muted = bool(request.get("is_muted", True))
        elif action == "list":
            self._devices = None
            self._look_at_devices(is_fresh=True)
        elif action == "quit":
            self.is_ending = True
        else:
            print(f"unknown request: {action!r}", file=sys.stderr)

    def _look_at_devices(self, is_fresh: bool = False) -> None:
        """Says what devices there are if that has changed, and lets the input notice that its own went or came."""
        try:
            devices = self._system.fresh_devices() if is_fresh else self._system.devices()
        except AudioError as error:
            self._lines.say("error", kind="process", sentence=str(error))
            devices = []
        if devices != self._devices:
            self._devices = devices
            self._lines.say("devices", devices=[device.to_json() for device in devices])
        if devices:
            for part in (self.input, self.output, self.cable):
                part.devices_changed(devices)


class _StuckGuard:
    """Ends the process when its loop hangs inside the sound system; the window starts it anew."""

    def __init__(self, process: SoundProcess) -> None:
        self._process = process
        threading.Thread(target=self._watch, name="stuck guard", daemon=True).start()

    def _watch(self) -> None:
        while not self._process.is_ending:
            time.sleep(1.0)
            if time.monotonic() - self._process.ticked_at > STUCK_SECONDS:
                print("the sound system does not answer; the sound process ends to be started anew", file=sys.stderr)
                os._exit(STUCK_EXIT_CODE)


def _voice_ring(folder: Path) -> SampleRing:
    """The ring the window made, or a new one."""
    path = folder / VOICE_RING
    return SampleRing.attach(path) if path.exists() else SampleRing.create(path, USUAL_RATE_HZ, RING_SECONDS)


def _end_on_signals(process: SoundProcess) -> None:
    def end(*_: Any) -> None:
        process.is_ending = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the window's affair


def _print_devices() -> int:
    try:
        rows = [device.to_json() for device in SoundSystem().devices()]
    except AudioError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(rows))
    return 0
