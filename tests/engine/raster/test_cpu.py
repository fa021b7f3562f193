"""The differentiable CPU rasterizer against the reference: pictures and every gradient."""

import numba
import numpy as np
import pytest
import torch

from engine.raster import cpu, reference
from tests.engine.raster.scenes import psnr, random_camera, random_gaussians, tensors, undecided

MODES = {
    "plain colours": {},
    "antialiased": {"rasterize_mode": "antialiased"},
    "five channels over a background": {"n_channels": 5, "backgrounds": torch.linspace(0.1, 0.9, 5)[None]},
    "one channel": {"n_channels": 1},
    "depth": {"render_mode": "D"},
    "expected depth": {"render_mode": "ED"},
    "colour and depth": {"render_mode": "RGB+D", "backgrounds": torch.tensor([[0.2, 0.5, 0.9]])},
    "harmonics of degree 0": {"sh_degree": 0},
    "harmonics of degree 1": {"sh_degree": 1},
    "harmonics of degree 2": {"sh_degree": 2},
    "harmonics of degree 3": {"sh_degree": 3},
}


@pytest.mark.parametrize("settings", MODES.values(), ids=MODES.keys())
def test_pictures_and_gradients_agree_with_the_reference(settings: dict) -> None:
    settings = dict(settings)
    sh_degree = settings.get("sh_degree")
    layer = random_gaussians(n_channels=settings.pop("n_channels", 3), sh_degree=sh_degree)
    camera = random_camera()
    decided = ~undecided(layer, camera, settings.get("rasterize_mode") == "antialiased")
    assert decided.float().mean() > 0.9
    results = []
    for rasterize, dtype in ((reference.rasterization, torch.float64), (cpu.rasterization, torch.float32)):
        viewmats, ks = tensors(camera)
        inputs = [layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, viewmats]
        inputs = [t.to(dtype).clone().requires_grad_() for t in inputs]
        colors, alphas, _ = rasterize(*inputs, ks.to(dtype), camera.width, camera.height, **settings)
        wanted = torch.Generator().manual_seed(5)
        weights = [
            torch.randn(t.shape, generator=wanted).to(dtype) * decided[None, ..., None] for t in (colors, alphas)
        ]
        if settings.get("render_mode") == "ED":  # depth at the thinnest rim divides two roundings
            weights[0] = weights[0] * (alphas.detach() > 0.05)
        ((colors * weights[0]).sum() + (alphas * weights[1]).sum()).backward()
        results.append((colors.detach()[0], alphas.detach()[0], [t.grad for t in inputs]))
    (colors, alphas, gradients), (own_colors, own_alphas, own_gradients) = results
    solid = decided & (alphas[..., 0] > 0.05)
    torch.testing.assert_close(own_colors[solid], colors[solid], atol=1e-4, rtol=1e-4, check_dtype=False)
    torch.testing.assert_close(own_alphas[decided], alphas[decided], atol=2e-5, rtol=0, check_dtype=False)
    assert psnr(own_alphas, alphas) > 45 and (own_alphas - alphas).abs().mean() < 1 / 255
    names = ("means", "quats", "scales", "opacities", "colors", "viewmats")
    for name, expected, own in zip(names, gradients, own_gradients):
        if expected is None:
            assert name == "colors" and own is None
            continue
        assert (own - expected).norm() < 1e-3 * expected.norm(), name
        assert (own - expected).abs().max() < 1e-3 * expected.abs().max(), name


def test_several_cameras_give_each_picture_and_the_sum_of_their_gradients() -> None:
    layer, cameras = random_gaussians(100), [random_camera(40, 30, seed) for seed in (1, 2)]
    both = [torch.cat(pair) for pair in zip(*(tensors(camera) for camera in cameras))]
    means = layer.means.clone().requires_grad_()
    rest = (layer.quats, layer.scales, layer.opacities, layer.colors)
    colors, alphas, meta = cpu.rasterization(means, *rest, *both, 40, 30)
    assert colors.shape == (2, 30, 40, 3) and alphas.shape == (2, 30, 40, 1) and meta["n_cameras"] == 2
    colors.square().sum().backward()
    total = torch.zeros_like(means)
    for i, camera in enumerate(cameras):
        alone = layer.means.clone().requires_grad_()
        picture, _, _ = cpu.rasterization(alone, *rest, *tensors(camera), 40, 30)
        torch.testing.assert_close(picture[0], colors[i])
        picture.square().sum().backward()
        total += alone.grad
    torch.testing.assert_close(means.grad, total, rtol=1e-4, atol=1e-5)


def test_screen_gradients_can_be_read_for_densification() -> None:
    layer, camera = random_gaussians(100), random_camera(40, 30)
    means = layer.means.clone().requires_grad_()
    arguments = (layer.quats, layer.scales, layer.opacities, layer.colors, *tensors(camera), 40, 30)
    colors, _, meta = cpu.rasterization(means, *arguments, absgrad=True)
    (colors * torch.randn(colors.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    signed, absolute = meta["means2d"].grad, meta["means2d"].absgrad
    assert signed.shape == absolute.shape == (1, 100, 2)
    assert (absolute >= signed.abs() - 1e-4 * absolute.max()).all() and absolute.max() > 0
    unseen = (meta["radii"][0] == 0).all(dim=1)
    assert (signed[0, unseen] == 0).all() and not (signed[0, ~unseen] == 0).all()


def test_the_same_training_step_gives_the_same_bits_whatever_the_threads() -> None:
    layer, camera = random_gaussians(500), random_camera()
    gradients = []
    before = numba.get_num_threads()
    try:
        for n_threads in (1, before, before):
            numba.set_num_threads(n_threads)
            inputs = [t.clone().requires_grad_() for t in (layer.means, layer.quats, layer.scales, layer.opacities)]
            colors, _, _ = cpu.rasterization(*inputs, layer.colors, *tensors(camera), camera.width, camera.height)
            colors.square().sum().backward()
            gradients.append(torch.cat([t.grad.flatten() for t in inputs]))
    finally:
        numba.set_num_threads(before)
    assert torch.equal(gradients[0], gradients[1]) and torch.equal(gradients[1], gradients[2])


def test_what_is_not_finite_is_left_out_and_gets_no_gradient() -> None:
    layer, camera = random_gaussians(50), random_camera(40, 30)
    broken = random_gaussians(50)
    broken.means[7], broken.quats[8], broken.scales[9] = np.nan, np.inf, -np.inf
    broken.opacities[10], broken.colors[11] = np.nan, np.nan
    kept = [i for i in range(50) if not 7 <= i <= 11]
    expected, _, _ = cpu.rasterization(
        *(t[kept] for t in (layer.means, layer.quats, layer.scales, layer.opacities, layer.colors)),
        *tensors(camera), 40, 30,
    )  # fmt: skip
    inputs = [broken.means, broken.quats, broken.scales, broken.opacities, broken.colors]
    inputs = [t.clone().requires_grad_() for t in inputs]
    colors, _, _ = cpu.rasterization(*inputs, *tensors(camera), 40, 30)
    torch.testing.assert_close(colors, expected)
    colors.sum().backward()
    for tensor in inputs:
        assert tensor.grad.isfinite().all() and (tensor.grad[7:12] == 0).all()


def test_no_gaussians_make_an_empty_picture_and_empty_gradients() -> None:
    layer, camera = random_gaussians(5)[torch.zeros(5, dtype=torch.bool)], random_camera(20, 10)
    means = layer.means.clone().requires_grad_()
    colors, alphas, meta = cpu.rasterization(
        means, layer.quats, layer.scales, layer.opacities, layer.colors, *tensors(camera), 20, 10
    )
    assert colors.shape == (1, 10, 20, 3) and colors.abs().max() == 0 and alphas.max() == 0
    (colors.sum() + alphas.sum()).backward()
    assert means.grad.shape == (0, 3) and meta["means2d"].shape == (1, 0, 2)


def test_wrong_shapes_are_named() -> None:
    layer, camera = random_gaussians(5), random_camera(20, 10)
    with pytest.raises(ValueError, match="quats is \\(5, 3\\)"):
        cpu.rasterization(
            layer.means, layer.quats[:, :3], layer.scales, layer.opacities, layer.colors, *tensors(camera), 20, 10
        )
    with pytest.raises(ValueError, match="render_mode 'depth'"):
        cpu.rasterization(
            layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, *tensors(camera), 20, 10,
            render_mode="depth",
        )  # fmt: skip
