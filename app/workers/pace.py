"""When and how large the performer draws: a steady rate that follows the sound, and a size the machine can hold."""

import math
from collections import deque

SCALES = (1.0, 0.75, 0.5)
PIXELS_SHARE = 0.5
"""A smaller picture is no remedy where less than this part of a frame's cost goes with its pixels."""

PER_PIXEL = 0.65
"""Part of a full picture's drawing that goes with its area; the rest goes with the Gaussians."""

POLL_S = 0.0003
"""How often it is looked whether a block has come when it should have."""

LATE_S = 0.003
"""A block later than this is not waited for."""

MOST_AWAITED_S = 0.006
"""A frame waits no longer than this for sound."""


class Pace:
    """When the next frame is due; a late frame is not made up for.

    Args:
        rate_hz: the target.
    """

    def __init__(self, rate_hz: float = 60.0) -> None:
        self.rate_hz = rate_hz
        self._due = 0.0
        self._shown: deque[float] = deque(maxlen=240)

    def wait_s(self, now: float) -> float:
        """How long to sleep until the next frame is due."""
        return max(0.0, self._due - now)

    def began(self, now: float, is_with_sound: bool = False) -> None:
        """A frame begins: the next one is due a period after this one was; after now if it is late, or early.

        Args:
            is_with_sound: it began when it did because sound came; the next one is due a period after now.
        """
        period = 1.0 / self.rate_hz
        is_steady = not is_with_sound and 0 <= now - self._due < period
        self._due = self._due + period if is_steady else now + period

    def give_way(self, until: float) -> None:
        """The next frame is due no sooner than then."""
        self._due = max(self._due, until)

    def shown(self, now: float) -> None:
        self._shown.append(now)

    def fps(self, now: float) -> float:
        """Frames shown in the last second."""
        return float(sum(1 for moment in self._shown if now - moment <= 1.0))


class Beat:
    """When sound comes: blocks at even distances, of which the next one is foreseen.

    A frame that begins right after a block has come knows what the face does now; one that begins right before shows
    what was known a block earlier. So a frame waits for the block that is nearer than the newest one is old.
    """

    _FOLLOW = 0.1

    def __init__(self, period_s: float = 0.01) -> None:
        self._period_s, self._came_at = period_s, -math.inf

    def came(self, at: float, period_s: float) -> None:
        """Sound came; its blocks hold so many seconds each."""
        self._came_at = at
        self._period_s += self._FOLLOW * (period_s - self._period_s)

    def next_in_s(self, now: float) -> float:
        """Seconds until the next block should come, `POLL_S` while it is late; inf when none is expected any more."""
        wait_s = self._came_at + self._period_s - now
        if wait_s < -LATE_S:
            return math.inf
        return max(wait_s, POLL_S)

    def is_awaited(self, now: float) -> bool:
        """Whether a frame had better begin with the next block."""
        return self.next_in_s(now) < min(now - self._came_at, MOST_AWAITED_S)


class Hand:
    """How large pictures are drawn while a hand moves sliders or the camera: as large as answers at once, then in full.

    One move alone is no dragging: a click is answered by a whole picture.

    Args:
        budget_ms: what a picture may cost while the hand moves. Two of them fit into the 33 ms in which a slider must
            be answered: the one that is being drawn when it moves, and the one that shows it.
    """

    RESTS_AFTER_S = 0.25
    LATE_MOVE_S, MOST_AWAITED_S = 0.004, 0.012
    """How long a move that is due is waited for, and how long one is waited for at most."""

    _FOLLOW = 0.2

    def __init__(self, budget_ms: float = 13.0) -> None:
        self._budget_ms = budget_ms
        self._moved_at, self._drags_until = -math.inf, -math.inf
        self._between_s = 0.0  # moves, while it drags
        self._fixed_ms = self._drawn_ms = 0.0  # of a full picture: what its size changes nothing of, and its drawing

    def moved(self, now: float) -> None:
        """A slider or the camera was moved."""
        between_s = now - self._moved_at
        if between_s < self.RESTS_AFTER_S:
            self._drags_until = now + self.RESTS_AFTER_S
            self._between_s += (self._FOLLOW if self._between_s else 1.0) * (between_s - self._between_s)
        self._moved_at = now

    def is_moving(self, now: float) -> bool:
        """Whether it was moved just now."""
        return now - self._moved_at < self.RESTS_AFTER_S

    def awaited_until(self, now: float) -> float:
        """When to begin a picture of the voice after an answer: now, or once the next move has come if it is near.

        A picture begun before that would have to be drawn to its end while the hand waits.
        """
        next_at = self._moved_at + self._between_s
        cost_ms = self._fixed_ms + self._drawn_ms * _share(self.scale(now))
        if now >= self._drags_until or now + 1e-3 * cost_ms < next_at:
            return now
        return min(max(now, next_at + self.LATE_MOVE_S), now + self.MOST_AWAITED_S)

    def scale(self, now: float) -> float:
        """Part of the full size to draw at."""
        if now >= self._drags_until:
            return 1.0
        fits = (scale for scale in SCALES if self._fixed_ms + self._drawn_ms * _share(scale) <= self._budget_ms)
        return next(fits, SCALES[-1])

    def add(self, cost_ms: float, drawn_ms: float, scale: float) -> None:
        """Takes what a picture at a scale cost in all, and what of it drawing took."""
        full_ms, fixed_ms = drawn_ms / _share(scale), cost_ms - drawn_ms
        follow = self._FOLLOW if self._drawn_ms else 1.0
        self._drawn_ms += follow * (full_ms - self._drawn_ms)
        self._fixed_ms += follow * (fixed_ms - self._fixed_ms)


def _share(scale: float) -> float:
    return 1 - PER_PIXEL + PER_PIXEL * scale * scale


class RenderScale:
    """Part of the asked size at which pictures are drawn: less while the machine cannot hold the least rate.

    Goes down when frames cost too much for half a second and it is the pixels that cost; goes up again when the larger
    size would fit, and waits twice as long each time that proves wrong.

    Args:
        least_fps: the rate below which size is given up.
    """

    HOLD_FRAMES = 15

    def __init__(self, least_fps: float = 30.0) -> None:
        self._budget_ms = 1000.0 / least_fps
        self._level = 0
        self._too_slow = 0
        self._fast = 0
        self._patience = 4 * self.HOLD_FRAMES

    @property
    def scale(self) -> float:
        return SCALES[self._level]

    def reset(self) -> None:
        """Another size, avatar or backend: what was learned no longer holds."""
        self.__init__(1000.0 / self._budget_ms)

    def add(self, cost_ms: float, pixels_ms: float) -> None:
        """Takes what a frame at the present scale cost in all, and what of it goes with its pixels."""
        is_for_pixels = pixels_ms > PIXELS_SHARE * cost_ms
        if cost_ms > self._budget_ms and is_for_pixels and self._level + 1 < len(SCALES):
            self._too_slow += 1
            self._fast = 0
            if self._too_slow >= self.HOLD_FRAMES:
                self._level, self._too_slow = self._level + 1, 0
                self._patience = min(64 * self.HOLD_FRAMES, self._patience * 2)
            return
        self._too_slow = max(0, self._too_slow - 1)
        if self._level == 0:
            return
        growth = (SCALES[self._level - 1] / SCALES[self._level]) ** 2
        larger_ms = cost_ms + (growth - 1) * pixels_ms
        fits = larger_ms < 0.8 * self._budget_ms or not is_for_pixels
        self._fast = self._fast + 1 if fits else 0
        if self._fast >= self._patience:
            self._level, self._fast = self._level - 1, 0


def scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    """The size to draw for an asked size in pixels."""
    return max(16, round(width * scale)), max(16, round(height * scale))
