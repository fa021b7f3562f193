"""The command search: type a few letters of what you want, Enter runs it."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QKeySequence, QPainter
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyle, QStyledItemDelegate, QVBoxLayout, QWidget

from app.theme.buttons import SearchField, Words
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE
from app.windows.actions import Commands
from app.windows.sheet import Sheet

WIDTH, ROW, MOST_ROWS = 560, 32, 10


class CommandPalette(Sheet):
    """Every action that can be asked for now, best match first."""

    def __init__(self, theme: Theme, host: QWidget, commands: Commands) -> None:
        super().__init__(theme, host, "Search commands", (WIDTH, 60 + ROW * MOST_ROWS), with_head=False)
        self._commands = commands
        self.field = SearchField(theme, "What do you want to do?")
        self.field.setAccessibleName("Search commands")
        self.field.textChanged.connect(self._fill)
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setProperty("role", "list")
        self.list.setItemDelegate(_Row(theme, self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(lambda item: self._run(item))
        self._nothing = Words(theme, "No command has these letters. Try another word.", tone="t2")
        self._nothing.setContentsMargins(4, 8, 4, 8)
        column = QVBoxLayout(self.body)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addWidget(self.field)
        column.addWidget(self._nothing)
        column.addWidget(self.list, 1)
        self._fill("")

    def _first_focus(self) -> QWidget:
        return self.field

    def _fill(self, text: str) -> None:
        self.list.clear()
        ranked = []
        for spec, action in self._commands:
            if spec.name == "help.search" or not action.isEnabled():
                continue
            score = match(text, spec.text)
            if score is not None:
                ranked.append((score, spec.text.removesuffix("…"), spec.name))
        for _, words, name in sorted(ranked, key=lambda row: row[0]):
            item = QListWidgetItem(words)
            keys = self._commands.keys(name)
            native = QKeySequence.SequenceFormat.NativeText
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setData(Qt.ItemDataRole.UserRole + 1, QKeySequence(keys[0]).toString(native) if keys else "")
            item.setSizeHint(QSize(10, ROW))
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self._nothing.setVisible(self.list.count() == 0)
        self.list.setVisible(self.list.count() > 0)

    def eventFilter(self, watched, event) -> bool:
        if watched is self.field and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(event.key())
            if step is not None and self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _run(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        name = item.data(Qt.ItemDataRole.UserRole)
        self.close()
        self._commands.run(name)


class _Row(QStyledItemDelegate):
    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(self, painter: QPainter, option, index) -> None:
        theme, rect, flags = self._theme, QRectF(option.rect), Qt.AlignmentFlag
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("soft" if chosen else "head"))
            painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), 4, 4)
        painter.setFont(theme.font(TYPE.base, MEDIUM if chosen else 400))
        painter.setPen(theme.color("soft_text" if chosen else "t1"))
        painter.drawText(rect.adjusted(10, 0, -10, 0), flags.AlignVCenter, index.data())
        keys = index.data(Qt.ItemDataRole.UserRole + 1)
        if keys:
            painter.setFont(theme.mono(TYPE.caption))
            painter.setPen(theme.color("soft_text" if chosen else "t3"))
            painter.drawText(
                rect.adjusted(10, 0, -10, 0), flags.AlignVCenter | flags.AlignRight, keys.replace("+", " ")
            )
        painter.restore()


def match(text: str, words: str) -> tuple[int, int, str] | None:
    """How well typed letters fit an action's words; smaller is better, None when they do not fit at all.

    The letters as they stand beat the letters scattered in order; the start of a word beats its middle.
    """
    wanted, there = text.strip().casefold(), words.casefold()
    if not wanted:
        return (0, 0, "")
    at = there.find(wanted)
    if at >= 0:
        return (0 if at == 0 else 1 if there[at - 1] == " " else 2, at, there)
    position = -1
    for letter in wanted.replace(" ", ""):
        position = there.find(letter, position + 1)
        if position < 0:
            return None
    return (3, position, there)
