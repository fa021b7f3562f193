"""The light of the studio: key, fill, two rims and a hemisphere, fixed to the world, and the key's shadow map."""

from dataclasses import dataclass, field

import numpy as np

from engine.synth.visibility import rasterize

SHADOW_SIDE = 768
SHADOW_REACH = 1.05  # head heights from the centre that the shadow map covers


def _unit(*vector: float) -> np.ndarray:
    return np.array(vector) / np.linalg.norm(vector)


@dataclass(frozen=True)
class Light:
    """Directions point from the face to the lamp; colours are linear."""

    key: np.ndarray = field(default_factory=lambda: _unit(-0.55, 0.62, 0.78))
    fill: np.ndarray = field(default_factory=lambda: _unit(0.88, 0.12, 0.62))
    rim: np.ndarray = field(default_factory=lambda: _unit(0.72, 0.45, -0.72))
    rim_cool: np.ndarray = field(default_factory=lambda: _unit(-0.85, 0.28, -0.55))
    key_color: tuple[float, float, float] = (2.45, 2.28, 2.05)
    fill_color: tuple[float, float, float] = (0.36, 0.37, 0.40)
    rim_color: tuple[float, float, float] = (1.9, 1.72, 1.55)
    rim_cool_color: tuple[float, float, float] = (0.80, 1.0, 1.35)
    sky: tuple[float, float, float] = (0.36, 0.36, 0.385)
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
    """Height of the first surface below the lamp plus 10, 0 where there is none; float32 `[SIDE, SIDE]`."""
    heights = np.zeros((SHADOW_SIDE, SHADOW_SIDE), np.float32)
    ids = np.full((SHADOW_SIDE, SHADOW_SIDE), -1, np.int32)
    rasterize(to_shadow(frame, vertices), faces, heights, ids)
    return heights
