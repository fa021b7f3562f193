"""The audio code of one window, as the live line asks for it: `AudioCoder` folded into a dozen small products.

Of a pair of steps the first strided convolution sees both with its last two taps, the further ones see a single step
with their middle tap, so that the whole of `AudioNet` is a perceptron over the pair: exact. Numpy takes a tenth of a
millisecond for it, of which the modules' calls alone would take two.
"""

import numpy as np
from torch import nn

from engine.parts.audio_net import N_PAIRS, AudioCoder

SLOPE = np.float32(0.02)


class LiveCoder:
    """The same numbers as an `AudioCoder`, one window at a time, on the processor whatever device the coder is on."""

    def __init__(self, coder: AudioCoder) -> None:
        self._mean, self._scale = _array(coder.feature_mean), _array(coder.feature_scale)
        first, *others = [layer for layer in coder.net.convolutions if hasattr(layer, "weight")]
        taps = _array(first.weight)  # [32, F + 1, 3]
        self._first = np.ascontiguousarray(np.concatenate([taps[:, :, 1], taps[:, :, 2]], axis=1).T), _array(first.bias)
        self._middle = [(np.ascontiguousarray(_array(layer.weight)[:, :, 1].T), _array(layer.bias)) for layer in others]
        inner, outer = coder.net.linear[0], coder.net.linear[2]
        self._middle.append((np.ascontiguousarray(_array(inner.weight).T), _array(inner.bias)))
        self._last = np.ascontiguousarray(_array(outer.weight).T), _array(outer.bias)
        scoring = [layer for layer in coder.attention.convolutions if hasattr(layer, "weight")]
        self._scoring = [(_over_pairs(_array(layer.weight)), np.tile(_array(layer.bias), N_PAIRS)) for layer in scoring]
        self._weighing = _array(coder.attention.linear.weight), _array(coder.attention.linear.bias)
        behind = [layer for layer in coder.head or () if isinstance(layer, nn.Linear)]
        self._head = [(_array(layer.weight), _array(layer.bias)) for layer in behind]

    def __call__(self, window: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The code `[n_code]` of raw features `[16, F]`, or what the coder's head makes of it.

        Args:
            known: which of the steps are heard, bool `[16]`.
        """
        known = known.astype(np.float32)[:, None]
        steps = np.concatenate([(window - self._mean) * self._scale * known, known], axis=1)
        codes = steps.reshape(N_PAIRS, -1)
        for weight, bias in (self._first, *self._middle):
            codes = _leaky(codes @ weight + bias)
        codes = codes @ self._last[0] + self._last[1]  # [8, n_code]
        scores = codes.reshape(-1)
        for weight, bias in self._scoring:
            scores = _leaky(scores @ weight + bias)
        scores = self._weighing[0] @ scores + self._weighing[1]
        weights = np.exp(scores - scores.max())
        code = (weights / weights.sum()) @ codes
        for number, (weight, bias) in enumerate(self._head):
            code = weight @ (np.maximum(code, 0) if number else code) + bias
        return code


def _over_pairs(taps: np.ndarray) -> np.ndarray:
    """A convolution `[out, in, 3]` along the eight pairs as one matrix `[8 in, 8 out]`."""
    n_out, n_in, _ = taps.shape
    matrix = np.zeros((N_PAIRS, n_in, N_PAIRS, n_out), np.float32)
    for pair in range(N_PAIRS):
        for tap, heard in enumerate((pair - 1, pair, pair + 1)):
            if 0 <= heard < N_PAIRS:
                matrix[heard, :, pair] = taps[:, :, tap].T
    return matrix.reshape(N_PAIRS * n_in, N_PAIRS * n_out)


def _leaky(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, SLOPE * values)


def _array(tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().float().numpy())
