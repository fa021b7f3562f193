"""The cube in the corner that shows from where the head is seen: drag to orbit, click a side to snap, ring to roll."""

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QWidget

from app.theme.theme import Theme
from app.theme.tokens import BOLD
from app.viewport.camera_controller import axes
from app.viewport.overlays import CachedWidget
from engine.camera import Orbit

SIZE_PX = 68
RING_PX = 33.0
HALF_EDGE_PX = 16.5
CLICK_PX = 4.0
DEG_PER_PX = 1.2

# Side: outward normal, direction of its words, up of its words; the label and the tone that stands for its light.
SIDES = {
    "front": ((0, 0, 1), (1, 0, 0), (0, 1, 0), "FRONT", "raised"),
    "back": ((0, 0, -1), (-1, 0, 0), (0, 1, 0), "BACK", "raised"),
    "left": ((1, 0, 0), (0, 0, -1), (0, 1, 0), "L", "press"),
    "right": ((-1, 0, 0), (0, 0, 1), (0, 1, 0), "R", "press"),
    "top": ((0, 1, 0), (1, 0, 0), (0, 0, -1), "TOP", "hover"),
    "bottom": ((0, -1, 0), (1, 0, 0), (0, 0, 1), "BELOW", "hover"),
}


class ViewCube(CachedWidget):
    """Signals: `turned(azimuth, elevation)` and `rolled(degrees)` while dragged, `side_chosen(name)` on a click."""

    turned = Signal(float, float)
    rolled = Signal(float)
    side_chosen = Signal(str)
    drag_began = Signal()
    drag_ended = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setFixedSize(SIZE_PX, SIZE_PX)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("View cube")
        self.setToolTip("View cube. Drag to orbit, click a side to look from there, drag the ring to roll.")
        self._orbit = Orbit()
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self._on_ring = False
        self._hovered: str | None = None

    def show_orbit(self, orbit: Orbit) -> None:
        before = self._orbit
        self._orbit = orbit
        if any(
            abs(getattr(before, n) - getattr(orbit, n)) > 0.05 for n in ("azimuth_deg", "elevation_deg", "roll_deg")
        ):
            self.refresh()

    def side_at(self, point: QPointF) -> str | None:
        """The visible side under a point of the widget."""
        for name, polygon in self._polygons():
            if polygon.containsPoint(point, Qt.FillRule.OddEvenFill):
                return name
        return None

    def centre_of(self, side: str) -> QPointF | None:
        """Middle of a visible side, for tests and keyboard hints; None where it faces away."""
        for name, polygon in self._polygons():
            if name == side:
                return (polygon[0] + polygon[2]) / 2
        return None

    def draw(self, painter: QPainter) -> None:
        theme = self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ring = QPen(theme.color("line2"), 1)
        ring.setDashPattern([3, 4])
        if self._hovered == "ring":
            ring.setColor(theme.color("acc"))
        painter.setPen(ring)
        painter.drawEllipse(QPointF(SIZE_PX / 2, SIZE_PX / 2), RING_PX, RING_PX)
        for name, polygon in self._polygons():
            tone = SIDES[name][4]
            painter.setPen(QPen(theme.color(tone), 0.7))
            painter.setBrush(theme.color("soft") if name == self._hovered else theme.color(tone))
            painter.drawPolygon(polygon)
            self._draw_label(painter, name)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("acc"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self._last = event.position()
            self._on_ring = self._is_ring(event.position())
            self.drag_began.emit()

    def mouseMoveEvent(self, event) -> None:
        point = event.position()
        if self._pressed is None:
            self._set_hovered(self.side_at(point) or ("ring" if self._is_ring(point) else None))
            return
        if self._on_ring:
            self.rolled.emit(self._angle(point) - self._angle(self._last))
        elif (point - self._pressed).manhattanLength() > CLICK_PX:
            move = point - self._last
            self.turned.emit(-move.x() * DEG_PER_PX, move.y() * DEG_PER_PX)
        self._last = point

    def mouseReleaseEvent(self, event) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        moved = (event.position() - self._pressed).manhattanLength()
        self._pressed = None
        side = self.side_at(event.position())
        if moved <= CLICK_PX and side is not None and not self._on_ring:
            self.side_chosen.emit(side)
        self.drag_ended.emit()

    def leaveEvent(self, event) -> None:
        self._set_hovered(None)

    def keyPressEvent(self, event) -> None:
        step = {
            Qt.Key.Key_Left: (-15, 0), Qt.Key.Key_Right: (15, 0), Qt.Key.Key_Up: (0, 15), Qt.Key.Key_Down: (0, -15),
        }.get(event.key())  # fmt: skip
        if step is None:
            super().keyPressEvent(event)
            return
        self.drag_began.emit()
        self.turned.emit(*step)
        self.drag_ended.emit()

    def focusInEvent(self, event) -> None:
        self.refresh()

    def focusOutEvent(self, event) -> None:
        self.refresh()

    def _polygons(self) -> list[tuple[str, QPolygonF]]:
        """The sides that face the camera with their corners in the widget, farthest first."""
        right, up, back = axes(self._orbit)
        seen = []
        for name, (normal, along, above, _, _) in SIDES.items():
            facing = float(np.dot(normal, back))
            if facing < 0.02:
                continue
            corners = [
                np.array(normal) + sx * np.array(along) + sy * np.array(above)
                for sx, sy in ((-1, 1), (1, 1), (1, -1), (-1, -1))
            ]
            points = [self._place(corner @ right, corner @ up) for corner in corners]
            seen.append((facing, name, QPolygonF(points)))
        return [(name, polygon) for _, name, polygon in sorted(seen, key=lambda row: row[0])]

    def _draw_label(self, painter: QPainter, name: str) -> None:
        right, up, _ = axes(self._orbit)
        normal, along, above, label, _ = (*map(np.array, SIDES[name][:3]), *SIDES[name][3:])
        x_axis, y_axis = (along @ right, -(along @ up)), (-(above @ right), above @ up)
        middle = self._place(normal @ right, normal @ up)
        font = self._theme.font(9, BOLD)
        path, metrics = QPainterPath(), QFontMetricsF(font)
        path.addText(-metrics.horizontalAdvance(label) / 2, metrics.capHeight() / 2, font, label)
        shrink = min(1.0, 27.0 / max(1.0, metrics.horizontalAdvance(label)))
        painter.save()
        painter.setTransform(
            QTransform(
                x_axis[0] * shrink, x_axis[1] * shrink, y_axis[0] * shrink, y_axis[1] * shrink, middle.x(), middle.y()
            ),
            True,
        )
        painter.fillPath(path, self._theme.color("t1"))
        painter.restore()

    @staticmethod
    def _place(x: float, y: float) -> QPointF:
        return QPointF(SIZE_PX / 2 + x * HALF_EDGE_PX, SIZE_PX / 2 - y * HALF_EDGE_PX)

    @staticmethod
    def _is_ring(point: QPointF) -> bool:
        return abs(math.hypot(point.x() - SIZE_PX / 2, point.y() - SIZE_PX / 2) - RING_PX) < 5

    @staticmethod
    def _angle(point: QPointF) -> float:
        return math.degrees(math.atan2(SIZE_PX / 2 - point.y(), point.x() - SIZE_PX / 2))

    def _set_hovered(self, side: str | None) -> None:
        if side != self._hovered:
            self._hovered = side
            self.refresh()
