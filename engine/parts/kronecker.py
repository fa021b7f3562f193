"""Fusion by Kronecker products: every number of one code meets every number of another."""

import math

import torch
from torch import Tensor


def kronecker(a: Tensor, b: Tensor) -> Tensor:
    """`torch.kron` of the last dimension, row by row: `[..., A]` and `[..., B]` -> `[..., A * B]` (Talk2Me, eq. 8)."""
    return (a[..., :, None] * b[..., None, :]).flatten(-2)


def sinusoids(n_steps: int, width: int) -> Tensor:
    """The transformer's fixed encoding of place, `[n_steps, width]`: half sines, half cosines."""
    rates = torch.exp(torch.arange(width // 2) * (-math.log(1e4) / (width // 2)))
    angles = torch.arange(n_steps)[:, None] * rates
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
