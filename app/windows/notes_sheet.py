"""The notes of a take: a page of one's own words."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from app.panels.library_files import TakeEntry
from app.theme.buttons import TextButton
from app.theme.theme import Theme
from app.windows.sheet import Sheet

MAX_LETTERS = 20_000


class NotesSheet(Sheet):
    """`kept` carries the words when they were changed and kept."""

    kept = Signal(str)

    def __init__(self, theme: Theme, host: QWidget, entry: TakeEntry) -> None:
        super().__init__(theme, host, f"Notes on {entry.name}", (480, 320))
        self._before = entry.notes
        column = QVBoxLayout(self.body)
        column.setContentsMargins(16, 12, 16, 12)
        self.words = QPlainTextEdit(entry.notes)
        self.words.setFont(theme.font())
        self.words.setAccessibleName("Notes")
        self.words.setPlaceholderText("What was good, what to do again.")
        column.addWidget(self.words)
        foot = self.add_foot()
        foot.addStretch()
        cancel = TextButton(theme, "Cancel")
        cancel.clicked.connect(self.close)
        self.keep = TextButton(theme, "Keep", kind="primary")
        self.keep.clicked.connect(self._keep)
        foot.addWidget(cancel)
        foot.addWidget(self.keep)

    def _first_focus(self) -> QWidget:
        return self.words

    def _keep(self) -> None:
        words = self.words.toPlainText()[:MAX_LETTERS]
        self.close()
        if words != self._before:
            self.kept.emit(words)
