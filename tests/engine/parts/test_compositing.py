"""Pictures over what stands behind them, and colours from spherical harmonics, against the plain formulas."""

import numpy as np
import pytest
import torch

from engine.camera import Orbit
from engine.parts.compositing import finished
from engine.parts.encoding import encode_position, encoded_width
from engine.parts.harmonics import view_colors
from engine.raster.base import Rendered
from engine.raster.reference import sh_colors


@pytest.fixture
def rendered():
    rng = np.random.default_rng(0)
    alpha = rng.uniform(size=(6, 5)).astype(np.float32)
    alpha[0, 0] = 0
    return Rendered((rng.uniform(size=(6, 5, 3)) * alpha[..., None]).astype(np.float32), alpha)


def test_with_nothing_behind_alpha_is_straight(rendered):
    picture = finished(rendered, None)
    assert np.allclose(picture[..., :3] * picture[..., 3:], rendered.color, atol=1e-6)
    assert np.allclose(picture[..., 3], rendered.alpha) and (picture[0, 0] == 0).all()


@pytest.mark.parametrize("flat", [True, False])
def test_over_a_colour_or_a_picture(rendered, flat):
    behind = np.full(3, 0.25) if flat else np.random.default_rng(1).uniform(size=(6, 5, 3))
    picture = finished(rendered, behind)
    expected = rendered.color + (1 - rendered.alpha[..., None]) * behind
    assert np.allclose(picture[..., :3], expected, atol=1e-6) and (picture[..., 3] == 1).all()


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_colours_equal_the_reference(degree):
    rng = np.random.default_rng(degree)
    means = rng.normal(size=(50, 3)).astype(np.float32)
    sh = rng.normal(size=(50, (degree + 1) ** 2, 3)).astype(np.float32)
    camera = Orbit(azimuth_deg=30, elevation_deg=-10).camera(64, 64)
    expected = sh_colors(
        degree, torch.tensor(sh), torch.tensor(means), torch.tensor(camera.viewmat, dtype=torch.float32)
    )
    assert np.abs(view_colors(means, sh, camera.position, degree) - expected.numpy()).max() < 1e-4


def test_encoding_holds_the_value_and_doubling_waves():
    x = torch.tensor([[0.3, -1.2]], dtype=torch.float64)
    encoded = encode_position(x, 4)
    assert encoded.shape[1] == encoded_width(2, 4) == 18
    waves = [wave for k in range(4) for wave in (torch.sin(x * 2**k), torch.cos(x * 2**k) - 1)]
    expected = torch.cat([x, *waves], dim=1)
    assert torch.allclose(encoded, expected, atol=1e-12)
    assert torch.equal(encode_position(x, 0), x)


def test_the_compiled_encoding_has_the_values_and_gradients_of_the_plain_one():
    generator = torch.Generator().manual_seed(3)
    x = (3 * torch.randn(300, 7, generator=generator)).requires_grad_()
    weights = torch.randn(300, encoded_width(7, 4), generator=generator)
    compiled = encode_position(x, 4)
    (compiled * weights).sum().backward()
    plain = torch.stack([encode_position(row, 4) for row in x.detach()])
    assert torch.allclose(compiled, plain, atol=1e-5)
    exact = x.detach().double().requires_grad_()
    parts = [exact] + [f for k in range(4) for f in (torch.sin(2**k * exact), torch.cos(2**k * exact) - 1)]
    (torch.cat(parts, dim=1) * weights).sum().backward()
    assert torch.allclose(x.grad, exact.grad.float(), rtol=1e-4, atol=1e-3)
