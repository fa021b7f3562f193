"""After the warm-up nothing is compiled any more."""

import numba
import torch

from engine.raster import cpu
from engine.raster.cpu_render import CpuRasterizer
from engine.raster.kernels.signatures import DISPLAY, TRAINING
from engine.raster.warm_up import warm_up
from tests.engine.raster.scenes import random_camera, random_gaussians, tensors


def test_the_warm_up_tells_where_it_is_and_covers_everything_called_later() -> None:
    steps = list(warm_up(training=True))
    assert [step.done for step in steps] == list(range(len(DISPLAY) + len(TRAINING) + 1))
    compiled = {id(kernel): set(kernel.signatures) for kernel, _ in DISPLAY + TRAINING}
    camera, rasterizer = random_camera(40, 30), CpuRasterizer()
    kinds = [random_gaussians(20), random_gaussians(20, n_channels=5), random_gaussians(20, sh_degree=3)]
    kinds += [random_gaussians(20).to(torch.float64), random_gaussians(20)[torch.arange(20) % 2 == 0]]
    for layer in kinds:
        for layers in ([layer], [layer, layer], [layer[:0], layer]):
            rasterizer.render(layers, camera, antialiased=True)
    rasterizer.render([], camera)
    for settings in ({}, {"absgrad": True}, {"render_mode": "RGB+D", "absgrad": True}, {"render_mode": "D"}):
        for layer in (kinds[0], kinds[2]):
            means = layer.means.clone().requires_grad_()
            colors, _, _ = cpu.rasterization(
                means, layer.quats, layer.scales, layer.opacities, layer.colors, *tensors(camera), 40, 30,
                sh_degree=layer.sh_degree, **settings,
            )  # fmt: skip
            colors.sum().backward()
    for kernel, _ in DISPLAY + TRAINING:
        assert set(kernel.signatures) == compiled[id(kernel)], f"{kernel.__name__} was compiled again"


def test_what_the_warm_up_leaves_on_disk_is_what_a_call_of_another_process_asks_for(monkeypatch) -> None:
    asked = []
    for kernel in {id(kernel): kernel for kernel, _ in DISPLAY}.values():
        monkeypatch.setattr(kernel, "compile", lambda types, kernel=kernel: asked.append((kernel, types)))
    list(warm_up())
    assert len(asked) == len(DISPLAY)
    for _, types in asked:
        assert isinstance(types, tuple) and all(isinstance(a, numba.types.Type) for a in types)
