"""The triplane equals its definition, and which plane is which matters."""

import numpy as np
import torch

from engine.parts.triplane import TriPlane, plane_pictures


def plane_set(seed: int = 0) -> TriPlane:
    torch.manual_seed(seed)
    return TriPlane(32, (64, 128), torch.tensor([-1.0, -2.0, -0.5]), torch.tensor([1.0, 1.0, 0.7]))


def looked_up(plane: np.ndarray, x: float, y: float) -> np.ndarray:
    """Bilinear lookup in `[C, R, R]` at -1 to 1, corners aligned, clamped at the border."""
    side = plane.shape[-1]
    px, py = (float(np.clip((v + 1) / 2 * (side - 1), 0, side - 1)) for v in (x, y))
    x0, y0 = min(int(px), side - 2), min(int(py), side - 2)
    fx, fy = px - x0, py - y0
    top = plane[:, y0, x0] * (1 - fx) + plane[:, y0, x0 + 1] * fx
    low = plane[:, y0 + 1, x0] * (1 - fx) + plane[:, y0 + 1, x0 + 1] * fx
    return top * (1 - fy) + low * fy


def test_sampling_is_the_product_of_three_bilinear_lookups_at_each_scale():
    planes = plane_set()
    points = torch.tensor([[0.3, -0.7, 0.1], [-0.9, 0.2, 0.6], [5.0, -0.5, -0.4]])  # the last lies outside the box
    features = planes(points).detach().numpy()
    assert features.shape == (3, 64)
    low, high = planes.low.numpy(), planes.high.numpy()
    for point, feature in zip(points.numpy(), features, strict=True):
        x, y, z = 2 * (point - low) / (high - low) - 1
        wanted = []
        for one in planes.planes:
            xy, xz, yz = one.detach().numpy()
            wanted.append(looked_up(xy, x, y) * looked_up(xz, x, z) * looked_up(yz, y, z))
        assert np.abs(np.concatenate(wanted) - feature).max() < 1e-5


def test_a_near_box_takes_its_share_of_the_planes_and_the_rest_follows_without_a_gap():
    low, high, near = torch.tensor([-1.0, -2.0, -0.5]), torch.tensor([1.0, 1.0, 0.7]), (-0.2, 0.4)
    torch.manual_seed(0)
    planes = TriPlane(4, (32,), low, high, near=(torch.full((3,), near[0]), torch.full((3,), near[1]), 0.8))
    along = torch.linspace(-1.0, 1.0, 401)
    unit = planes._unit(along[:, None].repeat(1, 3))[:, 0]
    assert (unit[1:] > unit[:-1]).all() and unit[0] == -1 and unit[-1] == 1
    inside = (along >= near[0]) & (along <= near[1])
    assert torch.allclose(unit[inside], 0.8 * (2 * (along[inside] - near[0]) / (near[1] - near[0]) - 1), atol=1e-5)
    even = TriPlane(4, (32,), low, high)
    even.load_state_dict({name: value for name, value in planes.state_dict().items() if "near" not in name})
    middle = torch.tensor([[0.1, 0.1, 0.1]])
    assert torch.equal(planes(torch.full((1, 3), 9.0)), even(torch.full((1, 3), 9.0)))  # the same border
    assert not torch.allclose(planes(middle), even(middle))


def test_planes_that_change_places_give_other_features():
    planes, points = plane_set(), torch.rand(20, 3) - 0.5
    before = planes(points)
    with torch.no_grad():
        planes.planes[0].copy_(planes.planes[0][[1, 2, 0]])
    assert (planes(points) - before).abs().max() > 1e-3


def test_gradients_reach_planes_and_places():
    planes, points = plane_set(), (torch.rand(20, 3) - 0.5).requires_grad_()
    planes(points).square().sum().backward()
    assert points.grad.abs().sum() > 0 and all(p.grad.abs().sum() > 0 for p in planes.planes)


def test_planes_can_be_looked_at_as_one_picture():
    picture = plane_pictures([p.detach() for p in plane_set().planes])
    assert picture.shape == (256, 384, 3)
    assert float(picture.min()) >= 0 and float(picture.max()) <= 1 and float(picture.std()) > 0.1
