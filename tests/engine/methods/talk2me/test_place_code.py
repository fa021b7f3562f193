"""The positional encoding: its two ends, what an index means, and that neighbours in Morton order are neighbours."""

import numpy as np
import pytest
import torch

from engine.methods.talk2me.place_code import PlaceCode, morton_order


@pytest.fixture
def code() -> PlaceCode:
    torch.manual_seed(0)
    made = PlaceCode(50, 16)
    torch.nn.init.normal_(made.table)
    return made


def test_its_ends_are_the_waves_alone_and_the_table_alone(code):
    means = torch.randn(50, 3)
    with torch.no_grad():
        code.share.fill_(-1e4)
        assert torch.allclose(code(means), code.project(means) + code.waves(), atol=1e-6)
        code.share.fill_(1e4)
        assert torch.allclose(code(means), code.project(means) + code.table, atol=1e-6)


def test_it_starts_as_mostly_waves_with_an_empty_table():
    made = PlaceCode(50, 16)
    assert not made.table.any() and torch.sigmoid(made.share).item() == pytest.approx(0.12, abs=0.01)
    assert torch.allclose(made.waves()[0], torch.cat([torch.zeros(8), torch.ones(8)]))


def test_another_order_changes_the_waves_and_not_what_the_place_says(code):
    means, order = torch.randn(50, 3), torch.randperm(50)
    assert torch.allclose(code.project(means[order]), code.project(means)[order], atol=1e-6)
    with torch.no_grad():
        code.table.zero_()
        assert (code(means[order]) - code(means)[order]).abs().max() > 0.1


def test_every_parameter_learns(code):
    code(torch.randn(50, 3)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in code.parameters())


def test_neighbours_in_order_are_neighbours_in_space():
    points = np.random.default_rng(0).uniform(size=(4000, 3))
    order = morton_order(points)
    assert sorted(order) == list(range(4000))
    step = np.linalg.norm(np.diff(points[order], axis=0), axis=1)
    assert np.median(step) < 0.15 < np.median(np.linalg.norm(np.diff(points, axis=0), axis=1))
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
    assert morton_order(corners).tolist() == list(range(8))
