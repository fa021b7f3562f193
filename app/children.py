"""A child process of the window: started, spoken with in JSON lines, and started again when it dies."""

import json
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

ROOT = Path(__file__).resolve().parent.parent
RESTART_DELAYS_MS = (0, 300, 1000, 3000, 8000)
"""Pause before each further restart within `RESTART_WINDOW_S`; after the last one the child is given up."""

RESTART_WINDOW_S = 60.0
CLOSE_S = 3.0
IS_POSIX = os.name == "posix"
MAX_LOG_BYTES = 1 << 20


def program() -> tuple[str, list[str]]:
    """How this program starts itself: executable and first arguments, also when it is frozen."""
    return (sys.executable, []) if getattr(sys, "frozen", False) else (sys.executable, ["-m", "app"])


def environment() -> QProcessEnvironment:
    """This process's environment with the program itself on Python's path, wherever it was started from."""
    made = QProcessEnvironment.systemEnvironment()
    paths = [str(ROOT), *filter(None, [made.value("PYTHONPATH")])]
    made.insert("PYTHONPATH", os.pathsep.join(paths))
    made.insert("PYTHONUNBUFFERED", "1")
    return made


def end_process(process: QProcess, seconds: float) -> None:
    """Waits for a process that was told to end, and ends it by force when it does not."""
    if process.state() == QProcess.ProcessState.NotRunning:
        return
    if not process.waitForFinished(max(1, int(seconds * 1000))):
        process.kill()
        process.waitForFinished(5000)


class LineReader:
    """Cuts what a pipe gives into JSON objects; lines that are none are left out."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, data: bytes) -> list[dict[str, Any]]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        rows = []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                rows.append(row)
        return rows


class Child(QObject):
    """One of the window's processes: performer, sound or recorder.

    Args:
        name: as `process_changed` says it.
        arguments: after the program, such as `["_performer", FOLDER]`.
        log: file that takes its standard error.
        silence_s: without a line for so long it is taken to hang, and started anew; None for never.

    Signals:
        said: an event of the child, a dict.
        began: it runs (again) and needs everything it must know.
        changed: state (starting, running, lost, stopped) and a sentence for a person.
    """

    said = Signal(dict)
    began = Signal()
    changed = Signal(str, str)

    def __init__(
        self, name: str, arguments: list[str], log: Path, silence_s: float | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.name = name
        self.state = "stopped"
        self._arguments, self._log = arguments, log
        self._is_wanted = False
        self._deaths: deque[float] = deque(maxlen=len(RESTART_DELAYS_MS) + 1)
        self._process: QProcess | None = None
        self._closing: QProcess | None = None
        self._reader = LineReader()
        self._restart = QTimer(self, singleShot=True)
        self._restart.timeout.connect(self._launch)
        self._silence_s = silence_s
        self._heard_at = 0.0
        self._listen = QTimer(self, interval=2000)
        self._listen.timeout.connect(self._look_for_silence)

    @property
    def pid(self) -> int:
        """Of the running process, 0 when there is none."""
        return self._process.processId() if self._process is not None else 0

    def start(self) -> None:
        """Starts it, also after it was given up."""
        self._is_wanted = True
        self._deaths.clear()
        if self._process is None:
            self._launch()

    def ask(self, do: str, **fields: Any) -> None:
        """Sends a request; while it does not run nothing is sent, `began` then tells when to say it all again."""
        if self._process is not None and self.state in ("starting", "running"):
            self._process.write(json.dumps({"do": do, **fields}).encode() + b"\n")
            if IS_POSIX and self._process.state() == QProcess.ProcessState.Running:
                self._process.waitForBytesWritten(0)  # now, as far as the pipe has room, not after the next painting

    def close(self) -> None:
        """Lets it end by itself, for a moment; then ends it."""
        self._is_wanted = False
        self._restart.stop()
        self._listen.stop()
        process, self._process = self._process, None
        if process is None:
            return
        process.finished.disconnect(self._on_finished)
        process.errorOccurred.disconnect(self._on_error)
        process.closeWriteChannel()
        self._closing = process

    def wait_closed(self, seconds: float = CLOSE_S) -> None:
        """After `close`: waits until it has ended, and ends it by force when it does not."""
        if self._closing is not None:
            end_process(self._closing, seconds)
            self._closing = None
        self._set("stopped", "")

    def _launch(self) -> None:
        executable, first = program()
        process = QProcess(self)
        process.setProcessEnvironment(environment())
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if self._log.exists() and self._log.stat().st_size > MAX_LOG_BYTES:
            self._log.replace(self._log.with_suffix(".old.log"))
        process.setStandardErrorFile(str(self._log), QProcess.OpenModeFlag.Append)
        process.readyReadStandardOutput.connect(self._on_output)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process, self._reader = process, LineReader()
        self._heard_at = time.monotonic()
        if self._silence_s is not None:
            self._listen.start()
        self._set("starting", "")
        process.start(executable, [*first, *self._arguments])
        self.began.emit()

    def _on_output(self) -> None:
        if self._process is None:
            return
        self._heard_at = time.monotonic()
        for row in self._reader.push(bytes(self._process.readAllStandardOutput().data())):
            if self.state == "starting":
                self._set("running", "")
            self.said.emit(row)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._died(f"The {self.name} process cannot be started ({self._process.errorString()}).")

    def _on_finished(self, code: int, _status: QProcess.ExitStatus) -> None:
        self._died(f"The {self.name} process ended unexpectedly (code {code}).")

    def _died(self, sentence: str) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        if not self._is_wanted:
            return
        now = time.monotonic()
        self._deaths.append(now)
        recent = sum(1 for moment in self._deaths if now - moment < RESTART_WINDOW_S)
        if recent > len(RESTART_DELAYS_MS):
            self._is_wanted = False
            self._set("stopped", f"{sentence} It was started {recent - 1} times in vain; its log is {self._log}.")
            return
        self._set("lost", f"{sentence} It is being started again.")
        self._restart.start(RESTART_DELAYS_MS[recent - 1])

    def _look_for_silence(self) -> None:
        if self._process is not None and time.monotonic() - self._heard_at > self._silence_s:
            print(f"{self.name}: silent for {self._silence_s:g} s, ended by force", file=sys.stderr)
            self._heard_at = time.monotonic()
            self._process.kill()

    def _set(self, state: str, sentence: str) -> None:
        if (state, sentence) != (self.state, ""):
            self.state = state
            self.changed.emit(state, sentence)
