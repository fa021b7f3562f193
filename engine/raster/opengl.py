"""Rasterizes on any GPU with OpenGL 3.3: splats sorted on the CPU, drawn as instanced quads, back to front.

Works without a window (EGL on Linux, else GLX or WGL) and under software OpenGL, only slowly. A context belongs to
the thread that made it: build an `OpenGLRasterizer` on the thread that uses it.
"""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import moderngl
import numpy as np

from engine.camera import Camera
from engine.errors import BackendError
from engine.gaussians import Gaussians
from engine.raster.base import Rendered
from engine.raster.splats import Clock, SplatProjector

SHADERS = Path(__file__).parent / "shaders"
SOFTWARE_NAMES = ("llvmpipe", "softpipe", "swrast", "swiftshader", "microsoft basic render", "gdi generic")
CHANNELS_A_PASS = 3


class OpenGLRasterizer:
    """Renders layers of Gaussians in a context of its own, any number of channels in passes of three.

    Attributes:
        renderer: the GPU's name as its driver tells it.
        is_software: whether that driver computes on the CPU (slower than `CpuRasterizer`).
    """

    name = "opengl"

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._context = _standalone_context()
        self.renderer = self._context.info["GL_RENDERER"]
        self.is_software = any(name in self.renderer.lower() for name in SOFTWARE_NAMES)
        self._program = self._context.program(
            (SHADERS / "splats.vert").read_text(encoding="utf-8"),
            (SHADERS / "splats.frag").read_text(encoding="utf-8"),
        )
        self._projector = SplatProjector()
        self._corners = self._context.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32))
        self._splats = self._colors = self._vertices = None
        self._target: moderngl.Framebuffer | None = None

    def render(
        self, layers: Sequence[Gaussians], camera: Camera, *, antialiased: bool = False, hard_edged: bool = False
    ) -> Rendered:
        """Renders layers back to front, each sorted within itself; see `engine.raster.base.Rasterizer`.

        Raises:
            BackendError: if called from another thread than the one that built it, or if the GPU cannot draw
                pictures of this size.
        """
        if threading.get_ident() != self._thread:
            raise BackendError("opengl: a rasterizer must be used on the thread that made it; make another one there.")
        clock = Clock()
        seen = self._projector.project(layers, camera, antialiased, hard_edged, clock)
        width, height, n_channels = camera.width, camera.height, seen.colors.shape[1]
        color, alpha = np.zeros((height, width, n_channels), np.float32), np.zeros((height, width), np.float32)
        if seen.n_visible:
            order = seen.order[: seen.n_visible][::-1]
            self._begin(width, height, seen.splats[order])
            for first in range(0, max(n_channels, 1), CHANNELS_A_PASS):
                self._draw(seen.colors[order, first : first + CHANNELS_A_PASS])
                clock.lap("raster")
                pixels = np.frombuffer(self._target.read(components=4, dtype="f4"), np.float32)
                pixels = pixels.reshape(height, width, 4)
                color[..., first : first + CHANNELS_A_PASS] = pixels[..., : min(3, n_channels - first)]
                alpha[:] = pixels[..., 3]
                clock.lap("copy")
        return Rendered(color, alpha, clock.times_ms, seen.n_skipped)

    def close(self) -> None:
        """Gives the context back; call it on the thread that made it."""
        self._context.release()

    def _begin(self, width: int, height: int, splats: np.ndarray) -> None:
        context = self._context
        if self._target is None or self._target.size != (width, height):
            limit = context.info["GL_MAX_RENDERBUFFER_SIZE"]
            if max(width, height) > limit:
                raise BackendError(f"{width}x{height}: this GPU draws at most {limit} pixels a side; use cpu.")
            if self._target is not None:
                self._target.color_attachments[0].release()
                self._target.release()
            self._target = context.framebuffer(context.renderbuffer((width, height), components=4, dtype="f4"))
        n = len(splats)
        if self._splats is None or self._splats.size < splats.nbytes:
            for buffer in (self._splats, self._colors, self._vertices):
                if buffer is not None:
                    buffer.release()
            room = n + n // 4
            self._splats = context.buffer(reserve=room * 32, dynamic=True)
            self._colors = context.buffer(reserve=room * 12, dynamic=True)
            self._vertices = context.vertex_array(
                self._program,
                [
                    (self._corners, "2f", "corner"),
                    (self._splats, "2f 3f 1f 2x4/i", "center", "curve", "log2_opacity"),
                    (self._colors, "3f/i", "color"),
                ],
            )
        self._splats.write(splats)
        self._program["size"].value = (width, height)

    def _draw(self, colors: np.ndarray) -> None:
        context = self._context
        three = np.zeros((len(colors), 3), np.float32)
        three[:, : colors.shape[1]] = colors
        self._colors.write(three)
        self._target.use()
        context.viewport = (0, 0, *self._target.size)
        self._target.clear(0.0, 0.0, 0.0, 0.0)
        context.enable_only(moderngl.BLEND)
        context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        context.blend_equation = moderngl.FUNC_ADD
        self._vertices.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=len(colors))
        context.finish()


def _standalone_context() -> moderngl.Context:
    """A context without a window: EGL first on Linux, since it needs no display, then what the platform has."""
    attempts = [{}]
    if sys.platform.startswith("linux"):
        libraries = {"libegl": "libEGL.so.1", "libgl": "libGL.so.1"}
        attempts = [{"backend": "egl"}, {"backend": "egl", **libraries}, {}]
    reasons = []
    for settings in attempts:
        try:
            return moderngl.create_context(standalone=True, require=330, **settings)
        except Exception as error:  # glcontext raises bare Exception
            reasons.append(str(error))
    raise BackendError(f"opengl: no OpenGL 3.3 context could be made ({reasons[-1]}); install a GPU driver or use cpu.")
