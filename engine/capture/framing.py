"""Chooses the face a video is about, and the one square of its pictures that is kept for the whole clip."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from engine.capture.landmarks import FaceLandmarker
from engine.capture.video import read_pictures
from engine.errors import VideoError
from engine.progress import Progress

LOOK_EVERY_SECONDS = 0.4
MOST_FACES = 5
ROOM = (0.55, 0.75, 0.55, 0.45)
"""What is kept left, above, right and below the face points, in face heights (hair above, shoulders below)."""
WHOLE = 0.9
"""A square picture that would be cropped by less than this keeps every pixel as it is."""


@dataclass(frozen=True)
class Framing:
    """The square of the (upright) video that becomes the dataset's picture.

    Attributes:
        x, y, side: pixels of the video.
        size: side of the dataset's picture.
        face: the chosen face's box on the first look that saw it, in dataset pixels.
    """

    x: int
    y: int
    side: int
    size: int
    face: tuple[float, float, float, float]
    n_faces: int = 1
    notes: tuple[str, ...] = ()

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """Cuts and scales a picture to uint8 `[size, size, 3]`."""
        cut = rgb[self.y : self.y + self.side, self.x : self.x + self.side]
        if self.side == self.size:
            return np.ascontiguousarray(cut)
        how = cv2.INTER_AREA if self.side > self.size else cv2.INTER_CUBIC
        return cv2.resize(cut, (self.size, self.size), interpolation=how)


@dataclass
class _Seen:
    """One face over the looks: times it was seen and its boxes."""

    boxes: list[np.ndarray] = field(default_factory=list)

    @property
    def weight(self) -> float:
        return sum(box[3] - box[1] for box in self.boxes)

    def distance(self, box: np.ndarray) -> float:
        """Between centres, in face heights."""
        last = self.boxes[-1]
        return float(np.hypot(*(last[:2] + last[2:] - box[:2] - box[2:])) / 2 / (last[3] - last[1]))


def find_framing(path: Path, model: Path, size: int, fps: float, n_expected: int) -> Iterator[Progress]:
    """Looks at the video every 0.4 s; the last progress carries `framing` and `n_frames` in its values.

    Raises:
        VideoError: if no face is found.
    """
    every = max(1, round(LOOK_EVERY_SECONDS * fps))
    seen: list[_Seen] = []
    shape, n_frames = (1, 1), 0
    with FaceLandmarker(model, n_faces=MOST_FACES, is_video=False) as landmarker:
        for index, rgb in read_pictures(path, fps):
            shape, n_frames = rgb.shape[:2], index + 1
            if index % every == 0:
                _remember(seen, _boxes(landmarker, rgb))
                yield Progress("Looking for the face", index, max(n_expected, index))
    if not seen:
        raise VideoError(f"{path}: no face was found; the face must be seen from the front, at least 100 pixels high.")
    framing = _framing(seen, shape, size)
    note = " ".join(framing.notes)
    yield Progress("Looking for the face", n_frames, n_frames, note, {"framing": framing, "n_frames": n_frames})


def _boxes(landmarker: FaceLandmarker, rgb: np.ndarray) -> list[np.ndarray]:
    """Boxes of the faces; a picture without one is searched again in three overlapping, enlarged parts."""
    boxes = [face.box for face in landmarker.faces(rgb)]
    height, width = rgb.shape[:2]
    if boxes or max(height, width) < 600:
        return boxes
    side = int(min(height, width) * 0.6)
    for x in np.linspace(0, width - side, 3).astype(int):
        y = (height - side) // 3
        found = [face.box for face in landmarker.faces(rgb[y : y + side, x : x + side])]
        boxes += [box + np.array([x, y, x, y]) for box in found]
    return boxes


def _remember(seen: list[_Seen], boxes: list[np.ndarray]) -> None:
    free = list(seen)
    for box in sorted(boxes, key=lambda b: b[1] - b[3]):
        near = min(free, key=lambda s: s.distance(box), default=None)
        if near is not None and near.distance(box) < 0.8:
            near.boxes.append(box)
            free.remove(near)
        else:
            seen.append(_Seen([box]))


def _framing(seen: list[_Seen], shape: tuple[int, int], size: int) -> Framing:
    height, width = shape
    chosen = max(seen, key=lambda s: s.weight)
    others = [s for s in seen if s is not chosen and len(s.boxes) > 0.1 * len(chosen.boxes)]
    notes = []
    if others:
        notes.append(f"{len(others) + 1} faces were seen; the largest that stays longest is used.")
    boxes = np.array(chosen.boxes)
    face_height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    low, high = np.percentile(boxes, 2, axis=0), np.percentile(boxes, 98, axis=0)
    x0, x1 = low[0] - ROOM[0] * face_height, high[2] + ROOM[2] * face_height
    y0, y1 = low[1] - ROOM[1] * face_height, high[3] + ROOM[3] * face_height
    side = round(min(max(x1 - x0, y1 - y0), width, height))
    if width == height and side > WHOLE * width:
        side = width
    x = int(np.clip(round((x0 + x1 - side) / 2), 0, width - side))
    y = int(np.clip(round(y0 + (y1 - y0 - side) / 2), 0, height - side))
    if face_height < 100:
        notes.append(f"The face is only {face_height:.0f} pixels high; fine detail will be missing.")
    first = (boxes[0] - np.array([x, y, x, y])) * (size / side)
    return Framing(x, y, side, size, tuple(float(v) for v in first), len(seen), tuple(notes))
