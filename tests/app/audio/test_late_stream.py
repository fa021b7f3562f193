"""The voice beside the virtual camera: how late it leaves, and how a wrong distance is healed."""

import numpy as np
import pytest

from app.audio.devices import AudioDevice
from app.audio.late_stream import USUAL_OUTPUT_S, LateStream
from engine.audio.ring import SampleRing

CABLE = AudioDevice("Cable", "output", 2, 48_000, False, key="cable")
RATE, BLOCK = 48_000, 480
DEVICE_S = 0.02


class FakeSystem:
    def open(self, device, **settings):
        self.settings = settings

        class Stream:
            latency = DEVICE_S

        return Stream()

    def start(self, stream, device):
        pass


class Line:
    """A microphone writes blocks of 10 ms, the cable asks for blocks of 10 ms; whoever is late is late by chance."""

    def __init__(self, folder, sound, delay_s, is_played=False, ppm=0.0, jitter_s=0.0):
        self.ring = SampleRing.create(folder / "voice.ring", RATE, 4)
        self.now = 100.0
        self.system = FakeSystem()
        self.clock = lambda: round(self.now * 1e9)
        self.stream = LateStream(self.system, CABLE, self.ring, delay_s, is_played, self.clock)
        self.sound, self.ppm, self.jitter_s = sound, ppm, jitter_s
        self.rng = np.random.default_rng(0)
        self.n_written = 0
        self.played = []

    def run(self, seconds):
        """The cable's clock is right, the microphone's runs fast by `ppm`."""
        for _ in range(round(seconds * RATE / BLOCK)):
            asked_at = self.now
            due = round((asked_at - 100.0) * RATE * (1 + 1e-6 * self.ppm)) + BLOCK
            self.now = asked_at + self.rng.uniform(0, self.jitter_s)
            self.ring.write(self.sound[self.n_written : due], self.clock())
            self.n_written = due
            self.now = asked_at + self.rng.uniform(0, self.jitter_s)
            out = np.full((BLOCK, 2), np.nan, dtype=np.float32)
            self.system.settings["callback"](out, BLOCK, None, None)
            assert np.isfinite(out).all() and np.array_equal(out[:, 0], out[:, 1])
            self.played.append(out[:, 0])
            self.now = asked_at + BLOCK / RATE
        return np.concatenate(self.played)

    @property
    def first_leaves_s(self):
        """When the first sample played leaves, against when the first sample written was in the air."""
        return DEVICE_S + BLOCK / RATE  # block 0 arrives, and is in the air until, the moment block 0 is asked for


@pytest.fixture
def line(tmp_path):
    lines = []

    def make(*args, **kwargs):
        lines.append(Line(tmp_path, *args, **kwargs))
        return lines[-1]

    yield make
    for made in lines:
        made.ring.close()


def clicks(seconds, every=0.5, first=0.3):
    sound = np.zeros(round(seconds * RATE), dtype=np.float32)
    sound[round(first * RATE) :: round(every * RATE)] = 0.9
    return sound


def tone(seconds, hz=200.0):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def delays(line, sound, played):
    """How late each click of `sound` leaves, seconds."""
    said = np.flatnonzero(sound > 0.5) / RATE
    left = np.flatnonzero(played > 0.5) / RATE + line.first_leaves_s
    return [t - said[said <= t].max() for t in left]


@pytest.mark.parametrize("delay_s", [0.09, 0.15, 0.4])
def test_each_sample_leaves_as_late_as_wanted(line, delay_s):
    sound = clicks(4)
    late = line(sound, delay_s)
    late.run(4)
    found = delays(late, sound, late.run(0))
    assert len(found) >= 6 and np.abs(np.array(found) - delay_s).max() < 0.001
    assert late.stream.n_underruns == 0 and abs(late.stream.offset_ms) < 1


def test_blocks_that_come_late_by_chance_do_not_move_it(line):
    sound = clicks(8)
    late = line(sound, 0.15, jitter_s=0.006)
    found = np.array(delays(late, sound, late.run(8)))
    assert np.abs(found[4:] - 0.15).max() < 0.004 and np.ptp(found[4:]) < 0.002


@pytest.mark.parametrize("ppm", [-300, 300])
def test_clocks_that_drift_apart_are_followed_in_a_voice_without_pauses(line, ppm):
    late = line(tone(41), 0.15, ppm=ppm)
    played = late.run(40)
    assert abs(late.stream.offset_ms) < 4
    assert np.abs(np.diff(played[4_800:])).max() < 1.1 * 0.3 * 2 * np.pi * 200 / RATE  # no click, nothing left out
    assert late.stream.n_underruns == 0


@pytest.mark.parametrize("delay_s", [0.1, 0.2])
def test_another_delay_is_reached_while_somebody_speaks_without_a_click(line, delay_s):
    late = line(tone(31), 0.15)
    late.run(2)
    late.stream.delay_s = delay_s
    played = late.run(20)
    assert abs(late.stream.offset_ms) < 1
    assert np.abs(np.diff(played[4_800:])).max() < 1.1 * 0.3 * 2 * np.pi * 200 / RATE


@pytest.mark.parametrize("delay_s", [0.1, 0.25])
def test_in_a_pause_another_delay_is_reached_at_once(line, delay_s):
    sound = clicks(8, every=0.7)
    late = line(sound, 0.15)
    late.run(2.5)
    late.stream.delay_s = delay_s
    found = delays(late, sound, late.run(5))
    after = [delay for i, delay in enumerate(found) if 0.3 + 0.7 * i > 3.1]
    assert len(after) >= 4 and np.abs(np.array(after) - delay_s).max() < 0.001


@pytest.mark.parametrize("delay_s", [0.1, 0.25])
def test_no_click_is_dropped_or_said_twice_while_the_delay_changes(line, delay_s):
    sound = clicks(20, every=0.11)
    late = line(sound, 0.15)
    late.run(5)
    late.stream.delay_s = delay_s
    played = late.run(12)
    left = np.flatnonzero(np.abs(played) > 0.2)
    left = left[np.append(True, np.diff(left) > 100)]
    assert len(left) == 1 + int((17 + late.first_leaves_s - delay_s - 0.3) / 0.11)
    assert np.diff(left).max() < 0.26 * RATE and np.diff(left).min() > 0.02 * RATE


def test_sooner_than_the_sound_is_there_it_says_how_far_off_it_is(line):
    late = line(clicks(4), 0.0)
    late.run(4)
    assert -80 < late.stream.offset_ms < -20
    assert late.stream.n_underruns == 0


def test_muted_it_is_silent_at_once_and_goes_on_in_time(line):
    sound = tone(6)
    late = line(sound, 0.2)
    late.run(2)
    late.ring.is_muted = True
    late.played.clear()
    assert not late.run(1).any()
    late.ring.is_muted = False
    late.played.clear()
    assert late.run(1).any() and abs(late.stream.offset_ms) < 1


def test_a_writer_that_stops_leaves_silence(line):
    late = line(tone(1), 0.1)
    late.run(3)
    late.played.clear()
    assert not late.run(0.5).any()


def test_before_anything_is_heard_it_is_silent(line):
    late = line(np.zeros(0, dtype=np.float32), 0.1)
    out = np.full((BLOCK, 2), np.nan, dtype=np.float32)
    late.system.settings["callback"](out, BLOCK, None, None)
    assert not out.any()


@pytest.mark.parametrize("loudspeaker_ms", [0.0, 60.0, 110.0])
def test_a_played_take_leaves_late_against_the_loudspeaker(line, loudspeaker_ms):
    sound = clicks(4)
    late = line(sound, 0.02, is_played=True)
    late.ring.latency_ms = loudspeaker_ms
    found = delays(late, sound, late.run(4))
    to_loudspeaker = 1e-3 * loudspeaker_ms or USUAL_OUTPUT_S
    # the writer has each block before it is in the air, so it is counted from its arrival: a block later
    assert np.abs(np.array(found) - (0.02 + to_loudspeaker + BLOCK / RATE)).max() < 0.012
