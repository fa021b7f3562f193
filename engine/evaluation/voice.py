"""Does a voice nobody trained on open the jaw as the speaker did, and keep it shut in the pauses.

The jaw is that of the drive: an avatar's lip controls carried to the common vocabulary by the fit it stores, or,
without an avatar, what the `phones` encoder itself says of the jaw. It is the opening that a camera sees: what closed
lips hide of it (ARKit's mouthClose) is taken off.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from engine.audio.block import FEATURE_RATE_HZ, SAMPLE_RATE_HZ
from engine.audio.history import FeatureHistory
from engine.audio.loudness import is_pause, loudness
from engine.audio.phones import WEIGHTS, PhonesConfig, PhonesEncoder
from engine.audio.phones_net import LOOK_AHEAD_STEPS
from engine.audio.wav import read_sound
from engine.evaluation.speech import watch
from engine.methods.base import Avatar, DriverInputs
from engine.parts.common_fit import COMMON_NAMES
from engine.progress import Progress

MAX_LAG_S = 0.4
SMOOTHING_S = 0.08
"""Standard deviation of the smoothing: the tracker smooths over frames, too, and syllables take longer."""

HOLD_S = 0.08
"""A frame is silent when there is no voice for so long before and after it."""

BLOCK_S = 0.5
"""Frames of speech depend on each other for about a syllable or two; the bootstrap draws stretches of this length."""

N_BOOTSTRAP = 2_000
SHUT_PART = 0.1

Jaw = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Sound `[n]` at 16 kHz and times `[T]` in seconds to how far the drive opens the jaw there, `[T]`."""


def evaluate_voice(jaw: Jaw, clip: Path | None, face_landmarker: Path | None, speech: list[Path]) -> Iterator[Progress]:
    """Compares a drive with a filmed speaker, and looks at its pauses in further recordings.

    The last `Progress` carries `clip` (of `agreement`) where a clip and a landmarker are given, and `silence`: for each
    sound of `pauses_of`.

    Raises:
        AudioError, VideoError, ModelMissingError: for a file that cannot be used.
    """
    values: dict[str, object] = {}
    if clip is not None and face_landmarker is not None:
        for progress in watch(clip, face_landmarker):
            if "jaw" not in progress.values:
                yield progress
        seen = progress.values
        samples = read_sound(clip, SAMPLE_RATE_HZ)[0]
        values["clip"] = agreement(jaw, samples, seen["times"], seen["jaw"])
    sounds = [*([clip] if clip is not None else []), *speech]
    silence = {}
    for i, sound in enumerate(sounds):
        silence[sound.name] = pauses_of(jaw, read_sound(sound, SAMPLE_RATE_HZ)[0])
        yield Progress("Listening", i + 1, len(sounds))
    yield Progress("Done", 1, 1, values=values | {"silence": silence})


def jaw_of_encoder(look_ahead_ms: float = 40.0, weights: Path = WEIGHTS) -> Jaw:
    """The jaw as the `phones` encoder hears it, with the longest trained look-ahead within the given one."""
    step_ms = 1000 / FEATURE_RATE_HZ
    allowed = max(steps * step_ms for steps in LOOK_AHEAD_STEPS if steps * step_ms <= max(look_ahead_ms, 0))
    encoder = PhonesEncoder(PhonesConfig(round(allowed)), weights)

    def jaw(samples: np.ndarray, times: np.ndarray) -> np.ndarray:
        features = encoder.encode(samples)
        return np.interp(times, features.times + 0.5 / FEATURE_RATE_HZ, encoder.jaw(features))

    return jaw


def jaw_of_avatar(avatar: Avatar, look_ahead_ms: float = 40.0) -> Jaw:
    """The jaw an avatar's driver asks for, in the common vocabulary: exactly what it does live at that look-ahead."""
    open_column, close_column = (COMMON_NAMES.index(name) for name in ("jawOpen", "mouthClose"))
    neutral = avatar.schema.column("neutral")
    inputs = DriverInputs(look_ahead_ms, {setting.name: setting.default for setting in avatar.settings})

    def jaw(samples: np.ndarray, times: np.ndarray) -> np.ndarray:
        histories = []
        for encoder in avatar.encoders():
            histories.append(FeatureHistory(encoder.n_features, len(samples) / SAMPLE_RATE_HZ + 1))
            histories[-1].extend(encoder.encode(samples))
        driver = avatar.driver(histories)
        own = np.stack([driver.at(float(time), inputs).values for time in times])
        common = avatar.fit.common_of(own - neutral)
        return np.maximum(common[:, open_column] - np.maximum(common[:, close_column], 0), 0)

    return jaw


def agreement(jaw: Jaw, samples: np.ndarray, times: np.ndarray, tracked: np.ndarray) -> dict[str, float]:
    """How the drive's jaw follows a tracked one `[T]` (NaN where unknown), both smoothed alike.

    Clips come with sound and picture up to 0.2 s apart, so one lag for the whole clip is looked for.

    Returns:
        `r` and its 95 % interval `r_low`, `r_high` (moving-block bootstrap) at the lag that fits best; `lag_ms`,
        positive when the drive is late; `r_unsmoothed` there; `r_loudness`, what loudness alone gives at its own best
        lag: the figure to beat.
    """
    known = np.isfinite(tracked)
    times, tracked = times[known], tracked[known]
    step_s = float(np.median(np.diff(times)))
    smoothed = _smoothed(tracked, step_s)
    lags = np.arange(-MAX_LAG_S, MAX_LAG_S + 1e-9, 0.01)
    openings = {lag: jaw(samples, times + lag) for lag in lags}
    scores = {lag: _correlation(_smoothed(opening, step_s), smoothed) for lag, opening in openings.items()}
    best = max(scores, key=scores.get)
    low, high = bootstrap_interval(_smoothed(openings[best], step_s), smoothed, step_s)
    loud = (_smoothed(loudness(times + lag, samples, SAMPLE_RATE_HZ), step_s) for lag in lags)
    return {
        "r": scores[best], "r_low": low, "r_high": high, "lag_ms": float(best * 1e3),
        "r_unsmoothed": _correlation(openings[best], tracked),
        "r_loudness": max(_correlation(one, smoothed) for one in loud), "n_frames": len(times),
    }  # fmt: skip


def pauses_of(jaw: Jaw, samples: np.ndarray) -> dict[str, float]:
    """The drive's jaw in the pauses of a sound.

    Returns:
        `shut`: part of the silent frames that open the jaw by less than a tenth of its range, from where it rests in
        lasting silence to the 99th percentile of the sound; NaN where there is no pause. `p95`: the opening that 95 %
        of the silent frames stay below, as a part of that range. `r_loudness`: correlation of jaw and loudness.
    """
    times = np.arange(0.04, len(samples) / SAMPLE_RATE_HZ - 0.04, 0.02)
    opening = jaw(samples, times)
    rest = float(np.median(jaw(np.zeros(2 * SAMPLE_RATE_HZ, dtype=np.float32), np.arange(1.0, 1.9, 0.02))))
    top = float(np.percentile(opening, 99))
    part = (opening - rest) / max(top - rest, 1e-6)
    silent = is_pause(times, samples, SAMPLE_RATE_HZ, HOLD_S)
    return {
        "seconds": len(samples) / SAMPLE_RATE_HZ, "silent_frames": int(silent.sum()),
        "shut": float((part[silent] < SHUT_PART).mean()) if silent.any() else float("nan"),
        "p95": float(np.percentile(part[silent], 95)) if silent.any() else float("nan"),
        "rest": rest, "top": top, "r_loudness": _correlation(opening, loudness(times, samples, SAMPLE_RATE_HZ)),
    }  # fmt: skip


def bootstrap_interval(a: np.ndarray, b: np.ndarray, step_s: float, seed: int = 0) -> tuple[float, float]:
    """95 % interval of Pearson's r of two series `[T]` by the moving-block bootstrap (Künsch 1989)."""
    rng = np.random.default_rng(seed)
    n, size = len(a), max(1, min(len(a), round(BLOCK_S / step_s)))
    n_blocks = -(-n // size)
    starts = rng.integers(0, n - size + 1, (N_BOOTSTRAP, n_blocks))
    rows = (starts[:, :, None] + np.arange(size)).reshape(N_BOOTSTRAP, -1)[:, :n]
    scores = [_correlation(a[row], b[row]) for row in rows]
    return float(np.percentile(scores, 2.5)), float(np.percentile(scores, 97.5))


def _smoothed(track: np.ndarray, step_s: float) -> np.ndarray:
    return gaussian_filter1d(track, SMOOTHING_S / step_s, mode="nearest")


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    spread = a.std() * b.std()
    return float(np.mean((a - a.mean()) * (b - b.mean())) / spread) if spread > 1e-12 else 0.0
