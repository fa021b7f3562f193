"""The level meter of the live bar: level, held peak, a gate that can be dragged, and a clip mark that stays."""

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.theme import Theme
from app.theme.tokens import TYPE

FLOOR_DB, WARN_DB, HOT_DB = -60.0, -12.0, -3.0
STOPS = ((-60.0, 0.0), (-30.0, 0.4), (-12.0, 0.7), (0.0, 1.0))
"""Decibels and where they stand on the bar: the loud end, where it matters, gets more room."""
PLACES = tuple(np.array(STOPS).T)
HOLD_SECONDS = 1.5
BAR_HEIGHT, CLIP_WIDTH, SCALE_TOP = 8, 8, 12
SCALE = ((-60.0, "−60"), (-30.0, "−30"), (-12.0, "−12 dB"), (0.0, "0"))


class LevelMeter(QWidget):
    """Bar 8 high from -60 to 0 dB with its scale below; the gate mark is dragged or moved with the arrows."""

    gate_changed = Signal(float)

    def __init__(
        self, theme: Theme, clock: Callable[[], float] = time.monotonic, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._clock = theme, clock
        self._level_db = self._peak_db = FLOOR_DB
        self._peak_time = 0.0
        self._gate_db: float | None = None
        self._clipped = False
        self._is_live = True
        self._sentence = ""
        self._dragging = False
        self.setFixedHeight(26)
        self.setMinimumWidth(96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Microphone level and gate")
        theme.changed.connect(self.update)

    @property
    def is_clipped(self) -> bool:
        return self._clipped

    @property
    def held_peak_db(self) -> float:
        return self._peak_db

    def show_level(self, level_db: float, peak_db: float, clipped: bool) -> None:
        """The newest figures; the peak is held for 1.5 s, a clip until it is clicked."""
        now = self._clock()
        if peak_db >= self._peak_db or now - self._peak_time > HOLD_SECONDS:
            self._peak_db, self._peak_time = max(FLOOR_DB, peak_db), now
        self._level_db = level_db
        self._clipped = self._clipped or clipped
        self.update(0, 0, self.width(), SCALE_TOP - 1)  # the scale below stays as it is

    def show_gate(self, gate_db: float | None) -> None:
        self._gate_db = gate_db
        self.update()

    def show_live(self, is_live: bool, sentence: str = "") -> None:
        """While nothing is heard the bar is empty and a sentence stands in place of the scale."""
        self._is_live, self._sentence = is_live, sentence
        if not is_live:
            self._level_db = self._peak_db = FLOOR_DB
            self._clipped = False
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(172, 26)

    def _bar(self) -> QRectF:
        return QRectF(0.5, 1.5, self.width() - 1, BAR_HEIGHT)

    def _x(self, level_db: float) -> float:
        part = float(np.interp(level_db, *PLACES))
        return self._bar().left() + part * self._bar().width()

    def paintEvent(self, event) -> None:
        theme, painter, bar = self._theme, QPainter(self), self._bar()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("acc" if self.hasFocus() else "line"), 1))
        painter.setBrush(theme.color("field"))
        painter.drawRoundedRect(bar, 2, 2)
        painter.save()
        clip = QPainterPath()
        clip.addRoundedRect(bar.adjusted(0.5, 0.5, -0.5, -0.5), 1.5, 1.5)
        painter.setClipPath(clip)
        painter.setPen(Qt.PenStyle.NoPen)
        for low, high, token in ((FLOOR_DB, WARN_DB, "voice_bar"), (WARN_DB, HOT_DB, "warn"), (HOT_DB, 0.0, "err")):
            if self._level_db > low:
                left, right = self._x(low), self._x(min(self._level_db, high))
                painter.setBrush(theme.color(token))
                painter.drawRect(QRectF(left, bar.top(), right - left, bar.height()))
        if self._clipped:
            painter.setBrush(theme.color("err"))
            painter.drawRect(QRectF(bar.right() - CLIP_WIDTH, bar.top(), CLIP_WIDTH, bar.height()))
        painter.restore()
        if self._peak_db > FLOOR_DB:
            painter.setBrush(theme.color("t1"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRect(QRectF(self._x(self._peak_db) - 1, bar.top(), 2, bar.height()))
        if self._gate_db is not None:
            painter.setPen(QPen(theme.color("t2"), 1))
            x = round(self._x(self._gate_db)) + 0.5
            painter.drawLine(QPointF(x, bar.top()), QPointF(x, bar.bottom()))
        if event.rect().bottom() >= SCALE_TOP:
            self._paint_scale(painter)

    def _paint_scale(self, painter: QPainter) -> None:
        theme, flags = self._theme, Qt.AlignmentFlag
        row = QRectF(0, SCALE_TOP, self.width(), 14)
        painter.setFont(theme.font(TYPE.caption))
        if self._sentence:
            painter.setPen(theme.color("t2"))
            text = painter.fontMetrics().elidedText(self._sentence, Qt.TextElideMode.ElideRight, self.width())
            painter.drawText(row, flags.AlignLeft | flags.AlignVCenter, text)
            return
        painter.setPen(theme.color("t3"))
        for level_db, words in SCALE:
            x = self._x(level_db)
            if level_db == FLOOR_DB:
                painter.drawText(row, flags.AlignLeft | flags.AlignVCenter, words)
            elif level_db == 0:
                painter.drawText(row, flags.AlignRight | flags.AlignVCenter, words)
            else:
                painter.drawText(QRectF(x - 30, SCALE_TOP, 60, 14), flags.AlignCenter, words)

    def mousePressEvent(self, event) -> None:
        if event.button() != Qt.MouseButton.LeftButton or event.position().y() > BAR_HEIGHT + 4:
            return
        if self._clipped and event.position().x() > self._bar().right() - 2 * CLIP_WIDTH:
            self._clipped = False
            self.update()
        elif self._gate_db is not None and abs(event.position().x() - self._x(self._gate_db)) <= 8:
            self._dragging = True

    def mouseMoveEvent(self, event) -> None:
        if self._dragging:
            part = (event.position().x() - self._bar().left()) / self._bar().width()
            levels, parts = PLACES
            self._move_gate(float(np.interp(part, parts, levels)))
            return
        over = self._gate_db is not None and abs(event.position().x() - self._x(self._gate_db)) <= 8
        self.setCursor(
            Qt.CursorShape.SplitHCursor if over and event.position().y() < 12 else Qt.CursorShape.ArrowCursor
        )
        if over:
            self.setToolTip(f"Gate {_db(self._gate_db)}. Quieter sound counts as silence.")
        elif self._clipped:
            self.setToolTip("The sound clipped. Turn the gain down, then click the red end.")
        else:
            self.setToolTip("")

    def mouseReleaseEvent(self, event) -> None:
        self._dragging = False

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: -1.0, Qt.Key.Key_Right: 1.0}.get(event.key())
        if step is not None and self._gate_db is not None:
            self._move_gate(self._gate_db + step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self._clipped = False
            self.update()
        else:
            super().keyPressEvent(event)

    def _move_gate(self, gate_db: float) -> None:
        gate_db = float(min(max(round(gate_db), FLOOR_DB), -1))
        if gate_db != self._gate_db:
            self._gate_db = gate_db
            self.setAccessibleDescription(f"gate {_db(gate_db)}")
            self.update()
            self.gate_changed.emit(gate_db)


def _db(level_db: float) -> str:
    return f"{level_db:.0f} dB".replace("-", "−")
