"""The CUDA rasterizer against the CPU's: with its kernels on an NVIDIA GPU, all but them anywhere."""

import numpy as np
import pytest
import torch

from engine.errors import BackendError
from engine.raster import cpu, cuda, rasterization_for
from engine.raster.bench_scene import bench_camera, bench_gaussians
from engine.raster.cpu_render import CpuRasterizer
from engine.raster.cuda import CudaRasterizer
from tests.engine.raster import gsplat_on_cpu
from tests.engine.raster.scenes import psnr, random_camera, random_gaussians, tensors

needs_gpu = pytest.mark.gpu


@pytest.fixture(scope="module")
def rasterizer():
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU")
    return CudaRasterizer()


@pytest.fixture
def without_kernels(monkeypatch):
    """The rasterizer over gsplat's torch implementations: all but the kernels themselves."""
    gsplat_on_cpu.install(monkeypatch)
    return CudaRasterizer("cpu")


def same(rasterizer, layers, camera, **settings) -> None:
    rendered = rasterizer.render([layer.to(rasterizer.device) for layer in layers], camera, **settings)
    expected = CpuRasterizer().render(layers, camera, **settings)
    assert rendered.n_skipped == expected.n_skipped
    assert psnr(rendered.color, expected.color) > 45 and np.abs(rendered.color - expected.color).mean() < 1 / 255
    assert psnr(rendered.alpha, expected.alpha) > 45


def same_with_options(rasterizer) -> None:
    layers, camera = [random_gaussians(60, seed=seed) for seed in (1, 2)], random_camera()
    layers[0].means[3], layers[1].colors[4], layers[1].quats[5] = torch.nan, torch.inf, 0
    same(rasterizer, layers, camera)
    same(rasterizer, layers, camera, antialiased=True)
    same(rasterizer, layers, camera, hard_edged=True)
    assert rasterizer.render([], camera).alpha.max() == 0


def same_gradients(rasterization, device: str, sh_degree: int | None) -> None:
    layer, camera = random_gaussians(300, sh_degree=sh_degree), random_camera()
    gradients = []
    for function, place in ((cpu.rasterization, "cpu"), (rasterization, device)):
        inputs = [layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, tensors(camera)[0]]
        inputs = [t.to(place).clone().requires_grad_() for t in inputs]
        ks = tensors(camera)[1].to(place)
        colors, alphas, _ = function(*inputs, ks, camera.width, camera.height, sh_degree=sh_degree)
        (colors.square().sum() + alphas.sum()).backward()
        gradients.append([t.grad.cpu() for t in inputs])
    for expected, own in zip(*gradients):
        assert (own - expected).norm() < 1e-3 * expected.norm()


KINDS = [{}, {"n_channels": 1}, {"n_channels": 7}, {"n_channels": 40}, {"sh_degree": 0}, {"sh_degree": 3}]


@pytest.mark.parametrize("kind", KINDS)
def test_all_but_the_kernels_draws_random_scenes_as_the_cpu_does(without_kernels, kind: dict) -> None:
    same(without_kernels, [random_gaussians(200, **kind)], random_camera())


def test_all_but_the_kernels_draws_options_and_layers_as_the_cpu_does(without_kernels) -> None:
    same_with_options(without_kernels)


@pytest.mark.parametrize("sh_degree", [None, 3])
def test_all_but_the_kernels_gives_the_gradients_of_the_cpu(without_kernels, sh_degree: int | None) -> None:
    same_gradients(cuda.rasterization, "cpu", sh_degree)


@needs_gpu
@pytest.mark.parametrize("kind", KINDS)
def test_random_scenes_look_as_on_the_cpu(rasterizer, kind: dict) -> None:
    same(rasterizer, [random_gaussians(200, **kind)], random_camera())


@needs_gpu
def test_options_layers_and_unusable_gaussians_look_as_on_the_cpu(rasterizer) -> None:
    same_with_options(rasterizer)
    same(rasterizer, [bench_gaussians(30_000)], bench_camera())


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
    same_gradients(rasterization_for("cuda"), "cuda", sh_degree)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_a_sentence_says_so() -> None:
    with pytest.raises(BackendError, match="torch finds no usable NVIDIA GPU"):
        CudaRasterizer()
    with pytest.raises(BackendError, match="torch finds no usable NVIDIA GPU"):
        rasterization_for("cuda")()
    assert rasterization_for(torch.device("cpu")) is cpu.rasterization
