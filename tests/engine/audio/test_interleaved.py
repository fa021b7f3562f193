"""An encoder heard twice, half a step apart."""

import numpy as np
import pytest

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.audio.encoders import encoder_row
from engine.audio.history import FeatureHistory
from engine.audio.interleaved import interleaved, n_phases
from engine.audio.mel import MelConfig, MelEncoder
from tests.engine.audio.contract import speech_like

TIME = 3.25


@pytest.fixture
def sound():
    return speech_like(1.0)


def pushed(sound: np.ndarray, n: int):
    """The features of a sound pushed in blocks of n samples, and the encoder and history that took them."""
    encoder = interleaved(MelEncoder(MelConfig(n_mels=8)))
    history = FeatureHistory(encoder.n_features, n_phases=n_phases(encoder))
    rows = []
    for start in range(0, len(sound), n):
        features = encoder.push(Block(sound[start : start + n], TIME + start / SAMPLE_RATE_HZ))
        history.extend(features)
        rows += zip(features.times, features.values, strict=True)
    return rows, encoder, history


@pytest.mark.parametrize("n", [80, 160, 267, 1000, 16_000])
def test_every_other_feature_is_the_encoders_own_and_those_between_are_of_the_sound_begun_later(sound, n):
    rows, _, _ = pushed(sound, n)
    own = MelEncoder(MelConfig(n_mels=8)).encode(sound, TIME)
    later = MelEncoder(MelConfig(n_mels=8)).encode(sound[160:], TIME + 0.01)
    assert len(rows) >= 97
    for i, (time, values) in enumerate(rows):
        truth = later if i % 2 else own
        assert time == pytest.approx(truth.times[i // 2], abs=1e-9)
        np.testing.assert_allclose(values, truth.values[i // 2], atol=1e-4)


def test_a_feature_comes_every_10_ms(sound):
    rows, encoder, history = pushed(sound[:4_000], 160)
    assert history.newest == pytest.approx(TIME + 0.24)  # 250 ms, of which the spectrum needs the last 7.5 ahead
    history.extend(encoder.push(Block(sound[4_000:4_160], TIME + 0.25)))
    assert history.newest == pytest.approx(TIME + 0.25)
    assert len(history) == len(rows) + 1


def test_a_window_has_steps_of_20_ms_wherever_it_begins(sound):
    _, _, history = pushed(sound, 160)
    own = MelEncoder(MelConfig(n_mels=8)).encode(sound, TIME)
    later = MelEncoder(MelConfig(n_mels=8)).encode(sound[160:], TIME + 0.01)
    for first, truth in ((TIME + 0.2, own), (TIME + 0.21, later)):
        values, known = history.window(first, 16)
        assert known.all()
        np.testing.assert_allclose(values, truth.values[10:26], atol=1e-4)
    values, _ = history.window(TIME + 0.205, 16)
    np.testing.assert_allclose(values, (own.values[10:26] + later.values[10:26]) / 2, atol=1e-4)
    assert history.window(history.newest - 0.04, 3)[1].tolist() == [True, True, False]


def test_after_a_reset_it_begins_again(sound):
    _, encoder, _ = pushed(sound, 160)
    encoder.reset()
    features = encoder.push(Block(sound, 9.0))
    assert features.times[0] == 9.0 and features.times[1] == pytest.approx(9.01)
    assert encoder_row(encoder) == encoder_row(MelEncoder(MelConfig(n_mels=8)))


def test_a_heavy_encoder_stays_as_it_is():
    class Heavy:
        name = "hubert"

    heavy = Heavy()
    assert interleaved(heavy) is heavy and n_phases(heavy) == 1
