"""Jobs of the window: long commands in processes of their own, one after the other, with progress and time left."""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from app.children import LineReader, end_process, environment, program

STOP_S = 10.0
"""How long a stopped job may take to clean up before it is ended by force."""

STOPPED_CODE = 130
RESULTS = ("clip", "avatar", "dataset", "take", "result")
"""Names under which a command's last line gives the file it made."""


@dataclass(frozen=True)
class JobState:
    """A job as the window shows it; `state` is queued, running, done, failed or stopped."""

    id: str
    kind: str
    title: str
    state: str = "queued"
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    message: str = ""
    result: Path | None = None
    log: Path = Path()


class Jobs(QObject):
    """Queues and runs jobs.

    Args:
        folder: for orders and logs.
        at_once: how many run at the same time.

    Signals:
        changed: a JobState.
    """

    changed = Signal(object)

    def __init__(self, folder: Path, at_once: int = 1, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder, self._at_once = folder, at_once
        self._jobs: dict[str, _Job] = {}

    @property
    def states(self) -> list[JobState]:
        """All jobs, the oldest first."""
        return [job.state for job in self._jobs.values()]

    def start(self, kind: str, order: dict[str, Any], title: str) -> str:
        """Queues a job; returns its id. Paths in the order may be `Path`s."""
        self._folder.mkdir(parents=True, exist_ok=True)
        identity = f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}-{len(self._jobs) + 1}"
        path = self._folder / f"{identity}.order"
        if kind == "render":
            order = {"version": 1, **order}
        path.write_text(json.dumps(order, default=str, indent=2), encoding="utf-8")
        state = JobState(identity, kind, title, log=self._folder / f"{identity}.log")
        job = _Job(state, path, self)
        job.changed.connect(self._on_changed)
        self._jobs[identity] = job
        self.changed.emit(state)
        self._start_next()
        return identity

    def stop(self, identity: str) -> None:
        """Stops a running job as Ctrl-C would, or takes a queued one out of the queue."""
        job = self._jobs.get(identity)
        if job is not None:
            job.stop()

    def close(self) -> None:
        """Asks all to stop at once."""
        for job in self._jobs.values():
            job.stop()

    def wait_closed(self, seconds: float = STOP_S) -> None:
        end = time.monotonic() + seconds
        for job in self._jobs.values():
            job.wait(max(0.0, end - time.monotonic()))

    def _on_changed(self, state: JobState) -> None:
        self.changed.emit(state)
        if state.state not in ("queued", "running"):
            self._start_next()

    def _start_next(self) -> None:
        running = sum(1 for job in self._jobs.values() if job.state.state == "running")
        for job in self._jobs.values():
            if job.state.state == "queued" and running < self._at_once:
                running += 1
                job.start()


class _Job(QObject):
    """One process of one job."""

    changed = Signal(object)

    def __init__(self, state: JobState, order: Path, parent: QObject) -> None:
        super().__init__(parent)
        self.state = state
        self._order = order
        self._process: QProcess | None = None
        self._reader = LineReader()
        self._pace = TimeLeft()
        self._error = ""
        self._is_stopping = False
        self._force = QTimer(self, singleShot=True)
        self._force.timeout.connect(self._kill)

    def start(self) -> None:
        executable, first = program()
        self._process = QProcess(self)
        self._process.setProcessEnvironment(environment())
        self._process.setStandardErrorFile(str(self.state.log), QProcess.OpenModeFlag.Append)
        self._process.readyReadStandardOutput.connect(self._on_output)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._set(state="running", stage="Starting")
        self._process.start(executable, [*first, "_job", self.state.kind, str(self._order)])

    def stop(self) -> None:
        if self.state.state == "queued":
            self._set(state="stopped")
        elif self.state.state == "running" and not self._is_stopping:
            self._is_stopping = True
            self._process.closeWriteChannel()
            self._force.start(int(STOP_S * 1000))

    def wait(self, seconds: float) -> None:
        if self._process is not None:
            end_process(self._process, seconds)

    def _on_output(self) -> None:
        for row in self._reader.push(bytes(self._process.readAllStandardOutput().data())):
            if "stage" in row:
                done, total = int(row.get("done", 0)), int(row.get("total", 0))
                left = self._pace.left(str(row["stage"]), done, total)
                message = str(row.get("message", "")) or self.state.message
                self._set(stage=str(row["stage"]), done=done, total=total, seconds_left=left, message=message)
            elif "error" in row:
                self._error = str(row["error"])
            else:
                made = next((row[name] for name in RESULTS if isinstance(row.get(name), str)), None)
                self._set(result=Path(made) if made else self.state.result)

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._force.stop()
        if code == 0 and status == QProcess.ExitStatus.NormalExit:
            self._set(state="done", seconds_left=None)
        elif self._is_stopping or code == STOPPED_CODE:
            self._set(state="stopped", seconds_left=None)
        else:
            sentence = self._error or f"The job ended unexpectedly (code {code}); its log says more."
            self._set(state="failed", seconds_left=None, message=sentence)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._set(state="failed", message=f"The job cannot be started ({self._process.errorString()}).")

    def _kill(self) -> None:
        self._process.kill()

    def _set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self.changed.emit(self.state)


class TimeLeft:
    """Seconds left of a stage, from its pace so far; says nothing for the first moments."""

    AFTER_S = 2.0

    def __init__(self, clock=time.monotonic) -> None:
        self._clock = clock
        self._stage = ""
        self._began = (0.0, 0)

    def left(self, stage: str, done: int, total: int) -> float | None:
        now = self._clock()
        if stage != self._stage or done < self._began[1]:
            self._stage, self._began = stage, (now, done)
        spent, steps = now - self._began[0], done - self._began[1]
        if total <= 0 or steps <= 0 or spent < self.AFTER_S:
            return None
        return (total - done) * spent / steps
