"""The Jobs workspace: joins the session's jobs with their list, the middle and the detail."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.jobs.state import JobState
from app.windows.file_tasks import FileTasks, show_file
from app.windows.main_window import MainWindow
from app.windows.workspaces import Panes, Workspace

if TYPE_CHECKING:
    from app.jobs.job_list import JobList
    from app.jobs.look import Film
    from app.jobs.looker import Seen
    from engine.capture.checks import Quality

LEFT, LEFT_NARROW, RIGHT = 300, 260, 320


class JobsWorkspace(QObject):
    """Built when it is first shown, of parts that may be there by then; before, only the chip of the top bar knows."""

    def __init__(self, window: MainWindow, session, wiring, sheets, tasks: FileTasks) -> None:
        super().__init__(window)
        self._window, self._session, self._jobs = window, session, session.jobs
        self._wiring, self._sheets, self._tasks = wiring, sheets, tasks
        self._film: Film | None = None
        self._quality: Quality | None = None
        self._pictured: set[tuple[str, str]] = set()
        self.list: JobList | None = None
        self._parts: dict[type, QWidget] = {}  # made ahead
        self.is_active = False
        self._jobs.changed.connect(self._on_job)
        self._jobs.cleared.connect(self._on_cleared)
        window.top_bar.jobs_wanted.connect(self.toggle)
        sheets.making_began.connect(self.show_newest)
        self._show_count()

    def entry(self) -> Workspace:
        return Workspace("jobs", "Jobs", self._build, self._enter, self._leave, in_switch=False)

    def toggle(self) -> None:
        """To the jobs, and back to where one was."""
        workspaces = self._window.workspaces
        workspaces.show(workspaces.before if self.is_active else "jobs")

    def show_newest(self) -> None:
        """To the job that was asked for last."""
        self._window.workspaces.show("jobs")
        if self._jobs.states:
            self._choose(self._jobs.states[-1].id)

    # Making

    def prepare(self) -> Iterator[None]:
        """Makes the parts one by one: all of them at once would hold up a talking face."""
        from app.jobs.detail import JobDetail
        from app.jobs.job_list import JobList
        from app.jobs.loss_plot import LossPanel
        from app.jobs.stage import JobStage

        for kind in (JobList, JobDetail, LossPanel, JobStage):
            if self.list is not None:
                return
            self._parts[kind] = self._part(kind)
            yield

    def _part(self, kind: type) -> QWidget:
        from app.jobs.loss_plot import LossPanel
        from app.jobs.stage import JobStage

        if kind in self._parts:
            return self._parts.pop(kind)
        theme = self._window.theme
        return JobStage(theme, self._part(LossPanel)) if kind is JobStage else kind(theme)

    def _build(self) -> Panes:
        from app.jobs.detail import JobDetail
        from app.jobs.job_list import JobList
        from app.jobs.looker import Looker
        from app.jobs.stage import JobStage

        jobs = self._jobs
        self.list, self.stage, self.detail = (self._part(kind) for kind in (JobList, JobStage, JobDetail))
        self.looker = Looker(self._tasks, self)
        for panel in (self.list, self.detail):
            panel.stop_wanted.connect(jobs.stop)
            panel.pause_wanted.connect(jobs.pause)
            panel.resume_wanted.connect(jobs.resume)
            panel.show_wanted.connect(self._show_result)
        self.list.chosen.connect(self._choose)
        self.list.clear_wanted.connect(jobs.clear_ended)
        self.list.new_wanted.connect(self._sheets.open_make_avatar)
        self.stage.new_wanted.connect(self._sheets.open_make_avatar)
        self.detail.plan_changed.connect(self._replan)
        self.detail.log_wanted.connect(self._show_log)
        self.stage.film.frame_chosen.connect(self.looker.choose_frame)
        self.looker.seen.connect(self._on_seen)
        self.looker.quality_read.connect(self._on_quality)
        for job in jobs.states:
            self.list.show_job(job)
        return Panes(left=self.list, stage=self.stage, right=self.detail, has_live_bar=False, has_bottom=False,
                     left_width=LEFT, left_narrow=LEFT_NARROW, right_width=RIGHT)  # fmt: skip

    def _enter(self) -> None:
        self.is_active = True
        self._show_count()
        cards = self.list.cards
        if not self.list.current and cards:
            self._choose(cards[0].job.id)
        for card in cards:
            self._picture_of(card.job)
        self.looker.set_active(True)

    def _leave(self) -> None:
        self.is_active = False
        self._show_count()
        self.looker.set_active(False)

    # Events

    def _on_job(self, job: JobState) -> None:
        self._show_count()
        if self.list is None:
            return
        follows = bool(job.before) and job.before[-1] == self.list.current
        self.list.show_job(job)
        if self.is_active:
            self._picture_of(job)
        if follows and self.list.current != job.id:  # who watched the capture goes on to the training
            self._choose(job.id)
        elif job.id == self.list.current:
            self._show_current(job)
        elif not self.list.current and self.is_active:
            self._choose(job.id)

    def _on_cleared(self, identities: list[str]) -> None:
        if self.list is not None:
            self.list.forget(identities)
        self._show_count()

    def _choose(self, identity: str) -> None:
        """Shows a job in full; "" shows that there is none."""
        job = self._job(identity)
        self.list.show_current(identity)
        self._film = self._quality = None
        self.stage.show_job(job)
        self.detail.show_job(job)
        self.looker.show_job(job)
        if job is not None:
            self._show_current(job)

    def _show_current(self, job: JobState) -> None:
        from app.jobs.steps import steps_of

        self.detail.show_job(job)
        self.looker.show_job(job)
        self.stage.show_steps(steps_of(job, self._jobs.states, self._film, self._quality))
        if job.kind == "train":
            self.stage.loss.show_end(job.part if job.is_open else 1.0)

    def _on_seen(self, seen: "Seen") -> None:
        stage = self.stage
        if seen.film is not None:
            self._film = seen.film
            stage.film.show_film(seen.film)
        if seen.small is not None:
            stage.film.strip.show_small(seen.small)
        if seen.frame is not None:
            stage.pictures.show_frame(seen.frame)
            stage.film.strip.show_frame(seen.frame.index)
        if seen.pair is not None:
            stage.pictures.show_pair(seen.pair)
        if seen.loss is not None:
            stage.loss.show_loss(seen.loss)
        job = self._job(self.list.current)
        if job is not None:
            self._picture_of(job)
            self._show_current(job)

    def _on_quality(self, dataset: Path, quality: "Quality | str") -> None:
        job = self._job(self.list.current)
        if job is None or self._film is None or self._film.folder != dataset:
            return
        self._quality = None if isinstance(quality, str) else quality
        self.stage.film.show_quality(self._quality)
        self.detail.show_checks(quality if isinstance(quality, str) else quality.checks)
        self._show_current(job)

    def _picture_of(self, job: JobState) -> None:
        """Reads what stands on a job's card, once for each of its states until there is something."""
        key = (job.id, job.state if job.kind != "capture" else f"{job.state} {job.stage}")
        if key in self._pictured:
            return
        from app.jobs.look import card_picture, places_of

        self._pictured.add(key)
        self._tasks.run(partial(card_picture, places_of(job)), partial(self._on_picture, job.id))

    def _on_picture(self, identity: str, image: object) -> None:
        if isinstance(image, QImage) and not image.isNull():
            self.list.show_picture(identity, image)

    # What is asked

    def _replan(self, identity: str, report: bool, to_stage: bool) -> None:
        job = self._job(identity)
        if job is None:
            return
        from app.jobs.making import report_order

        then = [order for order in job.then if order.kind != "evaluate"]
        orders = [(job.kind, job.order), *((order.kind, order.order) for order in then)]
        trained = next((order for kind, order in orders if kind == "train"), None)
        if report and trained is not None:
            name = Path(trained["output"]).stem
            then.append(report_order(name, Path(trained["output"]), Path(trained["dataset"])))
        self._jobs.replan(identity, then, to_stage)

    def _show_result(self, identity: str) -> None:
        job = self._job(identity)
        if job is not None and job.result is not None:
            self._wiring.show_result(Path(job.result))

    def _show_log(self, identity: str) -> None:
        job = self._job(identity)
        if job is not None:
            show_file(job.log)

    def _job(self, identity: str) -> JobState | None:
        return next((job for job in self._jobs.states if job.id == identity), None)

    def _show_count(self) -> None:
        self._window.top_bar.show_jobs(sum(job.is_active for job in self._jobs.states), self.is_active)
