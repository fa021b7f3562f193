"""Numbers as typed and shown in the Face panel."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.face_numbers import format_number, parse_number
from engine.errors import ControlError


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.2*3", 0.6), ("−0.25", -0.25), ("0,5", 0.5), ("(1+2)/4", 0.75), ("2 × 0.1", 0.2), ("-(-1)", 1), ("12°", 12)],
)
def test_a_typed_sum_is_worked_out(text, value):
    assert parse_number(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "a", "1/0", "1e999", "9**9", "__import__('os')", "1,2.3", "True", "1+", "[1]", "1" * 200, "(" * 70]
)
def test_anything_else_is_refused_in_one_sentence(text):
    with pytest.raises(ControlError, match="number"):
        parse_number(text)


def test_zero_never_carries_a_minus_and_long_numbers_lose_a_decimal():
    assert format_number(-0.001) == "0.00"
    assert format_number(-0.25) == "−0.25"
    assert format_number(123.456) == "123.5"
    assert format_number(math.nan) == "–"


@given(st.floats(-1e3, 1e3))
def test_what_is_shown_can_be_typed_again(value):
    assert parse_number(format_number(value)) == pytest.approx(value, abs=0.051)
