"""Smoothing and key reduction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.performance.clean_up import largest_error, reduced, smoothed

TIMES = np.arange(0, 8, 1 / 30)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.005, 0.02, 0.1]))
def test_reduced_keys_stay_within_the_error(seed, error):
    chance = np.random.default_rng(seed)
    track = np.cumsum(chance.normal(0, 0.1, len(TIMES)))
    curve = reduced(TIMES, track, error)
    assert largest_error(curve, TIMES, track) <= error
    assert len(curve) <= len(TIMES)


def test_a_smooth_track_needs_few_keys():
    assert len(reduced(TIMES, np.sin(TIMES), 0.02)) < 24
    assert len(reduced(TIMES, np.full(len(TIMES), 0.3), 1e-6)) == 2


def test_nothing_and_one_moment_make_what_they_can():
    assert len(reduced(np.zeros(0), np.zeros(0), 0.1)) == 0
    assert len(reduced(np.zeros(1), np.ones(1), 0.1)) == 1


def test_smoothing_keeps_the_mean_and_calms():
    track = np.random.default_rng(1).normal(0, 1, len(TIMES))
    calm = smoothed(TIMES, track, 100)
    assert calm.mean() == pytest.approx(track.mean(), abs=0.05)
    assert calm.std() < 0.5 * track.std()
    assert smoothed(TIMES, track, 0) is track
