"""The preferences' pages: what is set there is told at once, and shows what it is."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.settings import Settings
from app.windows.preference_pages import SoundPage

pytestmark = pytest.mark.display


def test_any_look_ahead_to_240_ms_can_be_set_and_the_named_ones_by_name(theme, qtbot):
    settings = Settings()
    settings.sound.look_ahead_ms = 100.0
    page = SoundPage(theme, settings, [])
    qtbot.addWidget(page)
    told = []
    page.look_ahead_chosen.connect(told.append)
    assert page.look_ahead_ms.value() == 100 and page.look_ahead.current == ""
    page.look_ahead_ms.setValue(240)
    assert told == [240.0] and page.look_ahead.current == ""
    QTest.keyClick(page.look_ahead, Qt.Key.Key_Right)  # from none of them to the first
    assert told[-1] == 0.0 and page.look_ahead.current == "fast" and page.look_ahead_ms.value() == 0
    page.look_ahead_ms.setValue(40)
    assert page.look_ahead.current == "live"
    page.look_ahead_ms.setValue(900)
    assert told[-1] == 240.0
