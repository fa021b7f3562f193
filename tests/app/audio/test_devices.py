"""PortAudio is started anew only where that shows something new, and never takes the process along when it fails."""

import json
import os
import subprocess
import sys
from itertools import pairwise

import pytest

from app.audio.device_look import (
    HANGS_SECONDS,
    PERIOD_SECONDS,
    SILENT_PERIOD_SECONDS,
    DeviceLook,
    sound_places,
)
from app.audio.devices import SoundSystem
from engine.errors import AudioError


class FakePortAudio:
    """What `sounddevice` offers: the devices that were there when it was started."""

    class PortAudioError(Exception):
        pass

    class InputStream:
        def __init__(self, **settings) -> None:
            self.is_open = True

        def abort(self, ignore_errors: bool) -> None: ...

        def close(self, ignore_errors: bool) -> None:
            self.is_open = False

    def __init__(self) -> None:
        self.plugged_in = ["Desk microphone"]
        self.can_start, self.n_starts, self.is_running = True, 0, False
        self._initialize()

    def _initialize(self) -> None:
        if not self.can_start:
            raise self.PortAudioError("Unanticipated host error")
        self.known, self.is_running = list(self.plugged_in), True
        self.n_starts += 1

    def _terminate(self) -> None:
        if not self.is_running:
            raise self.PortAudioError("PortAudio not initialized")
        self.is_running = False

    def query_hostapis(self) -> list[dict]:
        return [{"name": "ALSA", "devices": [0], "default_input_device": 0, "default_output_device": -1}]

    def query_devices(self) -> list[dict]:
        if not self.is_running:
            raise self.PortAudioError("PortAudio not initialized")
        return [{"name": name, "hostapi": 0, "max_input_channels": 1, "max_output_channels": 0,
                 "default_samplerate": 48_000.0} for name in self.known]  # fmt: skip


class FakeLook:
    """A child that sees what is plugged in now, unless it dies of it."""

    def __init__(self, portaudio: FakePortAudio) -> None:
        self._portaudio, self.dies = portaudio, False

    def take(self) -> list[dict] | None:
        if self.dies:
            return None
        system = SoundSystem()
        system._sounddevice = FakePortAudio()
        system._sounddevice.known = list(self._portaudio.plugged_in)
        return [device.to_json() for device in system.devices()]


@pytest.fixture
def portaudio(monkeypatch) -> FakePortAudio:
    monkeypatch.setattr("app.audio.pulse.is_installed", lambda: False)
    monkeypatch.setattr(sys, "platform", "linux")
    return FakePortAudio()


@pytest.fixture
def system(portaudio) -> SoundSystem:
    system = SoundSystem()
    system._sounddevice, system._look = portaudio, FakeLook(portaudio)
    return system


def names(system: SoundSystem) -> list[str]:
    return [device.name for device in system.devices()]


def test_looking_for_what_is_not_there_starts_nothing_anew(system, portaudio):
    for _ in range(100):
        system.refresh()
    assert portaudio.n_starts == 1


def test_what_a_child_saw_is_seen(system, portaudio):
    portaudio.plugged_in.append("Headset")
    assert names(system) == ["Desk microphone"]
    system.refresh()
    assert names(system) == ["Desk microphone", "Headset"] and portaudio.n_starts == 2
    system.refresh()
    portaudio.plugged_in.remove("Headset")
    system.refresh()
    assert names(system) == ["Desk microphone"] and portaudio.n_starts == 3


def test_a_child_that_dies_of_looking_has_seen_nothing(system, portaudio):
    portaudio.plugged_in.clear()
    system._look.dies = True
    system.refresh()
    assert portaudio.n_starts == 1 and names(system) == ["Desk microphone"]


def test_an_open_microphone_is_closed_for_something_new_only(system, portaudio):
    microphone = system.open(system.devices()[0])
    system.before_refresh.append(lambda: system.close(microphone))
    portaudio.plugged_in.clear()  # a child cannot open what is in use, and so does not see it
    system.refresh()
    assert microphone.is_open and portaudio.n_starts == 1
    portaudio.plugged_in = ["Desk microphone", "Headset"]
    system.refresh()
    assert not microphone.is_open and names(system) == ["Desk microphone", "Headset"]


def test_elsewhere_it_is_simply_started_anew_while_nothing_is_open(system, portaudio, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    portaudio.plugged_in.append("Headset")
    system._look.dies = True
    system.refresh()
    assert portaudio.n_starts == 2 and portaudio.known == ["Desk microphone", "Headset"]


def test_a_sound_system_that_does_not_start_is_said_and_tried_again(system, portaudio):
    portaudio.plugged_in.append("Headset")
    portaudio.can_start = False
    for _ in range(2):
        with pytest.raises(AudioError, match="does not start"):
            system.refresh()
    with pytest.raises(AudioError, match="does not start"):
        system.devices()
    portaudio.can_start = True
    assert names(system) == ["Desk microphone", "Headset"]


def test_a_server_that_portaudio_cannot_reach_does_not_start_it_anew_for_ever(system, portaudio, monkeypatch):
    row = {"name": "Headset", "kind": "input", "channels": 1, "rate_hz": 48_000.0, "key": "headset"}
    monkeypatch.setattr("app.audio.pulse.is_installed", lambda: True)
    monkeypatch.setattr("app.audio.pulse.list_devices", lambda: [row])
    for _ in range(10):
        assert names(system) == ["Desk microphone"]
    assert portaudio.n_starts == 2


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def looked(look: DeviceLook):
    """What the next child saw."""
    assert look.take() is None
    look._child.wait(60)
    return look.take()


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_looks_and_nobody_waits_for_it(monkeypatch):
    monkeypatch.setattr("app.audio.device_look.PATIENCE_SECONDS", 60.0)
    clock, rows = Clock(), [{"name": "Headset"}]
    look = DeviceLook(lambda: python(f"print({json.dumps(json.dumps(rows))})"), clock, lambda: ("/dev/snd",))
    assert looked(look) == rows
    assert look.take() is None and look._child is None  # not at once again
    clock.now += PERIOD_SECONDS
    assert looked(look) == rows
    assert look.wait() == rows


def test_where_no_device_can_come_from_a_child_looks_seldom_until_something_is_there():
    clock, places, began = Clock(), (), []
    look = DeviceLook(lambda: python("print([])"), clock, lambda: places)

    def ask(seconds: float) -> list[float]:
        began.clear()
        end = clock.now + seconds
        while clock.now < end:
            if look._child is None and look.take() is None and look._child is not None:
                began.append(clock.now)
                look._child.wait(60)
                look.take()
            clock.now += 0.25
        return [b - a for a, b in pairwise(began)]

    assert min(ask(40.0)[1:]) >= SILENT_PERIOD_SECONDS  # the first two looks tell that nothing is there
    places = ("/dev/snd", "/dev/snd/pcmC0D0c")
    assert max(ask(8.0)) <= PERIOD_SECONDS + 0.25 and began[0] <= clock.now - 8.0 + 0.25
    places = ()
    ask(3.0)
    assert len(began) == 1, "what went is looked at once more"


def test_a_sound_server_and_the_kernels_nodes_are_places_devices_come_from(tmp_path, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("other systems do not tell")
    for name in ("PULSE_SERVER", "PIPEWIRE_REMOTE", "JACK_DEFAULT_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    before = set(sound_places())
    (tmp_path / "pulse").mkdir()
    (tmp_path / "pulse" / "native").touch()
    assert set(sound_places()) - before == {str(tmp_path / "pulse" / "native")}
    monkeypatch.setenv("PULSE_SERVER", "unix:/somewhere")
    assert sound_places() is None


@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="this system has no such scheduling")
def test_a_child_that_looks_is_an_ordinary_process_that_stands_back():
    """It inherits the sound process's real time, and would hold up window and face for as long as it starts."""
    child = """
import os
while os.getpriority(os.PRIO_PROCESS, 0) < 5:
    pass
print([os.sched_getscheduler(0)])
"""
    code = f"""
import sys
from app.audio.device_look import DeviceLook
from app.real_time import ask_for_real_time
ask_for_real_time()
look = DeviceLook(lambda: [sys.executable, "-c", {child!r}])
look.take()
look._child.wait(60)
print(look.take())
"""
    done = subprocess.run(python(code), capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == [f"[{os.SCHED_OTHER}]"]


@pytest.mark.parametrize("code", ["print('nonsense')", "import os; os.abort()", "raise SystemExit(3)"])
def test_a_child_that_fails_has_seen_nothing(code):
    look = DeviceLook(lambda: python(code))
    assert looked(look) is None and look.wait() is None


def test_a_child_that_hangs_is_ended():
    clock = Clock()
    look = DeviceLook(lambda: python("import threading; threading.Event().wait()"), clock)
    assert look.take() is None
    clock.now += HANGS_SECONDS + 1
    assert look.take() is None
    assert look._child.wait(60) != 0
    assert look.take() is None and look._child is None
    clock.now += PERIOD_SECONDS
    look.take()
    child = look._child
    look.close()
    assert child.poll() is not None
