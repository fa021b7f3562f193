"""A histogram with two handles that choose a range; in and out of it are told apart by colour."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import TYPE

N_BARS = 60
PLOT_HEIGHT, LABELS_HEIGHT = 72, 18
HANDLE_W, HANDLE_H, REACH = 7, 16, 10
STEP = 0.02


class Histogram(QWidget):
    """Counts over a linear or logarithmic axis.

    Args:
        low, high: ends of the axis; is_log: whether it is logarithmic.
        labels: value and words below the axis.

    Signals: `range_changed(low, high)`; an end of the axis stands for "no limit" as the axis' own value.
    """

    range_changed = Signal(float, float)

    def __init__(
        self, theme: Theme, name: str, low: float, high: float, is_log: bool, labels: list[tuple[float, str]],
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme, self._labels, self._is_log = theme, labels, is_log
        self._ends = (self._place(low), self._place(high))
        self.parts = [0.0, 1.0]
        self._counts = np.zeros(N_BARS)
        self.setAccessibleName(name)
        self.setFixedHeight(PLOT_HEIGHT + LABELS_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.plot = pg.PlotWidget(self)
        self.plot.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.hideAxis("left")
        self.plot.hideAxis("bottom")
        self.plot.getPlotItem().setContentsMargins(0, 0, 0, 0)
        self.plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._bars = pg.BarGraphItem(x=np.arange(N_BARS) + 0.5, height=self._counts, width=0.78)
        self.plot.addItem(self._bars)
        self.plot.setXRange(0, N_BARS, padding=0)
        self.handles = RangeHandles(theme, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, LABELS_HEIGHT)
        column.addWidget(self.plot)
        theme.changed.connect(self._recolor)
        self._recolor()

    @property
    def bounds(self) -> tuple[float, float]:
        """The chosen range in the axis' own units."""
        low, high = self._ends
        values = [low + (high - low) * part for part in self.parts]
        return tuple(10**v if self._is_log else v for v in values)

    def show_values(self, values: np.ndarray) -> None:
        """Counts them; what lies beyond the axis counts in its last bar."""
        places = np.clip(self._place(np.maximum(values, 1e-9)), self._ends[0], self._ends[1] - 1e-9)
        self._counts = np.histogram(places, N_BARS, self._ends)[0].astype(float)
        top = np.quantile(self._counts, 0.97) * 1.08 if self._counts.any() else 1.0
        self.plot.setYRange(0, max(top, 1.0), padding=0)
        self._recolor()

    def set_parts(self, low: float, high: float, tells: bool = True) -> None:
        """Moves the handles; parts of the axis, 0 to 1."""
        low, high = float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))
        self.parts = [min(low, high), max(low, high)]
        self._recolor()
        self.handles.update()
        if tells:
            self.range_changed.emit(*self.bounds)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setFont(self._theme.font(TYPE.secondary))
        painter.setPen(self._theme.color("t2"))
        top = PLOT_HEIGHT + 3
        for value, words in self._labels:
            part = (self._place(value) - self._ends[0]) / (self._ends[1] - self._ends[0])
            align = Qt.AlignmentFlag.AlignLeft if part < 0.1 else Qt.AlignmentFlag.AlignRight
            align = Qt.AlignmentFlag.AlignHCenter if 0.1 <= part <= 0.9 else align
            x = part * self.width()
            left = {Qt.AlignmentFlag.AlignLeft: 0, Qt.AlignmentFlag.AlignRight: self.width() - 100}.get(align, x - 50)
            painter.drawText(QRectF(left, top, 100, 15), align, words)

    def resizeEvent(self, event) -> None:
        self.handles.setGeometry(0, 0, self.width(), PLOT_HEIGHT)
        self.handles.raise_()

    def _place(self, value):
        return np.log10(value) if self._is_log else value

    def _recolor(self) -> None:
        theme = self._theme
        self.plot.setBackground(theme.color("field"))
        middle = (np.arange(N_BARS) + 0.5) / N_BARS
        inside = (middle >= self.parts[0]) & (middle <= self.parts[1])
        brushes = [theme.color("acc_bar" if on else "rail") for on in inside]
        self._bars.setOpts(height=self._counts, brushes=brushes, pen=None)
        self.update()


class RangeHandles(QWidget):
    """The two handles over a histogram: dragged, or moved by the arrows; Tab goes from one to the other."""

    def __init__(self, theme: Theme, histogram: Histogram) -> None:
        super().__init__(histogram)
        self._theme, self._histogram = theme, histogram
        self._held: int | None = None
        self._focused = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"{histogram.accessibleName()}, range")
        self.setToolTip("Drag a handle to show only what lies between the two; double-click shows all.")

    def x_of(self, which: int) -> float:
        """Where a handle stands, 0 the lower and 1 the upper."""
        room = self.width() - HANDLE_W
        return HANDLE_W / 2 + self._histogram.parts[which] * room

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for which in (0, 1):
            x = self.x_of(which)
            painter.setPen(QPen(theme.color("t2"), 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
            box = QRectF(x - HANDLE_W / 2, (self.height() - HANDLE_H) / 2, HANDLE_W, HANDLE_H)
            ring = self.hasFocus() and self._focused == which
            painter.setPen(QPen(theme.color("acc"), 2) if ring else QPen(theme.color("knob_edge"), 1))
            painter.setBrush(theme.color("knob"))
            painter.drawRoundedRect(box, 2, 2)

    def mousePressEvent(self, event) -> None:
        x = event.position().x()
        apart = [abs(x - self.x_of(which)) for which in (0, 1)]
        nearest = int(apart[1] < apart[0])
        if apart[nearest] <= REACH:
            self._held = self._focused = nearest
            self.update()

    def mouseMoveEvent(self, event) -> None:
        if self._held is not None:
            self._move(self._held, (event.position().x() - HANDLE_W / 2) / max(1, self.width() - HANDLE_W))

    def mouseReleaseEvent(self, event) -> None:
        self._held = None

    def mouseDoubleClickEvent(self, event) -> None:
        self._held = None
        self._histogram.set_parts(0.0, 1.0)

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}.get(event.key())
        if step is not None:
            self._move(self._focused, self._histogram.parts[self._focused] + step)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._focused = 1 - self._focused
            self.update()
        elif event.key() == Qt.Key.Key_Home:
            self._histogram.set_parts(0.0, 1.0)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event) -> None:
        self.update()

    def focusOutEvent(self, event) -> None:
        self.update()

    def _move(self, which: int, part: float) -> None:
        parts = list(self._histogram.parts)
        low, high = (0.0, parts[1]) if which == 0 else (parts[0], 1.0)
        parts[which] = float(np.clip(part, low, high))
        self._histogram.set_parts(*parts)
