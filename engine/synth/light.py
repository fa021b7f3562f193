"""The light of the studio: key, fill, two rims and a hemisphere, fixed to the world, and the key's shadow map."""

from dataclasses import dataclass, field

import numpy as np
from numba import njit

from engine.synth.visibility import rasterize

SHADOW_SIDE = 640
TILE = 16  # rows that are turned on their side at a time
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


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def moments(heights: np.ndarray, radius: int) -> np.ndarray:
    """Mean and mean square of a height map, box-blurred twice, `[SIDE, SIDE, 2]` (Donnelly and Lauritzen 2006)."""
    side = heights.shape[0]
    # across first: the map lies on its side, so that both blurs run down rows that are next to each other in memory
    here, there = np.empty((side, side, 2), np.float32), np.empty((side, side, 2), np.float32)
    for y0 in range(0, side, TILE):
        for x in range(side):
            for y in range(y0, min(y0 + TILE, side)):
                h = heights[y, x] - 10.0
                here[x, y, 0], here[x, y, 1] = h, h * h
    _blur_down(here, there, radius)
    _blur_down(there, here, radius)
    for y0 in range(0, side, TILE):
        for x in range(side):
            for y in range(y0, min(y0 + TILE, side)):
                there[y, x, 0], there[y, x, 1] = here[x, y, 0], here[x, y, 1]
    _blur_down(there, here, radius)
    _blur_down(here, there, radius)
    return there


@njit(nogil=True, fastmath=True, error_model="numpy")
def _blur_down(source: np.ndarray, out: np.ndarray, radius: int) -> None:
    """Box blur of `source` `[H, W, 2]` down its columns by running sums; the edge rows go on outside."""
    height, width, _ = source.shape
    rows, blurred = source.reshape(height, width * 2), out.reshape(height, width * 2)
    sums, share = np.zeros(width * 2), 1.0 / (2 * radius + 1)
    for k in range(-radius, radius + 1):
        row = rows[min(max(k, 0), height - 1)]
        for i in range(width * 2):
            sums[i] += row[i]
    for y in range(height):
        entering, leaving = rows[min(y + radius + 1, height - 1)], rows[max(y - radius, 0)]
        line = blurred[y]
        for i in range(width * 2):
            line[i] = sums[i] * share
            sums[i] += entering[i] - leaving[i]
