"""A sound server of its own for trials and tests: virtual microphones and loudspeakers that no machine needs to have.

PulseAudio runs in a temporary folder with a loudspeaker that nobody hears ("Virtual loudspeaker") and a microphone that
hears it ("Virtual microphone"). Whatever is played there is what a person says.
"""

import ctypes.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from app.real_time import ask_for_real_time
from engine.errors import AudioError

NEEDED = ("pulseaudio", "pactl", "paplay")
SINK, MICROPHONE = "loudspeaker", "microphone"
SINK_NAME, MICROPHONE_NAME = "Virtual loudspeaker", "Virtual microphone"
START_SECONDS = 60.0
_F_SETPIPE_SZ = 1031


def missing_programs() -> list[str]:
    """What a virtual sound server needs and this machine has not; empty where it can run."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if sys.platform == "linux" and ctypes.util.find_library("portaudio") is None:
        missing.append("portaudio")
    return missing


class VirtualSound:
    """A PulseAudio daemon in `folder`; usable as a context manager.

    Raises:
        AudioError: from `start`, when the server does not answer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.server = f"unix:{self.folder / 'native'}"
        self._daemon: subprocess.Popen | None = None
        self._players: list[subprocess.Popen] = []

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use this server and no other."""
        return {**os.environ, "PULSE_SERVER": self.server}

    def start(self, has_devices: bool = True) -> None:
        """Starts the server and waits until it answers."""
        for name in ("run", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "run").chmod(0o700)
        lines = [f"load-module module-native-protocol-unix socket={self.folder / 'native'} auth-anonymous=1"]
        script = self.folder / "server.pa"
        script.write_text("\n".join(lines) + "\n")
        own = {"XDG_RUNTIME_DIR": str(self.folder / "run"), "HOME": str(self.folder / "home")}
        command = ["pulseaudio", "-n", "-F", str(script), "--daemonize=no", "--exit-idle-time=-1"]
        command += ["--use-pid-file=false", f"--log-target=file:{self.folder / 'log'}"]
        self._daemon = subprocess.Popen(
            command, env={**self.environment, **own}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ask_for_real_time(self._daemon.pid)  # it stands for hardware, which no busy machine holds up
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise AudioError(f"{self.folder}: the virtual sound server does not start; see {self.folder / 'log'}.")
            time.sleep(0.02)
        if has_devices:
            self.add_loudspeaker()
            self.add_microphone()

    def stop(self) -> None:
        """Kills the server and whatever plays through it; the microphone is as good as unplugged."""
        for player in self._players:
            _end(player)
        self._players.clear()
        if self._daemon is not None:
            _end(self._daemon)
            self._daemon = None
        (self.folder / "native").unlink(missing_ok=True)

    def __enter__(self) -> "VirtualSound":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def pactl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["pactl", *arguments], env=self.environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.strip()

    def add_loudspeaker(
        self, key: str = SINK, name: str = SINK_NAME, rate_hz: int = 48_000, channels: int = 2, is_default: bool = True
    ) -> str:
        """A loudspeaker nobody hears; returns the module number for `remove`.

        `norewinds` matters: without it the first sound arrives after up to two seconds.
        """
        number = self.pactl(
            "load-module", "module-null-sink", f"sink_name={key}", f"rate={rate_hz}", f"channels={channels}",
            "norewinds=1", f"sink_properties={_described(name)}",
        )  # fmt: skip
        if is_default:
            self.pactl("set-default-sink", key)
        return number

    def add_microphone(
        self, key: str = MICROPHONE, name: str = MICROPHONE_NAME, hears: str = SINK, is_default: bool = True
    ) -> str:
        """A microphone that hears a loudspeaker, with its rate and channels; returns the module number for `remove`."""
        number = self.pactl(
            "load-module", "module-remap-source", f"source_name={key}", f"master={hears}.monitor", "remix=no",
            f"source_properties={_described(name)}",
        )  # fmt: skip
        if is_default:
            self.pactl("set-default-source", key)
        return number

    def remove(self, module: str) -> None:
        """Unplugs what `add_loudspeaker` or `add_microphone` made."""
        self.pactl("unload-module", module)

    def remove_microphone(self, key: str = MICROPHONE) -> None:
        """Unplugs a microphone by its key."""
        for line in self.pactl("list", "short", "modules").splitlines():
            fields = line.split("\t")
            if len(fields) > 2 and f"source_name={key} " in fields[2] + " ":
                self.remove(fields[0])

    def suspend_microphone(self, is_suspended: bool, key: str = MICROPHONE) -> None:
        self.pactl("suspend-source", key, str(int(is_suspended)))

    def mute_microphone(self, is_muted: bool, key: str = MICROPHONE) -> None:
        self.pactl("set-source-mute", key, str(int(is_muted)))

    def say(
        self, sound: Path | np.ndarray, rate_hz: int = 16_000, into: str = SINK, latency_ms: int = 50
    ) -> subprocess.Popen:
        """Plays a file or samples so that the microphone hears them; the process ends with the sound.

        `latency_ms` is how far the player runs ahead: with much of it no busy machine makes it stutter.
        """
        if isinstance(sound, np.ndarray):
            path = self.folder / f"said{len(self._players)}.wav"
            soundfile.write(path, sound, rate_hz)
        else:
            path = sound
        command = ["paplay", f"--device={into}", f"--latency-msec={latency_ms}", str(path)]
        player = subprocess.Popen(command, env=self.environment)
        self._players.append(player)
        return player

    def _answers(self) -> bool:
        return subprocess.run(["pactl", "info"], env=self.environment, capture_output=True).returncode == 0


class PipeMicrophone:
    """A microphone fed sample by sample by this process, so that the time each sample enters the server is known.

    Args:
        source: what gives the next 10 ms block, called when its last sample "happens".

    Attributes:
        written: perf_counter seconds at which each block was handed over.
    """

    KEY, NAME = "pipe", "Piped microphone"

    def __init__(
        self, sound: VirtualSound, source: Callable[[int], np.ndarray], rate_hz: int = 48_000, is_default: bool = True
    ) -> None:
        self.written: list[float] = []
        self._source, self._rate_hz = source, rate_hz
        self._file = os.open(self.plug_in(sound, rate_hz, is_default), os.O_WRONLY)
        if sys.platform == "linux":
            import fcntl

            fcntl.fcntl(self._file, _F_SETPIPE_SZ, 4096)  # the smallest pipe, so that no sound queues up unseen
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._write, name="piped microphone")
        self._thread.start()

    @classmethod
    def plug_in(cls, sound: VirtualSound, rate_hz: int, is_default: bool = True) -> Path:
        """Makes the device; returns the pipe into which whoever speaks writes s16 samples in real time."""
        fifo = sound.folder / f"{cls.KEY}.fifo"
        sound.pactl(
            "load-module", "module-pipe-source", f"source_name={cls.KEY}", f"file={fifo}", "format=s16le",
            f"rate={rate_hz}", "channels=1", f"source_properties={_described(cls.NAME)}",
        )  # fmt: skip
        if is_default:
            sound.pactl("set-default-source", cls.KEY)
        return fifo

    def close(self) -> None:
        self._is_stopped.set()
        self._thread.join()
        os.close(self._file)

    def _write(self) -> None:
        at, number = time.perf_counter(), 0
        while not self._is_stopped.is_set():
            at += 0.01
            time.sleep(max(0.0, at - time.perf_counter()))
            block = (np.clip(self._source(number), -1, 1) * 32_767).astype("<i2")
            self.written.append(time.perf_counter())
            try:
                os.write(self._file, block.tobytes())
            except OSError:
                return  # the server has gone
            number += 1


def _described(name: str) -> str:
    """A device's name as module arguments want it quoted."""
    return f"\"device.description='{name}'\""


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
