"""A performance as a webcam of this machine: frames to a virtual camera, through pyvirtualcam where it is installed."""

import importlib.util
from typing import Any

import numpy as np

from engine.errors import OutputError

INSTALL = "install pyvirtualcam (the extra `output`)"
NO_DEVICE = {
    "linux": "load the module v4l2loopback (modprobe v4l2loopback exclusive_caps=1)",
    "win32": "install OBS Studio or Unity Capture",
    "darwin": "install OBS Studio and start its virtual camera once",
}
"""What a machine without a virtual camera needs, by platform."""


class VirtualCamera:
    """Sends pictures to a virtual camera.

    Args:
        width, height: of every picture, in pixels.
        fps: at which the device is opened; pictures may come less often.
        device, backend: as pyvirtualcam names them, None for the first that works.
        platform: as `sys.platform`.

    Raises:
        OutputError: one sentence saying what this machine lacks and how to get it.
    """

    def __init__(
        self, width: int, height: int, fps: float, *, device: str | None = None, backend: str | None = None,
        platform: str = "linux",
    ) -> None:  # fmt: skip
        if importlib.util.find_spec("pyvirtualcam") is None:
            raise OutputError(f"this machine has no virtual camera program for Mouthpiece; {INSTALL}.")
        import pyvirtualcam

        try:
            self._camera: Any = pyvirtualcam.Camera(
                width=width, height=height, fps=fps, fmt=pyvirtualcam.PixelFormat.RGB, device=device, backend=backend
            )
        except (RuntimeError, ValueError) as error:
            remedy = NO_DEVICE.get(platform, NO_DEVICE["linux"])
            raise OutputError(
                f"no virtual camera was found ({_first_line(error)}); {remedy}, then try again."
            ) from error
        self._size = (height, width)

    @property
    def name(self) -> str:
        """Of the device, as other programs list it."""
        return str(self._camera.device)

    def send(self, pixels: np.ndarray) -> None:
        """Shows a picture, uint8 `[H, W, 3 or 4]`; straight alpha is laid over black. Raises OutputError."""
        if pixels.shape[:2] != self._size:
            raise OutputError(f"a picture of {pixels.shape[1]}x{pixels.shape[0]} does not fit the virtual camera.")
        rgb = pixels[..., :3]
        if pixels.shape[2] == 4:
            alpha = pixels[..., 3:].astype(np.uint16)
            rgb = (rgb.astype(np.uint16) * alpha // 255).astype(np.uint8)
        try:
            self._camera.send(np.ascontiguousarray(rgb))
        except RuntimeError as error:
            raise OutputError(f"the virtual camera stopped ({_first_line(error)}); start it again.") from error

    def close(self) -> None:
        self._camera.close()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
