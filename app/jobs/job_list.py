"""The left panel of Jobs: what runs and waits, what has ended, and the way to a new avatar."""

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.jobs.cards import JobCard
from app.jobs.state import JobState
from app.panels.library import Section
from app.theme.buttons import TextButton, Words, rule
from app.theme.icons import draw_glyph
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, SIZES, TYPE


class JobList(QFrame):
    """Cards, the newest of what ended first; Up and Down move the choice.

    Signals: `chosen` and the cards' own name a job by its id; `new_wanted`, `clear_wanted`.
    """

    chosen = Signal(str)
    stop_wanted = Signal(str)
    pause_wanted = Signal(str)
    resume_wanted = Signal(str)
    show_wanted = Signal(str)
    new_wanted = Signal()
    clear_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._cards: dict[str, JobCard] = {}
        self.current = ""
        self.setProperty("role", "panel")
        self.setAccessibleName("Jobs")
        head = QWidget()
        head.setFixedHeight(SIZES.panel_head)
        line = QHBoxLayout(head)
        line.setContentsMargins(12, 0, 6, 0)
        line.addWidget(Words(theme, "Jobs", TYPE.card_title, SEMIBOLD))
        line.addStretch()
        self.new = TextButton(theme, "New", "plus", "small", why="Makes an avatar of a video or a dataset.")
        self.new.clicked.connect(self.new_wanted)
        line.addWidget(self.new)
        clear = TextButton(theme, "Clear", kind="quiet", why="Takes away what has ended; the files stay.")
        clear.clicked.connect(self.clear_wanted)
        self.clear = clear
        self._earlier = Section(theme, "Earlier", clear)
        self._earlier.folded.connect(lambda _: self._arrange())
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(6, 6, 6, 6)
        self._column.setSpacing(4)
        self._empty = Words(theme, "Nothing runs. Exports, captures and trainings appear here.", TYPE.secondary,
                            tone="t3", wrap=True)  # fmt: skip
        self._empty.setContentsMargins(6, 6, 6, 6)
        self._column.addWidget(self._empty)
        self._column.addWidget(self._earlier)
        self._column.addStretch()
        area = self._area = OverlayScrollArea()
        area.setWidget(inner)
        self.drop = VideoDrop(theme)
        self.drop.clicked.connect(self.new_wanted)
        foot = QWidget()
        around = QVBoxLayout(foot)
        around.setContentsMargins(6, 6, 6, 6)
        around.addWidget(self.drop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(rule())
        column.addWidget(area, 1)
        column.addWidget(foot)
        self._arrange()

    @property
    def cards(self) -> list[JobCard]:
        """Every card, in the order it stands."""
        return self._ordered()

    def show_job(self, job: JobState) -> None:
        """A job began, went on or ended."""
        card = self._cards.get(job.id)
        if card is not None:
            moved = card.job.state != job.state
            if moved and job.state == "queued":
                self._cards[job.id] = self._cards.pop(job.id)  # behind what waits already
            card.show_job(job)
            if not moved:
                return
        else:
            card = self._cards[job.id] = JobCard(self._theme, job)
            card.chosen.connect(self._choose)
            for signal, onward in ((card.stop_wanted, self.stop_wanted), (card.pause_wanted, self.pause_wanted),
                                   (card.resume_wanted, self.resume_wanted),
                                   (card.show_wanted, self.show_wanted)):  # fmt: skip
                signal.connect(onward)
        self._arrange()

    def forget(self, identities: list[str]) -> None:
        """These jobs are no longer listed."""
        for identity in identities:
            card = self._cards.pop(identity, None)
            if card is not None:
                self._column.removeWidget(card)
                card.deleteLater()
        self._arrange()
        if self.current in identities:
            ordered = self._ordered()
            self.chosen.emit(ordered[0].job.id if ordered else "")

    def show_picture(self, identity: str, image: QImage) -> None:
        if identity in self._cards:
            self._cards[identity].picture.show_image(image)

    def show_current(self, identity: str) -> None:
        """Marks a card without telling anyone."""
        self.current = identity
        for known, card in self._cards.items():
            card.show_chosen(known == identity)
        if identity in self._cards:
            self._area.ensureWidgetVisible(self._cards[identity], 0, 8)

    def _choose(self, identity: str) -> None:
        if identity != self.current:
            self.show_current(identity)
            self.chosen.emit(identity)

    def _ordered(self) -> list[JobCard]:
        cards = list(self._cards.values())
        rank = {"running": 0, "queued": 1, "paused": 2}
        is_open = sorted((c for c in cards if c.job.is_open), key=lambda c: rank[c.job.state])
        ended = [c for c in cards if not c.job.is_open]
        return [*is_open, *sorted(ended, key=lambda c: -(c.job.ended or 0.0))]

    def _arrange(self) -> None:
        ordered = self._ordered()
        n_open = sum(card.job.is_open for card in ordered)
        for at, card in enumerate(ordered):
            where = at + 1 if at < n_open else at + 2
            if self._column.indexOf(card) != where:
                self._column.insertWidget(where, card)
            card.setVisible(at < n_open or not self._earlier.is_folded)
        self._column.removeWidget(self._earlier)
        self._column.insertWidget(1 + n_open, self._earlier)
        self._empty.setVisible(not n_open)
        self._earlier.setVisible(len(ordered) > n_open)
        self._earlier.show_count(len(ordered) - n_open)

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(event.key())
        names = [card.job.id for card in self._ordered()]
        if step is None or not names:
            super().keyPressEvent(event)
            return
        at = names.index(self.current) if self.current in names else -1
        self._choose(names[min(max(at + step, 0), len(names) - 1)])
        self._cards[self.current].setFocus(Qt.FocusReason.TabFocusReason)


class VideoDrop(QAbstractButton):
    """Where a video is dropped; a click asks for one."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedHeight(88)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Drop a video of someone talking")
        self.setToolTip("Drop it anywhere in the window, or click to choose one.")
        theme.changed.connect(self.update)

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(theme.color("acc" if self.hasFocus() else "line2"), 1)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        width, centre = self.width(), Qt.AlignmentFlag.AlignCenter
        tone = theme.color("t1" if self.underMouse() else "t2")
        draw_glyph(painter, QRectF(width / 2 - 9, 16, 18, 18), "video-plus-outline", tone)
        painter.setFont(theme.font(TYPE.base, MEDIUM))
        painter.setPen(theme.color("t1"))
        painter.drawText(QRectF(4, 39, width - 8, 17), centre, "Drop a video of someone talking")
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t3"))
        painter.drawText(QRectF(4, 57, width - 8, 16), centre, "One to five minutes, face in view, even light")

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)
