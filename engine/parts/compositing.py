"""Putting a rendered picture over what stands behind it, for display and export on the CPU."""

import numba as nb
import numpy as np

from engine.raster.base import Rendered


def finished(rendered: Rendered, behind: np.ndarray | None) -> np.ndarray:
    """The finished picture, straight alpha: float32 `[H, W, 4]`.

    Args:
        rendered: premultiplied colour and alpha.
        behind: None leaves what is empty transparent; a colour `[3]` or a picture `[H, W, 3]` fills it.
    """
    color = np.ascontiguousarray(rendered.color[..., :3], dtype=np.float32)
    alpha = np.ascontiguousarray(rendered.alpha, dtype=np.float32)
    if behind is None:
        return _straight(color, alpha)
    behind = np.asarray(behind, dtype=np.float32)
    if behind.ndim == 1:
        return _over_color(color, alpha, behind)
    return _over_picture(color, alpha, behind)


@nb.njit(parallel=True, cache=True)
def _straight(color, alpha):
    out = np.empty((alpha.shape[0], alpha.shape[1], 4), np.float32)
    for y in nb.prange(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            a = min(max(alpha[y, x], np.float32(0)), np.float32(1))
            scale = np.float32(1) / a if a > np.float32(1e-4) else np.float32(0)
            for c in range(3):
                out[y, x, c] = min(max(color[y, x, c] * scale, np.float32(0)), np.float32(1))
            out[y, x, 3] = a
    return out


@nb.njit(parallel=True, cache=True)
def _over_color(color, alpha, behind):
    out = np.empty((alpha.shape[0], alpha.shape[1], 4), np.float32)
    for y in nb.prange(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            rest = np.float32(1) - alpha[y, x]
            for c in range(3):
                out[y, x, c] = min(max(color[y, x, c] + rest * behind[c], np.float32(0)), np.float32(1))
            out[y, x, 3] = np.float32(1)
    return out


@nb.njit(parallel=True, cache=True)
def _over_picture(color, alpha, behind):
    out = np.empty((alpha.shape[0], alpha.shape[1], 4), np.float32)
    for y in nb.prange(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            rest = np.float32(1) - alpha[y, x]
            for c in range(3):
                out[y, x, c] = min(max(color[y, x, c] + rest * behind[y, x, c], np.float32(0)), np.float32(1))
            out[y, x, 3] = np.float32(1)
    return out
