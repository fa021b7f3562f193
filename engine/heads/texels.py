"""Which triangle of a mesh covers each texel of its UV square."""

import numba as nb
import numpy as np


def rasterized_uv(uv: np.ndarray, faces: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Which triangle covers the middle of each texel `[side, side]` (-1 for none; of several the first), and its
    weights there `[side, side, 3]`. Rows count with v, columns with u."""
    face_of = np.full((side, side), -1, np.int64)
    weights = np.zeros((side, side, 3))
    _fill(np.asarray(uv, np.float64) * side - 0.5, np.asarray(faces, np.int64), face_of, weights)
    return face_of, weights


@nb.njit(cache=True)
def _fill(corners, faces, face_of, weights):
    side = face_of.shape[0]
    for f in range(faces.shape[0] - 1, -1, -1):
        a, b, c = corners[faces[f, 0]], corners[faces[f, 1]], corners[faces[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        for y in range(max(0, int(np.floor(min(a[1], b[1], c[1])))), min(side, int(max(a[1], b[1], c[1])) + 2)):
            for x in range(max(0, int(np.floor(min(a[0], b[0], c[0])))), min(side, int(max(a[0], b[0], c[0])) + 2)):
                v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
                w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
                u = 1 - v - w
                if u >= 0 and v >= 0 and w >= 0:
                    face_of[y, x] = f
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = u, v, w
