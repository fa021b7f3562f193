"""Which of MediaPipe's 478 points are what: outlines, eyes, lips, and the ones that move with the skull.

`left` is the person's left (the picture's right).
"""

import numpy as np

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""From the middle of the forehead clockwise in the picture, over the person's left ear, chin and right ear."""

FOREHEAD, CHIN, RIGHT_EAR, LEFT_EAR = 10, 152, 234, 454

OUTER_LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip

INNER_LIPS = (78, 81, 13, 311, 308, 402, 14, 178)

LEFT_EYE = (263, 387, 385, 362, 380, 373)
RIGHT_EYE = (33, 160, 158, 133, 153, 144)
"""Corner, two upper lid, other corner, two lower lid: the six points of the eye aspect ratio."""

LEFT_BROW = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
RIGHT_BROW = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107)

RIGID = (
    6, 168, 197, 195, 5, 4, 8, 9, 151, 10, 108, 337, 67, 297, 103, 332, 54, 284, 21, 251, 162, 389, 127, 356, 33, 133,
    263, 362, 143, 372, 156, 383, 117, 346, 118, 347, 50, 280, 1, 2, 98, 327, 122, 351, 196, 419, 3, 248, 114, 343,
    234, 454, 116, 345, 34, 264, 139, 368, 71, 301, 68, 298,
)  # fmt: skip
"""Nose, forehead, temples, eye corners, cheek bones: what keeps its place on the skull while a person talks."""


def head_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Middle of the face (pixels), unit vector to its top in the picture, and its height in pixels.

    Args:
        points: landmarks `[478, 2 or more]`.
    """
    xy = points[:, :2]
    up = xy[FOREHEAD] - xy[CHIN]
    height = float(np.linalg.norm(up))
    return (xy[FOREHEAD] + xy[CHIN]) / 2, up / max(height, 1e-6), height
