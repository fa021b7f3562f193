"""The project in the window: whatever is done, undone, saved and opened again, it equals a plain model of it."""

import copy
import itertools
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer, current_thread

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PySide6.QtCore import QTimer
from PySide6.QtGui import QUndoStack

import engine.project
from app.document import Document, untitled
from engine.camera import Orbit
from engine.errors import MouthpieceError, OutputError
from engine.performance.camera_path import CameraKey
from engine.performance.curve import Curve, Key
from engine.performance.eyes import Blink
from engine.performance.layers import EditLayer, LayerKind
from engine.performance.take_edit import TakeEdit
from engine.project import AUTOSAVE, INDEX, Project, ProjectState
from tests.engine.test_project import make_take

SECONDS = 8.0
times = st.floats(0, SECONDS).map(lambda t: round(t, 3))


@pytest.fixture
def document(qapp, tmp_path) -> Document:
    document = Document(Project.create(tmp_path / "P.mouthpiece"), QUndoStack())
    document.open_take(make_take(tmp_path / "a.take"))
    yield document
    document.close()


class Disk:
    """What the project's indexes are written to: it can be busy, or full, and tells who wrote what."""

    def __init__(self, monkeypatch) -> None:
        self.is_full, self.written, self.threads = False, [], set()
        self._may_go_on = Event()
        self._may_go_on.set()
        self._write = engine.project._write_index
        monkeypatch.setattr(engine.project, "_write_index", self.write)

    @contextmanager
    def busy(self):
        """Nothing is written until the block ends, or what it is given is called."""
        self._may_go_on.clear()
        try:
            yield self._may_go_on.set
        finally:
            self._may_go_on.set()

    def write(self, path: Path, state: ProjectState) -> None:
        assert self._may_go_on.wait(60)
        self.threads.add(current_thread().name)
        if self.is_full:
            raise OutputError(f"{path}: No space left on device; nothing was written.")
        self._write(path, state)
        self.written.append(path.name)


@pytest.fixture
def disk(document, monkeypatch) -> Disk:
    return Disk(monkeypatch)


def test_a_change_can_be_taken_back_and_done_again(document):
    before = document.state
    document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
    after = document.state
    assert after != before
    document.undo_stack.undo()
    assert document.state == before
    document.undo_stack.redo()
    assert document.state == after
    assert document.undo_stack.undoText() == "Split"


def test_a_drag_is_one_step(document):
    before = document.state
    for at in (1.0, 2.0, 3.0):
        document.edit_take("Move the in point", lambda edit, at=at: replace(edit, first=at), merge="first")
    assert document.undo_stack.count() == 1
    document.undo_stack.undo()
    assert document.state == before


def test_a_cut_that_cannot_be_made_says_why(document, qtbot):
    before = document.state
    with qtbot.waitSignal(document.failed) as failed:
        assert not document.edit_take("Cut", lambda edit: edit.ripple_cut(SECONDS, 0, SECONDS))
    assert "nothing" in failed.args[0]
    assert document.state == before


def test_changes_are_autosaved_without_being_asked(document, qtbot):
    document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
    qtbot.waitUntil(lambda: document.autosaved_at is not None, timeout=20_000)
    opened = Project.open(document.project.folder)
    assert opened.state == document.state
    assert opened.recovered


def test_saving_under_another_name_goes_on_there(document, tmp_path, qtbot):
    document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
    document.save_as(tmp_path / "Q")
    document.writer.wait()
    assert document.name == "Q" and document.project.is_saved
    assert Project.open(tmp_path / "Q.mouthpiece").state == document.state
    with qtbot.waitSignal(document.failed) as failed:
        document.save_as(tmp_path / "Q")
    assert "choose another name" in failed.args[0]


def test_what_is_edited_while_a_copy_is_made_is_in_the_copy_that_is_gone_on_with(document, tmp_path, disk):
    with disk.busy():
        document.save_as(tmp_path / "Q")
        document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
        state = document.state
    document.writer.wait()
    assert document.name == "Q" and document.state == state and not document.project.is_saved
    document.undo_stack.undo()
    assert document.project.is_saved


def test_the_window_goes_on_while_the_disk_is_busy(document, qtbot, disk):
    with disk.busy():
        document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
        document.autosave()
        document.save()
        with qtbot.waitSignal(document.changed):
            document.undo_stack.undo()
        assert Project.open(document.project.folder).state.takes == ()
    document.writer.wait()
    assert disk.threads == {"writer_0"}


def test_a_save_comes_after_the_autosave_that_was_asked_for_before(document, disk):
    with disk.busy():
        document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
        document.autosave()
        document.save()
    document.writer.wait()
    assert disk.written[-2:] == [AUTOSAVE, INDEX]
    opened = Project.open(document.project.folder)
    assert opened.state == document.state and not opened.recovered


def test_closing_waits_until_all_is_on_the_disk(document, disk):
    with disk.busy() as go_on:
        document.save()
        document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
        Timer(0.05, go_on).start()
        document.close()
    assert Project.open(document.project.folder).state == document.state


def test_a_closed_project_keeps_no_steps_that_python_would_take_apart_in_any_order(document):
    for at in (1.0, 2.0):
        document.edit_take("Move the in point", lambda edit, at=at: replace(edit, first=at), merge="first")
    document.close()
    assert document.undo_stack.count() == 0
    assert Project.open(document.project.folder).state == document.state


def test_another_project_opens_after_the_one_before_was_kept(document, tmp_path, disk):
    first, other = document.project, Project.create(tmp_path / "Other.mouthpiece")
    with disk.busy():
        document.open(other.folder)
        document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
    document.writer.wait()
    assert document.name == "Other" and document.undo_stack.count() == 0
    assert Project.open(first.folder).state == first.state != ProjectState()


def test_a_full_disk_is_said_and_the_next_autosave_tries_again(document, qtbot, disk):
    document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
    disk.is_full = True
    with qtbot.waitSignal(document.failed) as failed:
        document.autosave()
    assert "No space left" in failed.args[0] and document.autosaved_at is None
    disk.is_full = False
    document.autosave()
    document.writer.wait()
    assert Project.open(document.project.folder).state == document.state


def test_a_save_that_fails_leaves_the_save_before_it_whole(document, qtbot, disk):
    document.save()
    document.writer.wait()
    saved = document.state
    document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
    disk.is_full = True
    with qtbot.waitSignal(document.failed):
        document.save()
    assert not document.project.is_saved
    assert Project.open(document.project.folder).state == saved


def test_a_long_drag_is_kept_while_it_goes_on(document, qtbot, monkeypatch):
    moves = itertools.count()
    mover = QTimer(interval=5)
    mover.timeout.connect(lambda: document.edit_take("Move the in point", lambda edit: replace(
        edit, first=1 + next(moves) % 100 / 100), merge="first"))  # fmt: skip
    document._timer.setInterval(50)
    mover.start()
    qtbot.waitUntil(lambda: document.autosaved_at is not None)
    mover.stop()


def test_going_back_to_the_last_save_leaves_no_autosave(document, disk):
    document.save()
    document.writer.wait()
    saved = document.state
    with disk.busy():
        document.edit_take("Split", lambda edit: edit.split(SECONDS, 2.0))
        document.autosave()
        document.revert()
    document.writer.wait()
    assert document.state == saved and document.undo_stack.count() == 0
    document.autosave()
    document.writer.wait()
    assert not Project.open(document.project.folder).recovered


def test_an_untitled_project_is_found_again(qapp, tmp_path, monkeypatch):
    monkeypatch.setenv("MOUTHPIECE_DATA", str(tmp_path))
    first = untitled()
    assert untitled().folder == first.folder
    assert untitled(fresh=True).folder != first.folder


class Editing(RuleBasedStateMachine):
    """Random edits beside a model that keeps a list of deep copies."""

    folder: Path

    @initialize()
    def begin(self):
        self.n = getattr(type(self), "count", 0)
        type(self).count = self.n + 1
        self.path = self.folder / f"P{self.n}.mouthpiece"
        project = Project.create(self.path)
        self.takes = [project.add_take(path).key for path in sorted(self.folder.glob("*.take"))]
        project.state = replace(project.state, current=self.takes[0])
        project.save()
        self.document = Document(project, QUndoStack())
        self.history, self.at = [project.state.to_json()], 0
        self.saved = project.state.to_json()

    def teardown(self):
        if hasattr(self, "document"):
            self.document.close()

    def do(self, words, change):
        before = self.document.state.to_json()
        try:
            made = change(self.document.state)
        except MouthpieceError:
            assert self.document.state.to_json() == before
            return
        expected = copy.deepcopy(made.to_json())
        self.document.change(words, made)
        if expected != before:
            self.history[self.at + 1 :] = [expected]
            self.at += 1

    def edit(self, words, change):
        self.do(words, lambda state: state.edited(state.current, change(state.take(state.current).edit)))

    @rule(which=st.integers(0, 1))
    def choose_take(self, which):
        self.do("Choose", lambda state: replace(state, current=self.takes[which]))

    @rule(at=times)
    def split(self, at):
        self.edit("Split", lambda e: e.split(SECONDS, at))

    @rule(
        a=times,
        b=times,
        kind=st.sampled_from(["cut", "lift", "trim", "retime"]),
        speed=st.sampled_from([0.5, 1.5, 2.0]),
    )
    def cut(self, a, b, kind, speed):
        self.edit(kind, lambda e: {
            "cut": lambda: e.ripple_cut(SECONDS, a, b), "lift": lambda: e.lift(SECONDS, a, b),
            "trim": lambda: e.trim(SECONDS, a, b), "retime": lambda: e.retime(SECONDS, a, b, speed),
        }[kind]())  # fmt: skip

    @rule(kind=st.sampled_from(list(LayerKind)[:4]), a=times, length=st.floats(0.1, 5))
    def add_layer(self, kind, a, length):
        self.edit("Layer", lambda e: e.with_layer(EditLayer(e.free_id(), "L", kind, a, a + length)))

    @rule(which=st.integers(0, 5), at=times, value=st.floats(-1, 1), control=st.sampled_from(["lip.00", "au.45"]))
    def add_key(self, which, at, value, control):
        def change(e: TakeEdit) -> TakeEdit:
            if not e.layers:
                return e
            layer = e.layers[which % len(e.layers)]
            return e.with_layer(layer.with_curve(control, layer.curves.get(control, Curve()).with_key(Key(at, value))))

        self.edit("Key", change)

    @rule(which=st.integers(0, 5), to=st.integers(0, 5))
    def move_layer(self, which, to):
        self.edit("Move", lambda e: e.moved_layer(e.layers[which % len(e.layers)].id, to) if e.layers else e)

    @rule(which=st.integers(0, 5))
    def delete_layer(self, which):
        self.edit("Delete", lambda e: e.without_layer(e.layers[which % len(e.layers)].id) if e.layers else e)

    @rule(at=times)
    def blink(self, at):
        self.edit("Blink", lambda e: replace(e, blinks=(*(e.blinks or ()), Blink(at))))

    @rule(at=times, azimuth=st.floats(-90, 90))
    def camera(self, at, azimuth):
        self.edit("Camera", lambda e: replace(e, camera=e.camera.with_key(CameraKey(at, Orbit(azimuth_deg=azimuth)))))

    @rule(stars=st.integers(0, 5))
    def rate(self, stars):
        self.do("Rate", lambda state: state.with_take(replace(state.take(state.current), rating=stars)))

    @rule()
    def undo(self):
        self.document.undo_stack.undo()
        self.at = max(0, self.at - 1)

    @rule()
    def redo(self):
        self.document.undo_stack.redo()
        self.at = min(len(self.history) - 1, self.at + 1)

    @rule()
    def save(self):
        self.document.save()
        self.document.writer.wait()
        assert self.document.project.is_saved
        self.saved = self.history[self.at]

    @rule()
    def autosave(self):
        self.document.autosave()
        self.document.writer.wait()
        assert Project.open(self.path).state.to_json() == self.history[self.at]

    @precondition(lambda self: self.document.project.is_saved)
    @rule()
    def reopen(self):
        self.document.open(self.path)
        self.document.writer.wait()
        self.history, self.at = [self.saved], 0

    @rule()
    def crash_and_reopen(self):
        """The program dies without autosaving: what was autosaved or saved last is there."""
        state = Project.open(self.path).state.to_json()
        assert state == self.saved or state in self.history
        self.document.project = Project.open(self.path)
        self.document.undo_stack.clear()
        self.history, self.at = [state], 0

    @invariant()
    def equals_the_model(self):
        if hasattr(self, "document"):
            assert self.document.state.to_json() == self.history[self.at]
            assert ProjectState.from_json(self.document.state.to_json()) == self.document.state
            edit = self.document.take.edit
            length = edit.seconds(SECONDS)
            assert np.isfinite(length) and length > 0


def run_steps(folder: Path, runs: int) -> None:
    for n in range(2):
        make_take(folder / f"{n}.take", seed=n)
    Editing.folder, Editing.count = folder, 0
    run_state_machine_as_test(
        Editing,
        settings=settings(max_examples=runs, stateful_step_count=50, deadline=None,
                          suppress_health_check=list(HealthCheck)),
    )  # fmt: skip


def test_two_hundred_random_steps_leave_the_project_equal_to_its_model(qapp, tmp_path):
    run_steps(tmp_path, 4)


@pytest.mark.long
def test_two_thousand_random_steps_leave_the_project_equal_to_its_model(qapp, tmp_path):
    run_steps(tmp_path, 40)
