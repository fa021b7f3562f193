"""The live bar tells what is heard, what it costs and what is recorded."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.panels.latency import Latency
from app.panels.live_bar import LiveBar, timer_text
from app.workers.frames import FrameHeader
from tests.fakes.session import AudioDevice

pytestmark = pytest.mark.display


@pytest.fixture
def bar(theme, qtbot):
    place = QWidget()  # alone the bar would refuse to be narrower than its parts
    qtbot.addWidget(place)
    bar = LiveBar(theme, place)
    bar.resize(808, 64)
    bar.show_can_record(True)
    bar.show_source("microphone", "Scarlett 2i2 USB", "", False)
    place.resize(808, 64)
    place.show()
    yield bar  # the place must live as long


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "00:00.0"), (12.49, "00:12.4"), (59.99, "00:59.9"), (3612.4, "1:00:12.4")],
)
def test_the_timer_cuts_and_never_rounds(seconds, text):
    assert timer_text(seconds) == text


@pytest.mark.parametrize(
    "p50_ms, tone", [(81, "voice_bar"), (90, "voice_bar"), (91, "warn"), (125, "warn"), (126, "err")]
)
def test_latency_is_judged_by_what_a_performer_feels(p50_ms, tone):
    assert Latency(p50_ms, p50_ms + 10).tone == tone


def test_a_click_on_a_segment_chooses_its_milliseconds(bar):
    told = []
    bar.look_ahead_chosen.connect(told.append)
    at = bar.look_ahead.segment_rect("broadcast").center().toPoint()
    QTest.mouseClick(bar.look_ahead, Qt.MouseButton.LeftButton, pos=at)
    assert told == [160.0] and bar._look_ahead_words.text() == "160 ms"
    QTest.keyClick(bar.look_ahead, Qt.Key.Key_Left)
    assert told == [160.0, 40.0]


def test_the_buttons_ask_for_what_they_say(bar, qtbot):
    with qtbot.waitSignal(bar.microphone_muted) as muted:
        QTest.mouseClick(bar.microphone, Qt.MouseButton.LeftButton)
    assert muted.args == [True]
    for button, signal in ((bar.record, bar.record_wanted), (bar.last_seconds, bar.last_seconds_wanted)):
        with qtbot.waitSignal(signal):
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_menu_lists_the_microphones_and_the_sound_file(bar, qtbot):
    bar.show_devices([AudioDevice("Scarlett 2i2 USB", is_default=True), AudioDevice("Speakers", kind="output")])
    bar._fill_menu()
    words = [action.text() for action in bar._menu.actions() if action.text()]
    assert words == ["Scarlett 2i2 USB  (default)", "Use a sound file…", "Sound settings…"]
    with qtbot.waitSignal(bar.microphone_chosen) as chosen:
        bar._menu.actions()[0].trigger()
    assert chosen.args == ["Scarlett 2i2 USB"]


def test_a_lost_microphone_is_named_in_words_and_its_button_rests(bar):
    bar.show_source("none", "", "The microphone was unplugged.", False)
    assert bar.source.text() == "No microphone" and not bar.microphone.isEnabled()


def test_while_a_source_opens_nothing_is_called_lost(bar):
    bar.show_source("none", "Scarlett 2i2 USB", "", False)
    assert bar.source.text() == "Opening Scarlett 2i2 USB"


def test_recording_turns_the_dot_into_a_square_and_shows_the_take(bar, theme):
    bar.show_next_take("Take 05")
    assert bar._take.text() == "Next: Take 05"
    bar.seconds = lambda: 12.44
    bar.show_recording(True)
    assert bar._timer.text() == "00:12.4" and bar._take.text() == "Take 05"
    picture = bar.record.grab().toImage()
    assert picture.pixelColor(22, 22).name() == theme.color("on_fill").name()
    assert picture.pixelColor(8, 22).name() == theme.color("rec_fill").name()


def test_in_little_room_the_segments_become_a_list(bar):
    bar.resize(700, 64)
    QApplication.processEvents()
    assert bar.look_ahead_list.isVisible() and not bar.look_ahead.isVisible()
    assert bar.last_seconds.width() == 36
    bar.resize(808, 64)
    QApplication.processEvents()
    assert bar.look_ahead.isVisible() and bar.last_seconds.width() == 62
    assert bar.rect().contains(bar.record.mapTo(bar, QPoint(0, 0)))


def test_an_avatar_that_needs_more_look_ahead_than_the_dial_says_so(bar):
    bar.show_look_ahead(40.0)
    for look_ahead_ms, words in ((40.0, "40 ms"), (260.0, "needs 260 ms"), (40.0, "40 ms")):
        bar.show_frame(FrameHeader(look_ahead_ms=look_ahead_ms))
        for _ in range(20):
            bar._show_texts()
        assert bar._look_ahead_words.text() == words
