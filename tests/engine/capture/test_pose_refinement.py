"""Poses of the made clip are found from shaken landmarks: by features, and by a proxy head laid on pixels."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.capture.bundle import Priors, Solution, adjust
from engine.capture.face_shape import RIGID
from engine.capture.landmarks import CanonicalFace
from engine.capture.pose_refinement import refine_poses, with_lens
from engine.capture.poses import HeadFit, HeadPoses, fit_head, landmark_sightings, settle_shape, similarity
from engine.capture.proxy_head import View, align, fit_together, polish_poses, start_proxy
from engine.capture.start_points import start_points
from tests.engine.capture.made_head import made_clip

HEIGHT_CM = 24.0
SIDE = 176
STAGES = ((96, 60), (SIDE, 100))


def turn_errors_deg(a, b) -> np.ndarray:
    """Between poses, apart from a turn they all share (nobody knows where exactly a face points)."""
    between = Rotation.from_matrix(a[:, :3, :3].transpose(0, 2, 1) @ b[:, :3, :3])
    return np.degrees((between * between.mean().inv()).magnitude())


def shaken(viewmats, turn_deg=1.0, shift=0.01) -> np.ndarray:
    rng = np.random.default_rng(4)
    out = viewmats.copy()
    turns = Rotation.from_rotvec(np.radians(turn_deg) * rng.normal(size=(len(out), 3))).as_matrix()
    out[:, :3, :3] = turns @ out[:, :3, :3]
    out[:, :3, 3] += shift * rng.normal(size=(len(out), 3))
    return out


def as_fit(clip, viewmats) -> HeadFit:
    poses = HeadPoses(viewmats, clip.k, clip.shape, HEIGHT_CM, {})
    points = clip.shape[list(RIGID)] * HEIGHT_CM
    center = float(clip.k[0, 2]), float(clip.k[1, 2])
    solution = Solution(viewmats[:, :3, :3], viewmats[:, :3, 3] * HEIGHT_CM, points, float(clip.k[0, 0]), center)
    return HeadFit(solution, clip.shape * HEIGHT_CM, poses)


@pytest.fixture(scope="module")
def points(clip):
    triangles = np.arange(468).reshape(-1, 3)
    return start_points(clip.read, clip.read_masks, clip.cameras, clip.shape, triangles)


def test_start_points_cover_the_head_with_its_colours(clip, points):
    places, colors = points
    for index in (0, 4, 12):
        camera = clip.cameras[index]
        seen = places @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        xy = np.floor(seen[:, :2] / seen[:, 2:] * camera.k[0, 0] + camera.k[:2, 2]).astype(int)
        size = clip.head.shape[1]
        inside = ((xy >= 0) & (xy < size)).all(axis=1)
        hit = np.zeros((size // 6 + 1, size // 6 + 1), bool)
        hit[xy[inside, 1] // 6, xy[inside, 0] // 6] = True
        n = size // 6
        cells = clip.head[index][: n * 6, : n * 6].reshape(n, 6, n, 6).mean((1, 3)) > 0.8
        assert hit[:n, :n][cells].mean() > 0.95
        assert clip.head[index][xy[inside, 1], xy[inside, 0]].mean() > 0.9
    assert len(places) > 20_000 and colors.min() >= 0 and colors.max() <= 1


def test_features_bring_shaken_poses_back(clip):
    start = shaken(clip.viewmats)
    for step in refine_poses(as_fit(clip, start), clip.track(noise_px=1.0), clip.read, clip.read_masks, SIDE):
        assert step.stage
    found = step.values["poses"]
    assert turn_errors_deg(start, clip.viewmats).mean() > 1
    assert turn_errors_deg(found.viewmats, clip.viewmats).mean() < 0.5
    assert found.figures["feature_error_px"] < 0.5 < found.figures["feature_error_px_before"]


@pytest.mark.parametrize("part", [0.5, 1.8])
def test_features_tell_the_lens_that_landmarks_had_wrong(part):
    side = 384
    clip = made_clip(size=side)
    track = clip.track(noise_px=1.0)
    start = as_fit(clip, clip.viewmats).poses
    start = with_lens(start, part * float(clip.k[0, 0]))
    points = clip.shape[list(RIGID)]
    center = float(clip.k[0, 2]), float(clip.k[1, 2])
    solution = Solution(start.viewmats[:, :3, :3], start.viewmats[:, :3, 3], points, float(start.k[0, 0]), center)
    solution = adjust(solution, landmark_sightings(track), Priors(points, np.full(len(points), 0.02)), 25)
    viewmats = start.viewmats.copy()
    viewmats[:, :3, :3], viewmats[:, :3, 3] = solution.rotations, solution.translations
    fit = replace(as_fit(clip, viewmats), poses=replace(start, viewmats=viewmats))
    found = list(refine_poses(fit, track, clip.read, clip.read_masks, side))[-1].values["poses"]
    assert found.k[0, 0] == found.k[1, 1] == found.figures["focal_px"]
    assert found.figures["focal_px_landmarks"] == pytest.approx(part * clip.k[0, 0])
    assert found.k[0, 0] == pytest.approx(clip.k[0, 0], rel=0.2)
    before, after = (turn_errors_deg(v, clip.viewmats).mean() for v in (viewmats, found.viewmats))
    assert before > 1 and after < 0.65 * before


def test_a_head_without_texture_keeps_its_landmark_poses(clip):
    plain = np.full_like(clip.frames[0], 128)
    fit = as_fit(clip, clip.viewmats)
    last = list(refine_poses(fit, clip.track(), lambda i: plain, clip.read_masks, SIDE))[-1]
    assert np.array_equal(last.values["poses"].viewmats, clip.viewmats)
    assert "landmarks alone" in last.message


def as_views(clip) -> list[View]:
    """The clip's frames; their poses are told by what is well inside the head."""
    views = []
    for frame, head in zip(clip.frames, clip.head, strict=True):
        inside = head.astype(np.uint8) * 255
        views.append(View(frame, inside, cv2.erode(inside, np.ones((7, 7)))))
    return views


def shift_errors(a, b) -> float:
    """Mean difference of the head's place across the picture, apart from what all frames share."""
    off = (a - b)[:, :2, 3]
    return float(np.abs(off - off.mean(axis=0)).mean())


def test_a_proxy_head_draws_a_frame_s_pose_to_where_it_belongs(clip, points):
    head, views = start_proxy(*points, clip.k, clip.head.shape[1]), as_views(clip)
    truth = clip.viewmats
    losses = [s.values["loss"] for s in fit_together(head, views, truth.copy(), ((SIDE, 120),), with_poses=False)]
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:5])
    start, small = shaken(truth, turn_deg=0.4, shift=0.004), head.at(SIDE)
    seen = range(0, 16, 3)
    found = np.array([align(small, *(views[i].at(SIDE)[n] for n in (0, 2)), start[i]) for i in seen])
    assert turn_errors_deg(found, truth[::3]).mean() < 0.6 * turn_errors_deg(start[::3], truth[::3]).mean()
    assert shift_errors(found, truth[::3]) < 0.6 * shift_errors(start[::3], truth[::3])


def test_a_proxy_head_and_its_poses_are_found_together(clip, points):
    start = shaken(clip.viewmats, turn_deg=0.6, shift=0.008)
    head, found = start_proxy(*points, clip.k, clip.head.shape[1]), start.copy()
    list(fit_together(head, as_views(clip), found, STAGES))
    assert turn_errors_deg(found, clip.viewmats).mean() < 0.6 * turn_errors_deg(start, clip.viewmats).mean()
    assert shift_errors(found, clip.viewmats) < 0.6 * shift_errors(start, clip.viewmats)
    assert np.abs(np.linalg.det(found[:, :3, :3]) - 1).max() < 1e-6


def test_frames_the_proxy_was_not_made_from_are_laid_on_it_too(clip, points):
    start = shaken(clip.viewmats, turn_deg=0.3, shift=0.006)
    poses = HeadPoses(start, clip.k, clip.shape, HEIGHT_CM, {})
    read = polish_poses(poses, *points, clip.track(), clip.read, clip.read_masks, 12, STAGES)
    found = list(read)[-1].values["poses"].viewmats
    assert shift_errors(found[12:], clip.viewmats[12:]) < 0.7 * shift_errors(start[12:], clip.viewmats[12:])
    hidden = lambda index: clip.frames[index] if index < 12 else np.zeros_like(clip.frames[0])  # noqa: E731
    blind = list(polish_poses(poses, *points, clip.track(), hidden, clip.read_masks, 12, STAGES))[-1]
    assert np.array_equal(blind.values["poses"].viewmats[:12], found[:12])


def test_landmarks_alone_give_poses_shape_and_focal_length(clip):
    canonical = CanonicalFace(clip.shape * HEIGHT_CM, np.zeros((1, 3), int))
    track = clip.track(noise_px=0.3)
    depth = np.stack([(clip.shape @ v[:3, :3].T + v[:3, 3])[:, 2] for v in clip.viewmats])
    pixels_a_unit = clip.k[0, 0] / 2.6
    landmarks = track.landmarks.copy()
    landmarks[:, :468, 2] = (depth - depth.mean(axis=1, keepdims=True)) * pixels_a_unit
    matrices = np.tile(np.eye(4), (len(landmarks), 1, 1))
    flip = np.diag([1.0, -1.0, -1.0])
    matrices[:, :3, :3] = flip @ shaken(clip.viewmats)[:, :3, :3]
    matrices[:, :3, 3] = clip.viewmats[:, :3, 3] * HEIGHT_CM @ flip * np.array([1, 1, 0.43])  # of a wide lens
    fit = fit_head(replace(track, landmarks=landmarks, matrices=matrices), canonical, clip.head.shape[1])
    assert turn_errors_deg(fit.poses.viewmats, clip.viewmats).mean() < 1.0
    assert fit.poses.figures["error_px_landmarks"] < 0.6
    assert fit.poses.figures["error_px_landmarks"] < fit.poses.figures["error_px_mediapipe"]


def test_the_shape_settles_where_the_landmarks_of_all_frames_put_it(clip):
    wrong = clip.shape + 0.02
    poses = HeadPoses(clip.viewmats, clip.k, wrong, HEIGHT_CM, {})
    settled = settle_shape(poses, clip.track(noise_px=0.2))
    assert (
        np.linalg.norm(settled.shape - clip.shape, axis=1).mean()
        < 0.3 * np.linalg.norm(wrong - clip.shape, axis=1).mean()
    )
    assert settled.figures["error_px"] < 0.5


def test_similarity_finds_scale_rotation_and_shift():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(30, 3))
    rotation = Rotation.from_rotvec([0.3, -0.4, 0.2]).as_matrix()
    target = 1.7 * source @ rotation.T + [1, 2, 3]
    scale, found, shift = similarity(source, target)
    assert np.isclose(scale, 1.7) and np.allclose(found, rotation) and np.allclose(shift, [1, 2, 3])
