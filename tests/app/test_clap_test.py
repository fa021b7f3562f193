"""The clap test: the flash comes with the first picture of the sound, never sooner, and silence is said."""

import time

import numpy as np
import pytest
from PySide6.QtWidgets import QWidget

from app import clap_test
from app.clap_test import ClapTest, Flash, click
from app.voice_source import SourceState
from engine.audio.ring import VOICE_RING, SampleRing
from engine.audio.ring import SourceState as RingState

pytestmark = pytest.mark.display
RATE = 48_000


@pytest.fixture
def room(live_session, qtbot, tmp_path):
    """A running test over a session whose voice ring is written by hand: session, test, ring, words said."""
    live_session.source = SourceState("microphone", "Any")
    live_session.clicks = 0

    def play_click():
        live_session.clicks += 1

    live_session.play_click = play_click
    live_session.folder = tmp_path
    ring = SampleRing.create(tmp_path / VOICE_RING, RATE)
    ring.start_generation(RATE, 0.0)
    ring.state = RingState.LIVE
    viewport = QWidget()
    qtbot.addWidget(viewport)
    viewport.resize(400, 300)
    with qtbot.waitExposed(viewport):
        viewport.show()
    test = ClapTest(live_session, viewport)
    said = []
    test.said.connect(said.append)
    yield live_session, test, ring, said
    ring.close()


def flashes(test):
    return test._viewport.findChildren(Flash)


def hear(ring, sound):
    ring.write(sound.astype(np.float32), time.perf_counter_ns())


def test_the_flash_waits_for_the_picture_that_stands_for_the_click(room, qtbot):
    session, test, ring, said = room
    test.start()
    assert test.is_running and said == ["Listening…"]
    hear(ring, 1e-3 * np.random.default_rng(0).standard_normal(960))
    qtbot.waitUntil(lambda: session.clicks == 1)
    hear(ring, click(RATE))
    qtbot.waitUntil(lambda: test._heard_at is not None)
    heard_at = test._heard_at
    assert heard_at == pytest.approx(ring.time_of(960 + RATE // 100), abs=0.002)
    session.show(motion_sample_time=heard_at - 0.01)
    assert not flashes(test)  # this picture still stands for what was before
    with qtbot.waitSignal(test.finished) as done:
        session.show(motion_sample_time=heard_at + 0.001)
        assert len(flashes(test)) == 1
    assert 0 < done.args[0] < 60_000 and "flash" in said[-1]
    assert not test.is_running and len(session.orbits) > 0  # it redrew, so that a still face shows time passing
    qtbot.waitUntil(lambda: not flashes(test))


def test_a_click_nobody_hears_asks_for_a_clap_and_a_clap_will_do(room, qtbot, monkeypatch):
    session, test, ring, said = room
    monkeypatch.setattr(clap_test, "HEAR_S", 0.5)
    hear(ring, np.zeros(960))
    test.start()
    qtbot.waitUntil(lambda: "Clap your hands" in said[-1])
    hear(ring, click(RATE))
    qtbot.waitUntil(lambda: test._heard_at is not None)
    with qtbot.waitSignal(test.finished):
        session.show(motion_sample_time=test._heard_at + 0.001)


def test_silence_ends_the_test_with_words(room, qtbot, monkeypatch):
    _, test, ring, said = room
    monkeypatch.setattr(clap_test, "HEAR_S", 0.4)
    monkeypatch.setattr(clap_test, "CLAP_S", 0.2)
    hear(ring, 0.02 * np.random.default_rng(0).standard_normal(960))
    with qtbot.waitSignal(test.finished) as done:
        test.start()
    assert done.args == [-1.0] and "Nothing was heard" in said[-1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SourceState("file", "hello.flac"), "Choose a microphone"),
        (SourceState("microphone", "Any", is_muted=True), "Switch the microphone on"),
    ],
)
def test_what_stands_in_its_way_is_said(room, source, words):
    session, test, _, said = room
    session.source = source
    test.start()
    assert words in said[-1] and not test.is_running
