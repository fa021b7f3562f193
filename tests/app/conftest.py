"""Fixtures of the desktop program's tests: a display, the theme, sessions without children, the whole window."""

import gc
import os
import sys

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.collecting import collect_due

PATIENCE_MS = 120_000
"""What is waited for comes at once, or on a crowded machine late; only what never comes takes so long."""


@pytest.fixture(scope="session", autouse=True)
def threads_collect_nothing():
    """As in the program, garbage is looked for on the GUI thread alone: here after each test."""
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    collect_due()


@pytest.fixture(scope="session")
def display() -> None:
    """Skips aloud where there is no screen to show a window on."""
    has_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform == "linux" and not has_screen:
        pytest.skip("no display; run the tests under xvfb-run")


class PatientBot(QtBot):
    """pytest-qt's robot, whose waits would end after five seconds."""

    def waitUntil(self, callback, *, timeout: int = PATIENCE_MS):
        return super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal, *, timeout: int = PATIENCE_MS, **more):
        return super().waitSignal(signal, timeout=timeout, **more)

    def waitExposed(self, widget, *, timeout: int = PATIENCE_MS):
        """Only as `with qtbot.waitExposed(widget): widget.show()`: it waits where the block ends."""
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp, request) -> PatientBot:
    return PatientBot(request)


@pytest.fixture(scope="session")
def theme(display, qapp):
    """The dark theme on the application, once for all tests of a run."""
    from app.theme.theme import Theme

    return Theme(qapp, "dark")


@pytest.fixture
def live_session(display, qapp, tmp_path):
    """A session with an avatar on stage whose values are set at once and make no undo steps of their own."""
    from tests.fakes.stage_session import StageSession

    session = StageSession(tmp_path)
    session.open_avatar(tmp_path / "Noa.avatar")
    yield session
    session.close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Takes, avatars and settings of one test alone."""
    for name in ("CACHE", "DATA", "CONFIG"):
        monkeypatch.setenv(f"MOUTHPIECE_{name}", str(tmp_path / name.lower()))
    monkeypatch.setattr("app.application.first_avatar", lambda asked, last: asked)
    return tmp_path


@pytest.fixture
def make_studio(home, display, qapp):
    """Makes windows; each is closed at the end."""
    from app.application import Studio, parse
    from tests.fakes.session import FakeSession

    made = []

    def make(*arguments: str, size: tuple[int, int] = (1440, 900), with_avatar: bool = True) -> Studio:
        options = parse(list(arguments))
        studio = Studio(qapp, options, lambda _: FakeSession(home))
        options.size = size
        made.append(studio)
        studio.open()
        studio.window.activateWindow()
        assert QTest.qWaitForWindowActive(studio.window, PATIENCE_MS)
        assert ("start",) in studio.session.calls
        if with_avatar:
            studio.library.open_avatar(home / "Noa.avatar")
            studio.session.step()
        qapp.processEvents()
        return studio

    yield make
    for studio in made:
        studio.window.close()
        studio.close()
        studio.window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # processEvents leaves these waiting
    qapp.processEvents()
    made.clear()
    gc.collect()


@pytest.fixture
def studio(make_studio):
    return make_studio()
