"""EmbedTalk's two heads in products of bytes: a third of the time of products in bfloat16, and as exact.

The first layer is a sum of a part for each Gaussian and one for each moment, so the greatest value of each of its
channels at a moment is known beforehand: each channel is spread over the 256 steps of a byte, and its step is taken
into the weights, which are rounded to bytes anew each moment, for each output by the greatest of them.
"""

import numba as nb
import numpy as np
from torch import Tensor

from engine.methods.embedtalk.network import DeformNet
from engine.parts.byte_lanes import GROUP, OUTPUTS, ROWS, multiply_bytes, rectified_bytes
from engine.raster.kernels.lanes import load, most, spread, store, total

WORD_RANGE = 8000
"""What the greatest of the Gaussians' own parts becomes in 16 bits; a moment's may be three times as great."""

CHUNKS = 32
LANES = 16


class ByteHeads:
    """Shifts of the active Gaussians, as `LiveDeform.shifts` gives them.

    Args:
        first: the Gaussians' part of the first layer, `[A, H]`, H a multiple of 64.
        position_scale: head heights for one unit of the position head.
    """

    def __init__(self, net: DeformNet, first: Tensor, position_scale: float) -> None:
        own = first.float().numpy()
        self._n, n_hidden = own.shape
        self._unit = WORD_RANGE / max(float(np.abs(own).max(initial=0.0)), 1e-6)
        n_rows = -(-self._n // ROWS) * ROWS
        self._own = np.full((n_rows, n_hidden), -(2**15), np.int16)  # rows that fill up stay 0
        self._own[: self._n] = np.rint(own * self._unit)
        self._greatest = self._own[: self._n].max(axis=0, initial=-(2**15))
        hidden = net.position_head[0], net.opacity_head[0]
        self._weights = np.concatenate([layer.weight.numpy() for layer in hidden])  # [2 H, H]
        self._bias = np.concatenate([layer.bias.numpy() for layer in hidden])
        last = [position_scale * net.position_head[2].weight.numpy(), net.opacity_head[2].weight.numpy()]
        self._last = np.ascontiguousarray(np.concatenate(last))  # [4, H]
        self._last_bias = np.append(
            position_scale * net.position_head[2].bias.numpy(), net.opacity_head[2].bias.numpy()
        )
        self._packed = np.empty((2 * n_hidden // OUTPUTS, n_hidden // GROUP, OUTPUTS, GROUP), np.int8)
        self._steps = np.empty(2 * n_hidden, np.float32)
        self.shifts(np.zeros(n_hidden, np.float32))  # compiles now rather than at the first frame

    def shifts(self, motion_part: np.ndarray) -> np.ndarray | None:
        """`[A, 4]` float32 for a moment's part of the first layer `[H]`; None if that is beyond what bytes can hold."""
        words = np.rint(motion_part * self._unit)
        if not np.abs(words).max() <= 3 * WORD_RANGE:
            return None
        words = words.astype(np.int16)
        greatest = np.maximum(self._greatest.astype(np.int32) + words, 255)
        scale = np.floor(255 * 2.0**15 / greatest).astype(np.int32).clip(max=2**15 - 1).astype(np.int16)
        _rounded(self._weights, (2.0**15 / scale / self._unit).astype(np.float32), self._packed, self._steps)
        out = np.empty((len(self._own), 4), np.float32)
        _heads(self._own, words, scale, self._packed, self._steps, self._bias, self._last, self._last_bias, out)
        return out[: self._n]


@nb.njit(cache=True, fastmath=True, nogil=True)
def _rounded(weights, input_steps, packed, steps):
    """Fills `packed` and the step `[outputs]` of each output's products from weights `[outputs, inputs]`."""
    scaled = np.empty(weights.shape[1], np.float32)
    for o in range(weights.shape[0]):
        greatest = np.float32(1e-20)
        for i in range(weights.shape[1]):
            scaled[i] = weights[o, i] * input_steps[i]
            greatest = max(greatest, abs(scaled[i]))
        inverse = np.float32(127) / greatest
        steps[o] = greatest / np.float32(127)
        panel, column = o // OUTPUTS, o % OUTPUTS
        for i in range(weights.shape[1]):
            packed[panel, i // GROUP, column, i % GROUP] = np.int8(np.rint(scaled[i] * inverse))


@nb.njit(cache=True, parallel=True, fastmath=True, nogil=True)
def _heads(own, shift, scale, packed, steps, bias, last, last_bias, out):
    """Both heads for all rows of `own`, a multiple of `ROWS`; fills `out` `[rows, 4]`."""
    n_hidden = own.shape[1]
    n_groups = own.shape[0] // ROWS
    flat = own.reshape(-1)
    flat_last = last.reshape(-1)
    n_half = n_hidden // OUTPUTS  # panels of each head
    for chunk in nb.prange(CHUNKS):
        inputs = np.empty((ROWS, n_hidden), np.uint8)
        flat_inputs = inputs.reshape(-1)
        sums = np.empty((ROWS, OUTPUTS), np.float32)
        flat_sums = sums.reshape(-1)
        parts = np.empty(ROWS * 4 * LANES, np.float32)
        for group in range(chunk * n_groups // CHUNKS, (chunk + 1) * n_groups // CHUNKS):
            first = group * ROWS
            for at in range(0, ROWS * n_hidden, 32):
                rectified_bytes(flat, np.intp(first * n_hidden + at), shift, scale, flat_inputs, np.intp(at))
            parts[:] = np.float32(0)
            for panel in range(2 * n_half):
                multiply_bytes(inputs, packed, np.intp(panel), sums)
                n_outputs, output = (3, 0) if panel < n_half else (1, 3)
                for row in range(ROWS):
                    for vector in range(0, OUTPUTS, LANES):
                        at = np.intp(panel * OUTPUTS + vector)
                        value = load(flat_sums, np.intp(row * OUTPUTS + vector)) * load(steps, at) + load(bias, at)
                        value = most(value, spread(np.float32(0)))
                        column = panel % n_half * OUTPUTS + vector
                        for o in range(output, output + n_outputs):
                            part = np.intp((row * 4 + o) * LANES)
                            weight = load(flat_last, np.intp(o * n_hidden + column))
                            store(parts, part, load(parts, part) + value * weight)
            for row in range(ROWS):
                for o in range(4):
                    out[first + row, o] = total(load(parts, np.intp((row * 4 + o) * LANES))) + last_bias[o]
