"""The panel's foot: how much of the drive lies inside the training range, and how firmly the guard keeps it there."""

import time

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleValueChangeEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.panels.face_number_edit import NumberEdit
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE

HEIGHT, FIELD_W, FIELD_H, BAR_H = 36, 46, 22, 6
TEXT_EVERY_S = 0.1
DRAG_PX = 3
WARN_BELOW, ERR_BELOW = 0.8, 0.5


class RangeGuardFoot(QWidget):
    """Signals: `guard_moved(0..1)` when the strength is dragged, typed or stepped."""

    guard_moved = Signal(float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._inside, self._said, self._said_at, self._guard = 1.0, 100, 0.0, 0.5
        self._pressed_x: float | None = None
        self._start, self._is_drag = 0.0, False
        self.setFixedHeight(HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Range guard")
        self.setToolTip(
            "Inside training range: how much of what the voice asks for the avatar has seen. "
            "Guard: how firmly the rest is drawn back. Drag, or click to type."
        )
        self.edit = NumberEdit(theme, self)
        theme.changed.connect(self.update)

    @property
    def percent(self) -> int:
        """The figure shown, at most ten times a second anew."""
        return self._said

    def show_inside(self, inside: float) -> None:
        inside = min(1.0, max(0.0, inside))
        moved = round(inside * self._bar().width()) != round(self._inside * self._bar().width())
        self._inside = inside
        now = time.perf_counter()
        if now - self._said_at >= TEXT_EVERY_S and round(inside * 100) != self._said:
            self._said, self._said_at = round(inside * 100), now
            self.update()
        elif moved:
            self.update(self._bar().adjusted(-2, -2, 2, 2).toRect())

    def show_guard(self, guard: float) -> None:
        if guard != self._guard:
            self._guard = guard
            self.update()
            QAccessible.updateAccessibility(QAccessibleValueChangeEvent(self, f"{round(guard * 100)} percent"))

    def field_rect(self) -> QRectF:
        return QRectF(self.width() - 10 - FIELD_W, (HEIGHT - FIELD_H) / 2 + 1, FIELD_W, FIELD_H)

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(0, 0, self.width(), 1, theme.color("line"))
        middle, right = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignRight
        whole = QRectF(0, 1, self.width(), HEIGHT - 1)
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t2"))
        painter.drawText(whole.adjusted(10, 0, 0, 0), middle, "Inside training range")
        bar = self._bar()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("rail"))
        painter.drawRoundedRect(bar, 2, 2)
        painter.setBrush(theme.color(self._tone()))
        painter.drawRoundedRect(QRectF(bar.x(), bar.y(), bar.width() * self._inside, bar.height()), 2, 2)
        painter.setFont(theme.font(TYPE.secondary, SEMIBOLD))
        painter.setPen(theme.color("t1"))
        percent = QRectF(bar.right() + 4, 1, 34, HEIGHT - 1)
        painter.drawText(percent, middle | right, f"{self._said}%")
        field = self.field_rect()
        painter.fillRect(QRectF(round(percent.right() + 8), 10, 1, 17), theme.color("line2"))
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t2"))
        painter.drawText(QRectF(percent.right() + 17, 1, 50, HEIGHT - 1), middle, "Guard")
        painter.setPen(QPen(theme.color("acc" if self.hasFocus() else "line"), 1))
        painter.setBrush(theme.color("field"))
        painter.drawRoundedRect(field.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t1"))
        painter.drawText(field.adjusted(0, 0, -6, 0), middle | right, f"{round(self._guard * 100)}%")

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.field_rect().contains(event.position()):
            self._pressed_x, self._start, self._is_drag = event.position().x(), self._guard, False

    def mouseMoveEvent(self, event) -> None:
        if self._pressed_x is None:
            return
        moved = event.position().x() - self._pressed_x
        if abs(moved) >= DRAG_PX or self._is_drag:
            self._is_drag = True
            self.guard_moved.emit(min(1.0, max(0.0, self._start + moved / 120)))

    def mouseReleaseEvent(self, event) -> None:
        if self._pressed_x is not None and not self._is_drag:
            self.open_edit()
        self._pressed_x = None

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: -0.05, Qt.Key.Key_Down: -0.05, Qt.Key.Key_Right: 0.05, Qt.Key.Key_Up: 0.05}.get(
            event.key()
        )
        if step is not None:
            self.guard_moved.emit(min(1.0, max(0.0, self._guard + step)))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_edit()
        else:
            super().keyPressEvent(event)

    def open_edit(self) -> None:
        """Opens the strength for typing, in percent."""
        keep = lambda value: self.guard_moved.emit(min(1.0, max(0.0, value / 100)))  # noqa: E731
        self.edit.open(self.field_rect().toRect(), round(self._guard * 100), "Guard, percent", keep)

    def _bar(self) -> QRectF:
        left = 124.0
        right = self.field_rect().left() - 94
        return QRectF(left, (HEIGHT - BAR_H) / 2 + 1, max(20.0, right - left), BAR_H)

    def _tone(self) -> str:
        return "err" if self._inside < ERR_BELOW else "warn" if self._inside < WARN_BELOW else "voice_bar"
