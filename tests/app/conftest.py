"""Fixtures of the desktop program's tests: a display, the theme, a session without children."""

import os
import sys

import pytest


@pytest.fixture(scope="session")
def display() -> None:
    """Skips aloud where there is no screen to show a window on."""
    has_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform == "linux" and not has_screen:
        pytest.skip("no display; run the tests under xvfb-run")


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
