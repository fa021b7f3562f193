"""Projects across starts: a named one is open again, its autosave offered; one that is gone is said."""

import os
import shutil
from dataclasses import replace
from threading import current_thread, main_thread

import pytest

from app.settings import load_settings
from engine.project import Project
from tests.engine.test_project import make_take

pytestmark = pytest.mark.display


@pytest.fixture
def named(make_studio, home):
    """A project with a take that was saved as Reel; the window it was made in is closed."""
    studio = make_studio()
    studio.document.open_take(make_take(home / "a.take"))
    save_as(studio, home / "Reel")
    studio.window.close()
    return home / "Reel.mouthpiece"


def save_as(studio, folder):
    studio.document.save_as(folder)
    studio.document.writer.wait()
    assert studio.document.project.is_saved and studio.document.name == folder.stem


def begin(studio):
    studio.document.new()
    studio.document.writer.wait()
    assert studio.document.is_untitled


def titles(studio):
    return [toast.notice.title for toast in studio.window.toasts.shown]


def test_a_named_project_is_open_at_the_next_start(named, make_studio):
    assert load_settings().last_project == named.resolve()
    studio = make_studio()
    assert studio.document.name == "Reel"
    assert len(studio.document.state.takes) == 1
    assert "Reel was recovered" not in titles(studio)


def test_its_autosave_is_open_and_the_last_save_is_one_click_away(named, make_studio):
    project = Project.open(named)
    saved = project.state
    project.state = replace(project.state, takes=(replace(project.state.takes[0], notes="Not saved yet"),))
    project.autosave()
    studio = make_studio()
    assert studio.document.state.takes[0].notes == "Not saved yet"
    [toast] = [toast for toast in studio.window.toasts.shown if toast.notice.title == "Reel was recovered"]
    toast.notice.actions[0].run()
    studio.document.writer.wait()
    assert studio.document.state == saved and studio.document.project.is_saved


def test_a_project_that_is_gone_is_said_and_nothing_is_in_the_way(named, make_studio):
    shutil.rmtree(named)
    studio = make_studio()
    studio.document.writer.wait()
    assert studio.document.is_untitled
    assert "Reel is not open" in titles(studio)
    assert load_settings().last_project is None


def entries(studio) -> list[str]:
    """What the menu of recent projects says when it opens."""
    studio.projects.recent.aboutToShow.emit()
    return [action.text() for action in studio.projects.recent.actions() if not action.isSeparator()]


def test_recent_projects_stand_in_the_file_menu_without_the_one_that_is_open(named, make_studio, home):
    studio = make_studio()
    texts = [action.text() for action in studio.window.top_bar.menus["File"].actions()]
    assert texts.index("Recent projects") == texts.index("Open a project…") + 1
    assert entries(studio) == ["No other project yet"]
    begin(studio)
    save_as(studio, home / "Trailer")
    assert entries(studio) == ["Reel", "Clear the list"]
    studio.projects.recent.actions()[0].trigger()
    studio.document.writer.wait()
    assert studio.document.name == "Reel" and entries(studio) == ["Trailer", "Clear the list"]
    shutil.rmtree(home / "Trailer.mouthpiece")
    assert entries(studio) == ["No other project yet"]


def test_the_list_of_recent_projects_can_be_cleared(named, make_studio, home):
    studio = make_studio()
    begin(studio)
    entries(studio)
    studio.projects.recent.actions()[-1].trigger()
    studio.document.writer.wait()
    assert entries(studio) == ["No other project yet"] and load_settings().recent_projects == []


def test_a_new_project_is_the_one_of_the_next_start(named, make_studio):
    studio = make_studio()
    begin(studio)
    assert load_settings().last_project is None


def test_no_project_and_no_settings_are_written_on_the_window_s_thread(named, make_studio, home, monkeypatch):
    studio, threads, fsync = make_studio(), [], os.fsync

    def watched(handle):
        threads.append(current_thread())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    document = studio.document
    document.change("Rate", document.state.with_take(replace(document.state.takes[0], rating=4)))
    document.autosave()
    studio.projects.save()
    save_as(studio, home / "Trailer")
    studio.projects._share(str(home / "Trailer.zip"))
    begin(studio)
    studio.projects.open_path(home / "Trailer.zip")  # its folder is there already
    studio.projects.open_path(named)
    document.writer.wait()
    assert document.name == "Reel" and document.state.takes[0].rating == 4
    assert (home / "Trailer.zip").is_file() and "The project cannot be opened" in titles(studio)
    assert len(threads) >= 10 and main_thread() not in threads
