"""The Expression Generator: what is said, how it is said and a style become expression coefficients (section 4.3.1)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.parts.kronecker import kronecker, sinusoids

EMOTION_FRAMES = 12
"""Frames to each side over which the emotional cue is averaged; a causal net takes as many behind twice over."""
SMOOTHING_FRAMES = 5
REGIONS = ("mouth", "left eye", "right eye", "brows")
MAX_FRAMES = 1024
HOP_FRAMES, LOOK_AHEAD_FRAMES, WINDOW_FRAMES = 10, 12, 100


@dataclass(frozen=True)
class ExpressionSizes:
    """Widths of the generator; the defaults are those of the full method.

    Attributes:
        n_phonetic: of the phonetic cue, 512 of Wav2Lip's sound encoder; n_emotion: of the emotional cue, 768 of
            wav2vec 2.0.
        n_expression: coefficients and the two eye aspect ratios.
        is_causal: True uses no sound ahead.
    """

    n_phonetic: int = 512
    n_emotion: int = 768
    n_expression: int = 66
    n_hidden: int = 256
    n_code: int = 128
    n_factor: int = 32
    n_fused: int = 256
    n_heads: int = 4
    n_layers: int = 2
    dropout: float = 0.1
    is_causal: bool = False


class ExpressionGenerator(nn.Module):
    """Gate and Kronecker fusion, a transformer, a regional and a global branch, and smoothing over time.

    Works on standardised features; expressions go in and out in their own units, by the training clip's statistics.
    """

    def __init__(self, sizes: ExpressionSizes = ExpressionSizes()) -> None:
        super().__init__()
        self.sizes = s = sizes
        self.phonetic = _mlp(s.n_phonetic, s.n_hidden, s.n_code)
        self.emotion = _mlp(2 * s.n_emotion, s.n_hidden, s.n_code)
        self.style = _mlp(s.n_expression, s.n_hidden, s.n_code)
        self.gate = nn.Linear(3 * s.n_code, s.n_fused)
        self.gated = nn.Linear(3 * s.n_code, s.n_fused)
        self.factors = nn.ModuleList(nn.Linear(s.n_code, s.n_factor) for _ in range(3))
        self.from_products = nn.Linear(3 * s.n_factor**2, s.n_fused)  # phi_E of eq. 8
        self.fuse = nn.Linear(2 * s.n_fused, s.n_fused)
        layer = nn.TransformerEncoderLayer(s.n_fused, s.n_heads, 4 * s.n_fused, s.dropout, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, s.n_layers, enable_nested_tensor=False)
        self.regions = nn.Parameter(0.02 * torch.randn(len(REGIONS), s.n_fused))
        self.attention = nn.MultiheadAttention(s.n_fused, s.n_heads, batch_first=True)
        self.regional = _mlp(s.n_fused, s.n_fused, s.n_expression)
        self.whole = _mlp(s.n_fused + s.n_code, s.n_fused, s.n_expression)
        self.mix_logits = nn.Parameter(torch.zeros(s.n_expression))
        self.smoothing = nn.Conv1d(s.n_expression, s.n_expression, SMOOTHING_FRAMES, groups=s.n_expression)
        with torch.no_grad():
            self.smoothing.weight.zero_()[:, 0, -1 if s.is_causal else SMOOTHING_FRAMES // 2] = 1
            self.smoothing.bias.zero_()
        self.register_buffer("mean", torch.zeros(s.n_expression))
        self.register_buffer("scale", torch.ones(s.n_expression))
        self.register_buffer("places", sinusoids(MAX_FRAMES, s.n_fused), persistent=False)

    @property
    def look_ahead_frames(self) -> int:
        return 0 if self.sizes.is_causal else LOOK_AHEAD_FRAMES

    def forward(
        self, phonetic: Tensor, emotion: Tensor, style: Tensor, *, emotion_gain: float = 1.0, mix: float | None = None
    ) -> Tensor:
        """Expressions of consecutive frames at 25 a second, `[B, T, E]`.

        Args:
            phonetic: `[B, T, P]`; emotion: `[B, T, M]`; T at most `MAX_FRAMES`.
            style: the expression of one frame whose manner is followed, `[B, E]`.
            emotion_gain: factor on the emotional code.
            mix: share of the regional branch, 0 to 1, in place of the learned one.
        """
        n_frames = phonetic.shape[1]
        a = self.phonetic(phonetic)
        e = emotion_gain * self.emotion(torch.cat([emotion, self._around(emotion)], dim=-1))
        s = self.style((style - self.mean) / self.scale)[:, None].expand(-1, n_frames, -1)
        joint = torch.cat([a, e, s], dim=-1)
        gated = torch.sigmoid(self.gate(joint)) * self.gated(joint)
        fused = self.fuse(torch.cat([gated, self.from_products(self.products(a, e, s))], dim=-1))
        mask = _ahead(n_frames, fused.device) if self.sizes.is_causal else None
        fused = self.transformer(fused + self.places[:n_frames], mask=mask)
        regional, whole = self._regional(fused, mask), self.whole(torch.cat([fused, a], dim=-1))
        share = torch.sigmoid(self.mix_logits) if mix is None else mix
        return self.scale * self._smoothed(share * regional + (1 - share) * whole) + self.mean

    def products(self, a: Tensor, e: Tensor, s: Tensor) -> Tensor:
        """The three Kronecker products of eq. 8 side by side: sound x emotion, sound x style, emotion x style."""
        a, e, s = (factor(code) for factor, code in zip(self.factors, (a, e, s), strict=True))
        return torch.cat([kronecker(a, e), kronecker(a, s), kronecker(e, s)], dim=-1)

    def _around(self, emotion: Tensor) -> Tensor:
        """The mean of the emotional cue around each frame (behind it, if causal), over the frames there are."""
        before, after = (2 * EMOTION_FRAMES, 0) if self.sizes.is_causal else (EMOTION_FRAMES, EMOTION_FRAMES)
        sums = F.pad(emotion.cumsum(dim=1), (0, 0, 1, 0))
        at = torch.arange(emotion.shape[1], device=emotion.device)
        first, last = (at - before).clamp(min=0), (at + after + 1).clamp(max=emotion.shape[1])
        return (sums[:, last] - sums[:, first]) / (last - first)[:, None]

    def _regional(self, fused: Tensor, mask: Tensor | None) -> Tensor:
        """Frames attend to each other and to one learned token of each region."""
        tokens = self.regions.expand(len(fused), -1, -1)
        seen = torch.cat([fused, tokens], dim=1)
        if mask is not None:
            mask = F.pad(mask, (0, len(REGIONS)))
        return self.regional(fused + self.attention(fused, seen, seen, attn_mask=mask, need_weights=False)[0])

    def _smoothed(self, made: Tensor) -> Tensor:
        before = SMOOTHING_FRAMES - 1 if self.sizes.is_causal else SMOOTHING_FRAMES // 2
        padded = F.pad(made.transpose(1, 2), (before, SMOOTHING_FRAMES - 1 - before), mode="replicate")
        return self.smoothing(padded).transpose(1, 2)


def in_windows(
    generator: ExpressionGenerator, phonetic: Tensor, emotion: Tensor, style: Tensor, hop: int = HOP_FRAMES, **gains
) -> Tensor:
    """Expressions of a sound of any length, `[T, E]`, made as a stream is: a hop at a time.

    Each hop is made from a window of `WINDOW_FRAMES` with the net's look-ahead after it, and eased in from what the
    window before foresaw of it. No frame depends on sound later than its hop's end and the look-ahead.

    Args:
        phonetic: `[T, P]`; emotion: `[T, M]`; style: `[E]`.
        gains: `emotion_gain`, `mix`.
    """
    ahead, made, foreseen = generator.look_ahead_frames, [], None
    for start in range(0, len(phonetic), hop):
        end = min(start + hop, len(phonetic))
        last = min(end + ahead, len(phonetic))
        first = max(0, last - WINDOW_FRAMES)
        out = generator(phonetic[None, first:last], emotion[None, first:last], style[None], **gains)[0]
        new = out[start - first : end - first]
        if foreseen is not None and len(foreseen):
            n = min(len(foreseen), len(new))
            part = (torch.arange(1, n + 1, device=new.device) / (n + 1))[:, None].to(new.dtype)
            new = torch.cat([foreseen[:n] + part * (new[:n] - foreseen[:n]), new[n:]])
        foreseen = out[end - first :]
        made.append(new)
    return torch.cat(made)


def _mlp(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    """Started so that what varies going in varies coming out; PyTorch's own start loses nine tenths of it."""
    layers = [nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden), nn.Linear(n_hidden, n_out)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if layer is layers[-1] else "relu")
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


def _ahead(n: int, device: torch.device) -> Tensor:
    """True where a frame `[n]` may not look: at frames `[n]` after it."""
    return torch.ones(n, n, dtype=torch.bool, device=device).triu(1)
