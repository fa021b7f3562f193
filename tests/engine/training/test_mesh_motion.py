"""The filmed motion of start points reaches the Gaussians that began there."""

from types import SimpleNamespace

import numpy as np
import torch

from engine.training.mesh_motion import MeshMotion
from engine.vocabulary import ARKIT_INDEX

POINTS = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]], np.float32)


def clip():
    shapes = np.zeros((52, 3, 3), np.float16)
    shapes[ARKIT_INDEX["jawOpen"], 1] = [0, -0.5, 0]
    shapes[ARKIT_INDEX["tongueOut"], 2] = [0, 0, 1]
    arkit = np.zeros((40, 52), np.float32)
    arkit[7, ARKIT_INDEX["jawOpen"]] = 0.4
    return SimpleNamespace(tracks={"points": POINTS, "point_shapes": shapes, "arkit": arkit}, n_train=40)


def test_each_gaussian_moves_as_the_start_point_next_to_it():
    starts = np.concatenate([POINTS + 0.1, POINTS[1:2] - 0.2])
    mesh = MeshMotion(clip(), starts, torch.device("cpu"), least=0.01)
    assert mesh.origins.tolist() == [0, 1, 2, 1]
    shift = mesh.shift(mesh.origins, 7)
    assert torch.allclose(shift, torch.tensor([[0, 0, 0], [0, -0.2, 0], [0, 0, 0], [0, -0.2, 0]]), atol=1e-4)
    assert not mesh.shift(mesh.origins, 8).any()


def test_only_what_moves_in_the_film_counts_as_moving():
    mesh = MeshMotion(clip(), POINTS, torch.device("cpu"), least=0.01)
    assert mesh.moves.tolist() == [False, True, False]  # nobody puts out the tongue in this film


def test_a_clip_without_shapes_knows_no_motion():
    known = clip()
    assert MeshMotion.known(known)
    del known.tracks["point_shapes"]
    assert not MeshMotion.known(known)
