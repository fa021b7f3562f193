"""The Edit workspace's model: what is asked of it becomes steps of one history and a performance that follows."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QObject
from PySide6.QtGui import QUndoStack

from app.document import Document
from app.edit import lips as checking
from app.edit.model import EditModel, Selected
from app.edit.phones import moved_phones
from engine.camera import Orbit
from engine.errors import TakeError
from engine.performance.layers import LayerKind
from engine.performance.lip_check import Phone
from engine.project import Project
from tests.engine.test_project import make_take


class AtOnce(QObject):
    """Tasks that are done as soon as they are asked for."""

    def run(self, work, then):
        try:
            then(work())
        except TakeError as error:
            then(error)


class Stage:
    """The part of a session that plays takes; remembers what it was told."""

    def __init__(self, folder):
        self.folder, self.orbit = folder, Orbit(azimuth_deg=12)
        self.tracks, self.playheads = [], []

    def play_take(self, track, take=None, edit=None):
        self.tracks.append(track)

    def move_playhead(self, **fields):
        self.playheads.append(fields)


@pytest.fixture
def model(qapp, tmp_path):
    document = Document(Project.create(tmp_path / "P.mouthpiece"), QUndoStack())
    made = EditModel(document, Stage(tmp_path), AtOnce())
    made.open_path(make_take(tmp_path / "a.take"))
    made.enter()
    yield made
    made.leave()
    document.close()


def worked_out(model):
    model._work_out()
    return model.performance


def test_a_chosen_take_is_open_and_played(model):
    assert model.opened is not None
    assert model.seconds == pytest.approx(1.0, abs=0.05)
    assert model.shown and model.shown[0] == "lip.00"
    assert model._session.tracks[-1].is_file()


def test_a_key_makes_its_layer_and_moves_the_face(model):
    model.add_key("lip.00", 0.5, 0.9)
    p = worked_out(model)
    at = np.searchsorted(p.times, 0.5)
    assert p.values[at, 0] == pytest.approx(0.9, abs=0.02)
    assert model.selected.kind == "key"
    assert model.edit.layers[0].kind is LayerKind.OVERRIDE
    model.document.undo_stack.undo()
    model.document.undo_stack.undo()
    assert model.edit.is_empty


def test_a_stretch_chosen_after_a_layer_is_what_backspace_cuts(model):
    model.add_layer(LayerKind.SMOOTH)
    assert model.selected.kind == "layer"
    model.set_range((0.2, 0.5))
    model.delete_selected()
    assert len(model.edit.layers) == 1
    assert model.seconds == pytest.approx(model.raw_seconds - 0.3, abs=1e-6)


def test_a_key_dragged_out_of_its_layer_takes_the_layer_along(model):
    model.add_key("lip.00", 0.3, 0.5)
    layer = model.edit.layers[0]
    model.change_layer("Trim a layer", layer.id, end=0.4)
    model.move_key(replace(model.selected_key(), time=0.8))
    assert model.edit.layers[0].end == 0.8


def test_dragging_a_key_is_one_step(model):
    model.add_key("lip.00", 0.5, 0.5)
    n = model.document.undo_stack.count()
    for value in (0.6, 0.7, 0.8):
        key = model.selected_key()
        model.move_key(type(key)(key.time, value))
    assert model.document.undo_stack.count() == n + 1
    assert model.selected_key().value == 0.8


def test_cutting_a_stretch_shortens_the_take_and_undo_brings_it_back(model):
    before = model.seconds
    model.set_range((0.2, 0.5))
    model.cut_range()
    assert model.seconds == pytest.approx(before - 0.3)
    assert model.range is None
    assert worked_out(model).times[-1] < before
    model.document.undo_stack.undo()
    assert model.seconds == pytest.approx(before)


def test_a_lifted_stretch_rests(model):
    model.set_range((0.2, 0.6))
    model.cut_range(is_ripple=False)
    p = worked_out(model)
    inside = (p.times > 0.25) & (p.times < 0.55)
    np.testing.assert_allclose(p.values[inside], np.tile(model.schema.rest().values, (inside.sum(), 1)))


def test_the_camera_key_is_the_viewports_camera(model):
    seen = []
    model.view_changed.connect(seen.append)
    model.transport.seek(0.4)
    assert seen[-1].distance == 4  # the take's own camera
    model.add_camera_key()
    assert model.edit.camera.at(0.4) == Orbit(azimuth_deg=12)
    model.use_ready_path("turntable")
    assert len(model.edit.camera) == 9


def test_shuttle_grows_faster_and_turns_round(model):
    for expected in (1.0, 2.0, 4.0, 4.0):
        model.transport.shuttle(1)
        assert model.transport.speed == expected
    model.transport.shuttle(-1)
    assert model.transport.speed == -1.0
    model.transport.pause()
    assert model.transport.speed == 0 and model._session.playheads[-1]["speed"] == 0


def test_seeking_stays_inside_and_snaps_to_frames(model):
    model.transport.seek(99)
    assert model.transport.playhead == model.seconds
    assert model.snapped(0.455) == pytest.approx(0.44)
    model.snap = "off"
    assert model.snapped(0.455) == 0.455


def test_clean_up_turns_a_curve_into_few_keys_within_the_error(model):
    curve = model.cleaned("lip.00", 80, 0.02)
    model.clean_up("lip.00", 80, 0.02)
    assert model.edit.layers[-1].curves["lip.00"] == curve
    assert len(curve) < len(worked_out(model).times) / 2


def test_lips_are_checked_and_mended_with_one_click(model, monkeypatch):
    monkeypatch.setattr(checking, "heard_phones", lambda path: (Phone(0.4, 0.5, "pp"),))
    model.add_key("lip.00", 0.0, 1.0)
    model.add_key("lip.00", 0.2, -2.0)
    model.add_key("lip.00", 0.45, 1.5)
    worked_out(model)
    model.lips.check()
    flag = next(flag for flag in model.lips.flags if flag.kind == "open")
    model.lips.mend(flag)
    worked_out(model)
    assert not [flag for flag in model.lips.flags if flag.kind == "open"]
    model.document.undo_stack.undo()
    model.lips.ignore(flag)
    worked_out(model)
    assert not [flag for flag in model.lips.flags if flag.kind == "open"]


def test_without_the_encoder_the_reason_is_said_and_silences_are_checked(model, monkeypatch):
    def missing(path):
        raise TakeError("phones.safetensors is not there.")

    monkeypatch.setattr(checking, "heard_phones", missing)
    model.lips.check()
    assert "is not there" in model.lips.words


def test_phones_move_with_cuts_and_go_with_what_was_cut():
    times = np.arange(0, 2, 0.02)
    source = np.where(times < 1, times, times + 1)
    made = moved_phones((Phone(0.5, 0.6, "aa"), Phone(1.2, 1.8, "pp"), Phone(2.5, 2.6, "oh")), times, source)
    assert [phone.name for phone in made] == ["aa", "oh"]
    assert made[1].start == pytest.approx(1.5, abs=0.03)


def test_deleting_takes_whatever_is_selected(model):
    model.add_key("lip.00", 0.5, 0.9)
    model.delete_selected()
    assert not model.edit.layers[0].curves
    model.add_blink(0.3)
    model.select(Selected("blink", time=model.edit.blinks[0].time))
    model.delete_selected()
    assert model.edit.blinks == ()


def test_leaving_gives_the_face_back(model):
    model.transport.play()
    model.leave()
    assert model.transport.speed == 0
    assert model._session.tracks[-1] is None
