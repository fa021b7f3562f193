"""Lips that should be closed, lips that should be still."""

import numpy as np
import pytest

from engine.controls import ControlSchema, ControlSpec
from engine.parts.common_fit import COMMON_NAMES, CommonFit
from engine.performance.lip_check import Phone, check_lips, lip_opening, mend, silences
from engine.performance.take_edit import TakeEdit

SCHEMA = ControlSchema((
    ControlSpec("lip.00", "lip", "Lip 00", minimum=-4, maximum=4, low=-2, high=2),
    ControlSpec("lip.01", "lip", "Jaw opens", minimum=-4, maximum=4, low=0, high=2),
    ControlSpec("pose.yaw", "pose", "Turn", minimum=-30, maximum=30),
))  # fmt: skip
TIMES = np.arange(0, 6, 0.02)
PHONES = (Phone(1.0, 1.1, "pp"), Phone(2.0, 2.1, "aa"), Phone(3.0, 3.1, "pp"))
LOUD = np.full(600, 0.3)


def fit() -> CommonFit:
    """Both lip controls open the jaw, the second twice as much."""
    there = np.zeros((4, len(COMMON_NAMES)), dtype=np.float32)
    jaw = COMMON_NAMES.index("jawOpen")
    there[0, jaw], there[1, jaw] = 0.1, 0.2
    back = np.zeros((len(COMMON_NAMES) + 1, 3), dtype=np.float32)
    back[jaw, :2] = 2.0, 4.0
    return CommonFit(there, back, np.ones(len(COMMON_NAMES), dtype=np.float32))


def talking(closes_at=(1.05,)) -> np.ndarray:
    values = np.zeros((len(TIMES), 3), dtype=np.float32)
    values[:, 1] = 1.0 + 0.5 * np.sin(3 * TIMES)
    for at in closes_at:
        values[np.abs(TIMES - at) < 0.05, 1] = 0.0
    return values


@pytest.mark.parametrize("with_fit", [False, True])
def test_a_closure_that_stays_open_is_flagged_and_a_good_one_is_not(with_fit):
    opening = lip_opening(SCHEMA, talking(), fit() if with_fit else None)
    flags, fine = check_lips(TIMES, opening, PHONES, LOUD, 100)
    assert [flag.phone_at for flag in flags] == [3.0]
    assert fine == pytest.approx([1.05], abs=0.06)


@pytest.mark.parametrize("with_fit", [False, True])
def test_one_click_closes_the_lips_and_nothing_else_moves(with_fit):
    used, values = fit() if with_fit else None, talking()
    flags, _ = check_lips(TIMES, lip_opening(SCHEMA, values, used), PHONES, LOUD, 100)
    layer = mend(flags[0], "m", SCHEMA, TIMES, values, used)
    made = TakeEdit(layers=(layer,)).apply(SCHEMA, TIMES, values)
    assert check_lips(TIMES, lip_opening(SCHEMA, made, used), PHONES, LOUD, 100)[0] == []
    away = np.abs(TIMES - flags[0].at) > 0.12
    np.testing.assert_allclose(made[away], values[away], atol=1e-6)


def test_lips_that_move_in_silence_are_flagged_and_stilled():
    peaks = LOUD.copy()
    peaks[400:520] = 0.0
    values = talking((1.05, 3.05))
    flags, _ = check_lips(TIMES, lip_opening(SCHEMA, values, None), PHONES, peaks, 100)
    assert [flag.kind for flag in flags] == ["moving"]
    layer = mend(flags[0], "m", SCHEMA, TIMES, values, None)
    made = TakeEdit(layers=(layer,)).apply(SCHEMA, TIMES, values)
    assert check_lips(TIMES, lip_opening(SCHEMA, made, None), PHONES, peaks, 100)[0] == []


def test_what_the_user_let_pass_is_not_said_again():
    opening = lip_opening(SCHEMA, talking(), None)
    flag = check_lips(TIMES, opening, PHONES, LOUD, 100)[0][0]
    assert check_lips(TIMES, opening, PHONES, LOUD, 100, (flag.at,))[0] == []


def test_short_pauses_are_no_silences():
    peaks = LOUD.copy()
    peaks[100:120] = peaks[200:260] = 0
    assert silences(peaks, 100) == [(2.0, 2.6)]
    assert silences(np.zeros(0), 100) == []
