"""Jobs of the window: long commands in processes of their own, one after the other, with progress and time left."""

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from app.children import LineReader, end_process, environment, program
from app.jobs.state import RESUMABLE, JobOrder, JobState, read_record, write_record

STOP_S = 10.0
"""How long a stopped job may take to clean up before it is ended by force."""

STOPPED_CODE = 130
RESULTS = ("clip", "avatar", "dataset", "take", "result")
"""Names under which a command's last line gives the file it made."""

SAID_APART = ("stage", "done", "total", "message")
RECORD, KEPT = "jobs.json", 40


class Jobs(QObject):
    """Queues and runs jobs; their list outlives the window, and what was cut short can be gone on with.

    Args:
        folder: for orders, logs and the list.
        at_once: how many run at the same time.

    Signals:
        changed: a JobState. cleared: ids of jobs that are no longer listed.
    """

    changed = Signal(object)
    cleared = Signal(list)

    def __init__(self, folder: Path, at_once: int = 1, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder, self._at_once = folder, at_once
        self._jobs: dict[str, _Job] = {}
        self._is_closing = False
        for state in read_record(folder / RECORD):
            if state.is_open:
                state = replace(state, state="paused" if state.kind in RESUMABLE else "stopped")
            self._add(state)

    @property
    def states(self) -> list[JobState]:
        """All jobs, the oldest first."""
        return [job.state for job in self._jobs.values()]

    def start(
        self, kind: str, order: dict[str, Any], title: str, then: Sequence[JobOrder] = (), to_stage: bool = False
    ) -> str:
        """Queues a job, and with it what follows when it is done; returns its id. Orders may hold `Path`s."""
        return self._start(JobOrder(kind, order, title), tuple(then), to_stage, ())

    def stop(self, identity: str) -> None:
        """Stops a running job as Ctrl-C would, or takes a waiting one out of the queue."""
        self._leave(identity, "stopped")

    def pause(self, identity: str) -> None:
        """Stops a job so that `resume` goes on with it; one that cannot go on keeps running."""
        if identity in self._jobs and self._jobs[identity].state.kind in RESUMABLE:
            self._leave(identity, "paused")

    def resume(self, identity: str) -> None:
        """Puts a paused job at the end of the queue again, or tries one again that failed or was stopped."""
        job = self._jobs.get(identity)
        if job is not None and job.state.can_resume and not job.is_alive:
            job.queue_again()
            self._jobs[identity] = self._jobs.pop(identity)  # behind what waits already
            self._start_next()

    def replan(self, identity: str, then: Sequence[JobOrder], to_stage: bool) -> None:
        """Changes what follows a job."""
        job = self._jobs.get(identity)
        if job is not None and (job.state.then, job.state.to_stage) != (tuple(then), to_stage):
            job.change(then=tuple(then), to_stage=to_stage)
            self._write()

    def clear_ended(self) -> None:
        """Forgets what has ended; the files it made stay."""
        gone = [identity for identity, job in self._jobs.items() if not job.state.is_open and not job.is_alive]
        for identity in gone:
            self._jobs.pop(identity).deleteLater()
        self._write()
        self.cleared.emit(gone)

    def close(self) -> None:
        """Asks all to stop at once; what can go on later is paused."""
        self._is_closing = True
        for job in self._jobs.values():
            job.leave("paused" if job.state.kind in RESUMABLE else "stopped")

    def wait_closed(self, seconds: float = STOP_S) -> None:
        end = time.monotonic() + seconds
        for job in self._jobs.values():
            job.wait(max(0.0, end - time.monotonic()))

    def _start(self, wanted: JobOrder, then: tuple, to_stage: bool, before: tuple[str, ...]) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        order = {"version": 1, **wanted.order} if wanted.kind == "render" else wanted.order
        number = len(self._jobs) + 1
        while (identity := f"{wanted.kind}-{time.strftime('%Y%m%d-%H%M%S')}-{number}") in self._jobs:
            number += 1
        order = json.loads(json.dumps(order, default=str))
        log = self._folder / f"{identity}.log"
        state = JobState(identity, wanted.kind, wanted.title, log=log, order=order, then=then, before=before,
                         to_stage=to_stage)  # fmt: skip
        job = self._add(state)
        job.path.write_text(json.dumps(order, indent=2), encoding="utf-8")
        self._on_changed(state)
        return identity

    def _add(self, state: JobState) -> "_Job":
        job = self._jobs[state.id] = _Job(state, self._folder / f"{state.id}.order", self)
        job.changed.connect(self._on_changed)
        return job

    def _leave(self, identity: str, state: str) -> None:
        job = self._jobs.get(identity)
        if job is not None:
            job.leave(state)

    def _on_changed(self, state: JobState) -> None:
        if not state.is_active or state.stage in ("", "Starting"):
            self._write()
        self.changed.emit(state)
        if state.state == "done" and state.then:
            following, *rest = state.then
            self._start(following, tuple(rest), state.to_stage, (*state.before, state.id))
        self._start_next()

    def _start_next(self) -> None:
        if self._is_closing:
            return
        running = sum(1 for job in self._jobs.values() if job.state.state == "running" or job.is_alive)
        for job in list(self._jobs.values()):
            if job.state.state == "queued" and running < self._at_once:
                running += 1
                job.start()

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # a list that cannot be kept costs nothing but the list
            write_record(self._folder / RECORD, self.states[-KEPT:])


class _Job(QObject):
    """One process of one job."""

    changed = Signal(object)

    def __init__(self, state: JobState, order: Path, parent: QObject) -> None:
        super().__init__(parent)
        self.state, self.path = state, order
        self._process: QProcess | None = None
        self._reader = LineReader()
        self._pace = TimeLeft()
        self._error = ""
        self._left_as = ""
        self._force = QTimer(self, singleShot=True)
        self._force.timeout.connect(self._kill)

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.state() != QProcess.ProcessState.NotRunning

    def start(self) -> None:
        executable, first = program()
        self._reader, self._pace, self._error, self._left_as = LineReader(), TimeLeft(), "", ""
        self._process = QProcess(self)
        self._process.setProcessEnvironment(environment())
        self._process.setStandardErrorFile(str(self.state.log), QProcess.OpenModeFlag.Append)
        self._process.readyReadStandardOutput.connect(self._on_output)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self.change(state="running", stage="Starting", message="", began=self.state.began or time.time(), ended=None)
        self._process.start(executable, [*first, "_job", self.state.kind, str(self.path)])

    def leave(self, state: str) -> None:
        """Ends up `stopped` or `paused`; the process is given time to put its things in order."""
        if self.state.state == "running" and not self._left_as:
            self._left_as = state
            self._process.closeWriteChannel()
            self._force.start(int(STOP_S * 1000))
        elif self.state.state in ("queued", "paused") and self.state.state != state:
            self.change(state=state)

    def queue_again(self) -> None:
        self.change(state="queued", stage="", done=0, total=0, seconds_left=None, message="", ended=None)

    def wait(self, seconds: float) -> None:
        if self._process is not None:
            end_process(self._process, seconds)

    def change(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self.changed.emit(self.state)

    def _on_output(self) -> None:
        for row in self._reader.push(bytes(self._process.readAllStandardOutput().data())):
            if "stage" in row:
                done, total = int(row.get("done", 0)), int(row.get("total", 0))
                left = self._pace.left(str(row["stage"]), done, total)
                message = str(row.get("message", "")) or self.state.message
                values = {name: value for name, value in row.items() if name not in SAID_APART}
                self.change(stage=str(row["stage"]), done=done, total=total, seconds_left=left, message=message,
                            values=values or self.state.values)  # fmt: skip
            elif "error" in row:
                self._error = str(row["error"])
            else:
                made = next((row[name] for name in RESULTS if isinstance(row.get(name), str)), None)
                self.change(result=Path(made) if made else self.state.result, values={**self.state.values, **row})

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._force.stop()
        ended = {"seconds_left": None, "ended": time.time()}
        if code == 0 and status == QProcess.ExitStatus.NormalExit:
            page = self.state.order.get("report") if self.state.kind == "evaluate" else None
            self.change(state="done", result=Path(page) if page else self.state.result, **ended)
        elif self._left_as or code == STOPPED_CODE:
            self.change(state=self._left_as or "stopped", **ended)
        else:
            sentence = self._error or f"The job ended unexpectedly (code {code}); its log says more."
            self.change(state="failed", message=sentence, **ended)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.change(state="failed", message=f"The job cannot be started ({self._process.errorString()}).")

    def _kill(self) -> None:
        self._process.kill()


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
