"""What there is to see of a job: pictures so far, its loss, the film behind it. Read beside the window's loop.

Everything read here may still be written by the job, or come from elsewhere: sizes are bounded before anything is
read, and what cannot be read is left out.
"""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QImageReader, QPainter, QPen, QPolygonF
from safetensors import SafetensorError, safe_open

from app.jobs.state import JobState
from engine.capture.checks import Quality, check_dataset
from engine.capture.dataset import Dataset, DatasetInfo
from engine.capture.face_shape import FACE_OVAL, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from engine.errors import DatasetError
from engine.manifest import read_manifest
from engine.paths import capture_folder, training_folder

MAX_SIDE, MAX_PICTURE_BYTES, MAX_CSV_BYTES, MAX_JSON_BYTES = 4096, 64 << 20, 32 << 20, 1 << 20
MAX_FRAMES, MAX_LANDMARKS = 200_000, 2_000
THUMBNAILS, THUMBNAIL = 9, QSize(192, 192)
ROWS = 1_500
"""Most rows of a loss curve that are drawn; longer ones are thinned."""

MESH, DOT = QColor("#3AD1AE"), QColor("#FFFFFF")
HEAD_TINT, TORSO_TINT = QColor(70, 96, 226), QColor(190, 155, 250)


@dataclass(frozen=True)
class Film:
    """A dataset, whole or still being made.

    Attributes:
        folder: that holds frames and masks. tracks: the file of the landmarks, None while there is none.
        is_whole: whether the capture has ended.
    """

    folder: Path
    n_frames: int
    suffix: str
    fps: float = 25.0
    tracks: Path | None = None
    is_whole: bool = False

    @property
    def seconds(self) -> float:
        return self.n_frames / self.fps


@dataclass(frozen=True)
class Pair:
    """A frame as filmed, the same as the avatar shows it by now, and how alike they are."""

    target: QImage
    render: QImage
    psnr_db: float


@dataclass(frozen=True)
class Loss:
    """The columns of a training's record by name, `[n]` each, NaN where a step has no such figure."""

    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns and bool(np.isfinite(self.columns[name]).any())


@dataclass(frozen=True)
class Places:
    """Where a job's files lie; None where its kind has none."""

    dataset: Path | None = None
    training: Path | None = None
    avatar: Path | None = None


def places_of(job: JobState) -> Places:
    order = job.order
    if job.kind == "capture":
        return Places(dataset=Path(order["output"]))
    if job.kind == "train":
        return Places(Path(order["dataset"]), training_folder(Path(order["output"])))
    return Places(_path(order.get("dataset")), avatar=_path(order.get("avatar")))


def find_film(dataset: Path) -> Film | None:
    """The dataset, or what a capture has made of it so far."""
    try:
        info = DatasetInfo(**_json(dataset / "dataset.json"))
    except (OSError, ValueError, TypeError):
        return _unfinished(capture_folder(dataset))
    suffix = info.frame_format if info.frame_format in ("png", "jpg") else "png"
    if not 0 < info.n_frames <= MAX_FRAMES or not info.fps > 0:
        return None
    return Film(dataset, info.n_frames, suffix, info.fps, dataset / "tracks.safetensors", True)


def _unfinished(work: Path) -> Film | None:
    folder = work / "dataset"
    first = folder / "frames" / "000000"
    suffix = next((s for s in ("png", "jpg") if first.with_suffix(f".{s}").is_file()), None)
    if suffix is None:
        return None
    try:
        n_frames, fps = int(_json(work / "framing.json")["n_frames"]), float(_json(work / "work.json")["fps"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if not 0 < n_frames <= MAX_FRAMES or not fps > 0:
        return None
    tracks = work / "track.safetensors"
    return Film(folder, n_frames, suffix, fps, tracks if tracks.is_file() else None)


def film_frame(film: Film, index: int) -> QImage:
    """A frame as filmed; a null image where it is not there (yet)."""
    return read_picture(film.folder / "frames" / f"{index:06d}.{film.suffix}")


def masked_frame(film: Film, index: int) -> QImage:
    """A frame with head and torso tinted; null while there are no masks."""
    masks, frame = read_picture(film.folder / "masks" / f"{index:06d}.png"), film_frame(film, index)
    if masks.isNull() or frame.size() != masks.size():
        return QImage()
    weights = _pixels(masks).astype(np.float32) / 255  # RGB: head, torso, person
    picture = _pixels(frame).astype(np.float32)
    for channel, tint in ((0, HEAD_TINT), (1, TORSO_TINT)):
        part = 0.35 * weights[..., channel : channel + 1]
        picture = picture * (1 - part) + np.array(tint.getRgb()[:3], np.float32) * part
    picture *= 0.35 + 0.65 * weights[..., 2:3]
    return _image(picture)


def tracked_frame(film: Film, index: int) -> QImage:
    """A frame with the face that was found in it; null while it is not tracked."""
    points = landmarks(film, index)
    frame = film_frame(film, index)
    if points is None or frame.isNull():
        return QImage()
    painter = QPainter(frame)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    unit = max(1.0, frame.width() / 512)
    lines = (FACE_OVAL, OUTER_LIPS, LEFT_EYE, RIGHT_EYE, LEFT_BROW[:5], RIGHT_BROW[:5])
    if len(points) > max(max(line) for line in lines):
        for line in lines:
            corners = QPolygonF([QPointF(*points[i]) for i in line])
            painter.setPen(QPen(MESH, 1.6 * unit))
            painter.drawPolyline(corners) if len(line) == 5 else painter.drawPolygon(corners)
        points = points[sorted({i for line in lines for i in line})]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(DOT)
    for point in points:
        painter.drawEllipse(QPointF(*point), 2.0 * unit, 2.0 * unit)
    painter.end()
    return frame


def landmarks(film: Film, index: int) -> np.ndarray | None:
    """Points `[L, 2]` in pixels; None while there are none."""
    if film.tracks is None:
        return None
    try:
        with safe_open(film.tracks, "numpy") as file:
            rows = file.get_slice("landmarks")
            shape = rows.get_shape()
            if len(shape) != 3 or not index < shape[0] or shape[1] > MAX_LANDMARKS or shape[2] not in (2, 3):
                return None
            points = np.asarray(rows[index : index + 1][0, :, :2], np.float64)
    except (OSError, SafetensorError, ValueError):
        return None
    return points if np.isfinite(points).all() else None


def thumbnails(film: Film) -> list[tuple[int, QImage]]:
    """Frames spread over the film, small."""
    moments = np.unique(np.linspace(0, film.n_frames - 1, THUMBNAILS).round().astype(int))
    small = [(int(i), read_picture(film.folder / "frames" / f"{i:06d}.{film.suffix}", THUMBNAIL)) for i in moments]
    return [(i, picture) for i, picture in small if not picture.isNull()]


def read_pair(training: Path) -> Pair | None:
    """The newest preview of a training, which holds target and render side by side."""
    both = read_picture(training / "preview.png")
    if both.isNull() or both.width() % 2:
        return None
    half = both.width() // 2
    left, right = (both.copy(QRect(x, 0, half, both.height())) for x in (0, half))
    error = np.square((_pixels(left).astype(np.float32) - _pixels(right)) / 255).mean()
    return Pair(left, right, float(-10 * np.log10(max(error, 1e-10))))


def read_loss(training: Path) -> Loss:
    """The record of a training; empty where there is none."""
    path = training / "loss.csv"
    try:
        if path.stat().st_size > MAX_CSV_BYTES:
            return Loss()
        with open(path, newline="", encoding="utf-8") as file:
            names, *rows = list(csv.reader(file))
        table = np.array([[_number(cell) for cell in row] for row in rows if len(row) == len(names)])
    except (OSError, ValueError, csv.Error):
        return Loss()
    if not len(table) or "iteration" not in names:
        return Loss()
    table = table[:: max(1, len(table) // ROWS)] if len(table) > 2 * ROWS else table
    return Loss(dict(zip(names, table.T, strict=True)))


def card_picture(places: Places) -> QImage:
    """What a job's card shows: the person it is about; null where nothing is known yet."""
    film = find_film(places.dataset) if places.dataset is not None else None
    if film is not None:
        return read_picture(film.folder / "frames" / f"{0:06d}.{film.suffix}", THUMBNAIL)
    if places.avatar is None:
        return QImage()
    import base64

    picture = QImage()
    picture.loadFromData(base64.b64decode(read_manifest(places.avatar).thumbnail or ""))
    return picture


def read_quality(dataset: Path) -> Quality:
    """The checks of a whole dataset. Raises DatasetError."""
    try:
        return check_dataset(Dataset(dataset))
    except (ValueError, IndexError) as error:
        raise DatasetError(f"{dataset.name}: cannot be checked ({error}).") from error


def stamp(path: Path) -> tuple[int, int] | None:
    """Changes whenever a file does; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def read_picture(path: Path, within: QSize | None = None) -> QImage:
    """A picture, no larger than `within`; null where there is none, it is too large, or half written."""
    found = stamp(path)
    if found is None or found[1] > MAX_PICTURE_BYTES:
        return QImage()
    reader = QImageReader(str(path))
    size = reader.size()
    if not size.isValid() or max(size.width(), size.height()) > MAX_SIDE:
        return QImage()
    if within is not None:
        reader.setScaledSize(size.scaled(within, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read().convertToFormat(QImage.Format.Format_RGB888)


def _pixels(image: QImage) -> np.ndarray:
    """uint8 `[H, W, 3]` of an RGB888 image."""
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)


def _image(picture: np.ndarray) -> QImage:
    rgb = np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8))
    return QImage(rgb.data, rgb.shape[1], rgb.shape[0], 3 * rgb.shape[1], QImage.Format.Format_RGB888).copy()


def _json(path: Path) -> dict:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{path}: is too large.")
    row = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(row, dict):
        raise ValueError(f"{path}: is no table.")
    return row


def _number(cell: str) -> float:
    return float(cell) if cell else np.nan


def _path(value: object) -> Path | None:
    return Path(value) if isinstance(value, str) and value else None
