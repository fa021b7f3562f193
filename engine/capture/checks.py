"""What a dataset is good for, told before hours are spent on it: faces, sound, light, turns and blinks.

Cheap: tracks and sound are read whole, pictures only at a few dozen moments.
"""

from dataclasses import dataclass

import numpy as np
import soundfile

from engine.capture.dataset import Dataset
from engine.capture.head_pose import pose_track
from engine.errors import DatasetError
from engine.vocabulary import ARKIT_52

SAMPLES = 60
"""Moments whose pictures are looked at."""

FINE, BLURRED, HIDDEN = 0, 1, 2
"""What `Quality.frames` says of a frame; `BLURRED` only where the picture was looked at."""

LEAST_S, LEAST_SEEN = 60.0, 0.98
LEAST_TURN_DEG, LOPSIDED, FRONTAL_DEG = 8.0, 3.0, 15.0
LEAST_BLINKS_A_MINUTE, CLOSED = 4.0, 0.5
LEAST_JAW = 0.15
MOST_LIGHT = 0.06
SHARP_PART, MOST_BLURRED = 0.35, 0.1
QUIET_DB, CLIPPED_PART = -45.0, 1e-4
MOST_LAG_S, RIGHT_LAG_S, CLEAR, LEAST_LAG_CLIP_S = 0.4, 0.06, 0.35, 20.0
ENVELOPE_HZ = 100


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: a few words, the figure, whether it is as it should be, and if not what helps."""

    name: str
    figure: str
    is_good: bool
    remedy: str = ""


@dataclass(frozen=True)
class Quality:
    """All checks of a dataset, and for each frame `[T]` whether it is fine, blurred or without a face."""

    checks: tuple[Check, ...]
    frames: np.ndarray

    @property
    def n_warnings(self) -> int:
        return sum(not check.is_good for check in self.checks)


def check_dataset(dataset: Dataset) -> Quality:
    """Looks at a dataset. Raises DatasetError if it cannot be read."""
    tracks, info = dataset.tracks, dataset.info
    seconds = info.n_frames / info.fps
    found = tracks["tracked"] > 0
    frames = np.where(found, FINE, HIDDEN).astype(np.uint8)
    moments = np.unique(np.linspace(0, info.n_frames - 1, SAMPLES).round().astype(int))
    yaw = pose_track(tracks["viewmats"])[:, 0]  # also where the camera goes round a head that keeps still
    light, sharpness = _looked_at(dataset, moments)
    blurred = sharpness < SHARP_PART * np.median(sharpness)
    frames[moments[blurred & found[moments]]] = BLURRED
    checks = [
        Check("Length" if seconds >= LEAST_S else "Short", _clock(seconds), seconds >= LEAST_S,
              "One to five minutes teach more mouth shapes."),
        _seen(found),
        *_sound(dataset, tracks["arkit"]),
        _mouth(tracks["arkit"]),
        _light(light[_frontal(yaw[moments])]),
        Check("Pictures are sharp", f"{blurred.sum()} of {len(moments)} blurred", bool(blurred.mean() <= MOST_BLURRED),
              "Blurred frames make a blurred face: more light, or a shorter shutter."),
        _turns(yaw),
        _blinks(tracks["aus"], info.au_names, seconds),
    ]  # fmt: skip
    return Quality(tuple(checks), frames)


def _looked_at(dataset: Dataset, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean brightness of the head (0 to 1) and variance of the Laplacian there, at each moment."""
    light, sharpness = [], []
    for index in moments:
        grey = dataset.frame(int(index)).astype(np.float32).mean(axis=2) / 255
        head = dataset.masks(int(index)).head > 0.5
        inside = head if head.any() else np.ones_like(head)
        edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
        light.append(grey[inside].mean())
        core = inside[1:-1, 1:-1]
        sharpness.append(edges[core].var() if core.any() else 0.0)
    return np.array(light), np.array(sharpness)


def _seen(found: np.ndarray) -> Check:
    part = found.mean()
    return Check("Face in view", f"{found.sum():,} of {len(found):,}", bool(part >= LEAST_SEEN),
                 "Frames without a face are guessed; cut the stretches where it is hidden.")  # fmt: skip


def _mouth(arkit: np.ndarray) -> Check:
    widest = float(np.quantile(arkit[:, ARKIT_52.index("jawOpen")], 0.99))
    return Check("Mouth opens", f"to {widest:.2f}", widest >= LEAST_JAW,
                 "The mouth hardly opens; film someone who speaks.")  # fmt: skip


def _light(light: np.ndarray) -> Check:
    swing = float(light.std() / max(light.mean(), 1e-6))
    return Check("Light stays even", f"±{100 * swing:.0f} %", swing <= MOST_LIGHT,
                 "The face grows brighter and darker; the avatar learns that as its skin.")  # fmt: skip


def _frontal(yaw: np.ndarray) -> np.ndarray:
    """Which moments show the face from the front; all, where hardly any does."""
    near = np.abs(yaw - np.median(yaw)) < FRONTAL_DEG
    return near if near.sum() >= 8 else np.ones_like(near)


def _turns(yaw: np.ndarray) -> Check:
    left, right = -float(np.quantile(yaw, 0.01)), float(np.quantile(yaw, 0.99))
    figure = f"{-left:+.0f}° to {right:+.0f}°".replace("-", "−")
    if left + right < LEAST_TURN_DEG:
        return Check("Head hardly turns", figure, False, "From the sides the avatar will be a guess.")
    less, more = sorted((max(left, 0.5), max(right, 0.5)))
    if more > LOPSIDED * less:
        return Check("Head turns to one side", figure, False, "The other side of the face was hardly seen.")
    return Check("Head turns", figure, True)


def _blinks(aus: np.ndarray, names: list[str], seconds: float) -> Check:
    remedy = "Lids learn from blinks; film a little longer."
    if "au.45" not in names:
        return Check("Blinks", "not tracked", True)
    closed = aus[:, names.index("au.45")] > CLOSED
    count = int((closed[1:] & ~closed[:-1]).sum() + bool(closed[0]))
    enough = count >= LEAST_BLINKS_A_MINUTE * seconds / 60
    return Check("Blinks" if enough else "Few blinks", f"{count} in {_clock(seconds)}", enough, remedy)


def _sound(dataset: Dataset, arkit: np.ndarray) -> list[Check]:
    try:
        samples, rate = soundfile.read(dataset.audio_path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise DatasetError(f"{dataset.audio_path}: cannot be read ({error}); capture the video again.") from error
    samples = samples.mean(axis=1)
    hop = rate // ENVELOPE_HZ
    rows = samples[: len(samples) // hop * hop].reshape(-1, hop)
    if not len(rows):
        return [Check("Voice", "no sound", False, "Without a voice there is nothing to learn the lips from.")]
    loudness = 10 * np.log10(np.square(rows).mean(axis=1) + 1e-10)
    clipped, loud = float((np.abs(samples) >= 0.999).mean()), float(np.quantile(loudness, 0.9))
    if clipped > CLIPPED_PART:
        voice = Check("Voice is clipped", f"{100 * clipped:.2f} %", False, "Record it more quietly.")
    else:
        voice = Check("Voice", f"{loud:.0f} dB".replace("-", "−"), loud > QUIET_DB, "Very quiet; come closer.")
    lag = sound_lag_s(loudness, arkit[:, ARKIT_52.index("jawOpen")], dataset.info.fps)
    if lag is None:
        return [voice]
    figure = f"{1000 * lag:+.0f} ms".replace("-", "−")
    return [voice, Check("Sound matches the lips", figure, abs(lag) <= RIGHT_LAG_S,
                         "Lay the sound later or earlier by so much when capturing.")]  # fmt: skip


def sound_lag_s(loudness_db: np.ndarray, jaw: np.ndarray, fps: float) -> float | None:
    """By how much the picture runs behind the sound: where loudness and jaw agree best; None where they hardly do.

    Args:
        loudness_db: `[n]` at `ENVELOPE_HZ`.
        jaw: how far the jaw is open, `[T]` at `fps`.
    """
    if len(jaw) / fps < LEAST_LAG_CLIP_S:
        return None
    times = np.arange(len(loudness_db)) / ENVELOPE_HZ
    loud = _without_drift(np.convolve(loudness_db, np.full(8, 1 / 8), "same"))
    opened = _without_drift(np.interp(times, np.arange(len(jaw)) / fps, jaw))
    reach = round(MOST_LAG_S * ENVELOPE_HZ)
    agreement = [_correlation(opened, loud, lag) for lag in range(-reach, reach + 1)]
    best = int(np.argmax(agreement))
    is_clear = agreement[best] >= CLEAR and 0 < best < 2 * reach
    return (best - reach) / ENVELOPE_HZ if is_clear else None


def _without_drift(values: np.ndarray) -> np.ndarray:
    """What changes within a second."""
    half = ENVELOPE_HZ // 2
    padded = np.pad(values, half, mode="edge")
    return values - np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), "valid")


def _correlation(first: np.ndarray, second: np.ndarray, lag: int) -> float:
    """Of two series when the first comes `lag` later."""
    a = first[max(0, lag) : len(first) + min(0, lag)]
    b = second[max(0, -lag) : len(second) + min(0, -lag)]
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 1e-12 else 0.0


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
