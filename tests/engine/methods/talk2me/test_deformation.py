"""The six heads: whom each may move, and that what is kept between frames changes nothing."""

import pytest
import torch

from engine.methods.talk2me.deformation import Deformation, DeformationSizes, deformed
from engine.methods.talk2me.live import LiveDeformation
from engine.methods.talk2me.regions import region_weights

N = 300
SIZES = DeformationSizes(n_code=24, n_expression=10, width=32, pose_width=16)


@pytest.fixture
def head():
    torch.manual_seed(0)
    network = Deformation(SIZES)
    for part in network.heads.values():
        torch.nn.init.normal_(part.out.weight, std=0.3)
    points = 0.5 * torch.rand(N, 3)
    weights = torch.from_numpy(region_weights(points.numpy(), points[:4].numpy()))
    assert (weights == 0).sum() > 20 and (weights == 1).sum() > 3 and ((weights > 0) & (weights < 1)).sum() > 20
    return network, torch.randn(N, 24), torch.randn(N, 24), weights


def face(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(10, generator=chance), 0.3 * torch.rand(2, generator=chance), torch.randn(6, generator=chance)


def moved(a, b) -> torch.Tensor:
    return torch.stack([(x - y).abs().amax(dim=1) for x, y in zip(a, b, strict=True)]).amax(dim=0)


@torch.no_grad()
def test_expression_moves_nothing_beyond_its_region_and_pose_nothing_at_its_heart(head):
    network, place, feature, weights = head
    expression, ear, pose = face()
    plain = network(place, feature, weights, expression, ear, pose)
    other = network(place, feature, weights, expression + 1, ear, pose)
    assert moved(plain, other)[weights == 0].max() == 0 and moved(plain, other)[weights > 0.05].min() > 0
    other = network(place, feature, weights, expression, ear + 0.1, pose)
    assert moved(plain, other)[weights == 0].max() == 0 and moved(plain, other)[weights > 0.05].min() > 0
    other = network(place, feature, weights, expression, ear, pose + 0.3)
    assert moved(plain, other)[weights == 1].max() == 0 and moved(plain, other)[weights < 0.95].min() > 0


@torch.no_grad()
def test_kept_halves_give_what_the_network_gives(head):
    network, place, feature, weights = head
    rows = torch.arange(N)[torch.arange(N) % 3 > 0]
    cached = LiveDeformation(network, place, feature, weights, rows)
    for seed in range(4):
        expression, ear, pose = face(seed)
        pose = face(seed // 2)[2]  # stays for two frames: its heads rest
        wanted = torch.cat(network(place, feature, weights, expression, ear, pose), dim=1)[rows]
        assert torch.allclose(cached(expression, ear, pose), wanted, atol=1e-4)


@torch.no_grad()
def test_half_precision_is_off_by_less_than_a_fiftieth_of_what_moves(head):
    network, place, feature, weights = head
    exact, half = (
        LiveDeformation(network, place, feature, weights, torch.arange(N), h)(*face()) for h in (False, True)
    )
    for columns in (slice(0, 3), slice(3, 6), slice(6, 14)):
        assert (exact - half)[:, columns].abs().max() < 0.02 * exact[:, columns].abs().max()


@torch.no_grad()
def test_the_poses_heads_rest_while_the_pose_does(head):
    network, *given = head
    cached = LiveDeformation(network, *given, torch.arange(N))
    runs = []
    for (side, kind), part in cached._heads.items():
        cached._heads[side, kind] = lambda condition, side=side, part=part: runs.append(side) or part(condition)
    for expression, pose in ((0, 0), (1, 0), (2, 1)):
        cached(face(expression)[0], face()[1], face(pose)[2])
    assert runs.count("exp") == 3 * 3 and runs.count("pose") == 2 * 3


def test_gradients_reach_every_head_and_both_codes(head):
    network, place, feature, weights = head
    place.requires_grad_()
    feature.requires_grad_()
    sum(out.square().sum() for out in network(place, feature, weights, *face())).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    assert place.grad.any() and feature.grad.any()


@torch.no_grad()
def test_a_head_that_never_turned_is_moved_by_its_expression_alone(head):
    network, *given = head
    weights = given[2]
    network.leave_pose()
    left = network(*given, *face())
    assert moved(left, network(*given, *face()[:2], face()[2] + 0.5)).max() == 0
    assert torch.stack([out[weights == 0].abs().max() for out in left]).max() == 0
    cached = LiveDeformation(network, *given, torch.arange(N))
    assert torch.allclose(cached(*face()), torch.cat(left, dim=1), atol=1e-4)


def test_full_size_heads_cost_what_the_method_says():
    heads = Deformation().heads
    macs = {name: sum(layer.weight.numel() for layer in head.modules() if hasattr(layer, "weight")) / 1e3
            for name, head in heads.items()}  # fmt: skip
    assert macs["exp_deform"] == pytest.approx(370, abs=1) and macs["exp_color"] == pytest.approx(121, abs=1)
    assert macs["exp_attributes"] == pytest.approx(241, abs=1) and macs["pose_deform"] == pytest.approx(113, abs=1)
    assert macs["pose_color"] == pytest.approx(24, abs=1) and macs["pose_attributes"] == pytest.approx(42, abs=2)


def test_no_offsets_leave_resting_gaussians():
    means, quats = torch.randn(5, 3), torch.nn.functional.normalize(torch.randn(5, 4), dim=1)
    scales, opacity, color = torch.randn(5, 3), torch.randn(5), torch.randn(5, 3)
    still = deformed(means, quats, scales, opacity, color, (torch.zeros(5, 3), torch.zeros(5, 3), torch.zeros(5, 8)))
    assert torch.equal(still.means, means) and torch.allclose(still.quats, quats, atol=1e-6)
    assert torch.equal(still.scales, scales.exp()) and torch.equal(still.opacities, opacity.sigmoid())
    pushed = deformed(means, quats, scales, opacity, color, (torch.ones(5, 3), torch.zeros(5, 3), torch.ones(5, 8)))
    assert torch.allclose(pushed.means, means + 0.3) and torch.allclose(pushed.scales, (scales + 0.2).exp())
