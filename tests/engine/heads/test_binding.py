"""Gaussians on triangles: rigid motion, scale, known triangles, collapsed ones, and the compiled path."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from engine.errors import ControlError
from engine.heads.binding import MOST_GROWTH, bind, bind_given, follow, follow_live, triangle_frames
from engine.heads.house import HouseHead
from engine.raster.reference import rotation_matrices


@pytest.fixture(scope="module")
def head():
    return HouseHead()


@pytest.fixture(scope="module")
def bound(head):
    return bind(head.vertices, head.faces, head.uv, side=96)


def local(n: int, seed: int = 0) -> list[torch.Tensor]:
    """Offsets, quaternions and scales of n Gaussians in their triangles' frames."""
    generator = torch.Generator().manual_seed(seed)
    quats = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return [torch.randn(n, 3, generator=generator, dtype=torch.float64), quats / quats.norm(dim=1, keepdim=True),
            torch.rand(n, 3, generator=generator, dtype=torch.float64) + 0.1]  # fmt: skip


def covariances(quats: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    axes = rotation_matrices(quats) * scales[:, None, :]
    return axes @ axes.transpose(1, 2)


def test_a_known_triangle_has_the_frame_worked_out_by_hand():
    corners = torch.tensor([[0, 1, 2]])
    vertices = torch.tensor([[1.0, 1, 0], [4, 1, 0], [2, 3, 0]], dtype=torch.float64)
    centres, rotations, sizes = triangle_frames(vertices, corners)
    assert torch.allclose(centres[0], torch.tensor([7 / 3, 5 / 3, 0], dtype=torch.float64))
    assert torch.allclose(rotations[0], torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64))
    assert sizes[0] == (3 + 2) / 2


def test_at_rest_unmoved_gaussians_lie_on_the_surface_each_at_its_own_place(head, bound):
    n = len(bound)
    means, _, _ = follow_live(
        bound, head.vertices, bound.base, np.ones((n, 4), np.float32), np.ones((n, 3), np.float32)
    )
    surface = np.einsum("nk,nkc->nc", bound.shares, head.vertices[head.faces[bound.faces]])
    assert np.abs(means - surface).max() < 1e-5
    assert np.allclose(bound.shares.sum(1), 1, atol=1e-6) and bound.shares.min() >= 0
    assert len(np.unique(np.column_stack([bound.triangles, bound.base.round(7)]), axis=0)) == n
    assert (bound.corners[bound.triangles] == head.faces[bound.faces]).all()


def test_every_covered_texel_has_one_gaussian(bound):
    maps = bound.scattered(torch.ones(len(bound), 1))
    assert maps.shape == (1, 96, 96) and maps.sum() == len(bound)
    assert 0.3 < maps.mean() < 1


def test_spacing_is_the_distance_of_neighbouring_texels_in_sizes_of_the_triangle():
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])
    bound = bind(vertices, np.array([[0, 1, 2]]), np.array([[0.0, 0], [1, 0], [0, 1]]), side=8)
    assert np.allclose(bound.spacing, (2 / 8) / 2)  # two head heights over eight texels, size l is 2
    points = bound.shares @ vertices
    gaps = np.linalg.norm(points[None] - points[:, None], axis=2) + 9 * np.eye(len(points))
    assert np.allclose(gaps.min(axis=1), 2 * bound.spacing, atol=1e-6)


def test_maps_and_gaussians_carry_the_same_values_there_and_back(bound):
    values = torch.randn(2, len(bound), 14)
    assert torch.equal(bound.gathered(bound.scattered(values)), values)


def test_turning_the_mesh_turns_gaussians_and_leaves_their_sizes(head, bound):
    offsets, quats, scales = local(len(bound))
    turn = torch.from_numpy(Rotation.from_euler("xyz", [40, -70, 15], degrees=True).as_matrix())
    move, vertices = torch.tensor([0.3, -2.0, 1.0], dtype=torch.float64), torch.from_numpy(head.vertices).double()
    before = follow(bound, vertices, offsets, quats, scales)
    after = follow(bound, vertices @ turn.T + move, offsets, quats, scales)
    assert torch.allclose(after[0], before[0] @ turn.T + move, atol=1e-5)
    assert torch.allclose(rotation_matrices(after[1]), turn @ rotation_matrices(before[1]), atol=1e-5)
    assert torch.allclose(after[2], before[2], atol=1e-8)


def test_a_sliver_that_is_pulled_out_takes_its_gaussian_no_farther_than_its_limit():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0.5, 0.02, 0]])
    bound = bind(vertices, np.array([[0, 1, 2]]), np.array([[0.0, 0], [1, 0], [0, 1]]), side=4)
    n = len(bound)
    inputs = np.zeros((n, 3), np.float32), np.tile(np.float32([1, 0, 0, 0]), (n, 1)), np.ones((n, 3), np.float32)
    pulled = 20 * vertices.astype(np.float32)
    live = follow_live(bound, pulled, *inputs)
    trained = follow(bound, torch.from_numpy(pulled), *(torch.from_numpy(a) for a in inputs))
    at_rest = follow_live(bound, vertices.astype(np.float32), *inputs)
    assert np.allclose(live[2], MOST_GROWTH * at_rest[2], rtol=1e-5)
    assert np.allclose(live[2], trained[2].numpy(), rtol=1e-5)


def test_a_mesh_twice_as_large_doubles_offsets_and_scales(head, bound):
    offsets, quats, scales = local(len(bound))
    vertices = torch.from_numpy(head.vertices).double()
    before = follow(bound, vertices, offsets, quats, scales)
    after = follow(bound, 2 * vertices, offsets, quats, scales)
    assert torch.allclose(after[0], 2 * before[0], atol=1e-8)
    assert torch.allclose(after[2], 2 * before[2], atol=1e-8)


def test_the_compiled_pass_places_gaussians_as_the_differentiable_one_does(head, bound):
    posed = head.pose({"jawOpen": 0.8, "mouthSmileLeft": 0.6}).vertices
    offsets, quats, scales = local(len(bound))
    wanted = follow(bound, torch.from_numpy(posed).double(), offsets, quats, scales)
    got = follow_live(bound, posed, *(t.float().numpy() for t in (offsets, quats, scales)))
    assert np.abs(got[0] - wanted[0].numpy()).max() < 1e-4
    assert np.abs(got[2] - wanted[2].numpy()).max() < 1e-5
    gap = covariances(torch.from_numpy(got[1]).double(), torch.from_numpy(got[2]).double())
    gap = (gap - covariances(wanted[1], wanted[2])).abs().amax(dim=(1, 2)) / wanted[2].amax(dim=1) ** 2
    assert gap.max() < 2e-2 and gap.median() < 1e-5  # thin triangles turn by float32's rounding


def test_gradients_reach_offsets_quaternions_scales_and_the_mesh(head):
    bound = bind(head.vertices, head.faces, head.uv, side=24)
    vertices = torch.from_numpy(head.vertices).double().requires_grad_()
    parameters = [t.requires_grad_() for t in local(len(bound))]
    means, quats, scales = follow(bound, vertices, *parameters)
    (means.square().sum() + quats[:, 1].sum() + scales.sum()).backward()
    for tensor in (vertices, *parameters):
        assert torch.isfinite(tensor.grad).all() and tensor.grad.abs().sum() > 0


@pytest.mark.parametrize("third", [[2.0, 2, 2], [0.0, 0, 0]])
def test_a_triangle_that_has_collapsed_keeps_finite_gaussians_and_gradients(third):
    faces = np.array([[0, 1, 2]])
    bound = bind(np.eye(3), faces, np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]]), side=8)
    end = torch.tensor([1.0, 1, 1] if third[0] else [0.0, 0, 0])
    vertices = torch.stack([torch.zeros(3), end, torch.tensor(third)]).requires_grad_()
    offsets, quats, scales = (t.float() for t in local(len(bound)))
    means, turned, sizes = follow(bound, vertices, offsets, quats, scales)
    (means.sum() + turned.sum() + sizes.sum()).backward()
    assert torch.isfinite(means).all() and torch.isfinite(vertices.grad).all()
    assert torch.allclose(turned.norm(dim=1), torch.ones(len(bound)), atol=1e-5)
    live = follow_live(bound, vertices.detach().numpy(), *(t.numpy() for t in (offsets, quats, scales)))
    assert np.allclose(live[0], means.detach().numpy(), atol=1e-5)
    assert np.allclose(live[1], turned.detach().numpy(), atol=1e-5)


def test_a_triangle_that_closes_a_seam_gets_no_gaussian():
    n = 40
    at = np.arange(n) / n
    ring = np.column_stack([np.cos(2 * np.pi * at), np.zeros(n), np.sin(2 * np.pi * at)])
    vertices = np.concatenate([ring, ring + [0, 0.1, 0]])
    uv = np.concatenate([np.column_stack([at, np.full(n, 0.1)]), np.column_stack([at, np.full(n, 0.12)])])
    rows, after = np.arange(n), (np.arange(n) + 1) % n
    faces = np.concatenate([np.column_stack([rows, after, rows + n]), np.column_stack([after, after + n, rows + n])])
    bound = bind(vertices, faces, uv, side=256)
    assert len(np.unique(bound.faces)) == 2 * (n - 1)
    assert not np.isin(bound.faces, [n - 1, 2 * n - 1]).any()


def test_parts_of_a_head_can_be_left_without_gaussians(head):
    bound = bind(head.vertices, head.faces, head.uv, side=48, keep=head.regions == 0)
    assert (head.regions[bound.faces] == 0).all()


def test_a_mesh_laid_out_elsewhere_is_an_error_that_says_so(head):
    with pytest.raises(ControlError, match="no texel of 16"):
        bind(head.vertices, head.faces, head.uv + 3.0, side=16)


def test_a_given_binding_to_triangles_or_vertices_that_are_not_there_is_refused():
    faces = np.array([[0, 1, 2], [1, 2, 3]])
    assert bind_given(faces, np.array([1, 1, 0]), 4).triangles.tolist() == [1, 1, 0]
    with pytest.raises(ControlError, match="outside 0 to 1"):
        bind_given(faces, np.array([0, 2]), 4)
    with pytest.raises(ControlError, match="outside 0 to 2"):
        bind_given(faces, np.array([0, 1]), 3)
