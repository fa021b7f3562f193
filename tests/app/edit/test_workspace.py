"""The Edit workspace through the window a person sees: mouse on the lanes, keys, undo, export."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.edit.lanes import HEADER
from tests.engine.test_project import make_take

pytestmark = pytest.mark.display


@pytest.fixture
def editing(make_studio, home, qtbot):
    """A window in Edit with a take of a second open."""
    studio = make_studio()
    path = make_take(home / "a.take")
    studio.window.commands.run("window.edit")
    studio.edit.model.open_path(path)
    qtbot.waitUntil(lambda: studio.edit.model.performance is not None, timeout=60_000)
    studio.edit.timeline.canvas.layout_.fit(studio.edit.model.seconds)
    return studio


def at(studio, kind: str, seconds: float, part: float = 0.5) -> QPoint:
    """A place on a lane."""
    layout = studio.edit.timeline.canvas.layout_
    rect = layout.lane(kind).rect
    return QPoint(round(layout.x(seconds)), round(rect.top() + part * rect.height()))


def drag(canvas, begin: QPoint, end: QPoint) -> None:
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(canvas, left, Qt.KeyboardModifier.NoModifier, begin)
    QTest.mouseMove(canvas, (begin + end) / 2)
    canvas.mouseMoveEvent(_moved(canvas, end))
    QTest.mouseRelease(canvas, left, Qt.KeyboardModifier.NoModifier, end)


def _moved(canvas, place: QPoint):
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    left = Qt.MouseButton.LeftButton
    return QMouseEvent(QEvent.Type.MouseMove, QPointF(place), canvas.mapToGlobal(QPointF(place)), left, left,
                       Qt.KeyboardModifier.NoModifier)  # fmt: skip


def test_the_timeline_spans_the_window_and_the_take_is_played_by_the_performer(editing):
    timeline = editing.edit.timeline
    assert timeline.isVisible() and timeline.width() >= editing.window.area.width() - 10
    assert not editing.window.live_bar.isVisible()
    assert any(call[0] == "play_take" and call[1] is not None for call in editing.session.calls)
    editing.window.commands.run("window.perform")
    assert [call for call in editing.session.calls if call[0] == "play_take"][-1][1] is None
    assert editing.window.live_bar.isVisible()


def test_the_timecode_stands_where_the_playhead_stands_when_a_take_is_opened_and_gone_to_at_once(editing, home, qtbot):
    model = editing.edit.model
    once = Qt.ConnectionType.SingleShotConnection
    model.take_changed.connect(lambda: model.transport.seek(0.4), once)
    model.open_path(make_take(home / "b.take", seed=1))
    qtbot.waitUntil(lambda: model.transport.playhead > 0, timeout=60_000)
    qtbot.waitUntil(lambda: editing.edit.timeline._code.text() != "00:00:00.00", timeout=60_000)
    assert editing.edit.timeline._code.text() == "00:00:00.40"


def test_the_take_that_is_edited_is_in_sight_in_the_library_whose_avatars_fold_away(make_studio, home, qtbot):
    from app.panels.library_files import takes_dir

    studio = make_studio()
    takes_dir().mkdir(parents=True, exist_ok=True)
    paths = [make_take(takes_dir() / f"{i}.take", name=f"Take {i}") for i in range(8)]
    library = studio.window.library
    studio.library.scan()
    qtbot.waitUntil(lambda: len(library.takes.rows) == 8, timeout=60_000)
    assert library.avatars.isVisible() or not library.avatar_entries
    studio.edit.show_take(paths[0])
    row = next(row for row in library.takes.rows if row.entry.path == paths[0])
    assert row.isChecked() and not library.avatars.isVisible()
    seen = library._area.viewport()
    qtbot.waitUntil(lambda: seen.rect().contains(row.mapTo(seen, row.rect().center())), timeout=60_000)
    assert seen.rect().contains(row.mapTo(seen, row.rect().bottomLeft()))
    studio.window.commands.run("window.perform")
    assert not library._avatars_fold.is_folded


def test_a_camera_key_at_the_start_is_drawn_whole(editing):
    layout = editing.edit.timeline.canvas.layout_
    lane = layout.lane("camera").rect
    assert layout.camera_box(0.0, lane).left() == HEADER
    assert layout.camera_box(0.5, lane).center().x() == pytest.approx(layout.x(0.5))


def test_a_double_click_makes_a_key_a_drag_moves_it_and_undo_takes_both_back(editing):
    model, canvas = editing.edit.model, editing.edit.timeline.canvas
    QTest.mouseDClick(
        canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(editing, "curves", 0.48, 0.3)
    )
    key = model.selected_key()
    assert key is not None and key.time == pytest.approx(0.48, abs=0.03)
    before = at(editing, "curves", key.time)
    lane = canvas.layout_.lane("curves").rect
    before.setY(round(canvas.layout_.y(model.selected.control, key.value, lane)))
    drag(canvas, before, before + QPoint(round(0.2 * canvas.layout_.zoom), 20))
    moved = model.selected_key()
    assert moved.time == pytest.approx(key.time + 0.2, abs=0.05) and moved.value < key.value
    while editing.undo_stack.canUndo():
        editing.window.commands.run("edit.undo")
    assert model.edit.is_empty


def test_a_key_is_dragged_by_its_middle_however_far_one_has_zoomed_out(editing):
    model, canvas = editing.edit.model, editing.edit.timeline.canvas
    canvas.set_zoom(20.0)  # both handles lie within a hand's reach of the key
    QTest.mouseDClick(
        canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(editing, "curves", 0.48, 0.3)
    )
    key, lane = model.selected_key(), canvas.layout_.lane("curves").rect
    begin = canvas.layout_.point(model.selected.control, key.time, key.value, lane).toPoint()
    drag(canvas, begin, begin + QPoint(8, 0))
    assert model.selected_key().time > key.time + 0.2


def test_a_chosen_stretch_is_cut_with_backspace(editing):
    model, canvas = editing.edit.model, editing.edit.timeline.canvas
    before = model.seconds
    drag(canvas, at(editing, "voice", 0.2), at(editing, "voice", 0.6))
    first, last = model.range
    editing.window.commands.run("edit.delete")
    assert model.seconds == pytest.approx(before - (last - first), abs=1e-6)


def test_space_plays_and_a_click_on_the_ruler_seeks(editing):
    model, canvas = editing.edit.model, editing.edit.timeline.canvas
    editing.window.commands.run("edit.play")
    assert model.transport.speed == 1.0
    editing.window.commands.run("edit.shuttle_stop")
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
                     QPoint(round(canvas.layout_.x(0.4)), 16))  # fmt: skip
    assert model.transport.playhead == pytest.approx(0.4, abs=0.03)


def test_mute_and_solo_of_a_layer_are_clicked_in_its_header(editing):
    model, canvas = editing.edit.model, editing.edit.timeline.canvas
    model.add_key("lip.00", 0.5, 0.5)
    lane = canvas.layout_.lane("layer").rect
    for x, name in ((167, "is_muted"), (190, "is_soloed")):
        assert x < HEADER
        QTest.mouseClick(
            canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(x, round(lane.center().y()))
        )
        assert getattr(model.edit.layers[0], name)


def test_the_export_dialog_offers_the_take_as_it_is_edited(editing):
    model, window = editing.edit.model, editing.window
    model.add_key("lip.00", 0.5, 0.5)
    window.commands.run("file.export")
    assert "edited, 1 layer" in window.sheet.source.currentText()
    assert window.sheet.source.currentData().edit == model.edit.to_json()


def test_the_keys_of_edit_work_nowhere_else(editing):
    assert editing.window.commands.action("edit.split").isEnabled()
    editing.window.commands.run("window.perform")
    assert not editing.window.commands.action("edit.split").isEnabled()
