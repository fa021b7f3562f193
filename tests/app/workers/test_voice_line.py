"""From the ring to blocks: all sound once, timed by count, whatever the source and the process do."""

import itertools
import math
import time

import numpy as np
import pytest

from app.workers.voice_line import VoiceLine
from engine.audio.ring import SampleRing, SourceState


class Microphone:
    """Writes a tone into a ring on a made-up clock that may run slow."""

    def __init__(self, ring: SampleRing, rate: int = 48_000, start: float | None = None) -> None:
        self.ring = ring
        self.now = time.perf_counter() - 100.0 if start is None else start
        self.use(rate)

    def use(self, rate: int) -> None:
        self.rate, self.n = rate, 0
        self.ring.start_generation(rate, 0.0)
        self.ring.state = SourceState.LIVE

    def run(self, seconds: float, drift: float = 0.0, each=lambda: None) -> None:
        for _ in range(round(seconds * 100)):
            n = self.rate // 100
            t = (self.n + np.arange(n)) / self.rate
            self.n += n
            self.now += 0.01 * (1 + drift)
            self.ring.write((0.5 * np.sin(2 * np.pi * 300 * t)).astype(np.float32), now_ns=int(self.now * 1e9))
            each()


@pytest.fixture
def ring(tmp_path) -> SampleRing:
    return SampleRing.create(tmp_path / "voice.ring", 48_000, 20.0)


def blocks_of(line: VoiceLine, microphone: Microphone, seconds: float, every: int = 1, **how) -> list:
    blocks, turn = [], [0]

    def read() -> None:
        turn[0] += 1
        if turn[0] % every == 0:
            block = line.read()
            if block is not None:
                blocks.append(block)

    microphone.run(seconds, each=read, **how)
    return blocks


def test_blocks_join_without_gap_or_overlap_at_16_khz(ring):
    line = VoiceLine(ring)
    blocks = blocks_of(line, Microphone(ring), 2.0)
    assert sum(len(b.samples) for b in blocks) == pytest.approx(32_000, abs=400)
    for before, after in itertools.pairwise(blocks):
        assert after.time == pytest.approx(before.end, abs=1e-9)
    assert line.n_streams == 1 and line.voice.level.rms_db == pytest.approx(-9, abs=1)


@pytest.mark.parametrize("rate", [44_100, 16_000, 96_000])
def test_any_rate_gives_the_same_times(ring, rate):
    line, microphone = VoiceLine(ring), Microphone(ring, rate)
    blocks = blocks_of(line, microphone, 1.0)
    wall = line.clock.wall_at(blocks[-1].end)
    assert wall == pytest.approx(microphone.now, abs=0.003)


def test_reading_seldom_gives_the_same_samples_as_reading_often(ring, tmp_path):
    often = blocks_of(VoiceLine(ring), Microphone(ring), 1.0)
    other = SampleRing.create(tmp_path / "other.ring", 48_000, 20.0)
    seldom = blocks_of(VoiceLine(other), Microphone(other), 1.0, every=20)
    a, b = (np.concatenate([block.samples for block in blocks]) for blocks in (often, seldom))
    assert np.allclose(a[: len(b)], b, atol=1e-5)


def test_another_source_goes_on_in_time_as_another_stream(ring):
    line, microphone = VoiceLine(ring), Microphone(ring)
    before = blocks_of(line, microphone, 1.0)
    microphone.use(16_000)
    after = blocks_of(line, microphone, 1.0)
    assert line.n_streams == 2
    assert abs(line.offset_ms) < 1.0
    assert after[0].time == pytest.approx(before[-1].end, abs=0.02)
    assert line.clock.wall_at(after[-1].end) == pytest.approx(microphone.now, abs=0.005)


def test_a_source_that_comes_alive_begins_another_stream_with_its_own_blocks(ring):
    line, microphone = VoiceLine(ring), Microphone(ring)
    ring.state = SourceState.LOST
    blocks_of(line, microphone, 0.5)
    ring.write(np.zeros(37, np.float32), now_ns=int(microphone.now * 1e9))  # silence keeps the time as it may
    line.read()
    assert line.n_streams == 1
    ring.state = SourceState.LIVE
    blocks = blocks_of(line, microphone, 0.5)
    assert line.n_streams == 2 and {len(block.samples) for block in blocks} == {160}
    ring.state = SourceState.LOST
    blocks_of(line, microphone, 0.5)
    assert line.n_streams == 2


def test_the_next_block_is_foreseen_while_a_source_is_live(ring):
    line, microphone = VoiceLine(ring), Microphone(ring)
    blocks_of(line, microphone, 1.0, every=3)  # it may be read more seldom than it comes
    microphone.run(0.02, each=line.read)
    assert line.next_in_s(microphone.now) == pytest.approx(0.01, abs=1e-6)
    assert line.is_awaited(microphone.now + 0.008) and not line.is_awaited(microphone.now + 0.002)
    ring.state = SourceState.LOST
    assert line.next_in_s(microphone.now) == math.inf and not line.is_awaited(microphone.now + 0.008)


def test_a_drifting_device_is_followed_and_its_drift_told(ring):
    line, microphone = VoiceLine(ring), Microphone(ring)
    blocks = blocks_of(line, microphone, 60.0, drift=200e-6)
    assert line.n_streams == 1
    assert line.clock.wall_at(blocks[-1].end) == pytest.approx(microphone.now, abs=0.004)
    assert line.clock.drift_ppm == pytest.approx(200, abs=30)
    assert abs(line.offset_ms) < 2.0  # no more than what is still being followed


def test_an_interruption_begins_another_stream_and_time_catches_up(ring):
    line, microphone = VoiceLine(ring), Microphone(ring)
    blocks_of(line, microphone, 1.0)
    microphone.now += 2.0
    after = blocks_of(line, microphone, 1.0)
    assert line.n_streams == 2
    assert line.clock.wall_at(after[-1].end) == pytest.approx(microphone.now, abs=0.005)


def test_after_a_long_stall_only_the_newest_second_is_heard(ring):
    line, microphone = VoiceLine(ring), Microphone(ring)
    blocks_of(line, microphone, 0.5)
    microphone.run(5.0)
    block = line.read()
    assert len(block.samples) == pytest.approx(16_000, abs=50) and line.n_streams == 2
    assert line.clock.wall_at(block.end) == pytest.approx(microphone.now, abs=0.005)


def test_gain_and_gate_are_applied(ring):
    line, microphone = VoiceLine(ring), Microphone(ring)
    line.voice.gate.threshold_db = 0.0
    assert not blocks_of(line, microphone, 0.5)[-1].samples.any()
    line.voice.gate.threshold_db = None
    line.voice.gain.db = -20.0
    assert np.abs(blocks_of(line, microphone, 0.5)[-1].samples).max() == pytest.approx(0.05, rel=0.1)
