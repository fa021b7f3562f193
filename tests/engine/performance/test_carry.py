"""Moves carried to another avatar."""

import numpy as np

from engine.controls import ControlSchema, ControlSpec
from engine.parts.common_fit import COMMON_NAMES, CommonFit
from engine.performance.carry import Carrier, read_fit

JAW = COMMON_NAMES.index("jawOpen")
SOURCE = ControlSchema((
    ControlSpec("lip.00", "lip", "A", minimum=-4, maximum=4), ControlSpec("au.45", "au", "Blink"),
    ControlSpec("exp.00", "expression", "Else", minimum=-4, maximum=4),
))  # fmt: skip
TARGET = ControlSchema((
    ControlSpec("au.45", "au", "Blink"), ControlSpec("lip.00", "lip", "B", minimum=-4, maximum=4),
    ControlSpec("lip.01", "lip", "C", minimum=-4, maximum=4),
))  # fmt: skip
MOVES = np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32)


def fit(schema: ControlSchema, opens: str) -> CommonFit:
    """One control opens the jaw by its own value."""
    there = np.zeros((len(schema) + 1, len(COMMON_NAMES)), dtype=np.float32)
    back = np.zeros((len(COMMON_NAMES) + 1, len(schema)), dtype=np.float32)
    there[schema.index(opens), JAW] = back[JAW, schema.index(opens)] = 1.0
    return CommonFit(there, back, np.ones(len(COMMON_NAMES), dtype=np.float32))


def test_named_controls_are_carried_and_learned_ones_left_behind_without_a_fit():
    np.testing.assert_allclose(Carrier(SOURCE, TARGET).moves(MOVES), [[0.5, 0, 0], [0, 0, 0]])


def test_learned_directions_go_through_the_common_vocabulary():
    carrier = Carrier(SOURCE, TARGET, fit(SOURCE, "lip.00"), fit(TARGET, "lip.01"))
    np.testing.assert_allclose(carrier.moves(MOVES), [[0.5, 0, 1.0], [0, 0, 0]])


def test_within_one_avatar_every_control_means_the_same():
    carrier = Carrier(SOURCE, SOURCE, is_same=True)
    assert np.array_equal(carrier.values(MOVES), MOVES)


def test_an_avatar_that_is_gone_has_no_fit(tmp_path):
    assert read_fit(tmp_path / "gone.avatar") is None
    (tmp_path / "x.avatar").write_bytes(b"nothing")
    assert read_fit(tmp_path / "x.avatar") is None
