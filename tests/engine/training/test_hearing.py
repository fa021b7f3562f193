"""Which frames show the mouth at rest."""

import numpy as np

from engine.training.hearing import resting_frames


def test_lips_pressed_together_while_speaking_are_no_rest():
    loudness = np.full(100, -5.0)
    loudness[40:52] = -44.0  # a pause
    opening = np.full(100, 0.3)
    opening[10:20] = 0.0  # the m of a word
    opening[40:52] = np.linspace(0.0, 0.1, 12)
    resting = resting_frames(opening, loudness)
    assert set(np.flatnonzero(resting)) == set(range(40, 46))


def test_a_mouth_held_open_in_a_pause_is_no_rest():
    loudness = np.where(np.arange(100) < 12, -40.0, 0.0)
    opening = np.zeros(100)
    opening[:5] = 0.6
    assert not resting_frames(opening, loudness)[:5].any()
    assert resting_frames(opening, loudness).any()


def test_who_talks_without_a_pause_rests_where_the_mouth_is_least_open_and_not_where_it_is_quietest():
    loudness = np.linspace(-28.0, 0.0, 200)
    opening = np.random.default_rng(0).uniform(0.1, 0.3, 200)  # the quietest frames too
    opening[60:75] = 0.01
    opening[150:160] = 0.0  # a loud m
    assert set(np.flatnonzero(resting_frames(opening, loudness))) <= set(range(60, 75))
    assert resting_frames(opening, loudness).sum() >= 5
