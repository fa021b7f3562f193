"""Mouth against sound: known openings give known numbers."""

import numpy as np
import pytest

from engine.evaluation.speech import compare

RATE = 16_000


def syllables(seconds=8.0):
    """A voice of four syllables a second with a two-second pause, and its loudness envelope as a function."""
    t = np.arange(int(seconds * RATE)) / RATE

    def envelope(at):
        return np.where((at > 3) & (at < 5), 0.0, np.maximum(0, np.sin(2 * np.pi * 4 * at)))

    noise = np.random.default_rng(0).normal(size=len(t)) * 0.1
    return (envelope(t) * noise).astype(np.float32), envelope


@pytest.mark.parametrize("lag", [0.0, 0.08])
def test_a_mouth_that_follows_the_voice_correlates_at_its_lag(lag):
    samples, envelope = syllables()
    times = np.arange(0.2, 7.8, 0.04)
    found = compare(envelope(times - lag), times, samples, RATE)
    assert found["correlation"] > 0.7
    assert found["lag_ms"] == pytest.approx(lag * 1e3, abs=25)
    assert found["pause_movement"] < 0.05
    assert found["pause_opening"] < 0.05


def test_a_mouth_that_moves_by_itself_does_not_correlate():
    samples, _ = syllables()
    times = np.arange(0.2, 7.8, 0.04)
    found = compare(np.random.default_rng(1).random(len(times)), times, samples, RATE)
    assert abs(found["correlation"]) < 0.4
    assert found["pause_movement"] > 0.5
