"""The layout for rigged Gaussians: nothing lies over anything else, and the face gets the most texels."""

import numpy as np
import pytest

from engine.heads.base import Kind
from engine.heads.binding import bind
from engine.heads.house import HouseHead
from engine.heads.layout import rig_layout
from engine.heads.texels import rasterized_uv


@pytest.fixture(scope="module")
def head():
    return HouseHead()


@pytest.fixture(scope="module")
def uv(head):
    return rig_layout(head)


def test_it_fills_the_square_and_stays_inside(uv):
    used = uv[(uv > 0).any(axis=1)]
    assert uv.min() >= 0 and uv.max() <= 1
    assert (np.ptp(used, axis=0) > 0.9).all()


def test_no_piece_lies_over_another(head, uv):
    """Texels that one piece covers alone are not fewer when all are drawn together."""
    together = rasterized_uv(uv, head.faces, 96)[0]
    covered = np.zeros(together.shape, int)
    for kind in np.unique(head.kinds):
        covered += rasterized_uv(uv, head.faces[head.kinds == kind], 96)[0] >= 0
    assert covered.max() == 1


def test_every_material_gets_texels_and_the_front_of_the_face_a_third_of_them(head, uv):
    bound = bind(head.vertices, head.faces, uv, 96)
    kinds = head.kinds[bound.faces]
    for kind in (Kind.SKIN, Kind.WET, Kind.EYE_LEFT, Kind.EYE_RIGHT, Kind.CLOTH):
        assert (kinds == int(kind)).sum() > 10, kind
    own = bind(head.vertices, head.faces, head.uv, 96)
    assert front_share(head, bound) > max(0.33, 2 * front_share(head, own))


def front_share(head, bound) -> float:
    """How many of its Gaussians lie on the skin of the face's front."""
    places = np.einsum("nk,nkc->nc", bound.shares, head.vertices[bound.corners[bound.triangles]])
    front = (places[:, 2] > 0.15) & (np.abs(places[:, 1]) < 0.45) & (head.kinds[bound.faces] == int(Kind.SKIN))
    return float(front.mean())


def test_the_same_head_is_laid_out_the_same_way(head, uv):
    assert np.array_equal(rig_layout(head), uv)
