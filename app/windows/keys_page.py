"""The keys page of the preferences: find an action, press its new keys, see what clashes."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QIcon, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.theme.buttons import IconButton, SearchField, Segments, TextButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from app.windows.actions import SECTIONS, ActionSpec, Commands
from app.windows.key_presets import PRESETS
from app.windows.preference_pages import PreferencePage

MODIFIERS = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


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
        self.column.addLayout(first)
        self._mouse = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        self.column.addWidget(self._mouse)
        head = QHBoxLayout()
        head.setSpacing(8)
        self.search = SearchField(theme, "Search an action")
        self.search.textChanged.connect(self._filter)
        reset = TextButton(theme, "Reset all", "backup-restore")
        reset.clicked.connect(self._reset_all)
        head.addWidget(self.search, 1)
        head.addWidget(reset)
        self.column.addLayout(head)
        self._clash = Words(theme, "", tone="warn", wrap=True)
        self.column.addWidget(self._clash)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(0)
        self.rows: dict[str, KeyRow] = {}
        self._titles: dict[str, QWidget] = {}
        for section in SECTIONS:
            specs = [spec for spec, _ in commands if spec.section == section]
            if not specs:
                continue
            title = Words(theme, section, TYPE.secondary, SEMIBOLD, tone="t2")
            title.setContentsMargins(0, 10, 0, 4)
            self._titles[section] = title
            column.addWidget(title)
            for spec in specs:
                row = self.rows[spec.name] = KeyRow(theme, spec)
                row.changed.connect(self._on_changed)
                column.addWidget(row)
        column.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        self.column.addWidget(area, 1)
        self._show()

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
        self._mouse.setText("Mouse in the viewport: " + ", ".join(f"{what.lower()} {how}" for what, how in mouse) + ".")
        clashes = self._commands.clashes()
        clashing = {name for names in clashes.values() for name in names}
        for name, row in self.rows.items():
            keys = self._commands.keys(name)
            row.show_keys(keys, keys != self._commands.preset_keys(name), name in clashing)
        words = [f"{key} is used by {' and '.join(self._commands.spec(n).text.removesuffix('…') for n in names)}."
                 for key, names in clashes.items()]  # fmt: skip
        self._clash.setText(" ".join(words) + (" Neither answers until one changes." if words else ""))
        self._clash.setVisible(bool(words))

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


class KeyRow(QWidget):
    """An action, its keys as a button that waits for new ones, and a reset where they are the user's."""

    changed = Signal(str, object)

    def __init__(self, theme: Theme, spec: ActionSpec) -> None:
        super().__init__()
        self._spec = spec
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        line = QHBoxLayout()
        line.setContentsMargins(4, 2, 0, 2)
        line.setSpacing(8)
        line.addWidget(Words(theme, spec.text.removesuffix("…")), 1)
        self.field = KeyField(theme)
        self.field.pressed_keys.connect(lambda keys: self.changed.emit(spec.name, [keys]))
        self.field.setAccessibleName(f"Keys of {spec.text}")
        line.addWidget(self.field)
        self._reset = IconButton(theme, "backup-restore", "Back to the Standard keys", size=24, icon_size=16)
        self._reset.clicked.connect(lambda: self.changed.emit(spec.name, []))
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(policy)
        line.addWidget(self._reset)
        column.addLayout(line)
        column.addWidget(rule())

    def show_keys(self, keys: tuple[str, ...], is_changed: bool, is_clashing: bool) -> None:
        self.field.show_keys(keys[0] if keys else "", is_clashing)
        self._reset.setVisible(is_changed)


class KeyField(QPushButton):
    """Shows keys; pressed, it waits for the next ones. Esc leaves it as it was."""

    pressed_keys = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._keys, self._is_waiting = theme, "", False
        self.setProperty("kind", "small")
        self.setFont(theme.mono(TYPE.secondary))
        self.setFixedWidth(170)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.clicked.connect(lambda: self._wait(True))

    def show_keys(self, keys: str, is_clashing: bool) -> None:
        self._keys = keys
        self._wait(False)
        self.setIcon(self._theme.icon("alert", color="warn") if is_clashing else QIcon())

    def _wait(self, waiting: bool) -> None:
        self._is_waiting = waiting
        shown = QKeySequence(self._keys).toString(QKeySequence.SequenceFormat.NativeText) or "–"
        self.setText("Press the new keys" if waiting else shown)
        if waiting:
            self.setFocus()

    def event(self, event) -> bool:
        if self._is_waiting and event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            event.accept()
            if event.type() == QEvent.Type.KeyPress:
                self._take(event)
            return True
        return super().event(event)

    def focusOutEvent(self, event) -> None:
        self._wait(False)
        super().focusOutEvent(event)

    def _take(self, event) -> None:
        if event.key() in MODIFIERS or event.key() == Qt.Key.Key_unknown:
            return
        if event.key() == Qt.Key.Key_Escape:
            self._wait(False)
            return
        keys = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)
        self._wait(False)
        self.pressed_keys.emit(keys)
