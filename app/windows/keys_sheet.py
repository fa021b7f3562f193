"""The keys on one sheet: every action that can be asked for, by heading, and what the mouse does."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.theme.buttons import KeyCap, Words
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from app.windows.actions import MOUSE, SECTIONS, Commands
from app.windows.key_presets import PRESETS
from app.windows.sheet import Sheet


def balanced(lengths: dict[str, int], n: int = 3) -> list[list[str]]:
    """Sections in order over columns of about the same height, each section whole."""
    columns: list[list[str]] = [[]]
    heights, most = [0], (sum(lengths.values()) + 2 * len(lengths)) / n
    for title, length in lengths.items():
        if heights[-1] and len(columns) < n and heights[-1] + (length + 2) / 2 > most:
            columns.append([])
            heights.append(0)
        columns[-1].append(title)
        heights[-1] += length + 2
    return columns


class KeysSheet(Sheet):
    """F1: three columns that fit a 1280 x 720 window."""

    def __init__(self, theme: Theme, host: QWidget, commands: Commands) -> None:
        super().__init__(theme, host, "Keys and mouse", (980, 620))
        self._theme, self._commands = theme, commands
        columns = QHBoxLayout()
        columns.setContentsMargins(24, 16, 24, 16)
        columns.setSpacing(40)
        rows = {name: [(spec.text.removesuffix("…"), commands.keys(spec.name)) for spec, _ in commands
                       if spec.section == name and commands.keys(spec.name)] for name in SECTIONS}  # fmt: skip
        rows["Mouse"] = [(name, (how,)) for name, how in (*PRESETS[commands.preset].mouse, *MOUSE)]
        for titles in balanced({title: len(entries) for title, entries in rows.items() if entries}):
            column = QVBoxLayout()
            column.setSpacing(18)
            for title in titles:
                column.addLayout(self._section(title, rows[title]))
            column.addStretch()
            columns.addLayout(column, 1)
        inner = QWidget()
        inner.setLayout(columns)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        box = QVBoxLayout(self.body)
        box.setContentsMargins(0, 0, 0, 8)
        box.addWidget(area)

    def _section(self, title: str, entries: list[tuple[str, tuple[str, ...]]]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        grid.addWidget(Words(self._theme, title, TYPE.card_title, SEMIBOLD), 0, 0, 1, 2)
        grid.setRowMinimumHeight(0, 26)
        for row, (name, keys) in enumerate(entries, start=1):
            grid.setRowMinimumHeight(row, 24)
            grid.addWidget(Words(self._theme, name, tone="t2"), row, 0)
            if title == "Mouse":
                words = Words(self._theme, keys[0], TYPE.secondary, tone="t2")
                grid.addWidget(words, row, 1, Qt.AlignmentFlag.AlignRight)
                continue
            native = QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText)
            grid.addWidget(KeyCap(self._theme, native), row, 1, Qt.AlignmentFlag.AlignRight)
        return grid
