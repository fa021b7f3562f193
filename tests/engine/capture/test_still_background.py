"""A still wall is background; plain dark hair, as still as it where the head hardly moves, is not."""

import cv2
import numpy as np

from engine.capture.still_background import find_still_background

SIDE = 128
WALL, HAIR, SKIN = (108, 116, 124), (42, 30, 26), (150, 100, 80)


def picture(shift: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A head whose hair reaches the top of the picture; where skull and face are, and where no hair reaches."""
    rng = np.random.default_rng(shift + 10)
    made = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    middle = SIDE // 2 + shift
    cv2.ellipse(made, (middle, 52), (38, 54), 0, 0, 360, HAIR, -1)
    cv2.ellipse(made, (middle, 66), (24, 36), 0, 0, 360, SKIN, -1)
    made = np.clip(made + rng.integers(-2, 3, made.shape), 0, 255).astype(np.uint8)
    certain, reach = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(certain, (middle, 62), (26, 40), 0, 0, 360, 1, -1)
    cv2.ellipse(reach, (middle, 62), (46, 70), 0, 0, 360, 1, -1)
    clear = (reach == 0) & (np.arange(SIDE)[:, None] < 90)
    return made, certain > 0, clear


def test_plain_hair_that_keeps_still_is_no_background():
    pictures, certain, clear = zip(*(picture(shift) for shift in (0, 1, -1, 2, -2, 1, 0, -1, 2, -2)), strict=True)
    found = find_still_background(list(pictures), list(certain), list(clear))
    hair = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(hair, (SIDE // 2, 52), (32, 48), 0, 0, 360, 1, -1)
    cv2.ellipse(hair, (SIDE // 2, 66), (30, 44), 0, 0, 360, 0, -1)
    assert found.is_known
    assert not found.known[hair > 0].any()
    assert found.known[10:100, :12].mean() > 0.95 and found.known[10:100, -12:].mean() > 0.95
