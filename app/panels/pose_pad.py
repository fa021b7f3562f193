"""A pad on which the head is turned and nodded: the head as it looks, the training range, the drive and yours."""

from itertools import pairwise

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.panels.face_model import FaceModel
from app.panels.face_numbers import format_number
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from engine.camera import pose_matrix
from engine.controls import ControlSpec

HEIGHT, INSET, HANDLE_PX, REACH_PX = 196, 10, 7.0, 14.0
STEP_DEG = 1.0
YAW, PITCH, ROLL = "pose.yaw", "pose.pitch", "pose.roll"
HEAD_RADII = (0.30, 0.44, 0.34)  # of the pad's height: half width, half height, half depth of the drawn head


class PosePad(QWidget):
    """Drag: turn and nod, relative; Shift finely; wheel with the focus: tilt; double-click: back to neutral."""

    def __init__(self, model: FaceModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model, self._theme = model, theme
        self._driven, self._result = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        self._last: QPointF | None = None
        self._raw = [0.0, 0.0]
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Head pose")
        self.setToolTip("Head pose. Drag to turn and nod, Shift for fine, wheel to tilt, double-click for neutral.")
        theme.changed.connect(self.update)
        model.changed.connect(self._on_changed)

    @property
    def has_pose(self) -> bool:
        """Whether the avatar's head can be turned and nodded."""
        schema = self._model.schema
        return schema is not None and YAW in schema and PITCH in schema

    def show_frame(self, driven: np.ndarray, result: np.ndarray) -> None:
        if not self.has_pose or not self.isVisible():
            return
        values = [self._of(vector) for vector in (driven, result)]
        if max(abs(a - b) for a, b in zip(values[1] + values[0], self._result + self._driven, strict=True)) > 0.05:
            self._driven, self._result = values
            self.update()

    def handle_point(self) -> QPointF:
        """Where the user's own value stands."""
        return self._point(self._model.value(YAW), self._model.value(PITCH))

    def sizeHint(self) -> QSize:
        return QSize(356, HEIGHT)

    # Painting

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self._box()
        painter.setPen(QPen(theme.color("acc" if self._has_ring() else "line"), 2 if self._has_ring() else 1))
        painter.setBrush(theme.color("field"))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        if not self.has_pose:
            painter.setPen(theme.color("t3"))
            painter.setFont(theme.font())
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "This avatar's head cannot be turned.")
            return
        painter.setClipRect(box.adjusted(1, 1, -1, -1))
        self._paint_range(painter, box)
        self._paint_head(painter, box)
        self._paint_marks(painter)
        self._paint_words(painter, box)

    def _paint_range(self, painter: QPainter, box: QRectF) -> None:
        yaw, pitch = self._spec(YAW), self._spec(PITCH)
        hull = QRectF(self._point(yaw.high, pitch.high), self._point(yaw.low, pitch.low)).normalized()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("hull", 0.22))
        painter.drawRoundedRect(hull, 4, 4)
        painter.setPen(QPen(self._theme.color("line"), 1))
        centre = self._point(yaw.neutral, pitch.neutral)
        painter.drawLine(QPointF(box.left(), centre.y()), QPointF(box.right(), centre.y()))
        painter.drawLine(QPointF(centre.x(), box.top()), QPointF(centre.x(), box.bottom()))

    def _paint_head(self, painter: QPainter, box: QRectF) -> None:
        """An egg with its meridians, turned as the face is."""
        rotation = pose_matrix(*self._result)[:3, :3]
        height = box.height() * 0.8
        centre = box.center()

        def seen(points: np.ndarray) -> tuple[QPainterPath, QPainterPath]:
            turned = (points * np.array(HEAD_RADII) * height) @ rotation.T
            near, far = QPainterPath(), QPainterPath()
            for a, b in pairwise(turned):
                path = near if a[2] + b[2] > 0 else far
                path.moveTo(centre.x() + a[0], centre.y() - a[1])
                path.lineTo(centre.x() + b[0], centre.y() - b[1])
            return near, far

        phase = np.linspace(0, 2 * np.pi, 49)
        circle, none = np.stack([np.cos(phase), np.sin(phase)]), np.zeros_like(phase)
        lines = [np.stack([none, circle[0], circle[1]], 1), np.stack([circle[0], none, circle[1]], 1)]
        eyes = np.stack([circle[0] * np.sqrt(1 - 0.12), none + 0.22, circle[1] * np.sqrt(1 - 0.12)], 1)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for points, tone in ((lines[0], "t3"), (lines[1], "line2"), (eyes, "line2")):
            near, _ = seen(points)
            painter.setPen(QPen(self._theme.color(tone), 1.2))
            painter.drawPath(near)
        outline = QPainterPath()
        outline.addEllipse(centre, HEAD_RADII[0] * height, HEAD_RADII[1] * height)
        painter.setPen(QPen(self._theme.color("t3"), 1.2))
        painter.drawPath(outline)

    def _paint_marks(self, painter: QPainter) -> None:
        theme = self._theme
        driven, result = self._point(*self._driven[:2]), self._point(*self._result[:2])
        painter.setPen(QPen(theme.color("voice_bar"), 2))
        painter.setBrush(theme.color("voice_bar"))
        painter.drawEllipse(driven, 3, 3)
        painter.setPen(QPen(theme.color("acc_bar"), 2))
        painter.drawLine(driven, result)
        painter.setPen(QPen(theme.color("t1"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(result, 4, 4)
        painter.setPen(QPen(theme.color("knob_edge" if not theme.is_dark else "app"), 1))
        painter.setBrush(theme.color("knob"))
        painter.drawEllipse(self.handle_point(), HANDLE_PX, HANDLE_PX)

    def _paint_words(self, painter: QPainter, box: QRectF) -> None:
        painter.setFont(self._theme.font(TYPE.secondary))
        painter.setPen(self._theme.color("t3"))
        yaw, pitch, roll = (format_number(value) for value in self._result)
        words = f"Turn {yaw}°   Nod {pitch}°   Tilt {roll}°"
        painter.drawText(box.adjusted(8, 0, -8, -5), Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, words)

    # Events

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.has_pose:
            self._last = event.position()
            self._raw = [self._model.value(YAW), self._model.value(PITCH)]
            self._model.begin()

    def mouseMoveEvent(self, event) -> None:
        if self._last is None:
            return
        move, self._last = event.position() - self._last, event.position()
        fine = 0.2 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        box = self._box()
        for i, (name, part) in enumerate(((YAW, move.x() / box.width()), (PITCH, -move.y() / box.height()))):
            spec = self._spec(name)
            self._raw[i] += fine * part * (spec.maximum - spec.minimum)
            self._raw[i] = min(max(self._raw[i], spec.minimum), spec.maximum)
        self._model.set_live({YAW: self._raw[0], PITCH: self._raw[1]})

    def mouseReleaseEvent(self, event) -> None:
        if self._last is not None:
            self._last = None
            self._model.commit("Turn the head")

    def mouseDoubleClickEvent(self, event) -> None:
        if self.has_pose:
            names = [name for name in (YAW, PITCH, ROLL) if name in self._model.schema]
            self._model.change("Head to neutral", {name: self._spec(name).neutral for name in names})

    def wheelEvent(self, event) -> None:
        if not self.hasFocus() or not self.has_pose or ROLL not in self._model.schema:
            event.ignore()
            return
        notches = event.angleDelta().y() / 120
        self._model.change("Tilt the head", {ROLL: self._model.value(ROLL) + notches * STEP_DEG}, merges="tilt")
        event.accept()

    def keyPressEvent(self, event) -> None:
        ways = {
            Qt.Key.Key_Left: (YAW, -1), Qt.Key.Key_Right: (YAW, 1), Qt.Key.Key_Up: (PITCH, 1),
            Qt.Key.Key_Down: (PITCH, -1),
        }  # fmt: skip
        way = ways.get(event.key())
        if way is None or not self.has_pose:
            super().keyPressEvent(event)
            return
        size = STEP_DEG * (0.2 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0)
        self._model.change("Turn the head", {way[0]: self._model.value(way[0]) + way[1] * size}, merges=f"key {way[0]}")

    def _on_changed(self) -> None:
        if self.has_pose:
            yours = ", ".join(format_number(self._model.value(name)) for name in (YAW, PITCH))
            self.setAccessibleDescription(f"yours: turn and nod {yours} degrees")
        self.update()

    def _has_ring(self) -> bool:
        return self.hasFocus() and self.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)

    def _box(self) -> QRectF:
        return QRectF(INSET, 0, self.width() - 2 * INSET, self.height())

    def _point(self, yaw: float, pitch: float) -> QPointF:
        box, parts = self._box().adjusted(8, 8, -8, -8), []
        for name, value in ((YAW, yaw), (PITCH, pitch)):
            spec = self._spec(name)
            span = max(1e-6, spec.maximum - spec.minimum)
            parts.append(min(1.0, max(0.0, (value - spec.minimum) / span)))
        return QPointF(box.left() + parts[0] * box.width(), box.bottom() - parts[1] * box.height())

    def _spec(self, name: str) -> ControlSpec:
        return self._model.spec(name)

    def _of(self, vector: np.ndarray) -> tuple[float, float, float]:
        schema = self._model.schema
        return tuple(float(vector[schema.index(name)]) if name in schema else 0.0 for name in (YAW, PITCH, ROLL))
