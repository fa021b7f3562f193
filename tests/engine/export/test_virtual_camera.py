"""The virtual camera: what is sent, and what is said where none exists."""

import importlib.machinery
import sys
import types

import numpy as np
import pytest

from engine.errors import OutputError
from engine.export.virtual_camera import VirtualCamera


class FakeCamera:
    """Stands in for pyvirtualcam.Camera; takes what a device would show."""

    shown: list = []
    has_device = True

    def __init__(self, *, width, height, fps, fmt, device=None, backend=None):
        if not self.has_device:
            raise RuntimeError(
                "'v4l2loopback' backend: No v4l2 loopback device found at /dev/video[0-99].\nMore words."
            )
        self.device = device or "/dev/video7"
        type(self).shown = []

    def send(self, frame):
        if frame.max() == 66:
            raise RuntimeError("device gone")
        self.shown.append(frame)

    def close(self):
        self.shown.append(None)


@pytest.fixture
def library(monkeypatch):
    module = types.ModuleType("pyvirtualcam")
    module.__spec__ = importlib.machinery.ModuleSpec("pyvirtualcam", None)
    module.Camera, module.PixelFormat = FakeCamera, types.SimpleNamespace(RGB="RGB")
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    FakeCamera.has_device = True
    return module


def test_pictures_arrive_with_their_alpha_laid_over_black(library):
    camera = VirtualCamera(4, 2, 30)
    assert camera.name == "/dev/video7"
    pixels = np.full((2, 4, 4), 200, np.uint8)
    pixels[..., 3] = 127
    camera.send(pixels)
    camera.send(pixels[..., :3])
    camera.close()
    half, whole, closed = FakeCamera.shown
    assert half.shape == (2, 4, 3) and half.max() == 200 * 127 // 255
    assert whole.max() == 200 and closed is None


@pytest.mark.parametrize(("platform", "remedy"), [("linux", "v4l2loopback"), ("win32", "OBS"), ("darwin", "OBS")])
def test_a_machine_without_one_is_told_what_it_needs(library, platform, remedy):
    FakeCamera.has_device = False
    with pytest.raises(OutputError, match=remedy) as caught:
        VirtualCamera(4, 2, 30, platform=platform)
    assert "\n" not in str(caught.value)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OutputError, match="pyvirtualcam"):
        VirtualCamera(4, 2, 30)


def test_a_camera_that_goes_away_or_a_wrong_size_is_one_sentence(library):
    camera = VirtualCamera(4, 2, 30)
    with pytest.raises(OutputError, match="stopped"):
        camera.send(np.full((2, 4, 3), 66, np.uint8))
    with pytest.raises(OutputError, match="does not fit"):
        camera.send(np.zeros((3, 4, 3), np.uint8))
