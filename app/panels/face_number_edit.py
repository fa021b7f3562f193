"""The field that opens over a slider's number to type a value or a sum; Enter keeps it, Esc gives the old one back."""

from collections.abc import Callable

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from app.panels.face_numbers import format_number, format_value, parse_number, parse_value
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from engine.errors import ControlError


class NumberEdit(QLineEdit):
    """One field, moved to whichever number is being typed.

    Args:
        keep: called with the typed value; step: called with -1 or 1 by the arrow keys.
    """

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFont(theme.font(TYPE.secondary))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setProperty("kind", "cell")
        self.setStyleSheet("QLineEdit { min-height: 16px; padding: 0px 4px; }")
        self.hide()
        self._keep: Callable[[float], None] | None = None
        self._unit = ""
        self.editingFinished.connect(self._on_finished)
        self.textEdited.connect(lambda _: self._mark(False))

    def open(
        self, rect: QRect, value: float, name: str, keep: Callable[[float], None], typed: str = "", unit: str = ""
    ) -> None:
        """Opens over a number; `typed` is the key that opened it, if it was one."""
        self._keep, self._unit = keep, unit
        self.setAccessibleName(name)
        self.setGeometry(rect)
        self.setText(typed or format_value(value, unit))
        self._mark(False)
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        if not typed:
            self.selectAll()

    def keyPressEvent(self, event) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._close()
            return
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._step(1 if event.key() == Qt.Key.Key_Up else -1, event.modifiers())
            return
        super().keyPressEvent(event)
        event.accept()  # Enter must not reach the row below, which would open the field again

    def _step(self, way: int, modifiers: Qt.KeyboardModifier) -> None:
        size = {"%": 1.0, "ms": 1.0}.get(self._unit, 0.01)
        size *= 0.1 if modifiers & Qt.KeyboardModifier.ShiftModifier else 1
        try:
            self.setText(format_number(parse_number(self.text().removesuffix("ms")) + way * size))
        except ControlError:
            self._mark(True)

    def _on_finished(self) -> None:
        if not self.isVisible() or self._keep is None:
            return
        try:
            value = parse_value(self.text(), self._unit)
        except ControlError as error:
            self._mark(True)
            self.setToolTip(str(error))
            if not self.hasFocus():
                self._close()
            return
        keep = self._keep
        self._close()
        keep(value)

    def _close(self) -> None:
        self._keep = None
        had_focus = self.hasFocus()
        self.hide()
        if had_focus and self.parentWidget() is not None:
            self.parentWidget().setFocus(Qt.FocusReason.OtherFocusReason)

    def _mark(self, is_invalid: bool) -> None:
        if self.property("invalid") != ("true" if is_invalid else "false"):
            self.setProperty("invalid", "true" if is_invalid else "false")
            self.style().unpolish(self)
            self.style().polish(self)
