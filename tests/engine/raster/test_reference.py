"""The reference against what can be worked out by hand."""

import math

import torch

from engine.raster import reference
from tests.engine.raster.scenes import random_camera, random_gaussians, tensors

STRAIGHT = torch.eye(4)[None]
K = torch.tensor([[[50.0, 0, 8], [0, 50.0, 8], [0, 0, 1]]])


def one(opacity: float = 0.5, sigma: float = 0.1, depth: float = 2.0) -> tuple[torch.Tensor, ...]:
    return (
        torch.tensor([[0.0, 0.0, depth]]), torch.tensor([[1.0, 0, 0, 0]]), torch.full((1, 3), sigma),
        torch.tensor([opacity]), torch.tensor([[0.2, 0.4, 0.8]]),
    )  # fmt: skip


def test_one_gaussian_falls_off_as_its_projected_variance_says() -> None:
    colors, alphas, _ = reference.rasterization(*one(), STRAIGHT, K, 16, 16)
    variance = (0.1 * 50 / 2.0) ** 2 + 0.3
    expected = 0.5 * math.exp(-(0.5**2 + 3.5**2) / (2 * variance))
    assert abs(alphas[0, 11, 8, 0].item() - expected) < 1e-7
    torch.testing.assert_close(
        colors[0, 11, 8], expected * torch.tensor([0.2, 0.4, 0.8]).double(), atol=1e-6, rtol=0, check_dtype=False
    )


def test_alpha_below_a_255th_is_nothing_and_none_is_above_0_999() -> None:
    _, alphas, _ = reference.rasterization(*one(opacity=1.0, sigma=1.0), STRAIGHT, K, 16, 16)
    assert alphas.max() == 0.999
    _, alphas, _ = reference.rasterization(*one(opacity=0.0039), STRAIGHT, K, 16, 16)
    assert alphas.max() == 0


def test_the_nearer_one_hides_the_farther_one_whatever_their_order() -> None:
    near, far = one(0.9, 1.0, 2.0), one(0.9, 1.0, 3.0)
    far = (*far[:4], torch.tensor([[1.0, 0.0, 0.0]]))
    for first, second in ((near, far), (far, near)):
        both = tuple(torch.cat(pair) for pair in zip(first, second))
        colors, _, _ = reference.rasterization(*both, STRAIGHT, K, 16, 16)
        # 0.9 of the near one's colour, 0.09 of the red far one
        expected = torch.tensor([0.9 * 0.2 + 0.09, 0.9 * 0.4, 0.9 * 0.8]).double()
        torch.testing.assert_close(colors[0, 8, 8], expected, atol=2e-3, rtol=0)


def test_a_pixel_is_finished_before_the_gaussian_that_would_close_it() -> None:
    several = tuple(torch.cat([t] * 4) for t in one(0.95, 3.0))
    several[0][:, 2] += torch.arange(4) * 0.1
    _, alphas, _ = reference.rasterization(*several, STRAIGHT, K, 16, 16)
    passed = 1 - alphas[0, 8, 8, 0].item()
    assert 1e-4 < passed < 0.06**3 * 1.5  # the fourth would leave less than 1e-4


def test_some_pixels_are_the_same_as_the_whole_picture() -> None:
    layer, camera = random_gaussians(60), random_camera(30, 20)
    arguments = (layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, *tensors(camera), 30, 20)
    whole, whole_alpha, _ = reference.rasterization(*arguments, render_mode="RGB+ED")
    pixels = torch.tensor([[3, 4], [29, 19], [0, 0]])
    some, some_alpha, _ = reference.rasterization(*arguments, render_mode="RGB+ED", pixels=pixels, products_at_once=70)
    torch.testing.assert_close(some[0], whole[0, pixels[:, 1], pixels[:, 0]])
    torch.testing.assert_close(some_alpha[0], whole_alpha[0, pixels[:, 1], pixels[:, 0]])


def test_rotation_matrices_are_rotations_and_the_zero_quaternion_turns_nothing() -> None:
    quats = torch.cat([torch.randn(20, 4, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)])
    matrices = reference.rotation_matrices(quats)
    torch.testing.assert_close(matrices @ matrices.transpose(1, 2), torch.eye(3).double().expand(21, 3, 3))
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(21).double())
    torch.testing.assert_close(matrices[-1], torch.eye(3).double())
    quarter = reference.rotation_matrices(torch.tensor([[1.0, 0, 0, 1.0]]))[0]
    torch.testing.assert_close(quarter @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1.0, 0]))


def test_spherical_harmonics_are_orthonormal() -> None:
    rng = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(200_000, 3, generator=rng, dtype=torch.float64), dim=1)
    basis = reference.sh_basis(3, directions)
    products = basis.T @ basis / len(directions) * 4 * math.pi
    torch.testing.assert_close(products, torch.eye(16).double(), atol=0.05, rtol=0)
