"""Where the prior's frame lies in a clip's world: the similarity that projects its landmarks onto the tracked ones.

The priors are only valid in the frame they were trained in, and nothing of how a clip was tracked fixes that frame.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from engine.methods.dgtalker.prior import Prior
from engine.methods.dgtalker.regions import N_MEDIAPIPE
from engine.training.clip import Clip

STEADY = (10, 151, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 33, 133, 362, 263, 61, 291, 234, 454, 127, 356)
"""Landmarks that bone holds or that keep their place on the average: forehead, nose, corners of eyes and mouth."""
NOSE_TIP = 4
CANONICAL_NOSE_TIP = np.array([0.0, -0.463, 7.587]) * 10  # mm from the middle of MediaPipe's canonical face
N_FRAMES = 12


@dataclass(frozen=True)
class Alignment:
    """`x -> scale * R(turn) x + shift`, and how far landmarks then lie off, pixels of a 512 picture (-1: unknown)."""

    scale: float
    turn: np.ndarray
    shift: np.ndarray
    error_px: float


def align(prior: Prior, clip: Clip) -> Alignment:
    """Lays a prior into a clip's world: by landmarks where both have MediaPipe's; else by its metric size and the tip
    of the nose."""
    landmarks = clip.tracks["landmarks"][: clip.n_train, :, :2].astype(np.float64)
    scale = prior.unit_mm / clip.info.units_mm
    if prior.weights is None:
        return Alignment(1.0, np.zeros(3), np.zeros(3), -1.0)
    ids = _frames(clip)
    if landmarks.shape[1] != N_MEDIAPIPE:
        return Alignment(scale, np.zeros(3), np.zeros(3), -1.0)
    viewmats, ks = (clip.tracks[name][ids].astype(np.float64) for name in ("viewmats", "ks"))
    tip = _triangulated(viewmats, ks, landmarks[ids, NOSE_TIP])
    if len(prior.template.anchors) != N_MEDIAPIPE:
        foremost = prior.template.points[prior.template.points[:, 2].argmax()].astype(np.float64)
        near = CANONICAL_NOSE_TIP / clip.info.units_mm
        tip = tip if np.linalg.norm(tip - near) < 0.5 else near
        return Alignment(scale, np.zeros(3), tip - scale * foremost, -1.0)
    anchors, wanted = prior.template.anchors[list(STEADY)].astype(np.float64), landmarks[ids][:, list(STEADY)]
    px = 512 / clip.info.width

    def off(numbers: np.ndarray) -> np.ndarray:
        world = np.exp(numbers[0]) * Rotation.from_rotvec(numbers[1:4]).apply(anchors) + numbers[4:]
        seen = np.einsum("tij,lj->tli", viewmats[:, :3, :3], world) + viewmats[:, None, :3, 3]
        pixels = np.einsum("tij,tlj->tli", ks, seen)
        return (pixels[..., :2] / np.maximum(pixels[..., 2:], 1e-3) - wanted) * px

    start = np.concatenate([[np.log(scale)], np.zeros(6)])
    best = least_squares(lambda n: off(n).ravel(), start, loss="soft_l1", f_scale=4.0, x_scale=0.1)
    error = float(np.median(np.linalg.norm(off(best.x), axis=-1)))
    return Alignment(float(np.exp(best.x[0])), best.x[1:4], best.x[4:], error)


def _frames(clip: Clip) -> np.ndarray:
    """Training frames whose cameras lie far apart, all tracked."""
    tracked = np.flatnonzero(clip.tracks["tracked"][: clip.n_train] > 0.5)
    tracked = tracked if len(tracked) else np.arange(clip.n_train)
    return tracked[np.unique(np.linspace(0, len(tracked) - 1, N_FRAMES).astype(int))]


def _triangulated(viewmats: np.ndarray, ks: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The point `[3]` that several cameras see at pixels `[T, 2]`."""
    projections = ks @ viewmats[:, :3]
    rows = pixels[:, :, None] * projections[:, 2:] - projections[:, :2]
    point = np.linalg.svd(rows.reshape(-1, 4))[2][-1]
    return point[:3] / (point[3] if abs(point[3]) > 1e-12 else 1e-12)
