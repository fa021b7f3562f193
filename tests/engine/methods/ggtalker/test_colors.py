"""The UV map's channels and the colour network."""

import numpy as np
import pytest
import torch

from engine.camera import Orbit
from engine.heads.binding import bind
from engine.heads.house import HouseHead
from engine.methods.ggtalker.colors import ColorNet
from engine.methods.ggtalker.decoding import (
    COLOR,
    N_CHANNELS,
    START_SCALE,
    decoded,
    raw_colors,
    shape_losses,
    start_scales,
)
from engine.raster.reference import rasterization


@pytest.fixture(scope="module")
def head():
    return HouseHead()


@pytest.fixture(scope="module")
def bound(head):
    return bind(head.vertices, head.faces, head.uv, side=32)


def test_a_map_of_zeros_is_a_grey_head_on_the_surface(head, bound):
    base, vertices = torch.from_numpy(bound.base), torch.from_numpy(head.vertices).float()
    shown = decoded(torch.zeros(len(bound), N_CHANNELS), base).on(bound, vertices)
    surface = np.einsum("nk,nkc->nc", bound.shares, head.vertices[head.faces[bound.faces]])
    assert np.abs(shown.means.numpy() - surface).max() < 1e-4
    assert (shown.colors == 0).all() and shown.sh_degree == 0
    assert torch.allclose(shown.opacities, torch.sigmoid(torch.tensor(2.0)))
    assert torch.allclose(shown.scales[:, 0], shown.scales[:, 2])


def test_the_gradient_of_a_picture_reaches_each_of_the_14_channels(head, bound):
    torch.manual_seed(0)
    raw = (0.1 * torch.randn(len(bound), N_CHANNELS)).requires_grad_()
    vertices = torch.from_numpy(head.vertices).float().requires_grad_()
    shown = decoded(raw, torch.from_numpy(bound.base)).on(bound, vertices)
    viewmat = torch.diag(torch.tensor([1.0, -1, -1, 1]))
    viewmat[2, 3] = 4.0
    intrinsics = torch.tensor([[60.0, 0, 12], [0, 60, 12], [0, 0, 1]])
    colors, _, _ = rasterization(
        shown.means, shown.quats, shown.scales, shown.opacities, shown.colors, viewmat[None], intrinsics[None], 24, 24,
        sh_degree=0,
    )  # fmt: skip
    colors[..., 0].square().sum().add(colors[..., 1].sum()).add(colors[..., 2].sum()).backward()
    assert raw.shape[1] == 14 and (raw.grad.abs().sum(dim=0) > 0).all()
    assert torch.isfinite(raw.grad).all() and vertices.grad.abs().sum() > 0


def test_gaussians_of_zeros_leave_no_hole_in_a_face_whose_mesh_is_finer_than_the_map(head, bound):
    base, vertices = torch.from_numpy(bound.base), torch.from_numpy(head.vertices).float()
    camera = Orbit().camera(48, 48)
    viewmat, intrinsics = (torch.from_numpy(m).float()[None] for m in (camera.viewmat, camera.k))
    held = []
    for scales in (START_SCALE, start_scales(bound)):
        shown = decoded(torch.zeros(len(bound), N_CHANNELS), base, scales).on(bound, vertices)
        _, alphas, _ = rasterization(
            shown.means, shown.quats, shown.scales, shown.opacities, shown.colors, viewmat, intrinsics, 48, 48,
            sh_degree=0,
        )  # fmt: skip
        held.append(float(alphas[0, 18:29, 20:28].min()))
    assert held[0] < 0.5 < 0.8 < held[1]


def test_colours_survive_being_written_into_the_map():
    colors = torch.rand(50, 3) * 0.9 + 0.05
    raw = torch.zeros(50, N_CHANNELS)
    raw[:, COLOR] = raw_colors(colors)
    shown = 0.5 + 0.28209479 * decoded(raw, torch.zeros(50, 3)).harmonics
    assert torch.allclose(shown, colors, atol=1e-4)
    assert torch.isfinite(raw_colors(torch.tensor([[0.0, 1.0, 0.5]]))).all()


def test_gaussians_that_stray_or_grow_cost_something_and_those_at_home_nothing():
    raw, base = torch.zeros(10, N_CHANNELS), torch.rand(10, 3)
    assert shape_losses(decoded(raw, base), base) == 0 and START_SCALE < 0.6
    raw[0, 3], raw[1, 0] = 1.5, 1.0
    assert shape_losses(decoded(raw, base), base) > 0


def test_the_colour_network_starts_as_the_identity_and_learns():
    torch.manual_seed(0)
    net, harmonics = ColorNet(40, 9), torch.randn(40, 3)
    assert torch.equal(net(harmonics, torch.randn(9)), harmonics)
    adam = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(200):  # a row of lips redden with the first coefficient
        driven = torch.rand(9)
        wanted = harmonics.clone()
        wanted[:10, 0] += 0.2 * driven[0]
        loss = (net(harmonics, driven) - wanted).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())
    moved = net(harmonics, torch.eye(9)[0]) - net(harmonics, torch.zeros(9))
    assert moved[:10, 0].mean() > 0.12 and moved[10:].abs().mean() < 0.03


def test_the_part_kept_from_the_first_layer_changes_nothing():
    torch.manual_seed(1)
    net, harmonics, driven = ColorNet(40, 9), torch.randn(40, 3), torch.randn(9)
    with torch.no_grad():
        for p in net.parameters():
            p.normal_()
    assert torch.allclose(net(harmonics, driven, net.still(harmonics)), net(harmonics, driven), atol=1e-5)
    assert not torch.allclose(net(harmonics, driven), harmonics)


def test_switching_the_colour_network_changes_colours_only(head, bound):
    torch.manual_seed(2)
    net = ColorNet(len(bound), 4)
    torch.nn.init.normal_(net.last.weight)
    base, vertices = torch.from_numpy(bound.base), torch.from_numpy(head.vertices).float()
    local = decoded(0.1 * torch.randn(len(bound), N_CHANNELS), base)
    off, on = local.on(bound, vertices), local.with_harmonics(net(local.harmonics, torch.ones(4))).on(bound, vertices)
    for name in ("means", "quats", "scales", "opacities"):
        assert torch.equal(getattr(off, name), getattr(on, name))
    assert not torch.equal(off.colors, on.colors)
