"""Positional encodings: sines and cosines of doubling frequencies beside the value itself."""

import numba as nb
import numpy as np
import torch
from torch import Tensor

LEAST_ROWS = 256  # for which the compiled loops pay


def encode_position(values: Tensor, n_frequencies: int) -> Tensor:
    """`gamma(x) = [x, sin x, cos x - 1, sin 2x, cos 2x - 1, ..., cos 2^(L-1) x - 1]`.

    The papers' encoding with one taken off the cosines, so that what is at rest encodes as zero. A following layer's
    bias makes up for it; without it, the many inputs that are always near 1 act as one huge bias, which a few steps of
    Adam drive so low that its rectified units never fire again.

    Higher octaves come from the double-angle formulas: exact up to rounding, a quarter of the cost.

    Args:
        values: `[..., D]`.
        n_frequencies: L; 0 returns the values.

    Returns:
        `[..., D * (1 + 2 L)]`.
    """
    if n_frequencies == 0:
        return values
    suits = values.dtype == torch.float32 and values.device.type == "cpu" and values.dim() == 2
    if values.requires_grad and suits and len(values) >= LEAST_ROWS:
        return _Encoded.apply(values, n_frequencies)
    sine, cosine = torch.sin(values), torch.cos(values)
    parts = [values, sine, cosine - 1]
    for _ in range(n_frequencies - 1):
        sine, cosine = 2 * sine * cosine, 1 - 2 * sine * sine
        parts += [sine, cosine - 1]
    return torch.cat(parts, dim=-1)


def encoded(values: np.ndarray, n_frequencies: int) -> np.ndarray:
    """`encode_position` of a few numbers `[D]`, without torch."""
    if n_frequencies == 0:
        return values
    sine, cosine = np.sin(values), np.cos(values)
    parts = [values, sine, cosine - 1]
    for _ in range(n_frequencies - 1):
        sine, cosine = 2 * sine * cosine, 1 - 2 * sine * sine
        parts += [sine, cosine - 1]
    return np.concatenate(parts)


def encoded_width(n_values: int, n_frequencies: int) -> int:
    """Width of `encode_position` for so many values."""
    return n_values * (1 + 2 * n_frequencies)


class _Encoded(torch.autograd.Function):
    """The encoding of many rows in one pass over memory forward and one back: a quarter of the processor's time.

    In training it is the widest layer there is; as separate operations it costs more than the matrix products.
    """

    @staticmethod
    def forward(ctx, values: Tensor, n_frequencies: int) -> Tensor:
        values = values.detach().float().contiguous()
        out = values.new_empty(len(values), encoded_width(values.shape[1], n_frequencies))
        _encode(values.numpy(), torch.sin(values).numpy(), torch.cos(values).numpy(), n_frequencies, out.numpy())
        ctx.save_for_backward(out)
        ctx.shape = values.shape[1], n_frequencies
        return out

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (out,) = ctx.saved_tensors
        n_values, n_frequencies = ctx.shape
        back = out.new_empty(len(out), n_values)
        _encode_backward(out.numpy(), gradient.float().contiguous().numpy(), n_frequencies, back.numpy())
        return back, None


@nb.njit(cache=True, parallel=True, fastmath=True)
def _encode(values, sines, cosines, n_frequencies, out):
    n_rows, width = values.shape
    for row in nb.prange(n_rows):
        for j in range(width):
            out[row, j] = values[row, j]
            out[row, width + j] = sines[row, j]
            out[row, 2 * width + j] = cosines[row, j] - np.float32(1)
        for k in range(1, n_frequencies):
            at, before = (1 + 2 * k) * width, (2 * k - 1) * width
            for j in range(width):
                sine, cosine = out[row, before + j], out[row, before + width + j] + np.float32(1)
                out[row, at + j] = np.float32(2) * sine * cosine
                out[row, at + width + j] = np.float32(-2) * sine * sine


@nb.njit(cache=True, parallel=True, fastmath=True)
def _encode_backward(encoded, gradient, n_frequencies, back):
    n_rows, width = back.shape
    for row in nb.prange(n_rows):
        for j in range(width):
            back[row, j] = gradient[row, j]
        for k in range(n_frequencies):
            at, factor = (1 + 2 * k) * width, np.float32(2.0**k)
            for j in range(width):
                sine, cosine = encoded[row, at + j], encoded[row, at + width + j] + np.float32(1)
                back[row, j] += factor * (cosine * gradient[row, at + j] - sine * gradient[row, at + width + j])
