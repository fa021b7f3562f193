"""Spherical harmonics to colours for a camera position, on the CPU: the live line's own fast copy."""

import numba as nb
import numpy as np

C0 = 0.28209479177387814
C1 = 0.4886025119029199
C2 = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005, -1.0925484305920792, 0.5462742152960396)
C3 = (
    -0.5900435899266435, 2.890611442640554, -0.4570457994644658, 0.3731763325901154, -0.4570457994644658,
    1.445305721320277, -0.5900435899266435,
)  # fmt: skip


def view_colors(means: np.ndarray, coefficients: np.ndarray, position: np.ndarray, degree: int) -> np.ndarray:
    """Colours `[N, 3]` seen from a camera position, at least 0 (the convention of 3D Gaussian splatting: + 0.5).

    Args:
        means: float32 `[N, 3]`; coefficients: float32 `[N, K, 3]` with K >= (degree + 1) ** 2.
        position: camera centre in the world, `[3]`.
        degree: 0 to 3.
    """
    return _colors(means, coefficients, np.asarray(position, dtype=np.float32), degree)


@nb.njit(parallel=True, cache=True, fastmath=True)
def _colors(means, sh, position, degree):
    out = np.empty((means.shape[0], 3), np.float32)
    for i in nb.prange(means.shape[0]):
        x, y, z = means[i, 0] - position[0], means[i, 1] - position[1], means[i, 2] - position[2]
        scale = np.float32(1) / np.sqrt(x * x + y * y + z * z + np.float32(1e-20))
        x, y, z = x * scale, y * scale, z * scale
        for c in range(3):
            v = np.float32(C0) * sh[i, 0, c]
            if degree > 0:
                v += np.float32(C1) * (-y * sh[i, 1, c] + z * sh[i, 2, c] - x * sh[i, 3, c])
            if degree > 1:
                v += (
                    np.float32(C2[0]) * x * y * sh[i, 4, c]
                    + np.float32(C2[1]) * y * z * sh[i, 5, c]
                    + np.float32(C2[2]) * (2 * z * z - x * x - y * y) * sh[i, 6, c]
                    + np.float32(C2[3]) * x * z * sh[i, 7, c]
                    + np.float32(C2[4]) * (x * x - y * y) * sh[i, 8, c]
                )
            if degree > 2:
                v += (
                    np.float32(C3[0]) * y * (3 * x * x - y * y) * sh[i, 9, c]
                    + np.float32(C3[1]) * x * y * z * sh[i, 10, c]
                    + np.float32(C3[2]) * y * (4 * z * z - x * x - y * y) * sh[i, 11, c]
                    + np.float32(C3[3]) * z * (2 * z * z - 3 * x * x - 3 * y * y) * sh[i, 12, c]
                    + np.float32(C3[4]) * x * (4 * z * z - x * x - y * y) * sh[i, 13, c]
                    + np.float32(C3[5]) * z * (x * x - y * y) * sh[i, 14, c]
                    + np.float32(C3[6]) * x * (x * x - 3 * y * y) * sh[i, 15, c]
                )
            out[i, c] = max(v + np.float32(0.5), np.float32(0))
    return out
