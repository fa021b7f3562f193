"""Colours ICT-FaceKit in code: complexion, lips, lids, scalp and beard, mouth and teeth, per vertex."""

from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from engine.heads.facekit.kit import EYES, FACE, GUMS, LOWER_TEETH, MOUTH, N_VERTICES, SKIN, SOCKETS, TEETH
from engine.heads.sculpt import appearance
from engine.heads.sculpt.appearance import pick
from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.identity import Look
from engine.heads.sculpt.scalp import beard_area, scalp_cover

OUTER_LIPS = (slice(48, 55), (54, 55, 56, 57, 58, 59, 48))
UPPER_LIDS, LOWER_LIDS = ((36, 37, 38, 39), (42, 43, 44, 45)), ((36, 41, 40, 39), (42, 47, 46, 45))
INNER_CORNERS = (39, 42)
NOSTRILS = (31, 32, 34, 35)


class Paint:
    """Albedo `[V, 3]`, shading parameters `[V, 5]` and anchors `[V, 3]` of a kit's vertices.

    Args:
        points: the head at rest in the world, `[V, 3]`; marks: its 68 landmarks `[68, 3]`.
        sculpt_mm: skin vertices in the sculpt's millimetres, where hairline and beard are known.
        sky: ambient occlusion `[V]`; eye_centres: of both eyeballs `[2, 3]`; ear, tongue: which vertices
            are theirs `[V]`.
    """

    def __init__(self, points, marks, sculpt_mm, sky, eye_centres, ear, tongue, units_mm: float, look: Look) -> None:
        self.points, self.marks, self.ear, self.tongue, self.look = points, marks, ear, tongue, look
        self.tone = pick(appearance.SKIN_TONES, look.skin_tone)
        self.albedo = np.tile(self.tone, (N_VERTICES, 1))
        self.params = np.tile([1.0, 0.50, 1.0, 0.47, 0.0], (N_VERTICES, 1))
        self.params[:, 0] = np.clip(0.10 + 0.95 * sky**0.85, 0.16, 1)
        self.anchors = points * units_mm
        self.front = (np.arange(N_VERTICES) < FACE.stop) & (points[:, 2] > 0.1)
        self._complexion()
        self._beard(sculpt_mm)
        self._lids()
        self._lips()
        self._scalp(sculpt_mm)
        self._inside()
        for part, centre in zip(EYES, eye_centres):
            out = points[part] - centre
            self.anchors[part] = out / np.linalg.norm(out, axis=1, keepdims=True)
            self.albedo[part], self.params[part] = 1.0, 1.0

    def _coat(self, weight: np.ndarray, color: np.ndarray) -> None:
        weight = np.clip(weight, 0, 1)[:, None]
        self.albedo = self.albedo * (1 - weight) + color * weight

    def _spot(self, centre, size) -> np.ndarray:
        """A soft bump round a point of the left half, on both sides, `[V]`."""
        mirrored = np.concatenate([np.abs(self.points[:, :1]), self.points[:, 1:]], 1)
        return np.exp(-(((mirrored - centre) / size) ** 2).sum(1))

    def _complexion(self) -> None:
        tone, blush, marks = self.tone, self.look.blush, self.marks
        red = tone * [1.0, 0.60, 0.55]
        nostril, eye = np.abs(marks[35]), (marks[42] + marks[45]) / 2
        cheek = nostril + [0.10, 0.02, -0.07]
        self._coat(0.62 * blush * self._spot(cheek, [0.085, 0.07, 0.11]), red)
        self._coat(0.55 * blush * self._spot(marks[30], [0.055, 0.05, 0.07]), red)
        self._coat(0.30 * blush * self._spot(marks[8] + [0, 0.05, 0.05], [0.07, 0.05, 0.08]), red)
        ear = (
            (np.abs(self.points[:, 0]) > 0.335) & (self.points[:, 2] < 0.05) & (np.abs(self.points[:, 1] + 0.05) < 0.2)
        )
        self._coat(0.35 * ear, tone * [1.0, 0.62, 0.56])
        self._coat(0.40 * self._spot(eye + [0, 0.012, 0], [0.09, 0.05, 0.08]), tone * [0.80, 0.62, 0.60])
        shadow = 0.26 + 0.3 * self.look.age
        self._coat(shadow * self._spot(eye + [-0.01, -0.055, 0], [0.065, 0.026, 0.08]), tone * [0.84, 0.68, 0.70])
        self._coat(0.22 * self._spot([0, 0.22, 0.33], [0.22, 0.10, 0.2]), tone * 1.05)
        self._coat(0.30 * ramp(marks[8, 1] + 0.02, marks[8, 1] - 0.10, self.points[:, 1]), tone * [0.92, 0.84, 0.80])
        hole = np.max([self._spot(np.abs(marks[k]) + [0.0, 0.014, -0.012], 0.013) for k in NOSTRILS[2:]], axis=0)
        self._coat(0.85 * ramp(0.35, 0.9, hole), tone * [0.22, 0.10, 0.09])
        self.params[:, 0] *= 1 - 0.8 * ramp(0.35, 0.9, hole)
        bridge = [0, marks[28, 1], marks[28, 2]]
        cheeks = self._spot(cheek, [0.11, 0.06, 0.12]) + 0.8 * self._spot(bridge, [0.06, 0.06, 0.08])
        freckles = cheeks + 0.25 * self._spot([0, 0.2, 0.33], [0.18, 0.1, 0.15])
        self.params[:, 4] = self.look.freckles * np.clip(freckles, 0, 1) * self.front
        self.params[:, 1] += 0.35 * self._spot(marks[30], [0.05, 0.07, 0.08])
        self.params[:, 1] += 0.16 * self._spot([0, 0.2, 0.35], [0.15, 0.1, 0.12]) + 0.12 * self._spot(cheek, 0.06)

    def _beard(self, sculpt_mm: np.ndarray) -> None:
        if self.look.stubble <= 0:
            return
        shade = pick(appearance.HAIR_COLORS, self.look.hair_color) * 0.35 + self.tone * 0.40
        cover = np.zeros(N_VERTICES)
        cover[SKIN] = beard_area(sculpt_mm)
        self._coat(0.34 * self.look.stubble * cover, shade)

    def _lips(self) -> None:
        tone, look = self.tone, self.look
        outline = np.concatenate([_smooth(self.marks[list(range(48, 55))]), _smooth(self.marks[list(OUTER_LIPS[1])])])
        depth = inside_depth(self.points[:, :2], outline[:, :2])
        lips = np.where(self.front, ramp(-0.005, 0.006, depth), 0.0)
        dark = look.skin_tone  # darker skin has lips nearer to it
        color = (
            tone * [0.82 - 0.06 * dark, 0.42 + 0.16 * dark, 0.46 + 0.18 * dark] * 0.88
            + 0.045 * np.array([1.0, 0.15, 0.2]) * look.lip_color
        )
        deeper = np.where(self.front, ramp(0.004, 0.030, depth), 0.0)
        self._coat(0.30 * np.where(self.front, ramp(-0.016, 0.0, depth), 0.0), tone * [0.98, 0.74, 0.70])
        self._coat(0.86 * lips, color)
        self._coat(0.45 * deeper, color * [0.86, 0.68, 0.68])
        self.params[:, 1] = self.params[:, 1] * (1 - lips) + 1.15 * lips
        self.params[:, 3] = self.params[:, 3] * (1 - lips) + 0.32 * lips
        self.params[:, 0] = np.maximum(self.params[:, 0], 0.55 * lips)

    def _lids(self) -> None:
        tone = self.tone
        line = tone * [0.30, 0.19, 0.17]
        for upper, lower, corner in zip(UPPER_LIDS, LOWER_LIDS, INNER_CORNERS):
            gap = line_distance(self.points, _smooth(self.marks[list(upper)]))
            self._coat(0.30 * ramp(0.034, 0.008, gap) * self.front, tone * [0.72, 0.52, 0.50])
            self._coat(0.80 * ramp(0.010, 0.003, gap) * self.front, line)
            gap = line_distance(self.points, _smooth(self.marks[list(lower)]))
            self._coat(0.55 * ramp(0.013, 0.003, gap) * self.front, tone * [0.92, 0.58, 0.56])
            gap = np.linalg.norm(self.points - self.marks[corner], axis=1)
            self._coat(0.75 * ramp(0.020, 0.006, gap) * self.front, tone * [0.95, 0.50, 0.48])

    def _scalp(self, sculpt_mm: np.ndarray) -> None:
        bare = self.look.hair_style == "bald"
        cover = np.zeros(N_VERTICES)
        cover[SKIN] = scalp_cover(sculpt_mm) * ~self.ear[SKIN] * (0.12 if bare else 1.0)
        self._coat(0.92 * cover, pick(appearance.HAIR_COLORS, self.look.hair_color) * 0.36)
        self.params[:, 1] *= 1 - 0.85 * cover
        self.params[:, 2] *= 1 - 0.7 * cover

    def _inside(self) -> None:
        tone = self.tone
        self.albedo[SOCKETS] = tone * [0.72, 0.40, 0.38]
        sky = self.params[:, 0].copy()
        z = self.points[:, 2]
        deep = ramp(0.12, 0.33, z)
        for part, albedo, gloss, warmth, rough in (
            (MOUTH, appearance.INSIDE * [0.85, 0.7, 0.7], 0.9, 0.6, 0.30), (GUMS, appearance.GUMS, 0.9, 0.6, 0.30),
            (TEETH, appearance.WHITE_OF_TEETH * [0.93, 0.90, 0.84], 1.3, 0.25, 0.22),
        ):  # fmt: skip
            self.albedo[part] = albedo
            self.params[part, 1:] = [gloss, warmth, rough, 0.0]
            self.params[part, 0] = np.clip(sky[part] * (0.25 + 0.75 * deep[part]), 0.03, 1)
        front = np.where(np.arange(TEETH.start, TEETH.stop) < LOWER_TEETH, 0.85, 0.55) * ramp(0.24, 0.345, z[TEETH])
        self.params[TEETH, 0] = np.maximum(np.minimum(self.params[TEETH, 0], 0.85), front)
        self.albedo[self.tongue] = appearance.TONGUE * [0.95, 0.85, 0.85]


def _smooth(points: np.ndarray) -> np.ndarray:
    """A smooth line `[64, 3]` through a few points."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return CubicSpline(along, points)(np.linspace(0, along[-1], 64))


def line_distance(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance `[N]` of points from a polyline, in as many dimensions as they have."""
    best = np.full(len(points), np.inf)
    for a, b in pairwise(line):
        t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a) + 1e-18), 0, 1)[:, None]
        best = np.minimum(best, np.linalg.norm(points - (a + t * (b - a)), axis=1))
    return best


def inside_depth(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Distance `[N]` to a closed polygon in the plane, positive inside."""
    closed = np.concatenate([polygon, polygon[:1]])
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in pairwise(closed):
        crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
        inside ^= crosses & (points[:, 0] < (x1 - x0) * (points[:, 1] - y0) / (y1 - y0 + 1e-12) + x0)
    return np.where(inside, 1, -1) * line_distance(points, closed)
