"""The window as a person meets it: keys, sizes, files dropped on it."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from app.theme.buttons import ElidedWords
from app.theme.tokens import DARK, LIGHT

pytestmark = pytest.mark.display

CHECKOUT = Path(__file__).resolve().parents[3]
BUILD = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from app.application import Studio, parse
from tests.fakes.session import FakeSession
app = QApplication([])
studio = Studio(app, parse([]), lambda _: FakeSession(Path(sys.argv[1])))
studio.window.show()
studio.library.open_avatar(Path("Noa.avatar"))
app.processEvents()
print(sorted({name.split(".")[0] for name in sys.modules} & {"torch", "numba", "scipy", "mediapipe", "av"}))
"""


def press(window, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(QApplication.focusWidget() or window, key, modifier)
    QApplication.processEvents()


def drop(window, *paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), action, mime, buttons, keys)
    QApplication.sendEvent(window, enter)
    lit = window.library.drop_zone._is_lit
    QApplication.sendEvent(window, QDropEvent(QPointF(5, 5), action, mime, buttons, keys))
    return enter.isAccepted(), lit


def test_the_window_imports_no_torch(display, home):
    found = subprocess.run([sys.executable, "-c", BUILD, str(home)], cwd=CHECKOUT, capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_r_starts_and_stops_a_recording_and_the_picture_gets_a_red_edge(studio):
    window, session = studio.window, studio.session
    window.viewport.setFocus()
    press(window, Qt.Key.Key_R)
    assert ("start_recording",) in session.calls
    edge = window.viewport.grab().toImage().pixelColor(window.viewport.width() // 2, 0)
    assert edge.name().upper() == DARK.rec
    assert window.timeline._chip.text() == "Recording Take 01"
    press(window, Qt.Key.Key_R)
    assert ("stop_recording",) in session.calls


def test_letters_typed_into_a_field_stay_in_the_field(studio):
    search = studio.window.library.search
    search.setFocus()
    QTest.keyClicks(search, "rmh")
    assert search.text() == "rmh"
    assert ("start_recording",) not in studio.session.calls


def test_m_mutes_the_microphone_at_once_and_the_button_shows_it(studio):
    studio.window.viewport.setFocus()
    press(studio.window, Qt.Key.Key_M)
    assert ("set_microphone_muted", True) in studio.session.calls
    assert not studio.window.live_bar.microphone.isChecked()
    press(studio.window, Qt.Key.Key_M)
    assert studio.window.live_bar.microphone.isChecked()


def test_h_opens_the_stage_panel_over_the_picture_and_closes_it(studio):
    window = studio.window
    window.viewport.setFocus()
    press(window, Qt.Key.Key_H)
    assert window.stage_panel.isVisible() and window.live_bar.chip.isChecked()
    assert window.viewport.rect().contains(window.stage_panel.geometry())
    press(window, Qt.Key.Key_H)
    assert not window.stage_panel.isVisible()


def test_tab_hides_the_panels_and_leaves_the_live_bar(studio):
    window = studio.window
    window.viewport.setFocus()
    press(window, Qt.Key.Key_Tab)
    assert not window.library.isVisible() and not window.right.isVisible() and not window.timeline.isVisible()
    assert window.live_bar.isVisible() and window.viewport.width() == window.width() - 8
    press(window, Qt.Key.Key_Tab)
    assert window.library.isVisible() and window.right.isVisible()


def test_tab_moves_the_focus_inside_a_panel(studio):
    window = studio.window
    window.library.search.setFocus()
    press(window, Qt.Key.Key_Tab)
    assert window.library.isVisible()
    assert QApplication.focusWidget() is not window.library.search


def test_ctrl_f6_goes_round_all_areas(studio):
    window = studio.window
    window.viewport.setFocus()
    areas = (window.top_bar, window.library, window.viewport, window.live_bar, window.timeline, window.right)
    seen = set()
    for _ in areas:
        window.next_area()
        focus = QApplication.focusWidget()
        seen |= {area for area in areas if area is focus or area.isAncestorOf(focus)}
    assert seen == set(areas)


@pytest.mark.parametrize(
    "size, library, right, timeline",
    [((1440, 900), 240, 376, 150), ((1280, 720), 200, 344, 36), ((1120, 640), 44, 344, 36)],
)
def test_panels_give_way_as_the_window_gets_smaller(make_studio, size, library, right, timeline):
    window = make_studio(size=size).window
    left = window.area.rail if library == 44 else window.library
    assert left.isVisible() and left.width() == library
    assert window.right.width() == right
    assert window.timeline.height() == timeline
    assert window.viewport.x() == left.x() + left.width() + 4
    assert window.right.x() == window.viewport.x() + window.viewport.width() + 4
    assert window.viewport.width() >= 480 and window.viewport.height() >= 320


def test_the_window_refuses_to_be_smaller_than_its_least_size(studio):
    studio.window.resize(300, 200)
    assert (studio.window.width(), studio.window.height()) == (1120, 640)


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (1120, 640)])
def test_no_label_is_cut_off(make_studio, qtbot, size, mode):
    window = make_studio("--theme", mode, size=size).window
    window.status._show_texts()

    def assert_none_is_cut() -> None:
        cut = [
            label.text() for label in window.findChildren(QLabel)
            if label.isVisible() and label.text() and not isinstance(label, ElidedWords) and not label.wordWrap()
            and label.width() < label.fontMetrics().horizontalAdvance(label.text())
        ]  # fmt: skip
        assert cut == []

    qtbot.waitUntil(assert_none_is_cut)  # a label that has just come waits for its layout


def test_a_dragged_handle_sizes_the_library_and_the_size_is_remembered(make_studio):
    studio = make_studio()
    handle = studio.window.area._library_handle
    start = handle.rect().center()
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(handle, start + QPoint(60, 0))
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=start)
    assert studio.window.library.width() == pytest.approx(300, abs=4)
    studio.window.close()
    again = make_studio()
    assert again.window.library.width() == studio.settings.layout.library


def test_dragging_the_library_small_folds_it_to_a_rail_and_a_click_brings_it_back(studio):
    area = studio.window.area
    area._drag_library(QPoint(120, 300))
    assert area.rail.isVisible() and area.rail.width() == 44 and not studio.window.library.isVisible()
    area.rail.opened.emit()
    assert studio.window.library.isVisible() and not area.rail.isVisible()


def test_in_a_narrow_window_the_library_opens_over_the_picture(make_studio):
    window = make_studio(size=(1150, 700)).window
    window.area.rail.opened.emit()
    assert window.library.isVisible() and window.area.rail.isVisible()
    assert window.library.geometry().intersects(window.viewport.geometry())
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, pos=QPoint(2, window.height() - 2))
    assert not window.library.isVisible()


def test_a_theme_change_reaches_panels_and_ground(studio):
    window = studio.window
    corner = QPoint(window.library.x() + 120, 300)
    assert window.area.grab().toImage().pixelColor(2, 300).name().upper() == DARK.app
    window.commands.run("window.light")
    QApplication.processEvents()
    picture = window.area.grab().toImage()
    assert picture.pixelColor(2, 300).name().upper() == LIGHT.app
    assert picture.pixelColor(corner.x(), window.library.height() - 2).name().upper() == LIGHT.panel
    assert studio.settings.theme == "light"


def test_dropped_files_are_opened_as_what_they_are(studio, home):
    window, session = studio.window, studio.session
    accepted, lit = drop(window, home / "Iris.avatar")
    assert accepted and lit and not window.library.drop_zone._is_lit
    drop(window, home / "voice.wav")
    assert ("open_avatar", home / "Iris.avatar") in session.calls
    assert ("use_file", home / "voice.wav") in session.calls
    drop(window, home / "text.pdf")
    assert "text.pdf cannot be opened" in [toast.notice.title for toast in window.toasts.shown]


def test_without_an_avatar_the_window_says_what_to_do(make_studio):
    window = make_studio(with_avatar=False).window
    assert window.empty_stage.isVisible() and window.empty_stage.open.isVisible()
    assert window.timeline.height() == 36
    assert not window.live_bar.record.isEnabled() and "Open an avatar" in window.live_bar.record.toolTip()
    assert not window.top_bar.export.isEnabled()


def test_an_avatar_that_cannot_be_opened_is_said_with_a_way_out(studio):
    studio.library._opening = Path("Old.avatar")
    studio.session.avatar_failed.emit("Old.avatar stops at byte 4; the file is incomplete. Copy it again.")
    toast = studio.window.toasts.shown[-1]
    assert toast.notice.title == "Old.avatar cannot be opened" and toast.notice.actions[0].text == "Open another"


def test_full_screen_and_back_by_key(studio):
    studio.window.viewport.setFocus()
    press(studio.window, Qt.Key.Key_F11)
    assert studio.window.isFullScreen()
    press(studio.window, Qt.Key.Key_F11)
    assert not studio.window.isFullScreen()


def test_closing_saves_the_settings(make_studio, home):
    from app.settings import load_settings

    studio = make_studio()
    studio.wiring.set_look_ahead(160.0)
    studio.window.close()
    saved = load_settings()
    assert saved.sound.look_ahead_ms == 160.0 and saved.last_avatar == home / "Noa.avatar"


def test_undo_takes_a_moved_control_back(studio):
    studio.session.set_control("lip.00", 0.4)
    assert studio.window.top_bar.undo.isEnabled()
    studio.window.viewport.setFocus()
    press(studio.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert studio.session.controls.values.get("lip.00", 0.0) == 0.0
    assert studio.window.top_bar.redo.isEnabled()


def test_an_opening_that_takes_long_says_why(make_studio):
    stage = make_studio(with_avatar=False).window.empty_stage
    stage.show_opening("Noa")
    assert stage._sentence.text() == "It takes a few seconds."
    stage._slow.timeout.emit()
    assert stage._sentence.text().startswith("The first start on a machine")
    assert stage._sentence.sizeHint().width() <= stage.width(), "in one line"
    stage.show_opening("")
    assert not stage._slow.isActive() and stage._sentence.text().startswith("Open an avatar")
