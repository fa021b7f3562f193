"""The head's handle in the viewport: a stick out of the nose whose end is dragged to turn the head."""

import math

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.panels.face_model import FaceModel
from app.theme.theme import Theme
from engine.camera import Camera, pose_matrix

REACH = 0.72
"""From the head's centre to the handle, head heights."""
DOT_PX, LINE_PX, WHEEL_DEG = 26, 2, 2.0
YAW, PITCH, ROLL = "pose.yaw", "pose.pitch", "pose.roll"


class PoseHandle(QObject):
    """Shown while `page` is; follows the head and the camera, turns the head when dragged, rolls it with the wheel."""

    def __init__(self, theme: Theme, viewport: QWidget, session, model: FaceModel, page: QWidget) -> None:
        super().__init__(viewport)
        self._viewport, self._session, self._model = viewport, session, model
        self.line = _Line(theme, viewport)
        self.dot = _Dot(theme, viewport, self)
        self._is_wanted = False
        for widget in (self.line, self.dot):
            widget.hide()
        page.installEventFilter(self)
        session.frame_ready.connect(self.follow)
        viewport.camera_moved.connect(lambda _: self.follow())

    def eventFilter(self, watched, event) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
            self._is_wanted = event.type() == QEvent.Type.Show
            self.follow()
        return False

    def follow(self) -> None:
        """Puts stick and dot where the head now looks."""
        pose = self._pose() if self._is_wanted and self._viewport.isVisible() else None
        for widget in (self.line, self.dot):
            widget.setVisible(pose is not None)
        if pose is None:
            return
        camera = self._camera()
        forward = pose_matrix(*pose)[:3, :3] @ np.array([0.0, 0.0, 1.0])
        base, end = (_pixel(camera, forward * part) for part in (0.45 * REACH, REACH))
        self.line.put(base, end)
        self.dot.move(round(end.x() - DOT_PX / 2), round(end.y() - DOT_PX / 2))
        self.dot.raise_()

    # Turning

    def begin(self) -> None:
        self._model.begin()

    def drag_to(self, point: QPointF) -> None:
        """Turns the head so that the handle lies under a point of the viewport."""
        yaw, pitch = angles_at(self._camera(), point)
        driven = self._driven()
        wanted = {YAW: yaw - driven.get(YAW, 0.0), PITCH: pitch - driven.get(PITCH, 0.0)}
        self._model.set_live({name: value for name, value in wanted.items() if name in self._model.schema})

    def end(self) -> None:
        self._model.commit("Turn the head")

    def roll(self, notches: float) -> None:
        if ROLL in self._model.schema:
            self._model.change("Tilt the head", {ROLL: self._model.value(ROLL) + notches * WHEEL_DEG}, merges="tilt")

    def nudge(self, yaw: float, pitch: float) -> None:
        """The arrow keys."""
        moved = {YAW: self._model.value(YAW) + yaw, PITCH: self._model.value(PITCH) + pitch}
        self._model.change("Turn the head", moved, merges="head")

    def reset(self) -> None:
        self._model.reset([name for name in (YAW, PITCH, ROLL) if name in self._model.schema])

    def _pose(self) -> tuple[float, float, float] | None:
        """Yaw, pitch, roll the face now has; None where the avatar cannot turn its head or nothing is shown."""
        schema, view = self._model.schema, self._session.frames.newest()
        if schema is None or view is None or YAW not in schema or PITCH not in schema:
            return None
        result = view.header.result
        if len(result) != len(schema):
            return None
        return tuple(float(result[schema.index(n)]) if n in schema else 0.0 for n in (YAW, PITCH, ROLL))

    def _driven(self) -> dict[str, float]:
        view, schema = self._session.frames.newest(), self._model.schema
        if view is None or len(view.header.driven) != len(schema):
            return {}
        return {name: float(view.header.driven[schema.index(name)]) for name in (YAW, PITCH) if name in schema}

    def _camera(self) -> Camera:
        return self._viewport.controller.orbit.camera(max(2, self._viewport.width()), max(2, self._viewport.height()))


def angles_at(camera: Camera, point: QPointF) -> tuple[float, float]:
    """Yaw and pitch in degrees of a head whose handle is seen at a point: where the line of sight meets its sphere.

    Beside the sphere the nearest point of its rim counts.
    """
    direction = camera.viewmat[:3, :3].T @ np.linalg.inv(camera.k) @ np.array([point.x(), point.y(), 1.0])
    direction /= np.linalg.norm(direction)
    eye = camera.position
    along = -float(eye @ direction)
    nearest = eye + along * direction
    short = REACH**2 - float(nearest @ nearest)
    spot = nearest - math.sqrt(short) * direction if short > 0 else nearest
    spot = spot / max(float(np.linalg.norm(spot)), 1e-9)
    return math.degrees(math.atan2(spot[0], spot[2])), math.degrees(math.asin(min(1.0, max(-1.0, spot[1]))))


def _pixel(camera: Camera, point: np.ndarray) -> QPointF:
    seen = camera.viewmat[:3, :3] @ point + camera.viewmat[:3, 3]
    x, y, z = camera.k @ seen
    return QPointF(x / max(z, 1e-6), y / max(z, 1e-6))


class _Line(QWidget):
    """The stick; the mouse goes through it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._ends = (QPointF(), QPointF())
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self.update)

    def put(self, base: QPointF, end: QPointF) -> None:
        box = QRectF(base, end).normalized().adjusted(-3, -3, 3, 3).toAlignedRect()
        self.setGeometry(box)
        self._ends = (base - box.topLeft(), end - box.topLeft())
        self.update()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for color, width in ((self._theme.color("app", 0.6), LINE_PX + 2), (self._theme.color("acc"), LINE_PX)):
            painter.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawLine(*self._ends)


class _Dot(QWidget):
    """The end that is dragged; arrows turn the head, Home resets it, the wheel tilts it."""

    def __init__(self, theme: Theme, parent: QWidget, handle: PoseHandle) -> None:
        super().__init__(parent)
        self._theme, self._handle, self._is_held = theme, handle, False
        self.setFixedSize(DOT_PX, DOT_PX)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Head pose")
        self.setToolTip("Drag to turn the head, the wheel tilts it, double-click resets it.")

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(DOT_PX / 2, DOT_PX / 2)
        painter.setPen(QPen(theme.color("acc"), 2))
        painter.setBrush(theme.color("fill") if self._is_held or self.underMouse() else theme.color("panel"))
        painter.drawEllipse(middle, 8, 8)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(middle, 11.5, 11.5)

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._is_held = True
            self._handle.begin()
            self.update()

    def mouseMoveEvent(self, event) -> None:
        if self._is_held:
            self._handle.drag_to(self.mapToParent(event.position()))

    def mouseReleaseEvent(self, event) -> None:
        if self._is_held:
            self._is_held = False
            self._handle.end()
            self.update()

    def mouseDoubleClickEvent(self, event) -> None:
        self._handle.reset()

    def wheelEvent(self, event) -> None:
        self._handle.roll(event.angleDelta().y() / 120.0)
        event.accept()

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
        if event.key() in step:
            self._handle.nudge(*step[event.key()])
        elif event.key() == Qt.Key.Key_Home:
            self._handle.reset()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event) -> None:
        self.update()

    def leaveEvent(self, event) -> None:
        self.update()
