"""Where the head is in each picture, and maps that move with it.

The place is the projected middle of the skull, not of the face: when a head turns, the face slides across the picture
while hair and skull stay, and it is their outline that masks are made of.
"""

from dataclasses import dataclass

import cv2
import numpy as np

MAP_SIZE = 256
MAP_SPAN = 2.0
"""A head-centred map is this many head heights wide."""


@dataclass(frozen=True)
class HeadPlace:
    """A head in one picture.

    Attributes:
        middle: pixels x, y.
        up: unit vector towards the crown, in the picture.
        height: crown to chin in pixels.
    """

    middle: np.ndarray
    up: np.ndarray
    height: float

    def scaled(self, factor: float) -> "HeadPlace":
        return HeadPlace(self.middle * factor, self.up, self.height * factor)

    def coordinates(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """For each pixel of a square picture: head heights across (to the picture's right) and up from the middle."""
        y, x = np.mgrid[:size, :size].astype(np.float32)
        dx, dy = (x + 0.5 - self.middle[0]) / self.height, (y + 0.5 - self.middle[1]) / self.height
        return -dx * self.up[1] + dy * self.up[0], dx * self.up[0] + dy * self.up[1]

    def along(self, point: np.ndarray) -> float:
        """Head heights of a pixel above the middle."""
        return float((point[:2] - self.middle) @ self.up / self.height)

    def to_map(self, picture: np.ndarray) -> np.ndarray:
        """Resamples a picture to a head-centred map `[MAP_SIZE, MAP_SIZE]`; 0 outside of it."""
        return cv2.warpAffine(picture.astype(np.float32), self._warp(), (MAP_SIZE, MAP_SIZE), flags=cv2.INTER_LINEAR)

    def from_map(self, values: np.ndarray, size: int) -> np.ndarray:
        """The reverse, to a picture of the given side."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(values, self._warp(), (size, size), flags=flags)

    def _warp(self) -> np.ndarray:
        scale = MAP_SIZE / MAP_SPAN / self.height
        turn = scale * np.array([[-self.up[1], self.up[0]], [-self.up[0], -self.up[1]]])
        return np.column_stack([turn, np.array([MAP_SIZE / 2, MAP_SIZE / 2]) - turn @ self.middle])


def head_places(viewmats: np.ndarray, k: np.ndarray) -> list[HeadPlace]:
    """The place of the head in each frame, from its cameras `[T, 4, 4]` and intrinsics `[3, 3]`."""
    places = []
    for viewmat in viewmats:
        middle, crown = (viewmat[:3, :3] @ point + viewmat[:3, 3] for point in (np.zeros(3), np.array([0, 0.5, 0])))
        low, high = (k[:2, :2] @ (p[:2] / p[2]) + k[:2, 2] for p in (middle, crown))
        up = (high - low) / max(float(np.linalg.norm(high - low)), 1e-6)
        places.append(HeadPlace(low, up, float(k[1, 1] / middle[2])))
    return places
