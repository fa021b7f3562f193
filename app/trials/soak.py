"""Hours of live driving in a window that is dragged while sliders are moved: nothing may get lost, drift or grow."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.trials.content_clock import ContentClock
from app.trials.trial_window import RATE_HZ, TrialWindow, trial_window
from engine.audio.ring import VOICE_RING, SampleRing
from engine.errors import AudioError, OutputError
from engine.progress import Progress

ROW_S = 10.0
WARM_UP_S = 60.0
LOOP_S = 20.0
STALL_S = 0.03
"""A virtual microphone that gives its next block later than this stood still itself: the machine is too busy."""

DRAG_MS, DRAG_PX = 40, 60
SLIDER_EVERY_S, SLIDER_STEPS = 1.5, 20


def soak(avatar: Path, minutes: float, report: Path, voice: Path, seed: int = 0) -> Iterator[Progress]:
    """Runs until the report holds `minutes` in all; asked for again it goes on where it was stopped.

    Args:
        report: a row of JSON for every ten seconds is appended.
        voice: a recording that is said over and over.

    The last `Progress` carries the summary of the whole report, see `summary`.

    Raises:
        AudioError, OutputError: where no virtual microphone or window can be had, or the report cannot be written.
    """
    rows = read_report(report)
    done_s = sum(row["seconds"] for row in rows)
    run = 1 + max((row["run"] for row in rows), default=0)
    if done_s < minutes * 60:
        with trial_window(avatar, said_loop(voice, seed)) as window:
            for row in _driven(window, minutes * 60 - done_s, seed + run):
                rows.append({"run": run, **row})
                _append(report, rows[-1])
                done_s += row["seconds"]
                words = f"{row['fps']:.0f} fps, {row['memory_mb']:.0f} MB, {row['lost_samples']} samples lost"
                yield Progress("Driving", round(min(done_s, minutes * 60)), round(minutes * 60), words)
    yield Progress("Done", 1, 1, values=summary(rows))


def summary(rows: list[dict]) -> dict[str, float]:
    """What the rows of a report come to.

    Returns:
        `minutes`; `lost_samples`, by the content of what arrived; `counted_lost`, by the program's own count;
        `device_stalls`, how often the virtual microphone itself was late (no fault of the program's);
        `drift_ms`, the farthest that voice and picture went apart from where they were after a minute; `memory_mb`
        at the end and `growth_mb_per_h` fitted after a minute's warm-up; frames a second: `fps_p50`, `fps_p5`;
        `latency_p50_ms`, `latency_p95_ms` (medians over the rows).
    """
    if not rows:
        return {"minutes": 0.0}
    runs = [[row for row in rows if row["run"] == run] for run in sorted({row["run"] for row in rows})]
    fps = np.array([row["fps"] for row in rows])
    drifts = [abs(row["drift_ms"]) for row in rows if row["drift_ms"] is not None]
    return {
        "minutes": sum(row["seconds"] for row in rows) / 60, "runs": len(runs),
        "lost_samples": sum(run[-1]["lost_samples"] for run in runs),
        "counted_lost": sum(run[-1]["counted_lost"] for run in runs),
        "device_stalls": sum(row.get("device_stalls", 0) for row in rows),
        "drift_ms": max(drifts, default=float("nan")), "memory_mb": rows[-1]["memory_mb"],
        "growth_mb_per_h": max((_growth(run) for run in runs), key=abs),
        "fps_p50": float(np.median(fps)), "fps_p5": float(np.percentile(fps, 5)),
        "latency_p50_ms": float(np.median([row["latency_p50_ms"] for row in rows])),
        "latency_p95_ms": float(np.median([row["latency_p95_ms"] for row in rows])),
    }  # fmt: skip


def read_report(path: Path) -> list[dict]:
    """The rows of a report; a last line cut short by a crash is left out."""
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


def said_loop(voice: Path, seed: int = 0) -> np.ndarray:
    """A recording brought to `LOOP_S` at 48 kHz, with a faint noise that tells every moment of the loop apart."""
    from engine.audio.wav import read_sound

    samples, _ = read_sound(voice, RATE_HZ)
    samples = np.resize(samples, round(LOOP_S * RATE_HZ)) * np.float32(0.8)
    noise = 10 ** (-55 / 20) * np.random.default_rng(seed).standard_normal(len(samples))
    return np.clip(samples + noise, -1, 1).astype(np.float32)


def _driven(window: TrialWindow, seconds: float, seed: int) -> Iterator[dict]:
    from app.panels.status_bar import memory_mb

    ring = SampleRing.attach(Path(window.session.folder) / VOICE_RING)
    clock = ContentClock(window.sound, RATE_HZ)
    pictures = _Pictures(window)
    hands = _Hands(window, seed)
    try:
        window.wait(lambda: ring.rate_hz == RATE_HZ and ring.written > RATE_HZ, what="the microphone's sound")
        started = last = time.perf_counter()
        while last - started < seconds:
            window.live(ROW_S)
            now = time.perf_counter()
            clock.follow(ring, window.said())
            if now - started < min(WARM_UP_S, seconds / 2):
                pictures.forget()
            log = window.studio.window.viewport.latency
            _, _, p50, p95 = log.percentiles()
            yield {
                "seconds": round(now - last, 2), "lost_samples": clock.lost_samples,
                "counted_lost": ring.lost_samples, "clock_ms": clock.error_ms, "drift_ms": pictures.drift_ms(clock),
                "memory_mb": round(memory_mb(), 1), "fps": pictures.take_count() / (now - last),
                "latency_p50_ms": round(p50, 1), "latency_p95_ms": round(p95, 1),
                "device_stalls": int((np.diff(window.said()[-round(100 * (now - last)) :]) > STALL_S).sum()),
                "drift_ppm": window.session.drift_ppm, "slider_moves": hands.n_moves,
            }  # fmt: skip
            last = now
    finally:
        hands.stop()
        pictures.stop()
        ring.close()


class _Pictures:
    """Counts painted pictures, and follows how the drive's lips lie against the sound that was really said."""

    def __init__(self, window: TrialWindow) -> None:
        self._canvas = window.studio.window.viewport.canvas
        self._told = self._canvas.on_painted
        self._count = 0
        self._times: list[float] = []
        self._driven: list[np.ndarray] = []
        self._first: tuple[np.ndarray, np.ndarray] | None = None
        schema = window.session.manifest.schema
        self._lips = schema.indices("lip")
        self._canvas.on_painted = self._on_painted

    def stop(self) -> None:
        self._canvas.on_painted = self._told

    def take_count(self) -> int:
        count, self._count = self._count, 0
        return count

    def forget(self) -> None:
        """Leaves out what was seen so far: a start that stumbled must not be what later passes are compared with."""
        self._times.clear()
        self._driven.clear()

    def drift_ms(self, clock: ContentClock) -> float | None:
        """How much later than in the first pass the lips of the newest pass are; None before there are two."""
        keep = time.perf_counter() - 1.5 * LOOP_S
        while self._times and self._times[0] < keep:
            del self._times[0], self._driven[0]
        if len(self._times) < 50 or not clock.is_set or self._times[-1] - self._times[0] < LOOP_S:
            return None
        places = np.array([clock.place_of(time) for time in self._times])
        grid = np.arange(0, LOOP_S, 0.01)
        order = np.argsort(places)
        track = np.stack([np.interp(grid, places[order], column[order], period=LOOP_S)
                          for column in np.stack(self._driven).T], axis=1)  # fmt: skip
        if self._first is None:
            self._first = (grid, track)
            return None
        return lag_ms(self._first[1], track, 0.01)

    def _on_painted(self, header) -> None:
        self._told(header)
        self._count += 1
        self._times.append(header.motion_sample_time)
        self._driven.append(header.driven[self._lips])


def lag_ms(before: np.ndarray, after: np.ndarray, step_s: float, reach: int = 20) -> float:
    """By how much a track `[T, D]` that goes round is later than another: the peak of their circular correlation."""
    before, after = before - before.mean(axis=0), after - after.mean(axis=0)
    shifts = np.arange(-reach, reach + 1)
    scores = np.array([np.sum(np.roll(before, shift, axis=0) * after) for shift in shifts])
    best = int(np.argmax(scores))
    part = 0.0
    if 0 < best < len(shifts) - 1:
        left, middle, right = scores[best - 1 : best + 2]
        curve = left - 2 * middle + right
        part = 0.5 * (left - right) / curve if curve < 0 else 0.0
    return float(1e3 * step_s * (shifts[best] + part))


class _Hands:
    """Drags the window about and moves sliders with the mouse, as a restless person would."""

    def __init__(self, window: TrialWindow, seed: int) -> None:
        from PySide6.QtCore import QTimer

        self._window, self._rng = window.studio.window, np.random.default_rng(seed)
        self._home, self._phase, self.n_moves = self._window.pos(), 0.0, 0
        self._slider: tuple | None = None
        self._timers = []
        for every_ms, act in ((DRAG_MS, self._drag), (round(1e3 * SLIDER_EVERY_S / SLIDER_STEPS), self._move)):
            timer = QTimer(self._window, interval=every_ms)
            timer.timeout.connect(act)
            timer.start()
            self._timers.append(timer)

    def stop(self) -> None:
        for timer in self._timers:
            timer.stop()

    def _drag(self) -> None:
        from PySide6.QtCore import QPoint

        self._phase += 0.12
        offset = QPoint(
            round(DRAG_PX * (1 + math.sin(self._phase))), round(DRAG_PX * (1 + math.cos(0.7 * self._phase)))
        )
        self._window.move(self._home + offset)

    def _move(self) -> None:
        """One step of a slider's way: press, move, let go; every third one is put back with a double-click."""
        from PySide6.QtCore import QPointF
        from PySide6.QtTest import QTest

        if self._slider is None:
            groups = [group.rows for group in self._window.face.groups.values() if len(group.rows.specs)]
            rows = groups[self._rng.integers(len(groups))]
            spec = rows.specs[self._rng.integers(len(rows.specs))]
            self._slider = (rows, rows.rect_of(spec.name, "track"), 0)
        rows, rect, step = self._slider
        at = QPointF(rect.left() + rect.width() * (0.5 + 0.3 * math.sin(step / 3)), rect.center().y())
        left = _left_button()
        if step == 0:
            QTest.mousePress(rows, left, pos=at.toPoint())
        elif step < SLIDER_STEPS - 1:
            _drag_to(rows, at)
        else:
            QTest.mouseRelease(rows, left, pos=at.toPoint())
            if self.n_moves % 3 == 2:
                QTest.mouseDClick(rows, left, pos=at.toPoint())
            self.n_moves += 1
        self._slider = (rows, rect, step + 1) if step < SLIDER_STEPS - 1 else None


def _left_button():
    from PySide6.QtCore import Qt

    return Qt.MouseButton.LeftButton


def _drag_to(widget, at) -> None:
    from PySide6.QtCore import QEvent, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    place = widget.mapToGlobal(at)
    event = QMouseEvent(QEvent.Type.MouseMove, at, place, Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton,
                        Qt.KeyboardModifier.NoModifier)  # fmt: skip
    QApplication.sendEvent(widget, event)


def _append(report: Path, row: dict) -> None:
    try:
        with open(report, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise OutputError(f"{report}: cannot be written ({error.strerror}); choose another place.") from error


def _growth(run: list[dict]) -> float:
    """Megabytes an hour of a straight line through a run's memory, its first minute left out."""
    at = np.cumsum([row["seconds"] for row in run])
    memory = np.array([row["memory_mb"] for row in run])
    late = at > WARM_UP_S
    if late.sum() < 3:
        return 0.0
    return float(3600 * np.polyfit(at[late], memory[late], 1)[0])


def default_voice() -> Path:
    """The recording that came along.

    Raises:
        AudioError: if there is none.
    """
    from app.application import sample_voice

    voice = sample_voice()
    if voice is None:
        raise AudioError("no recording came along; name one with --voice.")
    return voice
