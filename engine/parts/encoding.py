"""Positional encodings: sines and cosines of doubling frequencies beside the value itself."""

import torch
from torch import Tensor


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
    sine, cosine = torch.sin(values), torch.cos(values)
    parts = [values, sine, cosine - 1]
    for _ in range(n_frequencies - 1):
        sine, cosine = 2 * sine * cosine, 1 - 2 * sine * sine
        parts += [sine, cosine - 1]
    return torch.cat(parts, dim=-1)


def encoded_width(n_values: int, n_frequencies: int) -> int:
    """Width of `encode_position` for so many values."""
    return n_values * (1 + 2 * n_frequencies)
