"""The canvas that draws frames as a texture, for hardware GL and large screens; works under Mesa's software GL too."""

import time
from collections import deque
from collections.abc import Callable

import moderngl
import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QSurfaceFormat
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QWidget

from app.viewport.ground import Ground, ground_image
from app.viewport.guides import Guides, draw_guides
from app.viewport.raster_canvas import N_MEASURED, frame_rect
from app.workers.frames import FrameHeader, FrameView

VERTEX = """
#version 330
uniform vec4 rect;  // x, y, width, height of the picture on a canvas from 0 to 1, y down
const vec2 corners[4] = vec2[](vec2(0, 0), vec2(1, 0), vec2(0, 1), vec2(1, 1));
out vec2 at;
void main() {
    at = corners[gl_VertexID];
    vec2 place = rect.xy + at * rect.zw;
    gl_Position = vec4(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0);
}
"""

FRAGMENT = """
#version 330
uniform sampler2D picture;
in vec2 at;
out vec4 color;
void main() { color = texture(picture, at); }
"""


class TextureDrawer:
    """Draws RGBA pictures into whatever framebuffer is bound; knows no window."""

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        self._program = context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self._array = context.vertex_array(self._program, [])
        self._textures: dict[str, moderngl.Texture] = {}

    def upload(self, name: str, pixels: np.ndarray) -> None:
        """Puts a picture uint8 `[H, W, 4]` into the texture of this name."""
        size = (pixels.shape[1], pixels.shape[0])
        texture = self._textures.get(name)
        if texture is None or texture.size != size:
            if texture is not None:
                texture.release()
            texture = self.context.texture(size, 4)
            texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
            texture.repeat_x = texture.repeat_y = False
            self._textures[name] = texture
        texture.write(np.ascontiguousarray(pixels))

    def draw(self, name: str, rect: tuple[float, float, float, float], blend: bool) -> None:
        """Draws a texture at `(x, y, width, height)` in parts of the target, y down."""
        if blend:
            self.context.enable(moderngl.BLEND)
            self.context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE
        else:
            self.context.disable(moderngl.BLEND)
        self._textures[name].use(0)
        self._program["rect"].value = rect
        self._array.render(moderngl.TRIANGLE_STRIP, vertices=4)

    def release(self) -> None:
        for texture in self._textures.values():
            texture.release()
        self._textures.clear()
        self._array.release()
        self._program.release()


class GlCanvas(QOpenGLWidget):
    """Shows the newest frame over its ground, drawn by the GPU; the same interface as `RasterCanvas`."""

    kind = "opengl"

    def __init__(self, tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        form = QSurfaceFormat()
        form.setVersion(3, 3)
        form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
        self.setFormat(form)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.paint_ms: deque[float] = deque(maxlen=N_MEASURED)
        self._tokens = tokens
        self._ground = Ground()
        self._guides = Guides()
        self._view: FrameView | None = None
        self.on_painted: Callable[[FrameHeader], None] = lambda header: None
        self._painted_sequence = -1
        self._drawer: TextureDrawer | None = None
        self._ground_key: tuple | None = None
        self._guides_key: tuple | None = None
        self._uploaded = -1

    def set_tokens(self, tokens) -> None:
        self._tokens, self._ground_key = tokens, None
        self.update()

    def set_ground(self, ground: Ground) -> None:
        self._ground, self._ground_key = ground, None
        self.update()

    def set_guides(self, guides: Guides) -> None:
        self._guides, self._guides_key = guides, None
        self.update()

    def show_frame(self, view: FrameView | None) -> None:
        changed = view is None or self._view is None or view.image is not self._view.image
        changed = changed or view.header.picture_sequence != self._view.header.picture_sequence
        self._view = view
        if changed:
            self._uploaded = -1
            self.update()

    def initializeGL(self) -> None:
        self._drawer = TextureDrawer(moderngl.create_context())
        self._ground_key, self._guides_key, self._uploaded = None, None, -1
        self.context().aboutToBeDestroyed.connect(self._on_context_destroyed)

    def paintGL(self) -> None:
        start = time.perf_counter()
        scale = self.devicePixelRatioF()
        width, height = max(1, round(self.width() * scale)), max(1, round(self.height() * scale))
        context = self._drawer.context
        context.detect_framebuffer(self.defaultFramebufferObject()).use()
        context.viewport = (0, 0, width, height)
        self._upload_ground(width, height, scale)
        self._drawer.draw("ground", (0.0, 0.0, 1.0, 1.0), blend=False)
        if self._view is not None:
            self._draw_frame()
        if self._guides.is_on:
            self._upload_guides(width, height, scale)
            self._drawer.draw("guides", (0.0, 0.0, 1.0, 1.0), blend=True)
        self.paint_ms.append((time.perf_counter() - start) * 1000.0)
        if self._view is not None and self._view.header.picture_sequence != self._painted_sequence:
            self._painted_sequence = self._view.header.picture_sequence
            self.on_painted(self._view.header)

    def _draw_frame(self) -> None:
        pixels = self._view.image
        if self._uploaded != self._view.header.picture_sequence:
            self._drawer.upload("frame", pixels)
            self._uploaded = self._view.header.picture_sequence
        rect = frame_rect(1.0, 1.0, pixels.shape[1] * self.height(), pixels.shape[0] * self.width())
        self._drawer.draw("frame", (rect.x(), rect.y(), rect.width(), rect.height()), blend=True)

    def _upload_ground(self, width: int, height: int, scale: float) -> None:
        key = (self._ground, width, height, scale, self._tokens.name)
        if key == self._ground_key:
            return
        image = ground_image(self._ground, width, height, scale, self._tokens).convertToFormat(
            QImage.Format.Format_RGBA8888
        )
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(height, width, 4)
        self._drawer.upload("ground", pixels)
        self._ground_key = key

    def _upload_guides(self, width: int, height: int, scale: float) -> None:
        key = (self._guides, width, height, scale)
        if key == self._guides_key:
            return
        image = QImage(width, height, QImage.Format.Format_RGBA8888)
        image.setDevicePixelRatio(scale)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        draw_guides(painter, QRectF(self.rect()), self._guides)
        painter.end()
        self._drawer.upload("guides", np.frombuffer(image.constBits(), np.uint8).reshape(height, width, 4))
        self._guides_key = key

    def _on_context_destroyed(self) -> None:
        if self._drawer is not None:
            self.makeCurrent()
            self._drawer.release()
            self.doneCurrent()
            self._drawer = None
