"""Shapes a voice makes without any training: jaw and lips by ear."""

import numpy as np
import pytest

from engine.audio.block import SAMPLE_RATE_HZ, Features
from engine.audio.history import FeatureHistory
from engine.audio.phones import PhonesEncoder
from engine.parts.spoken_shapes import arkit_of_articulators, spoken_shapes
from engine.vocabulary import ARKIT_INDEX
from tests.toy_head import toy_voice


@pytest.fixture(scope="module")
def encoder():
    return PhonesEncoder()


def heard(encoder, samples) -> FeatureHistory:
    history = FeatureHistory(encoder.n_features, 10)
    history.extend(encoder.encode(samples))
    return history


def test_a_voice_moves_jaw_and_lips_alike_on_both_sides_and_silence_nothing(encoder):
    history = heard(encoder, np.concatenate([toy_voice(2.0)[0], np.zeros(SAMPLE_RATE_HZ, np.float32)]))
    talking = np.stack([spoken_shapes(encoder, history, t, 40.0) for t in np.arange(0.2, 1.8, 0.04)])
    assert talking[:, ARKIT_INDEX["jawOpen"]].max() > 0.1
    assert np.array_equal(talking[:, ARKIT_INDEX["mouthSmileLeft"]], talking[:, ARKIT_INDEX["mouthSmileRight"]])
    assert ((talking >= 0) & (talking <= 1)).all()
    assert spoken_shapes(encoder, history, 2.8, 40.0)[ARKIT_INDEX["jawOpen"]] < 0.1 * talking.max()


def test_nothing_is_heard_beyond_the_look_ahead_or_before_the_sound(encoder):
    samples = toy_voice(2.0)[0]
    # As long as the first: matrix products of other sizes may round otherwise.
    other_end = np.where(np.arange(len(samples)) < 0.9 * SAMPLE_RATE_HZ, samples, samples[::-1])
    one, other = heard(encoder, samples), heard(encoder, other_end)
    so_far, features = FeatureHistory(encoder.n_features, 10), encoder.encode(samples)
    is_heard = features.times <= 0.9
    so_far.extend(Features(features.times[is_heard], features.values[is_heard]))
    for look_ahead_ms in (0.0, 20.0, 160.0):
        whole, another, cut = (spoken_shapes(encoder, h, 0.85, look_ahead_ms) for h in (one, other, so_far))
        assert np.array_equal(whole, another) and np.array_equal(whole, cut)
    assert not spoken_shapes(encoder, one, -1.0, 0.0).any()


def test_shut_lips_close_with_the_jaw(encoder):
    values = heard(encoder, toy_voice(2.0)[0]).window(0.0, 80)[0]
    made = arkit_of_articulators(encoder, values)
    assert (made[:, ARKIT_INDEX["mouthClose"]] <= made[:, ARKIT_INDEX["jawOpen"]] + 1e-6).all()
