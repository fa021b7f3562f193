"""The torso card: exact from the cameras it was filmed with, moving with zoom and pan, fading when seen askew."""

from dataclasses import replace

import numpy as np
import pytest

from engine.camera import Camera, Orbit, pose_matrix
from engine.errors import AvatarError
from engine.parts.backdrop import Backdrop, make_backdrop, spread_out


@pytest.fixture
def filmed():
    y, x = np.mgrid[0:64, 0:64] / 64
    picture = np.stack([x, y, 0.5 + 0 * x], axis=-1).astype(np.float32)
    camera = Orbit(distance=4.0, fov_deg=18).camera(64, 64)
    cameras = [camera, camera.moved(pose_matrix(3, 0, 0)), camera.moved(pose_matrix(0, 4, 0, 0.05))]
    pictures = [picture, picture * 0.9, picture * 0.8]
    return make_backdrop(
        pictures, np.array([c.viewmat for c in cameras]), np.array([c.k for c in cameras]), 0, None
    ), cameras


def test_from_a_training_camera_the_frame_is_shown_as_it_was(filmed):
    backdrop, cameras = filmed
    for i, camera in enumerate(cameras):
        assert np.abs(backdrop.behind(camera) - backdrop._picture(backdrop.nearest(camera)[0])).max() == 0
        assert np.allclose(backdrop.viewmats[backdrop.nearest(camera)[0]], cameras[i].viewmat)


def test_another_size_shows_the_same_picture(filmed):
    backdrop, cameras = filmed
    large = backdrop.behind(cameras[0].resized(128, 128))
    halved = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - backdrop.behind(cameras[0]))[2:-2, 2:-2].max() < 0.02


def test_the_card_follows_pan_and_zoom_as_the_head_does(filmed):
    backdrop, cameras = filmed
    moved = cameras[0].viewmat.copy()
    moved[0, 3] += 4.0 * 6 / cameras[0].k[0, 0]  # six pixels to the right at the head's depth
    panned = backdrop.behind(replace(cameras[0], viewmat=moved))
    assert np.abs(panned[:, 10:58] - backdrop.behind(cameras[0])[:, 4:52]).max() < 0.02
    zoomed = cameras[0].k.copy()
    zoomed[[0, 1], [0, 1]] *= 2
    seen = backdrop.behind(replace(cameras[0], k=zoomed))
    assert seen[32, 48, 0] == pytest.approx(backdrop.behind(cameras[0])[32, 40, 0], abs=0.03)


@pytest.mark.parametrize(("angle", "share"), [(4.0, 1.0), (10.0, 0.5), (20.0, 0.0)])
def test_it_fades_to_the_matte_between_five_and_fifteen_degrees(filmed, angle, share):
    backdrop, cameras = filmed
    only = Backdrop(backdrop.pictures[:1], backdrop.viewmats[:1], backdrop.ks[:1], backdrop.size, backdrop.matte)
    camera = Orbit(azimuth_deg=angle, distance=4.0, fov_deg=18).camera(64, 64)
    spread = only.behind(camera).std(axis=(0, 1))[1] / only.behind(cameras[0]).std(axis=(0, 1))[1]
    assert spread == pytest.approx(share, abs=0.1)


def test_tensors_bring_the_same_backdrop_back(filmed):
    backdrop, cameras = filmed
    again = Backdrop.from_tensors(backdrop.tensors(), "x.avatar")
    assert np.array_equal(again.behind(cameras[1]), backdrop.behind(cameras[1]))


@pytest.mark.parametrize("change", [
    {"backdrop.jpeg": np.zeros(5, np.uint8)}, {"backdrop.jpeg_sizes": np.array([10, -5, 9])},
    {"backdrop.size": np.array([64, 10**9])}, {"backdrop.viewmats": np.zeros((1, 4, 4), np.float32)},
    {"backdrop.matte": np.zeros(4, np.float32)},
])  # fmt: skip
def test_damaged_backdrops_are_refused(filmed, change):
    with pytest.raises(AvatarError, match=r"x\.avatar"):
        Backdrop.from_tensors(filmed[0].tensors() | change, "x.avatar")


def test_a_picture_of_another_size_is_refused(filmed):
    arrays = filmed[0].tensors()
    arrays["backdrop.size"] = np.array([32, 32])
    with pytest.raises(AvatarError):
        Backdrop.from_tensors(arrays, "x.avatar")


def test_cameras_are_chosen_far_apart_and_alike_ones_left_out():
    viewmats = np.stack([Orbit(azimuth_deg=a).camera(8, 8).viewmat for a in (0, 0, 5, 10, 10)])
    assert spread_out(viewmats, 0, 10) == [0, 3, 2]
    assert isinstance(Camera(viewmats[0], np.eye(3), 8, 8), Camera)
