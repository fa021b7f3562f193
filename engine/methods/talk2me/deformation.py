"""The deformation network: three heads that follow the expression and three that follow the head's pose (eq. 3).

What a Gaussian's own code puts into a layer does not change while it performs, so a trained network keeps those halves
(`live.LiveDeformation`) and a frame adds one vector for all.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.parts.encoding import encode_position, encoded_width

SLOPE = 0.01
POSE_OCTAVES, EAR_OCTAVES = 4, 4
N_POSE, N_EAR = 6, 2
POSITION_SCALE, ATTRIBUTE_SCALE = 0.3, 0.2
LEAST_SPREAD = 0.05  # of a coefficient: what the clip hardly used must not be magnified
EAR_DEVIATIONS, LEAST_EAR_SPREAD = 2.0, 0.01
N_ATTRIBUTES = 8  # three log scales, four of rotation, one of opacity


class SkipMlp(nn.Module):
    """Layers on a Gaussian's code `[N, C]` and a frame's condition `[D]`; both come in again at the middle layer.

    The middle is `len(widths) // 2`; nets of one or two hidden layers have none.
    """

    def __init__(self, n_code: int, n_condition: int, widths: tuple[int, ...], n_out: int) -> None:
        super().__init__()
        self.n_code = n_code
        n_in = n_code + n_condition
        self.skip = len(widths) // 2 if len(widths) > 2 else None
        sizes = [n_in, *widths]
        self.layers = nn.ModuleList(
            nn.Linear(sizes[i] + (n_in if i == self.skip else 0), sizes[i + 1]) for i in range(len(widths))
        )
        self.out = nn.Linear(widths[-1], n_out)
        for layer in self.layers:  # PyTorch's own start loses nine tenths of what goes in
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            nn.init.zeros_(layer.bias)

    def forward(self, code: Tensor, condition: Tensor) -> Tensor:
        x = code[:, :0]
        for i, layer in enumerate(self.layers):
            if i in (0, self.skip):  # the condition's part of the product is one row for all
                x = torch.cat([x.to(code), code], dim=1)
                n = x.shape[1]
                x = F.linear(x, layer.weight[:, :n]) + F.linear(condition, layer.weight[:, n:], layer.bias)
            else:
                x = layer(x)
            x = F.leaky_relu(x, SLOPE)
        return self.out(x)

    def halves(self, code: Tensor) -> list[Tensor]:
        """What the code puts into the first layer and into the skip layer, `[N, width]` each: exact, and constant."""
        halves = [code @ self.layers[0].weight[:, : self.n_code].T]
        if self.skip is not None:
            first = self.layers[self.skip - 1].out_features
            halves.append(code @ self.layers[self.skip].weight[:, first : first + self.n_code].T)
        return halves


@dataclass(frozen=True)
class Deformed:
    """Gaussians of a frame before the head's rigid pose: offsets are applied, attributes activated."""

    means: Tensor  # [N, 3]
    quats: Tensor  # [N, 4]
    scales: Tensor  # [N, 3]
    opacities: Tensor  # [N]
    colors: Tensor  # [N, 3]


@dataclass(frozen=True)
class DeformationSizes:
    """Widths of the heads; the defaults are the full method's.

    Attributes:
        n_code: of a Gaussian's place code and feature; n_expression: coefficients without the eye aspect ratios.
        width, pose_width: of hidden layers.
    """

    n_code: int = 128
    n_expression: int = 64
    width: int = 256
    pose_width: int = 128


class Deformation(nn.Module):
    """Six heads over a Gaussian's place code z and its feature code c = tanh(h) + z.

    Every head starts near zero, so that the resting Gaussians are what is drawn at first. Expressions are standardised
    by the training clip's statistics.
    """

    def __init__(self, sizes: DeformationSizes = DeformationSizes()) -> None:
        super().__init__()
        self.sizes, s = sizes, sizes
        n_face = s.n_expression + encoded_width(N_EAR, EAR_OCTAVES)
        n_pose = encoded_width(N_POSE, POSE_OCTAVES)
        wide, slim = s.width, s.pose_width
        self.heads = nn.ModuleDict({
            "exp_deform": SkipMlp(s.n_code, n_face, (wide,) * 5, 3),
            "exp_color": SkipMlp(s.n_code, n_face, (wide,) * 2, 3),
            "exp_attributes": SkipMlp(s.n_code, n_face, (wide,) * 3, N_ATTRIBUTES),
            "pose_deform": SkipMlp(s.n_code, n_pose, (wide,) * 2, 3),
            "pose_color": SkipMlp(s.n_code, n_pose, (slim,), 3),
            "pose_attributes": SkipMlp(s.n_code, n_pose, (slim,) * 2, N_ATTRIBUTES),
        })  # fmt: skip
        for head in self.heads.values():
            nn.init.normal_(head.out.weight, std=1e-3)
            nn.init.zeros_(head.out.bias)
        self.register_buffer("centre", torch.zeros(s.n_expression))
        self.register_buffer("spread", torch.ones(s.n_expression))
        self.register_buffer("ear_centre", torch.zeros(N_EAR))
        self.register_buffer("ear_spread", torch.ones(N_EAR))
        self.pose_is_left = False

    def standardise(self, expressions: Tensor, ears: Tensor) -> None:
        """Takes the statistics of a clip's expressions `[T, E]` and eye aspect ratios `[T, 2]`.

        A ratio is counted in several of its deviations: of all it says how far lids are shut, a few tenths at most.
        """
        self.centre.copy_(expressions.median(dim=0).values)
        self.spread.copy_(expressions.std(dim=0).clamp(min=LEAST_SPREAD))
        self.ear_centre.copy_(ears.median(dim=0).values)
        self.ear_spread.copy_(EAR_DEVIATIONS * ears.std(dim=0).clamp(min=LEAST_EAR_SPREAD))

    def leave_pose(self) -> None:
        """The head of this film never turns: the pose's heads would learn what lies in the resting Gaussians. They say
        nothing from now on, exactly."""
        self.pose_is_left = True
        for name, side, _ in named(self.heads):
            if side == "pose":
                nn.init.zeros_(self.heads[name].out.weight)
                nn.init.zeros_(self.heads[name].out.bias)

    def conditions(self, expression: Tensor, ear: Tensor, pose: Tensor) -> dict[str, Tensor]:
        """What a frame tells the heads: `exp` of expression `[E]` and eye aspect ratios `[2]`, `pose` of `[6]`.

        The pose is a rotation vector in radians and a translation in head heights.
        """
        shut = encode_position((ear - self.ear_centre) / self.ear_spread, EAR_OCTAVES)
        return {
            "exp": torch.cat([(expression - self.centre) / self.spread, shut]),
            "pose": encode_position(pose, POSE_OCTAVES),
        }

    def codes(self, place: Tensor, feature: Tensor) -> dict[str, Tensor]:
        """The code each kind of head reads: places move, features colour and shape."""
        c = torch.tanh(feature) + place
        return {"deform": place, "color": c, "attributes": c}

    def forward(
        self, place: Tensor, feature: Tensor, weights: Tensor, expression: Tensor, ear: Tensor, pose: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Offsets of a frame: position `[N, 3]`, colour logits `[N, 3]`, raw attributes `[N, 8]`.

        A network whose head never turned (`leave_pose`) works out the expression's side only.

        Args:
            place, feature: `[N, n_code]`; weights: the expression's share `[N]` (`region_weights`).
            expression: `[E]`; ear: `[2]`; pose: `[6]`.
        """
        conditions = self.conditions(expression, ear, pose)
        sides = {"exp": torch.nonzero(weights > 0)[:, 0], "pose": torch.nonzero(weights < 1)[:, 0]}
        if self.pose_is_left:
            del sides["pose"]
        of_side = {side: (place.index_select(0, rows), feature.index_select(0, rows)) for side, rows in sides.items()}
        codes = {side: self.codes(*given) for side, given in of_side.items()}
        outs = {
            name: self.heads[name](codes[side][kind], conditions[side])
            for name, side, kind in named(self.heads) if side in sides
        }  # fmt: skip
        return _blended(outs, sides, weights)


def deformed(
    means: Tensor, quats: Tensor, log_scales: Tensor, opacity_logits: Tensor, color_logits: Tensor,
    offsets: tuple[Tensor, Tensor, Tensor],
) -> Deformed:  # fmt: skip
    """Resting Gaussians with a frame's offsets, activated; the head's rigid pose comes after (`apply_pose`).

    `mu' = mu + 0.3 (w_exp dx_exp + w_pose dx_pose)`, raw attributes + 0.2 delta.
    """
    position, color, attributes = offsets
    raw = ATTRIBUTE_SCALE * attributes
    return Deformed(
        means + POSITION_SCALE * position,
        F.normalize(quats + raw[:, 3:7], dim=1),
        torch.exp(log_scales + raw[:, :3]),
        torch.sigmoid(opacity_logits + raw[:, 7]),
        torch.sigmoid(color_logits + color),
    )


def named(heads: nn.ModuleDict) -> list[tuple[str, str, str]]:
    """Each head's name, its side (`exp`, `pose`) and its kind (`deform`, `color`, `attributes`)."""
    return [(name, *name.split("_")) for name in heads]


def _blended(outs: dict[str, Tensor], sides: dict[str, Tensor], weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both sides' offsets by their weights; positions through tanh, so that none flies off."""
    shares = {side: (weights if side == "exp" else 1 - weights)[rows] for side, rows in sides.items()}
    blended = []
    for kind in ("deform", "color", "attributes"):
        total = 0.0
        for side, rows in sides.items():
            out = outs[f"{side}_{kind}"].to(weights)
            out = shares[side][:, None] * (torch.tanh(out) if kind == "deform" else out)
            total = total + out.new_zeros(len(weights), out.shape[1]).index_add(0, rows, out)
        blended.append(total)
    return blended[0], blended[1], blended[2]
