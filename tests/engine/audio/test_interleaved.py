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
N_AHEAD = 120  # samples: what the spectrum needs beyond a feature's end


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


def begun(sound: np.ndarray, n_block: int):
    """What the encoder itself makes of the sound: begun where blocks of n samples begin the grid, and 10 ms later."""
    start = (n_block - N_AHEAD) % 160
    return [MelEncoder(MelConfig(n_mels=8)).encode(sound[n:], TIME + n / SAMPLE_RATE_HZ) for n in (start, start + 160)]


@pytest.mark.parametrize("n", [80, 160, 267, 1000, 16_000])
def test_every_other_feature_is_the_encoders_own_and_those_between_are_of_the_sound_begun_later(sound, n):
    rows, _, _ = pushed(sound, n)
    own, later = begun(sound, n)
    assert len(rows) >= 96
    for i, (time, values) in enumerate(rows):
        truth = later if i % 2 else own
        assert time == pytest.approx(truth.times[i // 2], abs=1e-9)
        np.testing.assert_allclose(values, truth.values[i // 2], atol=1e-4)


@pytest.mark.parametrize("n", [160, 320, 480])
def test_every_block_of_whole_10_ms_completes_a_feature(sound, n):
    encoder = interleaved(MelEncoder(MelConfig(n_mels=8)))
    n_made = []
    for start in range(0, len(sound) - n + 1, n):
        features = encoder.push(Block(sound[start : start + n], TIME + start / SAMPLE_RATE_HZ))
        n_made.append(len(features))
        if len(features):
            known_until = features.times[-1] + 0.02
            assert known_until == pytest.approx(TIME + (start + n - N_AHEAD) / SAMPLE_RATE_HZ)
    assert set(n_made[4:]) == {n // 160}


def test_a_stream_that_begins_with_scraps_still_gives_all_later_features(sound):
    encoder = interleaved(MelEncoder(MelConfig(n_mels=8)))
    own, later = begun(sound, 7)
    rows, at = [], 0
    for n in (7, 3, 20, 5, *[160] * 50):
        features = encoder.push(Block(sound[at : at + n], TIME + at / SAMPLE_RATE_HZ))
        rows += zip(features.times, features.values, strict=True)
        at += n
    assert [time for time, _ in rows[:2]] == pytest.approx([own.times[0], later.times[0]])
    assert len(rows) >= 46
    np.testing.assert_allclose(rows[-1][1], (own, later)[(len(rows) - 1) % 2].values[(len(rows) - 1) // 2], atol=1e-4)


def test_a_window_has_steps_of_20_ms_wherever_it_begins(sound):
    _, _, history = pushed(sound, N_AHEAD)  # blocks that begin the grid with the sound
    own, later = begun(sound, N_AHEAD)
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
    features = encoder.push(Block(sound[:15_960], 9.0))  # 15,840 before the spectrum's look-ahead: whole 10 ms
    assert features.times[0] == 9.0 and features.times[1] == pytest.approx(9.01)
    assert encoder_row(encoder) == encoder_row(MelEncoder(MelConfig(n_mels=8)))


def test_a_heavy_encoder_stays_as_it_is():
    class Heavy:
        name = "hubert"

    heavy = Heavy()
    assert interleaved(heavy) is heavy and n_phases(heavy) == 1
