"""Keys and the curves through them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ProjectError
from engine.performance.curve import TANGENTS, Curve, Key

times = np.linspace(-0.5, 4.5, 501)
keys = st.lists(
    st.builds(
        Key, st.floats(0, 4), st.floats(-2, 2), st.sampled_from(TANGENTS),
        st.tuples(st.floats(0, 3), st.floats(-1, 1)), st.tuples(st.floats(0, 3), st.floats(-1, 1)),
    ), min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(keys)
def test_a_curve_goes_through_its_keys_and_holds_its_ends(rows):
    curve = Curve(tuple(rows))
    at = curve.at([key.time for key in curve.keys])
    np.testing.assert_allclose(at, [key.value for key in curve.keys], atol=1e-6)
    values = curve.at(times)
    assert np.isfinite(values).all()
    assert values[0] == pytest.approx(curve.keys[0].value)
    assert values[-1] == pytest.approx(curve.keys[-1].value)


@settings(max_examples=40, deadline=None)
@given(keys)
def test_a_curve_read_back_is_the_same(rows):
    curve = Curve(tuple(rows))
    assert np.array_equal(Curve.from_json(curve.to_json()).at(times), curve.at(times))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 4), st.floats(-2, 2)), min_size=2, max_size=8))
def test_auto_tangents_stay_between_neighbouring_keys(rows):
    curve = Curve(tuple(Key(*row) for row in rows))
    fine = np.linspace(curve.keys[0].time, curve.keys[-1].time, 400)
    values = curve.at(fine)
    for a, b in zip(curve.keys, curve.keys[1:], strict=False):
        inside = values[(fine >= a.time) & (fine <= b.time)]
        if len(inside):
            assert inside.min() >= min(a.value, b.value) - 1e-9
            assert inside.max() <= max(a.value, b.value) + 1e-9


def test_step_holds_until_the_next_key_and_linear_is_straight():
    assert Curve((Key(0, 1, "step"), Key(1, 3))).at([0.99, 1.0]).tolist() == [1, 3]
    np.testing.assert_allclose(Curve((Key(0, 0, "linear"), Key(2, 4, "linear"))).at([0.5, 1.5]), [1, 3])


def test_flat_keys_have_no_slope():
    curve = Curve((Key(0, 0, "flat"), Key(1, 1, "flat")))
    assert abs(curve.at([1e-4])[0]) < 1e-6
    assert abs(curve.at([1 - 1e-4])[0] - 1) < 1e-6


def test_free_handles_bend_the_curve_and_may_not_run_back_in_time():
    high = Curve((Key(0, 0, "free", handle_out=(0.3, 1.0)), Key(1, 0, "free", handle_in=(0.3, 1.0))))
    assert high.at([0.5])[0] == pytest.approx(0.75)
    long = Curve((Key(0, 0, "free", handle_out=(50, 50.0)), Key(1, 1)))
    assert np.isfinite(long.at(times)).all()


def test_a_key_at_the_same_time_is_replaced():
    curve = Curve((Key(0, 0), Key(1, 1))).with_key(Key(1.0001, 5))
    assert [key.value for key in curve.keys] == [0, 5]
    assert [key.value for key in curve.without({0.0}).keys] == [5]


def test_handles_drawn_are_the_handles_used():
    curve = Curve((Key(0, 0), Key(1, 1), Key(2, 0.5)))
    (_, _), (dt, dv) = curve.handles_of(0)
    free = Curve((Key(0, 0, "free", handle_out=(dt, dv)), *curve.keys[1:]))
    np.testing.assert_allclose(free.at(times), curve.at(times), atol=1e-8)


@pytest.mark.parametrize("row", [{"time": "x"}, {"time": 0}, {"time": 0, "value": float("nan")}, 7,
                                 {"time": 0, "value": 1, "tangent": "round"}])  # fmt: skip
def test_damaged_keys_are_refused_in_one_sentence(row):
    with pytest.raises(ProjectError, match=r"\.$"):
        Curve.from_json([row])
