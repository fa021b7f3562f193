"""Landmarks of the house head as rows of its skin, in the 68-point order."""

import numpy as np
from scipy.spatial import cKDTree

from engine.errors import ControlError
from engine.heads.sculpt.curves import N_EYE
from engine.heads.sculpt.rings import CONTACT_RING, LIP_BORDER_RING
from engine.heads.sculpt.template import Template

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


def landmark_rows(template: Template, order: str = "68") -> np.ndarray:
    """Rows of the skin's vertices in a landmark order. Raises ControlError for an unknown order."""
    if order != "68":
        raise ControlError(f"{order!r} is not a landmark order of this head; use 68.")
    right = np.array([-1, 1, 1])
    left = {name: np.array(value, float) for name, value in (("jaw", JAW), ("brow", BROW), ("nose", NOSTRILS))}
    points = np.concatenate([
        left["jaw"] * right, [CHIN], left["jaw"][::-1], left["brow"] * right, left["brow"][::-1], BRIDGE,
        left["nose"] * right, [COLUMELLA], left["nose"][::-1],
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
