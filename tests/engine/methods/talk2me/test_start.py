"""Where a Talk2Me training starts: on a fitted head, or on what was tracked."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from engine.audio.encoders import make_encoder
from engine.capture.dataset import Dataset
from engine.methods.talk2me.config import Talk2MeConfig
from engine.methods.talk2me.regions import region_weights
from engine.methods.talk2me.start import start_of
from engine.training.clip import Clip
from engine.training.clip_head import clip_head
from engine.training.fitted_start import DARK
from engine.training.trainer import configured
from tests.toy_head import TOY_CONFIGS, write_toy_fit


@pytest.fixture(scope="module")
def clip(toy_dataset) -> Clip:
    write_toy_fit(toy_dataset)
    clip = Clip(Dataset(toy_dataset), make_encoder({"name": "mel"}), 0)
    for _ in clip.load():
        pass
    return clip


def config(**settings) -> Talk2MeConfig:
    return configured(Talk2MeConfig(), TOY_CONFIGS["talk2me"] | {"n_points": 900, "n_mouth": 60} | settings)


@pytest.fixture(scope="module")
def fitted(clip):
    return start_of(clip, config(head="house"))


def test_most_points_lie_on_the_fitted_mesh_and_the_face_is_densest(clip, fitted, monkeypatch):
    mesh = cKDTree(clip_head(clip.dataset, "house").face.rest)
    shares = []
    for start in (fitted, None):
        if start is None:
            monkeypatch.setattr("engine.training.fitted_start.FACE_DENSITY", 1.0)
            start = start_of(clip, config(head="house"))
        near = mesh.query(start.points)[0] < 0.03
        assert near.mean() > 0.4
        shares.append((region_weights(start.points[near], start.landmarks) == 1).mean())
    assert shares[0] > 1.2 * shares[1]


def test_landmarks_at_rest_lie_where_the_film_shows_them(clip, fitted):
    expected = clip_head(clip.dataset, "house").fitted.landmarks(0)
    camera = clip.camera(0)
    seen = (fitted.landmarks @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]) @ camera.k.T
    gap = np.linalg.norm(seen[:, :2] / seen[:, 2:] - expected, axis=1)
    assert np.median(gap) < 0.03 * camera.height


def test_the_mouth_is_filled_behind_the_lips(fitted):
    inside = fitted.points[(np.abs(fitted.colors - DARK) < 1e-6).all(axis=1)]
    assert len(inside) == 60
    lips = fitted.landmarks[np.array([61, 291, 0, 17])]
    assert np.ptp(inside[:, 0]) < 1.2 * np.ptp(lips[:, 0])
    assert inside[:, 2].max() < lips[:, 2].max() and abs(inside[:, 1].mean() - lips[:, 1].mean()) < 0.1


def test_coefficients_nobody_uses_and_blinks_are_left_out(clip, fitted):
    assert "jawOpen" in fitted.names and "tongueOut" not in fitted.names
    assert not [name for name in fitted.names if name.startswith("eyeBlink")]
    assert fitted.expression.shape == (len(clip.tracks["times"]), len(fitted.names))


def test_tracked_landmarks_lie_on_the_surface_that_is_seen(clip):
    start = start_of(clip, config(head="tracked"))
    assert start.head == "tracked" and start.landmarks.shape == (14, 3)
    assert cKDTree(start.points).query(start.landmarks)[0].max() < 0.1 and start.landmarks[:, 2].min() > 0


def test_neighbours_in_order_are_neighbours_in_space(fitted):
    steps = np.linalg.norm(np.diff(fitted.points, axis=0), axis=1)
    shuffled = np.random.default_rng(0).permutation(fitted.points)
    assert np.median(steps) < 0.3 * np.median(np.linalg.norm(np.diff(shuffled, axis=0), axis=1))


def test_the_same_seed_gives_the_same_start(clip, fitted):
    again = start_of(clip, config(head="house"))
    assert np.array_equal(again.points, fitted.points) and np.array_equal(again.colors, fitted.colors)
