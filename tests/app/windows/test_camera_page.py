"""The virtual camera in the preferences: the switch, the voice's device, and what is said about them."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.theme.buttons import Words
from tests.fakes.session import AudioDevice

pytestmark = pytest.mark.display


@pytest.fixture
def page(studio):
    return open_page(studio, [AudioDevice("Desk microphone"), AudioDevice("Cable", kind="output")])


def open_page(studio, devices):
    studio.session.devices_changed.emit(devices)
    studio.window.commands.run("view.camera_voice")
    QApplication.processEvents()
    return studio.window.sheet.page


def words(page):
    return " ".join(label.text() for label in page.findChildren(Words))


def choose(page, text):
    index = page.voice.findText(text)
    page.voice.setCurrentIndex(index)
    page.voice.activated.emit(index)


def camera(studio, is_on, sentence):
    studio.session.performer_said.emit({"event": "camera_out", "is_on": is_on, "sentence": sentence})
    studio.session.camera_voice.set_camera_on(is_on)


def test_the_voice_goes_nowhere_until_a_device_is_chosen_which_is_kept(studio, page):
    assert [page.voice.itemText(i) for i in range(page.voice.count())] == ["Not sent", "Cable"]
    assert page.voice.currentText() == "Not sent" and studio.session.camera_voice.state.name is None
    choose(page, "Cable")
    assert studio.session.camera_voice.state.name == "Cable" and studio.settings.sound.camera_voice == "Cable"
    assert "It is sent while the camera is on" in words(page)


def test_the_switch_is_the_one_of_the_view_menu(studio, page):
    QTest.mouseClick(page.switch, Qt.MouseButton.LeftButton, pos=QPoint(9, page.switch.height() // 2))
    assert ("set_virtual_camera", True) in studio.session.calls
    camera(studio, True, "/dev/video4")
    assert page.switch.isChecked() and "Choose /dev/video4 in the other program." in words(page)
    assert studio.window.commands.action("view.virtual_camera").isChecked()
    camera(studio, False, "no virtual camera was found; load a module, then try again.")
    assert not page.switch.isChecked() and "No virtual camera was found" in words(page)


def test_how_late_the_voice_leaves_is_shown_here_and_in_the_status_bar(studio, page):
    choose(page, "Cable")
    camera(studio, True, "/dev/video4")
    figures = {"state": "live", "name": "Cable", "delay_ms": 131.0, "offset_ms": -2.0}
    studio.session.camera_voice._sound.said.emit({"event": "heartbeat", "cable": figures})
    assert "Voice leaves 133 ms late, 2 ms after its picture." in words(page)
    for _ in range(6):
        studio.session.step()
    assert studio.window.status._offset.text() == "Voice −2 ms to picture"
    assert "133 ms late" in studio.window.status._offset.toolTip() and "Cable" in studio.window.status._offset.toolTip()
    sentence = "Cable: is not connected; sound is not played until there is one."
    studio.session.camera_voice._sound.said.emit({"event": "error", "kind": "cable", "sentence": sentence})
    assert sentence in words(page)


def test_a_machine_without_outputs_is_told_where_cables_come_from(studio):
    page = open_page(studio, [AudioDevice("Desk microphone")])
    assert "No loudspeaker and no virtual cable was found" in words(page)


def test_a_device_that_is_not_plugged_in_stays_chosen(studio):
    studio.settings.sound.camera_voice = "Studio cable"
    page = open_page(studio, [])
    assert page.voice.currentText() == "Studio cable (not here)" and page.voice.currentData() == "Studio cable"
