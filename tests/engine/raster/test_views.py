"""Ways to look at Gaussians: what each shows, checked on scenes whose answer is known."""

import numpy as np
import pytest
import torch

from engine.gaussians import Gaussians
from engine.raster import views
from engine.raster.base import Rendered
from engine.raster.bench_scene import bench_camera
from engine.raster.cpu_render import CpuRasterizer
from tests.engine.raster.scenes import random_camera, random_gaussians


def disc(normal_axis: int = 2, z: float = 0.0) -> Gaussians:
    """A large flat Gaussian facing along a world axis."""
    scales = torch.full((1, 3), 0.5)
    scales[0, normal_axis] = 0.01
    return Gaussians(
        torch.tensor([[0.0, 0.0, z]]), torch.tensor([[1.0, 0, 0, 0]]), scales, torch.tensor([0.99]), torch.ones(1, 3)
    )


def picture(layer: Gaussians, camera, mode: str, **settings) -> np.ndarray:
    seen = views.viewed(layer, camera, mode, **settings)
    rendered = CpuRasterizer().render([seen], camera, hard_edged=mode in views.HARD_EDGED)
    return views.view_picture(rendered, mode)


def test_every_mode_gives_a_picture_between_0_and_1() -> None:
    camera = random_camera()
    for layer in (random_gaussians(100), random_gaussians(100, sh_degree=2), random_gaussians(0)):
        given = {"features": torch.randn(len(layer), 6), "values": torch.randn(len(layer))}
        for mode in views.VIEW_MODES:
            shown = picture(layer, camera, mode, **given)
            assert shown.shape == (camera.height, camera.width, 4) and shown.dtype == np.float32
            assert shown.min() >= 0 and shown.max() <= 1
            if len(layer):
                assert shown[..., 3].max() > 0.3


def test_a_disc_that_faces_the_camera_has_the_normal_that_points_at_it() -> None:
    # the bench camera looks along +z of a y-down world
    shown = picture(disc(2), bench_camera(64), "normals")
    np.testing.assert_allclose(shown[32, 32, :3], [0.5, 0.5, 1.0], atol=0.01)
    sideways = views.normals(disc(0), bench_camera(64))[0]
    torch.testing.assert_close(sideways.abs(), torch.tensor([1.0, 0.0, 0.0]))


def test_nearer_is_lighter_in_depth() -> None:
    camera = bench_camera(64)
    near, far = disc(2, -0.5), disc(2, 0.5)
    near.means[0, 0], far.means[0, 0] = -0.6, 0.6
    for layer in (near, far):
        layer.scales[0, :2] = 0.15
    shown = picture(Gaussians.joined([near, far]), camera, "depth")
    columns = [int(32 + 1.5 * 64 * x / z) for x, z in ((-0.6, 3.5), (0.6, 4.5))]
    light = shown[32, columns, :3].sum(axis=1)
    assert light[0] > light[1] + 1


def test_alpha_is_grey_where_it_is_half_covered() -> None:
    layer = disc(2)
    layer.opacities[:] = 0.5
    shown = picture(layer, bench_camera(64), "alpha")
    np.testing.assert_allclose(shown[32, 32], [0.5, 0.5, 0.5, 1], atol=0.01)
    np.testing.assert_allclose(shown[0, 0], [0, 0, 0, 1], atol=1e-6)


def test_points_are_dots_of_the_asked_size_however_far_away() -> None:
    camera = bench_camera(64)
    for z in (-1.0, 2.0):
        seen = views.viewed(disc(2, z), camera, "points", point_px=5.0)
        covered = CpuRasterizer().render([seen], camera, hard_edged=True).alpha > 0.5
        assert abs(2 * np.sqrt(covered.sum() / np.pi) - np.hypot(5.0, 4 * 0.3**0.5)) < 1


def test_similar_features_get_similar_colours_and_the_same_colours_every_time() -> None:
    rng = torch.Generator().manual_seed(0)
    centers = torch.tensor([[5.0, 0, 0, 0], [0, 5.0, 0, 0], [0, 0, 5.0, 0]])
    features = centers.repeat_interleave(50, dim=0) + 0.1 * torch.randn(150, 4, generator=rng)
    colors = views.feature_colors(features)
    groups = colors.reshape(3, 50, 3)
    between = torch.cdist(groups.mean(dim=1), groups.mean(dim=1)) + torch.eye(3)
    assert between.min() > 0.5 and groups[:, :, :2].std(dim=1).max() < 0.1
    torch.testing.assert_close(views.feature_colors(features), colors)
    assert views.feature_colors(torch.randn(10, 1)).shape == (10, 3)


def test_heat_goes_from_dark_to_light() -> None:
    colors = views.heat_colors(torch.linspace(-3, 7, 50))
    assert (colors.sum(dim=1).diff() > 0).all()
    torch.testing.assert_close(colors[0], torch.tensor(views.HEAT_STOPS[0]))
    torch.testing.assert_close(colors[-1], torch.tensor(views.HEAT_STOPS[-1]))
    assert views.heat_colors(torch.tensor([torch.nan, 2.0])).isfinite().all()


def test_the_picture_is_straight_alpha() -> None:
    rendered = Rendered(np.full((1, 1, 3), 0.2, np.float32), np.full((1, 1), 0.5, np.float32))
    np.testing.assert_allclose(views.view_picture(rendered, "color")[0, 0], [0.4, 0.4, 0.4, 0.5])


def test_a_missing_or_unknown_thing_is_named() -> None:
    layer, camera = random_gaussians(5), random_camera()
    with pytest.raises(ValueError, match="xray: no such view"):
        views.viewed(layer, camera, "xray")
    with pytest.raises(ValueError, match="heat: needs one row for each of the 5"):
        views.viewed(layer, camera, "heat", values=torch.zeros(4))
