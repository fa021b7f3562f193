"""A sound server of its own for tests: see `app.trials.virtual_sound`.

`virtual_sound` starts one and points this process and its children at it. Everything is gone at the end of the test.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.trials.virtual_sound import (  # noqa: F401  (tests take them from here)
    MICROPHONE,
    MICROPHONE_NAME,
    SINK,
    SINK_NAME,
    PipeMicrophone,
    VirtualSound,
    missing_programs,
)


def wait_until(is_so: Callable[[], object], seconds: float = 120.0, what: str = "it") -> object:
    """Waits for a condition and gives its value; fails the test when it never comes true."""
    deadline = time.monotonic() + seconds
    while not (value := is_so()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)
    return value


@pytest.fixture
def sound_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sound")


@pytest.fixture
def virtual_sound(sound_folder, monkeypatch) -> Iterator[VirtualSound]:
    """A running virtual sound server with a microphone, for this process and whatever it starts."""
    with _stopped_sound(sound_folder, monkeypatch) as sound:
        sound.start()
        yield sound


@pytest.fixture
def stopped_virtual_sound(sound_folder, monkeypatch) -> Iterator[VirtualSound]:
    """The same, not started yet: a machine without any sound device."""
    with _stopped_sound(sound_folder, monkeypatch) as sound:
        yield sound


@pytest.fixture
def virtual_microphone(virtual_sound) -> VirtualSound:
    """Just the running server, by the name tests of the window know it by."""
    return virtual_sound


@contextlib.contextmanager
def _stopped_sound(folder: Path, monkeypatch) -> Iterator[VirtualSound]:
    missing = missing_programs()
    if missing:
        pytest.skip(
            f"{', '.join(missing)} missing: apt install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
        )
    sound = VirtualSound(folder)
    monkeypatch.setenv("PULSE_SERVER", sound.server)
    try:
        yield sound
    finally:
        sound.stop()
