"""Does the mouth of a clip move with its sound: opening against loudness, and stillness in the pauses."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from engine.audio.loudness import is_pause, loudness
from engine.audio.wav import read_sound
from engine.capture.landmarks import FaceLandmarker
from engine.errors import VideoError
from engine.progress import Progress
from engine.vocabulary import ARKIT_INDEX

UPPER_LIP, LOWER_LIP = 13, 14  # inner lips, MediaPipe's numbering
FOREHEAD, CHIN = 10, 152
MAX_LAG_S = 0.2


def mouth_and_sound(clip: Path, face_landmarker: Path) -> Iterator[Progress]:
    """Tracks the mouth of a clip and compares it with the clip's own sound.

    The last `Progress` carries:
        correlation: Pearson's r of mouth opening and loudness at the best lag within 200 ms; lag_ms: that lag,
            positive when the mouth is late.
        pause_movement: median frame-to-frame change of the opening in pauses, as a part of that in speech.
        pause_opening: median opening in pauses, as a part of the 5 to 95 % range of all openings.
        tracked: part of the frames with a face.

    Raises:
        VideoError: if no face is found in the clip.
    """
    for progress in watch(clip, face_landmarker):
        if "gap" not in progress.values:
            yield progress
    seen = progress.values
    samples, rate = read_sound(clip)
    yield Progress("Done", 1, 1, values=compare(seen["gap"], seen["times"], samples, rate))


def watch(clip: Path, face_landmarker: Path) -> Iterator[Progress]:
    """Tracks the mouth of every frame of a clip.

    The last `Progress` carries `times` `[T]` in seconds, and `[T]` with NaN where no face was found: `gap`, between the
    inner lips over the height of the face, and `jaw`, MediaPipe's score of jawOpen.

    Raises:
        VideoError: if no face is found in the clip.
    """
    gaps, jaws, times = [], [], []
    with av.open(str(clip)) as file, FaceLandmarker(face_landmarker) as landmarker:
        stream = file.streams.video[0]
        for i, frame in enumerate(file.decode(stream)):
            time = float(frame.pts * frame.time_base)
            faces = landmarker.faces(frame.to_ndarray(format="rgb24"), round(time * 1e3))
            times.append(time)
            gaps.append(_gap(faces[0].points) if faces else np.nan)
            jaws.append(float(faces[0].scores[ARKIT_INDEX["jawOpen"]]) if faces else np.nan)
            yield Progress("Watching the mouth", i + 1, stream.frames)
    if np.isfinite(gaps).sum() < 10:
        raise VideoError(f"{clip}: no face can be followed in this clip.")
    values = {"times": np.array(times), "gap": np.array(gaps), "jaw": np.array(jaws)}
    yield Progress("Watched", 1, 1, values=values)


def compare(openings: np.ndarray, times: np.ndarray, samples: np.ndarray, rate_hz: int) -> dict[str, float]:
    """The numbers of `mouth_and_sound` from mouth openings `[T]` (NaN where unknown) at times `[T]` and the sound."""
    seen = np.isfinite(openings)
    openings = np.interp(times, times[seen], openings[seen])
    lags = np.arange(-MAX_LAG_S, MAX_LAG_S + 1e-9, 0.02)
    scores = [np.corrcoef(openings, loudness(times - lag, samples, rate_hz))[0, 1] for lag in lags]
    best = int(np.nanargmax(scores))
    pause = is_pause(times - lags[best], samples, rate_hz)
    change = np.abs(np.gradient(openings))
    low, high = np.percentile(openings, [5, 95])
    return {
        "correlation": float(scores[best]),
        "lag_ms": float(lags[best] * 1e3),
        "pause_movement": float(np.median(change[pause]) / np.median(change[~pause])) if pause.any() else float("nan"),
        "pause_opening": float((np.median(openings[pause]) - low) / (high - low)) if pause.any() else float("nan"),
        "pause_frames": int(pause.sum()),
        "tracked": float(seen.mean()),
    }


def _gap(points: np.ndarray) -> float:
    """Gap between the inner lips over the height of the face."""
    gap = np.linalg.norm(points[UPPER_LIP, :2] - points[LOWER_LIP, :2])
    return float(gap / np.linalg.norm(points[FOREHEAD, :2] - points[CHIN, :2]))
