"""The middle of the Jobs workspace: steps, pictures, loss and film of the chosen job, or what to do without one."""

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.jobs.film_strip import FilmPanel
from app.jobs.loss_plot import LossPanel
from app.jobs.pictures import PicturesPanel
from app.jobs.state import JobState
from app.jobs.steps import Step, Stepper
from app.theme.buttons import TextButton, Words
from app.theme.icons import draw_glyph
from app.theme.scroll import BAR_WIDTH, OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, SIZES, TYPE

LEAST_HEIGHT, WORDS = 700, 400
OF_A_FILM = ("capture", "fit", "train", "evaluate")


class JobStage(QWidget):
    """Four panels, 4 px of ground between them; below 780 px they scroll."""

    new_wanted = Signal()

    def __init__(self, theme: Theme, loss: LossPanel) -> None:
        super().__init__()
        self.setAccessibleName("Job in full")
        inner = QWidget()
        inner.setMinimumHeight(LEAST_HEIGHT)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SIZES.gap)
        self.stepper = Stepper(theme)
        self.pictures, self.loss, self.film = PicturesPanel(theme), loss, FilmPanel(theme)
        column.addWidget(self.stepper)
        column.addWidget(self.pictures, 30)
        column.addWidget(self.loss, 23)
        column.addWidget(self.film, 17)
        area = OverlayScrollArea()
        area.setWidget(inner)
        self.empty = EmptyJobs(theme)
        self.empty.new_wanted.connect(self.new_wanted)
        self.plain = PlainJob(theme)
        self._pages = QStackedWidget()
        for page in (self.empty, self.plain, area):
            self._pages.addWidget(page)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(self._pages)
        self._column = column
        self.show_job(None)

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        bar = BAR_WIDTH if self.height() < LEAST_HEIGHT else 0  # beside the panels, not over them
        self._column.setContentsMargins(0, 0, bar, 0)

    def show_job(self, job: JobState | None) -> None:
        """Another job, or None while there is none; what is read of it comes later."""
        if job is None:
            self._pages.setCurrentIndex(0)
            return
        if job.kind not in OF_A_FILM:
            self.plain.show_job(job)
            self._pages.setCurrentIndex(1)
            return
        self._pages.setCurrentIndex(2)
        self.pictures.begin(job.kind == "train")
        self.film.begin()
        self.loss.setVisible(job.kind == "train")
        self.loss.begin()

    def show_steps(self, steps: list[Step]) -> None:
        self.stepper.show_steps(steps)


class EmptyJobs(QFrame):
    """What goes here, and the one thing to do."""

    new_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setProperty("role", "panel")
        centre = Qt.AlignmentFlag.AlignHCenter
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(4)
        column.addWidget(_Glyph(theme, "video-plus-outline", 40), 0, centre)
        column.addSpacing(4)
        column.addWidget(Words(theme, "Make an avatar from a video", TYPE.empty_title, SEMIBOLD), 0, centre)
        words = Words(theme, "Drop a video of someone talking. It is captured, checked and trained here, and then "
                      "joins the library.", tone="t2", wrap=True)  # fmt: skip
        words.setAlignment(centre)
        words.setFixedSize(WORDS, words.heightForWidth(WORDS))
        column.addWidget(words, 0, centre)
        column.addSpacing(8)
        self.new = TextButton(theme, "Choose a video or dataset", kind="primary")
        self.new.clicked.connect(self.new_wanted)
        column.addWidget(self.new, 0, centre)
        column.addStretch(5)


class PlainJob(QFrame):
    """A job without a film: what it makes, and that one may go on meanwhile."""

    WORDS = {
        "render": ("movie-open-outline", "The clip is drawn in a process of its own. Go on performing meanwhile."),
        "speak": ("account-voice", "The sound is spoken into a take, with its whole look-ahead."),
    }

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        centre = Qt.AlignmentFlag.AlignHCenter
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(4)
        self._icon = _Glyph(theme, "progress-clock", 40)
        column.addWidget(self._icon, 0, centre)
        column.addSpacing(4)
        self.title = Words(theme, "", TYPE.empty_title, SEMIBOLD)
        column.addWidget(self.title, 0, centre)
        self.words = Words(theme, "", tone="t2", wrap=True)
        self.words.setFixedWidth(WORDS)
        self.words.setAlignment(centre)
        line = QHBoxLayout()
        line.addStretch()
        line.addWidget(self.words)
        line.addStretch()
        column.addLayout(line)
        column.addStretch(5)

    def show_job(self, job: JobState) -> None:
        icon, words = self.WORDS.get(job.kind, ("progress-clock", "It runs in a process of its own."))
        self._icon.show_icon(icon)
        self.title.setText(job.title)
        output = job.order.get("output")
        self.words.setText(f"{words}\n{output}" if output else words)


class _Glyph(QWidget):
    def __init__(self, theme: Theme, icon: str, size: int) -> None:
        super().__init__()
        self._theme, self._icon = theme, icon
        self.setFixedSize(size, size)

    def show_icon(self, icon: str) -> None:
        self._icon = icon
        self.update()

    def paintEvent(self, event) -> None:
        draw_glyph(QPainter(self), QRectF(self.rect()), self._icon, self._theme.color("t3"))
