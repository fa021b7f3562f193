"""The hand on the camera: mouse, wheel and keys become gestures of the controller, each one undo step."""

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QUndoStack

from app.viewport.camera_controller import CameraController, CameraSnapshot
from app.viewport.camera_undo import CameraCommand

ORBIT_DEG_PER_PX = 0.35
ZOOM_PER_NOTCH = 0.88
ZOOM_PER_PX = 0.995
LOOK_DEG_PER_PX = 0.12
FLY_PER_S, FAST = 1.2, 3.0
"""Head heights a second while a key is held, and how much faster with Shift."""
FLY_KEYS = {
    Qt.Key.Key_W: (0, 0, 1), Qt.Key.Key_S: (0, 0, -1), Qt.Key.Key_A: (-1, 0, 0), Qt.Key.Key_D: (1, 0, 0),
    Qt.Key.Key_E: (0, 1, 0), Qt.Key.Key_Q: (0, -1, 0),
}  # fmt: skip
"""Key to direction: right, up, forward."""
TICK_MS = 10
ALT, CTRL, SHIFT = (
    Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier,
)  # fmt: skip


def drag_mode(preset: str, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> str | None:
    """What a drag of a button does to the camera in a preset: orbit, pan, zoom, fly or nothing."""
    left, middle, right = (
        button == b for b in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton)
    )
    if preset == "maya":
        if not modifiers & ALT:
            return None
        return "orbit" if left else "pan" if middle else "zoom" if right else None
    if preset == "blender":
        if right:
            return "fly"
        if not middle:
            return None
        return "pan" if modifiers & SHIFT else "zoom" if modifiers & CTRL else "orbit"
    if middle or (left and modifiers & SHIFT):
        return "pan"
    return "orbit" if left else "fly" if right else None


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
        self.preset = "standard"
        self._mode: str | None = None
        self._last = QPointF()
        self._before: CameraSnapshot | None = None
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self._ticked_at = 0.0
        self._fly_keys: set[int] = set()
        self._flown_at = 0.0
        self._fly_timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._fly_timer.timeout.connect(lambda: self.fly_on(bool(QGuiApplication.queryKeyboardModifiers() & SHIFT)))

    @property
    def is_dragging(self) -> bool:
        return self._mode is not None

    # Mouse

    def press(self, point: QPointF, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> bool:
        """Begins a drag; False where this button means nothing to the camera."""
        if self._mode is not None:
            return True
        mode = drag_mode(self.preset, button, modifiers)
        if mode is None:
            return False
        self.begin(mode)
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
        elif self._mode == "fly":
            self.controller.look(-move.x() * LOOK_DEG_PER_PX, move.y() * LOOK_DEG_PER_PX)
        elif self._mode == "zoom":
            self.controller.zoom(ZOOM_PER_PX ** (move.x() - move.y()))
        self.follow()

    # Flying

    @property
    def is_flying(self) -> bool:
        """Whether the button that flies is held: W A S D move, E and Q rise and sink, Shift is faster."""
        return self._mode == "fly"

    def press_fly_key(self, key: int) -> bool:
        """Begins to move along an axis; False for a key that does not fly."""
        if not self.is_flying or key not in FLY_KEYS:
            return False
        self._fly_keys.add(key)
        self._flown_at = self._clock()
        self._fly_timer.start()
        return True

    def release_fly_key(self, key: int) -> None:
        self._fly_keys.discard(key)

    def fly_on(self, is_fast: bool = False) -> None:
        """Goes on along the keys that are held; called by a timer."""
        now = self._clock()
        seconds, self._flown_at = min(0.1, max(0.0, now - self._flown_at)), now
        if not self.is_flying or not self._fly_keys:
            self._fly_timer.stop()
            return
        way = np.sum([FLY_KEYS[key] for key in self._fly_keys], axis=0) * FLY_PER_S * seconds
        self.controller.fly(*(way * (FAST if is_fast else 1.0)))
        self.follow()

    def release(self) -> None:
        self._fly_keys.clear()
        self.end({"orbit": "Orbit", "zoom": "Zoom", "fly": "Fly"}.get(self._mode or "", "Pan"))

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
        self._fly_timer.stop()

    def _push(self, before: CameraSnapshot, text: str, merges: str = "") -> None:
        if self.controller.snapshot() != before:
            self._undo_stack.push(CameraCommand(self.controller, before, text, self.follow, merges))
        self.follow()
