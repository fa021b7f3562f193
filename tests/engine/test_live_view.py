"""View modes: each shows something of the performing avatar, and those an avatar cannot show are refused."""

import numpy as np
import pytest

from engine.camera import Orbit
from engine.errors import AvatarError
from engine.live_view import VIEW_MODES, LiveView
from engine.performer import Performer
from tests.fakes.avatar import FakeAvatar
from tests.fakes.rasterizer import DotRasterizer

CAMERA = Orbit().camera(64, 64)


@pytest.fixture
def performer() -> Performer:
    made = Performer(FakeAvatar(), DotRasterizer())
    made.mixer.is_idle = False
    return made


@pytest.mark.parametrize("mode", VIEW_MODES[1:])
def test_every_view_gives_a_picture_of_its_own(performer, mode):
    plain = performer.frame(0.0, CAMERA).image
    performer.mixer.set_user({"lip.00": 2.0})
    performer.view = LiveView(mode, performer.avatar)
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


def test_a_view_an_avatar_cannot_give_is_refused(performer):
    with pytest.raises(AvatarError, match="no such view"):
        LiveView("upside down", performer.avatar)
    del performer.avatar.embeddings
    with pytest.raises(AvatarError, match="no embeddings"):
        LiveView("embedding", performer.avatar)
