"""The Face panel through the window a person sees: sliders, numbers, marks, expressions, search, chance, undo."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QUndoStack, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.panels.face import FacePanel
from app.panels.face_player import EASE_S, PULSE_S
from app.panels.face_row_geometry import BAR_Y, RAIL_Y
from engine.controls import GROUPS

pytestmark = pytest.mark.display
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot, theme, live_session, monkeypatch, tmp_path):
    monkeypatch.setenv("MOUTHPIECE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("app.panels.face_model.MERGE_S", 60.0)  # what follows at once is quick on any machine
    widget = FacePanel(live_session, theme, undo_stack=QUndoStack(live_session))
    widget.player.reduce_motion = True
    qtbot.addWidget(widget)
    widget.resize(376, 788)
    with qtbot.waitExposed(widget):
        widget.show()
    widget.activateWindow()
    qtbot.waitUntil(lambda: widget.isActiveWindow())
    return widget


def rows_and_point(panel, name: str, part: str) -> tuple:
    rows = panel.rows_of(name)
    return rows, rows.rect_of(name, part).center().toPoint()


def drag(panel, name: str, part: str, dx: int, modifiers=Qt.KeyboardModifier.NoModifier, steps: int = 4):
    rows, start = rows_and_point(panel, name, part)
    QTest.mousePress(rows, LEFT, modifiers, start)
    for i in range(1, steps + 1):
        move(rows, start + QPoint(round(dx * i / steps), 0), modifiers)
    QTest.mouseRelease(rows, LEFT, modifiers, start + QPoint(dx, 0))


def move(widget, point: QPoint, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    where = QPointF(point)
    event = QMouseEvent(QEvent.Type.MouseMove, where, QPointF(widget.mapToGlobal(point)), LEFT, LEFT, modifiers)
    QApplication.sendEvent(widget, event)


def wheel(widget, point: QPoint, notches: int) -> QWheelEvent:
    event = QWheelEvent(
        QPointF(point), QPointF(widget.mapToGlobal(point)), QPoint(), QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    return event


def pixel(widget, x: float, y: float) -> QColor:
    return widget.grab().toImage().pixelColor(round(x), round(y))


def key_of_window(panel, press, key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    (QTest.keyPress if press else QTest.keyRelease)(panel.windowHandle(), key, modifiers)
    QApplication.processEvents()


def value(panel, name: str) -> float:
    return panel.model.value(name)


def test_every_control_of_the_schema_has_a_labelled_slider(panel, live_session):
    shown = [spec.name for group in panel.groups.values() for spec in group.rows.specs]
    assert sorted(shown) == sorted(live_session.manifest.schema.names)
    assert panel.groups["lip"].isVisible() and not panel.groups["motion"].isVisible(), "a group without controls hides"
    words = panel.rows_of("lip.00").words(0)
    assert words == "Jaw opens, driven 0.00, yours 0.00, result 0.00"


def test_a_drag_is_relative_to_the_handle_and_is_one_undo_step(panel, live_session):
    rows = panel.rows_of("lip.00")
    width = rows.rect_of("lip.00", "rail").width()
    drag(panel, "lip.00", "handle", 30)
    assert value(panel, "lip.00") == pytest.approx(30 / width * 2, abs=0.02)
    assert live_session.controls.values["lip.00"] == value(panel, "lip.00")
    stack = panel.model.undo_stack
    assert stack.count() == 1 and stack.undoText() == "Move Jaw opens"
    stack.undo()
    assert value(panel, "lip.00") == 0.0 and "lip.00" not in live_session.controls.values
    stack.redo()
    assert value(panel, "lip.00") == pytest.approx(30 / width * 2, abs=0.02)


def test_shift_moves_finely_and_ctrl_snaps_to_tenths(panel):
    drag(panel, "lip.01", "handle", 40, Qt.KeyboardModifier.ShiftModifier)
    fine = value(panel, "lip.01")
    assert 0 < fine < 0.1
    drag(panel, "lip.02", "handle", 33, Qt.KeyboardModifier.ControlModifier)
    assert value(panel, "lip.02") == pytest.approx(round(value(panel, "lip.02"), 1)) and value(panel, "lip.02") > 0


def test_a_slider_never_leaves_its_limits_and_escape_gives_the_old_value_back(panel):
    drag(panel, "lip.00", "handle", 900)
    assert value(panel, "lip.00") == 1.0
    rows, point = rows_and_point(panel, "lip.00", "handle")
    QTest.mousePress(rows, LEFT, Qt.KeyboardModifier.NoModifier, point)
    move(rows, point - QPoint(50, 0))
    assert value(panel, "lip.00") < 1.0
    QTest.keyClick(rows, Qt.Key.Key_Escape)
    QTest.mouseRelease(rows, LEFT, Qt.KeyboardModifier.NoModifier, point)
    assert value(panel, "lip.00") == 1.0 and panel.model.undo_stack.count() == 1


def test_a_click_on_the_rail_steps_towards_it_instead_of_jumping(panel):
    rows = panel.rows_of("lip.00")
    rail = rows.rect_of("lip.00", "rail")
    QTest.mouseClick(rows, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(round(rail.right()) - 4, round(rail.y())))
    assert value(panel, "lip.00") == pytest.approx(0.1)


def test_a_double_click_resets_one_slider(panel):
    drag(panel, "lip.00", "handle", 30)
    rows, point = rows_and_point(panel, "lip.00", "name")
    QTest.mouseDClick(rows, LEFT, Qt.KeyboardModifier.NoModifier, point)
    assert value(panel, "lip.00") == 0.0


def test_the_wheel_scrolls_until_the_row_has_the_focus(panel):
    rows, point = rows_and_point(panel, "lip.00", "track")
    panel.search.setFocus()
    assert not wheel(rows, point, 1).isAccepted() and value(panel, "lip.00") == 0.0
    rows.setFocus()
    rows.focus_row(0)
    wheel(rows, point, 1)
    wheel(rows, point, 1)
    assert value(panel, "lip.00") == pytest.approx(0.02)
    assert panel.model.undo_stack.count() == 1, "quick steps are one undo step"


def test_a_typed_sum_sets_the_slider_and_nonsense_is_marked(panel):
    rows, point = rows_and_point(panel, "lip.03", "field")
    QTest.mouseClick(rows, LEFT, Qt.KeyboardModifier.NoModifier, point)
    assert rows.edit.isVisible()
    QTest.keyClicks(rows.edit, "0.2*3")
    QTest.keyClick(rows.edit, Qt.Key.Key_Return)
    assert value(panel, "lip.03") == pytest.approx(0.6) and not rows.edit.isVisible()
    rows.open_edit(3)
    QTest.keyClicks(rows.edit, "wide")
    QTest.keyClick(rows.edit, Qt.Key.Key_Return)
    assert rows.edit.isVisible() and rows.edit.property("invalid") == "true"
    QTest.keyClick(rows.edit, Qt.Key.Key_Escape)
    assert not rows.edit.isVisible() and value(panel, "lip.03") == pytest.approx(0.6)


def test_the_keyboard_reaches_and_moves_every_row(panel):
    rows = panel.rows_of("lip.00")
    rows.setFocus()
    QTest.keyClick(rows, Qt.Key.Key_Down)
    QTest.keyClick(rows, Qt.Key.Key_Right)
    QTest.keyClick(rows, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert value(panel, "lip.01") == pytest.approx(0.11)
    QTest.keyClick(rows, Qt.Key.Key_Delete)
    assert value(panel, "lip.01") == 0.0
    QTest.keyClick(rows, ".")
    assert rows.edit.isVisible() and rows.edit.text() == "."
    QTest.keyClicks(rows.edit, "4")
    QTest.keyClick(rows.edit, Qt.Key.Key_Enter)
    assert value(panel, "lip.01") == pytest.approx(0.4)
    assert "yours 0.40" in rows.words(1)


@pytest.mark.parametrize(
    ("part", "modifiers", "marks"),
    [
        ("mute", Qt.KeyboardModifier.NoModifier, "muted"),
        ("name", Qt.KeyboardModifier.AltModifier, "muted"),
        ("solo", Qt.KeyboardModifier.NoModifier, "soloed"),
        ("name", Qt.KeyboardModifier.ControlModifier, "soloed"),
        ("number", Qt.KeyboardModifier.NoModifier, "locked"),
        ("name", Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier, "locked"),
    ],
)
def test_clicks_mute_solo_and_lock_and_undo_takes_them_back(panel, live_session, part, modifiers, marks):
    rows, point = rows_and_point(panel, "lip.02", part)
    QTest.mouseClick(rows, LEFT, modifiers, point)
    assert getattr(live_session.controls, marks) == {"lip.02"}
    panel.model.undo_stack.undo()
    assert getattr(live_session.controls, marks) == set()


def test_a_locked_control_does_not_move(panel):
    panel.model.set_locked("lip.04", True)
    drag(panel, "lip.04", "handle", 30)
    panel.rows_of("lip.04").open_edit(4)
    panel.randomise(3)
    assert value(panel, "lip.04") == 0.0 and value(panel, "lip.05") != 0.0
    assert not panel.rows_of("lip.04").edit.isVisible()


def test_driven_values_move_the_bar_and_the_tick_and_nothing_else(panel, live_session, theme, qtbot):
    rows = panel.rows_of("lip.00")
    rail = rows.rect_of("lip.00", "rail")
    live_session.show({"lip.00": 0.5})
    qtbot.waitUntil(lambda: rows.words(0).startswith("Jaw opens, driven 0.50"))
    y = rows.rect_of("lip.00", "strip").y() - 18 + BAR_Y + 1
    image = rows.grab().toImage()
    middle = rail.center().x()
    assert image.pixelColor(round(middle + rail.width() / 8), round(y)) == theme.color("voice_bar")
    assert image.pixelColor(round(middle + rail.width() / 4), round(y)) == theme.color("t1"), "the tick of the result"
    assert image.pixelColor(round(middle + rail.width() * 0.4), round(y)) == theme.color("panel")
    assert image.pixelColor(round(middle + rail.width() / 8), round(rail.y()) + 1) == theme.color("hull")


def test_your_part_stands_in_blue_on_top_of_the_voice(panel, live_session, theme, qtbot):
    rows = panel.rows_of("lip.01")
    panel.model.change("x", {"lip.01": 0.3})
    live_session.show({"lip.01": 0.2})
    qtbot.waitUntil(lambda: "result 0.50" in rows.words(1))
    rail = rows.rect_of("lip.01", "rail")
    image, middle = rows.grab().toImage(), rail.center().x()
    bar = round(rail.y()) - RAIL_Y + BAR_Y + 1
    assert image.pixelColor(round(middle + 0.1 * rail.width() / 2), bar) == theme.color("voice_bar")
    assert image.pixelColor(round(middle + 0.4 * rail.width() / 2), bar) == theme.color("acc_bar")


def test_a_result_outside_the_training_range_turns_its_tick_to_a_warning(panel, live_session, theme, qtbot):
    rows = panel.rows_of("lip.00")
    live_session.show({"lip.00": 0.9})
    qtbot.waitUntil(lambda: "driven 0.90" in rows.words(0))
    rail = rows.rect_of("lip.00", "rail")
    x, y = rail.center().x() + 0.9 * rail.width() / 2, rail.y() - RAIL_Y + BAR_Y + 5
    assert pixel(rows, x, y) == theme.color("warn")


def test_a_new_frame_repaints_only_the_strips_whose_pixels_changed(panel, live_session, qtbot):
    rows = panel.rows_of("lip.00")
    live_session.show({"lip.00": 0.5})
    qtbot.waitUntil(lambda: "driven 0.50" in rows.words(0))
    QApplication.processEvents()
    paints = Paints()
    for group in panel.groups.values():
        group.rows.installEventFilter(paints)
    live_session.show({"lip.00": 0.25})
    qtbot.waitUntil(lambda: bool(paints.seen))
    QApplication.processEvents()
    strip = rows.rect_of("lip.00", "strip").toRect().adjusted(-1, 0, 1, 0)
    assert all(widget is rows and strip.contains(area) for widget, area in paints.seen)


def test_a_panel_dragged_wider_and_narrower_shows_what_one_made_that_wide_shows(panel, live_session, qtbot):
    names = [s.name for s in live_session.manifest.schema][:6]
    panel.model.change("Set", {names[1]: 0.4, names[2]: -0.7})
    panel.model.set_muted(names[3], True)
    panel.model.set_locked(names[4], True)
    groups = [group for group in panel.groups.values() if group.rows.specs]
    for width in (377, 420, 383, 340, 360, 512, 376):
        panel.resize(width, 788)
        panel.model.change("Set", {names[5]: width / 1000})
        QApplication.processEvents()
        dragged = panel.area.grab().toImage()
        for group in groups:
            group.rows._static = None
        assert dragged == panel.area.grab().toImage(), width


def test_linked_sides_move_together_until_they_are_unlinked(panel):
    assert panel.link_button.isChecked()
    panel.model.change("x", {"au.45l": 0.5})
    assert value(panel, "au.45r") == 0.5
    QTest.mouseClick(panel.link_button, LEFT)
    panel.model.change("x", {"au.45l": 0.1})
    assert value(panel, "au.45l") == 0.1 and value(panel, "au.45r") == 0.5


def test_chance_stays_in_the_training_range_and_a_seed_gives_the_same_face(panel):
    panel.randomise(7)
    first = panel.model.values()
    for spec in panel.model.schema:
        assert min(spec.low, spec.neutral) - 1e-6 <= first[spec.name] <= max(spec.high, spec.neutral) + 1e-6
        if spec.group == "pose":
            assert first[spec.name] == spec.neutral
    panel.randomise(8)
    assert panel.model.values() != first
    panel.randomise(7)
    assert panel.model.values() == first
    panel.model.undo_stack.undo()
    panel.model.undo_stack.undo()
    panel.model.undo_stack.undo()
    assert not panel._session.controls.values


def test_search_finds_by_what_the_face_does_and_hides_the_rest(panel):
    panel.focus_search()
    QTest.keyClicks(panel.search, "brow")
    assert panel.groups["expression"].isVisible() and not panel.groups["lip"].isVisible()
    rows = panel.groups["expression"].rows
    assert [rows.specs[i].label for i in rows._shown] == ["Brow raise", "Brow knit"]
    QTest.keyClicks(panel.search, " zzz")
    assert panel.nothing.isVisible() and "brow zzz" in panel.nothing.text()
    panel.search.clear()
    assert panel.groups["lip"].isVisible() and panel.groups["lip"].rows.n_shown == 20


def test_groups_fold_and_search_unfolds_them_for_a_while(panel):
    group = panel.groups["lip"]
    QTest.mouseClick(group.head, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(40, 14))
    assert not group.rows.isVisible()
    panel.search.setText("jaw")
    assert group.rows.isVisible()
    panel.search.clear()
    assert not group.rows.isVisible()


def test_the_voice_chip_is_dragged_and_shows_what_drives(panel, live_session):
    chip = panel.groups["expression"].source_chip
    assert chip.words == "Voice 60%"
    start = chip.rect().center()
    QTest.mousePress(chip, LEFT, Qt.KeyboardModifier.NoModifier, start)
    move(chip, start - QPoint(24, 0))
    move(chip, start - QPoint(36, 0))
    QTest.mouseRelease(chip, LEFT, Qt.KeyboardModifier.NoModifier, start - QPoint(36, 0))
    assert live_session.controls.strengths["expression"] == pytest.approx(0.3) and chip.words == "Voice 30%"
    assert panel.model.undo_stack.count() == 1
    panel.model.undo_stack.undo()
    assert live_session.controls.strengths["expression"] == 0.6
    live_session.use_file("hello.wav")
    assert chip.words == "Sound 60%"
    live_session.lose_microphone()
    assert chip.words.startswith("No voice")


def test_the_idle_chip_switches_idle_life(panel, live_session):
    chip = panel.groups["au"].source_chip
    QTest.mouseClick(chip, LEFT)
    assert ("set_idle", False) in live_session.calls and chip.words == "Still"


def test_the_guard_shows_the_range_and_takes_a_typed_percentage(panel, live_session, theme, qtbot):
    live_session.show(range_inside=0.94)
    qtbot.waitUntil(lambda: panel.foot.percent == 94)
    QTest.mouseClick(panel.foot, LEFT, Qt.KeyboardModifier.NoModifier, panel.foot.field_rect().center().toPoint())
    QTest.keyClicks(panel.foot.edit, "55")
    QTest.keyClick(panel.foot.edit, Qt.Key.Key_Return)
    assert live_session.controls.guard == pytest.approx(0.55)
    panel.model.undo_stack.undo()
    assert live_session.controls.guard == pytest.approx(0.7)


def test_a_tapped_key_latches_an_expression_and_a_second_tap_takes_it_off(panel, live_session, theme):
    panel.player._clock = Clock()
    for expected in ({"Smile": 1.0}, {}):
        key_of_window(panel, True, Qt.Key.Key_F2)
        key_of_window(panel, False, Qt.Key.Key_F2)
        assert panel.player.blends == expected
    assert not live_session.controls.values and panel.model.undo_stack.count() == 2
    panel.model.undo_stack.undo()
    assert value(panel, "au.06") > 0.4 and panel.player.blends == {"Smile": 1.0}
    rect = panel.tiles.rect_of("Smile")
    assert pixel(panel.tiles, rect.left() - 1, rect.center().y()) == theme.color("acc"), "the ring of a latched tile"
    assert "Smile" in panel.groups["au"].expression_chip.words and panel.groups["au"].expression_chip.isVisible()


def test_a_held_key_is_a_moment_of_it_and_leaves_no_undo_step(panel, live_session):
    clock = panel.player._clock = Clock()
    panel.model.change("x", {"au.06": 0.2})
    key_of_window(panel, True, Qt.Key.Key_F2)
    assert value(panel, "au.06") > 0.5
    clock.now += 1.0
    key_of_window(panel, False, Qt.Key.Key_F2)
    assert value(panel, "au.06") == pytest.approx(0.2) and panel.model.undo_stack.count() == 1


def test_expressions_play_also_while_a_slider_has_the_focus_but_letters_stay_with_text(panel):
    panel.player._clock = Clock()
    panel.search.setFocus()
    key_of_window(panel, True, Qt.Key.Key_N)
    key_of_window(panel, False, Qt.Key.Key_N)
    assert panel.search.text() == "n"
    panel.search.clear()
    panel.groups["lip"].rows.setFocus()
    key_of_window(panel, True, Qt.Key.Key_F3)
    key_of_window(panel, False, Qt.Key.Key_F3)
    assert panel.player.latched == {"Shock"}


def test_a_widget_that_needs_a_key_itself_keeps_it_while_it_has_the_focus(panel):
    panel.player._clock = Clock()
    panel.dice_button.setProperty("own_keys", "F2 F9")
    panel.dice_button.setFocus()
    key_of_window(panel, True, Qt.Key.Key_F2)
    key_of_window(panel, False, Qt.Key.Key_F2)
    assert not panel.player.blends
    key_of_window(panel, True, Qt.Key.Key_F3)
    key_of_window(panel, False, Qt.Key.Key_F3)
    assert panel.player.latched == {"Shock"}


def test_neutral_clears_sliders_and_expressions_and_one_undo_brings_all_back(panel, live_session):
    panel.player._clock = Clock()
    panel.player.tap("Smile")
    panel.model.change("x", {"lip.00": 0.4})
    before = dict(live_session.controls.values)
    key_of_window(panel, True, Qt.Key.Key_N)
    key_of_window(panel, False, Qt.Key.Key_N)
    assert not live_session.controls.values and not panel.player.blends
    panel.model.undo_stack.undo()
    assert live_session.controls.values == pytest.approx(before) and panel.player.blends == {"Smile": 1.0}


def test_holding_backquote_rests_the_whole_face_voice_included(panel, live_session):
    clock = panel.player._clock = Clock()
    panel.model.change("x", {"lip.00": 0.4})
    key_of_window(panel, True, Qt.Key.Key_QuoteLeft)
    assert value(panel, "lip.00") == 0.0 and set(live_session.controls.strengths.values()) == {0.0}
    clock.now += 2.0
    key_of_window(panel, False, Qt.Key.Key_QuoteLeft)
    assert value(panel, "lip.00") == 0.4 and live_session.controls.strengths["expression"] == 0.6
    assert panel.model.undo_stack.count() == 1


def test_the_blend_bar_of_a_latched_tile_is_dragged(panel):
    panel.player._clock = Clock()
    rect = panel.tiles.rect_of("Smile")
    QTest.mouseClick(panel.tiles, LEFT, Qt.KeyboardModifier.NoModifier, rect.center().toPoint() - QPoint(0, 15))
    assert panel.player.blends == {"Smile": 1.0}
    bar = panel.tiles.bar_rect("Smile")
    QTest.mousePress(panel.tiles, LEFT, Qt.KeyboardModifier.NoModifier, bar.center().toPoint())
    QTest.mouseRelease(panel.tiles, LEFT, Qt.KeyboardModifier.NoModifier, bar.center().toPoint())
    assert panel.player.blends["Smile"] == pytest.approx(0.5, abs=0.02)


def test_shift_and_a_key_store_the_face_and_the_key_then_plays_it(panel, live_session):
    panel.player._clock = Clock()
    panel.model.change("x", {"lip.00": 0.4, "au.04": 0.5})
    key_of_window(panel, True, Qt.Key.Key_F4, Qt.KeyboardModifier.ShiftModifier)
    assert live_session.notes[-1][:2] == ("good", "Expression stored")
    panel.model.reset()
    key_of_window(panel, True, Qt.Key.Key_F4)
    key_of_window(panel, False, Qt.Key.Key_F4)
    assert value(panel, "lip.00") == pytest.approx(0.4) and value(panel, "au.04") == pytest.approx(0.5)
    assert panel.shelf.key_of("Sad") == ""
    panel.shelf.remove("Face F4")
    assert panel.shelf.key_of("Sad") == "F4" and not panel.player.blends


def test_a_blink_goes_out_by_itself(panel, qtbot):
    panel.player.reduce_motion = False
    clock = panel.player._clock = Clock()
    panel.player.tap("Blink")
    clock.now += EASE_S + PULSE_S / 2
    qtbot.waitUntil(lambda: value(panel, "au.45l") == 1.0 and value(panel, "au.45r") == 1.0)
    clock.now += PULSE_S + EASE_S
    qtbot.waitUntil(lambda: not panel.player._ramps and not panel.player.blends)
    assert panel.model.undo_stack.count() == 0


def test_500_random_edits_and_500_undos_give_the_identical_face(panel, live_session):
    rng = np.random.default_rng(5)
    names = panel.model.schema.names
    panel.player._clock = Clock()
    stack = panel.model.undo_stack
    start = state(live_session, panel)
    for i in range(500):
        name = names[rng.integers(len(names))]
        spec = panel.model.spec(name)
        kind = rng.integers(8)
        if kind < 3:
            panel.model.change("x", {name: float(rng.uniform(spec.minimum, spec.maximum))})
        elif kind == 3:
            panel.model.set_muted(name, not panel.model.is_muted(name))
        elif kind == 4:
            panel.model.set_locked(name, not panel.model.is_locked(name))
        elif kind == 5:
            panel.player.tap(("Smile", "Shock", "Ah", "Wink")[rng.integers(4)])
        elif kind == 6:
            panel.randomise(i)
        else:
            panel.model.set_strength(list(GROUPS)[rng.integers(5)], float(rng.uniform()))
    assert state(live_session, panel) != start
    while stack.canUndo():
        stack.undo()
    assert state(live_session, panel) == start


def state(session, panel) -> tuple:
    controls = session.controls
    return (
        dict(controls.values), set(controls.muted), set(controls.locked), set(controls.soloed),
        {group: controls.strengths.get(group, 1.0) for group in GROUPS}, controls.guard, panel.player.blends,
    )  # fmt: skip


class Paints(QObject):
    """Writes down what is painted where."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple] = []

    def eventFilter(self, watched, event) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.seen.append((watched, event.region().boundingRect()))
        return False


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def click(panel, name: str, part: str) -> None:
    rows, point = rows_and_point(panel, name, part)
    QTest.mouseClick(rows, LEFT, Qt.KeyboardModifier.NoModifier, point)


def test_a_click_on_the_sign_lets_the_value_scale_then_replace_then_add_again(panel, live_session):
    live_session.show({"lip.00": 0.5})
    seen, name = [], "lip.00"
    for _ in range(3):
        click(panel, name, "join")
        live_session.show({"lip.00": 0.5})
        seen.append((live_session.controls.joins.get(name), value(panel, name), panel.model.spec(name).maximum))
    assert seen == [("scale", 1.0, 2.0), ("replace", pytest.approx(0.5), 1.0), (None, 0.0, 1.0)]
    assert name not in live_session.controls.values and not panel.rows_of(name).edit.isVisible()
    stack = panel.model.undo_stack
    assert stack.count() == 3 and stack.undoText() == "Jaw opens adds to the drive"
    stack.undo()
    assert live_session.controls.joins == {name: "replace"} and value(panel, name) == pytest.approx(0.5)
    stack.setIndex(0)
    assert not live_session.controls.joins and not live_session.controls.values


def test_a_scaled_row_keeps_the_driven_bar_on_the_controls_own_scale(panel, live_session, qtbot):
    rows = panel.rows_of("lip.00")
    live_session.show({"lip.00": 0.5})
    before = rows._marks[:, 0].tolist()
    click(panel, "lip.00", "join")
    live_session.show({"lip.00": 0.5})
    assert rows._marks[:, 0].tolist() == before, "a factor of one moves nothing"
    rail = rows.rect_of("lip.00", "rail")
    assert rows.rect_of("lip.00", "handle").center().x() == pytest.approx(rail.center().x(), abs=1), "1 of 0 to 2"
    drag(panel, "lip.00", "handle", -round(rail.width() / 4))
    live_session.show({"lip.00": 0.5})
    assert value(panel, "lip.00") == pytest.approx(0.5, abs=0.03)
    middle = rail.center().x()

    def result_is_half_of_what_is_driven() -> bool:
        driven, _, result = rows._marks[:, 0]
        return abs((result - middle) - (driven - middle) / 2) <= 2

    qtbot.waitUntil(result_is_half_of_what_is_driven)  # the bars follow a few times a second
    y = rows.rect_of("lip.00", "strip").center().y()
    assert pixel(rows, (middle + rows._marks[2, 0]) / 2, y).name() == panel._theme.color("voice_bar").name()


def test_the_keys_equals_and_star_change_how_the_value_joins(panel, live_session):
    rows = panel.rows_of("lip.03")
    click(panel, "lip.03", "name")
    QTest.keyClicks(rows, "=")
    assert live_session.controls.joins == {"lip.03": "replace"}
    QTest.keyClicks(rows, "*")
    assert live_session.controls.joins == {"lip.03": "scale"}
    QTest.keyClicks(rows, "*")
    assert live_session.controls.joins == {} and not rows.edit.isVisible()


def test_a_reset_also_brings_the_way_of_joining_back_as_one_step(panel, live_session):
    click(panel, "lip.03", "join")
    click(panel, "lip.03", "join")
    drag(panel, "lip.03", "handle", 20)
    n = panel.model.undo_stack.count()
    panel.model.reset(["lip.03"])
    assert not live_session.controls.joins and not live_session.controls.values
    assert panel.model.undo_stack.count() == n + 1
    panel.model.undo_stack.undo()
    assert live_session.controls.joins == {"lip.03": "replace"} and value(panel, "lip.03") > 0


def test_chance_and_expressions_leave_scaled_controls_alone_and_poses_are_not_scaled(panel, live_session):
    click(panel, "lip.00", "join")
    panel.model.randomise(5)
    assert value(panel, "lip.00") == 1.0 and value(panel, "lip.01") != 0
    click(panel, "pose.yaw", "join")
    assert live_session.controls.joins["pose.yaw"] == "replace"


def test_while_a_take_is_recorded_the_way_of_joining_stays(panel, live_session):
    live_session.is_recording = True
    click(panel, "lip.00", "join")
    assert not live_session.controls.joins and live_session.notes[-1][1] == "Not while recording"
