"""The painted part of the timeline: ruler, waveform, lip curves and the playhead."""

from itertools import pairwise

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.theme import Theme
from app.theme.tokens import TYPE
from app.timeline.track import RATE_HZ, Excerpt

HEADER, RULER = 72, 20
HEAD_LANE = 22
MIN_ZOOM, MAX_ZOOM, USUAL_ZOOM = 15.0, 240.0, 60.0
"""Pixels a second."""
TICK_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
PAGE_AT, PAGE_TO = 0.92, 0.12
"""The playhead turns the page when it reaches this part of the width, and then stands at that one."""


class Strip(QWidget):
    """Lanes of one track over a stretch of time; the playhead sweeps and turns pages."""

    scrubbed = Signal(float)
    zoomed = Signal(float)

    def __init__(self, theme: Theme, with_lanes: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._with_lanes = theme, with_lanes
        self._track = None
        self._start = 0.0
        self._playhead = 0.0
        self._zoom = USUAL_ZOOM
        self._is_recording = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(60)
        self.setAccessibleName("Timeline")
        theme.changed.connect(self.update)

    @property
    def zoom(self) -> float:
        return self._zoom

    @property
    def playhead(self) -> float:
        return self._playhead

    @property
    def visible_seconds(self) -> tuple[float, float]:
        """First and last time shown."""
        return self._start, self._start + self._lane_width() / self._zoom

    def show_track(self, track) -> None:
        """Draws a `LiveTrack` or a `TakeTrack`, from its beginning."""
        self._track = track
        self._start = self._playhead = 0.0
        self.update()

    def show_recording(self, is_recording: bool) -> None:
        self._is_recording = is_recording
        self.update()

    def set_zoom(self, zoom: float) -> None:
        zoom = min(max(zoom, MIN_ZOOM), MAX_ZOOM)
        if zoom == self._zoom:
            return
        at = self._x(self._playhead) - self._left()
        self._zoom = zoom
        self._start = max(0.0, self._playhead - min(max(at, 0), self._lane_width()) / zoom)
        self.update()
        self.zoomed.emit(zoom)

    def move_playhead(self, seconds: float) -> None:
        """Puts the playhead to a time and repaints no more than what changed."""
        before = self._x(self._playhead)
        self._playhead = seconds
        first, last = self.visible_seconds
        span = last - first
        if seconds < first or seconds > first + PAGE_AT * span:
            self._start = max(0.0, seconds - PAGE_TO * span)
            self.update()
            return
        after = self._x(seconds)
        left, right = min(before, after), max(before, after)
        slack = 44 + self._zoom / RATE_HZ  # the flag and the label it hides
        self.update(QRect(int(left - slack), 0, int(right - left + 2 * slack) + 2, self.height()))

    def scroll_to(self, seconds: float) -> None:
        self._start = max(0.0, seconds)
        self.update()

    # Geometry

    def _left(self) -> float:
        return HEADER if self._with_lanes else 0.0

    def _lane_width(self) -> float:
        return max(1.0, self.width() - self._left() - (12 if self._with_lanes else 0))

    def _x(self, seconds):
        """Where a time, or each of an array, stands."""
        return self._left() + (seconds - self._start) * self._zoom

    def _time(self, x: float) -> float:
        return max(0.0, self._start + (x - self._left()) / self._zoom)

    def _lanes(self) -> tuple[QRectF, QRectF | None, QRectF | None]:
        """Voice, lips, and head where something moves it by itself."""
        if not self._with_lanes:
            return QRectF(0, 0, self.width(), self.height()), None, None
        has_head = self._track is not None and self._track.has_head
        below = self.height() - RULER - (HEAD_LANE if has_head else 0)
        voice = min(50.0, below * 0.54) if below < 140 else 50.0
        head = QRectF(0, RULER + voice, self.width(), HEAD_LANE) if has_head else None
        top = RULER + voice + (HEAD_LANE if has_head else 0)
        return QRectF(0, RULER, self.width(), voice), QRectF(0, top, self.width(), below - voice), head

    # Painting

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(event.rect())
        voice, lips, head = self._lanes()
        dirty = event.rect()
        if self._with_lanes:
            self._paint_frame(painter, voice, lips, head)
        first = max(self._start, self._time(dirty.left() - 4))
        last = self._time(dirty.right() + 4)
        painter.save()
        painter.setClipRect(dirty.intersected(QRect(int(self._left()), 0, int(self._lane_width()) + 1, self.height())))
        if self._is_recording:
            width = max(0.0, self._x(self._playhead) - self._left())
            painter.fillRect(QRectF(self._left(), voice.top(), width, self.height() - voice.top()),
                             theme.color("rec_soft", 0.55))  # fmt: skip
        if self._track is not None and last > first:
            excerpt = self._track.excerpt(first - 1 / RATE_HZ, last + 1 / RATE_HZ)
            self._paint_voice(painter, voice, excerpt)
            if lips is not None:
                self._paint_lips(painter, lips, excerpt)
            if head is not None:
                self._paint_head(painter, head, first, last)
        painter.restore()
        if self._with_lanes:
            self._paint_ruler(painter, first, last)
        self._paint_playhead(painter)

    def _paint_frame(self, painter: QPainter, voice: QRectF, lips: QRectF | None, head: QRectF | None) -> None:
        theme, flags = self._theme, Qt.AlignmentFlag
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawLine(QPointF(HEADER - 0.5, 0), QPointF(HEADER - 0.5, self.height()))
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t2"))
        for name, lane in (("Voice", voice), ("Lips", lips), ("Head", head)):
            if lane is not None:
                painter.drawText(QRectF(12, lane.top(), HEADER - 16, lane.height()), flags.AlignVCenter, name)

    def _paint_ruler(self, painter: QPainter, first: float, last: float) -> None:
        theme, flags = self._theme, Qt.AlignmentFlag
        step = next((s for s in TICK_STEPS if s * self._zoom >= 90), TICK_STEPS[-1])
        painter.setFont(theme.font(TYPE.caption))
        index = max(0, int((first - step) / step * 2))
        while index * step / 2 <= last + step:
            seconds = index * step / 2
            x, is_major = round(self._x(seconds)) + 0.5, index % 2 == 0
            if x >= HEADER and x <= self.width() - 12:
                painter.setPen(QPen(theme.color("line2"), 1))
                painter.drawLine(QPointF(x, RULER - (8 if is_major else 4)), QPointF(x, RULER - 0.5))
                is_under_flag = -6 < self._x(self._playhead) - x < 36
                if is_major and x + 34 < self.width() and not (is_under_flag and self._playhead > 0):
                    painter.setPen(theme.color("t3"))
                    painter.drawText(QRectF(x + 4, 1, 60, RULER - 4), flags.AlignVCenter, ruler_text(seconds))
            index += 1

    def _paint_voice(self, painter: QPainter, lane: QRectF, excerpt: Excerpt) -> None:
        n = len(excerpt.loudness)
        if not n:
            return
        step = self._zoom / RATE_HZ
        group = max(1, round(3 / step)) if step < 3 else 1
        width = min(max(step * group - 1, 1.0), 3.0)
        middle, reach = lane.center().y(), lane.height() / 2 - (4 if self._with_lanes else 5)
        painter.setPen(QPen(self._theme.color("rec" if self._is_recording else "wave"), width,
                            c=Qt.PenCapStyle.FlatCap))  # fmt: skip
        offset = round(excerpt.start * RATE_HZ) % group
        first = np.arange((group - offset) % group, n, group)
        if not len(first):
            return
        height = np.maximum(0.75, np.maximum.reduceat(excerpt.loudness, first) * reach)
        x = (self._x(excerpt.start + first / RATE_HZ) + width / 2).tolist()
        painter.drawLines(list(map(QLineF, x, (middle - height).tolist(), x, (middle + height).tolist())))

    def _paint_lips(self, painter: QPainter, lane: QRectF, excerpt: Excerpt) -> None:
        base, reach = lane.center().y(), lane.height() / 2 - 4
        for values, token in ((excerpt.result, "acc_bar"), (excerpt.driven, "voice_bar")):
            painter.setPen(QPen(self._theme.color(token), 1.5))
            x = self._x(excerpt.start + (np.arange(len(values)) + 0.5) / RATE_HZ).tolist()
            y = (base - np.asarray(values, np.float64) * reach).tolist()
            ends = [-1, *np.flatnonzero(np.isnan(values)).tolist(), len(values)]
            for before, after in pairwise(ends):  # between two gaps
                if after - before > 2:
                    painter.drawPolyline(QPolygonF(list(map(QPointF, x[before + 1 : after], y[before + 1 : after]))))

    def _paint_head(self, painter: QPainter, lane: QRectF, first: float, last: float) -> None:
        """A cell for each unit of head motion with its name, which is left out where it does not fit."""
        theme = self._theme
        font = theme.font(TYPE.caption)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        for start, end, name in self._track.head_units(first, last):
            cell = QRectF(self._x(start) + 0.5, lane.top() + 2, max(2.0, (end - start) * self._zoom - 2),
                          lane.height() - 4)  # fmt: skip
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("voice_soft"))
            painter.drawRoundedRect(cell, 3, 3)
            if metrics.horizontalAdvance(name) + 8 <= cell.width():
                painter.setPen(theme.color("voice"))
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, name)

    def _paint_playhead(self, painter: QPainter) -> None:
        x = round(self._x(self._playhead)) + 0.5
        if x < self._left() or self._track is None:
            return
        color = self._theme.color("rec" if self._is_recording else "t1")
        painter.setPen(QPen(color, 1))
        top = 6.0 if self._with_lanes else 4.0
        bottom = float(self.height()) if self._with_lanes else self.height() - 4.0
        painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        if self._with_lanes:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            flag = [(-6, 5), (6, 5), (6, 13), (0, 19), (-6, 13)]
            painter.drawPolygon(QPolygonF([QPointF(x + dx, dy) for dx, dy in flag]))

    # Mouse

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton and event.position().x() >= self._left():
            self.scrubbed.emit(self._time(event.position().x()))

    def mouseMoveEvent(self, event) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.scrubbed.emit(self._time(event.position().x()))

    def wheelEvent(self, event) -> None:
        steps = event.angleDelta().y() / 120
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self._zoom * 1.25**steps)
        else:
            self.scroll_to(self._start - steps * 40 / self._zoom)
        event.accept()


def ruler_text(seconds: float) -> str:
    """`0:04`, `12:00`; halves of a second as `0:04.5`."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{int(rest):02}" + (f".{int(rest * 10 % 10)}" if rest % 1 else "")


def timecode(seconds: float) -> str:
    """`00:00:12.40`: hours, minutes, seconds, hundredths, cut."""
    hundredths = int(seconds * 100 + 1e-6)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 100:02}.{rest % 100:02}"
