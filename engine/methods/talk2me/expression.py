"""The Expression Generator: what is said, how it is said and a style become expression coefficients (section 4.3.1)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.parts.kronecker import kronecker, sinusoids

EMOTION_FRAMES = 12
"""Frames to each side over which the emotional cue is averaged."""
SMOOTHING_FRAMES = 5
AHEAD_FRAMES = 6
"""Frames of sound after the shown one that are used at most: 240 ms."""
REGIONS = ("mouth", "left eye", "right eye", "brows")


@dataclass(frozen=True)
class ExpressionSizes:
    """Widths of the generator; the defaults are those of the full method.

    Attributes:
        n_phonetic: of the phonetic cue, 512 of Wav2Lip's sound encoder; n_emotion: of the emotional cue, 768 of
            wav2vec 2.0.
        n_expression: coefficients and the two eye aspect ratios.
        n_behind: frames heard before the shown one.
        n_around: frames to each side whose sound the phonetic code of a frame is made of, too (ours: Wav2Lip's encoder
            hears 200 ms for each frame, features of 40 ms leave that to attention, which a short clip does not teach).
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
    n_behind: int = 60
    n_around: int = 0

    @property
    def n_frames(self) -> int:
        """Of the longest window: what lies behind, the shown frame, what is ahead."""
        return self.n_behind + 1 + AHEAD_FRAMES


class ExpressionGenerator(nn.Module):
    """Gate and Kronecker fusion, a transformer, a regional and a global branch, and smoothing over time.

    A window ends where the sound ends: the net is learned on windows that hear 0 to `AHEAD_FRAMES` frames after the
    shown one, so that any look-ahead works. Features are standardised inside, expressions go in and out in their own
    units, by the training clip's statistics. Codes and what they are fused to are normalised (ours): their products
    grew until attention had no gradient that is a number.
    """

    def __init__(self, sizes: ExpressionSizes = ExpressionSizes()) -> None:
        super().__init__()
        self.sizes = s = sizes
        self.phonetic = _mlp((2 * s.n_around + 1) * s.n_phonetic, s.n_hidden, s.n_code)
        self.emotion = _mlp(2 * s.n_emotion, s.n_hidden, s.n_code)
        self.style = _mlp(s.n_expression, s.n_hidden, s.n_code)
        self.code_norms = nn.ModuleList(nn.LayerNorm(s.n_code) for _ in range(3))
        self.gate = nn.Linear(3 * s.n_code, s.n_fused)
        self.gated = nn.Linear(3 * s.n_code, s.n_fused)
        self.factors = nn.ModuleList(nn.Linear(s.n_code, s.n_factor) for _ in range(3))
        self.from_products = nn.Linear(3 * s.n_factor**2, s.n_fused)  # phi_E of eq. 8
        self.fuse = nn.Linear(2 * s.n_fused, s.n_fused)
        self.norm = nn.LayerNorm(s.n_fused)
        layer = nn.TransformerEncoderLayer(s.n_fused, s.n_heads, 4 * s.n_fused, s.dropout, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, s.n_layers, enable_nested_tensor=False)
        self.regions = nn.Parameter(0.02 * torch.randn(len(REGIONS), s.n_fused))
        self.attention = nn.MultiheadAttention(s.n_fused, s.n_heads, batch_first=True)
        self.regional = _mlp(s.n_fused, s.n_fused, s.n_expression)
        self.whole = _mlp(s.n_fused + s.n_code, s.n_fused, s.n_expression)
        self.mix_logits = nn.Parameter(torch.zeros(s.n_expression))
        self.smoothing = nn.Conv1d(s.n_expression, s.n_expression, SMOOTHING_FRAMES, groups=s.n_expression)
        with torch.no_grad():
            self.smoothing.weight.zero_()[:, 0, SMOOTHING_FRAMES // 2] = 1
            self.smoothing.bias.zero_()
        self.register_buffer("mean", torch.zeros(s.n_expression))
        self.register_buffer("scale", torch.ones(s.n_expression))
        for cue, n in (("phonetic", s.n_phonetic), ("emotion", s.n_emotion)):
            self.register_buffer(f"{cue}_mean", torch.zeros(n))
            self.register_buffer(f"{cue}_scale", torch.ones(n))
        self.register_buffer("places", sinusoids(s.n_frames, s.n_fused), persistent=False)

    def forward(
        self, phonetic: Tensor, emotion: Tensor, style: Tensor, first: int = 0, *, emotion_gain: float = 1.0,
        mix: float | None = None,
    ) -> Tensor:  # fmt: skip
        """Expressions of consecutive frames at 25 a second, `[B, T, E]`.

        Args:
            phonetic: raw features `[B, T, P]`; emotion: `[B, T, M]`.
            style: the expression of one frame whose manner is followed, `[B, E]`.
            first: place of the first frame in the window, whose shown frame has the place `n_behind`.
            emotion_gain: factor on the emotional code.
            mix: share of the regional branch, 0 to 1, in place of the learned one.
        """
        n_frames = phonetic.shape[1]
        phonetic = (phonetic - self.phonetic_mean) * self.phonetic_scale
        emotion = (emotion - self.emotion_mean) * self.emotion_scale
        of_sound, of_emotion, of_style = self.code_norms
        a = of_sound(self.phonetic(self._beside(phonetic)))
        e = emotion_gain * of_emotion(self.emotion(torch.cat([emotion, self._around(emotion)], dim=-1)))
        s = of_style(self.style((style - self.mean) / self.scale))[:, None].expand(-1, n_frames, -1)
        joint = torch.cat([a, e, s], dim=-1)
        gated = torch.sigmoid(self.gate(joint)) * self.gated(joint)
        fused = self.norm(self.fuse(torch.cat([gated, self.from_products(self.products(a, e, s))], dim=-1)))
        fused = self.transformer(fused + self.places[first : first + n_frames])
        regional, whole = self._regional(fused), self.whole(torch.cat([fused, a], dim=-1))
        share = torch.sigmoid(self.mix_logits) if mix is None else mix
        return self.scale * self._smoothed(share * regional + (1 - share) * whole) + self.mean

    def products(self, a: Tensor, e: Tensor, s: Tensor) -> Tensor:
        """The three Kronecker products of eq. 8 side by side: sound x emotion, sound x style, emotion x style."""
        a, e, s = (factor(code) for factor, code in zip(self.factors, (a, e, s), strict=True))
        return torch.cat([kronecker(a, e), kronecker(a, s), kronecker(e, s)], dim=-1)

    def _around(self, emotion: Tensor) -> Tensor:
        """The mean of the emotional cue around each frame, over the frames there are."""
        sums = F.pad(emotion.cumsum(dim=1), (0, 0, 1, 0))
        at = torch.arange(emotion.shape[1], device=emotion.device)
        first = (at - EMOTION_FRAMES).clamp(min=0)
        last = (at + EMOTION_FRAMES + 1).clamp(max=emotion.shape[1])
        return (sums[:, last] - sums[:, first]) / (last - first)[:, None]

    def _beside(self, phonetic: Tensor) -> Tensor:
        """The phonetic cue of each frame with those of the frames around it, zeros beyond the window's ends."""
        n = self.sizes.n_around
        return F.pad(phonetic, (0, 0, n, n)).unfold(1, 2 * n + 1, 1).flatten(2)

    def _regional(self, fused: Tensor) -> Tensor:
        """Frames attend to each other and to one learned token of each region."""
        seen = torch.cat([fused, self.regions.expand(len(fused), -1, -1)], dim=1)
        return self.regional(fused + self.attention(fused, seen, seen, need_weights=False)[0])

    def _smoothed(self, made: Tensor) -> Tensor:
        around = SMOOTHING_FRAMES // 2
        return self.smoothing(F.pad(made.transpose(1, 2), (around, around), mode="replicate")).transpose(1, 2)


def in_stretches(generator: ExpressionGenerator, phonetic: Tensor, emotion: Tensor, style: Tensor) -> Tensor:
    """Expressions of a sound `[T, E]` by as few windows as there can be: for what need not be as a stream shows it.

    Args:
        phonetic: `[T, P]`; emotion: `[T, M]`; style: `[E]`.
    """
    n = generator.sizes.n_frames
    parts = [slice(start, start + n) for start in range(0, len(phonetic), n)]
    return torch.cat([generator(phonetic[None, part], emotion[None, part], style[None])[0] for part in parts])


def shown_one_by_one(
    generator: ExpressionGenerator, phonetic: Tensor, emotion: Tensor, style: Tensor, ahead: int = AHEAD_FRAMES,
    **gains,
) -> Tensor:  # fmt: skip
    """Every frame of a sound, `[T, E]`, each from the window that a stream has when it is shown.

    Args:
        phonetic: `[T, P]`; emotion: `[T, M]`; style: `[E]`.
        ahead: frames of sound after the shown one, 0 to `AHEAD_FRAMES`.
        gains: `emotion_gain`, `mix`.
    """
    behind, made = generator.sizes.n_behind, []
    for at in range(len(phonetic)):
        start, end = max(0, at - behind), min(at + ahead + 1, len(phonetic))
        window = slice(start, end)
        out = generator(phonetic[None, window], emotion[None, window], style[None], behind - (at - start), **gains)
        made.append(out[0, at - start])
    return torch.stack(made)


def _mlp(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    """Started so that what varies going in varies coming out; PyTorch's own start loses nine tenths of it."""
    layers = [nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden), nn.Linear(n_hidden, n_out)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if layer is layers[-1] else "relu")
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
