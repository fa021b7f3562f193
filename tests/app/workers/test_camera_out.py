"""What goes to a virtual camera: the newest picture, in the device's size."""

import queue

import numpy as np
import pytest

from app.workers.camera_out import SIZE, CameraOut, fitted
from engine.errors import OutputError


class Device:
    name = "Mouthpiece camera"

    def __init__(self, *size_and_rate, platform):
        self.sent: queue.Queue = queue.Queue()
        self.is_closed = False

    def send(self, pixels):
        if pixels.max() == 66:
            raise OutputError("the virtual camera stopped; start it again.")
        self.sent.put(pixels)

    def close(self):
        self.is_closed = True


def test_pictures_arrive_in_the_devices_size():
    failures = []
    out = CameraOut(failures.append, Device)
    out.show(np.full((512, 512, 4), 255, np.uint8))
    assert out._camera.sent.get(timeout=60).shape == (SIZE[1], SIZE[0], 3)
    out.close()
    assert out._camera.is_closed and failures == []
    assert out.late_ms > 0  # which the voice beside it is delayed by, too


def test_a_device_that_goes_away_is_said_once():
    said: queue.Queue = queue.Queue()
    out = CameraOut(said.put, Device)
    out.show(np.full((8, 8, 3), 66, np.uint8))
    assert "stopped" in said.get(timeout=60)
    out.close()


def test_without_a_device_the_reason_is_raised():
    def none(*_, **__):
        raise OutputError("no virtual camera was found; install one.")

    with pytest.raises(OutputError, match="no virtual camera"):
        CameraOut(print, none)


def test_what_is_transparent_is_black_and_the_middle_is_kept():
    image = np.zeros((100, 100, 4), np.uint8)
    image[40:60, 40:60] = 255
    made = fitted(image)
    assert made[0, 0].max() == 0
    assert made[SIZE[1] // 2, SIZE[0] // 2].min() == 255
