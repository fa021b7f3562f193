"""A dialog inside the window: a panel over the dimmed work area, with head, body and foot."""

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.theme.buttons import IconButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, SIZES, TYPE

SCRIM, SHADOW_STEPS = QColor(8, 9, 11, 140), 12
MARGIN = 24


class Sheet(QWidget):
    """Covers its host; Esc or the cross closes it, Tab stays inside.

    Args:
        host: the widget that is covered.
        size: wished width and height of the panel; the host's size less a margin is the most.
        with_head: False for a panel that brings its own.
    """

    closed = Signal()

    def __init__(self, theme: Theme, host: QWidget, title: str, size: tuple[int, int], with_head: bool = True) -> None:
        super().__init__(host)
        self._theme, self._host, self._size = theme, host, size
        self.setAccessibleName(title)
        self.panel = _Panel(theme, self)
        self._column = QVBoxLayout(self.panel)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        if with_head:
            head = QWidget()
            head.setFixedHeight(SIZES.dialog_head)
            line = QHBoxLayout(head)
            line.setContentsMargins(16, 0, 10, 0)
            line.addWidget(Words(theme, title, TYPE.dialog_title, SEMIBOLD))
            line.addStretch()
            self.close_button = IconButton(theme, "close", "Close", "Esc")
            self.close_button.clicked.connect(self.close)
            line.addWidget(self.close_button)
            self._column.addWidget(head)
            self._column.addWidget(rule())
        self.body = QWidget()
        self._column.addWidget(self.body, 1)
        self._returns_to: QWidget | None = None
        host.installEventFilter(self)

    def add_foot(self) -> QHBoxLayout:
        """A foot of 56 px for the buttons; returns its row."""
        self._column.addWidget(rule())
        foot = QWidget()
        foot.setFixedHeight(56)
        row = QHBoxLayout(foot)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(8)
        self._column.addWidget(foot)
        return row

    def open(self) -> None:
        """Covers the host and takes the focus."""
        self._returns_to = QApplication.focusWidget()
        self.setGeometry(self._host.rect())
        self.show()
        self.raise_()
        first = self._first_focus()
        (first or self).setFocus(Qt.FocusReason.OtherFocusReason)

    def _first_focus(self) -> QWidget | None:
        return None

    def closeEvent(self, event) -> None:
        self._host.removeEventFilter(self)
        self.closed.emit()
        if self._returns_to is not None and self._returns_to.isVisible():
            self._returns_to.setFocus()
        self.deleteLater()

    def eventFilter(self, watched, event) -> bool:
        if watched is self._host and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._host.rect())
        return False

    def resizeEvent(self, event) -> None:
        width = min(self._size[0], self.width() - 2 * MARGIN)
        wished = self._size[1] or self.panel.sizeHint().height()
        height = min(wished, self.height() - 2 * MARGIN)
        self.panel.setGeometry((self.width() - width) // 2, (self.height() - height) // 2, width, height)

    def keyPressEvent(self, event) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        # Nothing under the sheet hears a key.
        event.accept()

    def focusNextPrevChild(self, forward: bool) -> bool:
        inside = [
            widget for widget in self.panel.findChildren(QWidget)
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.isEnabled()
        ]  # fmt: skip
        if not inside:
            return True
        order = self._reading_order(inside)
        current = QApplication.focusWidget()
        index = order.index(current) if current in order else (-1 if forward else 0)
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        order[(index + (1 if forward else -1)) % len(order)].setFocus(reason)
        return True

    def _reading_order(self, widgets: list[QWidget]) -> list[QWidget]:
        order, widget = [], self.panel.nextInFocusChain()
        wanted = set(widgets)
        while widget is not self.panel and len(order) < len(wanted):
            if widget in wanted and widget not in order:
                order.append(widget)
            widget = widget.nextInFocusChain()
        return order

    def mousePressEvent(self, event) -> None:
        event.accept()

    def wheelEvent(self, event) -> None:
        event.accept()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), SCRIM)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        box = QRectF(self.panel.geometry())
        for step in range(SHADOW_STEPS, 0, -1):
            painter.setBrush(QColor(0, 0, 0, 9))
            painter.drawRoundedRect(box.adjusted(-step, -step + 6, step, step + 6), 10 + step, 10 + step)


class _Panel(QFrame):
    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        theme.changed.connect(self.update)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("line2"), 1))
        painter.setBrush(self._theme.color("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 10, 10)
