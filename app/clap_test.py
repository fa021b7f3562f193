"""The clap test: a click, and a flash in the very picture that stands for it; a camera sees what lies between."""

import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from engine.audio.ring import VOICE_RING, SampleRing
from engine.errors import AudioError

TICK_MS = 5
REDRAW_MS = 15
BACKGROUND_S = 0.3
"""What is heard before the click tells how loud the room is."""

HEAR_S, CLAP_S = 1.5, 8.0
"""How long the click may take to be heard, and how long a clap of hands is waited for after that."""

LEAST_PEAK, ABOVE_ROOM = 0.03, 6.0
FLASH_MS = 120
FLASH_PART = 0.4
"""The flash covers this part of the picture's width and height, in its middle."""


class ClapTest(QObject):
    """Listens in the voice ring for the click (or a clap), then flashes with the first picture of that moment.

    Args:
        session: plays the click, hands over frames and redraws.
        viewport: what the flash lies over.

    Signals:
        said: words about how it goes. finished: milliseconds from the sound in the air to its picture, -1 when nothing
        was heard.
    """

    said = Signal(str)
    finished = Signal(float)

    def __init__(self, session, viewport: QWidget, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._viewport = session, viewport
        self._ring: SampleRing | None = None
        self._heard_at: float | None = None
        self._started = 0.0
        self._room, self._next = 0.0, 0
        self._has_clicked = self._asks_for_clap = False
        self._flash: Flash | None = None
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._redraw = QTimer(self, interval=REDRAW_MS)  # a face that stands still would show nothing to go by
        self._redraw.timeout.connect(self._draw_again)
        session.frame_ready.connect(self._on_frame)

    @property
    def is_running(self) -> bool:
        return self._timer.isActive()

    def start(self) -> None:
        """Begins, or begins again; what stands in its way is said."""
        if self.is_running:
            return
        source = self._session.source
        if source.kind != "microphone" or source.is_muted:
            self.said.emit("Switch the microphone on first." if source.is_muted else "Choose a microphone first.")
            return
        try:
            self._ring = SampleRing.attach(Path(self._session.folder) / VOICE_RING)
        except AudioError:
            self.said.emit("Nothing is heard yet.")
            return
        self._heard_at, self._started, self._room = None, time.perf_counter(), 0.0
        self._has_clicked = self._asks_for_clap = False
        self._next = self._ring.written
        self.said.emit("Listening…")
        self._timer.start()
        self._redraw.start()

    def _tick(self) -> None:
        now = time.perf_counter() - self._started
        samples, first = self._ring.read(self._next, self._ring.written - self._next)
        self._next = first + len(samples)
        if not self._has_clicked:
            self._room = max(self._room, float(np.abs(samples).max(initial=0.0)))
            if now > BACKGROUND_S:
                self._has_clicked = True
                self._session.play_click()
            return
        if self._heard_at is None:
            loud = np.flatnonzero(np.abs(samples) > max(LEAST_PEAK, ABOVE_ROOM * self._room))
            if len(loud):
                self._heard_at = self._ring.time_of(first + int(loud[0]))
        if now > HEAR_S and self._heard_at is None and not self._asks_for_clap:
            self._asks_for_clap = True
            self.said.emit("The microphone does not hear the loudspeaker. Clap your hands once.")
        if now > HEAR_S + CLAP_S:
            self._end("Nothing was heard. Is the gain too low?", -1.0)

    def _on_frame(self) -> None:
        """A frame that is about to be painted: the flash is painted with it."""
        if self._heard_at is None or self._flash is not None:
            return
        view = self._session.frames.newest()
        if view is not None and view.header.motion_sample_time >= self._heard_at:
            self._flash = Flash(self._viewport, self._on_flashed)

    def _on_flashed(self) -> None:
        delay_ms = 1e3 * (time.perf_counter() - self._heard_at)
        QTimer.singleShot(FLASH_MS, self._put_out)
        self._end(f"From the sound to its flash: {delay_ms:.0f} ms. A camera adds what screen and microphone take.",
                  delay_ms)  # fmt: skip

    def _put_out(self) -> None:
        if self._flash is not None:
            self._flash.deleteLater()
            self._flash = None

    def _draw_again(self) -> None:
        orbit = self._session.orbit or (self._session.manifest.orbit if self._session.manifest else None)
        if orbit is not None:
            self._session.set_camera(orbit)

    def _end(self, words: str, delay_ms: float) -> None:
        self._timer.stop()
        self._redraw.stop()
        if self._ring is not None:
            self._ring.close()
            self._ring = None
        self._heard_at = None
        self.said.emit(words)
        self.finished.emit(delay_ms)


class Flash(QWidget):
    """A white field in the middle of the picture; tells when it has first been painted."""

    def __init__(self, over: QWidget, on_painted) -> None:
        super().__init__(over)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._on_painted = on_painted
        width, height = over.width() * FLASH_PART, over.height() * FLASH_PART
        self.setGeometry(QRectF((over.width() - width) / 2, (over.height() - height) / 2, width, height).toRect())
        self.show()
        self.raise_()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("white"))
        if self._on_painted is not None:
            told, self._on_painted = self._on_painted, None
            QTimer.singleShot(0, told)


def click(rate_hz: float) -> np.ndarray:
    """40 ms with a sharp click in it, `[n]` float32: 3 ms of noise under a falling envelope."""
    rng = np.random.default_rng(0)
    sound = np.zeros(round(0.04 * rate_hz), dtype=np.float32)
    first, n = round(0.01 * rate_hz), round(0.003 * rate_hz)
    sound[first : first + n] = 0.9 * rng.uniform(-1, 1, n) * np.exp(-3 * np.arange(n) / n)
    sound[first] = 0.9
    return sound
