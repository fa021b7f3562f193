"""A switch: on or off."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.theme.buttons import tooltip
from app.theme.theme import Theme


class Switch(QAbstractButton):
    """On or off, 32 x 18."""

    def __init__(self, theme: Theme, name: str, why: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(name)
        self.setToolTip(tooltip(name, "", why))
        self.setFixedSize(QSize(34, 24))
        theme.changed.connect(self.update)

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(1, 3, 32, 18)
        painter.setPen(QPen(theme.color("acc"), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
        ground = "fill" if self.isChecked() else "line2"
        painter.setBrush(theme.color(ground if self.isEnabled() else "line"))
        painter.drawRoundedRect(body, 9, 9)
        painter.setPen(Qt.PenStyle.NoPen)
        knob = "on_fill" if self.isChecked() else "knob"
        painter.setBrush(theme.color(knob if self.isEnabled() else "dis"))
        x = body.right() - 16 if self.isChecked() else body.left() + 2
        painter.drawEllipse(QRectF(x, body.y() + 2, 14, 14))
