"""The fit on made landmarks: it finds the identity, expression, pose and lens it was given."""

from collections import deque

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.fitting.solver import Estimate, Landmarks, Observed, Priors, error_px, solve

N_FRAMES, N_MARKS, SIDE = 30, 80, 512.0
TRUE_FOCAL = 1300.0


@pytest.fixture(scope="module")
def model() -> Landmarks:
    rng = np.random.default_rng(2)
    rest = rng.normal(0, 1, (N_MARKS, 3)) * [0.28, 0.35, 0.12] + [0, -0.05, 0.25]
    return Landmarks(rest, rng.normal(0, 0.02, (3, N_MARKS, 3)), rng.normal(0, 0.02, (4, N_MARKS, 3)),
                     np.zeros(4), np.ones(4), np.ones(3))  # fmt: skip


@pytest.fixture(scope="module")
def truth(model) -> Estimate:
    t = np.linspace(0, 1, N_FRAMES)
    turns = np.stack([0.1 * np.sin(6 * t), 0.4 * np.sin(4 * t), 0.05 * np.cos(5 * t)], 1)
    rotations = Rotation.from_rotvec(turns).as_matrix() @ np.diag([1.0, -1.0, -1.0])
    translations = np.stack([0.05 * np.sin(3 * t), 0.03 * np.cos(4 * t), 4.2 + 0.1 * t], 1)
    expression = 0.5 + 0.4 * np.sin(np.outer(t, [3, 4, 5, 6]) + [0, 1, 2, 3])
    expression[:, 3] = np.where(t < 0.5, 0.0, expression[:, 3])
    offsets = np.random.default_rng(5).normal(0, 0.004, (N_MARKS, 3))
    return Estimate(rotations, translations, TRUE_FOCAL, np.array([0.8, -0.5, 0.3]), expression, offsets)


@pytest.fixture(scope="module")
def observed(model, truth) -> Observed:
    pixels = truth.pixels(truth.points(model), np.full(2, SIDE / 2))
    return Observed(pixels, np.ones(N_MARKS), np.ones(N_FRAMES), np.full(2, SIDE / 2), SIDE, truth.expression * 0 + 0.4)


@pytest.fixture(scope="module")
def start(truth) -> Estimate:
    nudge = Rotation.from_rotvec(np.random.default_rng(1).normal(0, 0.05, (N_FRAMES, 3))).as_matrix()
    return Estimate(nudge @ truth.rotations, truth.translations + 0.05, 1200.0, np.zeros(3),
                    np.full((N_FRAMES, 4), 0.4), np.zeros((N_MARKS, 3)))  # fmt: skip


def last(steps):
    return deque(steps, maxlen=1).pop()


@pytest.fixture(scope="module")
def found(model, observed, start) -> Estimate:
    return last(solve(model, observed, start, Priors(), 20, left_over=True, around=np.zeros(3)))


def test_landmarks_end_up_where_they_were_seen(model, observed, found, start):
    assert error_px(observed, start.pixels(start.points(model), observed.middle)) > 10
    assert error_px(observed, found.pixels(found.points(model), observed.middle)) < 0.3


def test_expressions_follow_what_was_acted(found, truth):
    for column in range(4):
        assert np.corrcoef(found.expression[:, column], truth.expression[:, column])[0, 1] > 0.97


def test_identity_and_turns_come_out(found, truth):
    assert np.abs(found.identity - truth.identity).max() < 0.3
    turn = Rotation.from_matrix(np.swapaxes(found.rotations, 1, 2) @ truth.rotations).magnitude()
    assert np.degrees(turn).mean() < 1.0


def test_expressions_keep_to_their_limits(found):
    assert found.expression.min() >= 0
    assert found.expression.max() <= 1


def test_untracked_frames_follow_their_neighbours(model, observed, start, truth):
    frames = np.ones(N_FRAMES)
    frames[10:13] = 0
    wild = observed.pixels.copy()
    wild[10:13] += 200
    gappy = Observed(wild, observed.trust, frames, observed.middle, SIDE, observed.suggested)
    now = last(solve(model, gappy, start, Priors(), 20, left_over=False, around=np.zeros(3)))
    turn = Rotation.from_matrix(np.swapaxes(now.rotations, 1, 2) @ truth.rotations).magnitude()
    assert np.degrees(turn[10:13]).max() < 4.0
