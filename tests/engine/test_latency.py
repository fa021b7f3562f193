"""The latency log: percentiles by stage over the newest frames."""

import pytest

from engine.latency import STAGES, LatencyLog, StageClock


def test_percentiles_are_of_the_newest_frames_only():
    log = LatencyLog(n_frames=10)
    for i in range(30):
        log.add({"capture": float(i), "raster": 2.0})
    p50, p95, total50, total95 = log.percentiles()
    assert p50["capture"] == pytest.approx(24.5) and p95["capture"] == pytest.approx(28.55)
    assert p50["raster"] == 2.0 and p50["deform"] == 0.0
    assert total50 == pytest.approx(26.5) and total95 == pytest.approx(30.55)


def test_an_empty_log_says_zero():
    p50, _, total50, total95 = LatencyLog().percentiles()
    assert set(p50) == set(STAGES) and not any(p50.values()) and total50 == total95 == 0.0


def test_a_stage_entered_twice_adds_up():
    clock = StageClock()
    with clock("deform"):
        pass
    once = clock.ms["deform"]
    with clock("deform"):
        pass
    assert clock.ms["deform"] > once
