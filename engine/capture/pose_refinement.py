"""Second pass over the head poses: landmarks tell roughly where the head is, its skin and hair tell exactly.

Landmarks shake by about a pixel and lean with the expression. Features of skin and hair (`engine.capture.features`)
join them in one more bundle adjustment, twice: poses that are better find features better.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from engine.camera import Camera
from engine.capture.bundle import Priors, Sightings, Solution, adjust
from engine.capture.face_shape import RIGID
from engine.capture.features import key_frames, pick_features, sight
from engine.capture.poses import HeadFit, HeadPoses, landmark_sightings
from engine.capture.tracking import FaceTrack
from engine.progress import Progress

N_KEYS = 14
N_NEAR = 5
"""Each frame is compared with so many of the key frames, the ones turned most like it."""
PER_FRAME = (100, 750)
MOST_SIGHTINGS = 300_000
FACE_SIGMA_PX, HAIR_SIGMA_PX, LANDMARK_SIGMA_PX = 0.5, 2.0, 2.5
"""Skin is trusted more than hair, which swings, and than landmarks, which shake."""
FACE_SIGMA, HAIR_SIGMA, LANDMARK_SHAPE_SIGMA = 0.02, 0.04, 0.02
"""How far features and landmarks may lie from the guessed surface, head heights."""
TURN_SIGMA, SHIFT_SIGMA = np.radians(0.5), 0.01
ROUNDS = 2
ITERATIONS = 8
STAGE = "Refining head poses"


def refine_poses(
    fit: HeadFit,
    track: FaceTrack,
    read: Callable[[int], np.ndarray],
    read_masks: Callable[[int], np.ndarray],
    size: int,
) -> Iterator[Progress]:
    """Refines; the last progress carries the `HeadPoses` as `poses`.

    Args:
        fit: what the landmarks gave.
        track: the landmarks.
        read, read_masks: give frame i and its masks (R head), uint8 `[H, W, 3]`.
        size: side of the frames.
    """
    poses = fit.poses
    n_frames = len(track.found)
    turns = Rotation.from_matrix(poses.viewmats[:, :3, :3] @ poses.viewmats[0, :3, :3].T).as_rotvec()
    chosen = key_frames(turns, track.found, N_KEYS)
    per_frame = int(np.clip(MOST_SIGHTINGS / n_frames, *PER_FRAME))
    near = np.argsort(np.linalg.norm(turns[:, None] - turns[None, chosen], axis=2), axis=1)[:, :N_NEAR]
    keys = [
        pick_features(
            i, read(i), read_masks(i), track.landmarks[i], _camera(poses, i, size), poses.shape, per_frame // N_NEAR
        )
        for i in chosen
    ]
    offsets = np.cumsum([0] + [len(key.pixels) for key in keys])
    if offsets[-1] == 0:
        yield Progress(STAGE, 1, 1, "No texture to refine poses with; landmarks alone are used.", {"poses": poses})
        return
    n_features = int(offsets[-1])
    features = np.concatenate([key.points for key in keys])
    on_face = np.concatenate([key.on_face for key in keys])
    sigma = np.where(on_face, FACE_SIGMA, HAIR_SIGMA)
    sigma_px = np.where(on_face, FACE_SIGMA_PX, HAIR_SIGMA_PX)
    rigid = poses.shape[list(RIGID)]
    priors = Priors(
        np.concatenate([features, rigid]), np.concatenate([sigma, np.full(len(rigid), LANDMARK_SHAPE_SIGMA)]),
        TURN_SIGMA, SHIFT_SIGMA,
    )  # fmt: skip
    solution = _as_solution(poses, priors.points)
    seen = landmark_sightings(track)
    landmarks = replace(seen, points=seen.points + n_features, sigma=np.full(len(seen), LANDMARK_SIGMA_PX))
    before = None
    for round_ in range(ROUNDS):
        found = []
        for frame in np.nonzero(track.found)[0]:
            camera = _camera(poses, frame, size)
            found.append(sight(keys, offsets, solution.points, frame, near[frame], read, camera, sigma_px))
            yield Progress(STAGE, round_ * n_frames + int(frame) + 1, ROUNDS * n_frames)
        features_seen = _joined(found)
        before = float(np.median(solution.errors(features_seen))) if before is None else before
        solution = adjust(solution, _joined([features_seen, landmarks]), priors, ITERATIONS)
        poses = replace(poses, viewmats=_viewmats(solution))
    figures = {
        **poses.figures,
        "n_features": n_features,
        "features_a_frame": len(features_seen) / n_frames,
        "feature_error_px_before": before,
        "feature_error_px": float(np.median(solution.errors(features_seen))),
    }
    yield Progress(STAGE, ROUNDS * n_frames, ROUNDS * n_frames, values={"poses": replace(poses, figures=figures)})


def _camera(poses: HeadPoses, frame: int, size: int) -> Camera:
    return Camera(poses.viewmats[frame], poses.k, size, size)


def _as_solution(poses: HeadPoses, points: np.ndarray) -> Solution:
    center = float(poses.k[0, 2]), float(poses.k[1, 2])
    return Solution(poses.viewmats[:, :3, :3], poses.viewmats[:, :3, 3], points, float(poses.k[0, 0]), center)


def _viewmats(solution: Solution) -> np.ndarray:
    viewmats = np.tile(np.eye(4), (len(solution.translations), 1, 1))
    viewmats[:, :3, :3], viewmats[:, :3, 3] = solution.rotations, solution.translations
    return viewmats


def _joined(parts: list[Sightings]) -> Sightings:
    return Sightings(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("frames", "points", "xy", "sigma"))
    )
