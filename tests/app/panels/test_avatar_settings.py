"""The method's own settings: shown for the avatar that has them, and told to the session."""

from dataclasses import asdict

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.panels.avatar_settings import AvatarSettings
from engine.controls import SettingSpec
from tests.fakes.session import fake_manifest

pytestmark = pytest.mark.display
SPECS = (
    SettingSpec("view_token", "choice", "camera", "View token", "Which camera the face answers to.",
                ("camera", "nearest", "frozen")),
    SettingSpec("is_calm", "switch", False, "Calm"),
    SettingSpec("style_frame", "integer", 12, "Style frame", "Whose manner is followed.", (), "driver", 0, 99),
    SettingSpec("expression_sound", "text", "", "Expression follows", "A sound file."),
    SettingSpec("overlay", "choice", "none", "Overlay", "", ("none", "position")),
)  # fmt: skip


def manifest():
    return fake_manifest().model_copy(update={"settings_rows": [asdict(spec) for spec in SPECS]})


@pytest.fixture
def panel(qtbot, theme, live_session):
    made = AvatarSettings(live_session, theme)
    qtbot.addWidget(made)
    made.resize(300, 300)
    made.show_avatar(manifest())
    made.show()
    return made


def test_each_setting_but_what_view_modes_show_has_a_row(panel):
    assert list(panel.rows) == ["view_token", "is_calm", "style_frame", "expression_sound"] and panel.isVisibleTo(
        panel.parentWidget()
    )


def test_a_choice_reaches_the_session_and_outlives_another_avatar(panel, live_session):
    choices = panel.rows["view_token"]
    QTest.mouseClick(choices, Qt.MouseButton.LeftButton, pos=QPoint(choices.width() - 12, choices.height() // 2))
    assert ("set_setting", "view_token", "frozen") in live_session.calls
    panel.show_avatar(fake_manifest())
    panel.show_avatar(manifest())
    assert panel.rows["view_token"].current == "frozen"


def test_a_whole_number_is_told_once_it_is_typed_and_stays_within_its_ends(panel, live_session):
    number = panel.rows["style_frame"]
    told = [call for call in live_session.calls if call[0] == "set_setting"]
    number.selectAll()
    QTest.keyClicks(number, "47")
    assert [call for call in live_session.calls if call[0] == "set_setting"] == told
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert live_session.calls[-1] == ("set_setting", "style_frame", 47)
    QTest.keyClick(number, Qt.Key.Key_Up)
    assert live_session.calls[-1] == ("set_setting", "style_frame", 48)
    number.setValue(1_000)
    assert live_session.calls[-1] == ("set_setting", "style_frame", 99)
    panel.show_avatar(manifest())
    assert panel.rows["style_frame"].value() == 99


def test_a_text_is_told_once_it_is_entered(panel, live_session):
    field = panel.rows["expression_sound"]
    QTest.keyClicks(field, "/v/calm.wav")
    assert not [call for call in live_session.calls if call[0] == "set_setting"]
    QTest.keyClick(field, Qt.Key.Key_Return)
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert [call for call in live_session.calls if call[0] == "set_setting"] == [
        ("set_setting", "expression_sound", "/v/calm.wav")
    ]


def test_an_avatar_without_settings_has_no_section(panel):
    panel.show_avatar(fake_manifest().model_copy(update={"settings_rows": []}))
    assert not panel.rows and not panel.isVisible()
