"""The session with a microphone: it drives the face, its loss is told and healed, a sample voice stands in for it."""

import os
from pathlib import Path

import numpy as np
import pytest

if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from app.session import Session
from engine.audio.wav import write_wav
from tests.virtual_sound import MICROPHONE_NAME, sound_folder, stopped_virtual_sound, virtual_sound  # noqa: F401

pytestmark = pytest.mark.sound

FAKES = ("--loader", "tests.fakes.avatar:load", "--rasterizer", "tests.fakes.rasterizer:DotRasterizer")
PATIENCE_MS = 200_000


def tone(seconds: float, rate: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


LONG_TONE = tone(PATIENCE_MS / 1000, 16_000)
"""Somebody still speaks when a process that was killed is back on a crowded machine."""


@pytest.fixture
def make_session(qtbot, tmp_path, monkeypatch):
    from tests.fakes.avatar import save

    monkeypatch.setenv("MOUTHPIECE_DATA", str(tmp_path / "data"))
    made = []

    def make(fallback: Path | None = None) -> Session:
        session = Session(fallback_voice=fallback, takes_folder=tmp_path / "takes", performer_arguments=FAKES)
        made.append(session)
        session.set_idle(False)
        session.set_view_size(64, 48)
        session.start()
        session.use_microphone(None)
        with qtbot.waitSignal(session.avatar_opened, timeout=PATIENCE_MS):
            session.open_avatar(save(tmp_path / "noa.avatar"))
        return session

    yield make
    for session in made:
        session.close()


def wait_for_drive(session: Session, qtbot, is_it) -> object:
    found = []

    def look() -> bool:
        view = session.frames.newest()
        if view is not None and is_it(view.header):
            found.append(view.header)
        return bool(found)

    qtbot.waitUntil(look, timeout=PATIENCE_MS)
    return found[0]


def wait_for_source(session: Session, qtbot, kind: str) -> None:
    qtbot.waitUntil(lambda: session.source.kind == kind, timeout=PATIENCE_MS)


def test_what_is_said_into_the_microphone_moves_the_face(make_session, qtbot, virtual_sound):  # noqa: F811
    session = make_session()
    wait_for_source(session, qtbot, "microphone")
    assert session.source.name == MICROPHONE_NAME
    assert any(device.name == MICROPHONE_NAME and device.kind == "input" for device in session.devices)
    virtual_sound.say(LONG_TONE)
    header = wait_for_drive(session, qtbot, lambda h: h.driven[0] > 1.0 and h.is_talking)
    assert header.stages_ms["capture"] > 0 and header.shown_time - header.motion_sample_time > 0.04
    wait_for_drive(session, qtbot, lambda h: h.shown_time - h.motion_sample_time < 1.0)
    session.set_microphone_muted(True)
    wait_for_drive(session, qtbot, lambda h: h.driven[0] < 0.05)
    session.set_microphone_muted(False)
    wait_for_drive(session, qtbot, lambda h: h.driven[0] > 1.0)


def test_beside_the_virtual_camera_the_voice_is_as_late_as_the_picture(make_session, qtbot, virtual_sound):  # noqa: F811
    virtual_sound.add_loudspeaker("cable", "Cable", is_default=False)
    session = make_session()
    session.set_look_ahead_ms(160.0)
    wait_for_source(session, qtbot, "microphone")
    voice = session.camera_voice
    voice.use_device("Cable")
    voice.set_camera_on(True)  # as the performer says once it has one
    virtual_sound.say(LONG_TONE)
    qtbot.waitUntil(lambda: voice.state.is_live and voice.state.delay_ms > 160, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: abs(voice.state.delay_ms - voice.picture_age_ms) < 8, timeout=PATIENCE_MS)
    voice.set_camera_on(False)
    qtbot.waitUntil(lambda: not voice.state.is_live, timeout=PATIENCE_MS)


def test_a_microphone_that_goes_is_told_and_its_return_too(make_session, qtbot, virtual_sound):  # noqa: F811
    session = make_session()
    notes = []
    session.note.connect(lambda *words: notes.append(words))
    wait_for_source(session, qtbot, "microphone")
    virtual_sound.stop()
    wait_for_source(session, qtbot, "none")
    assert session.source.sentence and "warn" in [level for level, *_ in notes]
    virtual_sound.start()
    wait_for_source(session, qtbot, "microphone")
    assert any(level == "good" and "back" in sentence for level, _, sentence in notes)
    virtual_sound.say(LONG_TONE)
    wait_for_drive(session, qtbot, lambda h: h.driven[0] > 1.0)


def test_a_killed_sound_process_is_started_again_with_its_microphone(make_session, qtbot, virtual_sound):  # noqa: F811
    session = make_session()
    wait_for_source(session, qtbot, "microphone")
    killed = session.process_ids()["sound"]
    os.kill(killed, 9)
    qtbot.waitUntil(lambda: session.process_ids()["sound"] not in (0, killed), timeout=PATIENCE_MS)
    virtual_sound.say(LONG_TONE)
    wait_for_drive(session, qtbot, lambda h: h.driven[0] > 1.0)


def test_a_sample_voice_speaks_until_a_microphone_comes(make_session, qtbot, stopped_virtual_sound, tmp_path):  # noqa: F811
    write_wav(tmp_path / "sample.wav", tone(2, 16_000), 16_000)
    session = make_session(tmp_path / "sample.wav")
    wait_for_source(session, qtbot, "file")
    assert "sample voice" in session.source.sentence and session.source.name == "sample.wav"
    wait_for_drive(session, qtbot, lambda h: h.driven[0] > 1.0)
    stopped_virtual_sound.start()
    wait_for_source(session, qtbot, "microphone")
    wait_for_drive(session, qtbot, lambda h: h.driven[0] < 0.05)
    stopped_virtual_sound.say(LONG_TONE)
    wait_for_drive(session, qtbot, lambda h: h.driven[0] > 1.0)


def test_a_click_is_played_once_and_the_microphone_hears_it(make_session, qtbot, virtual_sound):  # noqa: F811
    session = make_session()
    wait_for_source(session, qtbot, "microphone")
    ring = session._rings[0]
    first = ring.written
    session.play_click()

    def peaks():
        samples, _ = ring.read(first, ring.written - first)
        return np.flatnonzero(np.abs(samples) > 0.3)

    qtbot.waitUntil(lambda: len(peaks()) > 0, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: ring.written - first > peaks()[0] + ring.rate_hz, timeout=PATIENCE_MS)
    assert np.ptp(peaks()) < 0.01 * ring.rate_hz
