"""Selecting by hand over the picture: rectangle, lasso and brush; a layer over the viewport while a tool is chosen."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from app.inspect.region_tree import how_of
from app.theme.theme import Theme

TOOLS = ("orbit", "rectangle", "lasso", "brush")
LEAST_STEP_PX = 3.0
LEAST_SIZE_PX = 3.0
BRUSH_LIMITS_PX = (4, 200)


class SelectTool(QWidget):
    """Takes the left button while a tool other than `orbit` is chosen; the other buttons go on moving the camera.

    Signals:
        drawn: points as parts of the picture 0 to 1, how (replace, add, subtract), and the brush's radius as a part of
            the picture's height or None.
    """

    drawn = Signal(list, str, object)

    def __init__(self, theme: Theme, viewport: QWidget) -> None:
        super().__init__(viewport)
        self._theme, self._viewport = theme, viewport
        self.tool = "orbit"
        self.brush_px = 28
        self._points: list[QPointF] = []
        self._at: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def set_tool(self, tool: str) -> None:
        self.tool = tool
        self._points = []
        self.setVisible(tool != "orbit")
        self.setCursor(Qt.CursorShape.BlankCursor if tool == "brush" else Qt.CursorShape.CrossCursor)
        self.setGeometry(self._viewport.rect())
        self.update()

    def set_brush_px(self, pixels: int) -> None:
        self.brush_px = min(max(pixels, BRUSH_LIMITS_PX[0]), BRUSH_LIMITS_PX[1])
        self.update()

    @property
    def is_drawing(self) -> bool:
        return bool(self._points)

    def cancel(self) -> None:
        """Forgets what is being drawn."""
        self._points = []
        self.update()

    def mousePressEvent(self, event) -> None:
        self._viewport.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._points = [event.position()]
        self.update()

    def mouseMoveEvent(self, event) -> None:
        self._at = event.position()
        if not self._points:
            event.ignore()  # a camera drag of the other buttons goes on below
        elif self.tool == "rectangle":
            self._points = [self._points[0], event.position()]
        elif (event.position() - self._points[-1]).manhattanLength() >= LEAST_STEP_PX:
            self._points.append(event.position())
        self.update()

    def mouseReleaseEvent(self, event) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._points:
            event.ignore()
            return
        outline = self._outline()
        self._points = []
        self.update()
        if outline is None:
            return
        size = self.width(), self.height()
        parts = [(point.x() / size[0], point.y() / size[1]) for point in outline]
        radius = self.brush_px / size[1] if self.tool == "brush" else None
        self.drawn.emit(parts, how_of(event.modifiers()), radius)

    def wheelEvent(self, event) -> None:
        if self.tool == "brush" and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_brush_px(self.brush_px + (3 if event.angleDelta().y() > 0 else -3))
            event.accept()
        else:
            event.ignore()

    def leaveEvent(self, event) -> None:
        self._at = None
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink, ground = theme.color("acc"), theme.color("fill", 0.18)
        if self.tool == "brush":
            painter.setPen(QPen(theme.color("acc", 0.35), 2 * self.brush_px, Qt.PenStyle.SolidLine,
                                Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))  # fmt: skip
            if len(self._points) > 1:
                painter.drawPolyline(QPolygonF(self._points))
            if self._at is not None:
                painter.setPen(QPen(ink, 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(self._at, self.brush_px, self.brush_px)
            return
        painter.setPen(QPen(ink, 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(ground)
        if len(self._points) < 2:
            return
        if self.tool == "rectangle":
            painter.drawRect(QRectF(self._points[0], self._points[1]).normalized())
        else:
            painter.drawPolygon(QPolygonF(self._points))

    def _outline(self) -> list[QPointF] | None:
        points = self._points
        if self.tool == "brush":
            return points
        box = QPolygonF(points).boundingRect()
        if box.width() < LEAST_SIZE_PX and box.height() < LEAST_SIZE_PX:
            return None
        if self.tool == "rectangle":
            box = QRectF(points[0], points[-1]).normalized()
            return [box.topLeft(), box.topRight(), box.bottomRight(), box.bottomLeft()]
        return points if len(points) > 2 else None
