"""Second pass over the head poses: landmarks tell roughly where the head is, its skin and hair tell exactly.

Landmarks shake by about a pixel and lean with the expression. Features of skin and hair (`engine.capture.features`)
join them in one more bundle adjustment, twice: poses that are better find features better.

Features tell the lens, too, which landmarks do not: MediaPipe lays its own idea of a face, seen through its own lens,
over every picture. Lens, turns and depth can nearly make good for each other (a head that turns further looks like one
that is deeper), so the face's depth is held to the one MediaPipe gives: laid on scanned faces of ICT-FaceKit's
population it is right within some 5 %, and turns are then, too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

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
FACE, HAIR, LANDMARK = 0, 1, 2
"""Kinds of points."""
SIGMA_PX = np.array([0.5, 2.0, 2.5])
"""Expected error of a kind at first, pixels: hair swings and landmarks shake."""
TRUST, LEAST_SIGMA_PX, MOST_SIGMA_PX = np.array([4.0, 2.0, 4.0]), 0.2, 8.0
"""Then so many times the kind's own median error: whether skin or hair is the more rigid differs from film to film.
More than once, since errors of neighbours and of one expression go together; of skin and landmarks most."""
SHAPE_SIGMA = np.array([[0.1, 0.1, 0.01], [0.3, 0.3, 0.3], [0.01, 0.01, 0.01]])
"""How far points of a kind may lie from the guessed surface along x, y and z, head heights. Where on the face a feature
lies is read through a pose that may be wrong, how deep the face is there is known; of hair the guess is a rough one."""
TURN_SIGMA, SHIFT_SIGMA = np.radians(0.5), 0.01
FOCALS = np.array([0.9, 1.3, 1.9, 2.7, 3.9, 5.6])
FINER = np.geomspace(0.67, 1.5, 5), np.geomspace(0.85, 1.18, 5)
"""Focal lengths tried first, in picture sides, and then about the best."""
FOCAL_GUESS, FOCAL_SPREAD, FOCAL_WEIGHT = 2.2, 0.5, 0.005
"""A portrait's focal length in sides, the spread of its logarithm, and what part of the cost one spread is worth: a
head that keeps still tells nothing of its lens, and then the usual one is taken."""
LEAST_SIDE, SURFACE_SIGMA = 256, np.array([0.02, 0.04, 0.02])
"""In smaller pictures a patch is a large part of the head and slides by more than a lens changes: the landmarks' lens
stays, and the surface guessed through it is held so closely."""
N_FOCAL_FRAMES = 60
FOCAL_ITERATIONS = 10
GUESSES = 3
"""The surface is guessed from the frames' outlines through a lens, so it is guessed anew through each that is tried."""
BALANCES = 3
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
    rigid = poses.shape[list(RIGID)]
    kinds = np.concatenate([np.where(key.on_face, FACE, HAIR) for key in keys] + [np.full(len(rigid), LANDMARK)])
    points = guessed = np.concatenate([key.points for key in keys] + [rigid])
    seen = landmark_sightings(track)
    landmarks = replace(seen, points=seen.points + n_features, sigma=np.full(len(seen), SIGMA_PX[LANDMARK]))

    def guess(cameras: list[Camera]) -> np.ndarray:
        lifted = [
            lift(key.pixels, read_masks(key.index), c, poses.shape)[0] for key, c in zip(keys, cameras, strict=True)
        ]
        return np.concatenate([*lifted, rigid])

    before = None
    for round_ in range(ROUNDS):
        found = []
        for frame in np.nonzero(track.found)[0]:
            camera = _camera(poses, frame, size)
            found.append(sight(keys, offsets, points, frame, near[frame], read, camera, SIGMA_PX[kinds[:n_features]]))
            yield Progress(STAGE, round_ * n_frames + int(frame) + 1, ROUNDS * n_frames)
        features_seen = _joined(found)
        solution = _as_solution(poses, points)
        before = float(np.median(solution.errors(features_seen))) if before is None else before
        everything = _joined([features_seen, landmarks])
        if size >= LEAST_SIDE:
            yield Progress("Looking for the lens", 0, 0)  # takes up to a minute
            lens, sigma = find_lens(solution, everything, kinds, chosen, guess), SHAPE_SIGMA
        else:
            lens, sigma = Lens(solution.focal, SIGMA_PX, guessed), SURFACE_SIGMA
        poses = with_lens(poses, lens.focal)
        priors = Priors(lens.points, sigma[kinds], TURN_SIGMA, SHIFT_SIGMA)
        everything = replace(everything, sigma=lens.sigma_px[kinds[everything.points]])
        solution = adjust(_as_solution(poses, lens.points), everything, priors, ITERATIONS)
        poses, points = replace(poses, viewmats=_viewmats(solution)), solution.points
    figures = {
        **poses.figures,
        "focal_px_landmarks": float(fit.poses.k[0, 0]),
        "focal_px": float(poses.k[0, 0]),
        **{f"sigma_px_{name}": float(lens.sigma_px[kind]) for name, kind in (("skin", FACE), ("hair", HAIR))},
        "n_features": n_features,
        "features_a_frame": len(features_seen) / n_frames,
        "feature_error_px_before": before,
        "feature_error_px": float(np.median(solution.errors(features_seen))),
    }
    yield Progress(STAGE, ROUNDS * n_frames, ROUNDS * n_frames, values={"poses": replace(poses, figures=figures)})


@dataclass(frozen=True)
class Lens:
    """What a film shows of its lens.

    Attributes:
        focal: pixels.
        sigma_px: expected error of each kind of point `[3]`, pixels.
        points: the guessed surface seen through it `[P, 3]`.
    """

    focal: float
    sigma_px: np.ndarray
    points: np.ndarray


def find_lens(
    solution: Solution, seen: Sightings, kinds: np.ndarray, keys: np.ndarray,
    guess: Callable[[list[Camera]], np.ndarray],
) -> Lens:  # fmt: skip
    """The focal length that a film shows: of a few frames, poses and points are fitted through every one tried.

    How smoothly a head moves says nothing of the lens and is left out.

    Args:
        solution: poses and points as known so far.
        seen: features and landmarks.
        kinds: of all points `[P]`.
        keys: the key frames.
        guess: where points are guessed to be `[P, 3]`, from the cameras of the key frames.
    """
    frames = np.unique(seen.frames)
    few = frames[np.unique(np.linspace(0, len(frames) - 1, N_FOCAL_FRAMES).astype(int))]
    few = np.concatenate([keys, np.setdiff1d(few, keys)])
    numbers = np.full(len(solution.translations), -1)
    numbers[few] = np.arange(len(few))
    kept = seen.where(numbers[seen.frames] >= 0)
    kept = replace(kept, frames=numbers[kept.frames])
    start = replace(solution, rotations=solution.rotations[few], translations=solution.translations[few])
    side = round(2 * solution.center[0])
    sigma_px = SIGMA_PX.copy()

    def through(focal: float) -> tuple[float, Solution, Priors]:
        fitted = replace(start, focal=focal, translations=start.translations * np.array([1, 1, focal / start.focal]))
        for _ in range(GUESSES):
            cameras = [Camera(viewmat, _k(fitted), side, side) for viewmat in _viewmats(fitted)[: len(keys)]]
            priors = Priors(guess(cameras), SHAPE_SIGMA[kinds])
            fitted, costs = fit_focal(replace(fitted, points=priors.points), kept, priors, [focal], FOCAL_ITERATIONS)
        unlikely = (np.log(focal / (FOCAL_GUESS * side)) / FOCAL_SPREAD) ** 2
        return costs[0] * (1 + FOCAL_WEIGHT * unlikely), fitted, priors

    tried = FOCALS * side
    for finer in FINER:  # what is rigid shows best through a lens that is about right
        _, start, priors = min(map(through, tried), key=lambda found: found[0])
        for _ in range(BALANCES):
            start = adjust(start, kept, priors, FOCAL_ITERATIONS)
            errors, kind = start.errors(kept), kinds[kept.points]
            for k in np.unique(kind):
                sigma_px[k] = np.clip(TRUST[k] * np.median(errors[kind == k]), LEAST_SIGMA_PX, MOST_SIGMA_PX)
            kept = replace(kept, sigma=sigma_px[kind])
        tried = start.focal * finer
    _, fitted, priors = min(map(through, tried), key=lambda found: found[0])
    return Lens(float(fitted.focal), sigma_px, priors.points)


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


def _k(solution: Solution) -> np.ndarray:
    (x, y), focal = solution.center, solution.focal
    return np.array([[focal, 0, x], [0, focal, y], [0, 0, 1.0]])


def _viewmats(solution: Solution) -> np.ndarray:
    viewmats = np.tile(np.eye(4), (len(solution.translations), 1, 1))
    viewmats[:, :3, :3], viewmats[:, :3, 3] = solution.rotations, solution.translations
    return viewmats


def _joined(parts: list[Sightings]) -> Sightings:
    return Sightings(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("frames", "points", "xy", "sigma"))
    )
