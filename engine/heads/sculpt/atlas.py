"""The UV atlas: the skin as a disc with the crown in its middle, the other parts in tiles beside and below it.

The disc is the chart in which the topology was triangulated, its radius made the distance along the meridian from the
crown; the rings round eyes and mouth shrink into the holes they surround, so that lids and the inside of the mouth
have their own place.
"""

import numpy as np

from engine.heads.sculpt.curves import N_MOUTH, mouth_parameters

CROWN_MM, CYLINDER_MM, LOWEST_RHO = 140.0, 70.0, 26.0
DISC = 0.78  # side of the square that holds the skin
EYE_HOLE, MOUTH_HOLE = 0.12, 0.03  # what is left of the innermost ring, as a share of the outermost


def half_head(n: int, joined: np.ndarray, flat: np.ndarray, eye: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """Disc coordinates `[n, 2]`, -1 to 1, of half a head.

    Args:
        joined, flat: rows laid out in the chart and where; they hold the outermost rings of eye and mouth.
        eye: rings from the innermost outwards; mouth: from the outermost inwards.
    """
    uv = np.zeros((n, 2))
    uv[joined] = _by_meridian(flat)
    outer, middle = uv[eye[-1]].copy(), uv[eye[-1]].mean(0)
    for ring, share in zip(eye, np.linspace(EYE_HOLE, 1, len(eye))):
        uv[ring] = middle + (outer - middle) * share
    outer = uv[mouth[0]].copy()
    t, _ = mouth_parameters()
    corner = outer[16] * 0.75 + 0.25 * (outer[0] + outer[-1]) / 2
    slit = (outer[0] + outer[-1])[None] / 2 * (1 - t)[:, None] + corner * t[:, None]
    for ring, share in zip(mouth, np.linspace(1, MOUTH_HOLE, len(mouth))):
        uv[ring] = slit + (outer - slit) * share
    assert mouth.shape[1] == N_MOUTH
    return uv


def _by_meridian(flat: np.ndarray) -> np.ndarray:
    rho = np.linalg.norm(flat, axis=1)
    arc = np.where(rho < 1, CROWN_MM * np.arctan(rho), CROWN_MM * np.pi / 4 + CYLINDER_MM * np.log(np.maximum(rho, 1)))
    longest = CROWN_MM * np.pi / 4 + CYLINDER_MM * np.log(LOWEST_RHO)
    return flat * (arc / longest / np.maximum(rho, 1e-9))[:, None]


TILES = {
    # left, bottom, width, height
    "ear_left": (0.80, 0.80, 0.20, 0.20), "ear_right": (0.80, 0.59, 0.20, 0.20), "eye_left": (0.80, 0.38, 0.20, 0.20),
    "eye_right": (0.80, 0.17, 0.20, 0.20), "tongue": (0.80, 0.0, 0.20, 0.16), "teeth": (0.40, 0.0, 0.39, 0.20),
    "torso": (0.0, 0.0, 0.39, 0.20),
}  # fmt: skip


def skin(uv: np.ndarray) -> np.ndarray:
    """Disc coordinates placed in the atlas, face downwards, `[V, 2]` in 0 to 1."""
    return np.stack([0.5 * DISC * (1 + uv[:, 0]), 1 - 0.5 * DISC * (1 + uv[:, 1])], 1)


def tile(name: str, points: np.ndarray) -> np.ndarray:
    """A part's points laid into its tile: by angle and height round its own axis, eyes and ears seen from outside."""
    left, bottom, width, height = TILES[name]
    middle = (points.max(0) + points.min(0)) / 2
    local = points - middle
    if name.startswith("eye"):  # both halves of the ball: the pole of the pupil in the middle
        polar = np.arccos(np.clip(local[:, 2] / np.linalg.norm(local, axis=1), -1, 1)) / np.pi
        around = np.arctan2(local[:, 1], local[:, 0])
        flat = 0.5 + 0.5 * np.stack([polar * np.cos(around), polar * np.sin(around)], 1)
    elif name.startswith("ear"):
        flat = (local[:, [2, 1]] - local[:, [2, 1]].min(0)) / np.ptp(local[:, [2, 1]], axis=0)
    else:
        turn = np.arctan2(local[:, 0], local[:, 2]) / (2 * np.pi) + 0.5
        flat = np.stack([turn, (points[:, 1] - points[:, 1].min()) / np.ptp(points[:, 1])], 1)
    return np.array([left, bottom]) + flat * [width, height]
