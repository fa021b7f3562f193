"""A job as a card: whom it is about, how far it is, and how to pause, stop, resume or show it."""

from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.jobs.pictures import covering
from app.jobs.state import RESUMABLE, JobState
from app.theme.buttons import ElidedWords, IconButton, Words
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SIZES, TYPE

CARD_HEIGHT, ENDED_HEIGHT, PICTURE = 96, 68, 44
KIND_ICONS = {"render": "movie-open-outline", "capture": "video-plus-outline", "train": "brain",
              "fit": "face-man-outline", "evaluate": "chart-line", "speak": "account-voice"}  # fmt: skip
STATE_ICONS = {
    "queued": ("clock-outline", "t2"),
    "running": ("progress-clock", "acc"),
    "paused": ("pause", "warn"),
    "done": ("check-circle", "voice"),
    "failed": ("alert-circle-outline", "err"),
    "stopped": ("stop", "t2"),
}
SHOW_WORDS = {"render": "Show clip", "train": "Put it on stage", "evaluate": "Show the report"}


class JobCard(QFrame):
    """288 wide; 96 high while it is open, 68 when it has ended. Click, Space or Return choose it.

    Signals: each names the job by its id.
    """

    chosen = Signal(str)
    stop_wanted = Signal(str)
    pause_wanted = Signal(str)
    resume_wanted = Signal(str)
    show_wanted = Signal(str)

    def __init__(self, theme: Theme, job: JobState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self.job = theme, job
        self.is_chosen = False
        self.setProperty("role", "card")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(8)
        self.picture = JobPicture(theme, KIND_ICONS.get(job.kind, "progress-clock"))
        head.addWidget(self.picture)
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addStretch()
        self.title = ElidedWords(theme, job.title, weight=MEDIUM)
        line = QHBoxLayout()
        line.setSpacing(5)
        self._state_icon = _StateIcon(theme)
        self.sentence = ElidedWords(theme, "", TYPE.secondary, tone="t2")
        line.addWidget(self._state_icon)
        line.addWidget(self.sentence, 1)
        words.addWidget(self.title)
        words.addLayout(line)
        words.addStretch()
        head.addLayout(words, 1)
        self.pause = self._button("pause", "Pause", self.pause_wanted, "It goes on from here when you resume it.")
        self.resume = self._button("play", "Resume", self.resume_wanted)
        self.stop = self._button("stop", "Stop this job", self.stop_wanted)
        self.result = self._button("play-circle-outline", "Show", self.show_wanted)
        for widget in (self.pause, self.resume, self.stop, self.result):
            head.addWidget(widget)
        column.addLayout(head)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        column.addWidget(self._bar)
        self._foot = QWidget()
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        self.percent = Words(theme, "", TYPE.secondary)
        self.left = Words(theme, "", TYPE.secondary, tone="t2")
        foot.addWidget(self.percent)
        foot.addStretch()
        foot.addWidget(self.left)
        column.addWidget(self._foot)
        theme.changed.connect(self.update)
        self.show_job(job)

    def show_job(self, job: JobState) -> None:
        self.job = job
        self.setFixedHeight(CARD_HEIGHT if job.is_open else ENDED_HEIGHT)
        icon, tone = STATE_ICONS.get(job.state, STATE_ICONS["queued"])
        self._state_icon.show_icon(icon, tone)
        self.title.setText(job.title)
        self.sentence.setText(sentence(job))
        self.sentence.set_tone({"failed": "err", "done": "voice"}.get(job.state, "t2"))
        self._bar.setVisible(job.is_open)
        self._foot.setVisible(job.is_open)
        is_unknown = job.state == "running" and job.total <= 0
        self._bar.setRange(0, 0 if is_unknown else max(1, job.total))
        self._bar.setValue(job.done)
        self.percent.setText(f"{job.part:.0%}" if job.part is not None else "")
        self.left.setText(time_left(job.seconds_left) if job.state == "running" else "")
        self.pause.setVisible(job.is_active and job.kind in RESUMABLE)
        self.resume.setVisible(job.can_resume)
        again = job.state != "paused"
        self.resume.set_icon("restart" if again else "play")
        self.resume.describe("Try again" if again else "Resume")
        self.stop.setVisible(job.is_open)
        self.result.setVisible(job.state == "done" and job.result is not None)
        self.result.describe(SHOW_WORDS.get(job.kind, "Show in its folder"))
        self.setAccessibleName(f"{job.title}, {sentence(job)}")

    def show_chosen(self, is_chosen: bool) -> None:
        if is_chosen != self.is_chosen:
            self.is_chosen = is_chosen
            self.update()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, focused = self._theme, self.hasFocus()
        edged = self.is_chosen or focused
        painter.setPen(QPen(theme.color("acc"), 2 if focused else 1) if edged else Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("soft" if self.is_chosen else "head"))
        inset = 1.0 if focused else 0.5
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), SIZES.radius, SIZES.radius)

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self.job.id)

    def keyPressEvent(self, event) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.job.id)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event) -> None:
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event) -> None:
        self.update()
        super().focusOutEvent(event)

    def _button(self, icon: str, name: str, signal, why: str = "") -> IconButton:
        button = IconButton(self._theme, icon, name, why=why, size=24, icon_size=16)
        button.clicked.connect(lambda: signal.emit(self.job.id))
        return button


class JobPicture(QWidget):
    """44 x 44: whom it is about, else what kind of work it is."""

    def __init__(self, theme: Theme, icon: str) -> None:
        super().__init__()
        self._theme, self._icon = theme, icon
        self.image = QImage()
        self.setFixedSize(PICTURE, PICTURE)

    def show_image(self, image: QImage) -> None:
        self.image = image
        self.update()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        edge, place = QPainterPath(), QRectF(self.rect())
        edge.addRoundedRect(place, SIZES.radius_field, SIZES.radius_field)
        painter.fillPath(edge, self._theme.color("field"))
        if self.image.isNull():
            draw_glyph(painter, QRectF(12, 12, 20, 20), self._icon, self._theme.color("t2"))
        else:
            painter.setClipPath(edge)
            painter.drawImage(place, self.image, covering(self.image, place))


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


def sentence(job: JobState) -> str:
    """How a job stands, in a few words."""
    if job.state == "failed":
        return job.message or "It stopped with an error."
    if job.state == "done":
        return job.message or (Path(job.result).name if job.result else "Done")
    if job.state in ("stopped", "paused"):
        return job.state.capitalize()
    if job.state == "queued":
        return "Waits for the job above"
    if (iteration := job.values.get("iteration")) is not None and job.kind == "train":
        return f"Step {iteration:,}" if isinstance(iteration, int) and job.stage == "Training" else job.stage
    count = f" {job.done:,} of {job.total:,}" if job.total and job.kind == "render" else ""
    return f"{job.stage or 'Starting'}{count}"
