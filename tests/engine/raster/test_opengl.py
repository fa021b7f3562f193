"""The OpenGL rasterizer against the CPU's; it runs on software OpenGL too, and skips aloud where there is none."""

import threading

import numpy as np
import pytest
import torch

from engine.errors import BackendError
from engine.raster import opengl
from engine.raster.bench_scene import bench_camera, bench_gaussians
from engine.raster.cpu_render import CpuRasterizer
from engine.raster.opengl import OpenGLRasterizer
from tests.engine.raster.scenes import psnr, random_camera, random_gaussians


@pytest.fixture
def rasterizer():
    try:
        made = OpenGLRasterizer()
    except BackendError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def same(rasterizer, layers, camera, **settings) -> None:
    rendered = rasterizer.render(layers, camera, **settings)
    expected = CpuRasterizer().render(layers, camera, **settings)
    assert rendered.color.shape == expected.color.shape and rendered.n_skipped == expected.n_skipped
    assert psnr(rendered.color, expected.color) > 40 and np.abs(rendered.color - expected.color).mean() < 1 / 255
    assert psnr(rendered.alpha, expected.alpha) > 40


def test_random_scenes_look_as_on_the_cpu(rasterizer) -> None:
    for seed, kind in enumerate(({}, {"n_channels": 1}, {"n_channels": 7}, {"sh_degree": 3})):
        same(rasterizer, [random_gaussians(200, seed=seed, **kind)], random_camera(seed=seed))


def test_options_and_layers_look_as_on_the_cpu(rasterizer) -> None:
    layers, camera = [random_gaussians(60, seed=seed) for seed in (1, 2)], random_camera()
    same(rasterizer, layers, camera)
    same(rasterizer, layers, camera, antialiased=True)
    same(rasterizer, layers, camera, hard_edged=True)


def test_the_bench_scene_looks_as_on_the_cpu(rasterizer) -> None:
    same(rasterizer, [bench_gaussians(3000)], bench_camera(128))


def test_sizes_and_counts_may_change_from_frame_to_frame(rasterizer) -> None:
    for n, width, height in ((500, 40, 30), (5, 1, 1), (900, 70, 90), (0, 20, 20)):
        layer = random_gaussians(n)
        same(rasterizer, [layer], random_camera(width, height))


def test_unusable_gaussians_are_counted_and_the_rest_is_drawn(rasterizer) -> None:
    layer = random_gaussians(50)
    layer.means[3], layer.colors[4] = torch.nan, torch.inf
    same(rasterizer, [layer], random_camera())


def test_nothing_to_draw_is_an_empty_picture(rasterizer) -> None:
    rendered = rasterizer.render([], random_camera())
    assert rendered.color.shape == (65, 83, 3) and rendered.alpha.max() == 0


def test_another_thread_is_told_to_make_its_own(rasterizer) -> None:
    told = []

    def use() -> None:
        try:
            rasterizer.render([], random_camera())
        except BackendError as error:
            told.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert told == ["opengl: a rasterizer must be used on the thread that made it; make another one there."]


def test_without_opengl_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_settings):
        raise Exception("no display")

    monkeypatch.setattr(opengl.moderngl, "create_context", refuse)
    with pytest.raises(BackendError, match=r"no OpenGL 3\.3 context could be made \(no display\)"):
        OpenGLRasterizer()
