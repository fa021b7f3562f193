"""The way from a video to an avatar as steps: which are behind a job, where it stands, what is still to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QFrame

from app.jobs.look import Film
from app.jobs.state import JobState
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE
from engine.capture.checks import Quality

HEIGHT, CIRCLE, PADDING, GAP = 60, 24, 16, 8
DASH, LEAST_DASH = 40, 8
TITLES = {"capture": "Capture", "fit": "Head", "train": "Train", "evaluate": "Test", "render": "Render",
          "speak": "Speak"}  # fmt: skip
MAKING = ("capture", "fit", "train")


@dataclass(frozen=True)
class Step:
    """One circle: what it is, a few words on how it stands; `state` is done, now, failed or open."""

    title: str
    words: str
    state: str


def steps_of(job: JobState, jobs: Sequence[JobState], film: Film | None, quality: Quality | None) -> list[Step]:
    """All steps of a job's chain, those before and after it included."""
    known = {other.id: other for other in jobs}
    before = [known[identity] for identity in job.before if identity in known]
    following = list(job.then)
    while (after := next((j for j in jobs if j.before and j.before[-1] == (before + [job])[-1].id), None)) is not None:
        before, job, following = [*before, job], after, list(after.then)
    chain = [*before, job]
    is_making = any(one.kind in MAKING for one in chain)
    steps = [_source(chain[0], film)] if is_making else []
    for one in chain:
        steps.append(Step(TITLES.get(one.kind, one.kind.capitalize()), _words(one, film), _state(one)))
        if one.kind == "capture":
            steps.append(_check(one, quality))
    steps += [Step(TITLES.get(order.kind, order.kind.capitalize()), "Then", "open") for order in following]
    if is_making:
        trained = next((one for one in chain if one.kind == "train"), None)
        is_there = trained is not None and trained.state == "done"
        words = "It is there" if is_there else "Then on stage" if job.to_stage else "Then perform"
        steps.append(Step("Library", words, "done" if is_there else "open"))
    return steps


def _source(first: JobState, film: Film | None) -> Step:
    source = Path(str(first.order.get("video") or first.order.get("dataset") or ""))
    words = clock(film.seconds) if film is not None else source.stem
    return Step("Video" if first.kind == "capture" else "Dataset", words, "done")


def _check(capture: JobState, quality: Quality | None) -> Step:
    if capture.state != "done":
        return Step("Check", "Sound, light, turns", "open")
    if quality is None:
        return Step("Check", "Looking", "open")
    n = quality.n_warnings
    return Step("Check", "All well" if not n else f"{n} warning" + ("s" if n > 1 else ""), "done")


def _state(job: JobState) -> str:
    return {"done": "done", "failed": "failed", "stopped": "failed"}.get(job.state, "now")


def _words(job: JobState, film: Film | None) -> str:
    if job.state in ("failed", "stopped", "paused"):
        return job.state.capitalize()
    if job.state == "queued":
        return "Waits"
    iteration = job.values.get("iteration") or job.values.get("iterations")
    if job.kind == "train" and isinstance(iteration, int):
        return f"Step {iteration:,}"
    if job.kind == "capture" and film is not None:
        return f"{film.n_frames:,} frames"
    return "Done" if job.state == "done" else f"{job.part:.0%}" if job.part is not None else job.stage


def clock(seconds: float) -> str:
    """`45 s`, `2 min 14 s`, `1 h 52 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def shared(wanted: list[float], room: float) -> list[float]:
    """Widths that fit a room: what is narrow keeps what it wants, the widest give way alike."""
    given, left = dict.fromkeys(range(len(wanted)), 0.0), max(0.0, room)
    for n, i in enumerate(sorted(given, key=lambda i: wanted[i])):
        given[i] = min(wanted[i], left / (len(wanted) - n))
        left -= given[i]
    return list(given.values())


class Stepper(QFrame):
    """A row of numbered circles, tick when done; words give way before circles do."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.steps: list[Step] = []
        self.setProperty("role", "panel")
        self.setFixedHeight(HEIGHT)
        theme.changed.connect(self.update)

    def show_steps(self, steps: list[Step]) -> None:
        if steps != self.steps:
            self.steps = steps
            said = [f"{i}. {step.title}: {step.words}" for i, step in enumerate(steps, 1)]
            self.setAccessibleName("Steps: " + "; ".join(said))
            self.setToolTip("\n".join(said))
            self.update()

    def paintEvent(self, event) -> None:
        super().paintEvent(event)
        if not self.steps:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        title_font, words_font = theme.font(TYPE.base, MEDIUM), theme.font(TYPE.secondary)
        titles = [QFontMetricsF(title_font).horizontalAdvance(step.title) + 2 for step in self.steps]
        wide = [max(title, QFontMetricsF(words_font).horizontalAdvance(step.words) + 2)
                for title, step in zip(titles, self.steps, strict=True)]  # fmt: skip
        n_gaps = max(1, len(self.steps) - 1)
        free = self.width() - len(self.steps) * (CIRCLE + GAP) - n_gaps * 2 * GAP - 2 * PADDING
        room = free - LEAST_DASH * n_gaps
        is_now = [step.state == "now" for step in self.steps]
        said = [True] * len(wide)
        if sum(wide) > room:  # first only the present step says more than its title, then only it says anything
            said = is_now
            wide = [w if now else title for w, title, now in zip(wide, titles, is_now, strict=True)]
        if sum(wide) > room:
            wide = [w if now else 0.0 for w, now in zip(wide, is_now, strict=True)]
        dash = min(max((free - sum(wide)) / n_gaps, LEAST_DASH), DASH)
        wide = shared(wide, free - dash * n_gaps)
        x, middle = float(PADDING), self.height() / 2
        for i, (step, width) in enumerate(zip(self.steps, wide, strict=True)):
            self._paint_circle(painter, QRectF(x, middle - CIRCLE / 2, CIRCLE, CIRCLE), i + 1, step.state)
            x += CIRCLE + GAP
            if width > 24:
                top = middle - 17 if said[i] else middle - 8.5
                lines = [(title_font, step.title, "t1", top), (words_font, step.words, "t2", middle)]
                for font, words, tone, y in lines[: 2 if said[i] else 1]:
                    painter.setFont(font)
                    failed = step.state == "failed" and tone == "t2"
                    painter.setPen(theme.color("err" if failed else "t2" if step.state == "open" else tone))
                    shown = QFontMetricsF(font).elidedText(words, Qt.TextElideMode.ElideRight, width)
                    painter.drawText(QRectF(x, y, width, 17), Qt.AlignmentFlag.AlignVCenter, shown)
            x += width + GAP
            if i < len(self.steps) - 1:
                done = step.state == "done"
                painter.fillRect(QRectF(x, middle - 1, dash, 2), theme.color("voice" if done else "line2"))
                x += dash + GAP

    def _paint_circle(self, painter: QPainter, circle: QRectF, number: int, state: str) -> None:
        theme = self._theme
        ground = {"done": "voice_soft", "now": "fill", "failed": "raised", "open": "raised"}[state]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(ground))
        painter.drawEllipse(circle)
        if state in ("done", "failed"):
            icon, tone = ("check", "voice") if state == "done" else ("alert-circle-outline", "err")
            draw_glyph(painter, circle.adjusted(5, 5, -5, -5), icon, theme.color(tone))
            return
        painter.setFont(theme.font(TYPE.secondary, SEMIBOLD))
        painter.setPen(theme.color("on_fill" if state == "now" else "t2"))
        painter.drawText(circle, Qt.AlignmentFlag.AlignCenter, str(number))
