"""Keys that hold and tap expressions: seen before any widget, left alone while text is typed.

A widget that needs one of these keys itself while it has the focus names it in its property `own_keys`.
"""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit, QWidget
from shiboken6 import isValid

from app.panels.face_player import ExpressionPlayer
from app.panels.presets import STORE_KEYS, Expression

TYPED_INTO = (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox, QComboBox)
REST_KEY = Qt.Key.Key_QuoteLeft


class ExpressionKeys(QObject):
    """Watches the keys of a window and plays the expressions they belong to.

    Args:
        store: called with a function key that Shift was held with, to store the face there.
    """

    def __init__(self, player: ExpressionPlayer, store, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player, self._store = player, store
        self._names: dict[int, str] = {}
        self._rest_name: str | None = None
        self._window = None
        self._held: set[int] = set()

    def set_expressions(self, expressions: list[Expression]) -> None:
        self._names = {}
        for expression in expressions:
            combination = QKeySequence(expression.key)
            if expression.key and combination.count() == 1 and not combination[0].keyboardModifiers():
                self._names[combination[0].key()] = expression.name
        self._rest_name = next((e.name for e in expressions if e.tap == "reset"), None)

    def watch(self, widget: QWidget) -> None:
        """Watches the window a widget is in."""
        window = widget.window().windowHandle()
        if window is self._window:
            return
        self.stop()
        self._window = window
        if window is not None:
            window.installEventFilter(self)

    def stop(self) -> None:
        if self._window is not None and isValid(self._window):  # the system may make a window's handle anew
            self._window.removeEventFilter(self)
        self._window = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.KeyPress:
            return self._on_press(event)
        if kind == QEvent.Type.KeyRelease:
            return self._on_release(event)
        if kind == QEvent.Type.FocusOut:
            self._let_go()
        return False

    def _on_press(self, event) -> bool:
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        name = self._name_of(key)
        if modifiers == Qt.KeyboardModifier.ShiftModifier and QKeySequence(key).toString() in STORE_KEYS:
            if not event.isAutoRepeat():
                self._store(QKeySequence(key).toString())
            return True
        if name is None or modifiers or self._belongs_to_focus(key):
            return False
        if not event.isAutoRepeat():
            self._held.add(key)
            self._player.press(name)
        return True

    def _on_release(self, event) -> bool:
        if event.key() not in self._held:
            return False
        if not event.isAutoRepeat():
            self._held.discard(event.key())
            name = self._name_of(event.key())
            if name is not None:
                self._player.release(name)
        return True

    def _let_go(self) -> None:
        """The window lost the keyboard, so no release will come."""
        for key in list(self._held):
            self._held.discard(key)
            name = self._name_of(key)
            if name is not None:
                self._player.release(name)

    def _name_of(self, key: int) -> str | None:
        return self._rest_name if key == REST_KEY else self._names.get(key)

    @staticmethod
    def _belongs_to_focus(key: int) -> bool:
        focus = QApplication.focusWidget()
        if focus is None:
            return False
        if QKeySequence(key).toString() in str(focus.property("own_keys") or "").split():
            return True
        is_function = Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35
        return not is_function and isinstance(focus, TYPED_INTO)
