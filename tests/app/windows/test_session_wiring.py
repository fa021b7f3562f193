"""What the session tells reaches the panels, and what it cannot do is said with a way out."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.panels.library_files import takes_dir
from app.windows.toasts import Notice, ToastAction
from tests.app.panels.test_library import make_take
from tests.fakes.session import SourceState

pytestmark = pytest.mark.display


def titles(studio):
    return [toast.notice.title for toast in studio.window.toasts.shown]


def test_a_saved_take_gets_its_number_and_is_rendered_while_one_goes_on(studio, home, qtbot):
    stage = home / "Noa.avatar"
    stage.write_bytes(b"noa")
    studio.settings.export_folder = home
    path = takes_dir() / "Take 2026-11-20 12.59.11.take"
    make_take(path, name=path.stem)
    studio.session.take_saved.emit(path)
    qtbot.waitUntil(lambda: any(call[0] == "start_job" for call in studio.session.calls), timeout=20_000)
    kind, order, title = next(call[1:] for call in studio.session.calls if call[0] == "start_job")
    assert (kind, title) == ("render", "Export Take 01")
    assert (order["take"], order["avatar"], order["view"]) == (str(path), str(stage), "take")
    assert order["output"] == str(home / "Take 01.mp4")
    assert "Take 01 saved" in titles(studio) and studio.window.top_bar.jobs.text() == " 1 job"
    qtbot.waitUntil(lambda: studio.window.live_bar._take.text() == "Next: Take 02", timeout=20_000)


def test_a_take_is_only_kept_when_rendering_is_switched_off(studio, qtbot):
    studio.settings.render_takes = False
    path = takes_dir() / "Take 2026-11-20 12.59.11.take"
    make_take(path, name=path.stem)
    studio.session.take_saved.emit(path)
    qtbot.waitUntil(lambda: "Take 01 saved" in titles(studio), timeout=20_000)
    assert not any(call[0] == "start_job" for call in studio.session.calls)


def test_a_renamed_take_is_rewritten_on_disk(studio, qtbot):
    make_take(takes_dir() / "1.take", name="Take 01", created="2026-03-01T14:02:00+00:00")
    studio.library.scan()
    library = studio.window.library
    qtbot.waitUntil(lambda: len(library.takes.rows) == 1, timeout=20_000)
    library.take_renamed.emit(library.take_entries[0], "Opening")
    qtbot.waitUntil(lambda: [t.name for t in library.take_entries] == ["Opening"], timeout=20_000)


def test_a_chosen_take_shows_in_the_timeline_and_its_voice_can_be_spoken(studio, qtbot):
    make_take(takes_dir() / "1.take", name="Opening")
    studio.library.scan()
    library, timeline = studio.window.library, studio.window.timeline
    qtbot.waitUntil(lambda: len(library.takes.rows) == 1, timeout=20_000)
    QTest.mouseClick(library.takes.rows[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: timeline._chip.text() == "Opening", timeout=20_000)
    timeline.play.click()
    qtbot.waitUntil(lambda: any(call[0] == "use_file" for call in studio.session.calls), timeout=20_000)
    spoken = next(call[1] for call in studio.session.calls if call[0] == "use_file")
    assert spoken.name == "Opening.flac" and spoken.is_file()


def test_a_broken_take_is_said_in_one_sentence(studio, qtbot):
    from app.panels.library_files import TakeEntry

    (takes_dir() / "bad.take").write_bytes(b"nothing")
    studio.library._show_take(TakeEntry(takes_dir() / "bad.take", "Bad"))
    qtbot.waitUntil(lambda: "The take cannot be shown" in titles(studio), timeout=20_000)


def test_a_lost_microphone_offers_a_sound_file_and_its_return_takes_the_note_away(studio):
    studio.session.source_changed.emit(SourceState("none", "Scarlett", "Scarlett was unplugged."))
    toast = studio.window.toasts.shown[-1]
    assert toast.notice.title == "No microphone" and toast.notice.actions[0].text == "Use a sound file"
    studio.session.note.emit("warn", "Microphone", "Scarlett was unplugged.")
    assert len(studio.window.toasts.shown) == 1
    studio.session.source_changed.emit(SourceState("microphone", "Scarlett"))
    assert studio.window.toasts.shown == []


def test_opening_a_microphone_raises_no_alarm(studio):
    studio.session.source_changed.emit(SourceState("none", "Scarlett", ""))
    assert studio.window.toasts.shown == []


def test_a_failed_job_and_a_finished_one_are_said_with_a_way_on(studio):
    job = studio.session.jobs.start("render", {}, "Export Outro")
    studio.session.jobs.change(job, state="failed", message="The disk is full.")
    assert studio.window.toasts.shown[-1].notice.sentence == "The disk is full."
    studio.session.jobs.change(job, state="done", result=Path("/v/Outro.mp4"))
    toasts = studio.window.toasts.shown
    assert len(toasts) == 1 and toasts[0].notice.actions[0].text == "Show clip"


def test_a_process_that_died_is_said_and_taken_back_when_it_runs_again(studio):
    studio.session.process_changed.emit("performer", "lost", "It is started again.")
    studio.session.note.emit("warn", "The performer process", "It is started again.")
    assert titles(studio) == ["The performer process"]
    assert studio.window.status._state.text() == "lost, starting again"
    studio.session.process_changed.emit("performer", "running", "")
    assert titles(studio) == []


def test_at_most_two_toasts_stand_and_the_rest_waits_in_the_status_bar(studio):
    toasts = studio.window.toasts
    for i in range(4):
        toasts.show(Notice("info", f"Note {i}"))
    assert titles(studio) == ["Note 2", "Note 3"]
    assert studio.window.status.messages.text() == "2 more notes"
    studio.window.status.messages.click()
    assert titles(studio) == ["Note 0", "Note 1"]


def test_a_toast_button_carries_out_its_way_out_and_closes(studio):
    done = []
    studio.window.toasts.show(Notice("warn", "Full", "", (ToastAction("Free space", lambda: done.append(1)),)))
    toast = studio.window.toasts.shown[0]
    QApplication.processEvents()
    button = next(b for b in toast.findChildren(QPushButton) if b.text() == "Free space")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert done == [1] and studio.window.toasts.shown == []


def test_a_toast_without_a_way_out_goes_by_itself_and_one_with_stays(studio):
    studio.window.toasts.show(Notice("info", "Short"))
    studio.window.toasts.show(Notice("info", "Long", "", (ToastAction("Do it", lambda: None),)))
    short, long = studio.window.toasts.shown
    assert short._timer.isActive() and not long._timer.isActive()
    short._timer.timeout.emit()
    assert titles(studio) == ["Long"]


def test_an_error_nobody_caught_is_logged_and_said(studio, home):
    from app.crash import log_dir

    try:
        raise RuntimeError("the strip fell off")
    except RuntimeError as error:
        studio.crash.take(type(error), error, error.__traceback__)
    logs = list(log_dir().glob("crash-*.log"))
    assert len(logs) == 1 and "the strip fell off" in logs[0].read_text()
    assert "Something in the window failed" in titles(studio)


def test_a_note_leaves_room_for_the_stages_of_the_delay(studio):
    window = studio.window
    window.show_stage_panel(True)
    studio.session.note.emit("info", "Something", "It is said beside what is shown.")
    toast = window.toasts.shown[-1]
    assert not toast.geometry().intersects(window.stage_panel.geometry())
    window.show_stage_panel(False)
    assert toast.x() == 10
