"""Which method makes an avatar: asked of the command line, since the window knows no method, and shown as rows."""

import json

from PySide6.QtCore import QObject, QProcess, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleValueChangeEvent, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.children import end_process, environment, program
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SIZES, TYPE
from engine.methods.catalog import MethodEntry

ROW, PADDING, MARK = 44, 10, 14


class MethodsQuestion(QObject):
    """Asks `mouthpiece methods` in a process of its own.

    Signals:
        answered: a list of MethodEntry. failed: a sentence.
    """

    answered = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setProcessEnvironment(environment())
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        executable, first = program()
        self._process.start(executable, [*first, "methods", "--json"])

    def close(self) -> None:
        """Nobody waits for the answer any more."""
        self._process.finished.disconnect(self._on_finished)
        self._process.errorOccurred.disconnect(self._on_error)
        self._process.kill()
        end_process(self._process, 1.0)
        self.deleteLater()

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.failed.emit(f"The methods are not known ({self._process.errorString()}).")

    def _on_finished(self, code: int, _status: QProcess.ExitStatus) -> None:
        said = bytes(self._process.readAllStandardOutput().data())
        try:
            rows = json.loads(said.splitlines()[-1])["methods"]
            self.answered.emit([MethodEntry.from_json(row) for row in rows])
        except (ValueError, KeyError, TypeError, IndexError):
            self.failed.emit(f"The methods are not known (mouthpiece methods ended with {code}). Close and try again.")


class MethodRows(QWidget):
    """One row for each method, of which one is chosen; arrows move the choice, `chosen` tells its name."""

    chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._entries: list[MethodEntry] = []
        self._current = 0
        self._hovered: int | None = None
        self.setAccessibleName("Method")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_methods(self, entries: list[MethodEntry], current: str) -> None:
        self._entries = entries
        names = [entry.name for entry in entries]
        self._current = names.index(current) if current in names else 0
        self.updateGeometry()
        self._say()

    @property
    def current(self) -> MethodEntry | None:
        return self._entries[self._current] if self._entries else None

    def row_rect(self, name: str) -> QRectF:
        """Where a method's row stands."""
        return self._rect([entry.name for entry in self._entries].index(name))

    def sizeHint(self) -> QSize:
        return QSize(320, max(1, len(self._entries)) * ROW)

    minimumSizeHint = sizeHint

    def _rect(self, i: int) -> QRectF:
        return QRectF(0.5, i * ROW + 0.5, self.width() - 1, ROW - 1)

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._entries:
            painter.setFont(theme.font())
            painter.setPen(theme.color("t2"))
            middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
            painter.drawText(QRectF(self.rect()), middle, "Looking at what this machine has…")
            return
        for i, entry in enumerate(self._entries):
            self._paint_row(painter, self._rect(i), entry, i == self._current, i == self._hovered)

    def _paint_row(self, painter: QPainter, rect: QRectF, entry: MethodEntry, is_current: bool, is_hot: bool) -> None:
        theme = self._theme
        if is_current or is_hot:
            focused = is_current and self.hasFocus()
            painter.setPen(QPen(theme.color("acc"), 2) if focused else Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("soft" if is_current else "head"))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), SIZES.radius, SIZES.radius)
        mark = QRectF(rect.x() + PADDING, rect.y() + (ROW - MARK) / 2, MARK, MARK)
        name = "radiobox-marked" if is_current else "radiobox-blank"
        draw_glyph(painter, mark, name, theme.color("acc" if is_current else "t2"))
        x = mark.right() + 10
        width = rect.right() - PADDING - x
        left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setFont(theme.font(TYPE.base, MEDIUM))
        painter.setPen(theme.color("soft_text" if is_current else "t1"))
        painter.drawText(QRectF(x, rect.y() + 5, width, 17), left, entry.title)
        font = theme.font(TYPE.secondary)
        painter.setFont(font)
        painter.setPen(theme.color("t1" if is_current else "t2"))
        words = QFontMetricsF(font).elidedText(entry.summary, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(x, rect.y() + 22, width, 16), left, words)

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(int(event.position().y() // ROW))

    def mouseMoveEvent(self, event) -> None:
        at = int(event.position().y() // ROW)
        at = at if at < len(self._entries) else None
        if at != self._hovered:
            self._hovered = at
            self.setToolTip("" if at is None else self._entries[at].summary)
            self.update()

    def leaveEvent(self, event) -> None:
        self._hovered = None
        self.update()

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(event.key())
        if step is None:
            super().keyPressEvent(event)
        elif self._entries:
            self._choose(min(max(self._current + step, 0), len(self._entries) - 1))

    def _choose(self, i: int) -> None:
        if i < len(self._entries) and i != self._current:
            self._current = i
            self._say()
            self.chosen.emit(self._entries[i].name)

    def _say(self) -> None:
        self.update()
        if self.current is not None:
            self.setAccessibleDescription(f"{self.current.title}. {self.current.summary}")
            QAccessible.updateAccessibility(QAccessibleValueChangeEvent(self, self.current.title))
