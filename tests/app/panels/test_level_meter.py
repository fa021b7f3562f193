"""The level meter: held peak, latched clip, draggable gate."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.panels.level_meter import FLOOR_DB, LevelMeter

pytestmark = pytest.mark.display


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def meter(theme, qtbot, clock):
    meter = LevelMeter(theme, clock=lambda: clock[0])
    qtbot.addWidget(meter)
    meter.resize(172, 26)
    meter.show_gate(-50)
    meter.show()
    return meter


def test_the_peak_is_held_for_a_second_and_a_half(meter, clock):
    meter.show_level(-20, -10, False)
    clock[0] += 1.4
    meter.show_level(-40, -35, False)
    assert meter.held_peak_db == -10
    clock[0] += 0.2
    meter.show_level(-40, -35, False)
    assert meter.held_peak_db == -35


def test_a_clip_stays_until_it_is_clicked(meter):
    meter.show_level(-1, 0, True)
    meter.show_level(-30, -30, False)
    assert meter.is_clipped
    QTest.mouseClick(meter, Qt.MouseButton.LeftButton, pos=QPoint(168, 5))
    assert not meter.is_clipped


def test_the_bar_takes_the_colours_of_how_loud_it_is(meter, theme):
    meter.show_gate(None)
    meter.show_level(-1, -1, False)
    picture = meter.grab().toImage()
    for level_db, token in ((-40, "voice_bar"), (-8, "warn"), (-2, "err")):
        assert picture.pixelColor(round(meter._x(level_db)), 5).name() == theme.color(token).name()
    meter.show_level(-30, -90, False)
    assert meter.grab().toImage().pixelColor(round(meter._x(-10)), 5).name() == theme.color("field").name()


def test_the_gate_follows_the_mouse_and_the_arrow_keys(meter):
    told = []
    meter.gate_changed.connect(told.append)
    QTest.mousePress(meter, Qt.MouseButton.LeftButton, pos=QPoint(round(meter._x(-50)), 5))
    QTest.mouseMove(meter, QPoint(round(meter._x(-30)), 5))
    QTest.mouseRelease(meter, Qt.MouseButton.LeftButton, pos=QPoint(round(meter._x(-30)), 5))
    assert told[-1] == pytest.approx(-30, abs=1)
    QTest.keyClick(meter, Qt.Key.Key_Right)
    assert told[-1] == pytest.approx(-29, abs=1)


def test_without_sound_the_bar_is_empty_and_a_sentence_stands_below(meter):
    meter.show_level(-5, -2, True)
    meter.show_live(False, "Plug one in. It is found by itself.")
    assert meter.held_peak_db == FLOOR_DB and not meter.is_clipped
