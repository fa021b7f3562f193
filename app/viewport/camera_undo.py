"""One undo step of the camera: the view before and after a gesture; quick steps of the wheel count as one."""

import time
from collections.abc import Callable

from PySide6.QtGui import QUndoCommand

from app.viewport.camera_controller import CameraController, CameraSnapshot

MERGE_S = 0.8
MERGE_ID = 0x6D6361


class CameraCommand(QUndoCommand):
    """A gesture that was already carried out; undo and redo ease the camera there.

    Args:
        merges: quick steps of the same kind become one undo step, such as `wheel`; empty for a step of its own.
        moved: called after the camera was sent elsewhere, so that the view follows.
    """

    def __init__(
        self, controller: CameraController, before: CameraSnapshot, text: str, moved: Callable[[], None],
        merges: str = "",
    ) -> None:  # fmt: skip
        super().__init__(text)
        self._controller, self._before, self._after = controller, before, controller.snapshot()
        self._moved, self.merges = moved, merges
        self.made_at = time.monotonic()
        self._is_done = True

    def redo(self) -> None:
        if self._is_done:
            self._is_done = False
            return
        self._controller.restore(self._after)
        self._moved()

    def undo(self) -> None:
        self._controller.restore(self._before)
        self._moved()

    def id(self) -> int:
        return MERGE_ID if self.merges else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, CameraCommand) or other.merges != self.merges:
            return False
        if other.made_at - self.made_at > MERGE_S:
            return False
        self._after, self.made_at = other._after, other.made_at
        return True
