"""How large a frame to ask for: full size, or less while the hand moves something and frames come too slowly."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SCALES = (1.0, 0.75, 0.5)
TOO_SLOW_FPS = 24.0
FAST_ENOUGH_FPS = 45.0
JUDGED_AFTER_S = 0.25
MIN_SIDE_PX = 64


@dataclass
class ResolutionGovernor:
    """Picks a scale from the frame rate while something is dragged; at rest the picture is always full size.

    Attributes:
        is_dragging: set by whoever drags the camera or a slider.
        scale: part of the full size to ask for now.
    """

    clock: Callable[[], float] = time.perf_counter
    is_dragging: bool = False
    _step: int = 0
    _changed_at: float = field(default=-1e9)

    @property
    def scale(self) -> float:
        return SCALES[self._step] if self.is_dragging else 1.0

    def judge(self, fps: float) -> bool:
        """Looks at the frame rate of the newest frame; True if the scale changed."""
        now = self.clock()
        if not self.is_dragging or fps <= 0 or now - self._changed_at < JUDGED_AFTER_S:
            return False
        before = self._step
        if fps < TOO_SLOW_FPS:
            self._step = min(len(SCALES) - 1, self._step + 1)
        elif fps > FAST_ENOUGH_FPS:
            self._step = max(0, self._step - 1)
        if self._step == before:
            return False
        self._changed_at = now
        return True

    def set_dragging(self, is_dragging: bool) -> bool:
        """Notes that a drag began or ended; True if the scale changed."""
        before = self.scale
        self.is_dragging = is_dragging
        self._changed_at = self.clock()
        return self.scale != before

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The frame to ask for, for a viewport of this size in device pixels."""
        return max(MIN_SIDE_PX, round(width * self.scale)), max(MIN_SIDE_PX, round(height * self.scale))
