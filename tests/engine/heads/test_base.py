"""Expressions by name and by vector: clamping, unknown names, wrong lengths."""

import numpy as np
import pytest

from engine.errors import ControlError
from engine.heads.base import expression_vector, rotation
from engine.vocabulary import ARKIT_INDEX


def test_a_value_outside_0_to_1_is_clamped_and_noted():
    vector, notes = expression_vector({"jawOpen": 1.4, "mouthClose": 0.2})
    assert vector[ARKIT_INDEX["jawOpen"]] == 1.0
    assert vector[ARKIT_INDEX["mouthClose"]] == 0.2
    assert notes == ("jawOpen 1.4 was clamped to 1",)


def test_an_unknown_name_is_an_error_that_lists_the_near_ones():
    with pytest.raises(ControlError, match="mouthSmileLeft"):
        expression_vector({"mouthSmileLeff": 0.5})


def test_a_vector_of_the_wrong_length_or_with_nan_is_refused():
    with pytest.raises(ControlError, match="52"):
        expression_vector([0.0] * 51)
    with pytest.raises(ControlError, match="jawOpen"):
        expression_vector({"jawOpen": float("nan")})


def test_yaw_turns_to_the_persons_left_and_pitch_looks_up():
    ahead = np.array([0.0, 0.0, 1.0])
    assert (rotation(30, 0) @ ahead)[0] > 0.4
    assert (rotation(0, 30) @ ahead)[1] > 0.4
