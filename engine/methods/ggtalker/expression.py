"""GGTalker's audio-to-expression network (section 3.2): a diffusion transformer from voice to head-model coefficients.

The paper gives pieces and sizes; the decoder's blocks are those of EDGE (Tseng et al. 2023): attention to itself,
attention to the condition, feed-forward, each scaled and shifted (FiLM) by the diffusion step, speaker and voice.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.methods.ggtalker.config import ExpressionSize
from engine.parts.diffusion import Diffusion, guided

SMALL = {"width": 128, "n_heads": 4, "n_hidden": 256, "n_encoder_layers": 1, "n_positions": 50}
"""8 layers of 128: about 1.8 MMAC a frame, step and branch; the paper's size takes 27."""


@dataclass(frozen=True)
class Condition:
    """What the decoder attends to: tokens C' `[B, T, d]`, their mean `[B, d]` and the speaker's part h `[B, d]`."""

    tokens: Tensor
    mean: Tensor
    speaker: Tensor

    def dropped(self, rows: Tensor | None = None) -> "Condition":
        """Without the voice, in some rows (bool `[B]`) or all: tokens and mean are zero, the speaker stays."""
        keep = torch.zeros(len(self.tokens), dtype=torch.bool) if rows is None else ~rows
        keep = keep.to(self.tokens)[:, None]
        return Condition(self.tokens * keep[:, :, None], self.mean * keep, self.speaker)

    def beside(self, other: "Condition") -> "Condition":
        """Both as one batch."""
        pairs = ((self.tokens, other.tokens), (self.mean, other.mean), (self.speaker, other.speaker))
        return Condition(*(torch.cat(pair) for pair in pairs))


class ExpressionNet(nn.Module):
    """Predicts a clean sequence of coefficients from a noised one, the diffusion step and the voice.

    Motion and sound are whitened by `normalise`; outside the network both are in their own units.
    """

    def __init__(self, size: ExpressionSize) -> None:
        super().__init__()
        self.size, d = size, size.width
        self.speakers = nn.Parameter(0.1 * torch.randn(size.n_speakers, size.n_speaker))
        self.hear = nn.Linear(size.n_audio, d)
        self.speak_as = nn.Sequential(nn.Linear(size.n_speaker, d), nn.SiLU(), nn.Linear(d, d))
        self.join = nn.Linear(2 * d, d)
        # Both learned tables start as the same waves: a frame then finds its own sound at once, where from noise
        # nothing but the mean is learnt for hundreds of steps.
        self.heard_positions = nn.Parameter(_waves(torch.arange(size.n_positions), d))
        self.moved_positions = nn.Parameter(_waves(torch.arange(size.n_positions), d))
        self.condition_norm = nn.LayerNorm(d)
        self.encoder = nn.ModuleList(EncoderLayer(size) for _ in range(size.n_encoder_layers))
        self.of_mean = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        self.time = nn.Sequential(nn.Linear(d, 4 * d), nn.Mish())
        self.time_film, self.time_tokens = nn.Linear(4 * d, d), nn.Linear(4 * d, 2 * d)
        self.token_norm = nn.LayerNorm(d)
        self.enter = nn.Linear(size.n_motion, d)
        self.decoder = nn.ModuleList(DecoderLayer(size) for _ in range(size.n_layers))
        self.leave = nn.Linear(d, size.n_motion)
        for name, n in (("audio", size.n_audio), ("motion", size.n_motion)):
            self.register_buffer(f"{name}_mean", torch.zeros(n))
            self.register_buffer(f"{name}_std", torch.ones(n))

    def normalise(self, audio: Tensor, motion: Tensor) -> None:
        """Takes mean and spread of a corpus: `audio [N, n_audio]`, `motion [N, n_motion]`; what never varies keeps
        spread 1."""
        for name, values in (("audio", audio), ("motion", motion)):
            std = values.std(dim=0)
            getattr(self, f"{name}_mean").copy_(values.mean(dim=0))
            getattr(self, f"{name}_std").copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def whitened(self, motion: Tensor) -> Tensor:
        return (motion - self.motion_mean) / self.motion_std

    def coloured(self, motion: Tensor) -> Tensor:
        return motion * self.motion_std + self.motion_mean

    def condition(self, audio: Tensor, speaker: Tensor) -> Condition:
        """The voice as the decoder attends to it (eq. 3 for the mean).

        Args:
            audio: `[B, T, n_audio]` at 25 a second, T <= `n_positions`; speaker: embeddings `[B, n_speaker]`.
        """
        heard = self.hear((audio - self.audio_mean) / self.audio_std)
        speaking = self.speak_as(speaker)
        tokens = self.join(torch.cat([heard, speaking[:, None].expand_as(heard)], dim=2))
        tokens = self.condition_norm(tokens + self.heard_positions[: audio.shape[1]])
        for layer in self.encoder:
            tokens = layer(tokens)
        return Condition(tokens, tokens.mean(dim=1), speaking)

    def forward(self, noised: Tensor, steps: Tensor, condition: Condition) -> Tensor:
        """Clean whitened motion `[B, T, K]` from noised motion, steps `[B]` and the condition (eq. 4)."""
        time = self.time(_waves(steps, self.size.width))
        film = F.mish(self.time_film(time) + self.of_mean(condition.mean) + condition.speaker)
        tokens = torch.cat([condition.tokens, self.time_tokens(time).unflatten(1, (2, -1))], dim=1)
        tokens = self.token_norm(tokens)
        x = self.enter(noised) + self.moved_positions[: noised.shape[1]]
        for layer in self.decoder:
            x = layer(x, tokens, film)
        return self.leave(x)

    def predictor(self, condition: Condition, scale: float):
        """What `Diffusion.sampling` asks: clean motion under guidance; both branches run as one batch.

        Scale 0 is the unconditional, 1 the conditional pass alone.
        """
        if scale in (0.0, 1.0):
            only = condition if scale == 1.0 else condition.dropped()
            return lambda z, steps: self(z, steps, only)
        both = condition.beside(condition.dropped())

        def predict(z: Tensor, steps: Tensor) -> Tensor:
            conditional, unconditional = self(torch.cat([z, z]), torch.cat([steps, steps]), both).chunk(2)
            return guided(conditional, unconditional, scale)

        return predict


class Attention(nn.Module):
    """Multi-head attention from tokens to tokens."""

    def __init__(self, size: ExpressionSize) -> None:
        super().__init__()
        d = size.width
        self.n_heads, self.dropout = size.n_heads, size.dropout
        self.query, self.key_value, self.out = nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """`x [B, T, d]` attends to `tokens [B, S, d]`."""
        key, value = self.key_value(tokens).chunk(2, dim=2)
        q, k, v = (t.unflatten(2, (self.n_heads, -1)).transpose(1, 2) for t in (self.query(x), key, value))
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        return self.out(out.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """A transformer layer with the norms first."""

    def __init__(self, size: ExpressionSize) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(size.width) for _ in range(2))
        self.attention, self.feed = Attention(size), _feed_forward(size)
        self.drop = nn.Dropout(size.dropout)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norms[0](x)
        x = x + self.drop(self.attention(normed, normed))
        return x + self.drop(self.feed(self.norms[1](x)))


class DecoderLayer(nn.Module):
    """Attention to itself, to the condition, and feed-forward; each passes through FiLM into the residual."""

    def __init__(self, size: ExpressionSize) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(size.width) for _ in range(3))
        self.itself, self.across, self.feed = Attention(size), Attention(size), _feed_forward(size)
        self.films = nn.ModuleList(nn.Linear(size.width, 2 * size.width) for _ in range(3))
        self.drop = nn.Dropout(size.dropout)

    def forward(self, x: Tensor, tokens: Tensor, film: Tensor) -> Tensor:
        """`x [B, T, d]`, `tokens [B, S, d]`, `film [B, d]` (after its activation)."""
        normed = self.norms[0](x)
        x = x + self._filmed(0, self.itself(normed, normed), film)
        x = x + self._filmed(1, self.across(self.norms[1](x), tokens), film)
        return x + self._filmed(2, self.feed(self.norms[2](x)), film)

    def _filmed(self, i: int, x: Tensor, film: Tensor) -> Tensor:
        scale, shift = self.films[i](film)[:, None].chunk(2, dim=2)
        return (1 + scale) * self.drop(x) + shift


@dataclass(frozen=True)
class ExpressionLoss:
    """Weights and options of the training (eq. 5).

    Attributes:
        lambda_expression, lambda_temporal: of the coefficients and of their change from frame to frame.
        literal_temporal: the paper's own form, which draws the change itself to zero, not the change's error.
        drop: share of clips that are trained without voice, for guidance.
        last_share: of the coefficients' term, what a clip's last frame has (ours; 0 in the paper's form): without sound
            ahead it is the one that is shown, and one frame in a hundred teaches it nothing.
    """

    lambda_expression: float = 1.0
    lambda_temporal: float = 0.1
    literal_temporal: bool = False
    drop: float = 0.1
    last_share: float = 0.2


def expression_loss(
    net: ExpressionNet, diffusion: Diffusion, audio: Tensor, motion: Tensor, speaker: Tensor, loss: ExpressionLoss,
    generator: torch.Generator,
) -> dict[str, Tensor]:  # fmt: skip
    """Weighted terms of one batch of clips; every clip at a step of its own.

    Args:
        audio: `[B, T, n_audio]`; motion: `[B, T, K]` in its own units; speaker: `[B, n_speaker]`.
    """
    clean, device = net.whitened(motion), motion.device
    # Ours: noisy steps more often than others (uniform in the square), since only there the voice has to be heard.
    part = torch.rand(len(clean), generator=generator).sqrt()
    steps = (part * diffusion.n_steps).long().clamp(max=diffusion.n_steps - 1).to(device)
    noise = torch.randn(clean.shape, generator=generator).to(device)
    dropped = (torch.rand(len(clean), generator=generator) < loss.drop).to(device)
    condition = net.condition(audio, speaker).dropped(dropped)
    predicted = net(diffusion.noised(clean, noise, steps), steps, condition)
    change = predicted.diff(dim=1)
    wanted = torch.zeros_like(change) if loss.literal_temporal else clean.diff(dim=1)
    error = (predicted - clean).square().mean(dim=(0, 2))
    return {
        "expression": loss.lambda_expression * ((1 - loss.last_share) * error.mean() + loss.last_share * error[-1]),
        "temporal": loss.lambda_temporal * F.huber_loss(change, wanted),
    }


def _feed_forward(size: ExpressionSize) -> nn.Sequential:
    d = size.width
    return nn.Sequential(nn.Linear(d, size.n_hidden), nn.GELU(), nn.Dropout(size.dropout), nn.Linear(size.n_hidden, d))


def _waves(steps: Tensor, width: int) -> Tensor:
    """Sines and cosines of steps or places `[B]`, `[B, width]`."""
    rates = torch.exp(torch.arange(width // 2, device=steps.device) * (-math.log(10_000) / (width // 2 - 1)))
    angles = steps[:, None].float() * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
