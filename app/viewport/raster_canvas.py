"""The canvas that draws frames with Qt's raster painter: the cheapest one wherever GL is software or missing."""

import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.viewport.ground import Ground, ground_image
from app.viewport.guides import Guides, draw_guides
from app.workers.frames import FrameHeader, FrameView

N_MEASURED = 120


class RasterCanvas(QWidget):
    """Shows the newest frame over its ground; nothing is queued, a paint draws what is newest then.

    Attributes:
        paint_ms: durations of the last paints.
        on_painted: called with the header of each picture when it has been drawn for the first time.
    """

    kind = "raster"

    def __init__(self, tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.paint_ms: deque[float] = deque(maxlen=N_MEASURED)
        self._tokens = tokens
        self._ground = Ground()
        self._ground_image: QImage | None = None
        self._guides = Guides()
        self._view: FrameView | None = None
        self.on_painted: Callable[[FrameHeader], None] = lambda header: None
        self._painted_sequence = -1

    def set_tokens(self, tokens) -> None:
        self._tokens, self._ground_image = tokens, None
        self.update()

    def set_ground(self, ground: Ground) -> None:
        self._ground, self._ground_image = ground, None
        self.update()

    def set_guides(self, guides: Guides) -> None:
        self._guides = guides
        self.update()

    def show_frame(self, view: FrameView | None) -> None:
        """Takes the newest frame; None shows the ground alone."""
        if (
            view is not None
            and self._view is not None
            and view.header.picture_sequence == self._view.header.picture_sequence
            and view.image is self._view.image
        ):
            self._view = view
            return
        self._view = view
        self.repaint()  # now: an update would wait for whatever else this frame moves in the window

    def paintEvent(self, event: QPaintEvent) -> None:
        start = time.perf_counter()
        painter = QPainter(self)
        painter.drawImage(0, 0, self._ground_pixels())
        if self._view is not None:
            self._draw_frame(painter)
        if self._guides.is_on:
            draw_guides(painter, QRectF(self.rect()), self._guides)
        painter.end()
        self.paint_ms.append((time.perf_counter() - start) * 1000.0)
        if self._view is not None and self._view.header.picture_sequence != self._painted_sequence:
            self._painted_sequence = self._view.header.picture_sequence
            self.on_painted(self._view.header)

    def resizeEvent(self, event) -> None:
        self._ground_image = None

    def _draw_frame(self, painter: QPainter) -> None:
        pixels = self._view.image
        height, width = pixels.shape[:2]
        image = QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGBA8888)
        scale = self.devicePixelRatioF()
        if height == round(self.height() * scale):  # one of another width came from before the viewport was dragged
            image.setDevicePixelRatio(scale)
            left = round((self.width() * scale - width) / 2) / scale
            painter.drawImage(QPointF(left, 0), image)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(frame_rect(self.width(), self.height(), width, height), image)

    def _ground_pixels(self) -> QImage:
        scale = self.devicePixelRatioF()
        size = (round(self.width() * scale), round(self.height() * scale))
        if self._ground_image is None or (self._ground_image.width(), self._ground_image.height()) != size:
            self._ground_image = ground_image(self._ground, *size, scale, self._tokens)
            self._ground_image.setDevicePixelRatio(scale)
        return self._ground_image


def frame_rect(width: float, height: float, frame_width: int, frame_height: int) -> QRectF:
    """Where a frame of another size is drawn: full height, as its vertical field of view is kept, centred."""
    drawn = frame_width * height / frame_height
    return QRectF((width - drawn) / 2, 0, drawn, height)
