"""View modes: each shows something of the performing avatar, and those an avatar cannot show are refused."""

import numpy as np
import pytest

from engine.camera import Orbit
from engine.errors import AvatarError
from engine.live_view import VIEW_MODES, LiveView, ViewOptions
from engine.performer import Performer
from tests.fakes.avatar import FakeAvatar
from tests.fakes.rasterizer import DotRasterizer

CAMERA = Orbit().camera(64, 64)


@pytest.fixture
def performer() -> Performer:
    made = Performer(FakeAvatar(), DotRasterizer())
    made.mixer.is_idle = False
    return made


@pytest.mark.parametrize("mode", [mode for mode in VIEW_MODES[1:] if not mode.startswith(("attention", "regions"))])
def test_every_view_gives_a_picture_of_its_own(performer, mode):
    plain = performer.frame(0.0, CAMERA).image
    performer.mixer.set_user({"lip.00": 2.0})
    options = ViewOptions(seen=np.arange(300), n_views=300, control="lip.00")
    performer.view = LiveView(mode, performer.avatar, options)
    image = performer.frame(0.0, CAMERA).image
    assert image.shape == plain.shape and image[..., 3].any()
    if mode not in ("points", "ellipsoids"):  # painted in the avatar's own colours
        assert not np.array_equal(image[32], plain[32])


def test_motion_is_bright_only_where_the_face_moves(performer):
    performer.view = LiveView("motion", performer.avatar)
    still = performer.frame(0.0, CAMERA).image.astype(int).sum(axis=2)
    performer.mixer.set_user({"pose.yaw": 20.0})
    turned = performer.frame(0.0, CAMERA).image.astype(int)
    assert turned[turned[..., 3] > 0][:, :3].max() < 60  # turning the head moves no part of the face
    performer.mixer.set_user({"pose.yaw": 0.0, "lip.00": 3.0})
    moved = performer.frame(0.0, CAMERA).image.astype(int).sum(axis=2)
    brighter = moved - still > 100
    assert brighter[36:].any() and not brighter[:24].any()


def test_reach_paints_what_a_control_moves_and_says_how_far(performer):
    view = LiveView("reach", performer.avatar, ViewOptions(control="lip.00", has_edges=False))
    performer.view = view
    moved = view.reach_mm > 0.1
    height = performer.avatar.manifest.units.get("head_height_mm", 240.0)
    assert 0 < moved.sum() < len(moved)
    assert view.reach_mm.max() == pytest.approx(0.1 * 2 * height, rel=0.05)  # the jaw at the end of its range
    image = performer.frame(0.0, CAMERA).image.astype(int)
    colored = (np.ptp(image[..., :3], axis=2) > 60) & (image[..., 3] > 200)
    assert colored[36:].any() and not colored[:20].any()


def test_selected_splats_are_painted_and_hidden_ones_are_gone_in_the_plain_picture_too(performer):
    n = performer.avatar.manifest.n_gaussians
    everything, nothing = np.ones(n, bool), np.zeros(n, bool)
    plain = performer.frame(0.0, CAMERA).image
    performer.view = LiveView("color", performer.avatar, ViewOptions(selected=everything))
    orange = performer.frame(0.0, CAMERA).image
    middle = orange[32, 32].astype(int)
    assert middle[0] > middle[2] and not np.array_equal(orange, plain)
    performer.view = LiveView("color", performer.avatar, ViewOptions(shown=nothing))
    assert not performer.frame(0.0, CAMERA).image[..., 3].any()


def test_edges_are_drawn_between_solids_only_where_they_are_wanted(performer):
    pictures = []
    for has_edges in (True, False):
        performer.view = LiveView("ellipsoids", performer.avatar, ViewOptions(has_edges=has_edges))
        pictures.append(performer.frame(0.0, CAMERA).image.astype(int))
    assert (pictures[0] <= pictures[1]).all() and (pictures[0] < pictures[1]).any()


def test_a_view_an_avatar_cannot_give_is_refused(performer):
    with pytest.raises(AvatarError, match="no such view"):
        LiveView("upside down", performer.avatar)
    del performer.avatar.embeddings
    with pytest.raises(AvatarError, match="no embeddings"):
        LiveView("embedding", performer.avatar)
    with pytest.raises(AvatarError, match="no regions"):
        LiveView("regions", performer.avatar)
    with pytest.raises(AvatarError, match="no attention"):
        LiveView("attention", performer.avatar)
    with pytest.raises(AvatarError, match="seen in training"):
        LiveView("coverage", performer.avatar)
