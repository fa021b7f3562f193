"""`PhonesNet` for live sound, a step or two at a time: one compiled loop in place of thirty calls into torch.

A step is bound by reading its weights once; what the calls around that cost is saved. The numbers are the network's
own up to rounding, and the state is the network's, so that either may go on where the other stopped.
"""

import math

import numba as nb
import numpy as np
import torch

from engine.audio.phones_net import PhonesNet, PhonesState

MOST_STEPS = 8
"""Beyond so many steps at once the products of torch are faster."""

_NORM_EPS = np.float32(1e-5)


class LivePhones:
    """The shared part of one network, its weights laid out for single steps."""

    def __init__(self, net: PhonesNet) -> None:
        self._net = net
        gates = [[_array(tensor) for tensor in layer] for layer in net.recurrent.all_weights]
        self._weights = (
            _array(net.first.weight), _array(net.first.bias), _array(net.second.weight), _array(net.second.bias),
            _array(net.norm.weight), _array(net.norm.bias),
            *(np.stack([layer[part] for layer in gates[1:]]) for part in range(4)), *gates[0],
        )  # fmt: skip

    def __call__(self, features: np.ndarray, state: PhonesState | None) -> tuple[np.ndarray, PhonesState]:
        """Features `[T, n_inputs]` of the next few steps -> shared states `[T, hidden]` and what to remember."""
        state = state or self._net.start()
        inputs = np.concatenate([state.first[0].numpy(), features])
        middle = np.empty((len(features) + state.second.shape[1], self._net.width), np.float32)
        middle[: state.second.shape[1]] = state.second[0].numpy()
        recurrent = state.recurrent[:, 0].numpy().copy()
        states = np.empty((len(features), self._net.hidden), np.float32)
        _steps(inputs, middle, recurrent, states, *self._weights)
        kept = inputs[-state.first.shape[1] :], middle[-state.second.shape[1] :]
        first, second = (torch.from_numpy(np.ascontiguousarray(rows))[None] for rows in kept)
        return states, PhonesState(first, second, torch.from_numpy(recurrent)[:, None])


def _array(tensor: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().float().numpy())


@nb.njit(cache=True, nogil=True, fastmath=True)
def _steps(
    inputs, middle, recurrent, states, first, first_bias, second, second_bias, norm, norm_bias,
    upper_in, upper_kept, upper_in_bias, upper_kept_bias, lower_in, lower_kept, lower_in_bias, lower_kept_bias,
):  # fmt: skip
    """Fills `middle` from its fifth row on, `states`, and moves `recurrent` `[layers, hidden]` on."""
    n, width = states.shape[0], middle.shape[1]
    n_before = middle.shape[0] - n
    seen = np.empty(width, np.float32)
    for t in range(n):
        for o in range(width):
            total = first_bias[o]
            for tap in range(3):
                total += _dot(first[o, tap * inputs.shape[1] : (tap + 1) * inputs.shape[1]], inputs[t + tap])
            middle[t + n_before, o] = _gelu(total)
        for o in range(width):
            total = second_bias[o]
            for tap in range(3):
                total += _dot(second[o, tap * width : (tap + 1) * width], middle[t + 2 * tap])
            seen[o] = middle[t + n_before, o] + _gelu(total)
        mean = np.float32(0)
        for o in range(width):
            mean += seen[o]
        mean /= np.float32(width)
        variance = np.float32(0)
        for o in range(width):
            variance += (seen[o] - mean) * (seen[o] - mean)
        scale = np.float32(1) / math.sqrt(variance / np.float32(width) + _NORM_EPS)
        for o in range(width):
            seen[o] = (seen[o] - mean) * scale * norm[o] + norm_bias[o]
        _cell(seen, recurrent[0], lower_in, lower_kept, lower_in_bias, lower_kept_bias)
        for layer in range(1, recurrent.shape[0]):
            _cell(
                recurrent[layer - 1], recurrent[layer], upper_in[layer - 1], upper_kept[layer - 1],
                upper_in_bias[layer - 1], upper_kept_bias[layer - 1],
            )  # fmt: skip
        states[t] = recurrent[recurrent.shape[0] - 1]


@nb.njit(cache=True, nogil=True, fastmath=True)
def _cell(x, h, w_in, w_kept, b_in, b_kept):
    """One gated recurrent unit (Cho et al. 2014, as torch orders its gates: reset, update, new), `h` in place."""
    n = h.shape[0]
    after = np.empty(n, np.float32)
    one = np.float32(1)
    for o in range(n):
        reset = one / (one + math.exp(-(_dot(w_in[o], x) + b_in[o] + _dot(w_kept[o], h) + b_kept[o])))
        q = n + o
        update = one / (one + math.exp(-(_dot(w_in[q], x) + b_in[q] + _dot(w_kept[q], h) + b_kept[q])))
        q += n
        new = math.tanh(_dot(w_in[q], x) + b_in[q] + reset * (_dot(w_kept[q], h) + b_kept[q]))
        after[o] = new + update * (h[o] - new)
    h[:] = after


@nb.njit(cache=True, nogil=True, fastmath=True)
def _dot(a, b):
    total = np.float32(0)
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@nb.njit(cache=True, nogil=True)
def _gelu(x):
    return np.float32(0.5) * x * np.float32(1 + math.erf(x * np.float32(math.sqrt(0.5))))
