"""The avatars of the library as tiles: picture, name, method and size; a click puts one on stage."""

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QLinearGradient, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QMenu, QSizePolicy, QWidget

from app.panels.library_files import AvatarEntry
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE

PICTURE_HEIGHT, TILE_WIDTH, GAP = 80, 106, 8
TILE_HEIGHT, ROW_HEIGHT = 117, 36


class AvatarTile(QAbstractButton):
    """One avatar: 106 x 80 picture with two lines below, or one row with a small picture."""

    menu_wanted = Signal(object)

    def __init__(self, theme: Theme, entry: AvatarEntry, as_row: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self.entry, self._as_row = theme, entry, as_row
        self._on_stage = False
        self._picture = QPixmap()
        self._picture.loadFromData(entry.thumbnail)
        self.setFixedHeight(ROW_HEIGHT if as_row else TILE_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(entry.problem or f"{entry.name}. {entry.path}")
        self.setAccessibleName(f"{entry.name}, {entry.meta}")
        theme.changed.connect(self.update)

    def show_on_stage(self, on: bool) -> None:
        self._on_stage = on
        self.setAccessibleDescription("on stage" if on else "")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(TILE_WIDTH, self.height())

    def contextMenuEvent(self, event) -> None:
        self.menu_wanted.emit(event.globalPos())

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if self._as_row:
            self._paint_row(painter)
        else:
            self._paint_tile(painter)

    def _paint_tile(self, painter: QPainter) -> None:
        theme, flags = self._theme, Qt.AlignmentFlag
        picture = QRectF(1, 1, self.width() - 2, PICTURE_HEIGHT - 2)
        self._paint_picture(painter, picture)
        ring = self._on_stage or self.hasFocus()
        if ring or (self.underMouse() and not self.entry.problem):
            painter.setPen(QPen(theme.color("acc" if ring else "line2"), 2 if ring else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(picture, 4, 4)
        if self._on_stage:
            painter.setFont(theme.font(TYPE.secondary, MEDIUM))
            width = painter.fontMetrics().horizontalAdvance("On stage") + 12
            chip = QRectF(5, 5, width, 18)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("voice_soft"))
            painter.drawRoundedRect(chip, 4, 4)
            painter.setPen(theme.color("voice"))
            painter.drawText(chip, flags.AlignCenter, "On stage")
        self._paint_words(painter, QRectF(1, 85, self.width() - 2, 16), QRectF(1, 101, self.width() - 2, 15))

    def _paint_row(self, painter: QPainter) -> None:
        theme = self._theme
        if self._on_stage or self.underMouse() or self.hasFocus():
            painter.setPen(QPen(theme.color("acc"), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("soft" if self._on_stage else "head"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        self._paint_picture(painter, QRectF(4, 4, 37, 28))
        words = self.width() - 52
        self._paint_words(painter, QRectF(48, 2, words, 16), QRectF(48, 18, words, 15))

    def _paint_picture(self, painter: QPainter, rect: QRectF) -> None:
        theme = self._theme
        path = QPainterPath()
        path.addRoundedRect(rect, 4, 4)
        painter.save()
        painter.setClipPath(path)
        ground = QLinearGradient(rect.topLeft(), rect.bottomLeft())
        ground.setColorAt(0, theme.color("press" if theme.is_dark else "ground_centre"))
        ground.setColorAt(1, theme.color("raised" if theme.is_dark else "ground_edge"))
        painter.fillRect(rect, ground)
        if self._picture.isNull():
            icon = "alert" if self.entry.problem else "face-man-outline"
            size = min(24.0, rect.height() - 8)
            box = QRectF(rect.center().x() - size / 2, rect.center().y() - size / 2, size, size)
            draw_glyph(painter, box, icon, theme.color("warn" if self.entry.problem else "t3"))
        else:
            painter.drawPixmap(rect, self._picture, covering_part(self._picture, rect))
        painter.restore()

    def _paint_words(self, painter: QPainter, name: QRectF, meta: QRectF) -> None:
        theme, flags = self._theme, Qt.AlignmentFlag
        for rect, font, token, words in (
            (name, theme.font(TYPE.base, MEDIUM), "t1", self.entry.name),
            (meta, theme.font(TYPE.secondary), "warn" if self.entry.problem else "t3", self.entry.meta),
        ):
            painter.setFont(font)
            painter.setPen(theme.color(token))
            shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(rect.width()))
            painter.drawText(rect, flags.AlignLeft | flags.AlignVCenter, shown)

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)


class AvatarGrid(QWidget):
    """Tiles in as many columns as fit, or rows."""

    chosen = Signal(object)
    folder_wanted = Signal(object)
    forgotten = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._entries: list[AvatarEntry] = []
        self._tiles: list[AvatarTile] = []
        self._stage: Path | None = None
        self._as_rows = False
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(9, 0, 9, 4)
        self._grid.setHorizontalSpacing(GAP - 2)
        self._grid.setVerticalSpacing(6)

    @property
    def tiles(self) -> list[AvatarTile]:
        return list(self._tiles)

    @property
    def is_rows(self) -> bool:
        return self._as_rows

    def set_rows(self, as_rows: bool) -> None:
        self._as_rows = as_rows
        self._rebuild()

    def show_entries(self, entries: list[AvatarEntry]) -> None:
        if entries != self._entries:
            self._entries = entries
            self._rebuild()

    def show_stage(self, path: Path | None) -> None:
        self._stage = path
        for tile in self._tiles:
            tile.show_on_stage(tile.entry.path == path)

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        if self._fitting() != self._columns:
            self._place()

    def _fitting(self) -> int:
        return 1 if self._as_rows else max(2, (self.width() - 12) // (TILE_WIDTH + GAP))

    def _rebuild(self) -> None:
        for tile in self._tiles:
            self._grid.removeWidget(tile)
            tile.deleteLater()
        self._tiles = [AvatarTile(self._theme, entry, self._as_rows, self) for entry in self._entries]
        for tile in self._tiles:
            tile.clicked.connect(lambda _=False, entry=tile.entry: self.chosen.emit(entry))
            tile.menu_wanted.connect(lambda at, entry=tile.entry: self._open_menu(entry, at))
        self._place()
        self.show_stage(self._stage)

    def _place(self) -> None:
        self._columns = self._fitting()
        for i, tile in enumerate(self._tiles):
            self._grid.addWidget(tile, i // self._columns, i % self._columns)
            tile.show()
        for column in range(6):
            self._grid.setColumnStretch(column, 1 if column < self._columns else 0)

    def _open_menu(self, entry: AvatarEntry, at) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Put on stage", lambda: self.chosen.emit(entry)).setEnabled(not entry.problem)
        menu.addAction("Show in folder", lambda: self.folder_wanted.emit(entry.path))
        if not entry.is_shipped:
            menu.addAction("Leave out of the library", lambda: self.forgotten.emit(entry.path))
        menu.popup(at)


def covering_part(picture: QPixmap, rect: QRectF) -> QRectF:
    """The part of a picture that fills `rect` without distortion, cut at the sides or below."""
    width, height = float(picture.width()), float(picture.height())
    wanted = rect.width() / max(rect.height(), 1.0)
    if width / height > wanted:
        part = height * wanted
        return QRectF((width - part) / 2, 0, part, height)
    part = width / wanted
    return QRectF(0, (height - part) * 0.35, width, part)
