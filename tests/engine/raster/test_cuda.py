"""The CUDA rasterizer against the CPU's, where there is an NVIDIA GPU; and what is said where there is none."""

import numpy as np
import pytest
import torch

from engine.errors import BackendError
from engine.raster import cpu, rasterization_for
from engine.raster.bench_scene import bench_camera, bench_gaussians
from engine.raster.cpu_render import CpuRasterizer
from engine.raster.cuda import CudaRasterizer
from tests.engine.raster.scenes import psnr, random_camera, random_gaussians, tensors

needs_gpu = pytest.mark.gpu


@pytest.fixture(scope="module")
def rasterizer():
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU")
    return CudaRasterizer()


def same(rasterizer, layers, camera, **settings) -> None:
    rendered = rasterizer.render([layer.to("cuda") for layer in layers], camera, **settings)
    expected = CpuRasterizer().render(layers, camera, **settings)
    assert rendered.n_skipped == expected.n_skipped
    assert psnr(rendered.color, expected.color) > 45 and np.abs(rendered.color - expected.color).mean() < 1 / 255
    assert psnr(rendered.alpha, expected.alpha) > 45


@needs_gpu
@pytest.mark.parametrize("kind", [{}, {"n_channels": 1}, {"n_channels": 7}, {"sh_degree": 3}])
def test_random_scenes_look_as_on_the_cpu(rasterizer, kind: dict) -> None:
    same(rasterizer, [random_gaussians(200, **kind)], random_camera())


@needs_gpu
def test_options_layers_and_unusable_gaussians_look_as_on_the_cpu(rasterizer) -> None:
    layers, camera = [random_gaussians(60, seed=seed) for seed in (1, 2)], random_camera()
    layers[0].means[3], layers[1].colors[4], layers[1].quats[5] = torch.nan, torch.inf, 0
    same(rasterizer, layers, camera)
    same(rasterizer, layers, camera, antialiased=True)
    same(rasterizer, layers, camera, hard_edged=True)
    same(rasterizer, [bench_gaussians(30_000)], bench_camera())
    assert rasterizer.render([], camera).alpha.max() == 0


@needs_gpu
def test_a_picture_that_is_still_held_is_not_painted_over(rasterizer) -> None:
    camera = random_camera()
    first = rasterizer.render([random_gaussians(50).to("cuda")], camera)
    copy = first.color.copy()
    rasterizer.render([random_gaussians(50, seed=1).to("cuda")], camera)
    np.testing.assert_array_equal(first.color, copy)


@needs_gpu
@pytest.mark.parametrize("sh_degree", [None, 3])
def test_gradients_agree_with_the_cpu(rasterizer, sh_degree: int | None) -> None:
    layer, camera = random_gaussians(300, sh_degree=sh_degree), random_camera()
    gradients = []
    for device in ("cpu", "cuda"):
        inputs = [layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, tensors(camera)[0]]
        inputs = [t.to(device).clone().requires_grad_() for t in inputs]
        ks = tensors(camera)[1].to(device)
        colors, alphas, _ = rasterization_for(device)(*inputs, ks, camera.width, camera.height, sh_degree=sh_degree)
        (colors.square().sum() + alphas.sum()).backward()
        gradients.append([t.grad.cpu() for t in inputs])
    for expected, own in zip(*gradients):
        assert (own - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_a_sentence_says_so() -> None:
    with pytest.raises(BackendError, match="torch finds no usable NVIDIA GPU"):
        CudaRasterizer()
    with pytest.raises(BackendError, match="torch finds no usable NVIDIA GPU"):
        rasterization_for("cuda")()
    assert rasterization_for(torch.device("cpu")) is cpu.rasterization
