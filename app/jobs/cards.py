"""Jobs: what is being rendered, captured or trained, how far it is, and what came of it."""

import time
from pathlib import Path

from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from app.theme.buttons import ElidedWords, IconButton, TextButton, Words
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE

WIDTH, CARD_HEIGHT, ENDED_HEIGHT = 300, 96, 68
KIND_ICONS = {"render": "movie-open-outline", "capture": "video-plus-outline", "train": "brain"}
STATE_ICONS = {
    "queued": ("clock-outline", "t2"),
    "running": ("progress-clock", "acc"),
    "done": ("check-circle", "voice"),
    "failed": ("alert-circle-outline", "err"),
    "stopped": ("stop", "t2"),
}


class JobCard(QFrame):
    """288 wide; 96 high while it runs, 68 when it has ended."""

    stop_wanted = Signal(str)
    show_wanted = Signal(object)
    log_wanted = Signal(object)

    def __init__(self, theme: Theme, job, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self.job = theme, job
        self.setProperty("role", "card")
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(_JobPicture(theme, KIND_ICONS.get(job.kind, "progress-clock")))
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addStretch()
        self._title = ElidedWords(theme, job.title, weight=MEDIUM)
        line = QHBoxLayout()
        line.setSpacing(5)
        self._state_icon = _StateIcon(theme)
        self._sentence = ElidedWords(theme, "", TYPE.secondary, tone="t2")
        line.addWidget(self._state_icon)
        line.addWidget(self._sentence, 1)
        words.addWidget(self._title)
        words.addLayout(line)
        words.addStretch()
        head.addLayout(words, 1)
        self.stop = IconButton(theme, "stop", "Stop this job", size=24, icon_size=16)
        self.stop.clicked.connect(lambda: self.stop_wanted.emit(self.job.id))
        self.result = IconButton(theme, "play-circle-outline", "Show", size=24, icon_size=18)
        self.result.clicked.connect(lambda: self.show_wanted.emit(self.job.result))
        self.log = TextButton(theme, "Log", kind="small", why="What the job wrote while it ran.")
        self.log.clicked.connect(lambda: self.log_wanted.emit(self.job.log))
        for widget in (self.stop, self.result, self.log):
            head.addWidget(widget)
        column.addLayout(head)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        column.addWidget(self._bar)
        foot = QHBoxLayout()
        self._percent = Words(theme, "", TYPE.secondary)
        self._left = Words(theme, "", TYPE.secondary, tone="t2")
        foot.addWidget(self._percent)
        foot.addStretch()
        foot.addWidget(self._left)
        self._foot = QWidget()
        self._foot.setLayout(foot)
        foot.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._foot)
        self.show_job(job)

    def show_job(self, job) -> None:
        self.job = job
        runs = job.state in ("queued", "running")
        self.setFixedHeight(CARD_HEIGHT if runs else ENDED_HEIGHT)
        icon, tone = STATE_ICONS.get(job.state, STATE_ICONS["queued"])
        self._state_icon.show_icon(icon, tone)
        self._title.setText(job.title)
        self._sentence.setText(_sentence(job))
        self._sentence.set_tone({"failed": "err", "done": "voice"}.get(job.state, "t2"))
        self._bar.setVisible(runs)
        self._foot.setVisible(runs)
        self._bar.setRange(0, job.total if job.total > 0 else 0)
        self._bar.setValue(job.done)
        self._percent.setText(f"{100 * job.done // job.total} %" if job.total > 0 else "")
        self._left.setText(time_left(job.seconds_left) if job.state == "running" else "Waits for the job above")
        self.stop.setVisible(runs)
        self.result.setVisible(job.state == "done" and job.result is not None)
        self.result.describe("Show clip" if job.kind == "render" else "Show in folder")
        self.log.setVisible(job.state == "failed")
        self.setAccessibleName(f"{job.title}, {_sentence(job)}")


class JobsPopover(QFrame):
    """The list of jobs under the top bar's chip: running ones first, then what ended."""

    stop_wanted = Signal(str)
    show_wanted = Signal(object)
    log_wanted = Signal(object)
    count_changed = Signal(int, int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._theme = theme
        self._cards: dict[str, JobCard] = {}
        self._ended: dict[str, float] = {}
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setFixedWidth(WIDTH + 12)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 10, 6, 6)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setContentsMargins(6, 0, 2, 0)
        head.addWidget(Words(theme, "Jobs", TYPE.card_title, SEMIBOLD))
        head.addStretch()
        self._clear = TextButton(theme, "Clear", kind="quiet", why="Takes away what has ended.")
        self._clear.clicked.connect(self._clear_ended)
        head.addWidget(self._clear)
        column.addLayout(head)
        self._empty = Words(
            theme, "No jobs. Export a take, or stop recording, and it appears here.", tone="t2", wrap=True
        )
        self._empty.setContentsMargins(6, 0, 6, 8)
        column.addWidget(self._empty)
        inner = QWidget()
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(4)
        self._list.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inner)
        column.addWidget(self._scroll)
        theme.changed.connect(self.update)
        self._arrange()

    @property
    def n_running(self) -> int:
        return sum(card.job.state in ("queued", "running") for card in self._cards.values())

    @property
    def cards(self) -> list[JobCard]:
        return list(self._cards.values())

    def show_job(self, job) -> None:
        """A job began, went on or ended."""
        card = self._cards.get(job.id)
        if card is None:
            card = self._cards[job.id] = JobCard(self._theme, job)
            for signal, onward in ((card.stop_wanted, self.stop_wanted), (card.show_wanted, self.show_wanted),
                                   (card.log_wanted, self.log_wanted)):  # fmt: skip
                signal.connect(onward)
        else:
            card.show_job(job)
        if job.state not in ("queued", "running"):
            self._ended.setdefault(job.id, time.monotonic())
        self._arrange()

    def open_under(self, anchor: QWidget) -> None:
        """Shows the list under a widget, right edges together."""
        self._arrange()
        corner = anchor.mapToGlobal(QPoint(anchor.width() - self.width(), anchor.height() + 6))
        screen = (anchor.screen() or QGuiApplication.primaryScreen()).availableGeometry()
        self.move(max(screen.left() + 4, min(corner.x(), screen.right() - self.width() - 4)), corner.y())
        self.show()

    def _arrange(self) -> None:
        cards = sorted(self._cards.values(), key=lambda c: (c.job.id in self._ended, -self._ended.get(c.job.id, 0)))
        for i, card in enumerate(cards):
            if self._list.indexOf(card) != i:
                self._list.insertWidget(i, card)
        self._empty.setVisible(not cards)
        self._scroll.setVisible(bool(cards))
        self._clear.setVisible(bool(self._ended))
        heights = [CARD_HEIGHT if c.job.state in ("queued", "running") else ENDED_HEIGHT for c in cards]
        self._scroll.setFixedHeight(min(520, sum(heights) + 4 * max(0, len(heights) - 1)))
        self.layout().invalidate()
        self.setFixedHeight(self.layout().sizeHint().height())
        self.count_changed.emit(self.n_running, len(cards))

    def _clear_ended(self) -> None:
        for job_id in list(self._ended):
            card = self._cards.pop(job_id)
            self._list.removeWidget(card)
            card.deleteLater()
        self._ended.clear()
        self._arrange()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("line2"), 1))
        painter.setBrush(self._theme.color("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)


class _JobPicture(QWidget):
    """44 x 44: what kind of work it is."""

    def __init__(self, theme: Theme, icon: str) -> None:
        super().__init__()
        self._theme, self._icon = theme, icon
        self.setFixedSize(44, 44)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("field"))
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        draw_glyph(painter, QRectF(12, 12, 20, 20), self._icon, self._theme.color("t2"))


class _StateIcon(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._icon, self._tone = theme, "clock-outline", "t2"
        self.setFixedSize(14, 14)

    def show_icon(self, icon: str, tone: str) -> None:
        self._icon, self._tone = icon, tone
        self.update()

    def paintEvent(self, event) -> None:
        draw_glyph(QPainter(self), QRectF(self.rect()), self._icon, self._theme.color(self._tone))


def time_left(seconds: float | None) -> str:
    """`9 s left`, `38 min left`, `2 h 5 min left`; nothing while unknown."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min left"


def _sentence(job) -> str:
    if job.state == "failed":
        return job.message or "It stopped with an error."
    if job.state == "done":
        return job.message or (Path(job.result).name if job.result else "Done")
    if job.state == "stopped":
        return "Stopped"
    if job.state == "queued":
        return "Waits"
    count = f" {job.done:,} of {job.total:,}" if job.total else ""
    return f"{job.stage or 'Starting'}{count}"
