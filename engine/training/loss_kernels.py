"""SSIM and picture-gradient losses with their gradients in one go, compiled: on two cores PyTorch's convolutions with
three channels took an eighth of a training step.

Pictures are `[H, W * 3]` float32 here, colours side by side, so that a step of a pixel is three columns and every loop
over a row is one stretch of memory. Sums go row by row in order: the same bits whatever the threads.
"""

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
N_SCALES, LEAST_SIDE = 3, 16
REACH = SSIM_WINDOW // 2
_taps = np.exp(-(np.arange(REACH + 1) ** 2) / (2 * SSIM_SIGMA**2))
TAPS = (_taps / (2 * _taps.sum() - _taps[0])).astype(np.float32)
"""The middle of the window and its five further values on either side; they sum to 1."""


def is_compiled_for(a: Tensor, b: Tensor) -> bool:
    """Whether the compiled losses apply: float32 colour pictures in main memory, the second one given."""
    return all(x.device.type == "cpu" and x.dtype == torch.float32 and x.shape[-1] == 3 for x in (a, b)) and not (
        b.requires_grad and torch.is_grad_enabled()
    )


class Ssim(torch.autograd.Function):
    """Mean structural similarity of two pictures `[H, W, 3]`; see `engine.training.losses.ssim`."""

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor) -> Tensor:
        value, ctx.gradient = _ssim(_rows(a), _rows(b))
        ctx.shape = a.shape
        return a.new_tensor(value)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, None]:
        return torch.from_numpy(ctx.gradient).view(ctx.shape) * upstream, None


class GradientSsimLoss(torch.autograd.Function):
    """See `engine.training.losses.GradientSsim`, whose arithmetic it is."""

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor) -> Tensor:
        rows_a, rows_b = _rows(a), _rows(b)
        value, ctx.gradient = _edges_from(rows_a - rows_b, 0)
        half_a, half_b = _halved(rows_a), _halved(rows_b)
        if min(a.shape[:2]) >= LEAST_SIDE:
            likeness, gradient = _ssim(half_a, half_b)
            value += 0.5 * (1 - likeness)
            _add_doubled(ctx.gradient, gradient, np.float32(-0.5))
        ctx.shape = a.shape
        return a.new_tensor(value)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, None]:
        return torch.from_numpy(ctx.gradient).view(ctx.shape) * upstream, None


def _rows(picture: Tensor) -> np.ndarray:
    return picture.detach().contiguous().view(picture.shape[0], -1).numpy()


def _ssim(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    across = np.empty((5, *a.shape), dtype=np.float32)
    _blur_products(a, b, TAPS, across)
    sums = np.empty(len(a))
    slopes = np.empty((3, *a.shape), dtype=np.float32)
    _compare(across, TAPS, np.float32(SSIM_C1), np.float32(SSIM_C2), slopes, sums)
    _blur_slopes(slopes, TAPS, across)
    gradient = np.empty_like(a)
    _gather(across, TAPS, a, b, np.float32(1 / a.size), gradient)
    return float(sums.sum() / a.size), gradient


def _edges_from(difference: np.ndarray, scale: int) -> tuple[float, np.ndarray]:
    """Mean differences of neighbours, of this scale and the coarser ones, and their gradient."""
    sums, gradient = np.zeros((2, len(difference))), np.empty_like(difference)
    height, width = difference.shape
    n_across, n_down = height * (width - 3), (height - 1) * width
    _edges(difference, np.float32(1 / max(n_across, 1)), np.float32(1 / max(n_down, 1)), gradient, sums)
    value = sums[0].sum() / n_across + sums[1].sum() / n_down
    if scale + 1 < N_SCALES and min(height, width // 3) >= LEAST_SIDE:
        coarser, coarse_gradient = _edges_from(_halved(difference), scale + 1)
        value += coarser
        _add_doubled(gradient, coarse_gradient, np.float32(1))
    return float(value), gradient


@njit(inline="always")
def _blur_row(row, taps, out):
    """A row whose ends have `REACH` pixels of margin, blurred across."""
    for i in range(len(out)):
        at = i + 3 * REACH
        out[i] = (
            taps[0] * row[at]
            + taps[1] * (row[at - 3] + row[at + 3])
            + taps[2] * (row[at - 6] + row[at + 6])
            + taps[3] * (row[at - 9] + row[at + 9])
            + taps[4] * (row[at - 12] + row[at + 12])
            + taps[5] * (row[at - 15] + row[at + 15])
        )


@njit(inline="always")
def _blur_column(rows, y, taps, out):
    """Row y of a picture blurred down; nothing lies beyond its edges."""
    for i in range(len(out)):
        out[i] = taps[0] * rows[y, i]
    for t in range(1, REACH + 1):
        tap = taps[t]
        if y >= t:
            for i in range(len(out)):
                out[i] += tap * rows[y - t, i]
        if y + t < len(rows):
            for i in range(len(out)):
                out[i] += tap * rows[y + t, i]


@njit(parallel=True, cache=True)  # rounded as written: where a is b, their products are blurred alike
def _blur_products(a, b, taps, out):
    height, width = a.shape
    for y in prange(height):
        row = np.zeros(width + 6 * REACH, dtype=np.float32)
        inner = row[3 * REACH : 3 * REACH + width]
        for k in range(5):
            for i in range(width):
                if k == 0:
                    inner[i] = a[y, i]
                elif k == 1:
                    inner[i] = b[y, i]
                elif k == 2:
                    inner[i] = a[y, i] * a[y, i]
                elif k == 3:
                    inner[i] = b[y, i] * b[y, i]
                else:
                    inner[i] = a[y, i] * b[y, i]
            _blur_row(row, taps, out[k, y])


@njit(parallel=True, cache=True)  # rounded as written, too: a is like a by exactly 1
def _compare(across, taps, c1, c2, slopes, sums):
    """The similarity's sum in each row, and its slope by the blurred a, a a and a b."""
    height, width = across.shape[1:]
    one, two = np.float32(1), np.float32(2)  # whole numbers would make doubles of everything
    for y in prange(height):
        blurred = np.empty((5, width), dtype=np.float32)
        for k in range(5):
            _blur_column(across[k], y, taps, blurred[k])
        total = 0.0
        for i in range(width):
            ma, mb = blurred[0, i], blurred[1, i]
            va, vb, cov = blurred[2, i] - ma * ma, blurred[3, i] - mb * mb, blurred[4, i] - ma * mb
            a1, a2 = two * ma * mb + c1, two * cov + c2
            b1, b2 = ma * ma + mb * mb + c1, va + vb + c2
            part = one / (b1 * b2)
            value = (a1 / b1) * (a2 / b2)
            total += value
            slopes[0, y, i] = two * mb * (a2 - a1) * part + two * ma * value * (one / b2 - one / b1)
            slopes[1, y, i] = -value / b2
            slopes[2, y, i] = two * a1 * part
        sums[y] = total


@njit(parallel=True, fastmath=True, cache=True)
def _blur_slopes(slopes, taps, out):
    _, height, width = slopes.shape
    for y in prange(height):
        row = np.zeros(width + 6 * REACH, dtype=np.float32)
        for k in range(3):
            row[3 * REACH : 3 * REACH + width] = slopes[k, y]
            _blur_row(row, taps, out[k, y])


@njit(parallel=True, fastmath=True, cache=True)
def _gather(across, taps, a, b, weight, gradient):
    height, width = a.shape
    two = np.float32(2)
    for y in prange(height):
        blurred = np.empty((3, width), dtype=np.float32)
        for k in range(3):
            _blur_column(across[k], y, taps, blurred[k])
        for i in range(width):
            gradient[y, i] = weight * (blurred[0, i] + two * a[y, i] * blurred[1, i] + b[y, i] * blurred[2, i])


@njit(parallel=True, fastmath=True, cache=True)
def _edges(d, across, down, gradient, sums):
    """Sums of |differences| to the right and below in each row, and the gradient of their weighed total."""
    height, width = d.shape
    for y in prange(height):
        total_across, total_down = 0.0, 0.0
        for i in range(width):
            gradient[y, i] = 0
        for i in range(width - 3):
            step = d[y, i + 3] - d[y, i]
            total_across += abs(step)
            gradient[y, i] -= across * np.sign(step)
        for i in range(3, width):
            gradient[y, i] += across * np.sign(d[y, i] - d[y, i - 3])
        if y + 1 < height:
            for i in range(width):
                step = d[y + 1, i] - d[y, i]
                total_down += abs(step)
                gradient[y, i] -= down * np.sign(step)
        if y > 0:
            for i in range(width):
                gradient[y, i] += down * np.sign(d[y, i] - d[y - 1, i])
        sums[0, y], sums[1, y] = total_across, total_down


@njit(parallel=True, fastmath=True, cache=True)
def _halved(x):
    """Means of two by two pixels; an odd last row or column is left out."""
    height, width = len(x) // 2, x.shape[1] // 6
    out = np.empty((height, width * 3), dtype=np.float32)
    quarter = np.float32(0.25)
    for y in prange(height):
        for i in range(width):
            for c in range(3):
                at = 6 * i + c
                out[y, 3 * i + c] = quarter * (
                    x[2 * y, at] + x[2 * y, at + 3] + x[2 * y + 1, at] + x[2 * y + 1, at + 3]
                )
    return out


@njit(parallel=True, fastmath=True, cache=True)
def _add_doubled(gradient, coarse, weight):
    """Adds the gradient of `_halved`'s result to that of what it halved."""
    part = np.float32(0.25) * weight
    for y in prange(2 * len(coarse)):
        for i in range(coarse.shape[1] // 3):
            for c in range(3):
                more = part * coarse[y // 2, 3 * i + c]
                gradient[y, 6 * i + c] += more
                gradient[y, 6 * i + c + 3] += more
