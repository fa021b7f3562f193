"""A group of the Face panel: its head with fold, count and chips of who drives it, and its rows."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleValueChangeEvent, QFontMetricsF, QPainter
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.panels.face_model import FaceModel
from app.panels.face_rows import ControlRows
from app.theme.buttons import tooltip
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE
from engine.controls import GROUPS

HEAD, CHIP, CHIP_PADDING, CHIP_ICON, CHIP_ICON_GAP, CHIP_RADIUS = 28, 20, 7, 13, 5, 4
DRAG_PX, CHIP_GAP = 3, 8
STRENGTH_PER_PX = 1 / 120
SOURCES = {
    # kind of source: (words, icon, ground, ink)
    "microphone": ("Voice", "microphone", "voice_soft", "voice"),
    "file": ("Sound", "waveform", "voice_soft", "voice"),
    "take": ("Take", "filmstrip", "take_soft", "take"),
    "external": ("Outside", "lan-connect", "raised", "ext"),
    "none": ("No voice", "microphone-off", "raised", "t2"),
    "idle": ("Idle", "sine-wave", "raised", "t2"),
}


class Chip(QWidget):
    """Who drives a group: icon, words and, where it has one, a strength that can be dragged.

    Signals: `clicked`; `strength_moved(0..1)` while dragged.
    """

    clicked = Signal()
    strength_moved = Signal(float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._words, self._icon, self._ground, self._ink = "", "", "raised", "t2"
        self.strength: float | None = None
        self._pressed_x: float | None = None
        self._start = 0.0
        self._is_drag = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def words(self) -> str:
        if self.strength is None:
            return self._words
        return f"{self._words} {round(self.strength * 100)}%"

    def show_source(self, words: str, icon: str, ground: str, ink: str, strength: float | None, why: str = "") -> None:
        before = (self.words, self._icon, self._ground, self._ink)
        self._words, self._icon, self._ground, self._ink, self.strength = words, icon, ground, ink, strength
        if (self.words, icon, ground, ink) == before:
            return
        self.setAccessibleName(self.words)
        self.setToolTip(tooltip(self.words, "", why))
        if strength is not None:
            self.setCursor(Qt.CursorShape.SizeHorCursor)
        QAccessible.updateAccessibility(QAccessibleValueChangeEvent(self, self.words))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self._font())
        icon = CHIP_ICON + CHIP_ICON_GAP if self._icon else 0
        return QSize(round(2 * CHIP_PADDING + icon + metrics.horizontalAdvance(self.words)), CHIP)

    minimumSizeHint = sizeHint

    def paintEvent(self, event) -> None:
        theme, painter, rect = self._theme, QPainter(self), QRectF(self.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(self._ground))
        painter.drawRoundedRect(rect, CHIP_RADIUS, CHIP_RADIUS)
        x = float(CHIP_PADDING)
        if self._icon:
            box = QRectF(x, (rect.height() - CHIP_ICON) / 2, CHIP_ICON, CHIP_ICON)
            draw_glyph(painter, box, self._icon, theme.color("t3"))
            x += CHIP_ICON + CHIP_ICON_GAP
        painter.setFont(self._font())
        painter.setPen(theme.color(self._ink))
        painter.drawText(rect.adjusted(x, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.words)
        if self.hasFocus():
            painter.setPen(theme.color("acc"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), CHIP_RADIUS, CHIP_RADIUS)

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed_x, self._is_drag = event.position().x(), False
            self._start = self.strength or 0.0

    def mouseMoveEvent(self, event) -> None:
        if self._pressed_x is None or self.strength is None:
            return
        moved = event.position().x() - self._pressed_x
        if abs(moved) >= DRAG_PX or self._is_drag:
            self._is_drag = True
            fine = 0.2 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            self.strength_moved.emit(min(1.0, max(0.0, self._start + moved * STRENGTH_PER_PX * fine)))

    def mouseReleaseEvent(self, event) -> None:
        if self._pressed_x is not None and not self._is_drag:
            self.clicked.emit()
        self._pressed_x = None

    def mouseDoubleClickEvent(self, event) -> None:
        if self.strength is not None:
            self.strength_moved.emit(1.0)

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: -0.05, Qt.Key.Key_Down: -0.05, Qt.Key.Key_Right: 0.05, Qt.Key.Key_Up: 0.05}.get(
            event.key()
        )
        if step is not None and self.strength is not None:
            self.strength_moved.emit(min(1.0, max(0.0, self.strength + step)))
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def _font(self):
        return self._theme.font(TYPE.secondary, MEDIUM)


class GroupHead(QWidget):
    """Chevron, title and count; a click folds. Chips stand on the right."""

    fold_toggled = Signal()

    def __init__(self, theme: Theme, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._title, self._count = theme, title, 0
        self._is_open = True
        self.setFixedHeight(HEAD)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, 8, 0)
        self._line.setSpacing(CHIP_GAP)
        self._line.addStretch()
        theme.changed.connect(self.update)
        self._say()

    def add_chip(self, chip: Chip) -> None:
        self._line.addWidget(chip)

    def set_count(self, count: int) -> None:
        self._count = count
        self._say()
        self.update()

    def set_open(self, is_open: bool) -> None:
        self._is_open = is_open
        self._say()
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        icon = "chevron-down" if self._is_open else "chevron-right"
        draw_glyph(painter, QRectF(6, (HEAD - 16) / 2, 16, 16), icon, theme.color("t3"))
        font = theme.font(TYPE.base, SEMIBOLD)
        painter.setFont(font)
        painter.setPen(theme.color("t1"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(26, 0, self.width(), HEAD), middle, self._title)
        x = 26 + QFontMetricsF(font).horizontalAdvance(self._title) + 7
        painter.setFont(theme.font(TYPE.base))
        painter.setPen(theme.color("t3"))
        painter.drawText(QRectF(x, 0, self.width(), HEAD), middle, str(self._count))
        if self.hasFocus():
            painter.setPen(theme.color("acc"))
            painter.drawRoundedRect(QRectF(2.5, 2.5, x + 20, HEAD - 5), 4, 4)

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.fold_toggled.emit()

    def keyPressEvent(self, event) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.fold_toggled.emit()
        else:
            super().keyPressEvent(event)

    def _say(self) -> None:
        self.setAccessibleName(f"{self._title}, {self._count} controls, {'open' if self._is_open else 'folded'}")


class ControlGroup(QWidget):
    """Head and rows of one group, kept in step with the model and with what drives it."""

    def __init__(self, model: FaceModel, theme: Theme, group: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model, self.group = model, group
        self.head = GroupHead(theme, GROUPS[group])
        self.rows = ControlRows(model, theme, group)
        self.source_chip, self.expression_chip = Chip(theme), Chip(theme)
        self.head.add_chip(self.source_chip)
        self.head.add_chip(self.expression_chip)
        self._source = "microphone"
        self._is_open, self._is_searched = True, False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 6)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self.rows)
        self.head.fold_toggled.connect(lambda: self.set_open(not self._is_open))
        self.source_chip.strength_moved.connect(lambda value: model.set_strength(group, value))
        self.source_chip.clicked.connect(self._on_chip_clicked)
        model.changed.connect(self.refresh)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def set_schema(self) -> None:
        self.rows.set_schema()
        self.head.set_count(len(self.rows.specs))
        self.setVisible(bool(self.rows.specs))
        self.refresh()

    def set_open(self, is_open: bool) -> None:
        self._is_open = is_open
        self.head.set_open(is_open or self._is_searched)
        self.rows.setVisible(is_open or self._is_searched)

    def set_filter(self, names: set[str] | None) -> None:
        """Shows only some rows, unfolded; a group without any goes away."""
        self._is_searched = names is not None
        self.rows.set_filter(names)
        self.head.set_count(self.rows.n_shown)
        self.setVisible(self.rows.n_shown > 0)
        self.set_open(self._is_open)

    def set_source(self, kind: str) -> None:
        """What the voice is now: microphone, file, take, external or none."""
        self._source = kind
        self.refresh()

    def refresh(self) -> None:
        """Writes the chips again."""
        model = self._model
        if self.group in ("lip", "expression"):
            words, icon, ground, ink = SOURCES.get(self._source, SOURCES["none"])
            why = "Drag to say how much of it reaches these controls; double-click for all of it."
            self.source_chip.show_source(words, icon, ground, ink, model.strength(self.group), why)
        else:
            words, icon, ground, ink = SOURCES["idle"]
            if not model.is_idle:
                words, ground, ink = "Still", "panel", "t3"
            why = "Blinks, small looks and breath of its own; click to switch it."
            self.source_chip.show_source(words, icon, ground, ink, None, why)
        active = model.blend.touches(self.group) if model.blend else []
        self.expression_chip.setVisible(bool(active))
        if active:
            words = active[0] if len(active) == 1 else f"{len(active)} expressions"
            self.expression_chip.show_source(words, "", "soft", "soft_text", None, "Expressions that are on now.")

    def _on_chip_clicked(self) -> None:
        if self.group not in ("lip", "expression"):
            self._model.set_idle(not self._model.is_idle)
