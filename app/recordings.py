"""Recording from the window's side: names and places of takes, what the recorder must know, what became of it."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.children import Child
from app.run_folder import own
from engine.paths import data_dir


class Recordings(QObject):
    """Starts and stops takes; a recorder that dies goes on with the take it was recording.

    Signals:
        changed: bool, whether a take is being recorded. take_saved: Path. note: level, title, sentence.
    """

    changed = Signal(bool)
    take_saved = Signal(object)
    note = Signal(str, str, str)

    def __init__(self, recorder: Child, takes_folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.takes_folder = takes_folder or data_dir() / "takes"
        self.is_recording = False
        self._recorder = recorder
        self._journals = data_dir() / "recording"
        self._own_journals: Path | None = None
        self._started = 0.0
        self._active: dict[str, Any] | None = None  # the request that started the present take
        self._stopped: float | None = None
        self._unsaved: dict[str, str] = {}  # journal to take, until the take is there
        recorder.said.connect(self._on_said)
        recorder.began.connect(self._tell)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started if self.is_recording else 0.0

    def start(self, info: dict[str, Any], avatar_number: int) -> None:
        """Begins a take of the avatar on stage. `info` are fields of `engine.take.TakeInfo`, its name left out."""
        if self.is_recording:
            return
        self._started = time.perf_counter()
        self._active = {**self._request(info, avatar_number), "at": self._started}
        self._stopped = None
        self._unsaved[self._active["journal"]] = self._active["take"]
        if self._recorder.state == "stopped":
            self._recorder.start()  # it was given up; `_tell` says it all
        else:
            self._recorder.ask("start", **self._active)
        self._set_recording(True)

    def stop(self) -> None:
        if self.is_recording:
            self._stopped = time.perf_counter()
            self._recorder.ask("stop", at=self._stopped)
            self._set_recording(False)

    def save_last(self, seconds: float, info: dict[str, Any], avatar_number: int) -> None:
        """Makes a take of what was just said and done."""
        request = self._request(info, avatar_number)
        self._unsaved[request["journal"]] = request["take"]
        self._recorder.ask("save_last", seconds=seconds, **request)

    def _request(self, info: dict[str, Any], avatar_number: int) -> dict[str, Any]:
        now = datetime.now()
        name = f"Take {now:%Y-%m-%d %H.%M.%S}"
        journal = self._journal_folder() / f"{name}.journal"
        number = 2
        while str(journal) in self._unsaved or journal.exists():
            journal = journal.with_name(f"{name} {number}.journal")
            number += 1
        info = {"name": journal.stem, "created": now.astimezone().isoformat(timespec="seconds"), **info}
        take = self.takes_folder / f"{journal.stem}.take"
        return {"journal": str(journal), "take": str(take), "info": info, "avatar_number": avatar_number}

    def _journal_folder(self) -> Path:
        """This run's own folder, so that another run that recovers journals knows these are not abandoned."""
        if self._own_journals is None:
            self._own_journals = self._journals / f"run-{time.time_ns()}"
            self._own_journals.mkdir(parents=True)
            own(self._own_journals)
        return self._own_journals

    def _tell(self) -> None:
        """A recorder that starts: it goes on with what an earlier one left."""
        active = self._active
        for journal, take in self._unsaved.items():
            if active is None or journal != active["journal"]:
                self._recorder.ask("save", journal=journal, take=take)
        if active is not None:
            known = {name: active[name] for name in ("journal", "take", "avatar_number")}
            self._recorder.ask("resume" if Path(active["journal"]).exists() else "start", **active | known)
            if self._stopped is not None:
                self._recorder.ask("stop", at=self._stopped)
        if self._journals.is_dir():
            self._recorder.ask("recover", folder=str(self._journals), takes=str(self.takes_folder))

    def _on_said(self, event: dict[str, Any]) -> None:
        if event.get("event") == "take_saved":
            self._on_take_saved(event)
        elif event.get("event") == "failed":
            self.note.emit("err", "Recording", event["sentence"])
            if event.get("about") in ("start", "resume") and self._stopped is None:
                self._stopped = time.perf_counter()
                self._set_recording(False)

    def _on_take_saved(self, event: dict[str, Any]) -> None:
        journal = event.get("journal", "")
        self._unsaved.pop(journal, None)
        if self._active is not None and journal == self._active["journal"]:
            self._active = None
        path = Path(event["path"])
        if event.get("recovered"):
            self.note.emit("info", "Recording recovered", f"{path.stem} was cut short last time and is saved now.")
        self.take_saved.emit(path)

    def _set_recording(self, is_recording: bool) -> None:
        if is_recording != self.is_recording:
            self.is_recording = is_recording
            self.changed.emit(is_recording)

    def close(self) -> None:
        """Ends a running take; the recorder completes it before it ends."""
        self.stop()
