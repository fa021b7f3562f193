"""Follows one face through a clip: landmarks and ARKit scores for every frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.capture.framing import Framing
from engine.capture.landmarks import N_LANDMARKS, Face, FaceLandmarker
from engine.errors import VideoError
from engine.progress import Progress
from engine.vocabulary import ARKIT_52

FEWEST_FRAMES = 50
FARTHEST_JUMP = 0.8
"""Another face is taken up only when it is nearer than this to the last one, in face heights."""


@dataclass(frozen=True)
class FaceTrack:
    """One face over all frames; where it was not found the values are interpolated.

    Attributes:
        landmarks: `[T, 478, 3]` pixels and relative depth in pixels.
        arkit: `[T, 52]`.
        matrices: MediaPipe's head matrices `[T, 4, 4]` (centimetres, y up, camera looks along -z).
        found: booleans `[T]`.
    """

    landmarks: np.ndarray
    arkit: np.ndarray
    matrices: np.ndarray
    found: np.ndarray


def track_face(
    read: Callable[[int], np.ndarray], n_frames: int, fps: float, model: Path, framing: Framing, video: Path
) -> Iterator[Progress]:
    """Tracks the face that the framing chose; the last progress carries the `FaceTrack` as `track`.

    Raises:
        VideoError: if the face is found in fewer than 50 frames.
    """
    landmarks = np.full((n_frames, N_LANDMARKS, 3), np.nan)
    arkit = np.full((n_frames, len(ARKIT_52)), np.nan)
    matrices = np.full((n_frames, 4, 4), np.nan)
    last = np.array(framing.face)
    with FaceLandmarker(model, n_faces=min(4, framing.n_faces)) as landmarker:
        for index in range(n_frames):
            face = _same_face(landmarker.faces(read(index), round(index * 1000 / fps)), last, framing.n_faces)
            if face is not None:
                last = face.box
                landmarks[index], arkit[index], matrices[index] = face.points, face.scores, face.matrix
            yield Progress("Tracking the face", index + 1, n_frames)
    found = np.isfinite(arkit[:, 0])
    n_found = int(found.sum())
    if n_found < FEWEST_FRAMES:
        raise VideoError(
            f"{video}: the face is seen in {n_found} of {n_frames} frames, at least {FEWEST_FRAMES} are needed; choose "
            "a part where the person faces the camera."
        )
    note = (
        f"{n_frames - n_found} of {n_frames} frames had no face; they are interpolated." if n_found < n_frames else ""
    )
    track = FaceTrack(interpolated(landmarks, found), interpolated(arkit, found), interpolated(matrices, found), found)
    yield Progress("Tracking the face", n_frames, n_frames, note, {"track": track})


def interpolated(values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Fills frames that were not found linearly from their neighbours in time, `[T, ...]`."""
    flat = values.reshape(len(values), -1)
    known, every = np.nonzero(found)[0], np.arange(len(values))
    filled = np.stack([np.interp(every, known, column[known]) for column in flat.T], axis=1)
    return filled.reshape(values.shape)


def _same_face(faces: list[Face], last: np.ndarray, n_faces: int) -> Face | None:
    """The face nearest to where it was last, unless that is somebody else's place."""
    if not faces:
        return None

    def distance(face: Face) -> float:
        box = face.box
        return float(np.hypot(*(box[:2] + box[2:] - last[:2] - last[2:])) / 2 / max(last[3] - last[1], 1.0))

    nearest = min(faces, key=distance)
    return nearest if n_faces == 1 or distance(nearest) < FARTHEST_JUMP else None
