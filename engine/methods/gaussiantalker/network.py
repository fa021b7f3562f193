"""GaussianTalker's networks: a triplane, its canonical predictor, four tokens, attention to them, five offset heads."""

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.methods.gaussiantalker.config import GaussianTalkerConfig
from engine.parts.audio_net import AudioCoder
from engine.parts.triplane import TriPlane

TOKENS = ("audio", "eye", "view", "null")
N_EYE = 32
N_VIEW = 12
NORM_EPS = 1e-12


class Offsets(NamedTuple):
    """What is added to the canonical values before their activations (suppl. A.1.2), each `[..., N, k]`."""

    means: Tensor
    quats: Tensor
    log_scales: Tensor
    sh: Tensor
    opacity_logits: Tensor


class GaussianTalkerNet(nn.Module):
    """All of GaussianTalker that is not a Gaussian.

    Args:
        n_features: of the sound, each step; n_units: action units the eye token tells.
        low, high: corners of the planes' box `[3]`; near: those of the face's, where `face_share` keeps a part for it.
    """

    def __init__(
        self, config: GaussianTalkerConfig, n_features: int, low: Tensor, high: Tensor, n_units: int = 1,
        near: tuple[Tensor, Tensor] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        near = (*(near or (low, high)), config.face_share) if config.face_share else None
        self.triplane = TriPlane(config.n_channels, config.resolutions, low, high, config.plane_waves, near)
        self.predictor = CanonicalPredictor(config)
        self.audio = AudioCoder(n_features, config.n_code)
        self.tokens = ConditionTokens(config, n_units)
        self.deformation = SpatialAudioDeformation(config)
        for module in (*self.tokens.modules(), *self.deformation.layers.modules()):
            if isinstance(module, nn.Linear):  # as the code does; PyTorch's own start nearly silences the tokens
                nn.init.xavier_uniform_(module.weight)

    def forward(self, means: Tensor, code: Tensor, eye: Tensor, view: Tensor) -> tuple[Offsets, Tensor]:
        """From places `[N, 3]` and a batch of conditions to offsets `[B, N, k]` and attention `[B, L, N, 4]`."""
        return self.deformation(self.triplane(means), self.tokens(code, eye, view))


class CanonicalPredictor(nn.Module):
    """F_can: canonical attributes from triplane features; of the first stage only (suppl. A.1.2)."""

    def __init__(self, config: GaussianTalkerConfig) -> None:
        super().__init__()
        widths = {"scale": 3, "rotation": 4, "opacity": 1, "sh": 3 * config.n_harmonics}
        self.predicted = tuple(name for name in config.predicted.split(",") if name)
        n_hidden = config.n_hidden
        self.shared = nn.Sequential(nn.Linear(config.width, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_hidden))
        self.heads = nn.ModuleDict({name: _head(n_hidden, n_hidden, widths[name]) for name in self.predicted})
        for layer in (self.shared[0], self.shared[2]):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Raw values by attribute, `[N, k]` each."""
        shared = self.shared(features)
        return {name: head(shared) for name, head in self.heads.items()}


class ConditionTokens(nn.Module):
    """The four tokens of a moment, in the order of `TOKENS`."""

    def __init__(self, config: GaussianTalkerConfig, n_units: int = 1) -> None:
        super().__init__()
        width, n_octaves = config.width, config.eye_octaves
        self._encode_eye, n_eye = encode_eye_as_released, N_EYE
        if config.eye_pe == "smooth":
            self._encode_eye, n_eye = partial(encode_eye, n_octaves=n_octaves), max(N_EYE, 2 * n_octaves * n_units)
        if config.eye_pe == "plain":
            self.register_buffer("eye_mean", torch.zeros(n_units))
            self.register_buffer("eye_scale", torch.ones(n_units))
            self._encode_eye, n_eye = self._beside_mean, n_units
        self.audio = _plain_mlp(config.n_code, width)
        self.eye = _plain_mlp(n_eye, width)
        self.view = _plain_mlp(N_VIEW, width)
        self.null = nn.Parameter(torch.randn(1, 1, width))
        self.register_buffer("view_mean", torch.zeros(N_VIEW))
        self.register_buffer("view_scale", torch.ones(N_VIEW))

    def forward(self, code: Tensor, eye: Tensor, view: Tensor) -> Tensor:
        """`[B, 4, D]` from audio codes `[B, n_code]`, action units `[B, U]` (a blink, 0 to 1) and camera codes
        `[B, 12]`."""
        view = (view - self.view_mean) * self.view_scale  # ours: T_z is about 10 where entries of R are below 1
        tokens = torch.stack([self.audio(code), self.eye(self._encode_eye(eye)), self.view(view)], dim=1)
        return torch.cat([tokens, self.null.expand(len(tokens), 1, -1)], dim=1)

    def _beside_mean(self, units: Tensor) -> Tensor:
        return (units - self.eye_mean) * self.eye_scale


class TokenAttention(nn.Module):
    """One layer: every Gaussian attends to the four tokens, then a feed-forward, each with residual and norm after."""

    def __init__(self, width: int, n_heads: int, n_hidden: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.attention_norm, self.norm = (nn.LayerNorm(width, eps=NORM_EPS) for _ in range(2))
        self.wide, self.narrow = nn.Linear(width, n_hidden), nn.Linear(n_hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, tokens: Tensor, queries: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """New features `[B, N, D]` and attention, mean over heads, `[B, N, 4]`.

        Args:
            x: `[B or 1, N, D]`; tokens: `[B, 4, D]`.
            queries: `query(x)` where it is known already.
        """
        queries = self.query(x) if queries is None else queries
        q, k, v = (self._heads(t) for t in (queries, self.key(tokens), self.value(tokens)))  # [B, H, N | 4, D / H]
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)  # [B, H, N, 4]
        heard = (weights @ v).transpose(1, 2).flatten(2)
        x = self.attention_norm(x + self.dropout(self.out(heard)))
        fed = self.narrow(self.dropout(torch.relu(self.wide(x))))
        return self.norm(x + self.dropout(fed)), weights.mean(dim=1)

    def _heads(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)


class SpatialAudioDeformation(nn.Module):
    """The attention layers (suppl. A.2) and F_deform: five offset heads on what they give."""

    def __init__(self, config: GaussianTalkerConfig) -> None:
        super().__init__()
        self.position_scale = config.position_scale
        self.layers = nn.ModuleList(
            TokenAttention(config.width, config.n_heads, config.n_hidden, config.dropout)
            for _ in range(config.n_layers)
        )
        widths = {"means": 3, "quats": 4, "log_scales": 3, "sh": 3 * config.n_harmonics, "opacity_logits": 1}
        self.heads = nn.ModuleDict({name: _head(config.width, config.n_hidden, n) for name, n in widths.items()})

    def forward(self, features: Tensor, tokens: Tensor, queries: Tensor | None = None) -> tuple[Offsets, Tensor]:
        """Offsets `[B, N, k]` and attention `[B, L, N, 4]` for triplane features `[N, D]` and tokens `[B, 4, D]`.

        Args:
            queries: of the first layer, `[N, D]`: they depend on the avatar alone.
        """
        x, attention = self._attended(features, tokens, queries)
        return self._offsets(x), torch.stack(attention, dim=1)

    def shifts(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Offsets of the places alone, `[B, N, 3]`."""
        return self.position_scale * self.heads["means"](self._attended(features, tokens)[0])

    def _attended(self, features: Tensor, tokens: Tensor, queries: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        x, attention = features[None], []
        for i, layer in enumerate(self.layers):
            x, weights = layer(x, tokens, queries[None] if i == 0 and queries is not None else None)
            attention.append(weights)
        return x, attention

    def _offsets(self, x: Tensor) -> Offsets:
        """All first layers as one product: five small ones wait for memory."""
        x = torch.relu(x)
        first = [head[1] for head in self.heads.values()]
        weight, bias = (torch.cat([getattr(layer, n) for layer in first]) for n in ("weight", "bias"))
        hidden = torch.relu(F.linear(x, weight, bias)).chunk(len(first), dim=-1)
        raw = {name: head[3](h) for (name, head), h in zip(self.heads.items(), hidden, strict=True)}
        return Offsets(**raw | {"means": self.position_scale * raw["means"]})


@dataclass(frozen=True)
class ViewCodes:
    """The camera codes of the training frames: concat(R flattened, T), R the transposed world-to-camera rotation.

    Attributes:
        codes: `[T, 12]`; low, high: the range of each number, `[12]`.
    """

    codes: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, viewmats: Tensor) -> "ViewCodes":
        codes = view_codes(viewmats)
        return cls(codes, codes.amin(dim=0), codes.amax(dim=0))

    def nearest(self, code: Tensor, scale: Tensor) -> Tensor:
        """The training code nearest to a code `[12]`, distances in units of 1 / `scale`."""
        return self.codes[((self.codes - code) * scale).square().sum(dim=1).argmin()]

    def within(self, code: Tensor) -> Tensor:
        """A code held inside the range of training (ours: an orbiting camera soon leaves it)."""
        return torch.minimum(torch.maximum(code, self.low), self.high)


def view_codes(viewmats: Tensor) -> Tensor:
    """World-to-camera matrices `[..., 4, 4]` -> camera codes `[..., 12]`."""
    return torch.cat([viewmats[..., :3, :3].transpose(-1, -2).flatten(-2), viewmats[..., :3, 3]], dim=-1)


def encode_eye(values: Tensor, n_octaves: int) -> Tensor:
    """Action units `[B, U]` as sines and cosines of `pi 2^k v` for each octave k, zero padded to 32 where they are
    fewer (ours: smooth)."""
    angles = values[..., None] * math.pi * 2.0 ** torch.arange(n_octaves, device=values.device)
    encoded = torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1).flatten(-2)
    return F.pad(encoded, (0, max(0, N_EYE - encoded.shape[-1])))


def encode_eye_as_released(values: Tensor) -> Tensor:
    """A blink as the released code encodes it: sines on even channels j, cosines on odd ones, of
    `v 10000^(2 floor(j / 2) / 32)`. Its upper channels turn thousands of times between 0 and 1."""
    j = torch.arange(N_EYE, device=values.device)
    angles = values * 10000.0 ** (2 * (j // 2) / N_EYE)
    return torch.where(j % 2 == 0, torch.sin(angles), torch.cos(angles))


def _plain_mlp(n_inputs: int, width: int) -> nn.Sequential:
    """This code line's helper: linear layers without bias."""
    return nn.Sequential(nn.Linear(n_inputs, width, bias=False), nn.ReLU(), nn.Linear(width, width, bias=False))


def _head(n_inputs: int, n_hidden: int, n_outputs: int) -> nn.Sequential:
    first, last = nn.Linear(n_inputs, n_hidden), nn.Linear(n_hidden, n_outputs)
    nn.init.xavier_uniform_(first.weight)
    nn.init.xavier_uniform_(last.weight, gain=0.1)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.ReLU(), first, nn.ReLU(), last)
