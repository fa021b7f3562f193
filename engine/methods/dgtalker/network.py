"""DGTalker's networks: a generator of attribute maps, orthogonal directions in its W space, and two encoders."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.gaussians import Gaussians
from engine.methods.dgtalker.config import DGTalkerConfig
from engine.methods.dgtalker.decoding import Decoding, decoded, front_colors
from engine.methods.dgtalker.template import Template
from engine.parts.audio_net import AudioCoder
from engine.parts.encoding import encode_position, encoded_width
from engine.parts.stylegan import Synthesis, SynthesisSize
from engine.raster.reference import rotation_matrices

START_SHARE = 0.1  # of the last layers' weights: training starts near the canonical face


class Generator(nn.Module):
    """Styles to the raw attributes of every Gaussian: synthesis, the 1x1 convolution on positions, sampling (3.1)."""

    def __init__(self, size: SynthesisSize, grid: Tensor) -> None:
        super().__init__()
        self.synthesis = Synthesis(size)
        self.position = nn.Conv2d(3, 3, 1)
        nn.init.zeros_(self.position.weight)
        nn.init.zeros_(self.position.bias)
        self.register_buffer("grid", grid[None, None], persistent=False)  # [1, 1, N, 2]

    def forward(self, w: Tensor) -> Tensor:
        """`w [B, n_style]` -> raw attributes `[B, N, C]`."""
        return self.sampled(self.synthesis(self.synthesis.styles(w)))

    def sampled(self, maps: Tensor) -> Tensor:
        """Maps `[B, C, R, R]` -> `[B, N, C]`: what each Gaussian reads of them, positions through their convolution.

        A 1x1 convolution and bilinear sampling may change places where the weights of the four texels sum to 1, which
        they do inside the maps.
        """
        raw = F.grid_sample(maps, self.grid.expand(len(maps), -1, -1, -1), mode="bilinear", align_corners=False)
        raw = raw[:, :, 0].transpose(1, 2)
        position = F.linear(raw[..., :3], self.position.weight[:, :, 0, 0], self.position.bias)
        return torch.cat([position, raw[..., 3:]], dim=-1)


class Directions(nn.Module):
    """Two sets of directions in W, mutually orthogonal by one QR over all (3.3): rows of `raw`, lips first.

    Signs are such that R's diagonal is positive, so that every machine finds the same ones.
    """

    def __init__(self, n_lip: int, n_expression: int, n_style: int) -> None:
        super().__init__()
        self.n_lip = n_lip
        self.raw = nn.Parameter(torch.randn(n_lip + n_expression, n_style))

    def forward(self) -> Tensor:
        """Orthonormal rows `[n_lip + n_expression, n_style]`."""
        q, r = torch.linalg.qr((self.raw.t() + 1e-8).float())
        return (q * torch.where(r.diagonal() < 0, -1.0, 1.0)).t()


class LipEncoder(AudioCoder):
    """E_l: voice to lip coefficients (3.4)."""

    def __init__(self, n_features: int, n_hidden: int, n_out: int) -> None:
        super().__init__(n_features, n_hidden)
        self.head = _head((n_hidden, n_hidden, n_hidden, n_out))


class ExpressionEncoder(AudioCoder):
    """E_e: voice and eye action to expression coefficients, with an audio net of its own (3.4); called, it gives the
    voice's part.

    Ours: voice and eye action are two summands, each with a hidden layer, rather than one network over both, and the
    open eye adds nothing. So the blink control does live exactly what it did in training, whatever is being said.
    """

    def __init__(self, n_features: int, n_hidden: int, n_out: int, eye_octaves: int) -> None:
        super().__init__(n_features, n_hidden)
        self.eye_octaves = eye_octaves
        self.head = _head((n_hidden, n_hidden, n_out))
        self.eye_head = _head((encoded_width(1, eye_octaves), n_hidden, n_out), has_last_bias=False)

    def of_eye(self, eye: Tensor) -> Tensor:
        """What the eye action `[B]` (AU45, 0 to 1) adds: `[B, n_out]`, exactly 0 for an open eye."""
        shut, opened = (
            self.eye_head(encode_position(e[:, None], self.eye_octaves)) for e in (eye, torch.zeros_like(eye))
        )  # not as one product: its rows may be rounded differently
        return shut - opened


class Placement(nn.Module):
    """The similarity that lays the template's frame into the clip's world: logarithm of the scale, a rotation vector
    and a shift (ours: no tracker looks through the camera the prior was made with)."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.turn = nn.Parameter(torch.zeros(3))
        self.shift = nn.Parameter(torch.zeros(3))

    @torch.no_grad()
    def put(self, scale: float, turn: np.ndarray, shift: np.ndarray) -> None:
        """Sets the similarity: a factor, a rotation vector `[3]` and a shift `[3]`."""
        self.log_scale.fill_(math.log(scale))
        self.turn.copy_(torch.as_tensor(turn))
        self.shift.copy_(torch.as_tensor(shift))

    def rotation(self) -> tuple[Tensor, Tensor]:
        """As a matrix `[3, 3]` and as a quaternion `[4]`."""
        angle = torch.sqrt(self.turn.square().sum() + 1e-16)
        quat = torch.cat([torch.cos(angle / 2)[None], self.turn * (torch.sin(angle / 2) / angle)])
        return rotation_matrices(quat[None])[0], quat

    def forward(self, splats: Gaussians) -> Gaussians:
        matrix, (w, x, y, z) = self.rotation()
        rows = (w, -x, -y, -z), (x, w, -z, y), (y, z, w, -x), (z, -y, x, w)
        product = torch.stack([torch.stack(row) for row in rows])
        scale = self.log_scale.exp()
        return replace(splats, means=scale * splats.means @ matrix.t() + self.shift, scales=scale * splats.scales,
                       quats=splats.quats @ product.t())  # fmt: skip


@dataclass(frozen=True)
class NetworkSizes:
    """What is needed to build the networks again."""

    synthesis: SynthesisSize
    decoding: Decoding
    n_features: int


class DGTalkerNet(nn.Module):
    """What training and the avatar share: generator, placement, canonical latent and the two encoders."""

    def __init__(self, config: DGTalkerConfig, sizes: NetworkSizes, template: Template) -> None:
        super().__init__()
        self.decoding = sizes.decoding
        self.generator = Generator(sizes.synthesis, torch.from_numpy(template.grid))
        self.placement = Placement()
        self.canonical = nn.Parameter(torch.zeros(sizes.synthesis.n_style))
        self.lip = LipEncoder(sizes.n_features, config.n_hidden, config.n_lip)
        self.expression = ExpressionEncoder(
            sizes.n_features, config.n_hidden, config.n_expression, config.eye_octaves
        )  # fmt: skip
        self.register_buffer("template", torch.from_numpy(template.points), persistent=False)

    def latent(self, lip: Tensor, expression: Tensor, directions: Tensor) -> Tensor:
        """`w_can + a_l B_l + a_e B_e` for coefficients `[B, 20]` each and all directions: `[B, n_style]`."""
        return self.canonical + torch.cat([lip, expression], dim=1) @ directions

    def gaussians(self, raw: Tensor) -> Gaussians:
        """Raw attributes `[N, C]` as Gaussians in the clip's world, coloured as the fixed front camera sees them."""
        splats = decoded(raw, self.template, self.decoding)
        return self.placement(replace(splats, colors=front_colors(splats), sh_degree=None))


class TrainingNet(DGTalkerNet):
    """With what the avatar does not keep: a latent for each training frame, and the raw directions.

    Ours: a frame's latent has a part that all frames share, what each known coefficient of the expression adds. A short
    run sees each frame once or twice, which tells its own part next to nothing.

    Args:
        known: coefficients of the expression in each training frame, `[T, E]`.

    Attributes:
        shapes: what a unit of each adds to the latent, `[E, n_style]`; learnt where `rate_shapes` is not 0.
        frames: what each frame adds beside, `[T, n_style]`.
    """

    def __init__(self, config: DGTalkerConfig, sizes: NetworkSizes, template: Template, known: Tensor) -> None:
        super().__init__(config, sizes, template)
        n_style = sizes.synthesis.n_style
        self.register_buffer("known", known, persistent=False)
        shapes = torch.zeros(known.shape[1], n_style)
        if config.rate_shapes:
            self.shapes = nn.Parameter(shapes)
        else:
            self.register_buffer("shapes", shapes)
        self.frames = nn.Parameter(torch.zeros(len(known), n_style))
        self.directions = Directions(config.n_lip, config.n_expression, n_style)

    def of_frames(self) -> Tensor:
        """What every training frame's latent adds to the canonical one, `[T, n_style]`."""
        return self.known @ self.shapes + self.frames

    def of_frame(self, index: int) -> Tensor:
        """The latent of a training frame, `[1, n_style]`."""
        return (self.canonical + self.known[index] @ self.shapes + self.frames[index])[None]


class AvatarNet(DGTalkerNet):
    """With the directions as they came out, `[n_lip + n_expression, n_style]`."""

    def __init__(self, config: DGTalkerConfig, sizes: NetworkSizes, template: Template) -> None:
        super().__init__(config, sizes, template)
        self.register_buffer("directions", torch.zeros(config.n_lip + config.n_expression, sizes.synthesis.n_style))

    @classmethod
    def of(cls, trained: TrainingNet, config: DGTalkerConfig, sizes: NetworkSizes, template: Template) -> "AvatarNet":
        """What an avatar keeps of a training; the generator in half precision."""
        kept = cls(config, sizes, template).to(trained.canonical.device)
        state = {n: v for n, v in trained.state_dict().items() if n in kept.state_dict()}
        kept.load_state_dict(state | {"directions": trained.directions().detach()})
        kept.generator.half()
        return kept


def _head(widths: tuple[int, ...], has_last_bias: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    last = nn.Linear(*widths[-2:], bias=has_last_bias)
    with torch.no_grad():
        last.weight.mul_(START_SHARE)
        if has_last_bias:
            last.bias.zero_()
    return nn.Sequential(*layers[:-2], last)
