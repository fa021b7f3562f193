"""The keys page of the preferences: find an action, press its new keys, see what clashes."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.theme.buttons import SearchField, Segments, TextButton, Words, rule
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from app.windows.actions import SECTIONS, Commands
from app.windows.key_presets import PRESETS
from app.windows.key_rows import ACTION, Band, Glyph, KeyRow, MouseColumn
from app.windows.preference_pages import PreferencePage

MOUSE_FROM = 700
"""Width of the page from which what the mouse does stands beside the keys, else as a sentence above them."""


class KeysPage(PreferencePage):
    """One row an action; `changed` tells name and keys, an empty list for the Standard ones."""

    changed = Signal(str, object)
    preset_chosen = Signal(str)
    import_wanted = Signal()
    share_wanted = Signal()

    def __init__(self, theme: Theme, commands: Commands) -> None:
        super().__init__(theme, "Keys and mouse")
        self._commands = commands
        self.column.setSpacing(10)
        beside, main = QHBoxLayout(), QVBoxLayout()
        beside.setSpacing(16)
        main.setSpacing(10)
        beside.addLayout(main, 1)
        self._divider, self._mouse_column = rule(vertical=True), MouseColumn(theme)
        beside.addWidget(self._divider)
        beside.addWidget(self._mouse_column)
        first = QHBoxLayout()
        first.setSpacing(8)
        first.addWidget(Words(theme, "Preset", tone="t2"))
        self.presets = Segments(theme, [(name, preset.title) for name, preset in PRESETS.items()], "Preset")
        self.presets.set_current(commands.preset)
        self.presets.chosen.connect(self._choose_preset)
        first.addWidget(self.presets)
        first.addStretch()
        bring = TextButton(theme, "Import", "import")
        share = TextButton(theme, "Share", "export-variant")
        bring.clicked.connect(self.import_wanted)
        share.clicked.connect(self.share_wanted)
        first.addWidget(bring)
        first.addWidget(share)
        main.addLayout(first)
        self._mouse = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        main.addWidget(self._mouse)
        head = QHBoxLayout()
        head.setSpacing(8)
        self.search = SearchField(theme, "Search an action")
        self.search.textChanged.connect(self._filter)
        reset = TextButton(theme, "Reset all", "backup-restore")
        reset.clicked.connect(self._reset_all)
        head.addWidget(self.search, 1)
        head.addWidget(reset)
        main.addLayout(head)
        self._warning = QFrame()
        self._warning.setProperty("role", "note-warn")
        warning = QHBoxLayout(self._warning)
        warning.setContentsMargins(10, 8, 10, 8)
        warning.setSpacing(8)
        warning.addWidget(Glyph(theme, "alert", "warn"))
        self._clash = Words(theme, "", wrap=True)
        warning.addWidget(self._clash, 1)
        main.addWidget(self._warning)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.rows: dict[str, KeyRow] = {}
        self._titles: dict[str, QWidget] = {}
        for section in SECTIONS:
            specs = [spec for spec, _ in commands if spec.section == section]
            if not specs:
                continue
            title = self._titles[section] = Band(theme, section)
            column.addWidget(title)
            for spec in specs:
                row = self.rows[spec.name] = KeyRow(theme, spec)
                row.changed.connect(self._on_changed)
                column.addWidget(row)
        column.addStretch()
        area = OverlayScrollArea()
        area.setWidget(inner)
        main.addWidget(self._table(area), 1)
        self.column.addLayout(beside, 1)
        self._show()

    def _table(self, area: OverlayScrollArea) -> QFrame:
        """A frame with the heads of the columns over the rows."""
        table = QFrame()
        table.setProperty("role", "field")
        column = QVBoxLayout(table)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        line = QHBoxLayout()
        line.setContentsMargins(12, 5, 12, 5)
        line.setSpacing(0)
        action = Words(self.theme, "Action", TYPE.secondary, tone="t2")
        action.setFixedWidth(ACTION - 5)
        line.addWidget(action)
        line.addWidget(Words(self.theme, "Keys", TYPE.secondary, tone="t2"), 1)
        column.addLayout(line)
        column.addWidget(rule())
        column.addWidget(area, 1)
        return table

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        wide = self.width() >= MOUSE_FROM
        self._divider.setVisible(wide)
        self._mouse_column.setVisible(wide)
        self._mouse.setVisible(not wide)

    def show_keys(self) -> None:
        """Shows the keys as they now are, after a file brought others."""
        self.presets.set_current(self._commands.preset)
        self._show()

    def finds(self, wanted: str) -> bool:
        """Whether an action is called so; in lower case."""
        return any(wanted in self._commands.spec(name).text.casefold() for name in self.rows)

    def _choose_preset(self, name: str) -> None:
        self._commands.set_preset(name)
        self.preset_chosen.emit(name)
        self._show()

    def _show(self) -> None:
        mouse = PRESETS[self._commands.preset].mouse
        self._mouse_column.show_mouse(mouse)
        self._mouse.setText("Mouse in the viewport: " + ", ".join(f"{what.lower()} {how}" for what, how in mouse) + ".")
        clashes = self._commands.clashes()
        for name, row in self.rows.items():
            keys = self._commands.keys(name)
            others = [other for names in clashes.values() if name in names for other in names if other != name]
            said = " and ".join(self._commands.spec(other).text.removesuffix("…") for other in others)
            row.show_keys(keys, keys != self._commands.preset_keys(name), said)
        words = [f"{key} is used by {' and '.join(self._commands.spec(n).text.removesuffix('…') for n in names)}."
                 for key, names in clashes.items()]  # fmt: skip
        self._clash.setText(" ".join(words) + (" Neither answers until one changes." if words else ""))
        self._clash.setVisible(bool(words))
        self._warning.setVisible(bool(words))

    def _on_changed(self, name: str, keys: list[str]) -> None:
        standard = self._commands.preset_keys(name)
        self._commands.set_keys(name, keys if keys else list(standard))
        self.changed.emit(name, keys if tuple(keys) != standard else [])
        self._show()

    def _reset_all(self) -> None:
        for name in self.rows:
            if self._commands.keys(name) != self._commands.preset_keys(name):
                self._on_changed(name, [])

    def _filter(self, text: str) -> None:
        wanted = text.strip().casefold()
        for section, title in self._titles.items():
            shown = 0
            for name, row in self.rows.items():
                spec = self._commands.spec(name)
                if spec.section == section:
                    fits = wanted in spec.text.casefold()
                    row.setVisible(fits)
                    shown += fits
            title.setVisible(shown > 0)
