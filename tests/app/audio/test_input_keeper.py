"""The microphone's keeper with a sound system and a clock of our own: every fault, no waiting."""

from dataclasses import replace

import numpy as np
import pytest

from app.audio.devices import AudioDevice, choose
from app.audio.input_keeper import PATIENCE_SECONDS, InputKeeper
from engine.audio.ring import SampleRing, SourceState
from engine.errors import AudioError

DESK = AudioDevice("Desk", "input", 1, 48_000, True, key="desk")
HEADSET = AudioDevice("Headset", "input", 2, 16_000, False, key="headset")
SPEAKER = AudioDevice("Speaker", "output", 2, 48_000, True, key="speaker")


class FakeStream:
    def __init__(self, settings):
        self.samplerate, self.channels, self.latency = settings["samplerate"], settings["channels"], 0.02
        self.settings = settings


class FakeSystem:
    """A sound system whose devices come and go as the test says."""

    def __init__(self):
        self.before_refresh = []
        self.present = [DESK, HEADSET, SPEAKER]
        self.streams = []
        self.refused = set()
        self.n_refreshes = 0

    def devices(self):
        return list(self.present)

    def refresh(self):
        self.n_refreshes += 1

    def open(self, device, **settings):
        if (device.name, settings["channels"]) in self.refused or device not in self.present:
            raise AudioError(f"{device.name}: cannot be opened (fake); choose another device.")
        stream = FakeStream(settings)
        self.streams.append(stream)
        return stream

    def start(self, stream, device):
        pass

    def close(self, stream):
        self.streams.remove(stream)

    def latency_ms(self, device):
        return 3.0


class Times:
    currentTime = inputBufferAdcTime = 0.0


class World:
    """The keeper in its world: time moves in ticks of 20 ms, live devices give two blocks in each."""

    def __init__(self, folder, monkeypatch):
        self.now_ns = 10**12
        self.system = FakeSystem()
        self.ring = SampleRing.create(folder / "voice.ring", 48_000, 10)
        self.events = []
        self.is_speaking = True
        self.signal = 0.1
        monkeypatch.setattr("app.audio.input_stream.time.perf_counter_ns", lambda: self.now_ns)
        say = lambda event, **fields: self.events.append((event, fields))  # noqa: E731
        self.keeper = InputKeeper(self.system, self.ring, say, clock_ns=lambda: self.now_ns)

    def run(self, seconds):
        for _ in range(round(seconds * 50)):
            for _ in range(2):
                self.now_ns += 10_000_000
                for stream in self.system.streams if self.is_speaking else []:
                    n = round(stream.samplerate) // 100
                    block = np.full((n, stream.channels), self.signal, dtype=np.float32)
                    stream.settings["callback"](block, n, Times, None)
            self.keeper.tick()

    def names(self):
        return [event for event, _ in self.events]


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = World(tmp_path, monkeypatch)
    yield world
    world.ring.close()


def test_the_default_microphone_is_opened_and_its_figures_said(world):
    world.keeper.use(None)
    world.run(1)
    event, fields = world.events[0]
    assert event == "opened" and fields["name"] == "Desk" and fields["latency_ms"] == 3.0
    assert world.ring.state == SourceState.LIVE and world.ring.latency_ms == 3.0
    assert world.names() == ["opened"]


def test_a_device_that_stops_is_lost_within_a_third_of_a_second_and_time_goes_on(world):
    world.keeper.use(None)
    world.run(2)
    world.is_speaking = False
    world.run(0.34)
    assert world.names() == ["opened", "lost"] and world.ring.state == SourceState.LOST
    before = world.ring.written
    world.run(1)
    assert world.ring.written - before == pytest.approx(48_000, rel=0.05)
    assert not world.ring.read(before, 48_000)[0].any()


def test_a_device_that_resumes_is_back_within_a_tenth(world):
    world.keeper.use(None)
    world.run(2)
    world.is_speaking = False
    world.run(2)
    world.is_speaking = True
    world.run(0.1)
    assert world.names() == ["opened", "lost", "back"]
    assert world.events[-1][1]["seconds"] == pytest.approx(1.7, abs=0.2)


def test_a_stream_that_gives_nothing_is_opened_again_and_again(world):
    world.is_speaking = False
    world.keeper.use(None)
    world.run(0.1)
    first = world.system.streams[0]
    world.run(PATIENCE_SECONDS + 0.6)
    assert world.system.streams and world.system.streams[0] is not first


def test_an_ended_stream_is_opened_anew_at_once(world):
    world.keeper.use(None)
    world.run(1)
    world.system.streams[0].settings["finished_callback"]()
    world.run(0.1)
    assert world.names() == ["opened", "lost", "back"]


def test_an_unplugged_device_is_looked_for_twice_a_second_and_found_again(world):
    world.keeper.use("Headset")
    world.run(1)
    world.system.present.remove(HEADSET)
    world.keeper.devices_changed(world.system.devices())
    assert world.system.streams == []
    world.run(3)
    assert world.names() == ["opened", "lost", "error"]
    assert 5 <= world.system.n_refreshes <= 8
    assert "Headset: is not connected" in world.events[-1][1]["sentence"]
    world.system.present.append(HEADSET)
    world.run(0.6)
    assert world.names()[-1] == "back"


def test_no_other_microphone_listens_in_the_place_of_the_chosen_one(world):
    world.keeper.use("Headset")
    world.run(1)
    world.system.present.remove(HEADSET)
    world.keeper.devices_changed(world.system.devices())
    world.run(2)
    assert world.system.streams == [] and world.ring.state == SourceState.LOST


def test_the_default_is_followed_when_no_name_was_chosen(world):
    world.keeper.use(None)
    world.run(1)
    world.system.present = [replace(DESK, is_default=False), replace(HEADSET, is_default=True), SPEAKER]
    world.keeper.devices_changed(world.system.devices())
    world.run(0.2)
    assert [fields["name"] for event, fields in world.events if event == "opened"] == ["Desk", "Headset"]
    assert world.ring.rate_hz == 16_000 and world.ring.generation >= 1
    assert "lost" not in world.names()


def test_a_device_that_refuses_one_channel_is_opened_with_its_own_and_mixed(world):
    world.system.refused.add(("Headset", 1))
    world.keeper.use("Headset")
    world.run(1)
    assert world.system.streams[0].channels == 2
    assert world.ring.read(world.ring.written - 160, 160)[0] == pytest.approx(0.1)


def test_zeros_for_seconds_are_said_once_and_their_end_too(world):
    world.signal = 0.0
    world.keeper.use(None)
    world.run(10)
    world.signal = 0.1
    world.run(7)
    assert world.names() == ["opened", "silent", "silent"]
    assert [fields["is_silent"] for _, fields in world.events[1:]] == [True, False]


def test_zeros_while_muted_are_nobodys_fault(world):
    world.keeper.use(None)
    world.ring.is_muted = True
    world.run(10)
    assert world.names() == ["opened"]


def test_a_process_that_stood_still_does_not_blame_the_device(world):
    world.keeper.use(None)
    world.run(1)
    world.now_ns += 2_000_000_000
    world.keeper.tick()
    world.run(0.5)
    assert world.names() == ["opened"]


def test_choosing_takes_names_and_keys_and_never_a_monitor_by_default():
    monitor = AudioDevice("Monitor", "input", 2, 48_000, True, is_monitor=True, key="monitor")
    devices = [monitor, HEADSET, SPEAKER]
    assert choose(devices, "input", None) == HEADSET
    assert choose(devices, "input", "monitor") == choose(devices, "input", "Monitor") == monitor
    assert choose(devices, "input", "Desk") is None
    assert choose([monitor], "input", None) is None
    assert choose(devices, "output", None) == SPEAKER


def test_a_device_survives_json():
    assert AudioDevice.from_json(HEADSET.to_json() | {"colour": "red"}) == HEADSET


def test_stopping_leaves_the_state_of_another_writer_alone(world):
    world.keeper.use(None)
    world.run(1)
    world.keeper.stop()
    assert world.ring.state == SourceState.NONE and world.system.streams == []
    world.ring.state = SourceState.LIVE  # a file speaks now
    world.keeper.stop()
    world.keeper.tick()
    assert world.ring.state == SourceState.LIVE
