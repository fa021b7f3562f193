"""MediaPipe's face landmarker: 478 points, ARKit scores and a head matrix for each face of a picture.

The canonical face it fits (468 vertices in centimetres and their triangles) is read from the user's own model file.
"""

import contextlib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import ModelMissingError
from engine.vocabulary import ARKIT_INDEX

N_LANDMARKS = 478
N_VERTICES = 468  # without the two irises
GEOMETRY_FILE = "geometry_pipeline_metadata_landmarks.binarypb"


@dataclass(frozen=True)
class Face:
    """One face of one picture.

    Attributes:
        points: `[478, 3]` pixels x, y (0 is the left / top edge of the picture) and relative depth in pixels.
        scores: `[52]` ARKit scores in `ARKIT_52` order.
        matrix: canonical face (cm) to MediaPipe's camera (y up, looking along -z), `[4, 4]`.
    """

    points: np.ndarray
    scores: np.ndarray
    matrix: np.ndarray

    @property
    def box(self) -> np.ndarray:
        """`x0, y0, x1, y1` round the points."""
        xy = self.points[:, :2]
        return np.concatenate([xy.min(0), xy.max(0)])


@dataclass(frozen=True)
class CanonicalFace:
    """The face MediaPipe fits: vertices `[468, 3]` (cm, x right, y up, z out of the face), triangles `[F, 3]`."""

    vertices: np.ndarray
    triangles: np.ndarray


class FaceLandmarker:
    """Finds faces; use it in a `with`.

    Args:
        model: face_landmarker.task.
        n_faces: at most this many faces a picture.
        is_video: carry faces from picture to picture (times must rise); False looks at each picture afresh.

    Raises:
        ModelMissingError: if the model file is not MediaPipe's face landmarker.
    """

    def __init__(self, model: Path, n_faces: int = 1, is_video: bool = True) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with quiet_stderr():
            from mediapipe.tasks.python import BaseOptions, vision

            mode = vision.RunningMode.VIDEO if is_video else vision.RunningMode.IMAGE
            try:
                options = vision.FaceLandmarkerOptions(
                    base_options=BaseOptions(model_asset_buffer=Path(model).read_bytes()),
                    running_mode=mode, num_faces=n_faces, output_face_blendshapes=True,
                    output_facial_transformation_matrixes=True,
                )  # fmt: skip
                self._task = vision.FaceLandmarker.create_from_options(options)
            except (RuntimeError, ValueError, OSError) as error:
                raise ModelMissingError(
                    f"{model}: is not MediaPipe's face landmarker ({str(error).splitlines()[0]}); fetch it again."
                ) from error
        self._is_video = is_video
        self._is_new = True

    def __enter__(self) -> "FaceLandmarker":
        return self

    def __exit__(self, *_) -> None:
        self._task.close()

    def faces(self, rgb: np.ndarray, time_ms: int = 0) -> list[Face]:
        """Faces of a uint8 picture `[H, W, 3]`, in no particular order."""
        import mediapipe

        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        with quiet_stderr() if self._is_new else contextlib.nullcontext():  # the first call logs its delegates
            result = self._task.detect_for_video(picture, time_ms) if self._is_video else self._task.detect(picture)
        self._is_new = False
        scale = np.array([rgb.shape[1], rgb.shape[0], rgb.shape[1]])
        rows = zip(result.face_landmarks, result.face_blendshapes, result.facial_transformation_matrixes, strict=True)
        return [
            Face(np.array([(p.x, p.y, p.z) for p in points]) * scale, arkit_scores(shapes), np.asarray(matrix))
            for points, shapes, matrix in rows
        ]


def arkit_scores(categories: list) -> np.ndarray:
    """MediaPipe's named scores as `[52]` in `ARKIT_52` order; `_neutral` is left out, what it lacks is 0."""
    scores = np.zeros(len(ARKIT_INDEX), np.float32)
    for category in categories:
        index = ARKIT_INDEX.get(category.category_name)
        if index is not None:
            scores[index] = category.score
    return scores


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Sends file descriptor 2 nowhere: MediaPipe's C++ logs there whatever its settings say."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def canonical_face(model: Path) -> CanonicalFace:
    """Reads the canonical face out of face_landmarker.task (a zip with a protocol buffer `Mesh3d` inside).

    Raises:
        ModelMissingError: if it is not in there.
    """
    try:
        with zipfile.ZipFile(model) as bundle:
            mesh = next(value for number, value in _fields(bundle.read(GEOMETRY_FILE)) if number == 1)
        floats, indices = bytearray(), []
        for number, value in _fields(mesh):
            if number == 3:
                floats += value
            elif number == 4:
                indices.append(value)
        vertices = np.frombuffer(bytes(floats), "<f4").reshape(-1, 5)[:, :3].astype(np.float64)
        triangles = np.array(indices).reshape(-1, 3)
    except (OSError, KeyError, StopIteration, ValueError, IndexError, TypeError, zipfile.BadZipFile) as error:
        raise ModelMissingError(f"{model}: holds no canonical face; fetch the face landmarker again.") from error
    if vertices.shape != (N_VERTICES, 3) or triangles.max(initial=0) >= N_VERTICES:
        raise ModelMissingError(f"{model}: its canonical face has {len(vertices)} vertices, not {N_VERTICES}.")
    return CanonicalFace(vertices, triangles)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and raw values of a protocol buffer message, in order."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        yield key >> 3, message[at : at + size]
        at += size
