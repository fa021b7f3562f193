"""Phones become mouth shapes: closures, rounding ahead of time, diphthongs."""

import numpy as np
import pytest

from engine.synth.visemes import CMU, TARGETS, mouth_track, seal, viseme_of
from engine.synth.voices import Phone, Speech, Voice
from engine.vocabulary import ARKIT_INDEX


def spoken(*symbols: str, seconds: float = 0.14) -> Speech:
    phones = tuple(Phone(s, i * seconds, (i + 1) * seconds) for i, s in enumerate(symbols))
    samples = np.sin(np.arange(int(len(symbols) * seconds * 16000)) * 0.2).astype(np.float32)
    return Speech(samples, 16000, phones, Voice("flite", "slt"))


@pytest.mark.parametrize("symbol", ["p", "b", "m"])
def test_lips_are_shut_in_the_middle_of_a_bilabial_whatever_surrounds_it(symbol):
    speech = spoken("pau", "aa", symbol, "aa", "pau")
    track, shut = mouth_track(speech, np.array([2.5 * 0.14, 1.5 * 0.14]))
    closed = seal(track, shut)
    assert closed[0, ARKIT_INDEX["mouthClose"]] == pytest.approx(closed[0, ARKIT_INDEX["jawOpen"]])
    assert closed[0, ARKIT_INDEX["mouthLowerDownLeft"]] == 0
    assert closed[1, ARKIT_INDEX["jawOpen"]] > 0.3
    assert closed[1, ARKIT_INDEX["mouthClose"]] < 0.05


def test_a_seal_holds_against_an_added_smile_and_jaw():
    track = np.zeros((1, 52))
    track[0, ARKIT_INDEX["jawOpen"]], track[0, ARKIT_INDEX["mouthUpperUpLeft"]] = 0.7, 0.5
    out = seal(track, np.ones(1))
    assert out[0, ARKIT_INDEX["mouthClose"]] == pytest.approx(0.7)
    assert out[0, ARKIT_INDEX["mouthUpperUpLeft"]] == 0


def test_rounding_starts_before_the_round_vowel():
    times = np.arange(0, 0.7, 0.01)
    pucker = mouth_track(spoken("pau", "s", "t", "uw", "pau"), times)[0][:, ARKIT_INDEX["mouthPucker"]]
    start_of_vowel = 3 * 0.14
    before = pucker[np.searchsorted(times, start_of_vowel - 0.05)]
    assert before > 0.3 * pucker.max()


def test_diphthongs_and_affricates_pass_two_shapes():
    assert viseme_of("aw") == ("AA", "UW")
    assert viseme_of("tʃ", "ipa") == ("DD", "CH")
    assert viseme_of("y", "ipa") == ("UW",)  # French u, not the glide of CMU's y
    assert viseme_of("iː", "ipa") == ("IY",)


def test_every_phone_of_the_table_has_a_target():
    assert {v for shapes in CMU.values() for v in shapes} <= set(TARGETS)


def test_silence_is_a_closed_still_mouth():
    track, shut = mouth_track(spoken("pau", "pau"), np.array([0.1, 0.2]))
    assert np.abs(track).max() < 0.01
    assert shut.max() == 0
