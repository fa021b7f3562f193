"""Spherical harmonics to colours for a camera position: the live line's own fast ways."""

import math

import numba as nb
import numpy as np
import torch
from torch import Tensor

from engine.raster import cuda
from engine.raster.kernels.spherical import fill_basis
from engine.raster.reference import colors_from

C0 = 0.28209479177387814
C1 = 0.4886025119029199
CHUNKS = 32


def seen_colors(means: Tensor, coefficients: Tensor, position: np.ndarray | Tensor, degree: int) -> Tensor:
    """As `view_colors`, of tensors on any device: by one kernel where gsplat is."""
    if means.device.type == "cpu":
        arrays = means.numpy(), np.ascontiguousarray(coefficients.numpy())
        return torch.from_numpy(view_colors(*arrays, np.asarray(position), degree))
    position = torch.as_tensor(position, dtype=torch.float32).to(means.device, non_blocking=True)
    return (cuda.colors_from if cuda.is_usable() else colors_from)(degree, coefficients, means, position)


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
    n_terms = (degree + 1) ** 2
    half, zero = np.float32(0.5), np.float32(0)
    for chunk in nb.prange(CHUNKS):
        basis = np.empty(16, np.float32)
        for i in range(chunk * means.shape[0] // CHUNKS, (chunk + 1) * means.shape[0] // CHUNKS):
            x, y, z = means[i, 0] - position[0], means[i, 1] - position[1], means[i, 2] - position[2]
            scale = np.float32(1) / math.sqrt(x * x + y * y + z * z + np.float32(1e-20))
            fill_basis(degree, x * scale, y * scale, z * scale, basis)
            red, green, blue = half, half, half
            for k in range(n_terms):
                red += basis[k] * sh[i, k, 0]
                green += basis[k] * sh[i, k, 1]
                blue += basis[k] * sh[i, k, 2]
            out[i, 0], out[i, 1], out[i, 2] = max(red, zero), max(green, zero), max(blue, zero)
    return out
