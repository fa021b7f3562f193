"""Landmarks of the heads on their skin: the house head's in the 68-point order, both in MediaPipe's."""

from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.spatial import cKDTree

from engine.heads.base import Eye
from engine.heads.sculpt.curves import N_EYE
from engine.heads.sculpt.rings import CONTACT_RING, LIP_BORDER_RING
from engine.heads.sculpt.template import Template
from engine.paths import ASSETS

JAW = (
    (66, 0, 8),
    (65, -15, 8),
    (62, -32, 10),
    (57, -48, 14),
    (50, -64, 22),
    (41, -76, 38),
    (30, -86, 54),
    (16, -95, 72),
)
CHIN = (0, -102, 86)
BROW = ((48, 20.5, 62), (39.5, 23.8, 70), (30.5, 23.8, 76), (21, 22.0, 80), (12, 19.5, 83))
BRIDGE = ((0, 2, 84), (0, -10, 90), (0, -22, 97), (0, -33, 104))
NOSTRILS = ((11, -43, 88), (5.5, -45, 94))
COLUMELLA = (0, -46, 96)
"""Template millimetres; side points are the person's left."""

HOUSE_TABLE, ICT_TABLE = (ASSETS / "heads" / f"{name}_mediapipe.safetensors" for name in ("house", "ict"))
N_ON_SKIN, N_IRIS = 468, 5
IRIS_TURNS_DEG = (0, 90, 180, 270)
"""Where MediaPipe has the four rim points of an iris, seen from the front: 0 is the picture's right, 90 up."""


def sixty_eight(template: Template) -> np.ndarray:
    """Skin rows `[68]` of the 68-point order."""
    right = np.array([-1, 1, 1])
    jaw, brow, nose = (np.array(points, float) for points in (JAW, BROW, NOSTRILS))
    points = np.concatenate([
        jaw * right, [CHIN], jaw[::-1], brow * right, brow[::-1], BRIDGE, nose * right, [COLUMELLA], nose[::-1],
    ])  # fmt: skip
    rows = list(cKDTree(template.vertices).query(points)[1])
    mirror = template.mirrored
    corner_to_corner = template.eye[0][[0, N_EYE // 6, N_EYE // 3, N_EYE // 2, 2 * N_EYE // 3, 5 * N_EYE // 6]]
    rows += list(mirror[corner_to_corner])
    rows += list(corner_to_corner[[3, 2, 1, 0, 5, 4]])
    outer, inner = template.mouth[LIP_BORDER_RING], template.mouth[CONTACT_RING]
    rows += [*mirror[outer[[16, 9, 4]]], *outer[[0, 4, 9, 16, 23, 28, 32]], *mirror[outer[[28, 23]]]]
    rows += [*mirror[inner[[14, 6]]], *inner[[0, 6, 14, 26, 32]], mirror[inner[26]]]
    return np.array(rows)


def mediapipe(vertices: np.ndarray, eyes: tuple[Eye, Eye], table: Path) -> np.ndarray:
    """MediaPipe's landmarks `[478, 3]` of a posed head, by a table of `engine.heads.mediapipe_marks`."""
    rows, weights = _table(table)
    irises = [iris(eye) for eye in eyes[::-1]]  # the person's right eye comes first
    return np.concatenate([np.einsum("lk,lkc->lc", weights, vertices[rows]), *irises])


@cache
def _table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Skin rows `[468, 3]` and weights `[468, 3]` of all landmarks but the irises."""
    table = load_file(path)
    return table["rows"], table["weights"]


def iris(eye: Eye) -> np.ndarray:
    """Centre and rim of an iris in MediaPipe's order, world points `[5, 3]`."""
    across = np.cross([0.0, 1.0, 0.0], eye.gaze)
    across /= np.linalg.norm(across)
    up = np.cross(eye.gaze, across)
    middle = eye.centre + eye.gaze * np.sqrt(max(eye.radius**2 - eye.iris_radius**2, 0.0))
    angles = np.radians(IRIS_TURNS_DEG)
    rim = middle + eye.iris_radius * (np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * up)
    return np.concatenate([[eye.centre + eye.gaze * eye.radius], rim])
