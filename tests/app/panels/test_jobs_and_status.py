"""Jobs, their words, and the status bar."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.jobs.cards import JobsPopover, time_left
from app.jobs.state import JobState
from app.panels.status_bar import StatusBar, ago, memory_mb
from app.workers.frames import FrameHeader

pytestmark = pytest.mark.display


@pytest.mark.parametrize(
    "seconds, words",
    [(None, ""), (0.2, "1 s left"), (9.4, "9 s left"), (2280, "38 min left"), (7500, "2 h 5 min left")],
)
def test_time_left_is_said_in_one_unit(seconds, words):
    assert time_left(seconds) == words


def test_time_since_is_said_in_one_unit():
    assert [ago(seconds) for seconds in (3, 130, 7300)] == ["just now", "2 min ago", "2 h ago"]


def test_memory_counts_this_process():
    assert 20 < memory_mb() < 100_000


@pytest.fixture
def popover(theme, qtbot):
    popover = JobsPopover(theme)
    qtbot.addWidget(popover)
    return popover


def test_a_job_shows_progress_and_can_be_stopped(popover, qtbot):
    job = JobState("1", "render", "Export Outro", "running", stage="Rendering", done=412, total=625, seconds_left=9)
    popover.show_job(job)
    card = popover.cards[0]
    assert (card._percent.text(), card._left.text()) == ("65 %", "9 s left")
    assert card._sentence.text() == "Rendering 412 of 625" and card.height() == 96
    with qtbot.waitSignal(popover.stop_wanted) as stopped:
        QTest.mouseClick(card.stop, Qt.MouseButton.LeftButton)
    assert stopped.args == ["1"]


def test_what_ended_shrinks_shows_its_result_and_can_be_cleared(popover, qtbot):
    job = JobState("1", "render", "Export Outro", "running", done=1, total=2)
    popover.show_job(job)
    popover.show_job(replace(job, state="done", result=Path("/v/Outro.mp4")))
    popover.show_job(JobState("2", "render", "Export Intro", state="failed", message="The disk is full."))
    done, failed = popover.cards
    assert done.height() == 68 and done._sentence.text() == "Outro.mp4"
    assert failed._sentence.text() == "The disk is full." and not failed.log.isHidden()
    assert popover.n_running == 0
    with qtbot.waitSignal(popover.show_wanted) as shown:
        QTest.mouseClick(done.result, Qt.MouseButton.LeftButton)
    assert shown.args == [Path("/v/Outro.mp4")]
    popover._clear.click()
    assert popover.cards == [] and not popover._empty.isHidden()


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
