"""The range guard: nothing changes inside the hull, what is outside is bent back smoothly, and the share is told."""

import numpy as np
import pytest

from engine.controls import ControlSchema, ControlSpec
from engine.guard import GIVE, RangeGuard, guard_of, hull_of_ranges
from engine.parts.code_hull import fit_hull
from tests.fakes.avatar import FakeAvatar

N = 6
SCHEMA = ControlSchema(
    (
        *(ControlSpec(f"lip.{i:02d}", "lip", "x", minimum=-9, maximum=9, low=-2.5, high=2.5) for i in range(N)),
        ControlSpec("au.45", "au", "Blink"),
    )
)


def guard(strength: float = 1.0) -> RangeGuard:
    return RangeGuard(hull_of_ranges(SCHEMA), SCHEMA.indices("lip"), strength)


def code(*values: float) -> np.ndarray:
    return np.array([*values, *np.zeros(N + 1 - len(values))], dtype=np.float32)


def test_inside_the_hull_nothing_changes_bit_for_bit():
    driven = code(1.0, -2.0, 0.3)
    guarded, inside = guard().apply(driven)
    assert guarded is driven and inside == 1.0


def test_outside_it_is_pulled_back_but_not_to_a_wall():
    guarded, inside = guard().apply(code(10.0))
    assert inside == pytest.approx(0.25)
    assert 2.5 < guarded[0] <= 2.5 * (1 + GIVE) + 1e-6
    far, _ = guard().apply(code(100.0))
    assert far[0] >= guarded[0]


def test_a_code_that_is_far_out_as_a_whole_is_shortened_in_its_own_direction():
    driven = code(*[2.4] * N)
    guarded, inside = guard().apply(driven)
    assert inside < 1.0 and np.ptp(guarded[:N]) < 1e-5
    assert np.linalg.norm(guarded[:N]) < np.linalg.norm(driven[:N])


def test_the_pull_is_continuous_and_the_strength_dials_it():
    sizes = np.linspace(0, 12, 600)
    path = np.array([guard().apply(code(s))[0][0] for s in sizes])
    assert (np.diff(path) >= -1e-6).all() and np.abs(np.diff(path)).max() < 1.1 * sizes[1]
    off, inside = guard(0.0).apply(code(10.0))
    assert off[0] == 10.0 and inside < 1
    half, whole = guard(0.5).apply(code(10.0))[0][0], guard().apply(code(10.0))[0][0]
    assert half == pytest.approx((10.0 + whole) / 2)


def test_only_lip_controls_are_guarded():
    driven = code(10.0)
    driven[-1] = 7.0
    assert guard().apply(driven)[0][-1] == 7.0


def test_the_hull_of_real_codes_holds_nearly_all_of_them():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4000, N)) @ rng.normal(size=(N, N)) * 0.3 + 0.1
    fitted = RangeGuard(fit_hull(points.astype(np.float32)), np.arange(N), 1.0)
    shares = np.array([fitted.inside(p) for p in points[:500]])
    assert (shares > 0.8).mean() > 0.97
    assert fitted.inside(points[0] * 50) < 0.2


def test_an_avatar_without_a_stored_hull_is_guarded_by_its_ranges():
    avatar = FakeAvatar()
    made = guard_of(avatar)
    assert made.indices.tolist() == [0, 1] and made.hull.high.tolist() == [2, 2]


def test_a_hull_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="dimensions"):
        RangeGuard(hull_of_ranges(SCHEMA), np.arange(2))
