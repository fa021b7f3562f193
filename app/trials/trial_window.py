"""The real window on a virtual microphone, in a home of its own: what trials of the whole program run on."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.trials.virtual_sound import PipeMicrophone, VirtualSound, missing_programs
from engine.errors import AudioError, MouthpieceError, OutputError

PATIENCE_S = 180.0
RATE_HZ = 48_000


@dataclass
class TrialWindow:
    """An open window with an avatar on stage that hears a sound the trial knows sample by sample.

    Attributes:
        studio: the program; session: its session.
        sound: what is said, `[n]` float32 at 48 kHz, over and over.
    """

    studio: object
    session: object
    sound: np.ndarray
    _app: object
    _times: Path

    def wait(self, is_so: Callable[[], object], seconds: float = PATIENCE_S, what: str = "the program") -> None:
        """Lets the window live until something is so.

        Raises:
            AudioError: when it does not come true in time.
        """
        deadline = time.perf_counter() + seconds
        while not is_so():
            if time.perf_counter() > deadline:
                raise AudioError(f"waited {seconds:.0f} s in vain for {what}; the logs of the processes may say why.")
            self.live(0.02)

    def live(self, seconds: float) -> None:
        """Lets the window live for some time."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(max(1, round(seconds * 1e3)), loop.quit)
        loop.exec()

    @property
    def n_said(self) -> int:
        """Blocks of 10 ms said so far."""
        return self._times.stat().st_size // 8 if self._times.exists() else 0

    def said(self) -> np.ndarray:
        """`perf_counter` seconds at which each 10 ms block so far had entered the microphone."""
        return np.fromfile(self._times, dtype=np.float64)


@contextlib.contextmanager
def trial_window(avatar: Path, sound: np.ndarray, size: tuple[int, int] = (1280, 800)) -> Iterator[TrialWindow]:
    """Opens the window on an avatar; settings, takes and sound devices of the user stay untouched.

    Raises:
        AudioError: without PulseAudio. OutputError: without a display.
    """
    missing = missing_programs()
    if missing:
        raise AudioError(f"a virtual microphone needs {', '.join(missing)}: apt install pulseaudio pulseaudio-utils "
                         "libasound2-plugins libportaudio2.")  # fmt: skip
    from app.application import display_problem, opened, parse

    if display_problem(os.environ, sys.platform) is not None:
        raise OutputError("there is no display; put xvfb-run -a -s '-screen 0 1920x1200x24' before the command.")
    avatar = Path(avatar).resolve()
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mp-trial-")))
        server = VirtualSound(home / "sound")
        stack.enter_context(set_environment(PULSE_SERVER=server.server, MOUTHPIECE_DATA=str(home / "data"),
                                         MOUTHPIECE_CONFIG=str(home / "config")))  # fmt: skip
        stack.enter_context(server)
        times = stack.enter_context(_piped(server, sound, home))
        from PySide6.QtWidgets import QApplication

        from app.theme.theme import prepare_fonts

        prepare_fonts()
        app = QApplication.instance() or QApplication([sys.argv[0]])
        studio = opened(app, parse([str(avatar), "--size", f"{size[0]}x{size[1]}"]))
        window = TrialWindow(studio, studio.session, sound, app, times)
        failures: list[str] = []
        studio.session.avatar_failed.connect(failures.append)
        try:
            window.wait(lambda: studio.session.manifest is not None or failures, what="the avatar")
            if failures:
                raise MouthpieceError(failures[0])
            window.wait(lambda: studio.session.source.kind == "microphone", what="the microphone")
            window.wait(lambda: studio.session.frames.newest() is not None, what="the first picture")
            yield window
        finally:
            studio.window.close()
            studio.close()
            app.processEvents()


@contextlib.contextmanager
def _piped(server: VirtualSound, sound: np.ndarray, home: Path) -> Iterator[Path]:
    """A microphone that says `sound`, its writer a process of its own, so that the window's work cannot hold it up."""
    import soundfile

    soundfile.write(home / "said.wav", sound, RATE_HZ, subtype="PCM_16")
    fifo, times = PipeMicrophone.plug_in(server, RATE_HZ), home / "times"
    command = [sys.executable, "-m", "app", "_microphone", str(fifo), str(home / "said.wav"), str(times)]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2])
    try:
        yield times
    finally:
        writer.stdin.close()
        try:
            writer.wait(5)
        except subprocess.TimeoutExpired:
            writer.kill()
            writer.wait()


@contextlib.contextmanager
def set_environment(**values: str) -> Iterator[None]:
    """Environment variables for a while; what they were comes back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
