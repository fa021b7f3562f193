"""The open project as the window edits it: one state, one undo history, autosaved."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.writer import Writer
from engine.errors import MouthpieceError, ProjectError
from engine.paths import data_dir
from engine.performance.take_edit import TakeEdit
from engine.project import SUFFIX, Project, ProjectState, ProjectTake
from engine.take import TakeInfo

AUTOSAVE_MS = 2_000
MERGE_ID = 0x4D50


class Document(QObject):
    """Every change of the project goes through `change`, which puts it into the window's one undo history.

    Args:
        project: the project to begin with.
        undo_stack: the history that sliders and camera share.

    Signals:
        changed: the state is another one. replaced: another project is open.
        saved_changed: bool, whether all is saved. failed: one sentence.
    """

    changed = Signal()
    replaced = Signal()
    saved_changed = Signal(bool)
    failed = Signal(str)

    def __init__(self, project: Project, undo_stack: QUndoStack, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project, self.undo_stack = project, undo_stack
        self.autosaved_at: float | None = None
        self.writer = Writer(self)
        self._is_closed = False
        self._timer = QTimer(self, interval=AUTOSAVE_MS, singleShot=True)
        self._timer.timeout.connect(self.autosave)

    @property
    def state(self) -> ProjectState:
        return self.project.state

    @property
    def name(self) -> str:
        return self.project.name

    @property
    def is_untitled(self) -> bool:
        """Whether it never got a name: it lies among the program's own files."""
        return self.project.folder.resolve().parent == untitled_dir().resolve()

    @property
    def take(self) -> ProjectTake | None:
        """The take that is being edited."""
        return next((take for take in self.state.takes if take.key == self.state.current), None)

    def change(self, words: str, state: ProjectState, merge: str = "") -> None:
        """Makes `state` the present one, as one step of the history.

        Args:
            words: what the step is called in the Edit menu.
            merge: steps with the same word that follow one another are one step (a drag); empty for none.
        """
        if state != self.state:
            self.undo_stack.push(_StateChange(self, words, self.state, state, merge))

    def edit_take(self, words: str, edit: TakeEdit | Callable[[TakeEdit], TakeEdit], merge: str = "") -> bool:
        """Gives the current take another edit; an edit that cannot be made says why and changes nothing."""
        take = self.take
        if take is None:
            return False
        try:
            made = edit(take.edit) if callable(edit) else edit
            self.change(words, self.state.edited(take.key, made), merge and f"{merge} {take.key}")
        except MouthpieceError as error:
            self.failed.emit(str(error))
            return False
        return True

    def open_take(self, path: Path) -> ProjectTake:
        """Puts a take into the project, if it is not there, and makes it the one that is edited; no step of history.

        Raises:
            TakeError, OutputError: one sentence.
        """
        return self.use_take(*self.project.store_take(path))

    def use_take(self, key: str, info: TakeInfo) -> ProjectTake:
        """Edits a take whose file lies in the project already."""
        state = self.state
        take = next((take for take in state.takes if take.key == key), None)
        take = take or ProjectTake(key, info.name, info.rating, info.notes)
        self._set(replace(state.with_take(take), current=key))
        return take

    def keep_edits(self, avatar_hash: str, row: dict[str, Any] | None) -> None:
        """Keeps what is hidden and deleted of an avatar; its own step of the history stands already."""
        edits = {key: value for key, value in self.state.edits.items() if key != avatar_hash}
        if row is not None:
            edits[avatar_hash] = row
        if edits != self.state.edits:
            self._set(replace(self.state, edits=edits))

    # Files: the writer's thread reads and writes them, in the order asked for

    def save(self) -> None:
        """Saves; `saved_changed` or `failed` follows."""
        self.writer.run(self.project.save, partial(self._on_saved, self.project))

    def save_as(self, folder: Path) -> None:
        """Saves under another name and goes on there; an untitled project moves."""
        work = partial(self.project.save_as, _with_suffix(folder))
        self.writer.run(work, partial(self._on_saved_as, self.project))

    def open(self, folder: Path) -> None:
        """Opens another project; the present one must be saved or given up before."""
        self.autosave()
        self.writer.run(partial(Project.open, folder), self._on_opened)

    def begin_with(self, project: Project) -> None:
        """At the start, before anybody looks: this project in place of the one that was made with."""
        self.project = project

    def new(self) -> None:
        """Begins a project without a name."""
        self.writer.run(partial(untitled, fresh=True), self._on_opened)

    def revert(self) -> None:
        """Back to the last save; what was done since cannot be undone."""
        self.writer.run(self.project.revert, self._on_reverted)

    def autosave(self) -> None:
        """Keeps what is not saved, as it is when its turn comes."""
        self._timer.stop()
        if not self._is_closed:
            self.writer.run(self.project.autosave, self._on_autosaved)

    def close(self) -> None:
        """Keeps what is not saved, for the next start; returns when all is written."""
        self.writer.wait()  # another project may be about to take this one's place
        self.autosave()
        self._is_closed = True
        self.writer.close()
        self.undo_stack.clear()  # now, while all that its steps name is there, not when Python is taken apart

    def _on_saved(self, project: Project, answer: object) -> None:
        if self._has_failed(answer) or project is not self.project:
            return
        self.autosaved_at = time.time()
        self.saved_changed.emit(project.is_saved)

    def _on_saved_as(self, project: Project, answer: object) -> None:
        if self._has_failed(answer) or project is not self.project:
            return
        answer.state = project.state  # it may have been edited while it was copied
        self._replace(answer, keep_history=True)

    def _on_opened(self, answer: object) -> None:
        if self._has_failed(answer):
            return
        if answer.folder.resolve() == self.project.folder.resolve():
            answer.state = self.project.state  # it may have been edited while it was read
        self._replace(answer)

    def _on_reverted(self, answer: object) -> None:
        if not self._has_failed(answer):
            self.undo_stack.clear()
            self.changed.emit()
            self.saved_changed.emit(self.project.is_saved)

    def _on_autosaved(self, answer: object) -> None:
        if not self._has_failed(answer) and answer:
            self.autosaved_at = time.time()

    def _has_failed(self, answer: object) -> bool:
        """Says an error; whether it was one."""
        if not isinstance(answer, MouthpieceError):
            return False
        self.failed.emit(str(answer))
        return True

    def _replace(self, project: Project, keep_history: bool = False) -> None:
        self.autosave()
        self.project = project
        if not keep_history:
            self.undo_stack.clear()
        self.replaced.emit()
        self.changed.emit()
        self.saved_changed.emit(project.is_saved)

    def _set(self, state: ProjectState) -> None:
        self.project.state = state
        if not self._timer.isActive():  # a long drag is kept while it goes on
            self._timer.start()
        self.changed.emit()
        self.saved_changed.emit(self.project.is_saved)


class _StateChange(QUndoCommand):
    """From one immutable state to another."""

    def __init__(self, document: Document, words: str, before: ProjectState, after: ProjectState, merge: str) -> None:
        super().__init__(words)
        self._document, self._before, self._after, self._merge = document, before, after, merge

    def redo(self) -> None:
        self._document._set(self._after)

    def undo(self) -> None:
        self._document._set(self._before)

    def id(self) -> int:
        return MERGE_ID if self._merge else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _StateChange) or other._merge != self._merge:
            return False
        self._after = other._after
        return True


def untitled(fresh: bool = False) -> Project:
    """The project of those who never made one: the last untitled one, or a new one."""
    folder = untitled_dir()
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (path := folder / f"Untitled{'' if number == 1 else f' {number}'}{SUFFIX}").exists():
        number += 1
        if fresh:
            continue
        try:
            return Project.open(path)
        except ProjectError:
            continue  # damaged: it stays where it is, and a new one begins
    return Project.create(path)


def untitled_dir() -> Path:
    """Where projects without a name live."""
    return data_dir() / "projects"


def _with_suffix(folder: Path) -> Path:
    return folder if folder.suffix == SUFFIX else folder.with_name(folder.name + SUFFIX)
