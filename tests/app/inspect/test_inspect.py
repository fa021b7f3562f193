"""The Inspect workspace through the window: select, hide, delete, undo, look, and what the performer is told."""

import base64
import itertools

import numpy as np
import pytest
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from engine.edits import Edits
from engine.inspection.facts import LOOSE, REGIONS, FloaterGroup, SplatFacts

pytestmark = pytest.mark.display
N = 30_118  # of the fake manifest
LEFT, NONE, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def facts() -> SplatFacts:
    rng = np.random.default_rng(0)
    regions = (np.arange(N) % LOOSE).astype(np.uint8)
    groups = np.full(N, -1, np.int32)
    regions[:146], groups[:146] = LOOSE, 0
    floater = FloaterGroup("Left of the ear", 146, 31.0, 2)
    sizes, opacities = rng.uniform(0.2, 8, N).astype(np.float32), rng.uniform(0, 1, N).astype(np.float32)
    return SplatFacts(regions, groups, sizes, opacities, np.full(N, 12, np.uint16), 48, (floater,))


@pytest.fixture
def inspecting(studio, facts, tmp_path, qtbot):
    """The window in the Inspect workspace, its avatar looked over."""
    facts.save(tmp_path / "noa.facts")
    QTest.keyClick(studio.window, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    assert studio.window.workspaces.current == "inspect"
    assert ("ask", "inspect", {}) in studio.session.calls
    studio.session.performer_said.emit({"event": "inspected", "number": 1, "path": str(tmp_path / "noa.facts")})
    return studio


def answer(studio, mask) -> dict:
    """The performer's answer to the newest selection asked for; the request's fields."""
    fields = next(call[2] for call in reversed(studio.session.calls) if call[:2] == ("ask", "select"))
    bits = base64.b64encode(np.packbits(mask).tobytes()).decode()
    studio.session.performer_said.emit({"event": "selected", "id": fields["id"], "n": len(mask), "bits": bits})
    return fields


def marks(studio, qtbot) -> dict:
    qtbot.waitUntil(lambda: not studio.inspect.model._marks_timer.isActive())
    return next(call[1] for call in reversed(studio.session.calls) if call[0] == "set_marks")


def drag(widget, points, modifiers=NONE) -> None:
    QTest.mousePress(widget, LEFT, modifiers, points[0])
    for point in points[1:]:
        at = QPointF(point)
        QApplication.sendEvent(
            widget, QMouseEvent(QMouseEvent.Type.MouseMove, at, at, Qt.MouseButton.NoButton, LEFT, modifiers)
        )
    QTest.mouseRelease(widget, LEFT, modifiers, points[-1])


def told_edits(studio):
    row = next((call[1] for call in reversed(studio.session.calls) if call[0] == "set_edits"), None)
    return Edits.from_json(row) if row else None


def test_inspect_puts_regions_left_a_strip_above_and_figures_right(inspecting):
    window = inspecting.window
    panes = window.workspaces.panes("inspect")
    assert panes.left.isVisible() and panes.strip.isVisible() and inspecting.inspect.panel.isVisible()
    assert not window.library.isVisible() and not window.live_bar.isVisible()
    assert panes.strip.geometry().bottom() < window.viewport.geometry().top()
    assert inspecting.session.calls[-1] or window.viewport.view_mode == "reach"
    window.workspaces.show("perform")
    assert window.library.isVisible() and window.live_bar.isVisible() and window.viewport.view_mode == "color"


def test_nothing_in_the_strip_lies_over_another_however_narrow_it_is(inspecting, qtbot):
    strip = inspecting.window.workspaces.panes("inspect").strip
    shown = set()
    for width in (1000, 820, 780, 740, 700, 660, 620, 580, 560):
        strip.resize(width, strip.height())
        strip.layout().activate()
        parts = sorted((part for part in strip.children() if isinstance(part, QWidget) and not part.isHidden()),
                       key=lambda part: part.x())  # fmt: skip
        assert all(left.geometry().right() < right.x() for left, right in itertools.pairwise(parts)), width
        shown.add(len(parts))
    assert len(shown) > 1  # some gave way


def test_a_rectangle_drawn_over_the_picture_selects_and_delete_deletes_in_every_pose(inspecting, qtbot):
    window, model, tool = inspecting.window, inspecting.inspect.model, inspecting.inspect.stage.select
    window.viewport.setFocus()
    QTest.keyClick(window.viewport, Qt.Key.Key_B, SHIFT)
    assert tool.tool == "rectangle" and tool.isVisible()
    w, h = tool.width(), tool.height()
    drag(tool, [QPoint(w // 4, h // 4), QPoint(w // 2, h // 2)])
    mask = np.zeros(N, bool)
    mask[100:300] = True
    fields = answer(inspecting, mask)
    corners = np.array(fields["points"])
    assert corners.min(axis=0) == pytest.approx([0.25, 0.25], abs=0.01) and fields["through"] is False
    assert model.n_selected == 200
    sent = np.frombuffer(base64.b64decode(marks(inspecting, qtbot)["selected"]), np.uint8)
    assert np.unpackbits(sent, count=N).sum() == 200
    QTest.keyClick(window.viewport, Qt.Key.Key_Delete)
    edits = told_edits(inspecting)
    assert edits.gone.sum() == 200 and model.n_selected == 0
    QTest.keyClick(window.viewport, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert told_edits(inspecting) is None and model.layers == ()


def test_shift_adds_alt_takes_away_and_escape_ends_the_tool_then_the_selection(inspecting):
    window, model, stage = inspecting.window, inspecting.inspect.model, inspecting.inspect.stage
    stage.set_tool("lasso")
    outline = [QPoint(200, 200), QPoint(300, 200), QPoint(300, 300), QPoint(220, 300)]
    first, second = np.zeros(N, bool), np.zeros(N, bool)
    first[:50], second[40:60] = True, True
    drag(stage.select, outline)
    answer(inspecting, first)
    drag(stage.select, outline, SHIFT)
    answer(inspecting, second)
    assert model.n_selected == 60
    drag(stage.select, outline, Qt.KeyboardModifier.AltModifier)
    answer(inspecting, second)
    assert model.n_selected == 40
    window.viewport.setFocus()
    QTest.keyClick(window.viewport, Qt.Key.Key_Escape)
    assert stage.select.tool == "orbit" and not stage.select.isVisible() and model.n_selected == 40
    QTest.keyClick(window.viewport, Qt.Key.Key_Escape)
    assert model.n_selected == 0


def test_a_brush_sends_its_path_and_radius(inspecting):
    stage = inspecting.inspect.stage
    stage.set_tool("brush")
    drag(stage.select, [QPoint(100, 100), QPoint(140, 120), QPoint(180, 140)])
    fields = next(call[2] for call in reversed(inspecting.session.calls) if call[:2] == ("ask", "select"))
    assert fields["radius"] == pytest.approx(28 / stage.select.height()) and len(fields["points"]) == 3


def test_a_region_is_selected_by_a_click_and_hidden_by_its_eye(inspecting, facts, qtbot):
    tree, model = inspecting.inspect.side.regions.tree, inspecting.inspect.model
    rect = tree.rect_of("Head/Mouth").toRect()
    QTest.mouseClick(tree, LEFT, NONE, rect.center())
    assert model.n_selected == facts.in_region("Head/Mouth").sum()
    QTest.mouseClick(tree, LEFT, NONE, QPoint(tree.width() - 10, rect.center().y()))
    shown = np.unpackbits(np.frombuffer(base64.b64decode(marks(inspecting, qtbot)["shown"]), np.uint8), count=N)
    assert shown.sum() == N - facts.in_region("Head/Mouth").sum()
    assert told_edits(inspecting) is None  # an eye edits nothing


def test_a_floater_is_listed_with_its_distance_and_its_bin_deletes_it(inspecting):
    page = inspecting.inspect.side.regions
    row = page._floaters.itemAt(1).widget()
    assert row.accessibleName() == "Left of the ear, 146 splats, 3.1 cm away"
    row.delete_wanted.emit()
    assert told_edits(inspecting).gone[:146].all() and told_edits(inspecting).gone.sum() == 146
    assert page._floaters.count() == 1  # the sentence alone


def test_edit_layers_switch_on_and_off_as_undo_steps(inspecting):
    model, studio = inspecting.inspect.model, inspecting
    model.select(np.arange(N) < 10)
    model.hide()
    model.add_layer()
    model.select((np.arange(N) >= 10) & (np.arange(N) < 40))
    model.delete()
    assert [layer.name for layer in model.layers] == ["Clean-up 1", "Clean-up 2"]
    model.set_layer_on("Clean-up 1", False)
    assert told_edits(studio).gone.sum() == 30
    for _ in range(studio.undo_stack.count()):
        studio.undo_stack.undo()
    assert model.layers == () and told_edits(studio) is None


def test_histogram_handles_leave_only_what_lies_between_in_the_picture(inspecting, facts, qtbot):
    plot = inspecting.inspect.panel.opacities
    handles = plot.handles
    x = round(handles.x_of(0))
    drag(handles, [QPoint(x, 30), QPoint(handles.width() // 4, 30), QPoint(handles.width() // 2, 30)])
    low, high = plot.bounds
    assert low == pytest.approx(0.5, abs=0.02) and high == 1.0
    shown = np.unpackbits(np.frombuffer(base64.b64decode(marks(inspecting, qtbot)["shown"]), np.uint8), count=N)
    assert shown.sum() == (facts.opacities >= low).sum()
    QTest.mouseDClick(handles, LEFT, NONE, QPoint(5, 30))
    assert marks(inspecting, qtbot)["shown"] is None


def test_moving_a_slider_names_it_for_the_reach_and_the_figures_answer(inspecting, qtbot):
    panel, model = inspecting.inspect.panel, inspecting.inspect.model
    rows = panel.rows["lip"]
    rows.moved.emit("lip.07")
    assert marks(inspecting, qtbot)["control"] == "lip.07" and rows.n_shown == 3
    inspecting.session.performer_said.emit({"event": "reach", "control": "lip.07", "n": 3912, "most_mm": 4.8})
    assert [figure._value.text() for figure in panel._figures] == ["3,912", "4.8 mm", "13%"]
    assert inspecting.inspect.stage.reach.accessibleName() == "Corner left up moves 3,912 splats"
    assert model.control == "lip.07"


def test_a_view_the_avatar_cannot_give_is_taken_back(inspecting):
    window = inspecting.window
    inspecting.inspect.strip.buttons["attention"].click()
    assert window.viewport.view_mode == "attention"
    inspecting.session.performer_said.emit({"event": "view_refused", "mode": "color"})
    assert window.viewport.view_mode == "color" and inspecting.inspect.strip.buttons["color"].isChecked()


def test_keys_of_inspect_do_nothing_elsewhere(studio):
    for name in ("inspect.delete", "inspect.hide", "inspect.lasso"):
        assert not studio.window.commands.action(name).isEnabled()
    assert len(REGIONS) == len(set(REGIONS))


def test_another_avatar_forgets_facts_selection_and_edits(inspecting, home):
    model = inspecting.inspect.model
    model.select(np.arange(N) < 10)
    inspecting.library.open_avatar(home / "Iris.avatar")
    assert model.facts is None and model.n_selected == 0 and model.layers == ()
    assert inspecting.session.calls.count(("ask", "inspect", {})) == 2


def test_edits_are_kept_in_the_project_and_come_back_with_it_and_the_avatar(studio, home):
    (home / "Noa.avatar").write_bytes(b"any bytes have a hash")
    studio.library.open_avatar(home / "Noa.avatar")
    model, document = studio.inspect.model, studio.document
    model.select(np.arange(N) < 25)
    model.delete()
    kept = Edits.from_json(document.state.edits[model.avatar_hash])
    assert kept.gone.sum() == 25 and kept.layers[0].name == "Clean-up 1"
    studio.undo_stack.undo()
    assert model.avatar_hash not in document.state.edits
    studio.undo_stack.redo()
    studio.library.open_avatar(home / "Iris.avatar")
    assert model.layers == ()
    studio.library.open_avatar(home / "Noa.avatar")
    assert model.gone.sum() == 25 and told_edits(studio).gone.sum() == 25


def map_row(color: str) -> dict:
    image, data = QImage(8, 4, QImage.Format.Format_RGBA8888), QByteArray()
    image.fill(QColor(color))
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return {"title": "Colours", "words": "As the face is now.", "png": bytes(data.toBase64()).decode()}


def n_asked_for_maps(studio) -> int:
    return sum(call[:2] == ("ask", "maps") for call in studio.session.calls)


def test_the_methods_maps_follow_the_face_while_their_page_is_shown(inspecting, qtbot):
    side, session = inspecting.inspect.side, inspecting.session
    assert n_asked_for_maps(inspecting) == 0
    titles = [side.tabs.tabText(i) for i in range(side.tabs.count())]
    QTest.mouseClick(side.tabs, LEFT, NONE, side.tabs.tabRect(titles.index("Maps")).center())
    assert side.maps.isVisible() and n_asked_for_maps(inspecting) == 1
    for number, color in enumerate(("#ff0000", "#0000ff"), start=2):
        session.performer_said.emit({"event": "maps", "number": 1, "maps": [map_row(color)]})
        assert side.maps.pictures["Colours"].pixelColor(3, 2) == QColor(color)
        picture = next(w for w in side.maps.findChildren(QWidget) if w.accessibleName() == "Colours")
        qtbot.waitUntil(lambda picture=picture: picture.width() > 100)
        shown = picture.grab().toImage()
        assert shown.pixelColor(shown.width() // 2, shown.height() // 2) == QColor(color)
        qtbot.waitUntil(lambda number=number: n_asked_for_maps(inspecting) == number)
    session.performer_said.emit({"event": "maps", "number": 1, "maps": None})  # a hand is moving something
    assert list(side.maps.pictures) == ["Colours"]
    QTest.mouseClick(side.tabs, LEFT, NONE, side.tabs.tabRect(0).center())
    asked = n_asked_for_maps(inspecting)
    session.performer_said.emit({"event": "maps", "number": 1, "maps": []})
    assert side.maps.pictures == {} and not side.maps._timer.isActive() and n_asked_for_maps(inspecting) == asked
