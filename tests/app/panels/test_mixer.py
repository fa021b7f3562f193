"""Mixer and gaze and pose through their widgets: strengths, marks of a group, the pad, what follows the camera."""

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QUndoStack
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.panels.face_model import FaceModel
from app.panels.gaze_pose import GazePosePanel
from app.panels.mixer import MixerPanel
from engine.camera import Orbit
from engine.controls import ControlSchema, ControlSpec

pytestmark = pytest.mark.display
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def face(display, qapp, live_session):
    return FaceModel(live_session, QUndoStack(live_session))


@pytest.fixture
def mixer(qtbot, theme, live_session, face):
    panel = MixerPanel(live_session, theme, face)
    qtbot.addWidget(panel)
    panel.resize(376, 600)
    panel.show()
    return panel


@pytest.fixture
def pose(qtbot, theme, live_session, face):
    panel = GazePosePanel(live_session, theme, face)
    qtbot.addWidget(panel)
    panel.resize(376, 600)
    panel.show()
    return panel


def drag(widget, start: QPoint, move: QPoint) -> None:
    QTest.mousePress(widget, LEFT, NONE, start)
    for part in (0.5, 1.0):
        point = QPointF(start) + QPointF(move) * part
        event = QMouseEvent(QEvent.Type.MouseMove, point, QPointF(widget.mapToGlobal(point)), LEFT, LEFT, NONE)
        QApplication.sendEvent(widget, event)
    QTest.mouseRelease(widget, LEFT, NONE, start + move)


def test_a_dragged_strength_reaches_the_session_as_one_undo_step(mixer, live_session, face):
    rows = mixer.strengths
    start = rows.rect_of("mix.lip", "handle").center().toPoint()
    drag(rows, start, QPoint(-round(rows.rect_of("mix.lip", "rail").width() / 2), 0))
    assert live_session.controls.strengths["lip"] == pytest.approx(0.5, abs=0.03)
    assert face.undo_stack.count() == 1
    face.undo_stack.undo()
    assert live_session.controls.strengths["lip"] == 1.0


def test_strengths_are_typed_in_percent(mixer, live_session):
    rows = mixer.strengths
    QTest.mouseClick(rows, LEFT, NONE, rows.rect_of("mix.expression", "field").center().toPoint())
    assert rows.edit.text() == "60%"
    QTest.keyClicks(rows.edit, "25%")
    QTest.keyClick(rows.edit, Qt.Key.Key_Return)
    assert live_session.controls.strengths["expression"] == pytest.approx(0.25)


def test_muting_a_group_mutes_all_its_controls_as_one_undo_step(mixer, live_session, face):
    rows = mixer.strengths
    QTest.mouseClick(rows, LEFT, NONE, rows.rect_of("mix.pose", "mute").center().toPoint())
    assert live_session.controls.muted == {"pose.yaw", "pose.pitch", "pose.roll"}
    face.undo_stack.undo()
    assert live_session.controls.muted == set()


def test_shaping_has_no_marks_and_sets_gain_and_smoothing(mixer, live_session):
    rows = mixer.shaping
    QTest.mouseClick(rows, LEFT, NONE, rows.rect_of("smoothing", "mute").center().toPoint())
    assert not live_session.controls.muted
    rows.open_edit(1)
    QTest.keyClicks(rows.edit, "40")
    QTest.keyClick(rows.edit, Qt.Key.Key_Return)
    assert ("set_smoothing_ms", 40.0) in live_session.calls


def test_the_shares_say_who_moves_the_face(mixer, live_session, face, qtbot):
    live_session.show({"lip.00": 0.5})
    qtbot.waitUntil(lambda: mixer.shares._percent == (100, 0))
    face.change("x", {"lip.01": 0.5})
    mixer._shown_at = mixer.shares._said_at = 0.0
    live_session.show({"lip.00": 0.5})
    qtbot.waitUntil(lambda: mixer.shares._percent == (50, 50))


def test_the_idle_switch_reaches_the_session(mixer, live_session):
    assert mixer.idle.isChecked()
    QTest.mouseClick(mixer.idle, LEFT)
    assert ("set_idle", False) in live_session.calls


def type_into(rows, index: int, words: str) -> None:
    rows.open_edit(index)
    QTest.keyClicks(rows.edit, words)
    QTest.keyClick(rows.edit, Qt.Key.Key_Return)


def test_a_source_is_shaped_for_the_whole_face_a_group_and_a_control(mixer, live_session, face):
    sources, shapes = mixer.sources, live_session.controls.shapes
    type_into(sources.rows, 0, "80%")
    assert shapes == {"voice": (0.8, 0.0, 0.0)}
    choose(sources.target, "Lip")
    type_into(sources.rows, 1, "120")
    QTest.mouseClick(sources.sources, LEFT, NONE, sources.sources.segment_rect("sliders").center().toPoint())
    choose(sources.target, "    Jaw opens")
    type_into(sources.rows, 2, "0.5")
    assert shapes == {"voice": (0.8, 0.0, 0.0), "voice/lip": (1.0, 120.0, 0.0), "sliders/lip.00": (1.0, 0.0, 0.5)}
    assert sources.words.text() == "3 ways are shaped."
    marked = [
        sources.target.itemText(i) for i in range(sources.target.count()) if "\u2022" in sources.target.itemText(i)
    ]
    assert len(marked) == 1 and "Jaw opens" in marked[0]
    for _ in range(3):
        face.undo_stack.undo()
    assert shapes == {} and sources.words.text() == "Everything comes as it is."
    face.undo_stack.redo()
    assert shapes == {"voice": (0.8, 0.0, 0.0)}, "undo and redo know the place, whatever is shown"


def choose(box, words: str) -> None:
    box.setCurrentIndex(box.findText(words))
    box.activated.emit(box.currentIndex())


def test_a_dragged_delay_is_one_undo_step_and_a_double_click_brings_it_back(mixer, live_session, face):
    rows = mixer.sources.rows
    start = rows.rect_of("voice:delay", "handle").center().toPoint()
    drag(rows, start, QPoint(round(rows.rect_of("voice:delay", "rail").width() / 2), 0))
    assert live_session.controls.shapes["voice"][1] == pytest.approx(250, abs=15) and face.undo_stack.count() == 1
    QTest.mouseDClick(rows, LEFT, NONE, rows.rect_of("voice:delay", "track").center().toPoint())
    assert live_session.controls.shapes == {}


def test_without_a_motion_file_the_mixer_says_how_to_make_one(mixer):
    assert mixer.head.hint.text().endswith("mouthpiece head-motion FILM.dataset -o NAME.motion")
    assert not mixer.head.switch.isEnabled() and not mixer.head.rows.isVisible()


def test_a_motion_file_is_chosen_switched_and_shaped_with_undo(mixer, live_session, face, tmp_path):
    head = mixer.head
    head.use_file(tmp_path / "Mara.motion")
    chosen = live_session.controls.head
    assert (chosen.path, chosen.is_on) == (tmp_path / "Mara.motion", True)
    assert head.file.text() == "Mara" and head.switch.isChecked()
    live_session.performer_said.emit({"event": "head_motion", "path": str(chosen.path), "n_units": 132, "sentence": ""})
    assert head.hint.text() == "132 units of motion"
    type_into(head.rows, 0, "50%")
    QTest.mouseClick(head.dice, LEFT)
    QTest.mouseClick(head.switch, LEFT)
    changed = live_session.controls.head
    assert (changed.strength, changed.is_on) == (0.5, False) and changed.seed == head.seed.value()
    while face.undo_stack.canUndo():
        face.undo_stack.undo()
    assert live_session.controls.head == type(changed)() and head.hint.text().startswith("None yet")


def test_a_motion_file_that_cannot_be_read_is_told_in_place(mixer, live_session, tmp_path):
    mixer.head.use_file(tmp_path / "bad.motion")
    words = "bad.motion: is no head motion; copy the file again."
    live_session.performer_said.emit(
        {"event": "head_motion", "path": str(tmp_path / "bad.motion"), "n_units": 0, "sentence": words}
    )
    assert mixer.head.hint.text() == words and mixer.head.hint.property("tone") == "err"


def test_the_pad_turns_and_nods_the_head_and_a_double_click_brings_it_back(pose, live_session, face):
    start = pose.pad.handle_point().toPoint()
    drag(pose.pad, start, QPoint(60, -40))
    assert face.value("pose.yaw") > 5 and face.value("pose.pitch") > 5
    assert face.undo_stack.count() == 1
    assert (pose.pad.handle_point() - QPointF(start)).x() == pytest.approx(60, abs=4)
    QTest.mouseDClick(pose.pad, LEFT, NONE, start)
    assert face.value("pose.yaw") == 0 and not live_session.controls.values
    pose.pad.setFocus()
    QTest.keyClick(pose.pad, Qt.Key.Key_Right)
    assert face.value("pose.yaw") == 1.0


def test_the_head_follows_the_camera_only_where_it_is_asked_to(pose, live_session, face):
    pose.follow_camera(Orbit(azimuth_deg=20))
    assert face.value("pose.yaw") == 0
    QTest.mouseClick(pose.head_follows, LEFT)
    pose.follow_camera(Orbit(azimuth_deg=20, elevation_deg=-10))
    assert face.value("pose.yaw") == pytest.approx(14) and face.value("pose.pitch") == pytest.approx(-7)
    pose.follow_camera(Orbit(azimuth_deg=170))
    assert face.value("pose.yaw") == 40, "never beyond its limits"
    assert face.undo_stack.count() == 0


def test_eyes_follow_where_the_avatar_has_eyes_to_turn(pose, live_session, face):
    assert not pose.eyes_follow.isEnabled() and pose.no_gaze.isVisible()
    looks = [ControlSpec(name, "expression", name) for name in ("eyeLookOutLeft", "eyeLookInLeft", "eyeLookUpLeft")]
    schema = ControlSchema((*live_session.manifest.schema.specs, *looks))
    live_session.manifest = live_session.manifest.model_copy(update={"schema_rows": schema.to_json()})
    live_session.avatar_opened.emit(live_session.manifest)
    assert pose.eyes_follow.isEnabled() and not pose.no_gaze.isVisible()
    QTest.mouseClick(pose.eyes_follow, LEFT)
    pose.follow_camera(Orbit(azimuth_deg=15, elevation_deg=6))
    assert face.value("eyeLookOutLeft") == pytest.approx(0.5) and face.value("eyeLookInLeft") == 0
    assert face.value("eyeLookUpLeft") == pytest.approx(0.2)
    QTest.mouseClick(pose.eyes_cursor, LEFT)
    assert not pose.eyes_follow.isChecked()
    pose.follow_cursor(QPointF(0, 300), pose.size().__class__(800, 600))
    assert face.value("eyeLookInLeft") == 1.0
