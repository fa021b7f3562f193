"""Parts of the export dialog: the preview, the stretch of the voice, a switch with its words."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QVBoxLayout, QWidget

from app.theme.buttons import Words
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE
from app.timeline.strip import timecode
from engine.export.formats import ClipFormat

PREVIEW = (312, 312)
BITS_PER_PIXEL = {"mp4": 0.11, "mp4-av1": 0.05, "webm-alpha": 0.1, "mov-prores": 2.2, "webp": 0.35, "gif": 3.2,
                  "apng": 6.0, "png": 6.0, "depth": 9.0}  # fmt: skip
"""What the default avatar takes, by format."""


class Preview(QWidget):
    """The picture as it is now, cut to the shape the clip will have."""

    def __init__(self, theme: Theme, picture: QImage) -> None:
        super().__init__()
        self._theme, self._picture, self._size = theme, QPixmap.fromImage(picture), (1, 1)
        self.setFixedSize(*PREVIEW)
        self.setAccessibleName("Picture")

    def show_size(self, width: int, height: int) -> None:
        self._size = (width, height)
        self.update()

    def paintEvent(self, event) -> None:
        theme, p = self._theme, QPainter(self)
        p.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        width, height = self._size
        scale = min(self.width() / width, self.height() / height)
        box = QRectF(0, 0, width * scale, height * scale)
        box.moveCenter(QRectF(self.rect()).center())
        path = QPainterPath()
        path.addRoundedRect(box, 6, 6)
        p.setClipPath(path)
        p.fillPath(path, theme.color("ground_centre"))
        if self._picture.isNull():
            p.setPen(theme.color("t3"))
            p.setFont(theme.font())
            p.drawText(box, Qt.AlignmentFlag.AlignCenter, "No picture yet")
        else:
            fill = max(box.width() / self._picture.width(), box.height() / self._picture.height())
            target = QRectF(0, 0, self._picture.width() * fill, self._picture.height() * fill)
            target.moveCenter(box.center())
            p.drawPixmap(target, self._picture, QRectF(self._picture.rect()))
        words = f"{width} × {height}"
        p.setFont(theme.font(TYPE.secondary, MEDIUM))
        chip = QRectF(box.left() + 8, box.top() + 8, p.fontMetrics().horizontalAdvance(words) + 14, 22)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(theme.color("panel"))
        p.drawRoundedRect(chip, 4, 4)
        p.setPen(theme.color("t1"))
        p.drawText(chip, Qt.AlignmentFlag.AlignCenter, words)


class Stretch(QWidget):
    """The voice with in and out point; both can be dragged.

    Signals:
        changed: in and out point, seconds.
    """

    changed = Signal(float, float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._peaks, self._seconds = np.zeros(0), 0.0
        self.first, self.last = 0.0, 0.0
        self._grip = ""
        self.setFixedSize(PREVIEW[0], 54)
        self.setAccessibleName("In and out point")
        theme.changed.connect(self.update)

    def show_sound(self, seconds: float, peaks: np.ndarray, first: float, last: float) -> None:
        self._seconds, self._peaks, self.first, self.last = seconds, peaks, first, last or seconds
        self.update()

    def paintEvent(self, event) -> None:
        theme, p, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(0.5, 0.5, self.width() - 1, 31)
        p.setPen(QPen(theme.color("line"), 1))
        p.setBrush(theme.color("field"))
        p.drawRoundedRect(box, 4, 4)
        left, right = self._x(self.first), self._x(self.last)
        if len(self._peaks):
            for x in range(4, self.width() - 4, 3):
                at = x / self.width()
                peak = float(self._peaks[min(len(self._peaks) - 1, int(at * len(self._peaks)))]) ** 0.5
                p.setPen(QPen(theme.color("wave" if left <= x <= right else "line2"), 2))
                p.drawLine(QPointF(x, 16 - 12 * peak - 0.5), QPointF(x, 16 + 12 * peak + 0.5))
        if self._seconds > 0:
            p.setPen(QPen(theme.color("acc"), 2))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(QRectF(left + 1, 1, max(4, right - left - 2), 30), 4, 4)
            p.setFont(theme.mono(TYPE.secondary))
            p.setPen(theme.color("t2"))
            words = QRectF(0, 36, self.width(), 18)
            p.drawText(words, flags.AlignLeft | flags.AlignVCenter, timecode(self.first)[3:])
            p.drawText(words, flags.AlignRight | flags.AlignVCenter, timecode(self.last)[3:])
            p.setFont(theme.font(TYPE.base, MEDIUM))
            p.setPen(theme.color("t1"))
            p.drawText(words, flags.AlignCenter, f"{self.last - self.first:.1f} s")
        else:
            p.setFont(theme.font(TYPE.secondary))
            p.setPen(theme.color("t3"))
            p.drawText(box, flags.AlignCenter, "The whole sound")

    def mousePressEvent(self, event) -> None:
        x = event.position().x()
        self._grip = "first" if abs(x - self._x(self.first)) < abs(x - self._x(self.last)) else "last"
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event) -> None:
        if self._seconds <= 0:
            return
        at = min(max(event.position().x() / self.width(), 0.0), 1.0) * self._seconds
        if self._grip == "first":
            self.first = min(at, self.last - 0.1)
        else:
            self.last = max(at, self.first + 0.1)
        self.update()
        self.changed.emit(self.first, self.last)

    def _x(self, seconds: float) -> float:
        return seconds / self._seconds * self.width() if self._seconds > 0 else 0.0


class SwitchRow(QAbstractButton):
    """A switch with what it does and one line of why."""

    def __init__(self, theme: Theme, name: str, why: str, is_on: bool) -> None:
        super().__init__()
        self._theme, self._name, self._why = theme, name, why
        self.setCheckable(True)
        self.setChecked(is_on)
        self.setFixedHeight(37)
        self.setAccessibleName(name)
        self.setAccessibleDescription(why)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self.update)

    def paintEvent(self, event) -> None:
        theme, p, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        on, enabled = self.isChecked(), self.isEnabled()
        track = QRectF(1, 3, 28, 16)
        p.setPen(QPen(theme.color("acc"), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
        p.setBrush(theme.color("fill" if on and enabled else "rail"))
        p.drawRoundedRect(track, 8, 8)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(theme.color("knob" if enabled else "dis"))
        p.drawEllipse(QPointF(track.right() - 8 if on else track.left() + 8, track.center().y()), 6, 6)
        p.setFont(theme.font(TYPE.base, MEDIUM))
        p.setPen(theme.color("t1" if enabled else "dis"))
        p.drawText(QRectF(38, 1, self.width() - 38, 18), flags.AlignVCenter, self._name)
        p.setFont(theme.font(TYPE.secondary))
        p.setPen(theme.color("t3" if enabled else "dis"))
        words = p.fontMetrics().elidedText(self._why, Qt.TextElideMode.ElideRight, self.width() - 40)
        p.drawText(QRectF(38, 18, self.width() - 38, 17), flags.AlignVCenter, words)


def facts(theme: Theme, rows: list[tuple[str, Words]]) -> QVBoxLayout:
    """Small rows of name and value."""
    column = QVBoxLayout()
    column.setSpacing(2)
    for name, value in rows:
        line = QHBoxLayout()
        label = Words(theme, name, TYPE.secondary, tone="t3")
        label.setFixedWidth(84)
        line.addWidget(label)
        line.addWidget(value, 1)
        column.addLayout(line)
    return column


def expected_mb(kind: ClipFormat, pixels: float) -> float:
    """Megabytes that so many pixels of a format take; 0 where that cannot be said."""
    return pixels * BITS_PER_PIXEL.get(kind.name, 0.0) / 8e6
