"""Bundle adjustment recovers known poses, shapes and focal lengths from noisy and partly wrong sightings."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.capture import bundle
from engine.capture.bundle import Priors, Sightings, Solution, adjust, fit_focal, triangulate

N_FRAMES, N_POINTS = 40, 50


@pytest.fixture(autouse=True, params=[bundle.FEW_FRAMES, 0], ids=["exactly", "by gradients"])
def way(request, monkeypatch):
    """Everything is found either way the poses' system is solved."""
    monkeypatch.setattr(bundle, "FEW_FRAMES", request.param)


@pytest.fixture
def truth() -> Solution:
    rng = np.random.default_rng(1)
    t = np.arange(N_FRAMES)
    turns = np.stack([0.15 * np.sin(t / 9), 0.3 * np.sin(t / 7), 0.1 * np.sin(t / 5)], axis=1)
    rotations = Rotation.from_rotvec(turns).as_matrix() @ np.diag([1.0, -1, -1])
    places = np.stack([2 * np.sin(t / 11), np.cos(t / 8), 60 + 2 * np.sin(t / 15)], axis=1)
    points = rng.normal(size=(N_POINTS, 3)) * [6, 7, 3]
    return Solution(rotations, places, points, 1200.0, (256.0, 256.0))


def sightings_of(truth, noise_px=0.5, wrong=0.05) -> Sightings:
    rng = np.random.default_rng(2)
    frames, points = (a.ravel() for a in np.meshgrid(np.arange(N_FRAMES), np.arange(N_POINTS), indexing="ij"))
    xy = truth.project(frames, points) + rng.normal(size=(len(frames), 2)) * noise_px
    bad = rng.random(len(frames)) < wrong
    xy[bad] += rng.normal(size=(bad.sum(), 2)) * 25
    return Sightings(frames, points, xy, np.full(len(frames), max(noise_px, 0.1)))


def shaken(truth, turn=0.08, shift=(1.0, 1.0, 4.0), points=0.0) -> Solution:
    rng = np.random.default_rng(3)
    turns = Rotation.from_rotvec(rng.normal(size=(N_FRAMES, 3)) * turn).as_matrix()
    return replace(
        truth, rotations=turns @ truth.rotations,
        translations=truth.translations + rng.normal(size=(N_FRAMES, 3)) * shift,
        points=truth.points + rng.normal(size=truth.points.shape) * points,
    )  # fmt: skip


def turn_errors_deg(a, b) -> np.ndarray:
    return np.degrees(Rotation.from_matrix(a.rotations @ b.rotations.transpose(0, 2, 1)).magnitude())


def test_known_poses_are_recovered_from_noisy_and_partly_wrong_sightings(truth):
    start = shaken(truth)
    priors = Priors(truth.points, np.full(N_POINTS, 0.05), np.radians(1), 0.3)
    found = adjust(start, sightings_of(truth), priors, 25)
    assert turn_errors_deg(start, truth).mean() > 5
    assert turn_errors_deg(found, truth).max() < 0.4
    assert np.abs(found.translations - truth.translations)[:, :2].max() < 0.1


def test_points_and_poses_are_found_together_without_noise(truth):
    start = shaken(truth, turn=0.02, shift=(0.2, 0.2, 0.5), points=0.4)
    found = adjust(start, sightings_of(truth, noise_px=0.0, wrong=0), Priors(start.points, np.full(N_POINTS, 3.0)), 40)
    seen = sightings_of(truth, noise_px=0.0, wrong=0)
    assert found.errors(seen).max() < 0.05 < start.errors(seen).mean()


def test_the_focal_length_is_found(truth):
    near = replace(shaken(truth, points=0.1), focal=900.0)
    near = replace(near, translations=near.translations * [1, 1, 900 / 1200])
    found, costs = fit_focal(
        near, sightings_of(truth), Priors(truth.points, np.full(N_POINTS, 0.2)), np.array([500.0, 1200.0, 3000.0])
    )
    assert found.focal == 1200.0 and np.argmin(costs) == 1


def test_frames_without_sightings_are_filled_in_by_smoothness(truth):
    seen = sightings_of(truth, wrong=0)
    gap = (seen.frames < 18) | (seen.frames > 20)
    start = shaken(truth, turn=0.05)
    found = adjust(start, seen.where(gap), Priors(truth.points, np.full(N_POINTS, 0.05), np.radians(0.5), 0.2), 30)
    assert turn_errors_deg(found, truth)[18:21].max() < 1.0


def test_smoothness_takes_out_jitter_and_keeps_motion(truth):
    seen = sightings_of(truth, noise_px=2.0, wrong=0)
    rough = adjust(truth, seen, Priors(truth.points, np.full(N_POINTS, 0.01)), 15)
    smooth = adjust(truth, seen, Priors(truth.points, np.full(N_POINTS, 0.01), np.radians(0.3), 0.1), 15)
    assert turn_errors_deg(smooth, truth).mean() < 0.8 * turn_errors_deg(rough, truth).mean()


def test_triangulation_moves_points_and_nothing_else(truth):
    start = replace(truth, points=truth.points + 0.5)
    found = triangulate(start, sightings_of(truth, noise_px=0.1, wrong=0), Priors(start.points, np.full(N_POINTS, 2.0)))
    assert np.linalg.norm(found.points - truth.points, axis=1).mean() < 0.1
    assert np.array_equal(found.rotations, truth.rotations)
