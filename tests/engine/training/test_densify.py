"""Density control: who is cloned, split and pruned, and that everything about a Gaussian goes with it."""

import math

import pytest
import torch

from engine.training.densify import DensityControl


def make(n: int = 6, scale: float = 0.005):
    torch.manual_seed(0)
    splats = {
        "means": torch.randn(n, 3), "quats": torch.randn(n, 4), "scales": torch.full((n, 3), math.log(scale)),
        "opacities": torch.full((n,), 2.0), "embeddings": torch.randn(n, 5),
    }  # fmt: skip
    splats = {name: value.requires_grad_() for name, value in splats.items()}
    optimizers = {name: torch.optim.Adam([value], lr=1e-3) for name, value in splats.items()}
    for name, value in splats.items():
        value.grad = torch.ones_like(value)
        optimizers[name].step()
    return splats, optimizers, {"active": torch.arange(n) % 2 == 0}


def moved(n: int, rows: list[int], size: float = 1e-3) -> torch.Tensor:
    means2d = torch.zeros(1, n, 2, requires_grad=True)
    means2d.grad = torch.zeros(1, n, 2)
    means2d.grad[0, rows] = size / 32
    return means2d


def refine(control, splats, optimizers, tags, **changes):
    options = {"gradient": 2e-4, "prune_opacity": 0.005, "max_gaussians": 1000, "grow": True,
               "generator": torch.Generator().manual_seed(0)}  # fmt: skip
    return control.refine(splats, optimizers, tags, **(options | changes))


def test_a_small_gaussian_that_wants_to_move_is_cloned_with_its_embedding():
    splats, optimizers, tags = make()
    before = {name: value.detach().clone() for name, value in splats.items()}
    control = DensityControl(6, torch.device("cpu"))
    control.observe(moved(6, [2]), torch.ones(1, 6, 2), 64, 64)
    growth = refine(control, splats, optimizers, tags)
    assert (growth.n_cloned, growth.n_split, growth.n_pruned) == (1, 0, 0)
    for name, value in splats.items():
        assert torch.equal(value[:6], before[name]) and torch.equal(value[6], before[name][2]), name
    assert tags["active"].tolist() == [True, False, True, False, True, False, True]


def test_a_large_one_is_split_in_two_smaller_children_that_embed_as_it_did():
    splats, optimizers, tags = make(scale=0.05)
    before = {name: value.detach().clone() for name, value in splats.items()}
    control = DensityControl(6, torch.device("cpu"))
    control.observe(moved(6, [4]), torch.ones(1, 6, 2), 64, 64)
    growth = refine(control, splats, optimizers, tags)
    assert (growth.n_cloned, growth.n_split) == (0, 1)
    assert len(splats["means"]) == 7
    assert torch.equal(splats["embeddings"][5:], before["embeddings"][[4, 4]])
    assert torch.allclose(splats["scales"][5:].exp(), torch.full((2, 3), float(before["scales"][4, 0].exp())) / 1.6)
    assert (splats["means"][5] - splats["means"][6]).norm() > 0
    assert (splats["means"][5:] - before["means"][4]).norm(dim=1).max() < 0.05 * 6


def test_optimizer_state_follows_and_new_rows_start_at_zero():
    splats, optimizers, tags = make()
    control = DensityControl(6, torch.device("cpu"))
    control.observe(moved(6, [0, 1]), torch.ones(1, 6, 2), 64, 64)
    refine(control, splats, optimizers, tags)
    for name, value in splats.items():
        state = optimizers[name].state[value]
        assert optimizers[name].param_groups[0]["params"][0] is value
        assert state["exp_avg"].shape == value.shape
        assert state["exp_avg"][:6].abs().min() > 0 and state["exp_avg"][6:].abs().max() == 0
        value.grad = torch.ones_like(value)
        optimizers[name].step()


def test_the_faint_the_huge_and_the_lost_are_pruned():
    splats, optimizers, tags = make()
    with torch.no_grad():
        splats["opacities"][0] = -8.0
        splats["scales"][1] = math.log(2.0)
        splats["means"][2, 0] = float("nan")
    growth = refine(DensityControl(6, torch.device("cpu")), splats, optimizers, tags, grow=False)
    assert growth.n_pruned == 3 and len(splats["means"]) == 3 == len(tags["active"])


def test_at_the_cap_only_the_neediest_grow():
    splats, optimizers, tags = make()
    control = DensityControl(6, torch.device("cpu"))
    means2d = moved(6, [0, 1, 2, 3])
    means2d.grad[0, 3] *= 5
    control.observe(means2d, torch.ones(1, 6, 2), 64, 64)
    before = splats["embeddings"].detach().clone()
    growth = refine(control, splats, optimizers, tags, max_gaussians=7)
    assert growth.n_cloned == 1 and torch.equal(splats["embeddings"][6], before[3])


def test_what_is_not_seen_does_not_count():
    splats, optimizers, tags = make()
    control = DensityControl(6, torch.device("cpu"))
    control.observe(moved(6, [1]), torch.zeros(1, 6, 2), 64, 64)
    assert refine(control, splats, optimizers, tags).n_cloned == 0


@pytest.mark.parametrize(("width", "size"), [(64, 1.0), (256, 0.25)])
def test_thresholds_hold_at_any_picture_size(width, size):
    """The same motion in parts of the picture has a gradient four times smaller per pixel at four times the size."""
    splats, optimizers, tags = make()
    control = DensityControl(6, torch.device("cpu"))
    control.observe(moved(6, [1], size=2.5e-4 * size), torch.ones(1, 6, 2), width, width)
    assert refine(control, splats, optimizers, tags).n_cloned == 1
