"""The takes of the library: a row each with picture, length, name, when and with whom, and five stars."""

from datetime import date
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QMenu, QSizePolicy, QVBoxLayout, QWidget

from app.panels.library_avatars import covering_part
from app.panels.library_files import TakeEntry, length_text
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE

ROW = 52
PICTURE = QRectF(12, 6, 60, 40)
TEXT_X, STAR_SIZE, STAR_STEP, STAR_Y = 80, 12, 13, 36
N_STARS = 5
LENGTH_GROUND, LENGTH_TEXT = QColor(15, 17, 20, 217), QColor("#FFFFFF")
"""Over a picture, the same in both themes."""


class TakeRow(QAbstractButton):
    """One take; stars are clicked in place, F2 or a double-click renames."""

    rated = Signal(int)
    renamed = Signal(str)
    opened = Signal()
    menu_wanted = Signal(object)
    moved = Signal(int)

    def __init__(self, theme: Theme, entry: TakeEntry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self.entry = theme, entry
        self._picture = QPixmap()
        self.show_picture(entry.thumbnail)
        self._meta = entry.meta(date.today())
        self._hovered_star = -1
        self._editor: QLineEdit | None = None
        self.setCheckable(True)
        self.setFixedHeight(ROW)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(120)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setProperty("own_keys", "F2")  # before the expression that lies on it
        self.setToolTip(f"{entry.name}. {self._meta}")
        stars = f"{entry.rating} of 5 stars" if entry.rating else "not rated"
        self.setAccessibleName(f"{entry.name}, {length_text(entry.seconds)}, {self._meta}, {stars}")
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(232, ROW)

    def show_picture(self, png: bytes) -> None:
        self._picture.loadFromData(png)
        self.update()

    def star_at(self, position: QPointF) -> int:
        """Which star (1 to 5) lies under a point; 0 for none."""
        if not STAR_Y - 4 <= position.y() <= STAR_Y + STAR_SIZE + 2:
            return 0
        star = int((position.x() - TEXT_X) // STAR_STEP) + 1
        return star if 1 <= star <= N_STARS and position.x() >= TEXT_X else 0

    def rename(self) -> None:
        """Opens the name for editing; Enter keeps it, Esc does not."""
        if self._editor is not None:
            return
        editor = self._editor = QLineEdit(self.entry.name, self)
        editor.setGeometry(TEXT_X - 8, 3, self.width() - TEXT_X - 2, 24)
        editor.setFont(self._theme.font(TYPE.base, MEDIUM))
        editor.setAccessibleName("Name of the take")
        editor.setMaxLength(120)
        editor.editingFinished.connect(self._finish_renaming)
        editor.installEventFilter(self)
        editor.selectAll()
        editor.show()
        editor.setFocus()

    def eventFilter(self, watched, event) -> bool:
        if watched is self._editor and event.type() == event.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            editor, self._editor = self._editor, None
            editor.deleteLater()
            self.setFocus()
            return True
        return False

    def _finish_renaming(self) -> None:
        if self._editor is None:
            return
        editor, self._editor = self._editor, None
        name = editor.text().strip()
        editor.deleteLater()
        if name and name != self.entry.name:
            self.renamed.emit(name)

    def mousePressEvent(self, event) -> None:
        star = self.star_at(event.position())
        if star and event.button() == Qt.MouseButton.LeftButton:
            self.rated.emit(0 if star == self.entry.rating else star)
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event) -> None:
        star = self.star_at(event.position())
        if star != self._hovered_star:
            self._hovered_star = star
            self.update()
        super().mouseMoveEvent(event)

    def leaveEvent(self, event) -> None:
        self._hovered_star = 0
        self.update()
        super().leaveEvent(event)

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def mouseDoubleClickEvent(self, event) -> None:
        if not self.star_at(event.position()):
            self.rename() if event.position().x() > TEXT_X else self.opened.emit()

    def keyPressEvent(self, event) -> None:
        if event.key() == Qt.Key.Key_F2:
            self.rename()
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.moved.emit(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event) -> None:
        self.menu_wanted.emit(event.globalPos())

    def paintEvent(self, event) -> None:
        theme, painter, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        ground = QRectF(self.rect()).adjusted(4, 0.5, -4, -0.5)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("soft" if self.isChecked() else "head"))
            painter.drawRoundedRect(ground, 4, 4)
        if self.hasFocus() and not self.isChecked():
            painter.setPen(QPen(theme.color("acc"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(ground.adjusted(1, 1, -1, -1), 4, 4)
        self._paint_picture(painter)
        width = self.width() - TEXT_X - 12
        for y, font, token, words in (
            (4, theme.font(TYPE.base, MEDIUM), "t1", self.entry.name),
            (20, theme.font(TYPE.secondary), "t2" if self.isChecked() else "t3", self._meta),
        ):
            painter.setFont(font)
            painter.setPen(theme.color(token))
            shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, width)
            painter.drawText(QRectF(TEXT_X, y, width, 16), flags.AlignLeft | flags.AlignVCenter, shown)
        lit = self._hovered_star if self._hovered_star > 0 else self.entry.rating
        for star in range(N_STARS):
            box = QRectF(TEXT_X + star * STAR_STEP, STAR_Y, STAR_SIZE, STAR_SIZE)
            full = star < lit
            draw_glyph(painter, box, "star" if full else "star-outline", theme.color("star" if full else "t3"))

    def _paint_picture(self, painter: QPainter) -> None:
        theme, flags = self._theme, Qt.AlignmentFlag
        path = QPainterPath()
        path.addRoundedRect(PICTURE, 4, 4)
        painter.save()
        painter.setClipPath(path)
        painter.fillPath(path, theme.color("raised" if theme.is_dark else "press"))
        if self._picture.isNull():
            draw_glyph(painter, QRectF(20, 16, 20, 20), "waveform", theme.color("t3"))
        else:
            painter.drawPixmap(PICTURE, self._picture, covering_part(self._picture, PICTURE))
        painter.restore()
        painter.setFont(theme.font(TYPE.caption, MEDIUM))
        text = length_text(self.entry.seconds)
        width = painter.fontMetrics().horizontalAdvance(text) + 6
        tag = QRectF(PICTURE.right() - width, PICTURE.bottom() - 14, width, 14)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(LENGTH_GROUND)
        painter.drawRoundedRect(tag, 3, 3)
        painter.setPen(LENGTH_TEXT)
        painter.drawText(tag, flags.AlignCenter, text)


class TakesList(QWidget):
    """Rows of takes; one is selected."""

    selected = Signal(object)
    opened = Signal(object)
    rated = Signal(object, int)
    renamed = Signal(object, str)
    export_wanted = Signal(object)
    notes_wanted = Signal(object)
    edit_wanted = Signal(object)
    folder_wanted = Signal(object)
    trash_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._entries: list[TakeEntry] = []
        self._rows: list[TakeRow] = []
        self._selected: Path | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    @property
    def rows(self) -> list[TakeRow]:
        return list(self._rows)

    @property
    def selected_entry(self) -> TakeEntry | None:
        return next((row.entry for row in self._rows if row.entry.path == self._selected), None)

    def show_entries(self, entries: list[TakeEntry]) -> bool:
        """Whether these are others than before."""
        if entries == self._entries:
            return False
        had_focus = any(row.hasFocus() for row in self._rows)
        self._entries = entries
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = [self._row(entry) for entry in entries]
        for row in self._rows:
            self._column.addWidget(row)
            row.setChecked(row.entry.path == self._selected)
            if had_focus and row.isChecked():
                row.setFocus()
        return True

    def show_picture(self, entry: TakeEntry) -> None:
        """A take has another picture; its row stays as it is otherwise, also while it is being renamed."""
        for i, row in enumerate(self._rows):
            if row.entry.path == entry.path:
                self._entries[i] = row.entry = entry
                row.show_picture(entry.thumbnail)

    def select(self, path: Path | None) -> None:
        """Marks a take without telling anyone."""
        self._selected = path
        for row in self._rows:
            row.setChecked(row.entry.path == path)

    def rename_selected(self) -> None:
        for row in self._rows:
            if row.entry.path == self._selected:
                row.rename()

    def _row(self, entry: TakeEntry) -> TakeRow:
        row = TakeRow(self._theme, entry, self)
        row.clicked.connect(lambda: self._select(entry))
        row.opened.connect(lambda: self.opened.emit(entry))
        row.rated.connect(lambda stars: self.rated.emit(entry, stars))
        row.renamed.connect(lambda name: self.renamed.emit(entry, name))
        row.menu_wanted.connect(lambda at: self._open_menu(row, at))
        row.moved.connect(lambda step: self._move(row, step))
        return row

    def _select(self, entry: TakeEntry) -> None:
        self.select(entry.path)
        self.selected.emit(entry)

    def _move(self, row: TakeRow, step: int) -> None:
        index = self._rows.index(row) + step
        if 0 <= index < len(self._rows):
            self._rows[index].setFocus()
            self._select(self._rows[index].entry)

    def _open_menu(self, row: TakeRow, at) -> None:
        entry = row.entry
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Edit", lambda: self.edit_wanted.emit(entry))
        menu.addAction("Export…", lambda: self.export_wanted.emit(entry))
        menu.addAction("Rename", row.rename)
        menu.addAction("Notes…", lambda: self.notes_wanted.emit(entry))
        menu.addAction("Show in folder", lambda: self.folder_wanted.emit(entry.path))
        menu.addSeparator()
        menu.addAction("Move to the trash", lambda: self.trash_wanted.emit(entry))
        menu.popup(at)
