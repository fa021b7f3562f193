"""Preferences: sound, performance, keys, look and files; every change applies at once."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QStackedWidget, QVBoxLayout, QWidget

from app.theme.buttons import TextButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from app.windows.sheet import Sheet

PAGES = (
    ("sound", "Sound", "microphone"),
    ("performance", "Performance", "speedometer"),
    ("keys", "Keys and mouse", "keyboard-outline"),
    ("look", "Look", "theme-light-dark"),
    ("files", "Files", "content-save-outline"),
    ("network", "Network in and out", "lan-connect"),
)


class PreferencesSheet(Sheet):
    """A list of pages on the left, the page on the right; pages are built when they are first shown."""

    def __init__(
        self, theme: Theme, host: QWidget, makers: dict[str, Callable[[], QWidget]], page: str = "sound"
    ) -> None:
        super().__init__(theme, host, "Preferences", (820, 600))
        self._theme, self._makers = theme, makers
        self._built: dict[str, QWidget] = {}
        self.list = QListWidget()
        self.list.setProperty("role", "list")
        self.list.setFixedWidth(184)
        self.list.setIconSize(QSize(16, 16))
        self.list.setAccessibleName("Pages")
        self.list.setFont(theme.font(TYPE.base))
        for name, title, _ in PAGES:
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setSizeHint(QSize(10, 32))
            self.list.addItem(item)
        self._pages = QStackedWidget()
        side = QVBoxLayout()
        side.setContentsMargins(8, 8, 8, 8)
        side.addWidget(self.list)
        row = QHBoxLayout(self.body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(side)
        row.addWidget(rule(vertical=True))
        row.addWidget(self._pages, 1)
        foot = self.add_foot()
        foot.addWidget(Words(theme, "Changes apply at once.", TYPE.secondary, tone="t2"))
        foot.addStretch()
        done = TextButton(theme, "Close", kind="primary")
        done.clicked.connect(self.close)
        foot.addWidget(done)
        self.list.currentRowChanged.connect(self._show_page)
        theme.changed.connect(self._show_icons)
        self._show_icons()
        self.list.setCurrentRow(next((i for i, p in enumerate(PAGES) if p[0] == page), 0))

    @property
    def page(self) -> QWidget:
        """The page that is shown."""
        return self._pages.currentWidget()

    def _first_focus(self) -> QWidget:
        return self.list

    def _show_icons(self) -> None:
        for row, (_, _, icon) in enumerate(PAGES):
            self.list.item(row).setIcon(self._theme.icon(icon))

    def _show_page(self, row: int) -> None:
        name = PAGES[row][0]
        if name not in self._built:
            self._built[name] = self._makers[name]()
            self._pages.addWidget(self._built[name])
        self._pages.setCurrentWidget(self._built[name])
