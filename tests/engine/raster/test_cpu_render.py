"""The display rasterizer: the reference's picture, whatever the layers, channels, sizes and threads."""

import numba
import numpy as np
import pytest
import torch

from engine.gaussians import Gaussians
from engine.raster import cpu_render, reference
from engine.raster.bench_scene import bench_camera, bench_gaussians
from engine.raster.cpu_render import CpuRasterizer
from tests.engine.raster.scenes import psnr, random_camera, random_gaussians, tensors


def exact(layer: Gaussians, camera, pixels=None, **settings) -> tuple[np.ndarray, np.ndarray]:
    colors, alphas, _ = reference.rasterization(
        layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, *tensors(camera),
        camera.width, camera.height, sh_degree=layer.sh_degree, pixels=pixels, **settings,
    )  # fmt: skip
    return colors[0].numpy(), alphas[0, ..., 0].numpy()


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("kind", [{}, {"n_channels": 1}, {"n_channels": 7}, {"sh_degree": 1}, {"sh_degree": 3}])
def test_random_scenes_look_as_the_reference_says(kind: dict, antialiased: bool) -> None:
    for seed in range(3):
        layer, camera = random_gaussians(200, seed=seed, **kind), random_camera(seed=seed)
        rendered = CpuRasterizer().render([layer], camera, antialiased=antialiased)
        color, alpha = exact(layer, camera, rasterize_mode="antialiased" if antialiased else "classic")
        assert psnr(rendered.color, color) > 45 and np.abs(rendered.color - color).mean() < 1 / 255
        assert psnr(rendered.alpha, alpha) > 45


def test_the_bench_scene_looks_as_the_reference_says_at_4096_random_pixels() -> None:
    layer, camera = bench_gaussians(10_000), bench_camera(512)
    rendered = CpuRasterizer().render([layer], camera)
    pixels = torch.randint(0, 512, (4096, 2), generator=torch.Generator().manual_seed(0))
    color, alpha = exact(layer, camera, pixels)
    own, own_alpha = rendered.color[pixels[:, 1], pixels[:, 0]], rendered.alpha[pixels[:, 1], pixels[:, 0]]
    assert psnr(own, color) > 45 and np.abs(own - color).mean() < 1 / 255
    assert psnr(own_alpha, alpha) > 45


def test_layers_are_composited_back_to_front_whatever_their_depth() -> None:
    camera = random_camera()
    layers = [random_gaussians(80, seed=seed) for seed in range(3)]
    together = CpuRasterizer().render(layers, camera)
    color, alpha = np.zeros_like(together.color), np.zeros_like(together.alpha)
    for layer in layers:
        rendered = CpuRasterizer().render([layer], camera)
        color = rendered.color + (1 - rendered.alpha[..., None]) * color
        alpha = rendered.alpha + (1 - rendered.alpha) * alpha
    # light under 1e-4 is cut once in one and once a layer in the other
    np.testing.assert_allclose(together.color, color, atol=0.02)
    assert psnr(together.color, color) > 60 and psnr(together.alpha, alpha) > 60


def test_layers_of_harmonics_and_of_colours_go_together() -> None:
    camera = random_camera()
    shaded, plain = random_gaussians(50, sh_degree=2), random_gaussians(50, seed=1)
    colors = reference.sh_colors(2, shaded.colors, shaded.means, torch.from_numpy(camera.viewmat).float())
    painted = Gaussians(shaded.means, shaded.quats, shaded.scales, shaded.opacities, colors)
    together = CpuRasterizer().render([shaded, plain], camera)
    np.testing.assert_allclose(together.color, CpuRasterizer().render([painted, plain], camera).color, atol=1e-4)


def test_layers_of_different_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[3, 5\] channels"):
        CpuRasterizer().render([random_gaussians(5), random_gaussians(5, n_channels=5)], random_camera())


def test_small_batches_make_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, camera = random_gaussians(2000), random_camera()
    whole = CpuRasterizer().render([layer], camera)
    monkeypatch.setattr(cpu_render, "BATCH_ENTRIES", 200)
    for n_channels in (3, 5):
        layer = random_gaussians(2000, n_channels=n_channels)
        pieces = CpuRasterizer().render([layer], camera)
        np.testing.assert_array_equal(pieces.alpha, CpuRasterizer().render([layer], camera).alpha)
    monkeypatch.undo()
    np.testing.assert_array_equal(CpuRasterizer().render([layer], camera).color, pieces.color)
    assert whole.color.shape[2] == 3


def test_threads_do_not_change_a_single_bit() -> None:
    layer, camera = random_gaussians(2000), random_camera(100, 90)
    before = numba.get_num_threads()
    pictures = []
    try:
        for n_threads in {1, before}:
            numba.set_num_threads(n_threads)
            pictures.append(CpuRasterizer().render([layer], camera).color)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(pictures[0], pictures[-1])


def test_a_picture_that_is_still_held_is_not_painted_over() -> None:
    rasterizer, camera = CpuRasterizer(), random_camera()
    first = rasterizer.render([random_gaussians(50)], camera)
    copy = first.color.copy()
    second = rasterizer.render([random_gaussians(50, seed=1)], camera)
    np.testing.assert_array_equal(first.color, copy)
    assert not np.shares_memory(first.color, second.color)


def test_memory_does_not_grow_from_frame_to_frame() -> None:
    rasterizer, camera, layer = CpuRasterizer(), random_camera(), random_gaussians(50)
    seen = set()
    for _ in range(50):
        seen.add(rasterizer.render([layer], camera).color.ctypes.data)
    assert len(seen) <= 2


def test_unusable_gaussians_are_counted_and_the_rest_is_drawn() -> None:
    layer, camera = random_gaussians(100), random_camera()
    expected = CpuRasterizer().render([layer[torch.arange(100) >= 5]], camera)
    layer.means[0, 1], layer.quats[1, 0], layer.scales[2, 2] = np.nan, np.inf, -np.inf
    layer.opacities[3], layer.colors[4, 1] = np.nan, np.inf
    rendered = CpuRasterizer().render([layer], camera)
    assert rendered.n_skipped == 5
    np.testing.assert_array_equal(rendered.color, expected.color)
    shaded = random_gaussians(100, sh_degree=1)
    shaded.colors[6, 2, 0], shaded.means[7, 0] = np.nan, np.nan
    assert CpuRasterizer().render([shaded], camera).n_skipped == 2


def test_hard_edged_gaussians_are_solid_to_two_standard_deviations() -> None:
    camera = bench_camera(256)
    layer = Gaussians(
        torch.zeros(1, 3),
        torch.tensor([[1.0, 0, 0, 0]]),
        torch.full((1, 3), 0.2),
        torch.tensor([0.3]),
        torch.ones(1, 3),
    )
    alpha = CpuRasterizer().render([layer], camera, hard_edged=True).alpha
    radius = 2 * np.hypot(0.2 * 1.5 * 256 / 4, 0.3**0.5)
    y, x = np.mgrid[:256, :256] + 0.5 - 128
    distance = np.hypot(x, y)
    np.testing.assert_allclose(alpha[distance < radius - 1], 0.999, atol=1e-4)
    assert (alpha[distance > radius * 1.05 + 1] == 0).all()


def test_stages_are_timed() -> None:
    rendered = CpuRasterizer().render([random_gaussians(50)], random_camera())
    assert set(rendered.times_ms) == {"project", "sort", "bin", "raster"}
    assert all(value >= 0 for value in rendered.times_ms.values())
