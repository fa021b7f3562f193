"""The colours of a head: skin, lips, lids and mouth per vertex, and the palettes of skin, hair and eyes."""

import numpy as np

from engine.heads.sculpt.curves import CREASE, N_EYE, mouth_parameters
from engine.heads.sculpt.fields import ramp
from engine.heads.sculpt.identity import Look
from engine.heads.sculpt.rings import CONTACT_RING, LIP_BORDER_RING, Label
from engine.heads.sculpt.scalp import beard_area, scalp_cover
from engine.heads.sculpt.surface import direction, distance
from engine.heads.sculpt.template import Template


def linear(*rgb: float) -> np.ndarray:
    """A display colour 0 to 255 as linear light."""
    return (np.asarray(rgb, float) / 255) ** 2.2


SKIN_TONES = np.array([
    linear(236, 198, 176), linear(228, 182, 157), linear(212, 162, 136), linear(172, 127, 104), linear(124, 92, 76),
    linear(84, 63, 54),
])  # fmt: skip
HAIR_COLORS = np.array([
    linear(30, 23, 20), linear(62, 41, 29), linear(102, 66, 43), linear(150, 106, 66), linear(206, 168, 112),
    linear(142, 66, 34), linear(156, 153, 150),
])  # fmt: skip
IRIS_COLORS = np.array([
    linear(74, 47, 28), linear(116, 78, 40), linear(108, 118, 66), linear(72, 130, 122), linear(84, 134, 178),
    linear(126, 146, 160),
])  # fmt: skip
WHITE_OF_TEETH = linear(246, 240, 228)
GUMS = linear(186, 96, 96)
TONGUE = linear(192, 98, 100)
INSIDE = linear(140, 58, 58)
LASH = linear(30, 22, 20)
BROW_SHADE = linear(84, 58, 44)


def pick(palette: np.ndarray, t: float) -> np.ndarray:
    """A colour between the entries of a palette, t from 0 to 1."""
    t = float(np.clip(t, 0, 1)) * (len(palette) - 1)
    i = min(int(t), len(palette) - 2)
    return palette[i] * (1 - (t - i)) + palette[i + 1] * (t - i)


class Paint:
    """Albedo `[V, 3]` and shading parameters of the skin, painted coat by coat on the template."""

    def __init__(self, template: Template, look: Look) -> None:
        self.template, self.look = template, look
        self.points = template.vertices * [1, 1, 1]
        self.points[:, 0] = np.abs(self.points[:, 0])
        self.tone = pick(SKIN_TONES, look.skin_tone)
        self.albedo = np.tile(self.tone, (len(self.points), 1))
        self.occlusion = _sky(template.vertices)
        self.gloss = np.full(len(self.points), 0.50)
        self._complexion()
        self._beard()
        self._lips()
        self._lids()
        self._inside()
        self._scalp()

    @property
    def params(self) -> np.ndarray:
        """Occlusion, gloss, warmth, roughness and freckles `[V, 5]`."""
        inner = self.template.labels == Label.MOUTH
        warmth = np.where(inner, 0.6, 1.0) * (1 - 0.7 * self._cover)
        rough = np.where(self.template.labels == Label.LIP, 0.30, np.where(inner, 0.25, 0.47))
        return np.stack([self.occlusion, self.gloss, warmth, rough, self.freckles], 1)

    def _spot(self, centre, size) -> np.ndarray:
        return np.exp(-(((self.points - np.array(centre)) / np.array(size)) ** 2).sum(1))

    def _coat(self, weight: np.ndarray, color: np.ndarray) -> None:
        self.albedo = self.albedo * (1 - weight[:, None]) + color * weight[:, None]

    def _on_rings(self, rings: np.ndarray):
        """Rows of rings of the left half, then of their mirror images."""
        return (rings, self.template.mirrored[rings])

    def _complexion(self) -> None:
        tone, blush, spot = self.tone, self.look.blush, self._spot
        red = tone * np.array([1.0, 0.62, 0.58])
        self._coat(0.60 * blush * spot((36, -28, 60), (17, 14, 30)), red)
        self._coat(0.45 * blush * spot((0, -36, 102), (11, 9, 14)), red)
        self._coat(0.25 * blush * spot((10, -41, 90), (7, 7, 12)), red)
        self._coat(0.20 * blush * spot((0, -95, 84), (16, 10, 20)), red)
        self._coat(0.34 * spot((32, 4, 74), (20, 12, 22)), tone * np.array([0.86, 0.68, 0.66]))
        self._coat((0.22 + 0.3 * self.look.age) * spot((24, -15, 76), (14, 6, 16)), tone * np.array([0.88, 0.74, 0.77]))
        self._coat(0.25 * spot((0, 24, 84), (40, 14, 40)), tone * 1.05)
        y, z = self.points[:, 1], self.points[:, 2]
        self._coat(0.25 * ramp(-60, -110, y) * (z > 0), tone * np.array([0.90, 0.84, 0.80]))
        nostril = 0.85 * np.clip(1.8 * spot((5.5, -44.0, 90.5), (2.7, 3.6, 4.4)) - 0.35, 0, 1)
        self._coat(nostril, tone * np.array([0.30, 0.15, 0.13]))
        cheeks = spot((26, -24, 76), (24, 13, 34)) + 0.8 * spot((0, -18, 96), (14, 12, 20))
        self.freckles = self.look.freckles * np.clip(cheeks + 0.25 * spot((0, 40, 84), (40, 22, 40)), 0, 1)
        self.gloss += 0.35 * spot((0, -34, 104), (12, 20, 20)) + 0.15 * spot((0, 45, 84), (36, 20, 30))
        self.gloss += 0.12 * spot((36, -22, 66), (14, 12, 20))

    def _beard(self) -> None:
        if self.look.stubble > 0:
            shade = pick(HAIR_COLORS, self.look.hair_color) * 0.4 + self.tone * 0.45
            self._coat(self.look.stubble * 0.30 * beard_area(self.template.vertices), shade)

    def _lips(self) -> None:
        dark = self.look.skin_tone  # darker skin has lips nearer to it
        lips = self.tone * np.array([0.78, 0.41 + 0.14 * dark, 0.42 + 0.19 * dark]) * 0.88
        lips = lips + linear(190, 92, 100) * 0.12 * (1 - dark)
        lips = lips + 0.03 * np.array([1, 0.2, 0.25]) * self.look.lip_color
        weights = {5: 0.35, 6: 0.75, 7: 0.9, 8: 1, 9: 1, 10: 1, 11: 1}
        shades = {9: 0.88, 10: 0.5, 11: 0.4}
        towards_corner, side = mouth_parameters()
        for ring, weight in weights.items():
            # fuller lips: the roll catches light, the corners and the upper lip lie in shade
            roll = 1 + 0.10 * np.sin(np.pi * np.clip((ring - 5) / 4, 0, 1)) * (1 - towards_corner**2)
            depth = roll * (1 - 0.30 * towards_corner**4) * np.where(side > 0, 0.90, 1.0)
            red = np.stack([0 * depth + 1, depth**0.4, depth**0.4], 1)
            for rows in self._on_rings(self.template.mouth[ring]):
                tinted = lips * depth[:, None] * red
                color = self.albedo[rows] * (1 - weight) + tinted * weight
                self.albedo[rows] = color * shades.get(ring, 1.0)
                self.gloss[rows] = (1.3 if ring < 9 else 0.6) * (1 - 0.5 * towards_corner**2)
                if ring < CONTACT_RING:
                    self.occlusion[rows] = np.maximum(self.occlusion[rows], 0.82)

    def _inside(self) -> None:
        inner = self.template.labels == Label.MOUTH
        self.albedo[inner] = INSIDE
        self.gloss[inner] = 1.2
        depth = {10: 0.55, 11: 0.45, 12: 0.45, 13: 0.34, 14: 0.24}
        for ring in range(CONTACT_RING, len(self.template.mouth)):
            for rows in self._on_rings(self.template.mouth[ring]):
                self.occlusion[rows] = depth.get(ring, 0.08)

    def _lids(self) -> None:
        upper = ramp(-0.2, 0.35, np.sin(np.arange(N_EYE) / N_EYE * 2 * np.pi))
        line = self.tone * np.array([0.42, 0.28, 0.26]) * 0.55
        dark_above, dark_below, pink_below = (
            (0.8, 0.75, 0.9, 0.92, 0.42),
            (0.25, 0.10, 0.12, 0.24, 0.04),
            (1, 1, 0.8, 0, 0),
        )
        for k, ring in enumerate([*self.template.tucked, *self.template.eye]):
            for rows in self._on_rings(ring):
                if k < len(dark_above):
                    dark = (dark_below[k] + (dark_above[k] - dark_below[k]) * upper)[:, None]
                    pink = (pink_below[k] * (1 - upper))[:, None]
                    color = self.albedo[rows] * (1 - pink) + self.tone * np.array([1.0, 0.66, 0.64]) * pink
                    self.albedo[rows] = color * (1 - dark) + line * dark
                self.occlusion[rows] = np.maximum(self.occlusion[rows], 0.74)
                if k == len(self.template.tucked) + CREASE:
                    self.occlusion[rows] *= 1 - 0.28 * upper

    def _scalp(self) -> None:
        bare = self.look.hair_style == "bald"
        self._cover = scalp_cover(self.template.vertices) * (self.points[:, 2] < 95) * (0.12 if bare else 1.0)
        self._coat(0.92 * self._cover, pick(HAIR_COLORS, self.look.hair_color) * 0.36)
        self.occlusion = self.occlusion * (1 - 0.25 * self._cover)
        self.gloss = self.gloss * (1 - 0.85 * self._cover)


def _sky(vertices: np.ndarray) -> np.ndarray:
    """Ambient occlusion `[V]` from the sculpt's distance field along the normal (Evans 2006)."""
    normal = direction(vertices)
    at_nose = np.exp(-((vertices[:, 0] / 14) ** 2 + ((vertices[:, 1] + 47) / 6) ** 2))
    start = np.clip(distance(vertices), -4, 0) * (1 - at_nose)
    blocked = np.zeros(len(vertices))
    for reach, weight in ((2, 0.30), (5, 0.28), (10, 0.24), (20, 0.22), (34, 0.14)):
        blocked += weight * np.clip(1 - (distance(vertices + normal * reach) - start) / reach, 0, 1.2)
    return np.clip(1 - 0.9 * blocked, 0.22, 1)


assert LIP_BORDER_RING == 5
