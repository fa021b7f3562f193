"""The motion clock: a steady delay, bounded changes, never backwards."""

import math

import numpy as np
import pytest

from engine.motion_clock import SLEW, MotionClock


def run(clock: MotionClock, start: float, seconds: float, look_ahead_ms: float, newest=None, fps=60):
    newest = newest or (lambda t: math.floor(t / 0.02) * 0.02)
    times = start + np.arange(int(seconds * fps)) / fps
    return times, np.array([clock.at(t, newest(t), look_ahead_ms) for t in times])


def test_the_delay_covers_the_look_ahead_and_the_steps_of_the_features():
    times, motion = run(MotionClock(40), 0.0, 3.0, 40)
    delay = (times - motion)[60:]
    assert delay.min() > 0.055 and delay.max() < 0.0605


def test_the_delay_is_steady_once_it_has_settled():
    times, motion = run(MotionClock(0), 0.0, 5.0, 0)
    assert np.ptp((times - motion)[60:]) < 0.005


def test_a_frame_that_finds_its_features_late_holds_back_only_itself():
    clock = MotionClock(0)
    run(clock, 0.0, 2.0, 0, newest=lambda t: t - 0.009, fps=50)
    assert clock.at(2.0, 2.0 - 0.019, 0) == pytest.approx(2.0 - 0.019)
    assert clock.at(2.02, 2.02 - 0.009, 0) == pytest.approx(2.02 - 0.009)
    assert clock.delay_s == pytest.approx(0.009)


def test_a_machine_that_stumbles_does_not_leave_the_face_behind():
    clock = MotionClock(0)
    run(clock, 0.0, 2.0, 0, newest=lambda t: t - 0.009, fps=50)
    run(clock, 2.0, 0.2, 0, newest=lambda t: t - 0.09, fps=50)
    assert clock.delay_s <= 0.02
    run(clock, 2.2, 0.8, 0, newest=lambda t: t - 0.009, fps=50)
    assert clock.delay_s == pytest.approx(0.009)


@pytest.mark.parametrize("look_ahead_ms", [0, 40])
def test_what_a_driver_may_look_ahead_to_is_known_however_late_a_block_is(look_ahead_ms):
    clock = MotionClock(look_ahead_ms)
    rng = np.random.default_rng(0)
    for i in range(500):
        time = i / 50
        newest = time - 0.009 - (0.009 if rng.random() < 0.05 else 0.0)
        assert clock.at(time, newest, look_ahead_ms) + 1e-3 * look_ahead_ms <= newest + 1e-9


def test_without_look_ahead_no_frame_asks_for_sound_that_is_not_known_yet():
    clock = MotionClock(0)
    rng = np.random.default_rng(1)
    motion = -math.inf
    for i in range(500):
        newest = i / 50 - 0.009 - (0.03 if rng.random() < 0.1 else 0.0)  # the next block after it is missed as well
        before, motion = motion, clock.at(i / 50, newest, 0)
        assert before <= motion and (motion <= newest or motion == before)


def test_frames_that_all_come_later_are_followed():
    clock = MotionClock(0)
    run(clock, 0.0, 2.0, 0, newest=lambda t: t - 0.009)
    run(clock, 2.0, 1.0, 0, newest=lambda t: t - 0.015)
    assert clock.delay_s == pytest.approx(0.015)
    run(clock, 3.0, 2.0, 0, newest=lambda t: t - 0.009)
    assert clock.delay_s == pytest.approx(0.009)


def test_the_dial_changes_the_delay_at_a_bounded_rate_and_arrives():
    clock = MotionClock(0)
    run(clock, 0.0, 1.0, 0)
    times, motion = run(clock, 1.0, 1.0, 240)
    assert np.diff(motion).min() * 60 >= 1 - SLEW - 1e-6
    assert (times - motion)[-1] == pytest.approx(0.24 + 0.018, abs=0.003)
    times, motion = run(clock, 2.0, 1.0, 0)
    assert np.diff(motion).max() * 60 <= 1 + SLEW + 1e-6
    assert (times - motion)[-1] < 0.025


def test_without_any_sound_motion_follows_the_clock():
    times, motion = run(MotionClock(40), 10.0, 1.0, 40, newest=lambda t: -math.inf)
    assert times - motion == pytest.approx(0.04)


def test_a_lost_microphone_does_not_stop_time():
    clock = MotionClock(40)
    run(clock, 0.0, 1.0, 40)
    times, motion = run(clock, 1.0, 5.0, 40, newest=lambda t: 1.0)
    assert np.diff(motion).min() > 0.4 / 60 and (times - motion)[-1] < 0.04 + 0.26


def test_a_jump_in_time_starts_afresh():
    clock = MotionClock(40)
    run(clock, 0.0, 1.0, 40)
    assert clock.at(100.0, 99.99, 40) == pytest.approx(100.0 - 0.05)
