"""The audio code of one window, as the live line asks for it: `AudioCoder` folded into a dozen small products.

Of a pair of steps the first strided convolution sees both with its last two taps, the further ones see a single step
with their middle tap, so that the whole of `AudioNet` is a perceptron over the pair; a convolution along the pairs is a
matrix over all of them: exact. One compiled loop takes a fiftieth of a millisecond for it, of which the modules' calls
alone would take two.
"""

from itertools import pairwise

import numba as nb
import numpy as np
from torch import nn

from engine.parts.audio_net import N_PAIRS, N_STEPS, AudioCoder

SLOPE = np.float32(0.02)


class LiveCoder:
    """The same numbers as an `AudioCoder`, one window at a time, on the processor whatever device the coder is on."""

    def __init__(self, coder: AudioCoder) -> None:
        self._mean, self._scale = _array(coder.feature_mean), _array(coder.feature_scale)
        first, *others = [layer for layer in coder.net.convolutions if hasattr(layer, "weight")]
        taps = _array(first.weight)  # [32, F + 1, 3]
        layers = [(np.concatenate([taps[:, :, 1], taps[:, :, 2]], axis=1).T, _array(first.bias))]
        layers += [(_array(layer.weight)[:, :, 1].T, _array(layer.bias)) for layer in others]
        layers += [(_array(coder.net.linear[i].weight).T, _array(coder.net.linear[i].bias)) for i in (0, 2)]
        self._pairs = _packed(layers)
        scoring = [layer for layer in coder.attention.convolutions if hasattr(layer, "weight")]
        self._scoring = _packed(
            [(_over_pairs(_array(layer.weight)), np.tile(_array(layer.bias), N_PAIRS)) for layer in scoring]
        )
        self._weighing = _array(coder.attention.linear.weight), _array(coder.attention.linear.bias)
        behind = [layer for layer in coder.head or () if isinstance(layer, nn.Linear)]
        n_code = self._pairs[1][-1]
        self._head = _packed([(_array(layer.weight).T, _array(layer.bias)) for layer in behind], n_code)
        self(np.zeros((N_STEPS, len(self._mean)), np.float32), np.ones(N_STEPS, bool))  # compiles now, not on stage

    def __call__(self, window: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The code `[n_code]` of raw features `[16, F]`, or what the coder's head makes of it.

        Args:
            known: which of the steps are heard, bool `[16]`.
        """
        return _code(window, known, self._mean, self._scale, *self._pairs, *self._scoring, *self._weighing, *self._head)


def _packed(layers: list[tuple[np.ndarray, np.ndarray]], n_in: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Layers (weights `[in, out]`, biases) in one piece of memory, and their widths, the input's first."""
    widths = [len(layers[0][0]) if layers else n_in, *(len(bias) for _, bias in layers)]
    numbers = [part.ravel() for layer in layers for part in layer]
    return np.concatenate([*numbers, np.empty(0)]).astype(np.float32), np.array(widths, np.int64)


def _over_pairs(taps: np.ndarray) -> np.ndarray:
    """A convolution `[out, in, 3]` along the eight pairs as one matrix `[8 in, 8 out]`."""
    n_out, n_in, _ = taps.shape
    matrix = np.zeros((N_PAIRS, n_in, N_PAIRS, n_out), np.float32)
    for before, after in pairwise(range(N_PAIRS)):
        matrix[before, :, after], matrix[after, :, before] = taps[:, :, 0].T, taps[:, :, 2].T
    for pair in range(N_PAIRS):
        matrix[pair, :, pair] = taps[:, :, 1].T
    return matrix.reshape(N_PAIRS * n_in, N_PAIRS * n_out)


@nb.njit(cache=True, fastmath=True, nogil=True)
def _code(window, known, mean, scale, pairs, pair_widths, scoring, score_widths, weighing, bias, head, head_widths):
    n_features = window.shape[1]
    steps = np.zeros((window.shape[0], n_features + 1), np.float32)
    for i in range(window.shape[0]):
        if known[i]:
            for j in range(n_features):
                steps[i, j] = (window[i, j] - mean[j]) * scale[j]
            steps[i, n_features] = np.float32(1)
    codes = _through(steps.reshape(N_PAIRS, -1), pairs, pair_widths, SLOPE, False)
    raw = _through(codes.reshape(1, -1), scoring, score_widths, SLOPE, True)[0]
    scores = bias.copy()
    for i in range(N_PAIRS):
        for j in range(N_PAIRS):
            scores[i] += weighing[i, j] * raw[j]
    scores = np.exp(scores - scores.max())
    scores /= scores.sum()
    code = np.zeros((1, codes.shape[1]), np.float32)
    for i in range(N_PAIRS):
        for j in range(codes.shape[1]):
            code[0, j] += scores[i] * codes[i, j]
    return _through(code, head, head_widths, np.float32(0), False)[0]


@nb.njit(cache=True, fastmath=True, nogil=True)
def _through(rows, numbers, widths, slope, bends_last):
    """Rows through layers of `_packed`, a leaky rectifier between them and, if asked for, behind the last."""
    at, n_layers = 0, len(widths) - 1
    for layer in range(n_layers):
        n_in, n_out = widths[layer], widths[layer + 1]
        weights = numbers[at : at + n_in * n_out].reshape(n_in, n_out)
        biases = numbers[at + n_in * n_out : at + (n_in + 1) * n_out]
        at += (n_in + 1) * n_out
        out = np.empty((rows.shape[0], n_out), np.float32)
        for r in range(rows.shape[0]):
            out[r] = biases
        for i in range(n_in):
            for r in range(rows.shape[0]):
                value = rows[r, i]
                for j in range(n_out):
                    out[r, j] += value * weights[i, j]
        if layer < n_layers - 1 or bends_last:
            for r in range(rows.shape[0]):
                for j in range(n_out):
                    out[r, j] = max(out[r, j], slope * out[r, j])
        rows = out
    return rows


def _array(tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().float().numpy())
