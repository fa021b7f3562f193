"""The light of the studio: key, fill, two rims and a hemisphere, fixed to the world, and the key's shadow map."""

from dataclasses import dataclass, field

import numpy as np
from numba import njit

from engine.synth.visibility import rasterize

SHADOW_SIDE = 640
FLOOR = 9.0  # 1 below the middle of the head: the blur must not reach into an abyss
SHADOW_REACH = 1.05  # head heights from the centre that the shadow map covers


def _unit(*vector: float) -> np.ndarray:
    return np.array(vector) / np.linalg.norm(vector)


@dataclass(frozen=True)
class Light:
    """Directions point from the face to the lamp; colours are linear."""

    key: np.ndarray = field(default_factory=lambda: _unit(-0.66, 0.60, 0.70))
    fill: np.ndarray = field(default_factory=lambda: _unit(0.88, 0.12, 0.62))
    rim: np.ndarray = field(default_factory=lambda: _unit(0.72, 0.45, -0.72))
    rim_cool: np.ndarray = field(default_factory=lambda: _unit(-0.85, 0.28, -0.55))
    key_color: tuple[float, float, float] = (2.60, 2.40, 2.12)
    fill_color: tuple[float, float, float] = (0.36, 0.37, 0.40)
    rim_color: tuple[float, float, float] = (1.9, 1.72, 1.55)
    rim_cool_color: tuple[float, float, float] = (0.80, 1.0, 1.35)
    sky: tuple[float, float, float] = (0.38, 0.38, 0.405)
    ground: tuple[float, float, float] = (0.25, 0.18, 0.155)
    exposure: float = 1.0

    def packed(self) -> np.ndarray:
        """Rows of three the shader reads, float32 `[10, 3]`."""
        return np.array(
            [self.key, self.fill, self.rim, self.rim_cool, self.key_color, self.fill_color, self.rim_color,
             self.rim_cool_color, self.sky, self.ground], np.float32,
        )  # fmt: skip


def light_frame(light: Light) -> np.ndarray:
    """World to light: x, y across the lamp's view, z towards the lamp, float64 `[3, 3]`."""
    x = np.cross([0.0, 1.0, 0.0], light.key)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(light.key, x), light.key])


def to_shadow(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """World points `[N, 3]` as shadow-map x, y and height towards the lamp plus 10, float32 `[N, 3]`."""
    seen = points @ frame.T
    half = SHADOW_SIDE / 2
    out = np.empty((len(points), 3), np.float32)
    out[:, 0] = half + seen[:, 0] * half / SHADOW_REACH
    out[:, 1] = half - (seen[:, 1] + 0.12) * half / SHADOW_REACH
    out[:, 2] = seen[:, 2] + 10.0
    return out


def shadow_map(frame: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Height of the first surface below the lamp plus 10, `FLOOR` where there is none; float32 `[SIDE, SIDE]`."""
    heights = np.full((SHADOW_SIDE, SHADOW_SIDE), FLOOR, np.float32)
    ids = np.full((SHADOW_SIDE, SHADOW_SIDE), -1, np.int32)
    rasterize(to_shadow(frame, vertices), faces, heights, ids)
    return heights


@njit(nogil=True, fastmath=True, cache=True)
def moments(heights: np.ndarray, radius: int) -> np.ndarray:
    """Mean and mean square of a height map, box-blurred twice, `[SIDE, SIDE, 2]` (Donnelly and Lauritzen 2006)."""
    side = heights.shape[0]
    out = np.empty((side, side, 2), np.float32)
    for y in range(side):
        for x in range(side):
            h = heights[y, x] - 10.0
            out[y, x, 0], out[y, x, 1] = h, h * h
    line = np.empty((side, 2), np.float32)
    share = 1.0 / (2 * radius + 1)
    for axis in range(2):
        for _ in range(2):
            for at in range(side):
                s0, s1 = 0.0, 0.0
                for k in range(-radius, radius + 1):
                    j = min(max(k, 0), side - 1)
                    s0 += out[at, j, 0] if axis == 0 else out[j, at, 0]
                    s1 += out[at, j, 1] if axis == 0 else out[j, at, 1]
                for k in range(side):
                    line[k, 0], line[k, 1] = s0 * share, s1 * share
                    a, b = min(k + radius + 1, side - 1), max(k - radius, 0)
                    if axis == 0:
                        s0 += out[at, a, 0] - out[at, b, 0]
                        s1 += out[at, a, 1] - out[at, b, 1]
                    else:
                        s0 += out[a, at, 0] - out[b, at, 0]
                        s1 += out[a, at, 1] - out[b, at, 1]
                for k in range(side):
                    if axis == 0:
                        out[at, k, 0], out[at, k, 1] = line[k, 0], line[k, 1]
                    else:
                        out[k, at, 0], out[k, at, 1] = line[k, 0], line[k, 1]
    return out
