"""Weights over the skin that expressions are made of: bumps, harmonic masks, lids that slide on the eyeball."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from engine.heads.sculpt.curves import N_EYE, N_MOUTH, mouth_parameters
from engine.heads.sculpt.relax import neighbour_mean
from engine.heads.sculpt.rings import CONTACT_RING, LIP_BORDER_RING, Label
from engine.heads.sculpt.surface import EYE
from engine.heads.sculpt.template import Template

LID_FALLOFF = (1, 0.95, 0.885, 0.80, 0.69, 0.54, 0.33, 0.19, 0.09, 0.035, 0)
"""How far each ring round the eye follows the lid's edge."""


def ramp(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


class Fields:
    """Weight fields `[V]` and displacement fields `[V, 3]` (mm) over one template.

    Attributes:
        upper: 1 on the upper lip's side of the mouth, 0 on the lower's, smooth elsewhere.
        jaw: how far each vertex follows the jaw.
    """

    def __init__(self, template: Template) -> None:
        self.template = template
        self.vertices = template.vertices
        n = len(self.vertices)
        self._laplacian = (neighbour_mean(template.faces, n) - sp.eye(n)).tocsr()
        self.left = ramp(-7, 7, self.vertices[:, 0])
        self.upper = self._upper_mask()
        self.jaw = self._jaw_mask()

    def both(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the left half and their twins."""
        rows = np.asarray(rows).ravel()
        return np.concatenate([rows, self.template.mirrored[rows]])

    def bump(self, centre: Sequence[float], size: Sequence[float]) -> np.ndarray:
        """Gaussian weight round a point and its mirror image, `[V]`."""
        points = self.vertices * [1, 1, 1]
        points[:, 0] = np.abs(points[:, 0])
        return np.exp(-(((points - np.array(centre)) / np.array(size)) ** 2).sum(1))

    def push(self, weight: np.ndarray, vector: Sequence[float]) -> np.ndarray:
        """A weight times a vector whose x is mirrored on the right side, `[V, 3]`."""
        out = weight[:, None] * np.asarray(vector, float)
        x = self.vertices[:, 0]
        out[:, 0] *= np.sign(x) * np.minimum(np.abs(x) / 2.0, 1)
        return out

    def on_rings(self, rows: np.ndarray, values: np.ndarray, out: np.ndarray) -> None:
        """Writes displacements of left-half rows and their mirror images into `out`."""
        out[rows] = values
        out[self.template.mirrored[rows]] = values * [-1, 1, 1]

    def harmonic(self, constraints: list[tuple[np.ndarray, np.ndarray | float]]) -> np.ndarray:
        """The smoothest weights (Laplace's equation) with given values at given rows; earlier constraints win."""
        n = len(self.vertices)
        values, fixed = np.zeros(n), np.zeros(n, bool)
        for rows, value in constraints[::-1]:
            values[rows] = value
            fixed[rows] = True
        return self.solve(values[:, None], fixed)[:, 0]

    def solve(self, values: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """Fills the free rows of `values` `[V, C]` harmonically."""
        free = ~fixed
        solver = sla.splu(self._laplacian[free][:, free].tocsc())
        out = values.copy()
        coupling = self._laplacian[free][:, fixed]
        for c in range(values.shape[1]):
            out[free, c] = solver.solve(-(coupling @ values[fixed, c]))
        return out

    def lids(self, upper: float, lower: float) -> np.ndarray:
        """Moves the upper (lower) lid's edge by a share of the gap, + closes, keeping its distance from the eyeball."""
        vertices, template = self.vertices, self.template
        moved = np.zeros_like(vertices)
        edge = vertices[template.eye[0]]
        i = np.arange(N_EYE)
        opposite = (N_EYE - i) % N_EYE
        on_top = i <= N_EYE // 2
        gap = np.where(on_top, edge[i, 1] - edge[opposite, 1], edge[opposite, 1] - edge[i, 1])
        shift = np.where(on_top, -upper * gap, lower * gap)
        for ring, weight in zip([*template.tucked, *template.eye], [1, 1, 1, *LID_FALLOFF]):
            local = vertices[ring] - EYE
            y = local[:, 1] + shift * weight
            z = np.sqrt(np.maximum((local**2).sum(1) - local[:, 0] ** 2 - y**2, 1))
            turn = (z - local[:, 2]) * (local[:, 2] > 0) * min(1, weight * 3)
            self.on_rings(ring, np.stack([0 * shift, shift * weight, turn], 1), moved)
        return moved

    def _upper_mask(self) -> np.ndarray:
        y, z = self.vertices[:, 1], self.vertices[:, 2]
        mouth = self.template.mouth
        upper_lip, lower_lip = self.both(mouth[LIP_BORDER_RING:, :15]), self.both(mouth[LIP_BORDER_RING:, 18:])
        above = np.nonzero((y > -45) & (z > 20) | (z < -10) | (y > 0))[0]
        return self.harmonic([(upper_lip, 1.0), (lower_lip, 0.0), (above, 1.0), (np.nonzero(y < -90)[0], 0.0)])

    def _jaw_mask(self) -> np.ndarray:
        x, y, z = np.abs(self.vertices[:, 0]), self.vertices[:, 1], self.vertices[:, 2]
        labels = self.template.labels
        skull = np.nonzero(((y > -36) | (z < -2) | (y < -118) | ((y < -88) & (z < 35))) & (labels != Label.MOUTH))[0]
        chin = np.nonzero((y < -76) & (y > -112) & (z > 60) & (x < 30) & (labels == Label.SKIN))[0]
        t, up = mouth_parameters()
        lips = []
        for column in range(N_MOUTH):
            # 0.4 at the corner easing to 0 above and 1 below: a hard step would make a box of the mouth
            value = 0.40 * t[column] ** 3.5 if up[column] > 0 else 0.40 + 0.60 * (1 - t[column] ** 2.6)
            lips.append((self.both(self.template.mouth[LIP_BORDER_RING:14, column]), value))
        jaw = self.harmonic([*lips[::-1], (skull, 0.0), (chin, 1.0)])
        for _ in range(12):
            jaw = jaw + 0.5 * (self._laplacian @ jaw)
            for rows, value in lips:
                jaw[rows] = value
        return jaw


assert CONTACT_RING == 10
