"""Preferences: sound, performance, keys, look and files; every change applies at once."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.theme.buttons import SearchField, TextButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from app.windows.keys_page import KeysPage
from app.windows.sheet import Sheet

PAGES = (
    ("sound", "Sound", "microphone"),
    ("performance", "Performance", "speedometer"),
    ("keys", "Keys and mouse", "keyboard-outline"),
    ("look", "Look", "theme-light-dark"),
    ("files", "Files", "content-save-outline"),
    ("camera", "Virtual camera", "webcam"),
    ("network", "Network in and out", "lan-connect"),
)


class PreferencesSheet(Sheet):
    """A list of pages on the left, the page on the right; pages are built when they are first shown."""

    def __init__(
        self, theme: Theme, host: QWidget, makers: dict[str, Callable[[], QWidget]], page: str = "sound"
    ) -> None:
        super().__init__(theme, host, "Preferences", (1000, 680))
        self._theme, self._makers = theme, makers
        self._built: dict[str, QWidget] = {}
        self.search = SearchField(theme, "Search settings")
        self.search.textChanged.connect(self._find)
        self._found: list[tuple[Words, str]] = []  # what is lit, and its tone before
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
        side.setSpacing(8)
        side.addWidget(self.search)
        self._nothing = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        self._nothing.setFixedWidth(184)
        self._nothing.hide()
        side.addWidget(self._nothing)
        side.addWidget(self.list, 1)
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
        if row >= 0:
            self._pages.setCurrentWidget(self._page(PAGES[row][0]))

    def _page(self, name: str) -> QWidget:
        if name not in self._built:
            self._built[name] = self._makers[name]()
            self._pages.addWidget(self._built[name])
        return self._built[name]

    def _find(self, text: str) -> None:
        """Leaves the pages on which something says this, and lights what does."""
        wanted = text.strip().casefold()
        for words, tone in self._found:
            words.set_tone(tone)
        self._found = []
        shown = []
        for row, (name, title, _) in enumerate(PAGES):
            fits = wanted in title.casefold()
            for label in self._page(name).findChildren(Words) if wanted else ():
                if wanted in label.text().casefold():
                    fits = True
                    self._found.append((label, label.property("tone") or ""))
                    label.set_tone("acc")
            fits = fits or any(wanted in said.casefold() for said in _other_words(self._page(name)) if wanted)
            self.list.item(row).setHidden(not fits)
            if fits:
                shown.append(row)
        if isinstance(keys := self._built.get("keys"), KeysPage):
            keys.search.setText(text if wanted and keys.finds(wanted) else "")
        if shown and self.list.currentRow() not in shown:
            self.list.setCurrentRow(shown[0])
        self._nothing.setText(f"No setting says \u201c{text.strip()}\u201d.")
        self._nothing.setVisible(not shown)


def _other_words(page: QWidget) -> list[str]:
    """What stands on buttons and in lists of a page."""
    said = [button.text() for button in page.findChildren(QAbstractButton)]
    said += [widget.accessibleName() for widget in page.findChildren(QWidget)]
    return said + [box.itemText(i) for box in page.findChildren(QComboBox) for i in range(box.count())]
