"""The features heard so far."""

import numpy as np
import pytest

from engine.audio.block import Features
from engine.audio.history import FeatureHistory


def features(first, n, value=None):
    values = np.arange(first, first + n) if value is None else np.full(n, value)
    return Features((first + np.arange(n)) * 0.02, values.astype(np.float32)[:, None])


def test_a_window_gives_the_features_of_its_times_and_says_what_it_does_not_know():
    history = FeatureHistory(1)
    history.extend(features(0, 5))
    history.extend(features(5, 5))
    values, known = history.window(7 * 0.02, 5)
    assert known.tolist() == [True, True, True, False, False]
    assert values[:3, 0].tolist() == [7, 8, 9] and not values[3:].any()


def test_between_two_features_it_interpolates():
    history = FeatureHistory(1)
    history.extend(features(0, 5))
    assert history.window(0.05, 1)[0][0, 0] == pytest.approx(2.5)


def test_it_keeps_the_newest_when_full():
    history = FeatureHistory(1, seconds=1.0)
    for first in range(0, 500, 7):
        history.extend(features(first, 7))
    assert 50 <= len(history) <= 100
    assert history.newest == pytest.approx(504 * 0.02)
    values, known = history.window(history.newest - 1.0, 50)
    assert known.all() and values[:, 0].tolist() == list(range(454, 504))


def test_a_jump_in_time_starts_afresh():
    history = FeatureHistory(1)
    history.extend(features(0, 5))
    history.extend(features(50, 3))
    assert len(history) == 3 and history.oldest == pytest.approx(1.0)


def test_ten_minutes_of_a_drifting_device_clock_are_followed_without_a_gap():
    history = FeatureHistory(1)
    for i in range(30_000):
        history.extend(Features(np.array([i * 0.02 * 1.0002]), np.array([[1.0]], dtype=np.float32)))
    assert len(history) >= 400
    assert history.newest == pytest.approx(30_000 * 0.02 * 1.0002, abs=0.001)


def test_exact_times_stay_exact():
    history = FeatureHistory(1)
    for i in range(5_000):
        history.extend(features(i, 1))
    assert history.newest == pytest.approx(100.0, abs=1e-9)


def test_more_than_it_can_hold_at_once_leaves_the_newest_at_their_own_times():
    history = FeatureHistory(1, seconds=1.0)
    history.extend(features(0, 20))
    history.extend(features(20, 300))
    values, known = history.window(319 * 0.02, 1)
    assert known.all() and values[0, 0] == 319 and history.newest == pytest.approx(6.4)
