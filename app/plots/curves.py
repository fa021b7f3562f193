"""A panel of curves: title, keys of the colours and tools in its head, below it the plot, its figures at the right."""

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.theme.buttons import Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, SIZES, TYPE


class CurvesPanel(QFrame):
    """What plots of several curves share; who shows something adds curves, keys and tools.

    Args:
        title: in the head. name: as screen readers say it.
        axis_width: of the figures at the right.

    Attributes:
        head: the line of the title; what is added stands right of it.
        column: below the head; the plot itself is placed by the subclass.
    """

    def __init__(self, theme: Theme, title: str, name: str, axis_width: int) -> None:
        super().__init__()
        self._theme = theme
        self._inks: list[tuple[object, str, float, float]] = []  # item, token, width, alpha
        self.setProperty("role", "panel")
        self.setAccessibleName(name)
        head = QWidget()
        head.setFixedHeight(SIZES.panel_head)
        self.head = QHBoxLayout(head)
        self.head.setContentsMargins(12, 0, 12, 0)
        self.head.setSpacing(12)
        self.title = Words(theme, title, TYPE.base, SEMIBOLD)
        self.head.addWidget(self.title)
        self.plot = pg.PlotWidget()
        self.plot.setFrameShape(QFrame.Shape.NoFrame)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.showAxis("right")
        self.plot.hideAxis("left")
        self.plot.getAxis("right").setWidth(axis_width)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 4)
        self.column.setSpacing(0)
        self.column.addWidget(head)
        self.column.addWidget(rule())
        theme.changed.connect(self._recolor)

    def add_curve(self, token: str, width: float, alpha: float = 1.0) -> pg.PlotDataItem:
        """A curve in a colour of the theme; curves added later lie above."""
        return self._inked(self.plot.plot([], [], antialias=True), token, width, alpha)

    def add_mark(self, token: str, width: float) -> pg.InfiniteLine:
        """An upright line."""
        mark = pg.InfiniteLine(angle=90)
        self.plot.addItem(mark)
        return self._inked(mark, token, width, 1.0)

    def _inked(self, item, token: str, width: float, alpha: float):
        self._inks.append((item, token, width, alpha))
        return item

    def _recolor(self) -> None:
        theme = self._theme
        self.plot.setBackground(theme.color("panel"))
        for item, token, width, alpha in self._inks:
            item.setPen(pg.mkPen(theme.color(token, alpha), width=width))
        for side in ("bottom", "right"):
            axis = self.plot.getAxis(side)
            axis.setPen(pg.mkPen(theme.color("line")))
            axis.setTextPen(pg.mkPen(theme.color("t2")))
            axis.setTickFont(theme.font(TYPE.caption))
        self.plot.showGrid(x=False, y=True, alpha=0.12)


class Key(QWidget):
    """A short line of a curve's colour and its name."""

    def __init__(self, theme: Theme, words: str, token: str) -> None:
        super().__init__()
        self._theme, self._words, self._token = theme, words, token
        self._font = theme.font(TYPE.secondary)
        self.setFixedSize(QFontMetrics(self._font).horizontalAdvance(words) + 20, 20)
        theme.changed.connect(self.update)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.fillRect(QRectF(0, 9, 12, 2), self._theme.color(self._token))
        painter.setFont(self._font)
        painter.setPen(self._theme.color("t2"))
        painter.drawText(QRectF(18, 0, self.width(), 20), Qt.AlignmentFlag.AlignVCenter, self._words)
