"""New angles: a tracked world is found again from its cameras, and true pictures are asked for there."""

import numpy as np
import pytest

from engine.camera import Orbit, pose_matrix
from engine.capture.dataset import Dataset
from engine.errors import DatasetError
from engine.evaluation.novel_views import novel_views, world_between


def cameras(n: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([Orbit((0, -0.1, 0), *rng.uniform(-15, 15, 2), 4.2, 20.0).camera(64, 64).viewmat for _ in range(n)])


def test_a_world_of_another_size_place_and_turn_is_found_from_its_cameras():
    film, turn = cameras(), pose_matrix(10.0, -5.0, 3.0)[:3, :3]
    scale, shift = 1.3, np.array([0.1, -0.2, 0.3])
    tracked = np.tile(np.eye(4), (len(film), 1, 1))
    tracked[:, :3, :3] = film[:, :3, :3] @ turn.T
    tracked[:, :3, 3] = scale * film[:, :3, 3] - np.einsum("tij,j->ti", tracked[:, :3, :3], shift)
    world = world_between(film, tracked)
    assert world.scale == pytest.approx(scale) and np.allclose(world.turn, turn) and np.allclose(world.shift, shift)
    new = Orbit((0, -0.1, 0), 30.0, 0.0, 4.2, 20.0).camera(64, 64)
    point = np.array([0.1, -0.3, 0.2])
    there = scale * turn @ point + shift
    seen = [m[:3, :3] @ p + m[:3, 3] for m, p in ((new.viewmat, point), (world.camera(new.viewmat), there))]
    assert np.allclose(seen[0][:2] / seen[0][2], seen[1][:2] / seen[1][2])


def test_equal_cameras_are_one_world():
    film = cameras()
    world = world_between(film, film)
    assert world.scale == pytest.approx(1) and np.allclose(world.turn, np.eye(3)) and np.allclose(world.shift, 0)


def test_a_film_that_was_not_made_in_the_studio_is_refused(toy_dataset):
    class Driven:
        dataset = Dataset(toy_dataset)

    with pytest.raises(DatasetError, match="studio"):
        list(novel_views(Driven(), Dataset(toy_dataset)))
