"""From one picture to the UV map: where texels are seen, the mirror image, the start without a prior, and learning."""

import numpy as np
import pytest
import torch

from engine.camera import Orbit
from engine.heads.binding import bind
from engine.heads.house import HouseHead
from engine.methods.ggtalker.decoding import COLOR, N_CHANNELS, decoded
from engine.methods.ggtalker.generator import (
    GeneratorSize,
    IdentityGenerator,
    TexelView,
    first_map,
    mirrored,
    texel_view,
)

TOY = GeneratorSize(side=32, channels=(16, 16, 16, 16), widths=(8, 8, 16, 16), blocks=(1, 1, 1, 1), n_texel=12)


@pytest.fixture(scope="module")
def head():
    return HouseHead()


@pytest.fixture(scope="module")
def bound(head):
    return bind(head.vertices, head.faces, head.uv, side=32)


@pytest.fixture(scope="module")
def front(head, bound):
    return texel_view(bound, head.vertices, head.faces, Orbit().camera(128, 128))


@pytest.fixture
def generator(head, bound):
    torch.manual_seed(0)
    return IdentityGenerator(TOY, bound, mirrored(bound, head.vertices))


def points(head, bound):
    return np.einsum("nk,nkc->nc", bound.shares, head.vertices[head.faces[bound.faces]])


def test_texels_are_found_where_the_camera_sees_their_points(head, bound, front):
    at = points(head, bound)
    seen = front.visible.numpy() > 0.3
    assert 0.1 < seen.mean() < 0.7
    assert at[seen, 2].mean() > at[~seen, 2].mean()
    assert np.corrcoef(front.places[seen, 0], at[seen, 0])[0, 1] > 0.99  # x to the picture's right, y up
    assert np.corrcoef(front.places[seen, 1], at[seen, 1])[0, 1] < -0.99
    tip = int(np.argmax(at[:, 2] * (np.abs(at[:, 0]) < 0.1)))
    assert front.visible[tip] > 0.3


def test_from_behind_the_camera_sees_the_other_texels(head, bound, front):
    back = texel_view(bound, head.vertices, head.faces, Orbit(azimuth_deg=180).camera(128, 128))
    assert ((front.visible > 0.3) & (back.visible > 0.3)).float().mean() < 0.01


def test_what_lies_behind_something_or_outside_the_picture_is_not_visible():
    square = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    vertices = np.concatenate([0.3 * square, 0.1 * square + [0, 0, 0.5], 0.1 * square + [5, 0, 0]])
    faces = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]], np.int32) + 4 * k for k in range(3)])
    uv = np.concatenate([0.3 * (square[:, :2] + 1) / 2 + [0.33 * k, 0.1] for k in range(3)])
    bound = bind(vertices, faces, uv, side=64)
    visible = texel_view(bound, vertices, faces, Orbit().camera(200, 200)).visible.numpy()
    at = np.einsum("nk,nkc->nc", bound.shares, vertices[faces[bound.faces]])
    part = bound.faces // 2
    shadow = (part == 0) & (np.abs(at[:, :2]).max(axis=1) < 0.08)
    lit = (part == 0) & (np.abs(at[:, :2]).max(axis=1) > 0.14)
    assert shadow.sum() > 5 and (visible[shadow] == 0).all() and (visible[lit] > 0.9).all()
    assert (visible[part == 1] > 0.9).all() and (visible[part == 2] == 0).all()


def test_every_texel_knows_its_partner_across_the_face(head, bound):
    at, partner = points(head, bound), mirrored(bound, head.vertices)
    gap = np.linalg.norm(at[partner] - at * [-1, 1, 1], axis=1)
    assert np.median(gap) < 0.03 and (partner != np.arange(len(bound))).mean() > 0.9


def test_without_a_prior_seen_texels_take_the_pictures_colours_and_unseen_ones_their_partners():
    places = torch.tensor([[-0.5, 0.0], [0.5, 0.0], [0.0, 9.0], [0.0, 9.0]])
    view = TexelView(places, torch.tensor([1.0, 0.8, 0.0, 0.0]))
    picture = torch.zeros(3, 4, 8)
    picture[0, :, :4], picture[1, :, 4:] = 0.8, 0.6
    raw = first_map([(picture, view)], np.array([1, 0, 0, 3]))
    shown = 0.5 + 0.28209479 * decoded(raw, torch.zeros(4, 3)).harmonics
    wanted = torch.tensor([[0.8, 0, 0], [0, 0.6, 0], [0.8, 0, 0], [0.4, 0.3, 0]])
    assert torch.allclose(shown, wanted, atol=0.02)
    assert (raw[:, [i for i in range(N_CHANNELS) if i not in range(*COLOR.indices(14))]] == 0).all()


def test_of_several_pictures_the_first_that_sees_a_texel_squarely_gives_its_colour():
    places = torch.zeros(3, 2)
    pictures = [torch.full((3, 4, 4), shade) for shade in (0.2, 0.5, 0.8)]
    sight = torch.tensor([[0.9, 0.2, 0.0], [1.0, 0.6, 0.0], [1.0, 1.0, 0.3]])
    looks = [(picture, TexelView(places, visible)) for picture, visible in zip(pictures, sight, strict=True)]
    shown = 0.5 + 0.28209479 * decoded(first_map(looks, np.arange(3)), torch.zeros(3, 3)).harmonics
    assert torch.allclose(shown[:, 0], torch.tensor([0.2, 0.5, 0.8]), atol=0.02)


def test_the_map_has_14_channels_and_one_row_for_each_gaussian(generator, bound, front):
    maps = generator(torch.rand(2, 3, 64, 64), front.places.expand(2, -1, -1), front.visible.expand(2, -1))
    assert maps.shape == (2, N_CHANNELS, 32, 32)
    assert bound.gathered(maps).shape == (2, len(bound), 14)


def test_gradients_reach_every_parameter_of_the_generator(generator, bound, front):
    maps = generator(torch.rand(2, 3, 64, 64), front.places.expand(2, -1, -1), front.visible.expand(2, -1))
    bound.gathered(maps).square().sum().backward()
    assert not [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_it_learns_to_paint_what_a_picture_it_never_saw_shows(head, bound, generator, front):
    """Heads of two colours, left and right: the map must take them from pictures it was not trained on."""
    right, seen = torch.from_numpy(points(head, bound)[:, 0] > 0), front.visible > 0.3
    adam = torch.optim.Adam(generator.parameters(), 5e-3)

    def error(seed: int) -> torch.Tensor:
        colors = torch.rand(4, 2, 3, generator=torch.Generator().manual_seed(seed))
        pictures = torch.cat([c[:, :, None, None].expand(-1, -1, 64, 32) for c in colors.unbind(dim=1)], dim=3)
        raw = bound.gathered(generator(pictures, front.places.expand(4, -1, -1), front.visible.expand(4, -1)))
        wanted = torch.where(right[None, :, None], colors[:, 1:], colors[:, :1])
        return (0.5 + 0.5 * torch.tanh(raw[..., COLOR]) - wanted)[:, seen].abs().mean()

    held_out = range(1000, 1004)
    with torch.no_grad():
        before = sum(error(s) for s in held_out)
    for step in range(120):
        adam.zero_grad()
        error(step).backward()
        adam.step()
    with torch.no_grad():
        assert sum(error(s) for s in held_out) < 0.5 * before


def test_sizes_that_do_not_fit_are_refused(bound):
    with pytest.raises(ValueError, match="side 64"):
        GeneratorSize(side=64, channels=(8, 8, 8))
    with pytest.raises(ValueError, match="32 wide"):
        IdentityGenerator(GeneratorSize(side=16, channels=(8, 8, 8)), bound, np.zeros(len(bound)))
