"""What the audio net hears: altered copies keep their timing, silence stays silent, tracks lose what is spoken."""

import numpy as np
import pytest

from engine.audio.block import SAMPLE_RATE_HZ
from engine.audio.encoders import make_encoder
from engine.training.voice import altered, hear, shifted_pitch, unspoken
from tests.toy_head import toy_voice


@pytest.fixture(scope="module")
def voice():
    return toy_voice(2.0)[0]


def envelope(sound: np.ndarray) -> np.ndarray:
    return np.sqrt(np.convolve(np.square(sound), np.ones(1600) / 1600, "same"))[::320]


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
def test_pitch_moves_and_timing_stays(factor):
    t = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = (np.sin(2 * np.pi * 300 * t) * (t > 1)).astype(np.float32)
    shifted = shifted_pitch(tone, factor)
    assert len(shifted) == len(tone)
    assert np.abs(np.fft.rfft(shifted)).argmax() / 2 == pytest.approx(300 * factor, abs=4)
    assert np.corrcoef(envelope(tone), envelope(shifted))[0, 1] > 0.98


def test_altered_copies_differ_but_keep_the_rhythm(voice):
    copies = [altered(voice, np.random.default_rng(seed)) for seed in range(3)]
    for copy in copies:
        assert copy.dtype == np.float32 and np.abs(copy).max() <= 1
        assert np.corrcoef(envelope(voice), envelope(copy))[0, 1] > 0.8
    assert np.abs(copies[0] - copies[1]).max() > 0.01


def test_windows_reach_beyond_both_ends_of_the_clip(voice):
    heard = hear(make_encoder({"name": "mel"}), voice, n_variants=1)
    for first in (-0.2, 1.9):
        values, known = heard.window(first, 16, variant=1)
        assert known.all() and np.isfinite(values).all()


def test_silence_is_quieter_than_the_voice(voice):
    heard = hear(make_encoder({"name": "mel"}), voice, n_variants=0)
    rng = np.random.default_rng(0)
    loud = np.mean([heard.window(t, 16)[0].mean() for t in np.arange(0.2, 1.6, 0.1)])
    assert np.mean([heard.silence(rng, 16).mean() for _ in range(8)]) < loud - 0.3


def test_what_the_voice_explains_is_taken_out_of_mouth_tracks_and_the_rest_stays():
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(400, 4, 6))
    spoken = windows[:, 2, 3] * 0.2
    smile = np.clip(rng.normal(size=400), 0, 1)
    left = unspoken(np.stack([spoken, smile], axis=1), windows, n_train=360)
    assert left[:, 0].std() < 0.45 * spoken.std()
    assert np.corrcoef(left[:, 1], smile)[0, 1] > 0.9
    assert left.shape == (400, 2)
