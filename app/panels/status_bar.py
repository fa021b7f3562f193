"""The status bar: who performs, how fast, on what, what was lost, and what is saved."""

import time
from datetime import datetime

from PySide6.QtCore import QObject, QPointF, QRunnable, Qt, QThreadPool, QTimer, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from app.theme.buttons import ElidedWords, Words
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SIZES, TYPE
from app.workers.frames import FrameHeader

TEXT_EVERY_MS, MEMORY_EVERY_MS = 200, 3000
STATES = {
    "starting": ("warn", "Performer", "starting"),
    "running": ("voice_bar", "Performer", "running"),
    "lost": ("err", "Performer", "lost, starting again"),
    "stopped": ("dis", "Performer", "stopped"),
}
BACKENDS = {"cpu": "CPU", "opengl": "OpenGL", "cuda": "CUDA"}
TERSE_BELOW = 700


class StatusBar(QFrame):
    """24 high; texts change at most five times a second."""

    messages_wanted = Signal()

    def __init__(self, theme: Theme, cores: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._cores = theme, cores
        self._header: FrameHeader | None = None
        self._header_time = 0.0
        self._avatar_name = ""
        self._performer = "starting"
        self._saved: tuple[str, float] | None = None
        self._is_terse = False
        self.setProperty("role", "bar")
        self.setFixedHeight(SIZES.status_bar)
        self.setAccessibleName("Status")
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 0, 12, 0)
        line.setSpacing(16)
        self._dot = _Dot(theme)
        head = QHBoxLayout()
        head.setSpacing(5)
        self._who = Words(theme, "Performer", TYPE.secondary, MEDIUM, tone="t2")
        self._state = Words(theme, "starting", TYPE.secondary, tone="t3")
        for widget in (self._dot, self._who, self._state):
            head.addWidget(widget)
        line.addLayout(head)
        self._nobody = Words(theme, "No avatar open", TYPE.secondary, tone="t3")
        line.addWidget(self._nobody)
        self._fps = Words(theme, "", TYPE.secondary, MEDIUM, tone="t2")
        self._backend = Words(theme, "", TYPE.secondary, tone="t3")
        self._lost = Words(theme, "", TYPE.secondary, tone="t3")
        self._offset = Words(theme, "", TYPE.secondary, tone="t3")
        self._sound = Words(theme, "", TYPE.secondary, tone="t3")
        for widget in (self._fps, self._backend, self._lost, self._offset, self._sound):
            line.addWidget(widget)
            widget.hide()
        self._message = ElidedWords(theme, "", TYPE.secondary, tone="t3")
        self._message.setAlignment(Qt.AlignmentFlag.AlignRight)
        line.addWidget(self._message, 1)
        self.messages = QToolButton()
        self.messages.setFont(theme.font(TYPE.secondary))
        self.messages.setFixedHeight(20)
        self.messages.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.messages.clicked.connect(self.messages_wanted)
        self.messages.hide()
        line.addWidget(self.messages)
        self._memory = Words(theme, "", TYPE.secondary, tone="t3")
        self._memory.setToolTip("Memory of the window and all its parts")
        self._saved_words = Words(theme, "", TYPE.secondary, tone="t3")
        self._project = Words(theme, "", TYPE.secondary, tone="t3")
        line.addWidget(self._memory)
        line.addWidget(self._saved_words)
        line.addWidget(self._project)
        self._watch = MemoryWatch(self)
        self._watch.measured.connect(lambda megabytes: self._memory.setText(f"{megabytes:,.0f} MB"))
        for every_ms, tick in ((TEXT_EVERY_MS, self._show_texts), (MEMORY_EVERY_MS, self._watch.measure)):
            timer = QTimer(self, interval=every_ms)
            timer.timeout.connect(tick)
            timer.start()
        self._watch.measure()
        self._show_state()

    # What it is told

    def show_frame(self, header: FrameHeader) -> None:
        self._header, self._header_time = header, time.monotonic()

    def show_avatar(self, name: str) -> None:
        self._avatar_name = name
        self._show_state()

    def show_process(self, name: str, state: str, sentence: str) -> None:
        if name == "performer":
            self._performer = state
            self.setToolTip(sentence)
            self._show_state()

    def show_source(self, kind: str) -> None:
        self._sound.setText("No microphone" if kind == "none" else "")
        self._sound.setVisible(kind == "none")

    def show_saved(self, what: str) -> None:
        """Says that something was saved now, and from then on how long ago."""
        self._saved = (what, time.time())
        self._show_texts()

    def show_project(self, words: str, name: str) -> None:
        """How safe the project is, and what it is called."""
        self._project.setText(f"{words}   {name}")

    def show_message(self, words: str) -> None:
        """One line for what no toast had room for."""
        self._message.setText(words)

    def show_terse(self, terse: bool) -> None:
        """Below 700 px of height only state, rate and sound stay."""
        self._is_terse = terse
        self._show_texts()

    def _show_state(self) -> None:
        token, who, state = STATES.get(self._performer, STATES["stopped"])
        if self._performer == "running" and not self._avatar_name:
            token, who, state = "warn", "Ready", ""
        self._dot.set_token(token)
        self._who.setText(who)
        self._state.setText(state)
        self._state.setVisible(bool(state))
        self._nobody.setVisible(not self._avatar_name)

    def _show_texts(self) -> None:
        header = self._header
        shows = header is not None and bool(self._avatar_name)
        for widget in (self._fps, self._backend, self._lost):
            widget.setVisible(shows and (widget is self._fps or not self._is_terse))
        if shows:
            stale = time.monotonic() - self._header_time > 1.5
            self._fps.setText("0 fps" if stale else f"{header.fps:.0f} fps")
            cores = f"{self._cores} core" + ("s" if self._cores != 1 else "")
            name = BACKENDS.get(header.backend, header.backend)
            self._backend.setText(f"{name}, {cores}" if header.backend == "cpu" else name)
            if header.lost_samples:
                self._lost.setText(f"{header.lost_samples:,} samples lost")
                self._lost.set_tone("warn")
            else:
                self._lost.setText("No audio lost")
                self._lost.set_tone("t3")
        for widget in (self._memory, self._project):
            widget.setVisible(not self._is_terse)
        self._saved_words.setVisible(self._saved is not None and not self._is_terse)
        if self._saved is not None:
            what, at = self._saved
            self._saved_words.setText(f"{what} saved {ago(time.time() - at)}")
            self._saved_words.setToolTip(datetime.fromtimestamp(at).strftime("%H:%M:%S"))

    def show_offset(
        self, milliseconds: float | None, why: str = "How far voice and picture lie apart in takes; + is sound early."
    ) -> None:
        """How far the voice that leaves stands from the picture, where that is known."""
        self._offset.setVisible(milliseconds is not None and not self._is_terse)
        if milliseconds is not None:
            whole = round(milliseconds)
            sign = "+" if whole > 0 else "−" if whole < 0 else ""
            self._offset.setText(f"Voice {sign}{abs(whole)} ms to picture")
            self._offset.setToolTip(why)


class MemoryWatch(QObject):
    """Adds up the memory of this process and its children, off the GUI thread."""

    measured = Signal(float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._busy = False

    def measure(self) -> None:
        if not self._busy:
            self._busy = True
            QThreadPool.globalInstance().start(_Measure(self))

    def finished(self, megabytes: float) -> None:
        self._busy = False
        self.measured.emit(megabytes)


class _Measure(QRunnable):
    def __init__(self, watch: MemoryWatch) -> None:
        super().__init__()
        self._watch = watch

    def run(self) -> None:
        megabytes = memory_mb()
        try:
            self._watch.finished(megabytes)
        except RuntimeError:
            return  # the window closed meanwhile


def memory_mb() -> float:
    """Resident memory of this process and all its children; pages they share are counted once each."""
    import psutil

    me = psutil.Process()
    total = 0
    for process in (me, *me.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # it ended while we looked
    return total / 2**20


def ago(seconds: float) -> str:
    """`just now`, `2 min ago`, `3 h ago`."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 60 else f"{minutes // 60} h ago"


class _Dot(QWidget):
    """A state's dot, 7 across."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._token = theme, "warn"
        self.setFixedSize(8, 16)
        theme.changed.connect(self.update)

    def set_token(self, token: str) -> None:
        self._token = token
        self.update()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color(self._token))
        painter.drawEllipse(QPointF(4, 8.5), 3.5, 3.5)
