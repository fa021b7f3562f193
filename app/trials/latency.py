"""Microphone to changed pixel: a vowel enters a virtual microphone, and the screen is watched until the mouth opens."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.trials.trial_window import RATE_HZ, TrialWindow, trial_window
from engine.errors import AudioError
from engine.evaluation.sound_step import crossing, vowel
from engine.latency import STAGES
from engine.progress import Progress

SETTLE_S = 3.0
VOWEL_S, PAUSE_S, PAUSE_MORE_S = 0.5, 0.8, 0.3
SETTLED_S = (0.3, 0.48)  # after the vowel's begin: the mouth stands open
MOUTH = (0.34, 0.44, 0.66, 0.86)  # left, top, right, bottom of the viewport: the mouth of a framed face lies within
LEAST_FPS = 20.0
SHRINK = 4  # pixels are averaged over so many before they are kept


def measure_latency(
    avatar: Path, look_aheads_ms: tuple[float, ...] = (0.0, 40.0), n_steps: int = 40, seed: int = 0
) -> Iterator[Progress]:
    """Measures with the real window on the screen; idle life is off.

    The last `Progress` carries, for each look-ahead, `p50_ms` and `p95_ms` from the vowel's first sample entering the
    microphone to the mouth region on the screen reaching a tenth of its step response, `less_look_ahead_ms` of the p95,
    what the display said (`display_p50_ms`, `display_p95_ms`, `stages_p50_ms`), when the avatar itself answers
    (`avatar_ms`, in the sound's own time, without any delay), and `display_error_ms`: both together less the measured
    p50.

    Raises:
        AudioError, OutputError: where no virtual microphone or no window can be had, or nothing moved.
    """
    sound, onsets = step_sound(n_steps, seed)
    results = {}
    with trial_window(avatar, sound) as window:
        for i, look_ahead_ms in enumerate(look_aheads_ms):
            yield Progress("Listening", i, len(look_aheads_ms), f"Look-ahead {look_ahead_ms:.0f} ms")
            results[f"{look_ahead_ms:.0f}"] = _one(window, look_ahead_ms, onsets, len(sound))
    for name, row in results.items():
        row["avatar_ms"] = avatar_ms(avatar, float(name))
        row["display_error_ms"] = row["display_p50_ms"] + row["avatar_ms"] - row["p50_ms"]
    yield Progress("Done", 1, 1, _doubt(results), values=results)


def _doubt(results: dict[str, dict]) -> str:
    """Why the figures say more about other programs than about this one, empty where they do not."""
    lost = max(row["lost_samples"] for row in results.values())
    slowest = min(row["fps"] for row in results.values())
    if lost == 0 and slowest >= LEAST_FPS:
        return ""
    return (
        f"The machine is too busy for these figures to mean much: {slowest:.0f} pictures a second, {lost} samples that "
        "came too late. End what else runs and measure again."
    )


def step_sound(n_steps: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vowels at uneven distances after a while of near silence: `[n]` at 48 kHz, and their first samples."""
    rng = np.random.default_rng(seed)
    spoken = vowel(VOWEL_S, RATE_HZ)
    spoken[-480:] *= np.linspace(1, 0, 480, dtype=np.float32)
    onsets, at = [], round(SETTLE_S * RATE_HZ)
    for _ in range(n_steps):
        onsets.append(at)
        at += len(spoken) + round((PAUSE_S + rng.uniform(0, PAUSE_MORE_S)) * RATE_HZ)
    sound = 1e-4 * rng.standard_normal(at).astype(np.float32)
    for onset in onsets:
        sound[onset : onset + len(spoken)] += spoken
    return sound, np.array(onsets)


def avatar_ms(avatar: Path, look_ahead_ms: float) -> float:
    """`engine.evaluation.step_response.picture_response_ms`, in a process of its own: the window knows no torch."""
    command = [sys.executable, "-m", "app", "_step-response", str(Path(avatar).resolve()), str(look_ahead_ms)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    if done.returncode:
        raise AudioError(f"{avatar}: its answer cannot be measured ({done.stderr.strip().splitlines()[-1:]}).")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["ms"])


def _one(window: TrialWindow, look_ahead_ms: float, onsets: np.ndarray, n_sound: int) -> dict[str, object]:
    """Hears the whole sound once at one look-ahead."""
    window.session.set_idle(False)
    window.studio.wiring.set_look_ahead(look_ahead_ms)
    window.wait(lambda: window.session.frames.newest().header.look_ahead_ms == look_ahead_ms, what="the look-ahead")
    log = window.studio.window.viewport.latency
    n_blocks = n_sound // (RATE_HZ // 100)
    first_block = window.n_said
    with ScreenWatch(window.studio.window.viewport) as watch:
        window.live(SETTLE_S / 2)
        log.clear()
        window.wait(lambda: window.n_said >= first_block + n_blocks, seconds=n_sound / RATE_HZ * 2 + 60)
    said = window.said()
    begun = [said[k] + ((onset % 480) - 480) / RATE_HZ for onset in onsets
             for k in range(onset // 480, len(said), n_blocks) if k >= first_block + 20]  # fmt: skip
    found = [crossing(*watch.around(t), t, (t + SETTLED_S[0], t + SETTLED_S[1])) for t in begun if t < watch.end]
    delays_ms = 1e3 * np.array([seconds for seconds in found if np.isfinite(seconds)])
    if len(delays_ms) < max(3, len(onsets) // 2):
        raise AudioError(f"the mouth moved at {len(delays_ms)} of {len(onsets)} vowels; is it in the picture's middle?")
    stages, _, p50, p95 = log.percentiles()
    return {
        "p50_ms": float(np.percentile(delays_ms, 50)), "p95_ms": float(np.percentile(delays_ms, 95)),
        "less_look_ahead_ms": float(np.percentile(delays_ms, 95)) - look_ahead_ms, "n": len(delays_ms),
        "display_p50_ms": p50, "display_p95_ms": p95,
        "stages_p50_ms": {name: round(stages[name], 1) for name in STAGES},
        "lost_samples": window.session.frames.newest().header.lost_samples,
        "fps": watch.fps,
    }  # fmt: skip


class ScreenWatch:
    """Reads the mouth region back from the screen itself after every picture that was painted; use it in a `with`."""

    def __init__(self, viewport) -> None:
        self._viewport = viewport
        self._times: list[float] = []
        self._pixels: list[np.ndarray] = []
        self._last: object = None

    def __enter__(self) -> "ScreenWatch":
        from PySide6.QtCore import QTimer

        self._canvas = self._viewport.canvas
        self._told = self._canvas.on_painted

        def on_painted(header) -> None:
            self._told(header)
            QTimer.singleShot(0, self._look)  # after the painted window has gone to the screen

        self._canvas.on_painted = on_painted
        self._look()
        return self

    def __exit__(self, *_: object) -> None:
        self._canvas.on_painted = self._told

    @property
    def end(self) -> float:
        """`perf_counter` seconds up to which the mouth was watched long enough after a vowel's begin."""
        return self._times[-1] - VOWEL_S

    @property
    def fps(self) -> float:
        """Pictures a second while the mouth moved: 1 over the median time between two."""
        return float(1 / np.median(np.diff(self._times)))

    def around(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Times `[T]` every 2 ms round a moment, and the mouth's pixels `[T, D]` that stood on the screen then."""
        grid = time + np.arange(-0.3, 0.5, 0.002)
        rows = np.searchsorted(self._times, grid, side="right") - 1
        return grid, np.stack([self._pixels[max(row, 0)] for row in rows])

    def _look(self) -> None:
        import time

        from PySide6.QtGui import QImage

        viewport = self._viewport
        width, height = viewport.width(), viewport.height()
        left, top, right, bottom = MOUTH
        origin = viewport.mapToGlobal(viewport.rect().topLeft())
        place = (origin.x() + round(left * width), origin.y() + round(top * height))
        shot = viewport.screen().grabWindow(0, *place, round((right - left) * width), round((bottom - top) * height))
        now = time.perf_counter()
        image = shot.toImage().convertToFormat(QImage.Format.Format_Grayscale8)
        rows = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine())
        rows = rows[: image.height() // SHRINK * SHRINK, : image.width() // SHRINK * SHRINK].astype(np.float32)
        small = rows.reshape(rows.shape[0] // SHRINK, SHRINK, -1, SHRINK).mean(axis=(1, 3))
        self._times.append(now)
        self._pixels.append(small.ravel())
