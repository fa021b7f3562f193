"""What the keys page is made of: a row an action, a field that waits for keys, and what the mouse does."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeySequence, QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.theme.buttons import ElidedWords, IconButton, Words, rule
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE
from app.windows.actions import MOUSE, ActionSpec

MODIFIERS = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)
ROW, BAND, ACTION, FIELD = 34, 28, 190, 140
CAP, CAP_GAP = 18, 4
MOUSE_ICONS = {"Orbit": "orbit", "Pan": "hand-back-right-outline", "Zoom": "magnify", "Set pivot": "crosshairs-gps"}
WAITS = "Press the new keys"


class KeyRow(QWidget):
    """An action, its keys, whether they are the user's or clash, and a reset where they are the user's."""

    changed = Signal(str, object)

    def __init__(self, theme: Theme, spec: ActionSpec) -> None:
        super().__init__()
        self._theme, self._is_clashing = theme, False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        line = QHBoxLayout()
        line.setContentsMargins(12, 0, 8, 0)
        line.setSpacing(8)
        name = ElidedWords(theme, spec.text.removesuffix("…"))
        name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        name.setFixedWidth(ACTION - 20)
        line.addWidget(name)
        self.field = KeyField(theme)
        self.field.pressed_keys.connect(lambda keys: self.changed.emit(spec.name, [keys]))
        self.field.setAccessibleName(f"Keys of {spec.text}")
        line.addWidget(self.field)
        self._note = ElidedWords(theme, "", TYPE.secondary, tone="warn")
        line.addWidget(self._note, 1)
        self._chip = QLabel("Changed")
        self._chip.setProperty("kind", "chip-soft")
        self._chip.setFont(theme.font(TYPE.secondary, MEDIUM))
        self._chip.setFixedHeight(20)
        line.addWidget(self._chip)
        self._reset = IconButton(theme, "backup-restore", "Back to the preset's keys", size=24, icon_size=16)
        self._reset.clicked.connect(lambda: self.changed.emit(spec.name, []))
        line.addWidget(self._reset)
        column.addLayout(line)
        column.addWidget(rule())
        self.setFixedHeight(ROW)

    def show_keys(self, keys: tuple[str, ...], is_changed: bool, others: str) -> None:
        """`others` names the actions that have the same keys."""
        self.field.show_keys(keys[0] if keys else "")
        self._chip.setVisible(is_changed and not others)
        self._reset.setVisible(is_changed)
        self._note.setText(f"Also {others}" if others else "")
        if bool(others) != self._is_clashing:
            self._is_clashing = bool(others)
            self.update()

    def paintEvent(self, event) -> None:
        if self._is_clashing:
            QPainter(self).fillRect(self.rect().adjusted(0, 0, 0, -1), self._theme.color("warn_soft"))


class KeyField(QAbstractButton):
    """Shows keys as caps; pressed, it waits for the next ones. Esc leaves it as it was."""

    pressed_keys = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._keys, self._is_waiting = theme, "", False
        self.setFixedSize(FIELD, 26)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Click, then press the new keys.")
        self.clicked.connect(lambda: self._wait(True))
        theme.changed.connect(self.update)

    def show_keys(self, keys: str) -> None:
        self._keys = keys
        self._wait(False)

    def sizeHint(self) -> QSize:
        return QSize(FIELD, 26)

    def _wait(self, waiting: bool) -> None:
        self._is_waiting = waiting
        shown = QKeySequence(self._keys).toString(QKeySequence.SequenceFormat.NativeText) or "–"
        self.setText(WAITS if waiting else shown)
        if waiting:
            self.setFocus()
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._is_waiting or self.hasFocus() or self.underMouse():
            is_lit = self._is_waiting or self.hasFocus()
            painter.setPen(QPen(theme.color("acc" if is_lit else "line2"), 2 if is_lit else 1))
            painter.setBrush(theme.color("field"))
            inset = 1.0 if is_lit else 0.5
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 4, 4)
        left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        inside = QRectF(self.rect()).adjusted(7, 0, -4, 0)
        if self._is_waiting or not self._keys:
            painter.setFont(theme.font(TYPE.secondary))
            painter.setPen(theme.color("acc" if self._is_waiting else "t3"))
            painter.drawText(inside, left, self.text())
            return
        font = theme.mono(TYPE.caption, MEDIUM)
        painter.setFont(font)
        x = inside.left()
        for part in caps(self.text()):
            width = max(CAP, QFontMetricsF(font).horizontalAdvance(part) + 10)
            cap = QRectF(x + 0.5, (self.height() - CAP) / 2 + 0.5, width - 1, CAP - 1)
            painter.setPen(QPen(theme.color("line2"), 1))
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(cap, 3, 3)
            painter.setPen(theme.color("t1"))
            painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, part)
            x += width + CAP_GAP

    def event(self, event) -> bool:
        if self._is_waiting and event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            event.accept()
            if event.type() == QEvent.Type.KeyPress:
                self._take(event)
            return True
        return super().event(event)

    def focusOutEvent(self, event) -> None:
        self._wait(False)
        super().focusOutEvent(event)

    def _take(self, event) -> None:
        if event.key() in MODIFIERS or event.key() == Qt.Key.Key_unknown:
            return
        if event.key() == Qt.Key.Key_Escape:
            self._wait(False)
            return
        keys = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)
        self._wait(False)
        self.pressed_keys.emit(keys)


class Band(QWidget):
    """The heading of a section within the table."""

    def __init__(self, theme: Theme, words: str) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedHeight(BAND)
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 0, 12, 0)
        line.addWidget(Words(theme, words, TYPE.base, SEMIBOLD))

    def paintEvent(self, event) -> None:
        QPainter(self).fillRect(self.rect(), self._theme.color("head"))


class MouseColumn(QWidget):
    """What the mouse does, beside the keys."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedWidth(224)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 0, 0, 0)
        self._column.setSpacing(0)
        self._shown: tuple[tuple[str, str], ...] | None = None

    def show_mouse(self, viewport: tuple[tuple[str, str], ...]) -> None:
        if viewport == self._shown:
            return
        self._shown = viewport
        while self._column.count():
            item = self._column.takeAt(0)
            if item.widget() is not None:
                item.widget().deleteLater()
        self._add("Mouse in the viewport", viewport)
        self._column.addSpacing(10)
        self._column.addWidget(rule())
        self._column.addSpacing(10)
        sliders = tuple((name.removeprefix("Slider, ").capitalize(), how) for name, how in MOUSE if name != "Fly")
        self._add("Sliders", sliders)
        self._column.addStretch()

    def _add(self, title: str, rows: tuple[tuple[str, str], ...]) -> None:
        self._column.addWidget(Words(self._theme, title, TYPE.base, SEMIBOLD))
        self._column.addSpacing(4)
        for name, how in rows:
            row = QWidget()
            row.setFixedHeight(28)
            line = QHBoxLayout(row)
            line.setContentsMargins(0, 0, 0, 0)
            line.setSpacing(8)
            if name in MOUSE_ICONS:
                line.addWidget(Glyph(self._theme, MOUSE_ICONS[name]))
            line.addWidget(Words(self._theme, name))
            how_words = ElidedWords(self._theme, how, TYPE.secondary, tone="t2")
            how_words.setAlignment(Qt.AlignmentFlag.AlignRight)
            line.addWidget(how_words, 1)
            self._column.addWidget(row)


class Glyph(QWidget):
    """An icon of the set, 18 px."""

    def __init__(self, theme: Theme, icon: str, tone: str = "t2") -> None:
        super().__init__()
        self._theme, self._icon, self._tone = theme, icon, tone
        self.setFixedSize(18, 18)

    def paintEvent(self, event) -> None:
        draw_glyph(QPainter(self), QRectF(self.rect()), self._icon, self._theme.color(self._tone))


def caps(keys: str) -> list[str]:
    """`Ctrl+Shift++` as `Ctrl`, `Shift`, `+`."""
    parts = keys.split("+")
    if keys.endswith("+"):
        parts = [*keys[:-1].rstrip("+").split("+"), "+"]
    return [part for part in parts if part]
