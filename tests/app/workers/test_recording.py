"""Recordings: what is in the rings gets into the take, whatever happens to the source, the recorder or the disk."""

import time
from pathlib import Path

import numpy as np
import pytest

from app.workers.control_records import ControlRecords, records_path
from app.workers.recording import Recording
from engine.audio.record_ring import RecordRing
from engine.audio.ring import SampleRing, SourceState
from engine.camera import Orbit
from engine.journal import take_of_journal
from engine.take import TakeInfo
from tests.fakes.avatar import SCHEMA

RATE = 48_000
INFO = TakeInfo(schema_rows=SCHEMA.to_json())


class Rings:
    """A voice ring and a control ring fed by hand: sample i is i / 2**22, rows carry their time in `lip.00`."""

    def __init__(self, folder: Path, latency_ms: float = 0.0) -> None:
        self.voice = SampleRing.create(folder / "voice.ring", RATE, 20.0)
        self.records = ControlRecords(folder, 1, SCHEMA)
        self.read = RecordRing.attach(records_path(folder, 1))
        self.rate = RATE
        self.now = time.perf_counter() - 30.0
        self.voice.start_generation(RATE, latency_ms)
        self.voice.state = SourceState.LIVE

    def run(self, seconds: float, behind: float = 0.08) -> None:
        """Sound in blocks of 10 ms, and a row each 20 ms that stands for the sound `behind` seconds ago."""
        for i in range(round(seconds * 100)):
            n = self.rate // 100
            self.now += 0.01
            first = self.voice.written
            self.voice.write((np.arange(first, first + n) / 2**22).astype(np.float32), now_ns=int(self.now * 1e9))
            if i % 2:
                self.row(self.now - behind)

    def row(self, at: float) -> None:
        values = np.zeros(5, np.float32)
        values[0] = at - 30 * (at // 30)
        self.records.append(at, values, values + 1, values + 2, Orbit(azimuth_deg=7.0))

    def new_source(self, rate: int, gap: float = 0.0) -> None:
        self.now += gap
        self.rate = rate
        self.voice.start_generation(rate, 0.0)


@pytest.fixture
def rings(tmp_path) -> Rings:
    made = Rings(tmp_path)
    made.run(1.0)
    return made


def finished(recording: Recording):
    recording.pump()  # what is written by hand is ahead of the clock by which `stop` cuts
    recording.stop()
    recording.pump()
    recording.close()
    return take_of_journal(recording.path)


def test_a_take_holds_every_sample_and_every_row(rings, tmp_path):
    recording = Recording(rings.voice, rings.read, tmp_path / "a.journal", INFO)
    start = rings.voice.written
    for _ in range(10):
        rings.run(0.3)
        recording.pump()
    take = finished(recording)
    assert np.array_equal(take.voice * 2**22, np.arange(start, rings.voice.written))
    assert np.diff(take.times) == pytest.approx(0.02, abs=1e-4)
    assert len(take.times) == pytest.approx((3.0 - 0.08) / 0.02, abs=2)
    assert take.user[:, 0] == pytest.approx(take.driven[:, 0] + 1) and take.camera[0, 3] == 7.0


def test_rows_lie_beside_the_samples_they_stand_for(rings, tmp_path):
    recording = Recording(rings.voice, rings.read, tmp_path / "a.journal", INFO)
    rings.run(2.0, behind=0.25)
    origin = rings.now - 2.0
    take = finished(recording)
    said = take.driven[:, 0].astype(np.float64)
    want = origin + take.times
    assert said == pytest.approx(want - 30 * (want // 30), abs=2e-3)


def test_the_last_seconds_can_be_saved_after_the_fact(rings, tmp_path):
    rings.run(3.0)
    take = finished(Recording(rings.voice, rings.read, tmp_path / "a.journal", INFO, seconds_back=2.0))
    assert len(take.voice) == 2 * RATE and take.voice[-1] * 2**22 == rings.voice.written - 1
    assert take.times[0] == pytest.approx(0.0, abs=0.021) and take.times[-1] == pytest.approx(1.92, abs=0.021)


def test_more_of_the_past_than_there_is_gives_what_there_is(rings, tmp_path):
    take = finished(Recording(rings.voice, rings.read, tmp_path / "a.journal", INFO, seconds_back=30.0))
    assert len(take.voice) == RATE


def test_another_source_with_another_rate_keeps_its_place_in_time(rings, tmp_path):
    recording = Recording(rings.voice, rings.read, tmp_path / "a.journal", INFO)
    rings.run(1.0)
    recording.pump()
    rings.new_source(16_000, gap=0.5)
    rings.run(1.0)
    recording.pump()
    take = finished(recording)
    assert take.info.rate_hz == RATE and len(take.voice) / RATE == pytest.approx(2.5, abs=0.02)
    gap = np.flatnonzero(take.voice[RATE : round(1.45 * RATE)])
    assert not len(gap) and take.voice[round(1.6 * RATE) :].all()


def test_a_recording_without_any_sound_still_holds_the_controls(tmp_path):
    ring = SampleRing.create(tmp_path / "voice.ring", RATE, 5.0)
    records = ControlRecords(tmp_path, 1, SCHEMA)
    recording = Recording(ring, RecordRing.attach(records_path(tmp_path, 1)), tmp_path / "a.journal", INFO)
    zero = np.zeros(5, np.float32)
    for i in range(20):
        records.append(time.perf_counter(), zero + i, zero, zero, Orbit())
    recording.pump()
    take = finished(recording)
    assert len(take.voice) == 0 and take.driven[:, 0].tolist() == list(range(20))


def test_sound_that_begins_during_the_recording_is_laid_where_it_began(tmp_path):
    ring = SampleRing.create(tmp_path / "voice.ring", RATE, 5.0)
    recording = Recording(ring, None, tmp_path / "a.journal", INFO)
    now = recording._origin_time + 2.0
    ring.write(np.full(480, 0.5, np.float32), now_ns=int(now * 1e9))
    recording.pump()
    take = finished(recording)
    assert np.flatnonzero(take.voice)[0] / RATE == pytest.approx(2.0 - 0.01, abs=0.02)


def test_a_resumed_recording_misses_nothing_the_rings_still_hold(rings, tmp_path):
    recording = Recording(rings.voice, rings.read, tmp_path / "a.journal", INFO)
    start = rings.voice.written
    rings.run(1.0)
    recording.pump()
    with open(recording.path, "ab") as file:
        file.write(b"\x02\x00\x10")  # a record cut short by the kill
    rings.run(1.5)
    resumed = Recording.resumed(rings.voice, rings.read, recording.path)
    rings.run(0.5)
    take = finished(resumed)
    assert np.array_equal(take.voice * 2**22, np.arange(start, rings.voice.written))
    assert np.diff(take.times) == pytest.approx(0.02, abs=1e-4)


def test_a_stopped_recording_waits_for_the_rows_of_its_last_sound(rings, tmp_path, monkeypatch):
    monkeypatch.setattr("app.workers.recording.LINGER_S", 60.0)
    recording = Recording(rings.voice, rings.read, tmp_path / "a.journal", INFO)
    rings.run(0.5)
    recording.stop()
    recording.pump()
    assert not recording.is_complete
    rings.row(recording._stop_time + 1.0)
    recording.pump()
    assert recording.is_complete


def test_the_sound_after_stop_is_not_in_the_take(rings, tmp_path):
    recording = Recording(rings.voice, rings.read, tmp_path / "a.journal", INFO)
    rings.run(0.5)
    recording.pump()
    recording.stop()
    rings.run(0.5)
    recording.pump()
    recording.close()
    assert len(take_of_journal(recording.path).voice) == RATE // 2
