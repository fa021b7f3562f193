"""The motion-rate arithmetic of GaussianTalker: what one avatar needs each moment, with nothing worked out twice.

Of the first layer, a Gaussian's queries never change. Keys and values are four rows: folded with the query and output
projections they are 8 numbers in and 8 rows out for each Gaussian and layer, in place of four products of 64 x 64:

    scores = x (W_q K^T) / sqrt(d),   heard = softmax(scores) (V W_o)          per head, exact
"""

import math

import numba as nb
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.methods.gaussiantalker.network import NORM_EPS, Offsets, SpatialAudioDeformation, TokenAttention

ROWS_AT_ONCE = 1024  # so that a slice's activations stay in the processor's cache


class LiveDeformation:
    """`SpatialAudioDeformation` of one avatar's moving Gaussians.

    Args:
        features: triplane features of the Gaussians that move, `[A, D]`.
        half: feed-forward and heads in bfloat16, a quarter of a per cent of an offset.
    """

    def __init__(self, net: SpatialAudioDeformation, features: Tensor, half: bool = False) -> None:
        self._net, self._features = net, features.contiguous()
        self._queries = net.layers[0].query(features).contiguous()
        self._dtype = torch.bfloat16 if half else torch.float32
        self._feeds = [[t.to(self._dtype).contiguous() for t in (layer.wide.weight.t(), layer.wide.bias,
                        layer.narrow.weight.t(), layer.narrow.bias)] for layer in net.layers]  # fmt: skip
        first, last = ([head[k] for head in net.heads.values()] for k in (1, 3))
        self._first = [torch.cat([layer.weight for layer in first]).t().to(self._dtype).contiguous(),
                       torch.cat([layer.bias for layer in first]).to(self._dtype)]  # fmt: skip
        names = list(net.heads)
        scales = {"means": net.position_scale}
        self._last = [[(scales.get(name, 1.0) * t).to(self._dtype).contiguous() for t in (layer.weight.t(), layer.bias)]
                      for name, layer in zip(names, last, strict=True)]  # fmt: skip
        self._rows = ROWS_AT_ONCE if features.device.type == "cpu" else max(1, len(features))

    @torch.no_grad()
    def offsets(self, tokens: Tensor) -> Offsets:
        """Offsets `[A, k]` of a moment whose tokens are `[4, D]`."""
        folded = [self._folded(layer, tokens, i == 0) for i, layer in enumerate(self._net.layers)]
        parts = []
        for start in range(0, max(1, len(self._features)), self._rows):
            rows = slice(start, start + self._rows)
            x = self._features[rows]
            for i, layer in enumerate(self._net.layers):
                scores = self._scores(self._queries[rows] if i == 0 else x, folded[i])
                x = self._fed(layer, i, x, scores.flatten(1) @ folded[i][2])
            parts.append(self._heads(x))
        return Offsets(*(torch.cat(values) for values in zip(*parts, strict=True)))

    @torch.no_grad()
    def attention(self, tokens: Tensor) -> Tensor:
        """What each Gaussian attends to in the first layer, mean over heads, `[A, 4]`."""
        folded = self._folded(self._net.layers[0], tokens, True)
        return self._scores(self._queries, folded).mean(dim=1)

    @staticmethod
    def _folded(layer: TokenAttention, tokens: Tensor, has_queries: bool) -> tuple[Tensor, Tensor, Tensor]:
        """A layer's four tokens as (score weights `[D, 4 H]`, score bias `[4 H]`, what is heard `[4 H, D]`)."""
        n_heads, width = layer.n_heads, tokens.shape[1]
        each = width // n_heads
        keys = layer.key(tokens).unflatten(1, (n_heads, each)) / math.sqrt(each)  # [4, H, d]
        values = layer.value(tokens).unflatten(1, (n_heads, each))
        into = torch.zeros(n_heads, each, n_heads, len(tokens), device=tokens.device)
        for h in range(n_heads):
            into[h, :, h] = keys[:, h].t()
        weights, bias = into.reshape(width, -1), tokens.new_zeros(n_heads * len(tokens))
        if not has_queries:
            weights, bias = layer.query.weight.t() @ weights, layer.query.bias @ weights
        out = layer.out.weight.t().unflatten(0, (n_heads, each))
        heard = torch.einsum("thd,hde->hte", values, out).reshape(-1, width)
        # attention sums to one over the tokens of each head, so the output's bias can go with the rows
        return weights, bias, heard + layer.out.bias / n_heads

    @staticmethod
    def _scores(x: Tensor, folded: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        weights, bias, _ = folded
        return torch.softmax(torch.addmm(bias, x, weights).unflatten(1, (-1, 4)), dim=-1)  # [A, H, 4]

    def _fed(self, layer: TokenAttention, i: int, x: Tensor, heard: Tensor) -> Tensor:
        norm, width = layer.attention_norm, x.shape[1:]
        x = F.layer_norm(x + heard, width, norm.weight, norm.bias, NORM_EPS)
        wide, wide_bias, narrow, narrow_bias = self._feeds[i]
        hidden = torch.addmm(wide_bias, x.to(self._dtype), wide).relu_()
        fed = torch.addmm(narrow_bias, hidden, narrow).float()
        return F.layer_norm(x.add_(fed), width, layer.norm.weight, layer.norm.bias, NORM_EPS)

    def _heads(self, x: Tensor) -> tuple[Tensor, ...]:
        hidden = torch.addmm(self._first[1], x.to(self._dtype).relu_(), self._first[0]).relu_()
        hidden = hidden.chunk(len(self._last), dim=1)
        return tuple(torch.addmm(bias, h, w).float() for h, (w, bias) in zip(hidden, self._last, strict=True))


def displaced(
    canonical: dict[str, Tensor], active: Tensor, offsets: Offsets, gains: np.ndarray
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Canonical raw values with the offsets of the moving rows, activated.

    Args:
        canonical: `means [N, 3]`, `quats [N, 4]`, `log_scales [N, 3]`, `opacity_logits [N]`, and the same activated as
            `scales` and `opacities`; `sh [N, K, 3]`.
        active: int64 `[A]`, the rows of the offsets.
        gains: of means, quats, scales, colours and opacities, `[5]`.

    Returns:
        Means, quats, scales, opacities of all, in memory of their own, and the harmonics of the moving rows
        `[A, K, 3]`.
    """
    c, g = canonical, [float(v) for v in gains]
    sh = c["sh"][active] + g[3] * offsets.sh.unflatten(1, (-1, 3))
    if c["means"].device.type != "cpu":
        means = c["means"].index_add(0, active, g[0] * offsets.means)
        quats = c["quats"].index_add(0, active, g[1] * offsets.quats)
        scales = c["scales"].index_copy(0, active, torch.exp(c["log_scales"][active] + g[2] * offsets.log_scales))
        opacities = c["opacities"].index_copy(
            0, active, torch.sigmoid(c["opacity_logits"][active] + g[4] * offsets.opacity_logits[:, 0])
        )
        return means, F.normalize(quats, dim=1), scales, opacities, sh
    names = ("means", "quats", "log_scales", "opacity_logits", "scales", "opacities")
    rows = np.concatenate([v.numpy() for v in (offsets.means, offsets.quats, offsets.log_scales,
                                               offsets.opacity_logits)], axis=1)  # fmt: skip
    made = _displaced(*(c[name].numpy() for name in names), active.numpy(), rows, np.array(g, dtype=np.float32))
    return (*(torch.from_numpy(a) for a in made), sh)


@nb.njit(cache=True, fastmath=True)
def _displaced(means, quats, log_scales, logits, scales, opacities, active, rows, gains):
    new_means, new_quats, new_scales, new_opacities = means.copy(), quats.copy(), scales.copy(), opacities.copy()
    for row in range(active.shape[0]):
        i = active[row]
        length = np.float32(1e-20)
        for c in range(3):
            new_means[i, c] += gains[0] * rows[row, c]
            new_scales[i, c] = np.exp(log_scales[i, c] + gains[2] * rows[row, 7 + c])
        for c in range(4):
            new_quats[i, c] += gains[1] * rows[row, 3 + c]
            length += new_quats[i, c] * new_quats[i, c]
        for c in range(4):
            new_quats[i, c] /= np.sqrt(length)
        new_opacities[i] = np.float32(1) / (np.float32(1) + np.exp(-(logits[i] + gains[4] * rows[row, 10])))
    return new_means, new_quats, new_scales, new_opacities
