"""Camera corrections: exact rigid motions without drift, and views told by angles."""

import numpy as np
import pytest
import torch

from engine.camera import Orbit, pose_matrix
from engine.parts.head_pose import (
    apply_pose,
    head_motion,
    held_back,
    motion_numbers,
    moved_by,
    pose_numbers,
    posed_camera_position,
)
from engine.training.poses import PoseCorrections, carried
from engine.training.views import frontal_index, orbit_of, poses_between, view_coverage


def test_a_correction_is_a_rotation_and_starts_as_none():
    viewmat = torch.tensor(Orbit(azimuth_deg=20).camera(64, 64).viewmat, dtype=torch.float32)
    poses = PoseCorrections(turning_head(3))
    assert torch.equal(poses(1, viewmat), viewmat)
    with torch.no_grad():
        poses.twists[1] = torch.tensor([0.03, -0.02, 0.04, 0.01, 0.02, -0.03])
    rotation = poses(1, viewmat)[:3, :3] @ viewmat[:3, :3].T
    assert torch.allclose(rotation @ rotation.T, torch.eye(3), atol=1e-6)
    angle = torch.arccos((rotation.trace() - 1) / 2)
    assert float(angle.detach()) == pytest.approx(float(poses.twists[1, :3].detach().norm()), abs=1e-3)


def turning_head(n_frames: int, seed: int = 0) -> np.ndarray:
    """Cameras of a head that turns, nods and sways about."""
    angles = np.cumsum(np.random.default_rng(seed).normal(size=(n_frames, 2)) * [3, 2], axis=0)
    return np.array([Orbit(azimuth_deg=a, elevation_deg=e).camera(64, 64).viewmat for a, e in angles])


def leaning(viewmats: np.ndarray) -> np.ndarray:
    """The cameras of a tracker that holds the head for 0.02 head heights too deep."""
    deeper = np.eye(4)
    deeper[2, 3] = 0.02
    return viewmats @ deeper


def test_what_leans_with_the_turn_in_training_is_made_good_in_frames_never_seen():
    truth = turning_head(60)
    tracked = leaning(truth)
    shifted = truth - truth[:50].mean(axis=0) + tracked[:50].mean(axis=0)  # a head that all frames miss alike is none
    truth[:, :3, 3] = shifted[:, :3, 3]
    found = carried(tracked, truth[:50])
    before, after = (np.abs(v[50:, :3, 3] - truth[50:, :3, 3]).max() for v in (tracked, found))
    assert before > 5e-4 and after < 0.25 * before
    assert np.abs(np.linalg.det(found[:, :3, :3]) - 1).max() < 1e-6


def test_frames_never_seen_keep_their_cameras_where_training_found_nothing():
    tracked = turning_head(20)
    assert np.abs(carried(tracked, tracked[:15]) - tracked).max() < 1e-9


def test_a_turn_beyond_training_is_corrected_no_more_than_training_was():
    truth = turning_head(40)
    tracked = leaning(truth)
    far = tracked[:1].copy()
    far[0, :3, :3] = Orbit(azimuth_deg=80).camera(64, 64).viewmat[:3, :3]
    moved = carried(np.concatenate([tracked, far]), truth)[-1] - far[0]
    most = np.abs(truth - tracked)[:, :3, 3].max()
    assert np.abs(moved[:3, 3]).max() < 1.5 * most


def test_a_frame_s_own_correction_fades_and_a_common_lean_stays():
    viewmats = turning_head(80)
    poses = PoseCorrections(viewmats)
    lean = torch.tensor((viewmats - leaning(viewmats))[:, :3, 3], dtype=torch.float32)
    lean -= lean.mean(dim=0)
    with torch.no_grad():
        poses.twists[:, 3:] = lean
        poses.twists[7, 0] += 0.01
    for _ in range(1500):
        poses.settle()
    assert poses.twists[7, 0].abs() < 0.002
    assert (poses.twists[:, 3:] - lean).norm() < 0.2 * lean.norm()


def test_corrections_cannot_drift_together():
    poses = PoseCorrections(turning_head(5))
    with torch.no_grad():
        poses.twists += 0.02
        poses.twists[2] += 0.01
    poses.settle()
    assert poses.twists.mean(dim=0).abs().max() < 1e-8
    assert poses.twists[2].abs().min() > 0.005


def test_an_orbit_shows_what_the_camera_it_was_made_of_shows():
    rng = np.random.default_rng(1)
    for _ in range(5):
        orbit = Orbit(tuple(rng.uniform(-0.3, 0.3, 3)), *rng.uniform(-60, 60, 2), 4.0, 25.0, rng.uniform(-20, 20))
        camera = orbit.camera(512, 512)
        assert np.abs(orbit_of(camera).camera(512, 512).viewmat - camera.viewmat).max() < 1e-12


def test_an_off_centre_camera_keeps_the_head_where_it_was():
    camera = Orbit(distance=4.0, fov_deg=20).camera(512, 512)
    camera.k[0, 2], camera.k[1, 2] = 300.0, 220.0
    other = orbit_of(camera).camera(512, 512)
    for point in ([0, 0, 0.3], [0.1, -0.2, 0.2]):
        pixels = [(c.k @ (c.viewmat[:3, :3] @ point + c.viewmat[:3, 3])) for c in (camera, other)]
        pixels = [p[:2] / p[2] for p in pixels]
        assert np.abs(pixels[0] - pixels[1]).max() < 3.0


def test_pose_numbers_undo_the_pose_matrix():
    pose = np.array([25.0, -12.0, 8.0, 0.1, -0.05, 0.2])
    assert np.allclose(pose_numbers(pose_matrix(*pose)), pose)
    camera = Orbit().camera(64, 64)
    assert np.allclose(poses_between(camera.moved(pose_matrix(*pose)).viewmat[None], camera.viewmat)[0], pose)


def test_held_back_gaussians_are_seen_where_the_posed_ones_are():
    """Moving the camera and holding back equals keeping the camera and moving the head."""
    rng = np.random.default_rng(0)
    means, quats = (rng.normal(size=(40, k)).astype(np.float32) for k in (3, 4))
    looseness = rng.uniform(size=40).astype(np.float32)
    pose = np.array([20, -10, 8, 0.1, -0.05, 0.2])
    moved, turned = held_back(torch.tensor(means), torch.tensor(quats), torch.tensor(looseness), pose)
    matrix = pose_matrix(*pose)
    posed, posed_quats = apply_pose(means, quats, 1 - looseness, pose, np.zeros(3))
    assert np.abs(moved.numpy() @ matrix[:3, :3].T + matrix[:3, 3] - posed).max() < 2e-6
    from engine.raster.reference import rotation_matrices

    rotation = torch.tensor(matrix[:3, :3], dtype=torch.float32)
    assert torch.allclose(rotation @ rotation_matrices(turned), rotation_matrices(torch.tensor(posed_quats)), atol=1e-5)


def test_tensors_move_as_arrays_do():
    rng = np.random.default_rng(0)
    means, quats = (rng.normal(size=(40, k)).astype(np.float32) for k in (3, 4))
    weights = np.concatenate([np.zeros(5), np.ones(15), rng.uniform(size=20)]).astype(np.float32)
    for pose in ([20, -10, 8, 0.1, -0.05, 0.2], [0, 0, 0, 0.1, 0, 0], [0.01, 0, 0, 0, 0, 0], [-40, 25, 25, 0, 0, 0]):
        pose = np.array(pose, np.float64)
        posed, posed_quats = apply_pose(means, quats, weights, pose, np.zeros(3))
        numbers = torch.tensor(motion_numbers(*head_motion(pose)), dtype=torch.float32)
        moved, turned = moved_by(*(torch.from_numpy(a) for a in (means, quats, weights)), numbers)
        assert np.abs(moved.numpy() - posed).max() < 2e-6 and np.abs(turned.numpy() - posed_quats).max() < 2e-6


def test_a_rigid_head_under_pose_equals_an_inverse_camera():
    rng = np.random.default_rng(2)
    means = rng.normal(size=(30, 3)).astype(np.float32)
    pose, camera = np.array([15, 5, -4, 0.05, 0.1, -0.1]), Orbit().camera(64, 64)
    posed, _ = apply_pose(means, np.tile([[1.0, 0, 0, 0]], (30, 1)).astype(np.float32), np.ones(30, np.float32), pose,
                          np.zeros(3))  # fmt: skip
    other = camera.moved(pose_matrix(*pose))
    first = posed @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    second = means @ other.viewmat[:3, :3].T + other.viewmat[:3, 3]
    assert np.abs(first - second).max() < 1e-5
    assert np.allclose(posed_camera_position(camera.position, pose, np.zeros(3)), other.position)


def test_shoulders_stay_and_the_crown_moves():
    means = np.array([[0, 0.5, 0], [0, -1.2, 0]], dtype=np.float32)
    posed, _ = apply_pose(means, np.tile([[1.0, 0, 0, 0]], (2, 1)).astype(np.float32), np.array([1, 0], np.float32),
                          np.array([0, 0, 20, 0, 0, 0]), np.array([0, -0.55, -0.1]))  # fmt: skip
    assert np.abs(posed[1] - means[1]).max() < 1e-6 and np.abs(posed[0] - means[0]).max() > 0.2


def test_coverage_counts_every_camera_once():
    cameras = [Orbit(azimuth_deg=a, elevation_deg=e).camera(8, 8).viewmat for a in (-40, 0, 40) for e in (-10, 10)]
    coverage = view_coverage(np.array(cameras))
    assert sum(map(sum, coverage["frames"])) == 6
    assert len(coverage["frames"]) == len(coverage["elevation_deg"])
    assert abs(frontal_index(np.array(cameras)) - 2.5) < 1
