"""The virtual camera's voice: when it is sent, where to, and how late."""

import pytest

from app.camera_voice import CameraVoice
from app.workers.frames import FrameHeader
from tests.fakes.session import FakeChild


@pytest.fixture
def asked():
    return []


@pytest.fixture
def voice(qapp, asked):
    return CameraVoice(FakeChild(asked))


def show(voice, age_s, n=100):
    for i in range(n):
        voice.show_frame(FrameHeader(shown_time=50 + i / 30, motion_sample_time=50 + i / 30 - age_s))


def last(asked, do):
    return next(fields for _, name, fields in reversed(asked) if name == do)


def test_nothing_is_sent_before_a_device_is_chosen_and_the_camera_is_on(voice, asked):
    voice.set_camera_on(True)
    voice.set_camera_on(False)
    voice.use_device("Cable")
    assert not any(name == "use_cable" for _, name, _ in asked)
    voice.set_camera_on(True)
    assert last(asked, "use_cable") == {"name": "Cable", "is_played": False}
    voice.set_camera_on(False)
    assert asked[-1][1] == "stop_cable"


def test_the_voice_is_as_late_as_the_pictures_are_old(voice, asked, qtbot):
    voice.use_device("Cable")
    voice.set_camera_on(True)
    show(voice, 0.12)
    voice.show_camera_ms(8.0)
    qtbot.waitUntil(lambda: any(name == "delay_cable" for _, name, _ in asked), timeout=10_000)
    assert last(asked, "delay_cable")["delay_ms"] == pytest.approx(128, abs=0.01)
    show(voice, 0.2)
    qtbot.waitUntil(lambda: last(asked, "delay_cable")["delay_ms"] > 200, timeout=10_000)


def test_a_few_pictures_out_of_line_change_nothing(voice):
    voice.use_device("Cable")
    voice.set_camera_on(True)
    show(voice, 0.12)
    show(voice, 0.9, n=20)
    show(voice, 300.0, n=50)  # of a voice that stopped long ago
    assert voice.picture_age_ms == pytest.approx(120)


def test_a_played_take_is_sent_in_the_voices_place(voice, asked):
    voice.use_device("Cable")
    voice.set_camera_on(True)
    show(voice, 0.12)
    voice.set_take(True)
    assert last(asked, "use_cable")["is_played"] and voice.picture_age_ms is None
    voice.set_take(False)
    assert not last(asked, "use_cable")["is_played"]


def test_a_sound_process_that_starts_again_is_told_everything(voice, asked):
    voice.use_device("Cable")
    voice.set_camera_on(True)
    show(voice, 0.12)
    asked.clear()
    voice._sound.began.emit()
    assert [name for _, name, _ in asked] == ["delay_cable", "use_cable"]


def test_what_the_sound_process_says_is_the_state(voice, qtbot):
    voice.use_device("Cable")
    voice.set_camera_on(True)
    figures = {"state": "live", "name": "Cable", "delay_ms": 120.0, "offset_ms": -2.2}
    voice._sound.said.emit({"event": "heartbeat", "cable": figures})
    assert (voice.state.is_live, voice.state.delay_ms, voice.state.offset_ms) == (True, 122, -2)
    with qtbot.waitSignal(voice.note) as noted:
        voice._sound.said.emit({"event": "lost", "kind": "cable", "name": "Cable", "sentence": "Cable was unplugged."})
    assert noted.args[0] == "warn" and not voice.state.is_live and voice.state.sentence == "Cable was unplugged."
    with qtbot.waitSignal(voice.note) as noted:
        voice._sound.said.emit({"event": "back", "kind": "cable", "name": "Cable"})
    assert noted.args[0] == "good" and voice.state.sentence == ""


def test_what_is_said_of_other_devices_is_not_its_own(voice):
    voice.use_device("Cable")
    voice.set_camera_on(True)
    voice._sound.said.emit({"event": "lost", "kind": "output", "name": "Speaker", "sentence": "Speaker was unplugged."})
    assert voice.state.sentence == ""
