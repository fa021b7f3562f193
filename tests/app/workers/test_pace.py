"""Pace and size: a steady rate without spinning or hurrying, and no more pixels than the machine can draw."""

import math

import pytest

from app.workers.pace import LATE_S, POLL_S, Beat, Hand, Pace, RenderScale, scaled


def test_frames_are_a_period_apart_and_a_late_one_is_not_made_up_for():
    pace = Pace(50.0)
    pace.began(10.0)
    assert pace.wait_s(10.0) == pytest.approx(0.02)
    pace.began(10.021)
    assert pace.wait_s(10.021) == pytest.approx(0.019)
    pace.began(10.2)
    assert pace.wait_s(10.2) == pytest.approx(0.02)


def test_an_early_frame_does_not_push_the_following_ones_away():
    pace = Pace(50.0)
    pace.began(10.0)
    for early in (10.005, 10.010, 10.015):
        pace.began(early)
    assert pace.wait_s(10.015) == pytest.approx(0.02)


def test_a_frame_that_waited_for_sound_moves_the_following_ones_along():
    pace = Pace(60.0)
    pace.began(10.0)
    pace.began(10.02, is_with_sound=True)
    assert pace.wait_s(10.02) == pytest.approx(1 / 60)


def test_a_frame_waits_for_the_block_that_is_nearer_than_the_newest_is_old():
    beat = Beat()
    assert not beat.is_awaited(5.0) and beat.next_in_s(5.0) == math.inf  # nothing has come yet
    beat.came(5.0, 0.01)
    assert not beat.is_awaited(5.0) and not beat.is_awaited(5.004)
    assert beat.is_awaited(5.006) and beat.next_in_s(5.006) == pytest.approx(0.004)
    assert beat.is_awaited(5.011) and beat.next_in_s(5.011) == POLL_S  # any moment now
    assert not beat.is_awaited(5.0101 + LATE_S) and beat.next_in_s(5.0101 + LATE_S) == math.inf


def test_blocks_of_another_length_are_learnt_and_long_ones_not_waited_for():
    beat = Beat()
    for i in range(100):
        beat.came(5.0 + 0.04 * i, 0.04)
    came = 5.0 + 0.04 * 99
    assert beat.next_in_s(came) == pytest.approx(0.04, abs=1e-3)
    assert not beat.is_awaited(came + 0.03) and beat.is_awaited(came + 0.035)


def test_a_hand_that_drags_gets_the_largest_pictures_that_answer_at_once():
    hand = Hand(budget_ms=13.0)
    hand.add(cost_ms=20.0, drawn_ms=15.0, scale=1.0)
    hand.moved(5.0)
    assert hand.scale(5.0) == 1.0  # a click is no dragging
    hand.moved(5.1)
    assert hand.scale(5.1) == 0.5 and hand.scale(5.3) == 0.5
    assert hand.scale(5.36) == 1.0  # it rests
    for _ in range(100):
        hand.add(cost_ms=10.0, drawn_ms=6.0, scale=0.5)  # 11.7 of a full picture
    hand.moved(7.0)
    hand.moved(7.1)
    assert hand.scale(7.1) == 0.75


def test_a_picture_of_the_voice_lets_the_next_move_of_a_hand_go_first_where_it_would_be_in_its_way():
    hand = Hand(budget_ms=13.0)
    hand.add(cost_ms=10.0, drawn_ms=6.0, scale=1.0)
    hand.moved(5.0)
    assert hand.awaited_until(5.01) == 5.01  # a click is no dragging
    for i in range(30):
        hand.moved(5.1 + 0.016 * i)
    last = 5.1 + 0.016 * 29
    assert hand.awaited_until(last + 0.011) == pytest.approx(last + 0.02, abs=1e-3)  # 10 ms do not fit before the next
    assert hand.awaited_until(last + 0.003) == last + 0.003
    assert hand.awaited_until(last + 0.021) == last + 0.021  # it does not come
    assert hand.awaited_until(last + 0.3) == last + 0.3


def test_a_hand_that_moves_seldom_is_not_waited_for_long():
    hand = Hand(budget_ms=13.0)
    hand.add(cost_ms=60.0, drawn_ms=6.0, scale=1.0)
    for i in range(30):
        hand.moved(5.0 + 0.05 * i)
    assert hand.awaited_until(5.0 + 0.05 * 29) == pytest.approx(5.0 + 0.05 * 29 + 0.012)


def test_a_frame_that_gives_way_is_due_later_and_no_sooner_than_it_was():
    pace = Pace(60.0)
    pace.began(10.0)
    pace.give_way(10.03)
    assert pace.wait_s(10.0) == pytest.approx(0.03)
    pace.give_way(10.01)
    assert pace.wait_s(10.0) == pytest.approx(0.03)


def test_a_fast_machine_drags_in_full():
    hand = Hand(budget_ms=13.0)
    hand.add(cost_ms=9.0, drawn_ms=6.0, scale=1.0)
    hand.moved(5.0)
    hand.moved(5.1)
    assert hand.scale(5.1) == 1.0


def test_the_rate_told_is_of_the_last_second():
    pace = Pace(60.0)
    for i in range(90):
        pace.shown(i / 30)
    assert pace.fps(89 / 30) == pytest.approx(30, abs=1.1)
    assert pace.fps(100.0) == 0.0


def test_too_slow_frames_get_smaller_and_stay_so():
    scale = RenderScale(30.0)
    for _ in range(100):
        scale.add(60.0 * scale.scale**2, 50.0 * scale.scale**2)
    assert scale.scale == 0.5 or 60.0 * scale.scale**2 < 1000 / 30
    assert scaled(1000, 800, scale.scale) == (round(1000 * scale.scale), round(800 * scale.scale))


def test_a_machine_that_holds_the_rate_draws_in_full():
    scale = RenderScale(30.0)
    for _ in range(1000):
        scale.add(20.0, 15.0)
    assert scale.scale == 1.0


def test_a_passing_load_is_forgotten_but_a_size_that_does_not_fit_is_not_tried_for_ever():
    scale = RenderScale(30.0)
    for _ in range(40):
        scale.add(80.0, 70.0)
    assert scale.scale < 1.0
    for _ in range(2000):
        scale.add(5.0, 4.0)
    assert scale.scale == 1.0
    changes, before = 0, scale.scale
    for _ in range(3000):
        scale.add(*((45.0, 40.0) if scale.scale == 1.0 else (12.0, 8.0)))  # only ever just too slow in full
        changes += scale.scale != before
        before = scale.scale
    assert changes < 14


def test_a_smaller_picture_is_not_drawn_where_it_would_not_help():
    scale = RenderScale(30.0)
    for _ in range(200):
        scale.add(80.0, 20.0)
    assert scale.scale == 1.0
