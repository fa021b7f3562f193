"""StyleGAN's blocks: the published arithmetic, written out once more the slow way, and the two shortcuts taken live."""

import math

import pytest
import torch
from torch.nn import functional as F

from engine.parts.stylegan import (
    FoldedStyles,
    FrozenSynthesis,
    Mapping,
    StyledConv,
    Synthesis,
    SynthesisSize,
    ToMaps,
    unit_power,
    upsampled,
    upsampled_conv,
)

SMALL = SynthesisSize(16, 5, n_style=24, channel_base=128, channel_max=16)
FILTER = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


@pytest.fixture
def synthesis():
    torch.manual_seed(0)
    made = Synthesis(SMALL).requires_grad_(False)
    for layer in made.layers():
        layer.bias.normal_()
        if isinstance(layer, StyledConv):
            layer.noise_strength.fill_(0.3)
    return made


def filtered(x, padding):
    return F.conv2d(F.pad(x, padding), (4 * FILTER).expand(x.shape[1], 1, 4, 4), groups=x.shape[1])


def test_maps_grow_by_zero_insertion_and_the_filter():
    x = torch.randn(2, 3, 6, 6)
    spread = torch.zeros(2, 3, 12, 12)
    spread[..., ::2, ::2] = x
    assert torch.allclose(upsampled(x), filtered(spread, (2, 1, 2, 1)), atol=1e-6)


def test_features_grow_by_a_transposed_convolution_and_the_filter():
    x, weight = torch.randn(1, 4, 5, 5), torch.randn(3, 4, 3, 3)
    wide = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    assert wide.shape[-1] == 11
    assert torch.allclose(upsampled_conv(x, weight), filtered(wide, (1, 1, 1, 1)), atol=1e-5)


def test_a_styled_convolution_equals_one_with_modulated_and_demodulated_weights():
    torch.manual_seed(1)
    layer = StyledConv(4, 6, 8, 7, is_up=False).requires_grad_(False)
    layer.bias.normal_()
    layer.noise_strength.fill_(0.5)
    x, style = torch.randn(1, 4, 7, 7), torch.randn(1, 4)
    weight = layer.weight * style[0, None, :, None, None]
    weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
    wanted = F.conv2d(x, weight, padding=1) + 0.5 * layer.noise + layer.bias[:, None, None]
    assert torch.allclose(layer(x, style), F.leaky_relu(wanted, 0.2) * math.sqrt(2), atol=1e-5)


def test_maps_are_modulated_but_not_demodulated():
    layer = ToMaps(9, 2, 8).requires_grad_(False)
    x, style = torch.randn(1, 9, 3, 3), torch.randn(1, 9)
    wanted = F.conv2d(x, layer.weight * (style / 3)[0, None, :, None, None])
    assert torch.allclose(layer(x, style), wanted, atol=1e-5)


def test_styles_start_at_one_and_every_layer_has_one(synthesis):
    styles = synthesis.styles(torch.zeros(1, 24))
    assert len(styles) == 8 and all(torch.equal(s, torch.ones_like(s)) for s in styles)
    assert len(Synthesis(SynthesisSize(256, 22, 8, 512, 4)).layers()) == 13 + 7


def test_published_sizes_give_the_published_channels():
    size = SynthesisSize()
    assert [size.channels(r) for r in size.resolutions] == [512, 512, 512, 512, 512, 256, 128]


def test_latent_and_label_enter_the_mapping_with_unit_power():
    torch.manual_seed(2)
    mapping = Mapping(6, 3, 10).requires_grad_(False)
    z, label = torch.randn(4, 6), torch.randn(4, 3)
    assert torch.allclose(mapping(z, label), mapping(7 * z, label), atol=1e-5)
    assert torch.allclose(unit_power(z).square().mean(dim=1), torch.ones(4), atol=1e-4)


def test_folded_styles_equal_the_direct_ones(synthesis):
    torch.manual_seed(3)
    origin, directions, coefficients = torch.randn(24), torch.randn(5, 24), torch.randn(5)
    folded = FoldedStyles(synthesis, origin, directions)(coefficients)
    direct = synthesis.styles((origin + coefficients @ directions)[None])
    assert max(float((a - b).abs().max()) for a, b in zip(folded, direct, strict=True)) < 1e-4


def test_the_frozen_network_says_what_the_trained_one_says(synthesis):
    styles = synthesis.styles(torch.randn(1, 24))
    assert torch.allclose(FrozenSynthesis(synthesis)(styles), synthesis(styles), atol=1e-4)
