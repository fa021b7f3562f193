"""Where a Talk2Me avatar starts: Gaussians on a fitted mesh and inside the mouth, landmarks at rest, expressions.

The published first stage learns a mesh on a grid of tetrahedra; a head model fitted to the film (ours) gives one at
once, in better detail. What the mesh lacks (hair, neck, clothes) comes from the dataset's surface points.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from engine.capture.face_shape import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from engine.errors import TrainingError
from engine.methods.talk2me.config import HEADS, Talk2MeConfig, head_of
from engine.methods.talk2me.place_code import morton_order
from engine.training.clip import Clip
from engine.training.clip_head import ClipHead, clip_head
from engine.training.fitted_start import mouth_points, start_on
from engine.training.start_points import start_points
from engine.training.views import frontal_index
from engine.vocabulary import ARKIT_52

N_LANDMARKS = 478
LEAST_SPREAD = 0.01
"""Standard deviation from which a coefficient counts as used."""
BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
"""Coefficients that the eye aspect ratios stand for."""
LEAST_SHUTTING = 0.02  # of the ratio a blink must take for the ratio to tell it


@dataclass(frozen=True)
class HeadMotion:
    """How the fitted mesh moves the Gaussians: those on it, and what lies near it ever less.

    Attributes:
        moves: what a unit of each coefficient of the head model adds, float32 `[A, N, 3]`.
        expression: all of the model's coefficients in every frame, float32 `[T, A]`.
        weight: `[A, E + 2]`, bias: `[A]`: the model's coefficients from `Start.expression` and `Start.ear`.
    """

    moves: np.ndarray
    expression: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Start:
    """Attributes:
    points, colors: of the Gaussians in Morton order, float32 `[N, 3]`.
    landmarks: at rest, `[L, 3]` in the dataset's world.
    names: of the expression's coefficients that the clip uses, blinks left out; expression: float32 `[T, E]`.
    ear: eye aspect ratios, left and right, float32 `[T, 2]`: the fitted mesh's, below 0 where lids go past each other.
    head: the head model, or `tracked`; error_px: of its landmarks, 0 for none.
    mesh: how the head model moves; None where there is none.
    """

    points: np.ndarray
    colors: np.ndarray
    landmarks: np.ndarray
    names: tuple[str, ...]
    expression: np.ndarray
    ear: np.ndarray
    head: str
    error_px: float = 0.0
    mesh: HeadMotion | None = None


def start_of(clip: Clip, config: Talk2MeConfig, seed: int = 0) -> Start:
    """What a training starts from.

    Raises:
        TrainingError: if the config names no head model, or no face coefficient moves in the clip.
        DatasetError: if the head model was not fitted to the dataset.
        ModelMissingError: when the head model's files are missing.
    """
    if config.head not in HEADS:
        raise TrainingError(f"head {config.head!r}: there is no such head model; use one of {', '.join(HEADS)}.")
    rng = np.random.default_rng(seed)
    head = head_of(config)
    n_rest = max(1, config.n_points - config.n_mouth)
    if head == "tracked":
        names, expression, error_px = ARKIT_52, clip.tracks["arkit"], 0.0
        points, colors = start_points(clip, n_rest, seed)
        landmarks, lips = _tracked_landmarks(clip, points)
        inside, dark = mouth_points(lips, config.n_mouth, rng)
        points, colors = np.concatenate([points, inside]), np.concatenate([colors, dark])
    else:
        fitted = clip_head(clip.dataset, head)
        names, expression, error_px = fitted.face.names, fitted.expression, fitted.error_px
        points, colors, motion, landmarks = start_on(clip, fitted, n_rest, config.n_mouth, rng)
    used = _used(names, expression[: clip.n_train])
    if not len(used):
        raise TrainingError(f"{clip.info.name}: no coefficient of the face moves in this film; choose another one.")
    order = morton_order(points)
    mesh, ear = None, clip.tracks["ear"].astype(np.float32)
    if head != "tracked":
        ear, weight, bias = _aspects(fitted, used, ear, clip.n_train)
        mesh = HeadMotion(motion.shapes[:, order], expression.astype(np.float32), weight, bias)
    return Start(
        points[order].astype(np.float32), np.clip(colors[order], 0, 1).astype(np.float32), landmarks,
        tuple(names[i] for i in used), expression[:, used].astype(np.float32), ear, head, error_px, mesh,
    )  # fmt: skip


def _used(names: tuple[str, ...], expression: np.ndarray) -> np.ndarray:
    moves = expression.std(axis=0) > LEAST_SPREAD
    return np.array([i for i, name in enumerate(names) if moves[i] and name not in BLINKS], dtype=int)


def _aspects(
    head: ClipHead, used: np.ndarray, tracked: np.ndarray, n_train: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eye aspect ratios of the fitted mesh in every frame `[T, 2]`, and the model's coefficients from used ones and
    ratios: `[A, E + 2]` and `[A]`.

    Lids that are told to shut while the gaze goes down pass each other, and their distance grows again: a ratio of
    distances then reads as a half open eye. These ratios have a sign, and add up from coefficients as the mesh does.
    """
    names, expression = list(head.face.names), head.expression
    n, bias = len(used), np.median(expression[:n_train], axis=0)
    weight = np.zeros((len(names), n + 2))
    weight[used, np.arange(n)], bias[used] = 1.0, 0.0
    blinks = [names.index(name) for name in BLINKS if name in names]
    if len(blinks) < len(BLINKS):
        return tracked, weight, bias
    open_, per_unit = _aspect_moves(head)
    shutting = per_unit[blinks].T  # of each ratio by each blink
    if np.abs(np.diag(shutting)).min() < LEAST_SHUTTING:
        ones = np.column_stack([tracked[:n_train], np.ones(n_train)])
        found = np.linalg.lstsq(ones, expression[:n_train, blinks], rcond=None)[0]
        weight[blinks, n:], bias[blinks] = found[:2].T, found[2]
        return tracked, weight, bias
    bias[blinks] = 0.0
    to_blinks = np.linalg.inv(shutting)
    weight[blinks, n:] = to_blinks
    weight[blinks, :n] = -to_blinks @ per_unit[used].T
    bias[blinks] = -to_blinks @ (open_ + bias @ per_unit)
    return (open_ + expression @ per_unit).astype(np.float32), weight, bias


def _aspect_moves(head: ClipHead) -> tuple[np.ndarray, np.ndarray]:
    """The mesh's eye aspect ratios at rest `[2]` and what a unit of each coefficient adds to them `[A, 2]`: heights
    along the open eye's own, over its width at rest; 0 where the model lacks these landmarks."""
    fitted = head.fitted
    numbers, n = list(fitted.rig.numbers), len(fitted.rig.expression_names)
    if not set(LEFT_EYE + RIGHT_EYE) <= set(numbers):
        return np.zeros(2), np.zeros((n, 2))
    marks = [
        fitted.head.landmarks(fitted.rig.posed(fitted.head, unit), "mediapipe")[fitted.rig.numbers]
        for unit in np.concatenate([np.zeros((1, n)), np.eye(n)])
    ]
    ratios = np.zeros((n + 1, 2))
    for k, eye in enumerate((LEFT_EYE, RIGHT_EYE)):
        p = np.stack(marks)[:, [numbers.index(number) for number in eye]]  # [1 + A, 6, 3]
        for above, below in ((1, 5), (2, 4)):
            height = p[:, above] - p[:, below]
            up = height[0] / np.linalg.norm(height[0])
            ratios[:, k] += height @ up / (2 * np.linalg.norm(p[0, 0] - p[0, 3]))
    return ratios[0], ratios[1:] - ratios[0]


def _tracked_landmarks(clip: Clip, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks laid on the surface `[L, 3]`, of the points seen near each in a frontal frame the one in front; and
    those of the lips: MediaPipe's outline, of other landmarks those in the lips' box."""
    index = frontal_index(clip.tracks["viewmats"][: clip.n_train])
    camera = clip.camera(index)
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = (seen @ camera.k.T)[:, :2] / seen[:, 2:]
    marks = clip.tracks["landmarks"][index, :, :2]
    nearest = cKDTree(pixels).query(marks, k=min(12, len(points)))[1].reshape(len(marks), -1)
    front = seen[nearest, 2].argmin(axis=1)
    depth = seen[nearest[np.arange(len(marks)), front], 2]
    rays = np.concatenate([marks, np.ones((len(marks), 1))], axis=1) @ np.linalg.inv(camera.k).T
    places = (rays * depth[:, None] - camera.viewmat[:3, 3]) @ camera.viewmat[:3, :3]
    if len(marks) == N_LANDMARKS:
        return places, places[list(OUTER_LIPS)]
    y0, y1, x0, x1 = clip.tracks["lip_boxes"][index]
    x, y = marks.T
    return places, places[(x >= x0 - 1) & (x <= x1 + 1) & (y >= y0 - 1) & (y <= y1 + 1)]
