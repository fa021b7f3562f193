"""The motion-rate arithmetic of Talk2Me: halves of the first and the skip layers kept, only what moves worked out."""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.methods.talk2me.carry import Carry
from engine.methods.talk2me.deformation import N_ATTRIBUTES, POSITION_SCALE, SLOPE, Deformation, SkipMlp, named

ROWS_AT_ONCE = 2048  # so that a slice's activations stay in the processor's cache
N_OFFSETS = 3 + 3 + N_ATTRIBUTES
COLUMNS = {"deform": slice(0, 3), "color": slice(3, 6), "attributes": slice(6, N_OFFSETS)}


class LiveHead:
    """A trained `SkipMlp` on the codes of its Gaussians, with everything kept that no frame changes.

    Args:
        half: products in bfloat16, added up in single precision.
    """

    def __init__(self, head: SkipMlp, code: Tensor, half: bool = False) -> None:
        kind = torch.bfloat16 if half else torch.float32
        self._skip, self._head = head.skip, head
        self._halves = [part.to(kind).contiguous() for part in head.halves(code)]
        self._layers = []
        for i, layer in enumerate(head.layers[1:], 1):
            n = head.layers[i - 1].out_features
            self._layers.append((layer.weight[:, :n].t().to(kind).contiguous(), layer.bias.to(kind)))
        self._out = head.out.weight.t().to(kind).contiguous(), head.out.bias.to(kind)
        self._rows = ROWS_AT_ONCE if code.device.type == "cpu" else max(1, len(code))

    def __call__(self, condition: Tensor) -> Tensor:
        """`SkipMlp.forward` of a frame's condition `[D]`, `[N, n_out]` in single precision."""
        head, kind = self._head, self._halves[0].dtype
        first = F.linear(condition, head.layers[0].weight[:, head.n_code :], head.layers[0].bias).to(kind)
        given = None
        if self._skip is not None:
            layer, n = head.layers[self._skip], head.layers[self._skip - 1].out_features
            given = F.linear(condition, layer.weight[:, n + head.n_code :], layer.bias).to(kind)
        out = torch.empty(len(self._halves[0]), head.out.out_features, device=condition.device)
        for start in range(0, len(out), self._rows):
            rows = slice(start, start + self._rows)
            x = F.leaky_relu_(self._halves[0][rows] + first, SLOPE)
            for i, (weight, bias) in enumerate(self._layers, 1):
                before = self._halves[1][rows] + given if i == self._skip else bias
                x = F.leaky_relu_(torch.addmm(before, x, weight), SLOPE)
            out[rows] = torch.addmm(self._out[1], x, self._out[0])
        return out


class LiveDeformation:
    """`Deformation` of one avatar's moving Gaussians, and how its mesh carries them.

    Args:
        place, feature: `[N, n_code]`; weights: the expression's share of each `[N]`.
        rows: which may move, ascending; of these the expression's heads see those with a weight, the pose's heads those
            with a weight below one.

    Attributes:
        rows: as given.
    """

    @torch.no_grad()
    def __init__(
        self, network: Deformation, place: Tensor, feature: Tensor, weights: Tensor, rows: Tensor, half: bool = False,
        carry: Carry | None = None,
    ) -> None:  # fmt: skip
        self._network, self.rows, self._carry = network, rows, carry
        codes = network.codes(place[rows], feature[rows])
        shares = {"exp": weights[rows], "pose": 1 - weights[rows]}
        self._of = {side: torch.nonzero(share > 0)[:, 0] for side, share in shares.items()}
        self._shares = {side: shares[side][of, None] for side, of in self._of.items()}
        self._heads = {
            (side, kind): LiveHead(network.heads[name], codes[kind][self._of[side]], half)
            for name, side, kind in named(network.heads)
        }
        self._carried = None if carry is None else self._shares["exp"] * carry.code[rows[self._of["exp"]]]
        self._kept: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def __call__(self, expression: Tensor, ear: Tensor, pose: Tensor) -> Tensor:
        """Offsets of the rows side by side, `[M, 14]`: position, colour logits, raw attributes (`COLUMNS`).

        The pose's heads rest while the pose does. Args as `Deformation.forward`.
        """
        conditions = self._network.conditions(expression, ear, pose)
        if self._kept is None or not torch.equal(self._kept[0], pose):
            self._kept = pose.clone(), self._side("pose", conditions["pose"])
        total = self._kept[1].clone()
        moved = self._of_side("exp", conditions["exp"])
        if self._carried is not None:
            moved[:, COLUMNS["deform"]] += self._carried @ (self._carry.directions(expression, ear) / POSITION_SCALE)
        return total.index_add_(0, self._of["exp"], moved)

    def n_products(self) -> int:
        """Multiplications of a frame whose expression and pose both move."""
        return sum(
            len(self._of[side]) * sum(w.numel() for w, _ in (*head._layers, head._out))
            for (side, _), head in self._heads.items()
        )

    def _side(self, side: str, condition: Tensor) -> Tensor:
        total = condition.new_zeros(len(self.rows), N_OFFSETS)
        return total.index_add_(0, self._of[side], self._of_side(side, condition))

    def _of_side(self, side: str, condition: Tensor) -> Tensor:
        offsets = condition.new_empty(len(self._of[side]), N_OFFSETS)
        for kind, columns in COLUMNS.items():
            made = self._heads[side, kind](condition)
            offsets[:, columns] = torch.tanh(made) if kind == "deform" else made
        return self._shares[side] * offsets
