"""Head poses, the person's own face shape and the focal length, from tracked landmarks.

MediaPipe's matrices assume one fixed field of view and one average face, and miss the landmarks by several pixels.
Here one rigid shape, one focal length and a pose for each frame are fitted together (`engine.capture.bundle`), and the
result is expressed in the world every part shares (`engine.camera`): head-centred, in head heights.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from engine.capture.bundle import Priors, Sightings, Solution, adjust, fit_focal, triangulate
from engine.capture.face_shape import CHIN, FOREHEAD, RIGID
from engine.capture.landmarks import N_VERTICES, CanonicalFace
from engine.capture.tracking import FaceTrack

MEDIAPIPE_FOV_DEG = 63.0
FOCALS = np.array([0.9, 1.2, 1.6, 2.2, 3.0, 4.2])
"""Focal lengths tried first, in picture sides."""
N_KEYS = 150
"""Focal length and shape are fitted on this many frames."""
HEAD_OF_FACE = 1.3
"""Crown to chin over hairline to chin."""
HEAD_MIDDLE_CM = -3.0
"""Depth of the head's middle in the canonical face: a little behind the ears' front edge."""
LANDMARK_SIGMA_PX = 1.0
SHAPE_SIGMA_CM = 0.4
TURN_SIGMA = np.radians(0.5)
SHIFT_SIGMA_CM = 0.2


@dataclass(frozen=True)
class HeadPoses:
    """What tracking knows of the head.

    Attributes:
        viewmats: `[T, 4, 4]` world (head heights) to camera.
        k: `[3, 3]`.
        shape: the person's mean face `[468, 3]` in the world.
        head_height_cm: one unit of the world.
        figures: what was measured: reprojection error before and after in pixels, jitter before and after.
    """

    viewmats: np.ndarray
    k: np.ndarray
    shape: np.ndarray
    head_height_cm: float
    figures: dict[str, float]


@dataclass(frozen=True)
class HeadFit:
    """The fit to landmarks alone, in centimetres of the canonical face.

    Attributes:
        solution: poses, focal length and the rigid points (`RIGID`).
        shape: the person's mean face `[468, 3]`.
        poses: the same in the world.
    """

    solution: Solution
    shape: np.ndarray
    poses: HeadPoses


def fit_head(track: FaceTrack, canonical: CanonicalFace, size: int) -> HeadFit:
    """Fits poses, focal length and shape to the landmarks."""
    shape = mean_shape(track, canonical)
    start = mediapipe_solution(track, shape[list(RIGID)], size)
    seen = landmark_sightings(track)
    priors = Priors(shape[list(RIGID)], np.full(len(RIGID), SHAPE_SIGMA_CM), TURN_SIGMA, SHIFT_SIGMA_CM)
    keys = np.unique(np.linspace(0, len(track.found) - 1, N_KEYS).round().astype(int))
    few = replace(start, rotations=start.rotations[keys], translations=start.translations[keys])
    renumbered = np.full(len(track.found), -1)
    renumbered[keys] = np.arange(len(keys))
    kept = seen.where(renumbered[seen.frames] >= 0)
    kept = replace(kept, frames=renumbered[kept.frames])
    still = replace(priors, turn=0.0, shift=0.0)  # how smoothly a head moves says nothing of the lens
    coarse, costs = fit_focal(few, kept, still, FOCALS * size)
    best = int(np.argmin(costs))
    finer = np.geomspace(FOCALS[max(best - 1, 0)], FOCALS[min(best + 1, len(FOCALS) - 1)], 7)[1:-1] * size
    fitted, _ = fit_focal(coarse, kept, still, finer)
    depth = start.translations * np.array([1, 1, fitted.focal / start.focal])
    whole = replace(start, translations=depth, focal=fitted.focal, points=fitted.points)
    solution = adjust(whole, seen, priors, 25)
    start = replace(start, points=canonical.vertices[list(RIGID)])
    figures = {
        "focal_px": solution.focal,
        "error_px_mediapipe": float(start.errors(seen).mean()),
        "error_px_landmarks": float(solution.errors(seen).mean()),
        **{f"{name}_mediapipe": value for name, value in jitter(start, track).items()},
        **{f"{name}_landmarks": value for name, value in jitter(solution, track).items()},
    }
    return HeadFit(solution, shape, to_world(solution, shape, figures, size))


def mean_shape(track: FaceTrack, canonical: CanonicalFace) -> np.ndarray:
    """The person's average face `[468, 3]` in centimetres: landmarks with their depth, laid on the canonical face."""
    rigid = list(RIGID)
    faces = track.landmarks[track.found][:, :N_VERTICES] * np.array([1, -1, -1])
    laid = np.empty_like(faces)
    for i, face in enumerate(faces):
        scale, rotation, shift = similarity(face[rigid], canonical.vertices[rigid])
        laid[i] = scale * face @ rotation.T + shift
    return np.median(laid, axis=0)


def mediapipe_solution(track: FaceTrack, points: np.ndarray, size: int) -> Solution:
    """MediaPipe's own matrices as a solution."""
    to_opencv = np.diag([1.0, -1.0, -1.0])
    u, _, vt = np.linalg.svd(track.matrices[:, :3, :3])  # interpolated ones are not quite rotations
    focal = size / (2 * np.tan(np.radians(MEDIAPIPE_FOV_DEG) / 2))
    return Solution(to_opencv @ (u @ vt), track.matrices[:, :3, 3] @ to_opencv, points, focal, (size / 2, size / 2))


def landmark_sightings(track: FaceTrack) -> Sightings:
    """The rigid landmarks of all frames with a face; point i is `RIGID[i]`."""
    frames, points = np.meshgrid(np.nonzero(track.found)[0], np.arange(len(RIGID)), indexing="ij")
    xy = track.landmarks[track.found][:, list(RIGID), :2].reshape(-1, 2)
    return Sightings(frames.ravel(), points.ravel(), xy, np.full(len(xy), LANDMARK_SIGMA_PX))


def settle_shape(poses: HeadPoses, track: FaceTrack) -> HeadPoses:
    """Lays the person's face anew where the landmarks of all frames put it, once poses have moved; measures the fit."""
    ids = np.arange(N_VERTICES)
    frames, points = np.meshgrid(np.nonzero(track.found)[0], ids, indexing="ij")
    xy = track.landmarks[track.found][:, :N_VERTICES, :2].reshape(-1, 2)
    seen = Sightings(frames.ravel(), points.ravel(), xy, np.full(len(xy), 2 * LANDMARK_SIGMA_PX))
    center = float(poses.k[0, 2]), float(poses.k[1, 2])
    solution = Solution(poses.viewmats[:, :3, :3], poses.viewmats[:, :3, 3], poses.shape, float(poses.k[0, 0]), center)
    priors = Priors(poses.shape, np.full(N_VERTICES, 2 * SHAPE_SIGMA_CM / poses.head_height_cm))
    solution = triangulate(solution, seen, priors)
    rigid = np.isin(seen.points, RIGID)
    figures = {**poses.figures, "error_px": float(solution.errors(seen)[rigid].mean()), **jitter(solution, track)}
    return replace(poses, shape=solution.points, figures=figures)


def to_world(solution: Solution, shape: np.ndarray, figures: dict[str, float], size: int) -> HeadPoses:
    """Changes from the canonical face's centimetres to head heights round the head's middle."""
    height = HEAD_OF_FACE * float(np.linalg.norm(shape[FOREHEAD] - shape[CHIN]))
    origin = np.array([0.0, shape[CHIN, 1] + height / 2, HEAD_MIDDLE_CM])
    viewmats = np.tile(np.eye(4), (len(solution.translations), 1, 1))
    viewmats[:, :3, :3] = solution.rotations
    viewmats[:, :3, 3] = (solution.rotations @ origin + solution.translations) / height
    k = np.array([[solution.focal, 0, solution.center[0]], [0, solution.focal, solution.center[1]], [0, 0, 1.0]])
    return HeadPoses(viewmats, k, (shape - origin) / height, height, figures)


def jitter(solution: Solution, track: FaceTrack) -> dict[str, float]:
    """Mean second difference of the pose over frames with a face: degrees, and pixels of the head's place."""
    turns = (Rotation.from_matrix(solution.rotations) * Rotation.from_matrix(solution.rotations[0]).inv()).as_rotvec()
    place = solution.translations[:, :2] / solution.translations[:, 2:] * solution.focal
    steady = track.found[:-2] & track.found[1:-1] & track.found[2:]
    rows = {"jitter_deg": np.degrees(turns), "jitter_px": place}
    return {
        name: float(np.linalg.norm(v[:-2] - 2 * v[1:-1] + v[2:], axis=1)[steady].mean()) for name, v in rows.items()
    }


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Least-squares scale, rotation and shift with target = scale * rotation @ source + shift (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, spread, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((spread * sign).sum() / (a**2).sum())
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)
