"""How quick the window is: start, slider to new frame, frames shown, and how long its event loop was ever held up."""

import compileall
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

import app
import engine
from app.application import display_problem, opened, parse, sample_voice
from app.trials.trial_window import set_environment
from app.windows.orders import render_order
from engine.errors import MouthpieceError, OutputError
from engine.progress import Progress

BEAT_MS = 2
SLIDER_MOVES = 60
MOVES = 0.02
"""Least change of a control's result that is the answer to a slider."""
PATIENCE_S = 180.0
DRAG_PX = 60
N_STAGES = 5


def measure_window(avatar: Path, seconds: float = 15.0, size: tuple[int, int] = (1440, 900)) -> Iterator[Progress]:
    """Opens the real window on an avatar that speaks a sound file, moves a slider and drags a panel meanwhile.

    The last `Progress` carries: `window_s`, `moving_s` (from before the window was made to shown, and to the first
    picture painted), `slot_p50_ms`, `slot_p95_ms` (slider set to the frame lying in the slots), `painted_p50_ms`,
    `painted_p95_ms` (to that frame painted), `fps` (different pictures painted a second), `blocked_max_ms`,
    `blocked_p99_ms` (how late a 2-ms beat of the event loop came), `busy_max_ms` (the window's own processor time
    between two beats: what the rest of the longest pause went to was another process); `job_fps` and so on are the
    same while a clip is rendered beside it.

    Raises:
        OutputError: without a display. MouthpieceError: if the avatar cannot be opened or never moves.
    """
    if display_problem(os.environ, sys.platform) is not None:
        raise OutputError("there is no display; put xvfb-run -a -s '-screen 0 1920x1200x24' before the command.")
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mp-trial-")))
        folders = {f"MOUTHPIECE_{name}": str(home / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
        stack.enter_context(set_environment(**folders))
        from PySide6.QtWidgets import QApplication

        from app.theme.theme import prepare_fonts

        prepare_fonts()
        application = QApplication.instance() or QApplication([sys.argv[0]])
        _warm_up()
        began = time.perf_counter()
        arguments = [str(Path(avatar).resolve()), "--size", f"{size[0]}x{size[1]}", "--voice", str(sample_voice())]
        studio = opened(application, parse(arguments))
        watch = _PaintWatch(studio)
        failures: list[str] = []
        studio.session.avatar_failed.connect(failures.append)
        try:
            _wait(application, lambda: studio.window.windowHandle().isExposed(), "the window")
            shown = time.perf_counter()
            studio.window.activateWindow()  # no window manager does it here, and a panel is dragged in an active window
            yield Progress("Opening", 1, N_STAGES)
            _wait(application, lambda: watch.sequences or failures, "the first picture")
            if failures:
                raise MouthpieceError(failures[0])
            result = {"window_s": round(shown - began, 2), "moving_s": round(watch.times[0] - began, 2)}
            yield Progress("Moving a slider", 2, N_STAGES)
            result |= _slider(application, studio, watch)
            yield Progress("Watching the event loop", 3, N_STAGES)
            result |= _blocking(application, studio, watch, seconds)
            yield Progress("Watching it beside a job", 4, N_STAGES)
            with _job(application, studio, Path(avatar).resolve(), home):
                beside = _blocking(application, studio, watch, seconds)
            result |= {f"job_{name}": value for name, value in beside.items()}
        finally:
            studio.window.close()
            studio.close()
            application.processEvents()
    yield Progress("Done", N_STAGES, N_STAGES, values=result)


class _PaintWatch:
    """Notes which frame was newest whenever the picture was painted."""

    def __init__(self, studio) -> None:
        from PySide6.QtCore import QEvent, QObject

        watch, session = self, studio.session
        self.times: list[float] = []
        self.sequences: list[int] = []
        self.results: list[np.ndarray] = []

        class Filter(QObject):
            def eventFilter(self, watched, event) -> bool:
                if event.type() == QEvent.Type.Paint and session.manifest is not None:
                    view = session.frames.newest()
                    if view is not None:
                        watch.times.append(time.perf_counter())
                        watch.sequences.append(view.header.picture_sequence)
                        watch.results.append(view.header.result)
                return False

        self._filter = Filter(studio.window)
        studio.window.viewport.canvas.installEventFilter(self._filter)


def _warm_up() -> None:
    """A warm start finds the program's bytecode: in a checkout where none is written it is compiled at every start."""
    for package in (app, engine):
        compileall.compile_dir(Path(package.__file__).parent, quiet=2)


def _slider(application, studio, watch: _PaintWatch) -> dict[str, float]:
    """Jumps one control from side to side and waits for each answer."""
    session = studio.session
    schema = session.manifest.schema
    spec = next((s for s in schema if s.group == "au" and s.name not in ("au.45l", "au.45r", "au.45")), schema.specs[0])
    index = schema.index(spec.name)
    in_slot, painted = [], []
    for i in range(SLIDER_MOVES):
        before = float(session.frames.newest().header.result[index])
        n_painted = len(watch.times)
        value = spec.high if i % 2 == 0 else spec.neutral
        asked = time.perf_counter()
        session.set_control(spec.name, value)

        def answered(before=before) -> bool:
            return abs(float(session.frames.newest().header.result[index]) - before) > MOVES

        if not _wait(application, answered, "the slider's frame", seconds=5.0, strict=False):
            continue
        in_slot.append(1e3 * (session.frames.newest().header.shown_time - asked))

        def was_painted(before=before, n=n_painted) -> bool:
            return any(abs(float(row[index]) - before) > MOVES for row in watch.results[n:])

        if _wait(application, was_painted, "the slider's picture", seconds=5.0, strict=False):
            rows = range(n_painted, len(watch.times))
            at = next(watch.times[k] for k in rows if abs(float(watch.results[k][index]) - before) > MOVES)
            painted.append(1e3 * (at - asked))
    session.reset_controls([spec.name])
    if len(painted) < SLIDER_MOVES // 4:
        raise MouthpieceError(f"{spec.label}: its slider moved the face {len(painted)} times of {SLIDER_MOVES}.")
    named = {"slot": in_slot, "painted": painted}
    return {f"{name}_p{p}_ms": round(float(np.percentile(row, p)), 1) for name, row in named.items() for p in (50, 95)}


def _blocking(application, studio, watch: _PaintWatch, seconds: float) -> dict[str, float]:
    """Beats of the event loop while the face talks, a slider moves and the right panel is dragged to and fro."""
    from PySide6.QtCore import QPoint, Qt, QTimer

    beats: list[tuple[float, float]] = []
    beat = QTimer(interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
    beat.timeout.connect(lambda: beats.append((time.perf_counter(), time.thread_time())))
    area, name = studio.window.area, studio.session.manifest.schema.specs[0].name
    edge, step = studio.window.right.x(), [0]

    def drag() -> None:
        step[0] += 1
        shift = round(DRAG_PX * np.sin(step[0] / 8))
        area._drag_right(QPoint(edge - shift, 200))
        studio.session.set_control(name, 0.5 * float(np.sin(step[0] / 5)))

    hand = QTimer(interval=33)
    hand.timeout.connect(drag)
    first, began = len(watch.times), time.perf_counter()
    beat.start()
    hand.start()
    _wait(application, lambda: time.perf_counter() - began > seconds, "the time", seconds=seconds + 5)
    beat.stop()
    hand.stop()
    studio.session.reset_controls([name])
    late_ms, busy_ms = (1e3 * np.diff(column) for column in zip(*beats, strict=True))
    late_ms -= BEAT_MS
    shown = len(set(watch.sequences[first:]))
    return {
        "fps": round(shown / (time.perf_counter() - began), 1),
        "blocked_max_ms": round(float(late_ms.max()), 1),
        "blocked_p99_ms": round(float(np.percentile(late_ms, 99)), 1),
        "busy_max_ms": round(float(busy_ms.max()), 1),
    }


@contextmanager
def _job(application, studio, avatar: Path, home: Path) -> Iterator[None]:
    """A clip is being rendered meanwhile."""
    jobs = studio.session.jobs
    order = render_order(avatar=avatar, voice=sample_voice(), output=home / "clip.mp4", fps=60.0)
    identity = jobs.start("render", order, "Render a clip")

    def state():
        return next(job for job in jobs.states if job.id == identity)

    try:
        _wait(application, lambda: state().done or not state().is_active, "the job")
        if not state().is_active:
            raise MouthpieceError(f"the job beside which the window is watched ended at once: {state().message}")
        yield
    finally:
        jobs.stop(identity)
        _wait(application, lambda: not state().is_active, "the job's end", seconds=30.0, strict=False)


def _wait(application, is_so, what: str, seconds: float = PATIENCE_S, strict: bool = True) -> bool:
    """Lets the window live until something is so; False, or MouthpieceError, when it does not come true."""
    from PySide6.QtCore import QEventLoop

    deadline = time.perf_counter() + seconds
    while not is_so():
        if time.perf_counter() > deadline:
            if strict:
                raise MouthpieceError(f"waited {seconds:.0f} s in vain for {what}; the logs may say why.")
            return False
        application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 5)
    return True
