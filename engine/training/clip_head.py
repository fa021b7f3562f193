"""The head model fitted to a clip, in the clip's own world: its mesh and expression at every frame.

A fit has cameras of its own; training, evaluation and the other methods use the dataset's. One scale, turn and shift
for the whole clip carries the fitted head to where it projects as it did, as nearly as a head that stays can.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from engine.camera import Camera
from engine.capture.dataset import Dataset
from engine.errors import TrainingError
from engine.fitting.fitted import FittedHead, fit_path, load_fit
from engine.heads.base import Kind
from engine.heads.linear_face import LinearFace
from engine.progress import Progress

N_MOMENTS = 40
FAR_PX = 25.0  # mean distance at 512 from which on fit and cameras are of different films


@dataclass(frozen=True)
class ClipHead:
    """A person's face over a clip.

    Attributes:
        fitted: the fit, in its own world; face: in the dataset's.
        expression: coefficients of every frame of the dataset, float32 `[T, E]`.
        error_px: how far landmarks lie from where the fit had them, on average, pixels at 512.
    """

    fitted: FittedHead
    face: LinearFace
    expression: np.ndarray
    error_px: float


def clip_head(dataset: Dataset, head: str, source: Path | None = None) -> ClipHead:
    """Reads the fit of a head model to a dataset.

    Raises:
        DatasetError: when there is no such fit.
        TrainingError: when it is of another film.
        ModelMissingError: when the model's files are missing.
    """
    fitted = load_fit(dataset.path, head, source)
    if len(fitted) != len(dataset):
        raise TrainingError(
            f"{fit_path(dataset.path, head)}: is of {len(fitted)} frames, the dataset has {len(dataset)}; "
            f"run mouthpiece fit {dataset.path} --head {head} again."
        )
    ids = np.unique(np.linspace(0, len(fitted) - 1, N_MOMENTS).astype(int))
    points = np.stack([fitted.head.landmarks(fitted.posed(i), "mediapipe")[fitted.rig.numbers] for i in ids])
    seen = np.stack([_pixels(p, fitted.camera(i)) for p, i in zip(points, ids, strict=True)])
    cameras = [dataset.camera(i) for i in ids]
    side = 512 / dataset.info.height

    def left_over(x: np.ndarray) -> np.ndarray:
        turned = np.exp(x[0]) * points @ Rotation.from_rotvec(x[1:4]).as_matrix().T + x[4:]
        found = np.stack([_pixels(p, camera) for p, camera in zip(turned, cameras, strict=True)])
        return side * (found - seen)

    best = least_squares(lambda x: left_over(x).ravel(), np.zeros(7), loss="soft_l1", f_scale=4.0)
    error_px = float(np.linalg.norm(left_over(best.x), axis=-1).mean())
    if error_px > FAR_PX:
        raise TrainingError(
            f"{fit_path(dataset.path, head)}: its head lies {error_px:.0f} pixels from where the dataset's cameras see "
            f"it; run mouthpiece fit {dataset.path} --head {head} again."
        )
    face = sampled_face(fitted).carried(
        float(np.exp(best.x[0])), Rotation.from_rotvec(best.x[1:4]).as_matrix(), best.x[4:]
    )
    return ClipHead(fitted, face, fitted.expression.astype(np.float32), error_px)


def sampled_face(fitted: FittedHead) -> LinearFace:
    """The linear face of a person fitted to a clip, in the fit's world."""
    names = fitted.rig.expression_names
    still = np.zeros(len(names))
    rest = fitted.vertices(still)
    eyes = np.zeros(len(rest), np.int8)
    centres, turns = np.zeros((2, 3)), np.zeros((2, len(names), 3))
    looking = fitted.rig.posed(fitted.head, still).eyes
    for k, kind in enumerate((Kind.EYE_LEFT, Kind.EYE_RIGHT)):
        of_eye = np.unique(fitted.faces[fitted.head.kinds == int(kind)])
        eyes[of_eye] = k + 1
        centres[k] = looking[k].centre + (fitted.offsets[of_eye].mean(0) if len(of_eye) else 0.0)
    moves = np.zeros((len(names), *rest.shape), np.float32)
    for e in range(len(names)):
        unit = still.copy()
        unit[e] = 1.0
        moves[e] = fitted.vertices(unit) - rest
        for k, eye in enumerate(fitted.rig.posed(fitted.head, unit).eyes):
            turns[k, e] = _turn(looking[k].gaze, eye.gaze)
    moves[:, eyes > 0] = 0
    return LinearFace(tuple(names), rest.astype(np.float32), moves, eyes, centres.astype(np.float32),
                      turns.astype(np.float32))  # fmt: skip


def fit_if_missing(dataset: Path, head: str) -> Iterator[Progress]:
    """Fits a head model to a dataset unless that has been done. Raises what `fit` and the head model raise."""
    if fit_path(dataset, head).is_file():
        return
    from engine.fitting.fit import fit

    yield from fit(dataset, head, overlay=False)


def _pixels(points: np.ndarray, camera: Camera) -> np.ndarray:
    seen = (points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]) @ camera.k.T
    return seen[:, :2] / seen[:, 2:]


def _turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The shortest turn from one direction to another as a rotation vector `[3]`."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.zeros(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, start @ end)).as_rotvec()
