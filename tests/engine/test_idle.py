"""Idle life: natural gaps, smooth motion, the same for the same seed and time."""

import numpy as np

from engine.controls import ControlSchema, ControlSpec
from engine.idle import IdleLife

SCHEMA = ControlSchema(
    (
        ControlSpec("au.45l", "au", "l", high=0.9),
        ControlSpec("au.45r", "au", "r", high=0.9),
        ControlSpec("pose.yaw", "pose", "Turn", minimum=-30, maximum=30),
        ControlSpec("gaze.yaw", "au", "Look", minimum=-30, maximum=30),
        ControlSpec("lip.00", "lip", "Mouth", minimum=-3, maximum=3),
    )
)


def test_blinks_come_at_natural_gaps_and_last_a_quarter_second():
    life = IdleLife(SCHEMA, seed=5)
    times = np.arange(0, 600, 0.005)
    lids = np.array([life.lid(t) for t in times])
    starts = times[1:][(lids[1:] > 0.5) & (lids[:-1] <= 0.5)]
    assert 12 <= len(starts) / 10 <= 25
    gaps = np.diff(starts)
    singles = gaps[gaps > 0.5]
    assert singles.min() > 0.8 and singles.max() < 7.5 and singles.std() > 0.7
    assert 0.02 < (lids > 0.5).mean() < 0.08 and lids.max() == 1.0


def test_the_same_seed_and_time_give_the_same_face_whatever_was_asked_before():
    life, other = IdleLife(SCHEMA, seed=1), IdleLife(SCHEMA, seed=1)
    for time in (50.0, 3.0, 17.0):
        life.at(time)
    assert np.array_equal(life.at(12.34), other.at(12.34))
    assert not np.array_equal(life.at(12.34), IdleLife(SCHEMA, seed=2).at(12.34))


def test_motion_is_smooth_and_leaves_the_mouth_alone():
    life = IdleLife(SCHEMA)
    rows = np.stack([life.at(t) for t in np.arange(0, 60, 1 / 60)])
    assert (rows[:, 4] == 0).all()
    assert np.abs(np.diff(rows[:, 2])).max() < 0.05
    assert np.array_equal(rows[:, 0], rows[:, 1]) and rows[:, 0].max() <= 0.9


def test_the_eyes_rest_and_jump():
    life = IdleLife(SCHEMA)
    looks = np.array([life.at(t)[3] for t in np.arange(0, 60, 0.01)])
    steps = np.abs(np.diff(looks))
    assert (steps < 1e-6).mean() > 0.8 and np.abs(looks).max() > 1.0


def test_an_avatar_without_these_controls_stays_still():
    schema = ControlSchema((ControlSpec("lip.00", "lip", "Mouth"),))
    assert not IdleLife(schema).at(3.0).any()
