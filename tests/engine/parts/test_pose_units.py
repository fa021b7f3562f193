"""The database of head motion: what is retrieved, what may not be, and that units join without a jolt."""

import numpy as np
import pytest

from engine.parts.pose_units import (
    GUARD_FRAMES,
    N_FRAMES,
    N_OVERLAP,
    N_SPAN,
    STRIDE,
    build_units,
    joined,
    laid_from,
    sound_key,
)  # fmt: skip


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    heard = rng.normal(size=(400, 8)).astype(np.float32)
    pose = np.cumsum(rng.normal(size=(400, 6)), axis=0).astype(np.float32)
    return heard, pose


def test_the_unit_that_is_returned_is_the_most_alike_of_all(clip):
    units = build_units(*clip, lead=0)
    for start in (0, 100, 365):
        key = sound_key(clip[0][start : start + N_FRAMES])
        cosines = units.keys @ key / np.linalg.norm(units.keys, axis=1)
        assert units.retrieve(key) == cosines.argmax()
        assert units.starts[units.retrieve(key)] == start


def test_units_near_the_stretch_they_stand_for_are_never_returned(clip):
    units = build_units(*clip, lead=0)
    rng = np.random.default_rng(1)
    frame = 200
    key = sound_key(clip[0][frame : frame + N_FRAMES])
    for _ in range(200):
        unit = units.retrieve(key, top_k=30, temperature=1.0, rng=rng, allowed=units.away_from(frame))
        nearest = abs(int(units.starts[unit]) - frame)
        assert nearest >= N_SPAN + GUARD_FRAMES


def test_no_allowed_unit_is_said_and_not_guessed(clip):
    units = build_units(*clip, lead=0)
    with pytest.raises(ValueError, match="allowed"):
        units.retrieve(units.keys[0], allowed=np.zeros(len(units), bool))


def test_temperature_nought_is_certain_and_warmth_draws_among_the_best(clip):
    units = build_units(*clip, lead=0)
    key = units.keys[7]
    cold = {units.retrieve(key, top_k=5, temperature=0, rng=np.random.default_rng(s)) for s in range(20)}
    warm = {units.retrieve(key, top_k=5, temperature=1.0, rng=np.random.default_rng(s)) for s in range(60)}
    assert cold == {7}
    assert 2 <= len(warm) <= 5 and warm <= set(np.argsort(-units.keys @ key)[:5])


def test_a_lead_hears_before_the_motion_it_moves(clip):
    heard, pose = clip
    units = build_units(heard, pose, lead=N_SPAN)
    assert units.starts[0] == N_SPAN and (np.diff(units.starts) == STRIDE).all()
    assert np.allclose(units.keys[0], sound_key(heard[:N_FRAMES]), atol=1e-6)
    assert np.allclose(units.values[0], pose[N_SPAN : 2 * N_SPAN] - pose[N_SPAN], atol=1e-5)


def test_units_wander_back_to_the_mean():
    drift = np.linspace(0, 1, N_SPAN)[:, None] * np.ones(6)
    start, mean = np.zeros(6), np.zeros(6)
    for _ in range(60):
        start = laid_from(start, drift, mean)[N_FRAMES]
    assert 0.5 < start[0] < 3  # without the pull it would stand at 44


def test_joined_units_keep_place_and_speed():
    rng = np.random.default_rng(2)
    before, after = (np.cumsum(np.cumsum(rng.normal(size=(N_SPAN, 6)), 0), 0) for _ in range(2))
    tail = before[-N_OVERLAP:]
    made = joined(tail, after)
    assert np.allclose(made[0], tail[0]) and np.allclose(made[1] - made[0], tail[1] - tail[0], atol=0.02 * 100)
    assert np.allclose(made[N_FRAMES:], after[N_FRAMES:])
    kept = joined(tail, after, returns=False)
    assert np.allclose(np.diff(kept, axis=0)[N_OVERLAP:], np.diff(after, axis=0)[N_OVERLAP:])
