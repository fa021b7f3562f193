"""StyleGAN2's building blocks in plain PyTorch, with the exact arithmetic of the published weights.

A mapping network, convolutions modulated by styles, and the "skip" synthesis network, whose picture is summed over the
resolutions (Karras et al. 2020). Styles are scaled on the activations rather than on the weights, which is the same
sum: the weights stay as they are from moment to moment, and a batch needs no grouped convolutions.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE, GAIN = 0.2, math.sqrt(2)
TAPS = (1.0, 3.0, 3.0, 1.0)


@dataclass(frozen=True)
class SynthesisSize:
    """How large a synthesis network is; the defaults are those of GGHead's FFHQ-512 model.

    Attributes:
        resolution: side of the maps, a power of two from 8 on.
        n_maps: channels that come out.
        n_style: width of w.
        channel_base, channel_max: channels at a resolution are `min(channel_base / resolution, channel_max)`.
    """

    resolution: int = 256
    n_maps: int = 22
    n_style: int = 512
    channel_base: int = 32768
    channel_max: int = 512

    def channels(self, resolution: int) -> int:
        return max(1, min(self.channel_base // resolution, self.channel_max))

    @property
    def resolutions(self) -> tuple[int, ...]:
        return tuple(2**k for k in range(2, self.resolution.bit_length()))


class Dense(nn.Module):
    """A fully connected layer with an equalised learning rate: the stored weight is larger than the one used.

    Args:
        rate: learning-rate multiplier m; the stored weight is N(0, 1) / m, used times m / sqrt(fan in), the bias
            times m.
    """

    def __init__(self, n_in: int, n_out: int, rate: float = 1.0, bias: float = 0.0, is_active: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / rate)
        self.bias = nn.Parameter(torch.full((n_out,), float(bias)))
        self.weight_gain, self.bias_gain, self.is_active = rate / math.sqrt(n_in), rate, is_active

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(x, SLOPE) * GAIN if self.is_active else x

    def matrix(self) -> tuple[Tensor, Tensor]:
        """Weight `[n_out, n_in]` and bias `[n_out]` as they are used."""
        return self.weight * self.weight_gain, self.bias * self.bias_gain


class Mapping(nn.Module):
    """From a latent z (and a label c) to w.

    Both are divided by their root mean square before they are joined. `w_avg` is the mean w of the population.
    """

    def __init__(self, n_latent: int, n_label: int, n_style: int, n_layers: int = 2, rate: float = 0.01) -> None:
        super().__init__()
        self.n_latent, self.n_label = n_latent, n_label
        self.embed = Dense(n_label, n_style) if n_label else None
        widths = [n_latent + (n_style if n_label else 0), *[n_style] * n_layers]
        self.layers = nn.ModuleList(Dense(a, b, rate, is_active=True) for a, b in pairwise(widths))
        self.register_buffer("w_avg", torch.zeros(n_style))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """`[B, n_latent]`, `[B, n_label]` -> `[B, n_style]`."""
        x = unit_power(z)
        if self.embed is not None:
            x = torch.cat([x, unit_power(self.embed(label))], dim=1)
        for layer in self.layers:
            x = layer(x)
        return x


class StyledConv(nn.Module):
    """A 3x3 convolution whose input channels a style scales, demodulated; with noise, bias and leaky ReLU."""

    def __init__(self, n_in: int, n_out: int, n_style: int, resolution: int, is_up: bool) -> None:
        super().__init__()
        self.affine = Dense(n_style, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(resolution, resolution))
        self.is_up = is_up

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x [B, n_in, H, W]`, `style [B, n_in]` -> `[B, n_out, H or 2 H, ...]`."""
        power = self.weight.square().sum(dim=(2, 3))  # [n_out, n_in]
        demodulation = torch.rsqrt(style.square() @ power.t() + 1e-8)
        x = x * style[:, :, None, None]
        x = upsampled_conv(x, self.weight) if self.is_up else F.conv2d(x, self.weight, padding=1)
        x = torch.addcmul(
            self.bias[:, None, None] + self.noise * self.noise_strength, x, demodulation[:, :, None, None]
        )
        return F.leaky_relu(x, SLOPE) * GAIN


class ToMaps(nn.Module):
    """The 1x1 convolution from features to maps ("toRGB"): modulated, not demodulated, no activation."""

    def __init__(self, n_in: int, n_maps: int, n_style: int) -> None:
        super().__init__()
        self.affine = Dense(n_style, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(n_maps, n_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(n_maps))
        self.gain = 1 / math.sqrt(n_in)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return F.conv2d(x * (style * self.gain)[:, :, None, None], self.weight, self.bias)


class Block(nn.Module):
    """One resolution: (up-sampling convolution,) convolution, to maps."""

    def __init__(self, n_in: int, n_out: int, size: SynthesisSize, resolution: int) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.randn(n_out, resolution, resolution)) if not n_in else None
        self.up = StyledConv(n_in, n_out, size.n_style, resolution, is_up=True) if n_in else None
        self.conv = StyledConv(n_out, n_out, size.n_style, resolution, is_up=False)
        self.to_maps = ToMaps(n_out, size.n_maps, size.n_style)

    def layers(self) -> list[StyledConv | ToMaps]:
        """In the order their styles are given."""
        return [layer for layer in (self.up, self.conv, self.to_maps) if layer is not None]


class Synthesis(nn.Module):
    """The "skip" generator: one set of maps from styles."""

    def __init__(self, size: SynthesisSize) -> None:
        super().__init__()
        self.size = size
        widths = [0, *(size.channels(r) for r in size.resolutions)]
        self.blocks = nn.ModuleList(Block(a, b, size, r) for a, b, r in zip(widths, widths[1:], size.resolutions))

    def layers(self) -> list[StyledConv | ToMaps]:
        return [layer for block in self.blocks for layer in block.layers()]

    def styles(self, w: Tensor) -> list[Tensor]:
        """The style of every layer for w `[B, n_style]`; the same w goes to all."""
        return [layer.affine(w) for layer in self.layers()]

    def forward(self, styles: list[Tensor]) -> Tensor:
        """Styles `[B, channels]` each, in the order of `layers` -> maps `[B, n_maps, R, R]`."""
        rest = iter(styles)
        x = maps = None
        for block in self.blocks:
            if block.const is not None:
                x = block.const.expand(len(styles[0]), -1, -1, -1)
            else:
                x = block.up(x, next(rest))
            x = block.conv(x, next(rest))
            new = block.to_maps(x, next(rest))
            maps = new if maps is None else upsampled(maps) + new
        return maps


class FoldedStyles:
    """All style affines as one product: styles are linear in w, and w in a few coefficients.

    Args:
        synthesis: whose affines are folded.
        origin: w at coefficients 0, `[n_style]`; directions: rows of W space, `[K, n_style]`.
    """

    def __init__(self, synthesis: Synthesis, origin: Tensor, directions: Tensor) -> None:
        with torch.no_grad():
            pairs = [layer.affine.matrix() for layer in synthesis.layers()]
            self._sizes = [len(bias) for _, bias in pairs]
            weight, bias = torch.cat([w for w, _ in pairs]), torch.cat([b for _, b in pairs])
            self._base = weight @ origin + bias
            self._slopes = (weight @ directions.t()).contiguous()

    def __call__(self, coefficients: Tensor) -> list[Tensor]:
        """`[K]` -> the style of every layer, `[1, channels]` each."""
        return list((self._base + self._slopes @ coefficients)[None].split(self._sizes, dim=1))


def unit_power(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def upsampled_conv(x: Tensor, weight: Tensor) -> Tensor:
    """A transposed convolution of stride 2 (2 H + 1 wide), then the filter [1, 3, 3, 1] in both directions: 2 H."""
    return _filtered(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))


def upsampled(maps: Tensor) -> Tensor:
    """Twice the size by zero insertion and the filter [1, 3, 3, 1]: bilinear, with zeros beyond the border."""
    maps = F.interpolate(F.pad(maps, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return maps[..., 2:-2, 2:-2]


def _filtered(x: Tensor) -> Tensor:
    """The filter of gain 4, padding 1 on all sides: 2 H + 1 -> 2 H."""
    n, taps = x.shape[1], x.new_tensor(TAPS) / 4
    return F.conv2d(x, torch.outer(taps, taps).expand(n, 1, 4, 4), padding=1, groups=n)


class FrozenSynthesis:
    """A synthesis network whose weights no longer change: what depends on them alone is worked out once.

    The same sums as `Synthesis.forward`; noise and bias are one addend, and activations are changed in place.
    """

    def __init__(self, synthesis: Synthesis) -> None:
        with torch.no_grad():
            self._const = synthesis.blocks[0].const.detach()[None]
            self._blocks = [
                (None if block.up is None else _Frozen(block.up), _Frozen(block.conv), block.to_maps)
                for block in synthesis.blocks
            ]

    @torch.no_grad()
    def __call__(self, styles: list[Tensor]) -> Tensor:
        """As `Synthesis.forward`, for one set of styles."""
        rest = iter(styles)
        x, maps = self._const, None
        for up, conv, to_maps in self._blocks:
            if up is not None:
                x = up(x, next(rest))
            x = conv(x, next(rest))
            new = to_maps(x, next(rest))
            maps = new if maps is None else upsampled(maps).add_(new)
        return maps


class _Frozen:
    def __init__(self, layer: StyledConv) -> None:
        weight = layer.weight.detach()
        self._power = weight.square().sum(dim=(2, 3)).t().contiguous()
        self._is_up = layer.is_up
        self._weight = (weight.transpose(0, 1) if layer.is_up else weight).contiguous()
        self._shift = GAIN * (layer.bias[:, None, None] + layer.noise * layer.noise_strength).detach()

    def __call__(self, x: Tensor, style: Tensor) -> Tensor:
        scale = torch.rsqrt(style.square() @ self._power + 1e-8)[0] * GAIN
        x = x * style[0, :, None, None]
        if self._is_up:
            x = _filtered(F.conv_transpose2d(x, self._weight, stride=2))
        else:
            x = F.conv2d(x, self._weight, padding=1)
        x = torch.addcmul(self._shift, x, scale[:, None, None])
        return F.leaky_relu_(x, SLOPE)
