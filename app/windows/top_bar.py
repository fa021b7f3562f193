"""The top bar: mark, menus, workspaces where there is more than one, jobs, undo, command search, export."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QMenu, QMenuBar, QSizePolicy, QToolButton, QWidget

from app.theme.buttons import IconButton, Segments, TextButton
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SIZES, TYPE
from app.windows.actions import MENUS, Commands
from app.windows.logo import LogoMark

SEARCH_WIDE, SEARCH_NARROW, SEARCH_TERSE = 208, 150, 36


class TopBar(QFrame):
    """44 high. The menus hold exactly the actions that something carries out."""

    workspace_chosen = Signal(str)
    jobs_wanted = Signal()

    def __init__(self, theme: Theme, commands: Commands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._commands = theme, commands
        self.setProperty("role", "bar")
        self.setFixedHeight(SIZES.top_bar)
        self.setAccessibleName("Top bar")
        self.menu_bar = QMenuBar()
        self.menu_bar.setNativeMenuBar(False)
        self.menu_bar.setFont(theme.font(TYPE.base))
        self.menu_bar.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.menu_button = QToolButton()
        self.menu_button.setFixedSize(28, 28)
        self.menu_button.setIconSize(QSize(18, 18))
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setAccessibleName("Menu")
        self.menu_button.setToolTip("Menu")
        self.menus: dict[str, QMenu] = {}
        self._segments: Segments | None = None
        self.jobs = TextButton(theme, "Jobs", "progress-clock", why="What is being made, and what came of it.")
        self.jobs.setCheckable(True)
        self.jobs.clicked.connect(self._on_jobs_clicked)
        self.undo = IconButton(theme, "undo", "Undo")
        self.redo = IconButton(theme, "redo", "Redo")
        self.search = SearchButton(theme)
        self.export = TextButton(theme, "Export", "export-variant", kind="primary")
        line = QHBoxLayout(self)
        line.setContentsMargins(11, 0, 8, 0)
        line.setSpacing(6)
        line.addWidget(LogoMark())
        line.addSpacing(2)
        line.addWidget(self.menu_bar)
        line.addWidget(self.menu_button)
        line.addStretch()
        line.addWidget(self.jobs)
        line.addSpacing(2)
        line.addWidget(self.undo)
        line.addWidget(self.redo)
        line.addWidget(self.search)
        line.addWidget(self.export)
        theme.changed.connect(self._refresh)
        self._refresh()

    def fill(self) -> None:
        """Builds the menus once all actions are bound, and hands the buttons theirs."""
        folded = QMenu(self)
        for name in MENUS:
            entries = [action for spec, action in self._commands if spec.menu == name]
            if not entries:
                continue
            menu = self.menus[name] = self.menu_bar.addMenu(name)
            menu.addActions(entries)
            folded.addMenu(menu)
        self.menu_button.setMenu(folded)
        self.menu_bar.setFixedWidth(self.menu_bar.sizeHint().width())
        for button, name in ((self.undo, "edit.undo"), (self.redo, "edit.redo"), (self.export, "file.export")):
            if name not in self._commands:
                button.hide()
                continue
            action = self._commands.action(name)
            button.setToolTip(self._commands.tip(name))
            button.clicked.connect(action.trigger)
            button.setEnabled(action.isEnabled())
            action.enabledChanged.connect(button.setEnabled)
        self.search.clicked.connect(self._commands.action("help.search").trigger)
        self.search.setToolTip(self._commands.tip("help.search"))
        keys = self._commands.keys("help.search")
        self.search.show_key(QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if keys else "")

    def set_workspaces(self, items: list[tuple[str, str]], current: str) -> None:
        """What the switch in the middle offers."""
        if self._segments is not None:
            self._segments.hide()
            self._segments.deleteLater()
        self._segments = Segments(self._theme, items, "Workspace", parent=self)
        self._segments.set_current(current)
        self._segments.chosen.connect(self.workspace_chosen)
        for name, _ in items:
            action = f"window.{name}"
            if action in self._commands:
                self._segments.set_tip(name, self._commands.tip(action))
        self._segments.show()
        self._place_segments()

    @property
    def workspaces(self) -> Segments | None:
        return self._segments

    def show_workspace(self, name: str) -> None:
        if self._segments is not None:
            self._segments.set_current(name)

    def show_jobs(self, running: int, is_shown: bool) -> None:
        """How many jobs run or wait; lit while there are some, or while their workspace is shown."""
        words = f"{running} job" + ("s" if running != 1 else "") if running else "Jobs"
        self.jobs.setText(f" {words}")
        self.jobs.setChecked(running > 0 or is_shown)

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        width = self.width()
        folds = width < SIZES.rail_below
        self.menu_bar.setVisible(not folds)
        self.menu_button.setVisible(folds)
        narrow = width < SIZES.narrow_below
        self.search.set_width(SEARCH_NARROW if narrow else SEARCH_WIDE, "Search" if narrow else "Search commands")
        self._place_segments()

    def _place_segments(self) -> None:
        if self._segments is not None:
            size = self._segments.sizeHint()
            x = (self.width() - size.width()) // 2
            self._segments.setGeometry(x, (self.height() - size.height()) // 2, size.width(), size.height())

    def _on_jobs_clicked(self) -> None:
        self.jobs.setChecked(not self.jobs.isChecked())  # the chip shows that something runs, not that it is pressed
        self.jobs_wanted.emit()

    def _refresh(self) -> None:
        self.menu_button.setIcon(self._theme.icon("menu"))


class SearchButton(QAbstractButton):
    """Looks like a field, opens the command search."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._words, self._key = theme, "Search commands", "Ctrl+K"
        self.setFixedSize(SEARCH_WIDE, SIZES.button)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Search commands")
        theme.changed.connect(self.update)

    def set_width(self, width: int, words: str) -> None:
        self._words = words
        self.setFixedWidth(width)
        self.update()

    def show_key(self, key: str) -> None:
        self._key = key
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        focused, hovered = self.hasFocus(), self.underMouse()
        painter.setPen(QPen(theme.color("acc" if focused else "line2" if hovered else "line"), 2 if focused else 1))
        painter.setBrush(theme.color("field"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        draw_glyph(painter, QRectF(9, 6, 16, 16), "magnify", theme.color("t2"))
        painter.setFont(theme.font(TYPE.base))
        painter.setPen(theme.color("t3"))
        painter.drawText(QRectF(31, 0, self.width() - 60, self.height()), flags.AlignVCenter, self._words)
        if self._key:
            words = self._key.replace("+", " ")
            painter.setFont(theme.mono(TYPE.caption, MEDIUM))
            width = painter.fontMetrics().horizontalAdvance(words) + 10
            cap = QRectF(self.width() - width - 8.5, 5.5, width, 17)
            painter.setPen(QPen(theme.color("line2"), 1))
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(cap, 3, 3)
            painter.setPen(theme.color("t1"))
            painter.drawText(cap, flags.AlignCenter, words)

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)
