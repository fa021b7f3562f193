"""The soak's own instruments: what arrived is told by its content, lateness by correlation, reports survive a crash."""

import json

import numpy as np
import pytest

from app.trials.content_clock import ContentClock
from app.trials.soak import lag_ms, read_report, said_loop, summary
from engine.audio.ring import SampleRing
from engine.audio.wav import write_wav
from engine.errors import AudioError

RATE = 48_000


@pytest.fixture
def said(tmp_path):
    """A loop of two seconds, a ring that hears it, and the function that says some of it into the ring."""
    loop = (0.1 * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.float32)
    ring = SampleRing.create(tmp_path / "ring", RATE, 5.0)
    ring.start_generation(RATE, 0.0)
    start, state = 100.0, {"at": 0}

    def say(seconds, late_s=0.0, lost=0):
        """Writes the next sound of the loop, after `lost` samples that never arrive."""
        state["at"] += lost
        for _ in range(round(seconds * 100)):
            end = state["at"] + 480
            heard = np.round(np.take(loop, np.arange(state["at"], end), mode="wrap") * 32_767) / 32_768
            state["at"] = end
            ring.write(heard.astype(np.float32), int((start + end / RATE + late_s) * 1e9))

    def times():
        return start + 0.01 * np.arange(1, 1 + state["at"] // 480)

    yield loop, ring, say, times
    ring.close()


def test_nothing_is_lost_where_nothing_was(said):
    loop, ring, say, times = said
    clock = ContentClock(loop, RATE)
    for _ in range(4):
        say(1.7)
        clock.follow(ring, times())
    assert clock.lost_samples == 0 and abs(clock.error_ms) < 0.1
    assert clock.place_of(100.0 + 3.25) == pytest.approx(1.25, abs=1e-3)


@pytest.mark.parametrize("lost", [480, 7, 30_000])
def test_lost_samples_are_found_by_what_is_heard(said, lost):
    loop, ring, say, times = said
    clock = ContentClock(loop, RATE)
    say(1.5)
    clock.follow(ring, times())
    say(1.5, lost=lost)
    clock.follow(ring, times())
    assert clock.lost_samples == lost


def test_sound_the_ring_dates_too_late_is_noticed(said):
    loop, ring, say, times = said
    clock = ContentClock(loop, RATE)
    say(1.5, late_s=0.02)
    clock.follow(ring, times())
    assert clock.error_ms == pytest.approx(20.0, abs=0.5)


def test_another_sound_than_what_was_said_is_refused(said):
    loop, ring, say, times = said
    say(1.0)
    clock = ContentClock(loop * 0.5, RATE)
    with pytest.raises(AudioError, match="not what was said"):
        for _ in range(10):
            clock.follow(ring, times())
    assert not clock.is_set


def test_a_track_that_lags_is_found_to_a_part_of_its_step():
    t = np.arange(0, 20, 0.01)
    rng = np.random.default_rng(0)
    waves = [(rng.uniform(0, 6.28), k) for k in range(1, 60)]

    def track(late):
        return np.stack([sum(np.sin(2 * np.pi * k * (t - late) / 20 + p) for p, k in waves),
                         sum(np.cos(2 * np.pi * k * (t - late) / 20 + p) for p, k in waves)], axis=1)  # fmt: skip

    assert lag_ms(track(0.0), track(0.023), 0.01) == pytest.approx(23.0, abs=2.0)
    assert lag_ms(track(0.0), track(-0.04), 0.01) == pytest.approx(-40.0, abs=2.0)


def row(run, minute, memory, **more):
    return {"run": run, "seconds": 60.0, "lost_samples": 0, "counted_lost": 0, "clock_ms": 0.1, "drift_ms": 1.0,
            "memory_mb": memory, "fps": 40.0, "latency_p50_ms": 70.0, "latency_p95_ms": 90.0, **more}  # fmt: skip


def test_a_report_is_added_up_over_its_runs_and_growth_is_told_from_the_start_up():
    rows = [row(1, i, 700 if i else 400) for i in range(10)]
    rows += [row(2, i, 700 + 2 * i, drift_ms=-9.0 if i == 5 else None, lost_samples=480) for i in range(10)]
    found = summary(rows)
    assert found["minutes"] == 20 and found["runs"] == 2 and found["lost_samples"] == 480 and found["drift_ms"] == 9.0
    assert found["growth_mb_per_h"] == pytest.approx(120, rel=0.01)
    assert summary([])["minutes"] == 0


def test_a_report_cut_short_is_read_up_to_the_cut(tmp_path):
    path = tmp_path / "soak.jsonl"
    path.write_text(json.dumps(row(1, 0, 500)) + "\n" + json.dumps(row(1, 1, 500))[:40])
    assert len(read_report(path)) == 1
    assert read_report(tmp_path / "none.jsonl") == []


def test_no_two_moments_of_what_is_said_are_alike(tmp_path):
    write_wav(tmp_path / "silence.wav", np.zeros(16_000, dtype=np.float32), 16_000)
    loop = said_loop(tmp_path / "silence.wav")
    assert len(loop) == 20 * RATE and 0 < np.abs(loop).max() < 0.02
    a, b = loop[: RATE // 4], loop[5 * RATE : 5 * RATE + RATE // 4]
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.05
