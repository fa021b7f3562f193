"""Starting the program: its options, and what it says where no window can open."""

import gc
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import application
from app.application import display_problem, first_avatar, parse, run, x_server_answers
from app.real_time import SWITCH_S

CHECKOUT = Path(__file__).resolve().parents[2]


def test_without_a_display_one_sentence_names_the_way_that_works(monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert run([]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "mouthpiece render" in said


def test_the_command_ends_with_2_where_there_is_no_display():
    found = subprocess.run(
        [sys.executable, "-m", "app"], cwd=CHECKOUT, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
    )
    assert found.returncode == 2 and "mouthpiece render" in found.stderr and "Traceback" not in found.stderr


@pytest.mark.parametrize(
    "environment, platform",
    [
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux"), ({"QT_QPA_PLATFORM": "offscreen"}, "linux"), ({}, "win32"),
        ({}, "darwin"),
    ],
)  # fmt: skip
def test_other_ways_to_a_window_are_left_to_qt(environment, platform):
    assert display_problem(environment, platform) is None


def test_a_display_that_does_not_answer_is_named():
    assert "DISPLAY=:4711" in display_problem({"DISPLAY": ":4711"}, "linux")
    assert not x_server_answers("nonsense") and not x_server_answers("localhost:59999")


@pytest.mark.display
def test_the_display_of_this_test_answers(display):
    import os

    assert display_problem(dict(os.environ), "linux") is None


def test_options_are_read():
    options = parse(["--avatar", "a.avatar", "--size", "1280x720", "--theme", "light", "--screenshot", "x.png"])
    assert (options.avatar, options.size, options.theme) == (Path("a.avatar"), (1280, 720), "light")
    with pytest.raises(SystemExit):
        parse(["--size", "large"])


def test_the_stage_gets_what_was_asked_for_then_the_last_avatar(tmp_path):
    (tmp_path / "last.avatar").touch()
    assert first_avatar(Path("asked.avatar"), tmp_path / "last.avatar") == Path("asked.avatar")
    assert first_avatar(None, tmp_path / "last.avatar") == tmp_path / "last.avatar"
    assert first_avatar(None, tmp_path / "gone.avatar") != tmp_path / "gone.avatar"


def test_noa_greets_a_new_user_whoever_else_came_along(tmp_path, monkeypatch):
    monkeypatch.setattr("app.application.ASSETS", tmp_path)
    assert first_avatar(None, None) is None
    (tmp_path / "avatars").mkdir()
    for name in ("Iris", "Marlow"):
        (tmp_path / "avatars" / f"{name}.avatar").touch()
    assert first_avatar(None, None).stem == "Iris"
    (tmp_path / "avatars" / "Noa.avatar").touch()
    assert first_avatar(None, None).stem == "Noa"


def test_the_window_takes_the_interpreter_back_at_once_from_threads_that_compute(monkeypatch):
    before = sys.getswitchinterval()
    monkeypatch.setattr(application, "Studio", lambda app, options: SimpleNamespace(open=lambda: None))
    try:
        application.opened(None, None)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
