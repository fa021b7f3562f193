"""Frames of the stage as a webcam of this machine, on a thread of their own: the newest picture wins."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from engine.errors import OutputError
from engine.export.virtual_camera import VirtualCamera

SIZE = (1280, 720)
FPS = 30.0
_SMOOTHING = 0.05


class CameraOut:
    """Sends what the stage draws to a virtual camera until it is closed or the device goes away.

    Args:
        on_failed: called with one sentence, from the thread.
        open_camera: makes the device; a test gives its own.

    Raises:
        OutputError: if this machine has no virtual camera, with the remedy.

    Attributes:
        late_ms: from a picture's being handed over to the device's having it, smoothed.
    """

    def __init__(self, on_failed: Callable[[str], None], open_camera: Callable[..., Any] = VirtualCamera) -> None:
        self._camera = open_camera(*SIZE, FPS, platform=sys.platform)
        self.name = self._camera.name
        self._on_failed = on_failed
        self.late_ms = 0.0
        self._newest: tuple[np.ndarray, float] | None = None
        self._has_news = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="virtual camera", daemon=True)
        self._thread.start()

    def show(self, image: np.ndarray) -> None:
        """Takes a picture, uint8 `[H, W, 4]`; one that is not sent yet is replaced."""
        self._newest = image.copy(), time.perf_counter()
        self._has_news.set()

    def close(self) -> None:
        self._is_closed = True
        self._has_news.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        try:
            while not self._is_closed:
                self._has_news.wait()
                self._has_news.clear()
                if self._newest is not None and not self._is_closed:
                    image, shown_at = self._newest
                    self._camera.send(fitted(image))
                    late_ms = 1e3 * (time.perf_counter() - shown_at)
                    self.late_ms += (late_ms - self.late_ms) * (_SMOOTHING if self.late_ms else 1.0)
        except OutputError as error:
            self._on_failed(str(error))
        finally:
            self._camera.close()


def fitted(image: np.ndarray) -> np.ndarray:
    """A picture over black, scaled to `SIZE` with its middle kept: uint8 `[H, W, 3]`."""
    picture = Image.fromarray(image)
    if image.shape[2] == 4:
        ground = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(ground, picture)
    return np.asarray(ImageOps.fit(picture.convert("RGB"), SIZE, Image.Resampling.BILINEAR))
