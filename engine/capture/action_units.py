"""Action units, eye aspect ratio and lip boxes from landmarks and ARKit scores.

Blinks are read twice, from the ARKit score and from the eye's own aspect ratio calibrated on the clip, because the
score alone misses half-closed lids and the ratio alone takes a glance down for a blink.
"""

import numpy as np

from engine.capture.face_shape import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from engine.vocabulary import ACTION_UNITS, ARKIT_INDEX

AU_NAMES = tuple(unit.name for unit in ACTION_UNITS)
CLOSED_AT_MOST = 0.5
"""A closed eye's aspect ratio is at most this part of the open eye's, also in a clip without a blink."""


def action_units(arkit: np.ndarray, ear: np.ndarray) -> np.ndarray:
    """Intensities 0 to 1 in the order of `ACTION_UNITS`.

    Args:
        arkit: `[T, 52]` scores in `ARKIT_52` order.
        ear: `[T, 2]` eye aspect ratios, person's left and right eye.

    Returns:
        `[T, A]` float32.
    """
    lids = blinks(arkit, ear)
    columns = []
    for unit in ACTION_UNITS:
        if unit.name.startswith("au.45"):
            part = {"au.45": lids.mean(axis=1), "au.45l": lids[:, 0], "au.45r": lids[:, 1]}[unit.name]
            columns.append(part)
        else:
            columns.append(arkit[:, [ARKIT_INDEX[name] for name in unit.shapes]].mean(axis=1))
    return np.clip(np.stack(columns, axis=1), 0, 1).astype(np.float32)


def blinks(arkit: np.ndarray, ear: np.ndarray) -> np.ndarray:
    """How far each lid is closed, 0 to 1, `[T, 2]`: the mean of both readings, each calibrated on the clip."""
    score = arkit[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]]
    open_score = np.percentile(score, 20, axis=0)
    closed_score = np.maximum(np.percentile(score, 99, axis=0), 0.6)
    by_score = np.clip((score - open_score) / (closed_score - open_score), 0, 1)
    open_ear = np.percentile(ear, 95, axis=0)
    closed_ear = np.minimum(np.percentile(ear, 2, axis=0), CLOSED_AT_MOST * open_ear)
    by_ear = np.clip((open_ear - ear) / np.maximum(open_ear - closed_ear, 1e-6), 0, 1)
    return (by_score + by_ear) / 2


def eye_aspect_ratio(landmarks: np.ndarray) -> np.ndarray:
    """`(|p2 - p6| + |p3 - p5|) / (2 |p1 - p4|)` of each eye, `[T, 2]`: person's left, right."""
    ratios = []
    for eye in (LEFT_EYE, RIGHT_EYE):
        p1, p2, p3, p4, p5, p6 = (landmarks[:, i, :2] for i in eye)
        height = np.linalg.norm(p2 - p6, axis=1) + np.linalg.norm(p3 - p5, axis=1)
        ratios.append(height / np.maximum(2 * np.linalg.norm(p1 - p4, axis=1), 1e-6))
    return np.stack(ratios, axis=1).astype(np.float32)


def lip_boxes(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Squares round the outer lips, clamped to the picture: y0, y1, x0, x1 in pixels, `[T, 4]`."""
    lips = landmarks[:, list(OUTER_LIPS), :2]
    low, high = lips.min(axis=1), lips.max(axis=1)
    middle, half = (low + high) / 2, (high - low).max(axis=1) / 2
    boxes = np.stack([middle[:, 1] - half, middle[:, 1] + half, middle[:, 0] - half, middle[:, 0] + half], axis=1)
    return np.clip(np.round(boxes), 0, size).astype(np.float32)
