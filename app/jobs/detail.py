"""The right panel of Jobs: how far the chosen job is, its figures, the checks of its dataset, and what comes then."""

import time
from datetime import datetime

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QCheckBox, QFrame, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.jobs.cards import sentence, time_left
from app.jobs.state import RESUMABLE, JobState
from app.jobs.steps import clock
from app.theme.buttons import ElidedWords, TextButton, Words, rule
from app.theme.icons import draw_glyph
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from engine.capture.checks import Check

FIGURES = (
    ("psnr", "PSNR in training", "{:.1f} dB"), ("psnr_training", "PSNR in training", "{:.1f} dB"),
    ("loss", "Loss", "{:.3f}"), ("splats", "Splats", "{:,.0f}"), ("ms", "A step takes", "{:,.0f} ms"),
    ("size_mb", "Avatar file", "{:.1f} MB"), ("n_frames", "Frames", "{:,.0f}"),
    ("tracked", "With a face", "{:,.0f}"), ("error_px", "Landmarks miss by", "{:.1f} px"),
    ("jitter_px", "Jitter", "{:.2f} px"),
)  # fmt: skip
"""What a command says of itself, and how it is shown."""

WAITING = {"queued": "Waits for the job above", "paused": "Goes on from here"}
SAVED = {
    "train": "Saved every minute and a half. You can close the window and resume.",
    "capture": "What is done is kept. You can close the window and resume.",
}


class JobDetail(QFrame):
    """Shows one job; its signals name it by its id.

    Signals: `plan_changed(id, report, to_stage)` when another thing is wanted at the end.
    """

    stop_wanted = Signal(str)
    pause_wanted = Signal(str)
    resume_wanted = Signal(str)
    show_wanted = Signal(str)
    log_wanted = Signal(str)
    plan_changed = Signal(str, bool, bool)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._job = theme, None
        self.setProperty("role", "panel")
        self.setAccessibleName("Job")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_head())
        column.addWidget(rule())
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._progress = self._section("", self._make_progress())
        self.figures = Figures(theme)
        self._so_far = self._section("So far", self.figures)
        self.checks = Checks(theme)
        self._checked = self._section("Dataset checks", self.checks)
        self._then = self._section("When it is done", self._make_then())
        self._failed = self._section("", self._make_failed())
        self._column.addStretch()
        area = OverlayScrollArea()
        area.setWidget(inner)
        column.addWidget(area, 1)
        self._foot = QWidget()
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(12, 10, 12, 10)
        foot.setSpacing(10)
        foot.addWidget(_Mark(theme, "check-circle", "voice"), 0, Qt.AlignmentFlag.AlignTop)
        self._saved = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        foot.addWidget(self._saved, 1)
        self._rule = rule()
        column.addWidget(self._rule)
        column.addWidget(self._foot)
        self.show_job(None)

    def show_job(self, job: JobState | None) -> None:
        """Another job, or how it goes on; None while there is none."""
        is_other = (job.id if job else "") != (self._job.id if self._job else "")
        self._job = job
        if is_other or job is None:
            self.checks.show_checks(())
            self._checked.hide()
        for part in (self.pause, self.resume, self.stop, self.show_result, self._progress, self._so_far, self._then,
                     self._failed, self._foot, self._rule):  # fmt: skip
            part.setVisible(False)
        if job is None:
            self._title.setText("No job chosen")
            self._since.setText("Press New to make an avatar.")
            return
        self._title.setText(job.title)
        self._since.setText(_since(job))
        can_pause = job.is_active and job.kind in RESUMABLE
        self.pause.setVisible(can_pause)
        self.stop.setVisible(job.is_open)
        self.resume.setVisible(job.can_resume)
        self.resume.setText(" Resume" if job.state == "paused" else " Try again")
        self.show_result.setVisible(job.state == "done" and job.result is not None)
        self.show_result.setText({"train": "Put it on stage", "evaluate": "Report"}.get(job.kind, "Show"))
        self._show_progress(job)
        self.figures.show_rows(_figures(job))
        self._so_far.setVisible(self.figures.n_rows > 0)
        is_making = "train" in (job.kind, *(order.kind for order in job.then))
        self._then.setVisible(is_making and job.is_open)
        for box, on in ((self.report, any(o.kind == "evaluate" for o in job.then)), (self.to_stage, job.to_stage)):
            box.blockSignals(True)
            box.setChecked(on)
            box.blockSignals(False)
        self._failed.setVisible(job.state == "failed")
        self._message.setText(job.message)
        self._saved.setText(SAVED.get(job.kind, ""))
        self._foot.setVisible(job.is_open and job.kind in SAVED)
        self._rule.setVisible(not self._foot.isHidden())

    def show_checks(self, checks: tuple[Check, ...] | str) -> None:
        """The checks of the dataset, or a sentence why there are none."""
        self.checks.show_checks(checks)
        self._checked.setVisible(self._job is not None)

    def _make_head(self) -> QWidget:
        head = QWidget()
        head.setFixedHeight(60)
        line = QHBoxLayout(head)
        line.setContentsMargins(12, 0, 12, 0)
        line.setSpacing(6)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch()
        self._title = ElidedWords(self._theme, "", TYPE.dialog_title, SEMIBOLD)
        self._since = ElidedWords(self._theme, "", TYPE.secondary, tone="t2")
        words.addWidget(self._title)
        words.addWidget(self._since)
        words.addStretch()
        line.addLayout(words, 1)
        theme = self._theme
        self.pause = TextButton(theme, "Pause", "pause", why="It goes on from here when you resume it.")
        self.resume = TextButton(theme, "Resume", "play")
        self.stop = TextButton(theme, "Stop", "stop", why="What is done is kept; it can be tried again.")
        self.show_result = TextButton(theme, "Show", kind="primary")
        for button, signal in ((self.pause, self.pause_wanted), (self.resume, self.resume_wanted),
                               (self.stop, self.stop_wanted), (self.show_result, self.show_wanted)):  # fmt: skip
            button.clicked.connect(lambda _=False, signal=signal: signal.emit(self._job.id))
            line.addWidget(button)
        return head

    def _make_progress(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.percent = Words(self._theme, "", TYPE.figure, SEMIBOLD)
        self.left = Words(self._theme, "")
        column.addLayout(_apart(self.percent, self.left))
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        column.addWidget(self._bar)
        self.stage = ElidedWords(self._theme, "", TYPE.secondary, tone="t2")
        self.until = Words(self._theme, "", TYPE.secondary, tone="t2")
        column.addLayout(_apart(self.stage, self.until))
        return box

    def _make_then(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.report, self.to_stage = QCheckBox("Test it on frames it has not seen"), QCheckBox("Put it on stage")
        self.report.setToolTip("A page beside the avatar tells how like the film it is.")
        for check in (self.report, self.to_stage):
            check.setFont(self._theme.font())
            check.toggled.connect(self._on_plan)
            column.addWidget(check)
        column.addWidget(Words(self._theme, "It joins the library by itself.", TYPE.secondary, tone="t3"))
        return box

    def _make_failed(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._message = Words(self._theme, "", tone="err", wrap=True)
        column.addWidget(self._message)
        self.log = TextButton(self._theme, "Show the log", kind="small", why="What the job wrote while it ran.")
        self.log.clicked.connect(lambda: self.log_wanted.emit(self._job.id))
        column.addWidget(self.log, 0, Qt.AlignmentFlag.AlignLeft)
        return box

    def _section(self, title: str, content: QWidget) -> QWidget:
        section = QWidget()
        column = QVBoxLayout(section)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        inside = QVBoxLayout()
        inside.setContentsMargins(12, 10, 12, 12)
        inside.setSpacing(6)
        if title:
            inside.addWidget(Words(self._theme, title, TYPE.base, SEMIBOLD))
        inside.addWidget(content)
        column.addLayout(inside)
        column.addWidget(rule())
        self._column.addWidget(section)
        return section

    def _show_progress(self, job: JobState) -> None:
        self._progress.setVisible(job.is_open)
        self.percent.setText(f"{job.part:.0%}" if job.part is not None else "–")
        is_running = job.state == "running"
        self.left.setText(time_left(job.seconds_left) if is_running else WAITING.get(job.state, ""))
        self._bar.setRange(0, 0 if is_running and job.total <= 0 else max(1, job.total))
        self._bar.setValue(job.done)
        self.stage.setText(sentence(job) if is_running else "")
        ends = datetime.fromtimestamp(time.time() + (job.seconds_left or 0))
        self.until.setText(f"Till about {ends:%H:%M}" if is_running and job.seconds_left else "")

    def _on_plan(self) -> None:
        if self._job is not None:
            self.plan_changed.emit(self._job.id, self.report.isChecked(), self.to_stage.isChecked())


class Figures(QWidget):
    """Rows of a name and a figure."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(7)
        self._grid.setColumnStretch(0, 1)
        self._rows: dict[str, QLabel] = {}

    @property
    def n_rows(self) -> int:
        return len(self._rows)

    def figure(self, name: str) -> str:
        return self._rows[name].text()

    def show_rows(self, rows: list[tuple[str, str]]) -> None:
        if [name for name, _ in rows] != list(self._rows):
            while self._grid.count():
                self._grid.takeAt(0).widget().deleteLater()
            self._rows = {}
            for i, (name, _) in enumerate(rows):
                self._grid.addWidget(Words(self._theme, name, tone="t2"), i, 0)
                self._rows[name] = Words(self._theme, "", weight=SEMIBOLD)
                self._grid.addWidget(self._rows[name], i, 1, Qt.AlignmentFlag.AlignRight)
        for name, figure in rows:
            self._rows[name].setText(figure)


class Checks(QWidget):
    """A row for each check: mark, words, figure; what helps stands in the tooltip, and below a warning."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 2, 0, 0)
        self._column.setSpacing(7)
        self.shown: tuple[Check, ...] | str | None = None

    def show_checks(self, checks: tuple[Check, ...] | str) -> None:
        if checks == self.shown:
            return
        self.shown = checks
        while self._column.count():
            self._column.takeAt(0).widget().deleteLater()
        if isinstance(checks, str):
            self._column.addWidget(Words(self._theme, checks, TYPE.secondary, tone="err", wrap=True))
            return
        for check in sorted(checks, key=lambda check: not check.is_good):
            self._column.addWidget(self._row(check))

    def _row(self, check: Check) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        mark = ("check-circle", "voice") if check.is_good else ("alert", "warn")
        line.addWidget(_Mark(self._theme, *mark))
        line.addWidget(ElidedWords(self._theme, check.name), 1)
        line.addWidget(Words(self._theme, check.figure, TYPE.secondary, tone="t2"))
        row.setToolTip("" if check.is_good else check.remedy)
        row.setAccessibleName(f"{check.name}: {check.figure}. {'' if check.is_good else check.remedy}".strip())
        return row


class _Mark(QWidget):
    def __init__(self, theme: Theme, icon: str, tone: str) -> None:
        super().__init__()
        self._theme, self._icon, self._tone = theme, icon, tone
        self.setFixedSize(16, 16)

    def paintEvent(self, event) -> None:
        draw_glyph(QPainter(self), QRectF(self.rect()), self._icon, self._theme.color(self._tone))


def _apart(first: QWidget, second: QWidget) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setContentsMargins(0, 0, 0, 0)
    line.addWidget(first, 1)
    line.addWidget(second, 0, Qt.AlignmentFlag.AlignBottom)
    return line


def _since(job: JobState) -> str:
    if job.began is None:
        return "Has not begun"
    if job.ended is not None and not job.is_open:
        return f"Took {clock(job.ended - job.began)}"
    began = datetime.fromtimestamp(job.began)
    today = began.date() == datetime.now().date()
    return f"Since {began:%H:%M}" if today else f"Since {began:%d %B, %H:%M}"


def _figures(job: JobState) -> list[tuple[str, str]]:
    rows = {}
    for name, words, form in FIGURES:
        value = job.values.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            rows[words] = form.format(value)
    return list(rows.items())
