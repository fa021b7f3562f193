"""Resampling streams of sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.resample import Resampler, resample
from engine.errors import AudioError

RATES = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]


def tone(rate_hz, frequency_hz, seconds=0.5, offset=0.0):
    return np.sin(2 * np.pi * frequency_hz * (np.arange(round(rate_hz * seconds)) / rate_hz + offset)).astype(
        np.float32
    )


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from(RATES), sizes=st.lists(st.integers(0, 700), min_size=1, max_size=12), seed=st.integers(0, 99)
)
def test_any_block_sizes_give_the_offline_numbers(rate, sizes, seed):
    sound = np.random.default_rng(seed).standard_normal(sum(sizes)).astype(np.float32)
    resampler = Resampler(rate)
    made = np.concatenate([resampler.push(part) for part in np.split(sound, np.cumsum(sizes)[:-1])])
    offline = resample(sound, rate)
    assert len(made) == int(np.ceil(sum(sizes) * 16_000 / rate))
    known = made[resampler.delay :]
    np.testing.assert_allclose(known, offline[: len(known)], atol=2e-6)


@pytest.mark.parametrize("rate", RATES)
def test_a_voice_tone_comes_out_as_itself_after_the_stated_delay(rate):
    resampler = Resampler(rate)
    made = resampler.push(tone(rate, 1_000))[200:]
    wanted = tone(16_000, 1_000, offset=-resampler.delay / 16_000)[200 : 200 + len(made)]
    np.testing.assert_allclose(made, wanted, atol=0.003)
    assert resampler.delay_ms <= 1.0


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_what_lies_above_the_new_band_is_gone(rate):
    for frequency_hz in (8_500, 9_500, 12_000, 17_000):
        made = resample(tone(rate, frequency_hz), rate)[100:-100]
        assert np.sqrt(np.mean(made**2)) < 0.707 * 10 ** (-45 / 20), frequency_hz
    kept = resample(tone(rate, 6_000), rate)[100:-100]
    assert np.sqrt(np.mean(kept**2)) == pytest.approx(0.707, rel=0.02)


def test_a_constant_stays_that_constant_in_every_phase():
    made = resample(np.full(44_100, 0.25, dtype=np.float32), 44_100)[50:-50]
    np.testing.assert_allclose(made, 0.25, atol=1e-6)


def test_the_way_up_to_48_khz_keeps_length_and_shape():
    made = resample(tone(16_000, 440), 16_000, 48_000)
    assert len(made) == 24_000
    np.testing.assert_allclose(made[300:-300], tone(48_000, 440)[300:-300], atol=0.003)


def test_the_filter_from_48_khz_has_97_taps():
    impulse = np.zeros(960, dtype=np.float32)
    impulse[0] = 1
    phases = [Resampler(48_000).push(np.roll(impulse, shift)) for shift in range(3)]
    n_taps = sum(np.count_nonzero(phase[: 1 + 99 // 3]) for phase in phases)
    assert n_taps == 97


def test_reset_forgets_the_stream():
    resampler = Resampler(44_100)
    first = resampler.push(tone(44_100, 300, 0.1))
    resampler.reset()
    np.testing.assert_array_equal(resampler.push(tone(44_100, 300, 0.1)), first)


@pytest.mark.parametrize("rate", [0, -48_000, 44_100.5, 1e9, float("nan")])
def test_a_rate_that_makes_no_sense_is_refused(rate):
    with pytest.raises(AudioError, match="sampling rate"):
        Resampler(rate)
