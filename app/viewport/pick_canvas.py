"""Which canvas this machine draws faster with: found by measuring, with software GL ruled out first."""

import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtGui import QGuiApplication, QImage, QOffscreenSurface, QOpenGLContext, QPainter

VARIABLE = "MOUTHPIECE_VIEWPORT"
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software", "gdi generic", "basic render")
GL_PLATFORMS = ("xcb", "wayland", "windows", "cocoa")
TRIAL_SIZE = (1280, 960)
N_TRIALS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CanvasChoice:
    """Attributes: kind is `raster` or `opengl`; reason says why, for the diagnostics page."""

    kind: str
    reason: str


def pick_canvas(wanted: str | None = None) -> CanvasChoice:
    """Chooses the canvas; `wanted` or the environment variable may fix it to `raster` or `opengl`."""
    wanted = wanted or os.environ.get(VARIABLE, "auto")
    if wanted in ("raster", "opengl"):
        return CanvasChoice(wanted, "chosen by hand")
    if QGuiApplication.platformName() not in GL_PLATFORMS:
        return CanvasChoice("raster", f"the {QGuiApplication.platformName()} platform has no GL")
    if sys.platform == "linux" and not _has_graphics_device():
        return CanvasChoice("raster", "no graphics device, so GL would be software")
    try:
        return _measured()
    except Exception as error:  # a driver may fail in any way; the raster canvas always works
        log.warning("GL cannot be used: %s", error)
        return CanvasChoice("raster", f"GL cannot be used ({error})")


def _measured() -> CanvasChoice:
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    if not (context.create() and context.makeCurrent(surface)):
        return CanvasChoice("raster", "no GL context can be made")
    try:
        import moderngl

        gl = moderngl.create_context(require=330)
        renderer = gl.info["GL_RENDERER"]
        if any(name in renderer.lower() for name in SOFTWARE):
            return CanvasChoice("raster", f"GL is software ({renderer})")
        opengl_ms, raster_ms = _opengl_ms(gl), _raster_ms()
    finally:
        context.doneCurrent()
    kind = "opengl" if opengl_ms < raster_ms else "raster"
    return CanvasChoice(kind, f"{renderer}: {opengl_ms:.2f} ms a frame, raster painter {raster_ms:.2f} ms")


def _opengl_ms(gl) -> float:
    from app.viewport.gl_canvas import TextureDrawer

    width, height = TRIAL_SIZE
    target = gl.simple_framebuffer((width, height))
    target.use()
    drawer, pixels = TextureDrawer(gl), _trial_pixels()

    def draw() -> None:
        drawer.upload("frame", pixels)
        drawer.draw("frame", (0.0, 0.0, 1.0, 1.0), blend=True)
        gl.finish()

    taken = _median_ms(draw)
    drawer.release()
    target.release()
    return taken


def _raster_ms() -> float:
    width, height = TRIAL_SIZE
    target, pixels = QImage(width, height, QImage.Format.Format_RGB32), _trial_pixels()

    def draw() -> None:
        painter = QPainter(target)
        painter.drawImage(0, 0, QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGBA8888))
        painter.end()

    return _median_ms(draw)


def _median_ms(draw) -> float:
    draw()
    taken = []
    for _ in range(N_TRIALS):
        start = time.perf_counter()
        draw()
        taken.append((time.perf_counter() - start) * 1000.0)
    return float(np.median(taken))


def _trial_pixels() -> np.ndarray:
    width, height = TRIAL_SIZE
    pixels = np.full((height, width, 4), 128, dtype=np.uint8)
    pixels[..., 3] = np.linspace(0, 255, width, dtype=np.uint8)
    return pixels


def _has_graphics_device() -> bool:
    return any(Path("/dev/dri").glob("renderD*")) or Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists()
