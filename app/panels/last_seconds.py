"""The button that keeps what was just said: an icon over its words, or the icon alone where room is short."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE

WIDE, TERSE, HEIGHT = 62, 36, 44


class LastSecondsButton(QAbstractButton):
    """The words "Last 30 s" under the history icon, 62 x 44."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._terse = theme, False
        self.setFixedSize(WIDE, HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Save the last 30 s")
        theme.changed.connect(self.update)

    def set_terse(self, terse: bool) -> None:
        self._terse = terse
        self.setFixedSize(TERSE if terse else WIDE, HEIGHT)

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        enabled, focused = self.isEnabled(), self.hasFocus()
        painter.setPen(QPen(theme.color("acc" if focused else "line"), 2 if focused else 1))
        ground = "press" if self.isDown() else "hover" if self.underMouse() and enabled else "panel"
        painter.setBrush(theme.color(ground))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        top = 13 if self._terse else 6
        icon = QRectF((self.width() - 18) / 2, top, 18, 18)
        draw_glyph(painter, icon, "history", theme.color("t2" if enabled else "dis"))
        if not self._terse:
            painter.setFont(theme.font(TYPE.secondary, MEDIUM))
            painter.setPen(theme.color("t2" if enabled else "dis"))
            painter.drawText(QRectF(0, 24, self.width(), 15), Qt.AlignmentFlag.AlignCenter, "Last 30 s")

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)
