"""The hand on the camera: mouse, wheel and keys become gestures of the controller, each one undo step."""

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QUndoStack

from app.viewport.camera_controller import CameraController, CameraSnapshot
from app.viewport.camera_undo import CameraCommand

ORBIT_DEG_PER_PX = 0.35
ZOOM_PER_NOTCH = 0.88
TICK_MS = 10


class CameraHand(QObject):
    """Carries gestures to a `CameraController` and steps its damping while it moves.

    Signals:
        moved: the shown orbit changed; goal_changed: where it goes changed (for marks and checks).
        drag_changed: a drag began or ended.
    """

    moved = Signal()
    goal_changed = Signal()
    drag_changed = Signal(bool)

    def __init__(
        self,
        controller: CameraController,
        undo_stack: QUndoStack,
        parent: QObject | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(parent)
        self.controller = controller
        self._undo_stack = undo_stack
        self._clock = clock
        self._mode: str | None = None
        self._last = QPointF()
        self._before: CameraSnapshot | None = None
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self._ticked_at = 0.0

    @property
    def is_dragging(self) -> bool:
        return self._mode is not None

    # Mouse

    def press(self, point: QPointF, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> bool:
        """Begins a drag; False where this button means nothing to the camera."""
        if self._mode is not None:
            return True
        left = button == Qt.MouseButton.LeftButton
        if button == Qt.MouseButton.MiddleButton or (left and modifiers & Qt.KeyboardModifier.ShiftModifier):
            self.begin("pan")
        elif left:
            self.begin("orbit")
        else:
            return False
        self._last = point
        return True

    def drag(self, point: QPointF, size: QSize) -> None:
        move = point - self._last
        self._last = point
        if self._mode == "orbit":
            self.controller.turn(-move.x() * ORBIT_DEG_PER_PX, move.y() * ORBIT_DEG_PER_PX)
        elif self._mode == "pan":
            height = max(1, size.height())
            self.controller.pan(move.x() / height, -move.y() / height)
        self.follow()

    def release(self) -> None:
        self.end("Orbit" if self._mode == "orbit" else "Pan")

    def wheel(self, notches: float, at: tuple[float, float], aspect: float) -> None:
        before = self.controller.snapshot()
        self.controller.zoom(ZOOM_PER_NOTCH**notches, at, aspect)
        self._push(before, "Zoom", merges="wheel")

    def pivot(self, at: tuple[float, float], aspect: float) -> None:
        self.do("Set the pivot", lambda: self.controller.pivot(at, aspect))

    # Drags that others carry out (the view cube)

    def begin(self, mode: str) -> None:
        if self._before is None:
            self._before, self._mode = self.controller.snapshot(), mode
            self.drag_changed.emit(True)

    def end(self, text: str) -> None:
        if self._before is None:
            return
        before, self._before, self._mode = self._before, None, None
        self._push(before, text)
        self.drag_changed.emit(False)

    # Whole steps

    def do(self, text: str, change: Callable[[], object]) -> None:
        """Carries out one change of the controller as one undo step."""
        before = self.controller.snapshot()
        change()
        self._push(before, text)

    def follow(self) -> None:
        """Lets the shown orbit go after the goal; called whenever the goal changed."""
        self.goal_changed.emit()
        if not self.controller.is_moving:
            self.moved.emit()
        elif not self._timer.isActive():
            self._ticked_at = self._clock()
            self._timer.start()

    def tick(self) -> None:
        now = self._clock()
        changed = self.controller.step(min(0.1, max(0.0, now - self._ticked_at)))
        self._ticked_at = now
        if changed:
            self.moved.emit()
        if not self.controller.is_moving:
            self._timer.stop()
            self.goal_changed.emit()

    def stop(self) -> None:
        self._timer.stop()

    def _push(self, before: CameraSnapshot, text: str, merges: str = "") -> None:
        if self.controller.snapshot() != before:
            self._undo_stack.push(CameraCommand(self.controller, before, text, self.follow, merges))
        self.follow()
