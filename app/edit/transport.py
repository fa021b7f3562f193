"""The playhead of the Edit workspace: playing, shuttling, stepping, over and over between in and out point."""

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

SPEEDS = (1.0, 2.0, 4.0)


class Transport(QObject):
    """Where the edited line is being looked at, by the wall's clock while it plays.

    Args:
        seconds: of the edited line.
        ends: its in and out point.
        tell: passes the playhead on to who draws and plays it.

    Attributes:
        speed: 0 while it stands, negative backwards.

    Signals:
        moved: where the playhead is. playing_changed: the speed. rested: it stands somewhere.
    """

    moved = Signal(float)
    playing_changed = Signal(float)
    rested = Signal()

    def __init__(
        self, seconds: Callable[[], float], ends: Callable[[], tuple[float, float]], tell: Callable[[dict], None],
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._seconds, self._ends, self._tell_others = seconds, ends, tell
        self.is_loop, self.volume, self.speed = True, 1.0, 0.0
        self._at, self._since = 0.0, 0.0
        self._clock = QTimer(self, interval=16)
        self._clock.timeout.connect(self._tick)

    @property
    def playhead(self) -> float:
        """Seconds of the edited line."""
        if self.speed == 0:
            return self._at
        there = self._at + self.speed * (time.perf_counter() - self._since)
        first, last = self._ends()
        if self.is_loop and self.speed > 0 and there > last > first:
            return first + (there - first) % (last - first)
        return min(max(there, 0.0), self._seconds())

    def play(self, speed: float = 1.0) -> None:
        at = self.playhead
        first, last = self._ends()
        if speed > 0 and at >= last - 1e-3:
            at = first
        self._at, self._since, self.speed = at, time.perf_counter(), speed
        self._clock.start()
        self.tell()
        self.playing_changed.emit(speed)

    def pause(self) -> None:
        if self.speed:
            self._at, self.speed = self.playhead, 0.0
            self._clock.stop()
            self.tell()
            self.rested.emit()
            self.playing_changed.emit(0.0)

    def toggle(self) -> None:
        self.pause() if self.speed else self.play()

    def shuttle(self, way: int) -> None:
        """J and L: backwards and forwards, faster with each press; K is `pause`."""
        now = self.speed * way
        faster = next((s for s in SPEEDS if s > now + 1e-6), SPEEDS[-1]) if now > 0 else SPEEDS[0]
        self.play(way * faster)

    def seek(self, at: float) -> None:
        self._at, self._since = min(max(at, 0.0), self._seconds()), time.perf_counter()
        self.tell()
        self.moved.emit(self._at)
        if not self.speed:
            self.rested.emit()

    def step(self, seconds: float) -> None:
        self.pause()
        self.seek(self._at + seconds)

    def begin_again(self) -> None:
        """Another take: stands at its beginning."""
        self.pause()
        self._at = 0.0

    def keep_inside(self) -> None:
        """The line may have become shorter."""
        if self._at > self._seconds():
            self._at = self._seconds()
            self.moved.emit(self._at)

    def set_loop(self, on: bool) -> None:
        self.is_loop = on
        self.tell()

    def set_volume(self, volume: float) -> None:
        self.volume = volume
        self.tell()

    def tell(self) -> None:
        first, last = self._ends()
        at = self._since if self.speed else time.perf_counter()
        self._tell_others({"time": self._at, "speed": self.speed, "at": at, "first": first, "last": last,
                           "is_loop": self.is_loop, "volume": self.volume})  # fmt: skip

    def _tick(self) -> None:
        at = self.playhead
        _, last = self._ends()
        ended = (self.speed > 0 and at >= last and not self.is_loop) or (self.speed < 0 and at <= 0)
        if ended:
            self.pause()
        self.moved.emit(at)
