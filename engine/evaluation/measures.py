"""Which of the papers' measures can be taken here: those whose real networks the user has; the others say what lacks.

What stands in for a measure without its weights is named `*_proxy` and is never comparable with published numbers.
"""

import contextlib
import csv
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from engine.capture.action_units import eye_aspect_ratio
from engine.errors import ModelMissingError
from engine.evaluation import metrics
from engine.evaluation.arcface import ArcFace, aligned_face
from engine.evaluation.comparison import Compared, Comparison
from engine.evaluation.inception import Inception, frechet_distance
from engine.evaluation.speech import compare
from engine.evaluation.syncnet import SyncNet, face_crop
from engine.paths import find_face_landmarker
from engine.training.losses import GradientSsim, Lpips, lpips_folder

UNITS = ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45")
LOWER_UNITS = ("10", "12", "14", "15", "17", "20", "23", "25", "26")
N_MEDIAPIPE = 468
OPENFACE_PROGRAM = "FeatureExtraction"
LEAST_MOUTH, LEAST_EYES = 0.003, 0.01
"""Standard deviations of the true openings under which nobody speaks or blinks."""


@dataclass
class Measures:
    """The measures that can be taken.

    Attributes:
        by_frame: of one frame, by name.
        of_clip: of a run of frames in order; each gives figures by name.
        notes: one line for each measure that cannot be taken: what lacks, and where to get it.
    """

    by_frame: dict[str, Callable[[Compared], float]] = field(default_factory=dict)
    of_clip: list[Callable[[Comparison, Sequence[Compared]], dict[str, float]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_measures(
    stack: contextlib.ExitStack, face_landmarker: Path | None = None, openface: Path | None = None,
    folder: Path | None = None,
) -> Measures:  # fmt: skip
    """What can be measured here.

    Args:
        stack: closes what is opened.
        face_landmarker: MediaPipe's model; openface: OpenFace's FeatureExtraction (default: the one on the path).
        folder: of the weights (default: the user's cache).

    Raises:
        ModelMissingError: if a model that was named is not there.
    """
    folder = folder or lpips_folder()
    found = Measures()
    _lpips(found, folder)
    _landmarks(found, stack, face_landmarker)
    _inception(found, folder)
    _arcface(found, folder)
    _syncnet(found, folder)
    _openface(found, openface)
    found.by_frame["lip_l1_proxy"] = lip_difference
    return found


def lip_difference(frame: Compared) -> float:
    """Mean absolute difference of the lower half of the head's box: a lip metric without landmarks."""
    rows, columns = (np.flatnonzero((frame.head > 0.5).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return float("nan")
    top = (rows[0] + rows[-1]) // 2
    box = slice(top, rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return float(np.abs(frame.made[box] - frame.truth[box]).mean())


def action_unit_error(made: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> dict[str, float]:
    """AUE, AUE-L and AUE-U: mean over frames of the squared difference of each intensity, summed over units."""
    n = min(len(next(iter(made.values()))), len(next(iter(truth.values()))))
    errors = {unit: float(np.square(made[unit][:n] - truth[unit][:n]).mean()) for unit in UNITS}
    lower = sum(errors[unit] for unit in LOWER_UNITS)
    total = sum(errors.values())
    return {"aue": total, "aue_lower": lower, "aue_upper": total - lower}


def read_openface(path: Path) -> dict[str, np.ndarray]:
    """The intensities of a CSV of OpenFace, `[T]` by unit.

    Raises:
        ModelMissingError: if a unit's column is missing.
    """
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    try:
        return {unit: np.array([float(row[f"AU{unit}_r"]) for row in rows]) for unit in UNITS}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMissingError(f"{path}: is not a table of OpenFace with the 17 intensities ({error}).") from error


def _lpips(found: Measures, folder: Path) -> None:
    try:
        network, name = Lpips(folder), "lpips"
    except ModelMissingError as error:
        found.notes.append(f"no LPIPS: {error}")
        network, name = GradientSsim(), "perceptual_proxy"

    def measure(frame: Compared) -> float:
        with torch.no_grad():
            return float(network(*(torch.from_numpy(np.float32(x)) for x in (frame.made, frame.truth))))

    found.by_frame[name] = measure


def _landmarks(found: Measures, stack: contextlib.ExitStack, model: Path | None) -> None:
    try:
        distance = stack.enter_context(metrics.MouthDistance(find_face_landmarker(model)))
    except ModelMissingError as error:
        if model is not None:
            raise
        found.notes.append(f"no landmark distance: {error}")
        return
    motion = FaceMotion(distance)
    found.by_frame["lmd_px"] = motion.lmd_px
    found.of_clip.append(motion.figures)


class FaceMotion:
    """What landmarks on made and true frames tell: their distance, and whether mouth and lids go together.

    `mouth_correlation` and `blink_correlation` are Pearson's r of the made and the true opening of mouth and eyes over
    a part's frames; `sync_correlation_proxy` of the made mouth's opening and the loudness, at the best lag.
    """

    def __init__(self, distance: metrics.MouthDistance) -> None:
        self._distance = distance
        self._seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # made and true points by frame, of the newest part

    def lmd_px(self, frame: Compared) -> float:
        made, truth = self._seen[frame.index] = self._distance.points(frame.made), self._distance.points(frame.truth)
        return metrics.mouth_distance(made, truth)

    def figures(self, comparison: Comparison, frames: Sequence[Compared]) -> dict[str, float]:
        if not frames:
            return {}
        made, truth = (np.stack([self._seen[frame.index][i] for frame in frames]) for i in (0, 1))
        mouths, eyes = [metrics.mouth_opening(p) for p in (made, truth)], [_eyes(p) for p in (made, truth)]
        values = {"mouth_correlation": metrics.correlation(*mouths, LEAST_MOUTH),
                  "blink_correlation": metrics.correlation(*eyes, LEAST_EYES)}  # fmt: skip
        if np.isfinite(mouths[0]).sum() >= 20:
            times = comparison.dataset.times[[frame.index for frame in frames]]
            row = compare(mouths[0], times, comparison.sound, comparison.sound_rate_hz)
            values |= {"sync_correlation_proxy": row["correlation"], "sync_lag_ms_proxy": row["lag_ms"]}
        return {name: value for name, value in values.items() if np.isfinite(value)}


def _eyes(points: np.ndarray) -> np.ndarray:
    """The mean eye aspect ratio of faces `[T, 478, 2]`: `[T]`."""
    return eye_aspect_ratio(points).mean(axis=1)


def _inception(found: Measures, folder: Path) -> None:
    try:
        network = Inception(folder)
    except ModelMissingError as error:
        found.notes.append(f"no FID: {error}")
        return

    def measure(comparison: Comparison, frames: Sequence[Compared]) -> dict[str, float]:
        if len(frames) < 2:
            return {}
        features = []
        for name in ("made", "truth"):
            parts = [network(torch.from_numpy(np.float32(getattr(f, name)))[None]).numpy() for f in frames]
            features.append(np.concatenate(parts))
        return {"fid": frechet_distance(*features)}

    found.of_clip.append(measure)


def _arcface(found: Measures, folder: Path) -> None:
    try:
        network = ArcFace(folder)
    except ModelMissingError as error:
        found.notes.append(f"no IDSIM: {error}")
        return

    def measure(comparison: Comparison, frames: Sequence[Compared]) -> dict[str, float]:
        marks = comparison.dataset.tracks["landmarks"]
        if marks.shape[1] < N_MEDIAPIPE:
            return {}
        similar = []
        for frame in frames:
            crops = [aligned_face(picture, marks[frame.index]) for picture in (frame.made, frame.truth)]
            one, two = network(torch.stack(crops))
            similar.append(float(one @ two))
        return {"idsim": float(np.mean(similar))} if similar else {}

    found.of_clip.append(measure)


def _syncnet(found: Measures, folder: Path) -> None:
    try:
        network = SyncNet(folder)
    except ModelMissingError as error:
        found.notes.append(f"no Sync-C and Sync-D: {error}")
        return

    def measure(comparison: Comparison, frames: Sequence[Compared]) -> dict[str, float]:
        ids = np.array([frame.index for frame in frames])
        if len(ids) < 10 or (np.diff(ids) != 1).any() or comparison.dataset.info.fps != 25:
            return {}
        marks = comparison.dataset.tracks["landmarks"]
        faces = np.stack([face_crop(frame.made, marks[frame.index]) for frame in frames])
        return network.scores(faces, comparison.stretch_of_sound(ids))

    found.of_clip.append(measure)


def _openface(found: Measures, given: Path | None) -> None:
    program = shutil.which(str(given or OPENFACE_PROGRAM))
    if program is None:
        if given is not None:
            raise ModelMissingError(f"{given}: is no program that can be run; name OpenFace's FeatureExtraction.")
        found.notes.append("no AUE: OpenFace's FeatureExtraction is not on the path; install OpenFace 2.2 from "
                           "https://github.com/TadasBaltrusaitis/OpenFace or name it with --openface.")  # fmt: skip
        return

    def measure(comparison: Comparison, frames: Sequence[Compared]) -> dict[str, float]:
        if len(frames) < 2:
            return {}
        tables = []
        with tempfile.TemporaryDirectory() as place:
            for name in ("made", "truth"):
                folder = Path(place) / name
                folder.mkdir()
                _write_frames(folder, [getattr(frame, name) for frame in frames])
                subprocess.run([program, "-fdir", str(folder), "-out_dir", place, "-of", f"{name}.csv", "-aus"],
                               check=True, capture_output=True)  # fmt: skip
                tables.append(read_openface(Path(place) / f"{name}.csv"))
        return action_unit_error(*tables)

    found.of_clip.append(measure)


def _write_frames(folder: Path, pictures: list[np.ndarray]) -> None:
    from engine.capture.dataset import write_picture

    for i, picture in enumerate(pictures):
        write_picture(folder / f"{i:06d}.png", picture)
