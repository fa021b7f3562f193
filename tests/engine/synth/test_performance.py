"""Acting: expressions independent of speech, blinks that close, speech by several voices."""

import shutil

import numpy as np
import pytest

from engine.synth.performance import _express, action_units, perform
from engine.synth.voices import Voice
from engine.vocabulary import ACTION_UNITS, ARKIT_INDEX


def test_a_minute_of_expressions_uses_every_action_unit():
    expressive = _express(np.arange(0, 60, 0.04), np.random.default_rng(3))
    aus = action_units(expressive)
    assert aus.shape == (1500, len(ACTION_UNITS))
    assert (aus.max(0) > 0.3).all()
    assert aus.min() >= 0
    assert aus.max() <= 1


def test_both_eyes_and_single_eyes_blink():
    expressive = _express(np.arange(0, 120, 0.04), np.random.default_rng(5))
    left, right = (expressive[:, ARKIT_INDEX["eyeBlink" + side]] > 0.9 for side in ("Left", "Right"))
    assert (left & right).sum() > 20
    assert (left & ~right).sum() + (right & ~left).sum() > 5


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed (apt install flite)")
def test_a_performance_speaks_moves_and_is_repeatable():
    cast = (Voice("flite", "kal16"),)
    first, second = (perform(4.0, 25.0, seed=2, cast=cast) for _ in range(2))
    assert np.array_equal(first.arkit, second.arkit)
    assert len(first.audio) == 64_000
    assert np.abs(first.audio).max() > 0.2
    assert first.arkit[:, ARKIT_INDEX["jawOpen"]].max() > 0.2
    assert (first.arkit[:, ARKIT_INDEX["mouthClose"]] <= first.arkit[:, ARKIT_INDEX["jawOpen"]] + 1e-6).all()
    assert first.texts
