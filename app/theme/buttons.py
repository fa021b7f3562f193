"""Small controls every panel uses: icon buttons with their tooltip, a row of segments, key caps, elided labels."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleValueChangeEvent, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QPushButton, QSizePolicy, QSpinBox, QToolButton, QWidget

from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, REGULAR, SIZES, TYPE


def tooltip(name: str, key: str = "", why: str = "") -> str:
    """A tooltip's words: name, key, then one line of why."""
    head = f"{name}  {key}" if key else name
    return f"{head}. {why}" if why else head


class IconButton(QToolButton):
    """A square button with one icon; its accessible name is the tooltip's first words."""

    def __init__(
        self, theme: Theme, icon: str, name: str, key: str = "", why: str = "", size: int = 28, icon_size: int = 18,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme, self._icon_name = theme, icon
        self.setFixedSize(size, size)
        self.setIconSize(QSize(icon_size, icon_size))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.describe(name, key, why)
        theme.changed.connect(self._refresh)
        self._refresh()

    def describe(self, name: str, key: str = "", why: str = "") -> None:
        self.setAccessibleName(name)
        self.setToolTip(tooltip(name, key, why))

    def set_icon(self, icon: str) -> None:
        if icon != self._icon_name:
            self._icon_name = icon
            self._refresh()

    def _refresh(self) -> None:
        self.setIcon(self._theme.icon(self._icon_name))


class TextButton(QPushButton):
    """A push button with words and, where it helps, an icon; `kind` as in the style sheet."""

    def __init__(
        self, theme: Theme, text: str, icon: str = "", kind: str = "", key: str = "", why: str = "",
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(f" {text}" if icon else text, parent)  # the style leaves too little room after an icon
        self._theme, self._icon_name, self._kind = theme, icon, kind
        self.setAccessibleName(text)
        self.setProperty("kind", kind)
        self.setFont(theme.font(TYPE.secondary if kind == "small" else TYPE.base, MEDIUM))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if key or why:
            self.setToolTip(tooltip(text, key, why))
        theme.changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        if self._icon_name:
            color = {"primary": "on_fill", "link": "acc"}.get(self._kind, "t1")
            self.setIcon(self._theme.icon(self._icon_name, color=color, hover=color, on="soft_text"))
            size = 14 if self._kind == "small" else 16
            self.setIconSize(QSize(size, size))


class Segments(QWidget):
    """A row of choices of which exactly one is chosen; arrows move the choice, `chosen` tells the id."""

    chosen = Signal(str)

    def __init__(
        self,
        theme: Theme,
        items: Sequence[tuple[str, str]],
        name: str,
        padding: int = 14,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme, self._items, self._padding = theme, list(items), padding
        self._current = self._items[0][0] if self._items else ""
        self._hovered: int | None = None
        self._tips: dict[str, str] = {}
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def current(self) -> str:
        return self._current

    def set_items(self, items: Sequence[tuple[str, str]]) -> None:
        """Other choices, of which none is chosen yet."""
        self._items, self._current, self._hovered, self._tips = list(items), "", None, {}
        self.updateGeometry()
        self.update()

    def set_current(self, item: str) -> None:
        """Shows another choice, or with "" none, without telling anyone."""
        if item != self._current:
            self._current = item
            self.update()
            QAccessible.updateAccessibility(QAccessibleValueChangeEvent(self, self.words))

    def set_tip(self, item: str, words: str) -> None:
        self._tips[item] = words

    @property
    def words(self) -> str:
        return dict(self._items).get(self._current, "")

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self._theme.font(TYPE.base, MEDIUM))
        width = sum(metrics.horizontalAdvance(label) + 2 * self._padding for _, label in self._items)
        return QSize(round(width) + 4, SIZES.button)

    minimumSizeHint = sizeHint

    def segment_rect(self, item: str) -> QRectF:
        """Where a choice stands, for tests and for pointing at it."""
        for (name, _), rect in zip(self._items, self._rects(), strict=True):
            if name == item:
                return rect
        raise KeyError(item)

    def _rects(self) -> list[QRectF]:
        metrics = QFontMetricsF(self._theme.font(TYPE.base, MEDIUM))
        widths = [metrics.horizontalAdvance(label) + 2 * self._padding for _, label in self._items]
        spare = (self.width() - 4 - sum(widths)) / max(1, len(widths))
        rects, x = [], 2.0
        for width in widths:
            rects.append(QRectF(x, 2, width + spare, self.height() - 4))
            x += width + spare
        return rects

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        enabled = self.isEnabled()
        ring = self.hasFocus()
        painter.setPen(QPen(theme.color("acc" if ring else "line"), 2 if ring else 1))
        painter.setBrush(theme.color("field"))
        inset = 1.0 if ring else 0.5
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), SIZES.radius, SIZES.radius)
        for i, ((item, label), rect) in enumerate(zip(self._items, self._rects(), strict=True)):
            is_current = item == self._current
            if is_current or (i == self._hovered and enabled):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color("chosen" if is_current and enabled else "hover"))
                painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
            token = "on_chosen" if is_current else "t1" if i == self._hovered else "t2"
            painter.setPen(theme.color(token if enabled else "dis"))
            painter.setFont(theme.font(TYPE.base, MEDIUM))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, label)

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            index = self._index_at(event.position())
            if index is not None:
                self._choose(index)

    def mouseMoveEvent(self, event) -> None:
        self._set_hovered(self._index_at(event.position()))

    def leaveEvent(self, event) -> None:
        self._set_hovered(None)

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}.get(event.key())
        if step is None:
            super().keyPressEvent(event)
            return
        names = [item for item, _ in self._items]
        at = names.index(self._current) if self._current in names else -1 if step > 0 else len(names)
        self._choose(min(max(at + step, 0), len(names) - 1))

    def changeEvent(self, event) -> None:
        if event.type() == QEvent.Type.EnabledChange:
            self.update()
        super().changeEvent(event)

    def _choose(self, index: int) -> None:
        item = self._items[index][0]
        if item != self._current:
            self.set_current(item)
            self.chosen.emit(item)

    def _index_at(self, position: QPointF) -> int | None:
        for i, rect in enumerate(self._rects()):
            if rect.contains(position):
                return i
        return None

    def _set_hovered(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.setToolTip(self._tips.get(self._items[index][0], "") if index is not None else "")
            self.update()


class SearchField(QLineEdit):
    """A field with a magnifier that says what it finds."""

    def __init__(self, theme: Theme, words: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFont(theme.font())
        self.setPlaceholderText(words)
        self.setAccessibleName(words)
        self.setClearButtonEnabled(True)
        self.setTextMargins(22, 0, 0, 0)
        theme.changed.connect(self.update)

    def paintEvent(self, event) -> None:
        super().paintEvent(event)
        draw_glyph(QPainter(self), QRectF(9, (self.height() - 16) / 2, 16, 16), "magnify", self._theme.color("t2"))


class NumberBox(QSpinBox):
    """A whole number with its unit: right-aligned, a real minus sign, the wheel only with the focus."""

    def __init__(self, theme: Theme, low: int, high: int, value: int, unit: str = "", width: int = 76) -> None:
        super().__init__()
        self.setFont(theme.font())
        self.setRange(low, high)
        self.setValue(value)
        self.setSuffix(unit if unit == "%" else f" {unit}" if unit else "")
        self.setFixedSize(width, SIZES.button)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.lineEdit().setTextMargins(4, 0, 5, 0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def textFromValue(self, value: int) -> str:
        return str(value).replace("-", "−")

    def valueFromText(self, text: str) -> int:
        return int(text.removesuffix(self.suffix()).strip().replace("−", "-") or 0)

    def validate(self, text: str, position: int):
        state, _, at = super().validate(text.replace("−", "-"), position)
        return state, text, at

    def wheelEvent(self, event) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class KeyCap(QLabel):
    """A key or chord as it stands on the keyboard."""

    def __init__(self, theme: Theme, keys: str, parent: QWidget | None = None) -> None:
        super().__init__(keys.replace("+", " "), parent)
        self.setProperty("kind", "key")
        self.setFont(theme.mono(TYPE.caption))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)


class Words(QLabel):
    """A label with the theme's font; `tone` as in the style sheet."""

    def __init__(
        self, theme: Theme, text: str = "", size: int = TYPE.base, weight: int = REGULAR, tone: str = "",
        wrap: bool = False, parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size, weight))
        self.setWordWrap(wrap)
        if tone:
            self.setProperty("tone", tone)

    def set_tone(self, tone: str) -> None:
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            self.style().unpolish(self)
            self.style().polish(self)


class ElidedWords(Words):
    """A label that shortens itself to its width: in the middle for files, at the end for the rest; tooltip in full."""

    def __init__(
        self, theme: Theme, text: str = "", size: int = TYPE.base, weight: int = REGULAR, tone: str = "",
        middle: bool = False, parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(theme, text, size, weight, tone, parent=parent)
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        metrics = self.fontMetrics()
        shown = metrics.elidedText(self.text(), self._mode, self.width())
        self.setToolTip(self.text() if shown != self.text() else "")
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), shown)


def rule(vertical: bool = False) -> QFrame:
    """A divider, one pixel."""
    line = QFrame()
    line.setProperty("role", "rule-v" if vertical else "rule")
    if vertical:
        line.setFixedWidth(1)
    else:
        line.setFixedHeight(1)
    return line
