"""The CUDA rasterizer against the CPU's: with its kernels on an NVIDIA GPU, all but them anywhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from gsplat.cuda import _torch_impl

from engine.errors import BackendError
from engine.parts.compositing import finished
from engine.pixels import to_bytes
from engine.raster import cpu, cuda, rasterization_for, reference
from engine.raster.bench_scene import bench_camera, bench_gaussians
from engine.raster.cpu_render import CpuRasterizer
from engine.raster.cuda import CudaRasterizer
from engine.raster.cuda_tiles import tile_lists
from engine.replayed import Replayed
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


def same_pixels(rasterizer) -> None:
    """Finished where they are drawn, over nothing, a colour and a picture, as by way of the processor."""
    camera = random_camera()
    both = [random_gaussians(60, seed=seed).to(rasterizer.device) for seed in (1, 2)]
    shape = (camera.height, camera.width)
    picture = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    grounds = (None, np.array([0.2, 0.5, 0.9]), picture)
    for layers, behind in [(layers, behind) for layers in (both, both[:1], both[1:]) for behind in grounds]:
        expected, out = (np.zeros((*shape, 4), np.uint8) for _ in range(2))
        to_bytes(finished(rasterizer.render(layers, camera), behind), expected)
        own = rasterizer.finished(layers, camera, behind)
        assert rasterizer.finished(layers, camera, behind, out) is out
        assert (own == out).all() and np.abs(own.astype(int) - expected).max() <= 1
    assert not rasterizer.finished([], camera, None).any()
    holed = replace(both[0], means=both[0].means.clone(), quats=both[0].quats * 0)
    holed.means[3] = torch.nan
    to_bytes(finished(rasterizer.render([holed], camera), picture), expected)
    assert np.abs(rasterizer.finished([holed], camera, picture).astype(int) - expected).max() <= 1


def same_gradients(rasterization, device: str, sh_degree: int | None) -> None:
    layer, camera = random_gaussians(300, sh_degree=sh_degree), random_camera()
    gradients = []
    for function, place in ((cpu.rasterization, "cpu"), (rasterization, device)):
        inputs = [layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, tensors(camera)[0]]
        inputs = [t.to(place).clone().requires_grad_() for t in inputs]
        ks = tensors(camera)[1].to(place)
        colors, alphas, meta = function(*inputs, ks, camera.width, camera.height, sh_degree=sh_degree)
        (colors.square().sum() + alphas.sum()).backward()
        gradients.append([t.grad.cpu() for t in (*inputs, meta["means2d"])])
    for expected, own in zip(*gradients):
        assert (own - expected).norm() < 1e-3 * expected.norm()


KINDS = [{}, {"n_channels": 1}, {"n_channels": 7}, {"n_channels": 40}, {"sh_degree": 0}, {"sh_degree": 3}]


@pytest.mark.parametrize("kind", KINDS)
def test_all_but_the_kernels_draws_random_scenes_as_the_cpu_does(without_kernels, kind: dict) -> None:
    same(without_kernels, [random_gaussians(200, **kind)], random_camera())


def test_all_but_the_kernels_draws_options_and_layers_as_the_cpu_does(without_kernels) -> None:
    same_with_options(without_kernels)


def test_all_but_the_kernels_finishes_a_picture_as_the_processor_does(without_kernels) -> None:
    same_pixels(without_kernels)


def test_harmonics_are_the_same_by_kernel_and_by_hand(without_kernels) -> None:
    layer, position = random_gaussians(50, sh_degree=3), torch.tensor([0.3, -0.2, 4.0])
    own = cuda.colors_from(3, layer.colors, layer.means, position)
    assert torch.allclose(own, reference.colors_from(3, layer.colors, layer.means, position), atol=1e-5)


def test_lists_of_tiles_are_those_of_gsplat_and_say_when_they_are_full() -> None:
    rng = torch.Generator().manual_seed(0)
    n, columns, rows = 300, 7, 5
    means2d = torch.rand(n, 2, generator=rng) * torch.tensor([140.0, 110.0]) - 15
    radii = torch.randint(0, 40, (n, 2), generator=rng, dtype=torch.int32)
    depths = torch.rand(n, generator=rng) + 1
    seen = (radii > 0).all(dim=1)
    _, crossings, ids = _torch_impl._isect_tiles(
        means2d[None], (radii * seen[:, None])[None].float(), depths[None], 16, columns, rows
    )
    ends = _torch_impl._isect_offset_encode(crossings, 1, columns, rows).flatten().tolist() + [len(ids)]
    offsets, own, total = tile_lists(means2d, radii, depths, 16, columns, rows, len(ids) + 100)
    assert int(total) == len(ids) and offsets.shape == (1, rows + 1, columns)
    offsets = offsets.flatten().tolist()
    for tile in range(columns * rows):
        assert ids[ends[tile] : ends[tile + 1]].tolist() == own[offsets[tile] : offsets[tile + 1]].tolist()
    assert int(tile_lists(means2d, radii, depths, 16, columns, rows, 50)[2]) == len(ids)
    assert tile_lists(means2d, 0 * radii, depths, 16, columns, rows, 50)[0].max() == 50


def test_a_recorded_frame_grows_with_what_it_draws(without_kernels, monkeypatch) -> None:
    monkeypatch.setattr(cuda, "LEAST_CROSSINGS", 32)
    camera = random_camera()
    for n in (5, 400, 20):
        layers = [random_gaussians(n, seed=seed) for seed in (0, 1)]
        waiting = [without_kernels.begun([layer], camera, None) for layer in layers]  # both before either is looked at
        for layer, pixels in zip(layers, waiting, strict=True):
            color, alpha, _ = without_kernels._drawn([layer], camera)
            assert np.abs(pixels().astype(int) - cuda._pixels(color, alpha, None).numpy()).max() <= 1


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
def test_a_picture_is_finished_on_the_gpu_as_on_the_cpu(rasterizer) -> None:
    same_pixels(rasterizer)


@needs_gpu
def test_a_recorded_function_gives_what_it_gives_unrecorded(rasterizer) -> None:
    def function(a, b):
        return (a @ b).relu(), a.sum(dim=0)

    replayed, rng = Replayed(function, rasterizer.device), torch.Generator("cuda").manual_seed(0)
    kept = []
    for _ in range(3):
        inputs = [torch.randn(40, 40, device="cuda", generator=rng) for _ in range(2)]
        kept.append((replayed(*inputs), function(*inputs)))
    assert replayed.is_recorded
    for own, expected in kept:
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(own, expected, strict=True))


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
