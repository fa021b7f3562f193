"""Samples counted against the clock."""

import numpy as np
import pytest

from app.audio.sample_clock import SampleClock

MS = 1_000_000


def run(clock, seconds, start_ms=0.0, late_ms=lambda i: 0.0, ppm=0.0, flags=()):
    """Pushes 10 ms blocks of 480 samples; returns the samples found missing and the time of the last block."""
    missing = 0
    now_ms = start_ms
    for i in range(round(seconds * 100)):
        now_ms = start_ms + (i + 1) * 10 * (1 + ppm * 1e-6)
        missing += clock.push(480, int((now_ms + late_ms(i)) * MS), i in flags)
    return missing, now_ms


def test_blocks_that_come_late_by_chance_are_not_loss():
    random = np.random.default_rng(0)
    late = random.exponential(8, 6_000)
    assert run(SampleClock(48_000), 60, late_ms=lambda i: late[i])[0] == 0


@pytest.mark.parametrize("stall_ms", [50, 400, 2_000])
def test_a_stall_that_catches_up_is_not_loss(stall_ms):
    late = lambda i: max(0.0, stall_ms - 10 * (i - 300)) if i >= 300 else 0.0  # noqa: E731
    assert run(SampleClock(48_000), 20, late_ms=late)[0] == 0


@pytest.mark.parametrize("lost_ms", [20, 40, 250])
def test_lost_blocks_are_found_within_a_second_and_their_number_is_right(lost_ms):
    clock = SampleClock(48_000)
    _, end = run(clock, 10)
    missing, _ = run(clock, 1.1, start_ms=end + lost_ms)
    assert missing == pytest.approx(48 * lost_ms, abs=48)
    assert clock.n_lost == missing
    assert run(clock, 5, start_ms=end + lost_ms + 1_100)[0] == 0  # found once


def test_a_single_block_is_believed_lost_when_portaudio_says_so_too():
    clock = SampleClock(48_000)
    _, end = run(clock, 10)
    assert run(clock, 1.1, start_ms=end + 10, flags={0})[0] == pytest.approx(480, abs=48)


@pytest.mark.parametrize("ppm", [-400, -100, 0, 100, 400])
def test_a_drifting_device_is_measured_and_not_taken_for_loss(ppm):
    clock = SampleClock(48_000)
    late = np.random.default_rng(0).exponential(2, 12_000)
    assert run(clock, 120, ppm=ppm, late_ms=lambda i: late[i])[0] == 0
    assert clock.drift_ppm == pytest.approx(ppm, abs=30)


def test_a_burst_of_old_sound_at_the_beginning_is_not_taken_for_loss_afterwards():
    clock = SampleClock(48_000)
    for _ in range(8):
        clock.push(480, 1 * MS)
    assert run(clock, 10, start_ms=5)[0] == 0
