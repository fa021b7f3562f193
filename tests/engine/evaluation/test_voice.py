"""A drive against a filmed jaw: known openings give known numbers."""

import numpy as np
import pytest

from engine.evaluation.voice import agreement, bootstrap_interval, jaw_of_avatar, pauses_of

RATE = 16_000
TIMES = np.arange(0.2, 7.8, 0.04)


def voice(seconds=8.0):
    """Noise whose loudness is `opening`, silent from 3 to 5 s."""
    t = np.arange(int(seconds * RATE)) / RATE
    return (opening(t) * 0.1 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)


def opening(times):
    return np.where((times > 3) & (times < 5), 0.0, np.maximum(0, np.sin(2 * np.pi * 1.7 * times)))


@pytest.mark.parametrize("late", [0.0, -0.22])
def test_a_drive_that_moves_as_the_speaker_did_is_found_with_its_lag(late):
    found = agreement(lambda _, times: opening(times - late), voice(), TIMES, opening(TIMES))
    assert found["r"] > 0.99 and found["lag_ms"] == pytest.approx(late * 1e3, abs=10)
    assert found["r_low"] > 0.98 and found["r_low"] <= found["r"] <= found["r_high"] + 1e-9
    assert found["r_unsmoothed"] > 0.99 and found["r_loudness"] > 0.5


def test_a_drive_that_moves_by_itself_agrees_with_nobody_and_its_interval_says_so():
    rng = np.random.default_rng(3)
    found = agreement(lambda _, times: rng.random(len(times)), voice(), TIMES, opening(TIMES))
    assert found["r_unsmoothed"] < 0.4 and found["r_low"] < 0.2


def test_frames_without_a_face_are_left_out():
    tracked = opening(TIMES)
    tracked[::3] = np.nan
    found = agreement(lambda _, times: opening(times), voice(), TIMES, tracked)
    assert found["r"] > 0.99 and found["n_frames"] == np.isfinite(tracked).sum()


def test_a_short_clip_has_a_wide_interval():
    rng = np.random.default_rng(0)
    a = rng.standard_normal(400)
    b = a + rng.standard_normal(400)
    wide = np.subtract(*bootstrap_interval(a[:60], b[:60], 0.04)[::-1])
    narrow = np.subtract(*bootstrap_interval(a, b, 0.04)[::-1])
    assert 0 < narrow < 0.7 * wide


@pytest.mark.parametrize(("held", "shut"), [(0.0, 1.0), (0.3, 0.0)])
def test_a_jaw_held_open_in_the_pauses_is_noticed(held, shut):
    def jaw(samples, times):
        return np.maximum(opening(times), held if samples.any() else 0.0)

    found = pauses_of(jaw, voice())
    assert found["silent_frames"] > 50
    assert found["shut"] == pytest.approx(shut, abs=0.05) and found["p95"] == pytest.approx(held, abs=0.05)


def test_a_trained_avatars_jaw_is_its_own_drive_in_the_common_vocabulary(toy_avatar):
    from engine.avatar import load_avatar

    jaw = jaw_of_avatar(load_avatar(toy_avatar))
    times = np.arange(1.5, 4.0, 0.04)  # once the encoder has heard what silence is
    sound, silence = jaw(voice(5.0), times), jaw(np.zeros(5 * RATE, dtype=np.float32), times)
    assert sound.shape == times.shape and np.isfinite(sound).all()
    assert sound.std() > 3 * silence.std()
