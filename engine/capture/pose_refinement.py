"""Second pass over the head poses: landmarks tell roughly where the head is, its skin and hair tell exactly.

Landmarks shake by about a pixel and lean with the expression. Features of skin and hair (`engine.capture.features`)
join them in one more bundle adjustment, twice: poses that are better find features better.

Features tell the lens, too, which landmarks do not: MediaPipe lays its own idea of a face, seen through its own lens,
over every picture, and a head that was filmed through a long lens comes back flat. So the focal length is fitted anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from engine.camera import Camera
from engine.capture.bundle import Priors, Sightings, Solution, adjust, fit_focal
from engine.capture.face_shape import RIGID
from engine.capture.features import key_frames, pick_features, sight
from engine.capture.head_surface import lift
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
FOCALS = np.array([0.9, 1.3, 1.9, 2.7, 3.9, 5.6])
"""Focal lengths tried first, in picture sides."""
N_FOCAL_FRAMES = 100
LENS_SURFACE_SIGMA, LENS_ROUNDS, LENS_GAIN = 0.1, 3, 0.007
"""While the lens is asked for, the surface is held loosely: it was guessed through another lens, and is guessed again
through each that is found, until no other makes the cost fall by more than this part."""
LENS_ITERATIONS = 10
LENS_SIGMA = 0.5
"""Of the median error of skin, and of hair: which of them is the more rigid shows in the film, and that one tells."""
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
    sigma = np.concatenate([sigma, np.full(len(rigid), LANDMARK_SHAPE_SIGMA)])
    solution = _as_solution(poses, np.concatenate([features, rigid]))
    priors = Priors(solution.points, sigma, TURN_SIGMA, SHIFT_SIGMA)
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
        everything = _joined([features_seen, landmarks])
        if round_ == ROUNDS - 1:  # features are where they seem only once poses are nearly right
            for _ in range(LENS_ROUNDS):
                focal = fitted_lens(solution, everything, [on_face, ~on_face])
                if focal == solution.focal:
                    break
                poses = with_lens(poses, focal)
                lifted = [
                    lift(key.pixels, read_masks(key.index), _camera(poses, key.index, size), poses.shape)[0]
                    for key in keys
                ]
                solution = _as_solution(poses, np.concatenate([*lifted, rigid]))
            priors = Priors(solution.points, sigma, TURN_SIGMA, SHIFT_SIGMA)
        solution = adjust(solution, everything, priors, ITERATIONS)
        poses = replace(poses, viewmats=_viewmats(solution))
    figures = {
        **poses.figures,
        "focal_px_landmarks": float(fit.poses.k[0, 0]),
        "focal_px": float(poses.k[0, 0]),
        "n_features": n_features,
        "features_a_frame": len(features_seen) / n_frames,
        "feature_error_px_before": before,
        "feature_error_px": float(np.median(solution.errors(features_seen))),
    }
    yield Progress(STAGE, ROUNDS * n_frames, ROUNDS * n_frames, values={"poses": replace(poses, figures=figures)})


def fitted_lens(solution: Solution, seen: Sightings, kinds: list[np.ndarray]) -> float:
    """The focal length in pixels that what was seen fits best, the one of `solution` unless another is clearly better.

    Args:
        solution: poses and points as known so far; seen: features, and landmarks after them.
        kinds: which features are of a kind, bool `[F]` each.
    """
    frames = np.unique(seen.frames)
    frames = frames[np.unique(np.linspace(0, len(frames) - 1, N_FOCAL_FRAMES).astype(int))]
    numbers = np.full(len(solution.translations), -1)
    numbers[frames] = np.arange(len(frames))
    few = replace(solution, rotations=solution.rotations[frames], translations=solution.translations[frames])
    kept = seen.where(numbers[seen.frames] >= 0)
    kept = replace(kept, frames=numbers[kept.frames])
    priors = Priors(solution.points, np.full(len(solution.points), LENS_SURFACE_SIGMA))
    side = 2 * solution.center[0]
    errors = adjust(few, kept, priors, LENS_ITERATIONS).errors(kept)
    sigma = kept.sigma.copy()
    for kind in kinds:
        is_one = np.append(kind, np.zeros(len(solution.points) - len(kind), bool))[kept.points]
        if is_one.any():
            sigma[is_one] = LENS_SIGMA * max(float(np.median(errors[is_one])), 1e-3)
    kept = replace(kept, sigma=sigma)
    _, known = fit_focal(few, kept, priors, np.array([solution.focal]), LENS_ITERATIONS)
    coarse, costs = fit_focal(few, kept, priors, FOCALS * side, LENS_ITERATIONS)
    best = int(np.argmin(costs))
    between = np.geomspace(FOCALS[max(best - 1, 0)], FOCALS[min(best + 1, len(FOCALS) - 1)], 7)[1:-1]
    found, costs = fit_focal(coarse, kept, priors, between * side, LENS_ITERATIONS)
    return found.focal if costs.min() < (1 - LENS_GAIN) * known[0] else solution.focal


def with_lens(poses: HeadPoses, focal: float) -> HeadPoses:
    """The same poses seen through another lens: farther off by as much as it magnifies."""
    viewmats, k = poses.viewmats.copy(), poses.k.copy()
    viewmats[:, 2, 3] *= focal / k[0, 0]
    k[0, 0] = k[1, 1] = focal
    return replace(poses, viewmats=viewmats, k=k)


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
