"""What a child sees of the sound devices: PortAudio knows only those that were there when it was started."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.real_time import leave_real_time

PERIOD_SECONDS = 1.0  # a child that lists devices costs a third of a second of a core
SILENT_PERIOD_SECONDS = 15.0  # where there is nothing that a device could come from, until something is
PATIENCE_SECONDS = 6.0  # within what the sound process may stand still
HANGS_SECONDS = 30.0  # a child for which nobody waits has next to no right to a core
NICENESS = 5


def list_command() -> list[str]:
    """How the program prints its devices as JSON and ends."""
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "app"]
    return [*program, "_sound", "--list"]


def sound_places() -> tuple[str, ...] | None:
    """What devices can come from on this machine: the kernel's nodes and the sockets of sound servers. None where that
    cannot be told; an empty tuple where nothing can have a device before something else is here."""
    if sys.platform != "linux":
        return None
    if any(
        name in os.environ for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "PIPEWIRE_REMOTE", "JACK_DEFAULT_SERVER")
    ):
        return None
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    places = [
        Path("/dev/snd"),
        *runtime.glob("pulse*/native"),
        Path("/run/pulse/native"),
        *runtime.glob("pipewire-*"),
        *Path("/dev/shm").glob("jack*"),
    ]
    found = [str(child) for place in places if place.exists() for child in (place, *_children(place))]
    return tuple(sorted(found))


def _children(place: Path) -> list[Path]:
    try:
        return list(place.iterdir()) if place.is_dir() else []
    except OSError:
        return []


class DeviceLook:
    """Looks every few seconds, on demand, and lets nobody wait; a child that dies of looking has seen nothing.

    Starting PortAudio is no small thing: where it was built with JACK and no JACK server runs, libjack starts a thread
    and gives it up again. On crowded machines that thread was seen to crash in its first lines, its object freed before
    it ran. That must not happen again and again in the process that holds the microphone.
    """

    def __init__(
        self, command: Callable[[], list[str]] = list_command, clock: Callable[[], float] = time.monotonic,
        places: Callable[[], tuple[str, ...] | None] = sound_places,
    ) -> None:  # fmt: skip
        self._command, self._clock, self._places = command, clock, places
        self._seen_places: tuple[str, ...] | None = None
        self._child: subprocess.Popen | None = None
        self._began_at = -PERIOD_SECONDS

    def take(self) -> list[dict[str, Any]] | None:
        """The devices that a child which has ended saw, each as fields of `AudioDevice`; None while there is none."""
        now = self._clock()
        if self._child is None:
            if now - self._began_at >= PERIOD_SECONDS and self._is_worth_it(now):
                self._begin(now)
            return None
        if self._child.poll() is None:
            if now - self._began_at > HANGS_SECONDS:
                self._child.kill()
            return None
        child, self._child = self._child, None
        with child:
            return _rows(child.stdout.read()) if child.returncode == 0 else None

    def _is_worth_it(self, now: float) -> bool:
        """False where nothing can have brought a device since the last look."""
        before, self._seen_places = self._seen_places, self._places()
        if self._seen_places != () or before != ():
            return True
        return now - self._began_at >= SILENT_PERIOD_SECONDS

    def wait(self) -> list[dict[str, Any]] | None:
        """Has a child look now and waits for it."""
        try:
            child = self._start(niceness=0)
        except OSError:
            return None
        with child:
            try:
                text, _ = child.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                return None
        return _rows(text) if child.returncode == 0 else None

    def close(self) -> None:
        """Ends a child that is still looking."""
        if self._child is not None:
            self._child.kill()
            with self._child:
                self._child = None

    def _begin(self, now: float) -> None:
        self._began_at = now
        try:
            self._child = self._start(NICENESS)
        except OSError as error:
            print(f"looking for sound devices: {error}", file=sys.stderr)

    def _start(self, niceness: int) -> subprocess.Popen:
        """A child that has nothing of the sound process's real time: it would hold up all else while it starts."""
        child = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        leave_real_time(child.pid, niceness)
        return child


def _rows(text: bytes) -> list[dict[str, Any]] | None:
    try:
        rows = json.loads(text)
    except ValueError:
        return None
    return rows if isinstance(rows, list) else None
