"""The answer to a sudden vowel: crossings are found where they are, and a trained mouth answers one."""

import numpy as np
import pytest

from engine.evaluation.sound_step import crossing, vowel
from engine.evaluation.step_response import lips_response_ms, picture_response_ms

TIMES = np.arange(0.0, 3.0, 0.002)


@pytest.mark.parametrize("late", [0.04, -0.06])
def test_the_moment_a_tenth_of_the_way_is_gone_is_found(late):
    risen = np.clip((TIMES - 2.0 - late) / 0.1, 0, 1)  # from `late` on, over 100 ms
    pictures = np.stack([risen * 80, 200 - risen * 30, np.full_like(risen, 7.0)], axis=1)
    assert crossing(TIMES, pictures, 2.0, (2.4, 2.5)) == pytest.approx(late + 0.01, abs=0.003)


def test_what_moves_elsewhere_in_the_picture_is_no_answer():
    rng = np.random.default_rng(0)
    pictures = 3 * rng.standard_normal((len(TIMES), 200))
    pictures[:, :50] += np.where(TIMES > 2.1, 60.0, 0.0)[:, None]
    pictures[(TIMES > 1.9) & (TIMES < 2.25), 100:] += 20  # a blink, gone before the mouth has settled
    assert crossing(TIMES, pictures, 2.0, (2.4, 2.5)) == pytest.approx(0.1, abs=0.005)


def test_a_mouth_that_never_moves_has_no_answer():
    assert np.isnan(crossing(TIMES, np.ones((len(TIMES), 4)), 2.0, (2.4, 2.5)))


def test_the_vowel_begins_at_once_and_sounds_at_any_rate():
    for rate_hz in (16_000, 48_000):
        sound = vowel(0.5, rate_hz)
        first, later = (np.sqrt(np.mean(part**2)) for part in (sound[: rate_hz // 50], sound[rate_hz // 10 :]))
        assert first == pytest.approx(later, rel=0.3) and np.abs(sound).max() < 1.0


def test_a_trained_mouth_answers_sooner_the_farther_it_may_look_ahead(toy_avatar):
    from engine.avatar import load_avatar
    from engine.raster import pick_rasterizer

    avatar, rasterizer = load_avatar(toy_avatar), pick_rasterizer("cpu")
    at_once, ahead = (picture_response_ms(avatar, rasterizer, ms, 64) for ms in (0.0, 160.0))
    assert -200 < ahead <= at_once < 200
    lips = list(lips_response_ms(avatar, 0.0).values())
    assert lips == sorted(lips) and lips[0] < 200
