"""Rigs: landmarks move as the head itself does, and FLAME is fitted by its own numbers."""

import pickle
from collections import deque

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.fitting.rigs import FlameRig, HouseRig
from engine.fitting.solver import Estimate, Observed, Priors, error_px, solve
from tests.flame_model import embed, layout

N_FRAMES = 16


@pytest.fixture(scope="module")
def flame(tmp_path_factory) -> FlameRig:
    folder = tmp_path_factory.mktemp("flame")
    (folder / "generic_model.pkl").write_bytes(pickle.dumps(layout(), protocol=2))
    embed(folder, layout())
    return FlameRig(folder / "generic_model.pkl")


def test_the_moves_of_the_form_are_those_of_a_head_built_with_it():
    rig = HouseRig()
    still = rig.head(np.zeros(len(rig.identity_names)))
    wished = np.zeros(len(rig.identity_names))
    wished[rig.identity_names.index("jaw_width")] = 0.8
    moved = rig.head(wished)
    told = 0.8 * still.form_move("jaw_width")
    seen = moved.landmarks(moved.pose(), "mediapipe") - still.landmarks(still.pose(), "mediapipe")
    assert np.abs(seen).max() > 0.005
    assert np.abs(seen - told).max() < 0.1 * np.abs(seen).max()


def test_flame_is_fitted_by_shape_expression_and_jaw(flame):
    head = flame.head(np.zeros(0))
    marks = flame.landmarks(head)
    n_exp = len(flame.expression_names)
    t = np.linspace(0, 1, N_FRAMES)
    acted = np.zeros((N_FRAMES, n_exp))
    acted[:, 2] = 1.5 * np.sin(6 * t)
    acted[:, n_exp - 3] = 0.15 + 0.12 * np.sin(9 * t)
    shape = np.zeros(len(flame.identity_names))
    shape[:2] = 1.0, -0.7
    turns = Rotation.from_rotvec(np.stack([0 * t, 0.3 * np.sin(4 * t), 0 * t], 1)).as_matrix() @ np.diag([1.0, -1, -1])
    shift = np.stack([0 * t, 0 * t, 4 + 0 * t], 1)
    truth = Estimate(turns, shift, 1200.0, shape, acted, np.zeros_like(marks.rest))
    middle = np.full(2, 256.0)
    pixels = truth.pixels(truth.points(marks), middle)
    n = len(flame.numbers)
    observed = Observed(pixels, np.ones(n), np.ones(N_FRAMES), middle, 512.0, np.zeros((N_FRAMES, n_exp)))
    start = Estimate(turns, shift + 0.02, 1200.0, 0 * shape, 0 * acted, np.zeros_like(marks.rest))
    steps = solve(marks, observed, start, Priors(suggestion=1.0), 8, left_over=False, around=0 * shape)
    found = deque(steps, maxlen=1).pop()
    assert error_px(observed, found.pixels(found.points(marks), middle)) < 1.0
    jaw = found.expression[:, n_exp - 3]
    assert np.corrcoef(jaw, acted[:, n_exp - 3])[0, 1] > 0.9
    assert flame.posed(head, found.expression[0]).vertices.shape == head.vertices.shape
    assert flame.suggested(np.eye(52)[:3]).shape == (3, n_exp)
