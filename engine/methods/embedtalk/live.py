"""The motion-rate arithmetic of EmbedTalk: cached first layer, only the Gaussians that move, buffers reused."""

import numba as nb
import numpy as np
import torch
from torch import Tensor

from engine.device import has_byte_products, has_half_products
from engine.methods.embedtalk.byte_heads import ByteHeads
from engine.methods.embedtalk.network import DeformNet
from engine.parts.byte_lanes import OUTPUTS

ROWS_AT_ONCE = 4096  # in single precision: a slice's activations stay in the processor's cache
PRECISIONS = ("single", "half", "bytes")


def best_precision(net: DeformNet, device: torch.device) -> str:
    """The fastest of `PRECISIONS` on a device whose error no picture shows."""
    if has_byte_products(device) and net.trunk.out_features % OUTPUTS == 0:
        return "bytes"
    return "half" if has_half_products(device) or device.type == "cuda" else "single"


class LiveDeform:
    """`C_z = W_z gamma(z) + b` once; then for each moment `relu(C_z + h0)` and the two heads as one product.

    The same sums as `DeformNet.forward`, with the first layer split by its inputs.

    Args:
        precision: `single`; `half` for products in bfloat16, added up in single precision: 0.4 % of a shift, some
            hundredths of a pixel, for less than half the time; `bytes` as exact in a third of that (see `ByteHeads`).
    """

    def __init__(
        self, net: DeformNet, embeddings: Tensor, means: Tensor, logits: Tensor, active: Tensor, position_scale: float,
        precision: str = "single",
    ) -> None:  # fmt: skip
        self._means, self._logits, self._active = means, logits, active
        self._opacities = torch.sigmoid(logits)
        self._on_cpu = means.device.type == "cpu"
        heads = (net.position_head, net.opacity_head)
        hidden = [head[0] for head in heads]
        n_hidden = hidden[0].out_features
        kind = torch.bfloat16 if precision == "half" else torch.float32
        self._hidden_weights = torch.cat([layer.weight for layer in hidden]).t().to(kind).contiguous()  # [H, 2 H]
        self._hidden_bias = torch.cat([layer.bias for layer in hidden]).to(kind)
        last = torch.zeros(2 * n_hidden, 4, device=means.device)
        last[:n_hidden, :3] = position_scale * net.position_head[2].weight.t()
        last[n_hidden:, 3:] = net.opacity_head[2].weight.t()
        self._last_weights = last.to(kind)
        self._last_bias = torch.cat([position_scale * net.position_head[2].bias, net.opacity_head[2].bias]).to(kind)
        own = net.embedding_part(embeddings[active])
        self._bytes = ByteHeads(net, own, position_scale) if precision == "bytes" else None
        self._cached = own.to(kind).contiguous()  # [A, H]
        in_slices = self._on_cpu and precision != "half"
        n_rows = max(1, min(ROWS_AT_ONCE, len(active)) if in_slices else len(active))
        self._first = torch.empty(n_rows, n_hidden, device=means.device, dtype=kind)
        self._second = torch.empty(n_rows, 2 * n_hidden, device=means.device, dtype=kind)

    def shifts(self, motion_part: Tensor) -> Tensor:
        """Shift of position (head heights) and of the opacity logit for the active Gaussians, `[A, 4]`."""
        if self._bytes is not None:
            shifts = self._bytes.shifts(motion_part.numpy())
            if shifts is not None:
                return torch.from_numpy(shifts)
        motion_part = motion_part.to(self._cached)
        out = torch.empty(len(self._cached), 4, device=self._cached.device, dtype=self._cached.dtype)
        with torch.no_grad():
            for start in range(0, len(out), len(self._first)):
                rows = slice(start, min(start + len(self._first), len(out)))
                n = rows.stop - start
                first = torch.add(self._cached[rows], motion_part, out=self._first[:n]).relu_()
                second = torch.addmm(self._hidden_bias, first, self._hidden_weights, out=self._second[:n]).relu_()
                torch.addmm(self._last_bias, second, self._last_weights, out=out[rows])
        return out.float()

    def deformed(self, motion: np.ndarray) -> tuple[Tensor, Tensor]:
        """Means `[N, 3]` and opacities `[N]` of a moment, in memory of their own.

        Args:
            motion: the moment's part of the first layer, then the gains of position and opacity, `[H + 2]`.
        """
        motion = torch.from_numpy(motion)
        if not self._on_cpu:
            return self.displaced(motion.to(self._means.device))
        means, opacities = _displaced(
            self._means.numpy(), self._opacities.numpy(), self._logits.numpy(), self._active.numpy(),
            self.shifts(motion[:-2]).numpy(), np.float32(motion[-2]), np.float32(motion[-1]),
        )  # fmt: skip
        return torch.from_numpy(means), torch.from_numpy(opacities)

    def displaced(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """`deformed` where everything is on a GPU."""
        shifts = self.shifts(motion[:-2])
        means = self._means.index_add(0, self._active, motion[-2] * shifts[:, :3])
        logits = self._logits[self._active] + motion[-1] * shifts[:, 3]
        return means, self._opacities.index_copy(0, self._active, torch.sigmoid(logits))


@nb.njit(cache=True, fastmath=True)
def _displaced(means, opacities, logits, active, shifts, position_gain, opacity_gain):
    new_means, new_opacities = means.copy(), opacities.copy()
    for row in range(active.shape[0]):
        i = active[row]
        for c in range(3):
            new_means[i, c] += position_gain * shifts[row, c]
        logit = logits[i] + opacity_gain * shifts[row, 3]
        new_opacities[i] = np.float32(1) / (np.float32(1) + np.exp(-logit))
    return new_means, new_opacities
