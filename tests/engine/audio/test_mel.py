"""The mel encoder."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.audio.mel import LevelTracker, MelConfig, MelEncoder, mel_bank
from tests.engine.audio.contract import assert_streaming_equals_offline, speech_like


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(0, 20_000),
    cuts=st.lists(st.integers(0, 20_000), max_size=30),
    seed=st.integers(0, 5),
    n_mels=st.sampled_from([40, 64, 80]),
)
def test_streaming_equals_offline_for_any_block_sizes(n, cuts, seed, n_mels):
    encoder = MelEncoder(MelConfig(n_mels=n_mels))
    assert_streaming_equals_offline(encoder, speech_like(1.25, seed)[:n], cuts)


def test_streaming_in_single_samples_equals_offline():
    assert_streaming_equals_offline(MelEncoder(), speech_like(0.1), list(range(1_600)))


def test_a_long_sound_is_encoded_in_pieces_without_a_seam():
    sound = speech_like(61)
    encoder = MelEncoder()
    values = encoder.push(Block(sound, 0.0)).values
    np.testing.assert_allclose(encoder.encode(sound).values[: len(values)], values, atol=1e-4)


def test_a_feature_stands_for_its_own_twenty_milliseconds():
    sound = np.zeros(8_000, dtype=np.float32)
    sound[3_280:3_440] = 0.3 * np.sin(np.arange(160))  # the middle 10 ms of feature 10
    loudness = MelEncoder().encode(sound).values.mean(axis=1)
    assert loudness.argmax() == 10
    assert (loudness[[8, 12]] == loudness[0]).all()


def test_a_tone_lights_the_band_it_lies_in():
    centres = 700 * (10 ** (np.linspace(*2595 * np.log10(1 + np.array([50, 7_600]) / 700), 66) / 2595) - 1)[1:-1]
    for band in (20, 40, 60):
        tone = 0.1 * np.sin(2 * np.pi * centres[band] * np.arange(8_000) / SAMPLE_RATE_HZ)
        columns = MelEncoder().encode(tone.astype(np.float32)).values.reshape(-1, 2, 64)
        assert (columns[5:-2].argmax(axis=2) == band).all()


def test_the_bands_sum_to_the_mean_square():
    noise = np.random.default_rng(0).standard_normal(512)
    frame = noise[:400] * np.hanning(401)[:-1]
    power = np.abs(np.fft.rfft(frame, 512)) ** 2 @ mel_bank(64, 50, 7_600)
    assert 0.4 < power.sum() / np.mean(noise**2) < 1.3


@pytest.mark.parametrize("gain", [0.03, 0.3, 3.0])
def test_a_quieter_or_louder_microphone_soon_gives_nearly_the_same_features(gain):
    sound = 0.3 * speech_like(6)
    usual = MelEncoder().encode(sound).values[150:]
    other = MelEncoder().encode(gain * sound).values[150:]
    assert np.abs(usual - other).mean() < 0.1
    assert usual.std() > 0.5


def test_a_long_pause_stays_silent():
    hop_db = np.concatenate([np.full(300, -20.0), np.full(3_000, -65.0)])
    level = LevelTracker().push(hop_db)
    assert level[-1] == pytest.approx(level[299], abs=0.1)


def test_speech_is_about_zero_mean_and_unit_deviation():
    values = MelEncoder().encode(speech_like(5)).values
    assert abs(values.mean()) < 1.0 and 0.3 < values.std() < 2.0


def test_digital_silence_and_nothing_at_all_are_finite():
    encoder = MelEncoder()
    assert np.isfinite(encoder.encode(np.zeros(3_200, dtype=np.float32)).values).all()
    assert len(encoder.encode(np.zeros(0, dtype=np.float32))) == 0


@pytest.mark.shared
def test_real_speech_streams_as_it_encodes(shared_data):
    from engine.audio.wav import read_sound

    sound, _ = read_sound(shared_data / "speech" / "deyu.wav")
    cuts = np.cumsum(np.random.default_rng(0).integers(1, 900, 400)).tolist()
    assert_streaming_equals_offline(MelEncoder(), sound, cuts)
