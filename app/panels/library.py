"""The library: avatars and takes, found by name, opened by a click, brought in by dropping files."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.panels.library_avatars import AvatarGrid
from app.panels.library_files import AvatarEntry, TakeEntry, avatars_dir, next_take_name
from app.panels.library_takes import TakesList
from app.theme.buttons import IconButton, KeyCap, SearchField, Words, rule
from app.theme.icons import draw_glyph
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, SIZES, TYPE

SORTS = {"newest": "Newest first", "name": "By name", "length": "By length", "rating": "By rating"}


class LibraryPanel(QFrame):
    """240 wide; asks through signals, shows the entries it is given.

    Signals:
        avatar_chosen, take_chosen, take_opened: an entry was clicked, selected or opened.
        open_wanted: the file dialog should come.
    """

    avatar_chosen = Signal(object)
    avatar_forgotten = Signal(object)
    take_chosen = Signal(object)
    take_opened = Signal(object)
    take_rated = Signal(object, int)
    take_renamed = Signal(object, str)
    take_export_wanted = Signal(object)
    take_notes_wanted = Signal(object)
    take_edit_wanted = Signal(object)
    take_trash_wanted = Signal(object)
    open_wanted = Signal()
    sound_wanted = Signal()
    scan_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._avatars: list[AvatarEntry] = []
        self._takes: list[TakeEntry] = []
        self._sort = "newest"
        self.setProperty("role", "panel")
        self.setAccessibleName("Library")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._build_head())
        column.addWidget(rule())
        self.search = SearchField(theme, "Search")
        self.search.setAccessibleName("Search the library")
        self.search.textChanged.connect(lambda _: self._show())
        box = QHBoxLayout()
        box.setContentsMargins(10, 8, 10, 0)
        box.addWidget(self.search)
        column.addLayout(box)
        column.addWidget(self._build_lists(), 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(10, 8, 10, 10)
        self.drop_zone = DropZone(theme)
        self.drop_zone.clicked.connect(self.open_wanted)
        foot.addWidget(self.drop_zone)
        column.addLayout(foot)
        self._avatars_were_folded = False
        self._show()

    def _build_head(self) -> QWidget:
        head = QWidget()
        head.setFixedHeight(SIZES.panel_head)
        line = QHBoxLayout(head)
        line.setContentsMargins(12, 0, 6, 0)
        line.setSpacing(4)
        line.addWidget(Words(self._theme, "Library", TYPE.card_title, SEMIBOLD))
        line.addStretch()
        bring = IconButton(self._theme, "file-import-outline", "Open an avatar", "Ctrl+O", "Or drop it anywhere.")
        bring.clicked.connect(self.open_wanted)
        more = IconButton(self._theme, "dots-vertical", "More")
        menu = QMenu(more)
        menu.addAction("Open an avatar…", self.open_wanted.emit)
        menu.addAction("Use a sound file…", self.sound_wanted.emit)
        menu.addSeparator()
        menu.addAction("Show my avatars", lambda: _show_folder(avatars_dir()))
        menu.addAction("Read the folders again", self.scan_wanted.emit)
        more.setMenu(menu)
        more.setPopupMode(more.ToolButtonPopupMode.InstantPopup)
        line.addWidget(bring)
        line.addWidget(more)
        return head

    def _build_lists(self) -> QWidget:
        theme = self._theme
        self.avatars = AvatarGrid(theme)
        self.avatars.chosen.connect(self.avatar_chosen)
        self.avatars.folder_wanted.connect(_show_folder)
        self.avatars.forgotten.connect(self.avatar_forgotten)
        self._layout_button = IconButton(theme, "view-grid-outline", "Show as a list", size=24, icon_size=16)
        self._layout_button.clicked.connect(self._toggle_layout)
        self._avatars_fold = Section(theme, "Avatars", self._layout_button)
        self.takes = TakesList(theme)
        self.takes.selected.connect(self.take_chosen)
        self.takes.opened.connect(self.take_opened)
        self.takes.rated.connect(self.take_rated)
        self.takes.renamed.connect(self.take_renamed)
        self.takes.export_wanted.connect(self.take_export_wanted)
        self.takes.notes_wanted.connect(self.take_notes_wanted)
        self.takes.edit_wanted.connect(self.take_edit_wanted)
        self.takes.folder_wanted.connect(_show_folder)
        self.takes.trash_wanted.connect(self.take_trash_wanted)
        sort = IconButton(theme, "sort", "Sort the takes", size=24, icon_size=16)
        menu = QMenu(sort)
        for key, words in SORTS.items():
            menu.addAction(words, lambda chosen=key: self._set_sort(chosen))
        sort.setMenu(menu)
        sort.setPopupMode(sort.ToolButtonPopupMode.InstantPopup)
        self._takes_fold = Section(theme, "Takes", sort)
        self._no_avatars = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        self._no_avatars.setContentsMargins(12, 2, 12, 10)
        self._no_takes = EmptyTakes(theme)
        self._no_match = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        self._no_match.setContentsMargins(12, 2, 12, 10)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addSpacing(4)
        column.addWidget(self._avatars_fold)
        column.addSpacing(3)
        column.addWidget(self.avatars)
        column.addWidget(self._no_avatars)
        column.addSpacing(6)
        column.addWidget(rule())
        column.addWidget(self._takes_fold)
        column.addWidget(self.takes)
        column.addWidget(self._no_takes)
        column.addWidget(self._no_match)
        column.addStretch()
        self._avatars_fold.folded.connect(lambda _: self._show())
        self._takes_fold.folded.connect(lambda _: self._show())
        area = self._area = OverlayScrollArea()
        area.setWidget(inner)
        return area

    # What it is told

    def show_avatars(self, entries: list[AvatarEntry]) -> None:
        self._avatars = entries
        self._show()

    def show_takes(self, entries: list[TakeEntry]) -> None:
        self._takes = entries
        self._show()

    def show_take_picture(self, path: Path, png: bytes) -> None:
        """A frame of a take was drawn."""
        for i, entry in enumerate(self._takes):
            if entry.path == path:
                self._takes[i] = replace(entry, thumbnail=png, has_picture=True)
                self.takes.show_picture(self._takes[i])

    def show_stage(self, path: Path | None) -> None:
        self.avatars.show_stage(path.resolve() if path is not None else None)

    def show_takes_first(self, on: bool) -> None:
        """Where takes are worked on, the avatars fold away and the take that is worked on is in sight."""
        if on:
            self._avatars_were_folded = self._avatars_fold.is_folded
        self._avatars_fold.set_folded(on or self._avatars_were_folded)
        QTimer.singleShot(0, self, self.show_selected)

    def show_selected(self) -> None:
        """Scrolls to the chosen take."""
        row = next((row for row in self.takes.rows if row.isChecked()), None)
        if row is not None and row.isVisible():
            self._area.ensureWidgetVisible(row, 0, 8)

    @property
    def next_take_name(self) -> str:
        return next_take_name(entry.name for entry in self._takes)

    @property
    def take_entries(self) -> list[TakeEntry]:
        return list(self._takes)

    @property
    def avatar_entries(self) -> list[AvatarEntry]:
        return list(self._avatars)

    def _show(self) -> None:
        wanted = self.search.text().strip().casefold()
        avatars = [a for a in self._avatars if wanted in f"{a.name} {a.meta}".casefold()]
        takes = self._sorted([t for t in self._takes if wanted in f"{t.name} {t.avatar}".casefold()])
        self.avatars.show_entries(avatars)
        if self.takes.show_entries(takes):
            QTimer.singleShot(0, self, self.show_selected)
        self._avatars_fold.show_count(len(avatars))
        self._takes_fold.show_count(len(takes))
        avatars_open, takes_open = not self._avatars_fold.is_folded, not self._takes_fold.is_folded
        self.avatars.setVisible(avatars_open and bool(avatars))
        self.takes.setVisible(takes_open and bool(takes))
        self._no_avatars.setVisible(avatars_open and not avatars)
        self._no_avatars.setText(
            f"No avatar is called “{wanted}”." if wanted else "No avatars yet. Open one with Ctrl O, or drop it here."
        )
        self._no_takes.setVisible(takes_open and not takes and not wanted)
        self._no_match.setVisible(takes_open and not takes and bool(wanted))
        self._no_match.setText(f"No take is called “{wanted}”.")

    def _sorted(self, takes: list[TakeEntry]) -> list[TakeEntry]:
        keys = {
            "newest": lambda t: -(t.created.timestamp() if t.created else 0.0),
            "name": lambda t: t.name.casefold(),
            "length": lambda t: -t.seconds,
            "rating": lambda t: -t.rating,
        }
        return sorted(takes, key=keys[self._sort])

    def _set_sort(self, sort: str) -> None:
        self._sort = sort
        self._show()

    def _toggle_layout(self) -> None:
        self.avatars.set_rows(not self.avatars.is_rows)
        self._layout_button.set_icon("format-list-bulleted" if self.avatars.is_rows else "view-grid-outline")
        self._layout_button.describe("Show as tiles" if self.avatars.is_rows else "Show as a list")


class Section(QWidget):
    """A heading that folds what stands below it: chevron, title, count, one tool."""

    folded = Signal(bool)

    def __init__(self, theme: Theme, title: str, tool: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._title = theme, title
        self.setFixedHeight(28)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 6, 0)
        self._button = _SectionButton(theme, title)
        self._button.toggled.connect(self.folded)
        line.addWidget(self._button, 1)
        line.addWidget(tool)

    @property
    def is_folded(self) -> bool:
        return self._button.isChecked()

    def set_folded(self, folded: bool) -> None:
        self._button.setChecked(folded)

    def show_count(self, count: int) -> None:
        self._button.show_count(count)


class _SectionButton(QAbstractButton):
    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__()
        self._theme, self._title, self._count = theme, title, 0
        self.setCheckable(True)
        self.setFixedHeight(28)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(title)
        theme.changed.connect(self.update)

    def show_count(self, count: int) -> None:
        self._count = count
        self.setAccessibleDescription(str(count))
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("acc"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(5, 1, -1, -1), 4, 4)
        icon = "chevron-right" if self.isChecked() else "chevron-down"
        draw_glyph(painter, QRectF(6, 6, 16, 16), icon, theme.color("t2"))
        painter.setFont(theme.font(TYPE.base, SEMIBOLD))
        painter.setPen(theme.color("t1"))
        painter.drawText(QRectF(26, 0, 200, 28), flags.AlignVCenter, self._title)
        width = painter.fontMetrics().horizontalAdvance(self._title)
        painter.setFont(theme.font(TYPE.base))
        painter.setPen(theme.color("t3"))
        painter.drawText(QRectF(26 + width + 7, 0, 60, 28), flags.AlignVCenter, str(self._count))


class EmptyTakes(QWidget):
    """What goes here, and the one thing to do."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 16, 8, 16)
        column.setSpacing(6)
        self._icon = _Glyph(theme, "record-circle-outline", 26)
        column.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(2)
        column.addWidget(Words(theme, "No takes yet", weight=MEDIUM), 0, Qt.AlignmentFlag.AlignHCenter)
        line = QHBoxLayout()
        line.setSpacing(4)
        line.addStretch()
        line.addWidget(Words(theme, "Press", TYPE.secondary, tone="t2"))
        line.addWidget(KeyCap(theme, "R"))
        line.addWidget(Words(theme, "to record one, or drop a", TYPE.secondary, tone="t2"))
        line.addStretch()
        column.addLayout(line)
        last = Words(theme, "sound file to have it spoken.", TYPE.secondary, tone="t2")
        column.addWidget(last, 0, Qt.AlignmentFlag.AlignHCenter)


class _Glyph(QWidget):
    def __init__(self, theme: Theme, icon: str, size: int) -> None:
        super().__init__()
        self._theme, self._icon = theme, icon
        self.setFixedSize(size, size)

    def paintEvent(self, event) -> None:
        draw_glyph(QPainter(self), QRectF(self.rect()), self._icon, self._theme.color("t3"))


class DropZone(QAbstractButton):
    """Says what may be dropped; a click opens the file dialog. While files hover over the window it lights up."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._is_lit = theme, False
        self.setFixedHeight(36)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Drop avatars or sound")
        self.setToolTip("Drop files anywhere in the window, or click to choose one.")
        theme.changed.connect(self.update)

    def show_lit(self, lit: bool) -> None:
        self._is_lit = lit
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lit = self._is_lit or self.hasFocus()
        pen = QPen(theme.color("acc" if lit else "line2"), 1)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.setBrush(theme.color("soft") if self._is_lit else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setFont(theme.font(TYPE.secondary))
        metrics = painter.fontMetrics()
        words = "Drop avatars, video or sound"
        if metrics.horizontalAdvance(words) > self.width() - 44:
            words = "Drop files here"
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, self.width() - 44)
        width = metrics.horizontalAdvance(shown) + 22
        x = (self.width() - width) / 2
        token = "soft_text" if self._is_lit else "t1" if self.underMouse() else "t3"
        draw_glyph(painter, QRectF(x, 10, 16, 16), "tray-arrow-down", theme.color(token))
        painter.setPen(theme.color(token))
        painter.drawText(QRectF(x + 22, 0, width, self.height()), Qt.AlignmentFlag.AlignVCenter, shown)

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)


def _show_folder(path: Path) -> None:
    path = Path(path)
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))
