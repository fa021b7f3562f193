"""Nothing breaks the rasterizers: any numbers, counts and sizes give a finite picture with alpha between 0 and 1."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.camera import Camera
from engine.gaussians import Gaussians
from engine.raster import cpu
from engine.raster.cpu_render import BATCH_ENTRIES, CpuRasterizer
from tests.engine.raster.scenes import random_camera, random_gaussians, tensors

ANY_FLOAT = st.floats(width=32, allow_nan=True, allow_infinity=True)
MOSTLY_USUAL = st.one_of(st.floats(-3, 3, width=32), st.sampled_from([0.0, -0.0, 1e-30, 1e-6, 1e6, 1e30]), ANY_FLOAT)
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def gaussians(draw, most: int = 12) -> Gaussians:
    n = draw(st.integers(0, most))
    parts = [
        torch.from_numpy(draw(hnp.arrays(np.float32, (n, width), elements=MOSTLY_USUAL))) for width in (3, 4, 3, 1, 3)
    ]
    return Gaussians(*parts[:3], parts[3][:, 0].contiguous(), parts[4])


@st.composite
def cameras(draw) -> Camera:
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    viewmat = np.eye(4)
    viewmat[:3, 3] = draw(hnp.arrays(np.float64, 3, elements=st.floats(-3, 6)))
    focal = draw(st.floats(0.1, 2000))
    return Camera(viewmat, np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]), width, height)


def check(rendered, camera: Camera) -> None:
    assert rendered.color.shape[:2] == rendered.alpha.shape == (camera.height, camera.width)
    assert np.isfinite(rendered.alpha).all()
    assert rendered.alpha.min() >= -1e-6 and rendered.alpha.max() <= 1 + 1e-6


@PROPERTY
@given(gaussians(), cameras(), st.booleans(), st.booleans())
def test_any_numbers_give_a_picture(layer: Gaussians, camera: Camera, antialiased: bool, hard_edged: bool) -> None:
    rendered = CpuRasterizer().render([layer], camera, antialiased=antialiased, hard_edged=hard_edged)
    check(rendered, camera)
    parts = (layer.means, layer.quats, layer.scales, layer.opacities[:, None], layer.colors)
    usable = (torch.cat(parts, dim=1).abs() < 3e38).all(dim=1)
    assert rendered.n_skipped == int((~usable).sum())


@PROPERTY
@given(gaussians(), cameras())
def test_any_numbers_give_finite_gradients_of_finite_pictures(layer: Gaussians, camera: Camera) -> None:
    # values whose squares stay finite: beyond them a float32 gradient does too only by luck
    moderate = [t.clamp(-1e4, 1e4) for t in (layer.means, layer.quats, layer.scales, layer.opacities, layer.colors)]
    inputs = [t.clone().requires_grad_() for t in moderate]
    colors, alphas, _ = cpu.rasterization(*inputs, *tensors(camera), camera.width, camera.height)
    assert colors.isfinite().all() and alphas.isfinite().all()
    (colors.sum() + alphas.sum()).backward()
    assert all(t.grad.isfinite().all() for t in inputs)


@PROPERTY
@given(st.integers(0, 2**32 - 1), st.integers(60, 90), st.integers(55, 70))
def test_a_smaller_picture_is_a_piece_of_the_larger_one(seed: int, width: int, height: int) -> None:
    layer, camera = random_gaussians(60, seed=seed), random_camera(90, 70)
    layer.means.clamp_(-2, 2).mul_(0.2)  # nobody so far off screen that its shape is limited by the picture's size
    whole = CpuRasterizer().render([layer], camera)
    piece = CpuRasterizer().render([layer], Camera(camera.viewmat, camera.k, width, height))
    np.testing.assert_array_equal(piece.color, whole.color[:height, :width])
    np.testing.assert_array_equal(piece.alpha, whole.alpha[:height, :width])


@pytest.mark.parametrize("size", [(1, 1), (1, 4096), (4096, 1), (17, 15), (4096, 4096)])
def test_every_size_of_picture_can_be_rendered(size: tuple[int, int]) -> None:
    width, height = size
    camera = random_camera(width, height)
    layer = random_gaussians(50, n_channels=1)
    check(CpuRasterizer().render([layer], camera), camera)


def test_no_layers_and_empty_layers_are_an_empty_picture() -> None:
    camera, empty = random_camera(), random_gaussians(3)[torch.zeros(3, dtype=torch.bool)]
    for layers in ([], [empty], [empty, empty]):
        rendered = CpuRasterizer().render(layers, camera)
        assert rendered.alpha.max() == 0 and rendered.color.shape == (*rendered.alpha.shape, 3)
    full = random_gaussians(20)
    np.testing.assert_array_equal(
        CpuRasterizer().render([empty, full, empty], camera).color, CpuRasterizer().render([full], camera).color
    )


def test_all_behind_the_camera_is_an_empty_picture() -> None:
    layer, camera = random_gaussians(50), random_camera()
    layer.means -= 100 * torch.from_numpy(camera.viewmat[2, :3]).float()
    assert CpuRasterizer().render([layer], camera).alpha.max() == 0


def test_a_million_gaussians_can_be_rendered() -> None:
    layer, camera = random_gaussians(1_000_000), random_camera(64, 48)
    layer.scales *= 0.05
    check(CpuRasterizer().render([layer], camera), camera)


def test_a_camera_inside_a_cloud_of_large_gaussians_needs_no_more_memory_than_a_batch() -> None:
    layer, camera = random_gaussians(30_000), random_camera(512, 512)
    layer.scales *= 20
    inside = Camera(np.eye(4), camera.k, 512, 512)
    rasterizer = CpuRasterizer()
    check(rasterizer.render([layer], inside), inside)
    assert len(rasterizer._buffers.get("ids", (1,), np.int32).base) <= 1.25 * BATCH_ENTRIES + 1024


def test_scale_zero_is_a_dot_and_opacity_zero_is_nothing() -> None:
    camera = random_camera()
    layer = random_gaussians(1)
    layer.means[:], layer.scales[:], layer.opacities[:] = 0, 0, 1
    rendered = CpuRasterizer().render([layer], camera)
    assert 0 < (rendered.alpha > 0).sum() <= 21 and rendered.alpha.max() > 0.3
    layer.opacities[:] = 0
    assert CpuRasterizer().render([layer], camera).alpha.max() == 0


def test_quaternions_of_any_length_turn_the_same_way() -> None:
    layer, camera = random_gaussians(50), random_camera()
    expected = CpuRasterizer().render([layer], camera)
    layer.quats *= 37.0
    np.testing.assert_allclose(CpuRasterizer().render([layer], camera).color, expected.color, atol=1e-4)
