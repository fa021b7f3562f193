"""The tree of regions: name, how many splats, and an eye; click selects, the eye takes it out of the picture."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE
from engine.inspection.facts import REGIONS

ROW, INDENT, EYE_W, COUNT_GAP = 25, 12, 36, 8


@dataclass(frozen=True)
class Row:
    path: str
    depth: int
    has_children: bool

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


class RegionTree(QWidget):
    """Painted in one widget.

    Signals: `chosen(path, how)` with how replace, add or subtract; `eye_toggled(path, hidden)`.
    """

    chosen = Signal(str, str)
    eye_toggled = Signal(str, bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._counts: dict[str, int] = {}
        self._open = {"Head", "Head/Mouth"}
        self._hidden: frozenset[str] = frozenset()
        self._filter = ""
        self._hovered = -1
        self.current: str | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Regions")
        theme.changed.connect(self.update)
        self._refit()

    def show_counts(self, counts: dict[str, int]) -> None:
        """Splats by path; empty while nothing is known."""
        self._counts = counts
        self._refit()

    def show_hidden(self, paths: frozenset[str]) -> None:
        self._hidden = paths
        self.update()

    def set_filter(self, words: str) -> None:
        """Only regions whose name has the words, all branches open."""
        self._filter = words.strip().casefold()
        self._refit()

    @property
    def rows(self) -> list[Row]:
        paths: list[str] = []
        for leaf in REGIONS:
            parts = leaf.split("/")
            for depth in range(len(parts)):
                path = "/".join(parts[: depth + 1])
                if path not in paths:
                    paths.append(path)
        rows = [Row(p, p.count("/"), any(q.startswith(f"{p}/") for q in paths)) for p in paths]
        if self._filter:
            return [row for row in rows if self._filter in row.name.casefold()]
        return [row for row in rows if all(up in self._open for up in _above(row.path))]

    def rect_of(self, path: str) -> QRectF:
        """Where a region's row stands."""
        index = next(i for i, row in enumerate(self.rows) if row.path == path)
        return QRectF(0, index * ROW, self.width(), ROW)

    def sizeHint(self) -> QSize:
        return QSize(200, ROW * len(self.rows))

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = Qt.AlignmentFlag.AlignVCenter
        for index, row in enumerate(self.rows):
            rect = QRectF(0, index * ROW, self.width(), ROW)
            is_current, is_hidden = row.path == self.current, self._is_hidden(row.path)
            if is_current or index == self._hovered:
                painter.fillRect(rect, theme.color("soft" if is_current else "head"))
            if is_current and self.hasFocus():
                painter.setPen(QPen(theme.color("acc"), 2))
                painter.drawRect(rect.adjusted(1, 1, -1, -1))
            x = 8.0 + row.depth * INDENT
            if row.has_children and not self._filter:
                icon = "chevron-down" if row.path in self._open else "chevron-right"
                draw_glyph(painter, QRectF(x, rect.y() + 4.5, 16, 16), icon, theme.color("t3"))
            painter.setFont(theme.font(TYPE.base, MEDIUM if row.depth == 0 else 400))
            tone = "t3" if is_hidden else "soft_text" if is_current else "t1"
            painter.setPen(theme.color(tone))
            x += 20
            count = f"{self._counts[row.path]:,}" if row.path in self._counts else "–"
            taken = painter.fontMetrics().horizontalAdvance(count) + COUNT_GAP
            room = QRectF(x, rect.y(), rect.width() - x - EYE_W - taken, ROW)
            name = painter.fontMetrics().elidedText(row.name, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, middle, name)
            painter.setPen(theme.color("soft_text" if is_current else "t3"))
            painter.setFont(theme.font(TYPE.base))
            painter.drawText(
                QRectF(0, rect.y(), rect.width() - EYE_W - 2, ROW), middle | Qt.AlignmentFlag.AlignRight, count
            )
            eye = QRectF(rect.right() - EYE_W + 7, rect.y() + 5, 15, 15)
            draw_glyph(painter, eye, "eye-off-outline" if is_hidden else "eye-outline",
                       theme.color("t3" if is_hidden else "t2"))  # fmt: skip

    def mousePressEvent(self, event) -> None:
        row = self._row_at(event.position().y())
        if row is None or event.button() != Qt.MouseButton.LeftButton:
            return
        if event.position().x() > self.width() - EYE_W:
            self.eye_toggled.emit(row.path, not self._is_hidden(row.path))
        elif row.has_children and event.position().x() < 26 + row.depth * INDENT and not self._filter:
            self._toggle(row.path)
        else:
            self._choose(row, event.modifiers())

    def mouseDoubleClickEvent(self, event) -> None:
        row = self._row_at(event.position().y())
        if row is not None and row.has_children and event.position().x() < self.width() - EYE_W:
            self._toggle(row.path)

    def mouseMoveEvent(self, event) -> None:
        self._hovered = int(event.position().y() // ROW)
        row = self._row_at(event.position().y())
        on_eye = row is not None and event.position().x() > self.width() - EYE_W
        self.setToolTip("" if row is None else "Show or hide in the picture. Nothing is edited." if on_eye
                        else f"{row.name}. Click selects its splats; Shift adds, Alt takes away.")  # fmt: skip
        self.update()

    def leaveEvent(self, event) -> None:
        self._hovered = -1
        self.update()

    def keyPressEvent(self, event) -> None:
        rows, key = self.rows, event.key()
        index = next((i for i, row in enumerate(rows) if row.path == self.current), 0)
        row = rows[index] if rows else None
        if row is None:
            return
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if key == Qt.Key.Key_Down else -1
            self.current = rows[min(max(index + step, 0), len(rows) - 1)].path
            self.update()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and row.has_children:
            if (row.path in self._open) == (key == Qt.Key.Key_Left):
                self._toggle(row.path)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(row, event.modifiers())
        elif key == Qt.Key.Key_Space:
            self.eye_toggled.emit(row.path, not self._is_hidden(row.path))
        else:
            super().keyPressEvent(event)
            return
        self.setAccessibleDescription(f"{self.current}, {self._counts.get(self.current or '', 0):,} splats")

    def focusInEvent(self, event) -> None:
        self.current = self.current or "Head"
        self.update()

    def focusOutEvent(self, event) -> None:
        self.update()

    def _choose(self, row: Row, modifiers) -> None:
        self.current = row.path
        self.update()
        self.chosen.emit(row.path, how_of(modifiers))

    def _toggle(self, path: str) -> None:
        self._open ^= {path}
        self._refit()

    def _is_hidden(self, path: str) -> bool:
        return any(p in self._hidden for p in (path, *_above(path)))

    def _row_at(self, y: float) -> Row | None:
        rows = self.rows
        index = int(y // ROW)
        return rows[index] if 0 <= index < len(rows) else None

    def _refit(self) -> None:
        self.setFixedHeight(ROW * max(1, len(self.rows)))
        self.updateGeometry()
        self.update()


def how_of(modifiers: Qt.KeyboardModifier) -> str:
    """How a selection joins the one before: Shift adds, Alt takes away."""
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        return "add"
    return "subtract" if modifiers & Qt.KeyboardModifier.AltModifier else "replace"


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]
