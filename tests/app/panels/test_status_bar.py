"""The status bar and its words."""

import pytest

from app.panels.status_bar import StatusBar, ago, memory_mb
from app.workers.frames import FrameHeader

pytestmark = pytest.mark.display


def test_time_since_is_said_in_one_unit():
    assert [ago(seconds) for seconds in (3, 130, 7300)] == ["just now", "2 min ago", "2 h ago"]


def test_memory_counts_this_process():
    assert 20 < memory_mb() < 100_000


@pytest.fixture
def status(theme, qtbot):
    bar = StatusBar(theme, cores=2)
    qtbot.addWidget(bar)
    bar.resize(1440, 24)
    bar.show()
    return bar


def test_the_status_bar_says_who_performs_how_fast_and_on_what(status):
    status.show_process("performer", "running", "")
    assert status._who.text() == "Ready" and status._nobody.isVisible()
    status.show_avatar("Noa")
    status.show_frame(FrameHeader(fps=61.7, backend="cpu"))
    status._show_texts()
    assert (status._who.text(), status._state.text()) == ("Performer", "running")
    assert (status._fps.text(), status._backend.text(), status._lost.text()) == (
        "62 fps",
        "CPU, 2 cores",
        "No audio lost",
    )
    status.show_frame(FrameHeader(fps=61.7, backend="cuda", lost_samples=4800))
    status._show_texts()
    assert (status._backend.text(), status._lost.text()) == ("CUDA", "4,800 samples lost")


def test_a_performer_that_stopped_sending_is_not_called_fast(status, monkeypatch):
    status.show_avatar("Noa")
    status.show_frame(FrameHeader(fps=61.7, backend="cpu"))
    status._header_time -= 2.0
    status._show_texts()
    assert status._fps.text() == "0 fps"


def test_in_a_low_window_state_rate_and_sound_stay(status):
    status.show_avatar("Noa")
    status.show_frame(FrameHeader(fps=30, backend="cpu"))
    status.show_source("none")
    status.show_terse(True)
    assert status._fps.isVisible() and status._sound.isVisible()
    assert not status._backend.isVisible() and not status._memory.isVisible()
