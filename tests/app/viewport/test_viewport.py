"""The viewport through the window a person sees: frames, camera by mouse and keys, overlays, recording edge."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QUndoStack, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.viewport.camera_controller import EYES_AND_MOUTH, FACE
from app.viewport.ground import Ground
from app.viewport.pick_canvas import pick_canvas
from app.viewport.viewport import Viewport

pytestmark = pytest.mark.display
LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier,
)  # fmt: skip
KEYPAD = Qt.KeyboardModifier.KeypadModifier
SIZE = (808, 602)


@pytest.fixture(params=["raster", "opengl"])
def any_view(request, qtbot, theme, live_session):
    """The viewport with either painter."""
    yield from make(qtbot, theme, live_session, request.param)


@pytest.fixture
def view(qtbot, theme, live_session):
    yield from make(qtbot, theme, live_session, "raster")


def make(qtbot, theme, session, canvas):
    widget = Viewport(session, theme, undo_stack=QUndoStack(session), canvas=canvas)
    widget.controller.reduce_motion = True
    qtbot.addWidget(widget)
    widget.resize(*SIZE)
    with qtbot.waitExposed(widget):
        widget.show()
    qtbot.waitUntil(lambda: session.sizes[-1] == SIZE)
    widget.setFocus()
    yield widget


def picture(widget):
    return widget.grab().toImage()


def drag(widget, start: QPoint, dx: int, dy: int, button=LEFT, modifiers=NONE, n_moves: int = 4) -> None:
    QTest.mousePress(widget, button, modifiers, start)
    for i in range(1, n_moves + 1):
        point = QPointF(start + QPoint(dx * i // n_moves, dy * i // n_moves))
        event = QMouseEvent(QMouseEvent.Type.MouseMove, point, point, Qt.MouseButton.NoButton, button, modifiers)
        QApplication.sendEvent(widget, event)
    QTest.mouseRelease(widget, button, modifiers, start + QPoint(dx, dy))


def scroll(widget, point: QPoint, notches: int) -> None:
    event = QWheelEvent(
        QPointF(point), QPointF(point), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton, NONE,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


def is_near(color: QColor, rgb: tuple[int, int, int], tolerance: int = 3) -> bool:
    return max(abs(a - b) for a, b in zip(color.getRgb()[:3], rgb, strict=True)) <= tolerance


CENTRE = QPoint(300, 300)


def test_the_newest_frame_fills_the_picture(any_view, live_session, qtbot):
    live_session.show(rgba=(200, 120, 90, 255))
    live_session.show(rgba=(20, 200, 60, 255))
    qtbot.waitUntil(lambda: is_near(picture(any_view).pixelColor(CENTRE), (20, 200, 60)), timeout=10_000)


def test_a_new_frame_is_on_the_screen_before_the_rest_of_the_window_follows_it(view, live_session):
    painted = []
    view.canvas.on_painted = painted.append
    live_session.show(rgba=(20, 200, 60, 255))
    assert [header.picture_sequence for header in painted] == [live_session.frames.newest().header.picture_sequence]


def test_the_latency_counts_up_to_the_painted_picture_and_each_picture_once(any_view, live_session, qtbot):
    any_view.latency.clear()
    live_session.show(rgba=(200, 120, 90, 255))
    qtbot.waitUntil(lambda: len(any_view.latency) == 1, timeout=10_000)
    stages = live_session.frames.newest().header.stages_ms
    any_view.canvas.update()
    live_session.show(rgba=(20, 200, 60, 255))
    qtbot.waitUntil(lambda: len(any_view.latency) == 2, timeout=10_000)
    p50, *_ = any_view.latency.percentiles()
    assert p50["present"] > stages.get("present", 0.0)


def test_a_frame_with_alpha_lies_over_the_studio_ground(any_view, live_session, theme, qtbot):
    live_session.show(rgba=(255, 255, 255, 0))
    wanted = QColor(theme.tokens.ground_centre).getRgb()[:3]
    middle = QPoint(404, round(602 * 0.42))
    qtbot.waitUntil(lambda: is_near(picture(any_view).pixelColor(middle), wanted), timeout=10_000)
    live_session.show(rgba=(255, 255, 255, 128))
    half = tuple(round((c + 255) / 2) for c in wanted)
    qtbot.waitUntil(lambda: is_near(picture(any_view).pixelColor(middle), half), timeout=10_000)


def test_corners_are_round_and_recording_runs_a_red_edge_round_the_picture(any_view, live_session, theme, qtbot):
    live_session.show(rgba=(255, 255, 255, 255))
    qtbot.waitUntil(lambda: is_near(picture(any_view).pixelColor(CENTRE), (255, 255, 255)), timeout=10_000)
    app = theme.color("app").getRgb()[:3]
    assert is_near(picture(any_view).pixelColor(0, 0), app)
    assert is_near(picture(any_view).pixelColor(1, 300), (255, 255, 255))
    live_session.start_recording()
    image = picture(any_view)
    rec = theme.color("rec").getRgb()[:3]
    assert all(is_near(image.pixelColor(x, y), rec) for x, y in ((1, 300), (806, 300), (400, 1), (400, 600)))
    assert is_near(image.pixelColor(0, 0), app)
    live_session.stop_recording()
    assert is_near(picture(any_view).pixelColor(1, 300), (255, 255, 255))


def test_a_smaller_frame_is_drawn_full_height_and_centred(view, live_session, qtbot):
    live_session._size = (300, 301)
    live_session.show(rgba=(10, 250, 10, 255))
    qtbot.waitUntil(lambda: is_near(picture(view).pixelColor(404, 300), (10, 250, 10)))
    image = picture(view)
    assert is_near(image.pixelColor(404, 598), (10, 250, 10)) and not is_near(image.pixelColor(50, 300), (10, 250, 10))


def test_the_left_button_orbits_and_one_undo_brings_the_view_back(view, live_session):
    live_session.orbits.clear()
    drag(view, CENTRE, 100, -40)
    orbit = live_session.orbits[-1]
    assert orbit.azimuth_deg == pytest.approx(-35.0) and orbit.elevation_deg == pytest.approx(-14.0)
    assert len(live_session.orbits) >= 4, "the face turns while the hand moves"
    stack = view.hand._undo_stack
    assert stack.count() == 1
    stack.undo()
    assert live_session.orbits[-1].azimuth_deg == 0.0


@pytest.mark.parametrize(("button", "modifiers"), [(MIDDLE, NONE), (LEFT, SHIFT)])
def test_the_middle_button_or_shift_pans_so_that_the_point_stays_under_the_hand(view, live_session, button, modifiers):
    before = view.controller.goal
    height = view.controller.picture_height(before)
    drag(view, CENTRE, 60, 0, button, modifiers)
    assert live_session.orbits[-1].target[0] == pytest.approx(-60 / SIZE[1] * height)
    assert live_session.orbits[-1].azimuth_deg == before.azimuth_deg


def test_the_wheel_zooms_to_the_cursor_and_quick_notches_are_one_undo_step(view, live_session, monkeypatch):
    monkeypatch.setattr("app.viewport.camera_undo.MERGE_S", 60.0)  # on any machine
    before = view.controller.goal.distance
    scroll(view, QPoint(700, 100), 1)
    scroll(view, QPoint(700, 100), 1)
    after = live_session.orbits[-1]
    assert after.distance < before and after.target[0] > 0 and after.target[1] > 0
    assert view.hand._undo_stack.count() == 1
    view.hand._undo_stack.undo()
    assert view.controller.goal.distance == before


def test_a_double_click_sets_the_pivot_on_the_face(view, live_session):
    QTest.mouseDClick(view, LEFT, NONE, QPoint(430, 300))
    assert live_session.orbits[-1].target[2] > 0.2


def test_a_turn_goes_on_after_the_hand_and_comes_to_rest(view, live_session, qtbot):
    view.controller.reduce_motion = False
    drag(view, CENTRE, 100, 0)
    assert view.controller.is_moving
    qtbot.waitUntil(lambda: not view.controller.is_moving)
    assert live_session.orbits[-1].azimuth_deg == pytest.approx(-35.0)
    assert not view.hand._timer.isActive(), "nothing ticks while nothing moves"


@pytest.mark.parametrize(
    ("key", "modifiers", "expected"),
    [
        (Qt.Key.Key_1, KEYPAD, (0, 0)), (Qt.Key.Key_1, KEYPAD | CTRL, (180, 0)), (Qt.Key.Key_3, KEYPAD, (90, 0)),
        (Qt.Key.Key_3, KEYPAD | CTRL, (-90, 0)), (Qt.Key.Key_7, KEYPAD, (0, 90)),
        (Qt.Key.Key_7, KEYPAD | CTRL, (0, -90)),
    ],
)  # fmt: skip
def test_the_numeric_pad_looks_along_the_axes(view, live_session, key, modifiers, expected):
    view.controller.turn(20, 10)
    QTest.keyClick(view, key, modifiers)
    orbit = live_session.orbits[-1]
    assert (orbit.azimuth_deg, orbit.elevation_deg) == pytest.approx(expected)


def test_keys_frame_reset_switch_the_lens_and_the_grid(view, live_session, theme):
    QTest.keyClick(view, Qt.Key.Key_F)
    assert view.controller.is_framing(FACE) and view.chrome.face.isChecked()
    QTest.keyClick(view, Qt.Key.Key_F, SHIFT)
    assert view.controller.is_framing(EYES_AND_MOUTH) and view.chrome.eyes.isChecked()
    QTest.keyClick(view, Qt.Key.Key_5, KEYPAD)
    assert live_session.orbits[-1].fov_deg == 1.0 and view.chrome.ortho.isChecked()
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert live_session.orbits[-1] == live_session.manifest.orbit
    QTest.keyClick(view, Qt.Key.Key_G)
    assert view.guides.grid and view.chrome.grid.isChecked()
    QTest.keyClick(view, Qt.Key.Key_Z)
    assert ("set_view_mode", "alpha") in live_session.calls and view.chrome.mode_pill.words == "Alpha"


def test_the_grid_is_drawn_at_the_thirds(any_view, live_session, qtbot):
    live_session.show(rgba=(0, 0, 0, 255))
    x, y = round(SIZE[0] / 3), 420
    qtbot.waitUntil(lambda: is_near(picture(any_view).pixelColor(x, y), (0, 0, 0)), timeout=10_000)
    any_view.set_grid(True)
    image = picture(any_view)
    assert max(image.pixelColor(x + dx, y).value() for dx in (-1, 0, 1)) > 60


def test_bookmarks_are_stored_recalled_shown_and_undone(view, live_session):
    view.controller.turn(25, 0)
    QTest.keyClick(view, Qt.Key.Key_2, CTRL)
    button = view.chrome.bookmark_button(2)
    assert button.isVisible() and button.isChecked()
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert not button.isChecked()
    QTest.mouseClick(button, LEFT)
    assert live_session.orbits[-1].azimuth_deg == 25 and button.isChecked()
    QTest.mouseClick(view.chrome.store, LEFT)
    assert sorted(view.controller.bookmarks) == [1, 2]
    view.hand._undo_stack.undo()
    assert sorted(view.controller.bookmarks) == [2]
    QTest.keyClick(view, Qt.Key.Key_9)
    assert live_session.orbits[-1].azimuth_deg == 25, "an empty bookmark moves nothing"


def test_the_view_cube_shows_the_turn_snaps_on_a_click_and_orbits_on_a_drag(view, live_session):
    cube = view.chrome.cube
    view.controller.turn(35, 20)
    view.hand.follow()
    side = cube.centre_of("left")
    assert side is not None and side.x() > cube.centre_of("front").x(), "the person's left is on the picture's right"
    QTest.mouseClick(cube, LEFT, NONE, side.toPoint())
    assert (live_session.orbits[-1].azimuth_deg, live_session.orbits[-1].elevation_deg) == (90, 0)
    drag(cube, QPoint(34, 34), 20, 0)
    assert live_session.orbits[-1].azimuth_deg < 90
    drag(cube, QPoint(34, 2), -14, 4)
    assert live_session.orbits[-1].roll_deg > 5
    view.hand._undo_stack.undo()
    assert live_session.orbits[-1].roll_deg == pytest.approx(0)


def test_pills_stand_where_the_design_has_them_and_nothing_overlaps(view):
    chrome = view.chrome
    view.camera.store_bookmark(1)
    assert (chrome.mode_pill.x(), chrome.mode_pill.y(), chrome.mode_pill.height()) == (10, 10, 30)
    assert chrome.cube.geometry().getRect() == (732, 8, 68, 68)
    assert chrome.column.geometry().getRect()[:3] == (762, 84, 36)
    assert chrome.bookmark_button(1).geometry().getRect() == (10, 566, 26, 26)
    assert chrome.info.geometry().bottomRight() == QPoint(797, 591)
    shown = [w for w in chrome.widgets if w.isVisible()]
    for i, first in enumerate(shown):
        for second in shown[i + 1 :]:
            assert not first.geometry().intersects(second.geometry()), (first.accessibleName(), second.accessibleName())
    assert all(w.accessibleName() for w in shown if w not in (chrome.guides, chrome.column))


def test_without_an_avatar_nothing_lies_over_the_ground(qtbot, theme, tmp_path, display):
    from tests.fakes.stage_session import StageSession

    session = StageSession(tmp_path)
    widget = Viewport(session, theme, undo_stack=QUndoStack(session), canvas="raster")
    qtbot.addWidget(widget)
    widget.show()
    assert not any(w.isVisible() for w in widget.chrome.widgets)
    session.open_avatar(tmp_path / "Noa.avatar")
    assert all(w.isVisible() for w in widget.chrome.widgets)


def test_the_overlays_hide_while_recording_when_the_mouse_rests(view, live_session):
    live_session.start_recording()
    timer = view.chrome._idle_timer
    assert timer.isActive() and timer.interval() == 3000
    QTest.mouseMove(view, QPoint(400, 300))
    timer.stop()
    view.chrome._on_idle()
    assert not view.chrome.mode_pill.isVisible()
    QTest.mouseMove(view, QPoint(410, 300))
    QApplication.processEvents()
    drag(view, CENTRE, 4, 0)
    assert view.chrome.mode_pill.isVisible()
    live_session.stop_recording()
    assert not timer.isActive()


def test_the_frame_asked_for_is_smaller_only_while_the_hand_moves_and_frames_come_slowly(view, live_session):
    now = [0.0]
    view.governor.clock = lambda: now[0]
    live_session.sizes.clear()
    live_session.show(fps=12)
    assert live_session.sizes == []
    QTest.mousePress(view, LEFT, NONE, CENTRE)
    now[0] += 1
    live_session.show(fps=12)
    assert live_session.sizes[-1] == (606, 452)
    now[0] += 1
    live_session.show(fps=12)
    assert live_session.sizes[-1] == (404, 301)
    QTest.mouseRelease(view, LEFT, NONE, CENTRE)
    assert live_session.sizes[-1] == SIZE


def test_resizing_asks_for_the_new_size_once_it_settles(view, live_session, qtbot):
    live_session.sizes.clear()
    for width in (700, 720, 740):
        view.resize(width, 500)
    qtbot.waitUntil(lambda: live_session.sizes == [(740, 500)])


def test_backgrounds_go_to_the_performer_only_where_it_must_compose_them(view, live_session, tmp_path, qtbot):
    def told():
        return [call[1] for call in live_session.calls if call[0] == "set_background"][-1]

    assert told() is None
    view.set_ground(Ground("color", "#102030"))
    assert told() == (16, 32, 48) and view.chrome.ground_pill.words == "Colour"
    live_session.show(rgba=(0, 0, 0, 0))
    qtbot.waitUntil(lambda: is_near(picture(view).pixelColor(CENTRE), (16, 32, 48)))
    view.set_ground(Ground("checker"))
    assert told() is None
    image = picture(view)
    assert len({image.pixelColor(x, 400).name() for x in range(300, 360)}) == 2
    view.set_ground(Ground("picture", picture=tmp_path / "none.png"))
    assert live_session.notes[-1][0] == "err" and view.ground.kind == "checker"


def test_an_avatar_with_a_plate_gets_a_colour_unless_its_own_is_wanted(view, live_session):
    live_session.manifest = live_session.manifest.model_copy(update={"background": "plate"})
    live_session.avatar_opened.emit(live_session.manifest)
    assert ("set_background", (43, 45, 49)) in live_session.calls
    view.set_ground(Ground("plate"))
    assert live_session.calls[-1] == ("set_background", None)


def test_a_picture_is_saved_as_it_is_seen(view, live_session, tmp_path):
    live_session.show(rgba=(200, 0, 0, 128))
    view.save_picture(view.still_picture(), tmp_path / "still.png")
    from PIL import Image

    saved = np.asarray(Image.open(tmp_path / "still.png").convert("RGB"))
    assert saved.shape == (602, 808, 3) and saved[300, 400, 0] > saved[300, 400, 1] + 60
    assert live_session.notes[-1][0] == "good"


def test_a_software_renderer_is_never_chosen_over_the_raster_painter(display, qapp, monkeypatch):
    monkeypatch.setattr("app.viewport.pick_canvas._has_graphics_device", lambda: True)
    choice = pick_canvas("auto")
    if choice.kind == "opengl":
        assert "ms a frame" in choice.reason
    else:
        assert "software" in choice.reason or "cannot" in choice.reason or "ms a frame" in choice.reason
    assert pick_canvas("opengl").kind == "opengl" and pick_canvas("raster").kind == "raster"


def test_the_painter_can_be_changed_while_running(view, live_session, qtbot):
    live_session.show(rgba=(90, 20, 200, 255))
    view.use_canvas("opengl")
    assert view.canvas.kind == "opengl"
    qtbot.waitUntil(lambda: is_near(picture(view).pixelColor(CENTRE), (90, 20, 200)), timeout=10_000)
    view.use_canvas("raster")
    assert is_near(picture(view).pixelColor(CENTRE), (90, 20, 200))


def test_z_goes_past_a_view_the_avatar_cannot_give(view, live_session):
    view.set_view_mode("embedding")
    view.next_view_mode()
    assert view.view_mode == "attention"
    for refused in ("attention", "attention_audio", "attention_eye", "attention_view", "attention_null", "regions"):
        assert view.view_mode == refused
        live_session.performer_said.emit({"event": "view_refused", "mode": "color", "refused": refused})
    assert view.view_mode == "motion"
    view.set_view_mode("embedding")
    view.next_view_mode()
    assert view.view_mode == "motion"
    view.set_view_mode("attention")
    live_session.performer_said.emit({"event": "view_refused", "mode": "color", "refused": "attention"})
    assert view.view_mode == "color"
