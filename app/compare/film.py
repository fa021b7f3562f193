"""The training video as a side of Compare: frames read beside the window's loop and laid over the avatar's view."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from app.film_clock import FilmClock
from app.workers.film import nearest
from app.workers.frames import FrameView
from engine.camera import Camera
from engine.capture.dataset import Dataset
from engine.errors import DatasetError

KEPT, AHEAD = 48, 6


class Film:
    """A dataset's frames as they go by.

    Attributes:
        clock: where its sound stands, None while something else is heard; set by who hears of it.

    Raises:
        DatasetError: if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.dataset = Dataset(path)
        self.times = self.dataset.times
        self.clock: FilmClock | None = None
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()
        self._wanted: int | None = None
        self._is_closed = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="film", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self._change:
            self._is_closed = True
            self._change.notify()
        self._thread.join(5.0)

    @property
    def name(self) -> str:
        return self.dataset.info.name

    def index_at(self, wall: float) -> int | None:
        """The frame of a moment, perf_counter seconds; None while it is not heard and between two times round."""
        place = self.clock.place(wall) if self.clock is not None else None
        return None if place is None else nearest(self.times, place)

    def picture(self, index: int) -> np.ndarray | None:
        """A frame `[H, W, 4]` uint8, the person's mask as alpha; None until it has been read."""
        with self._change:
            self._wanted = index
            self._change.notify()
            return self._cache.get(index)

    def _read(self) -> None:
        while True:
            with self._change:
                index = self._next()
                while index is None and not self._is_closed:
                    self._change.wait()
                    index = self._next()
                if self._is_closed:
                    return
            try:
                rgb, person = self.dataset.frame(index), self.dataset.masks(index).person
                picture = np.dstack([rgb, np.rint(person * 255).astype(np.uint8)])
            except DatasetError:
                picture = np.zeros((self.dataset.info.height, self.dataset.info.width, 4), np.uint8)
            with self._change:
                self._cache[index] = picture
                while len(self._cache) > KEPT:
                    self._cache.popitem(last=False)

    def _next(self) -> int | None:
        if self._wanted is None:
            return None
        n = len(self.times)
        return next((i for k in range(AHEAD) if (i := (self._wanted + k) % n) not in self._cache), None)


@dataclass(frozen=True)
class FilmView:
    """A frame laid over an avatar's picture.

    Attributes:
        frame: the film's, as large as the avatar's picture; see-through where the film shows nothing.
        avatar: the avatar's picture where the film shows something.
        left, right: columns between which it does.
    """

    frame: FrameView
    avatar: FrameView
    left: int
    right: int

    def is_of(self, avatar: FrameView) -> bool:
        """Whether it is laid over this very picture."""
        return self.avatar.header.picture_sequence == avatar.header.picture_sequence

    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        """Both pictures, of what both show."""
        columns = slice(self.left, self.right)
        return self.avatar.image[:, columns], self.frame.image[:, columns]


@dataclass(frozen=True)
class FilmCamera:
    """The camera of a film's frame, for those columns of a picture that both show."""

    camera_of_frame: Camera
    width: int
    left: int

    def camera(self, width: int, height: int) -> Camera:
        whole = self.camera_of_frame.resized(self.width, height)
        k = whole.k.copy()
        k[0, 2] -= self.left
        return replace(whole, k=k, width=width)


def laid_over(picture: np.ndarray, index: int, avatar: FrameView) -> FilmView:
    """Lays a film's frame `[H, W, 4]` over an avatar's picture as its camera does: heights agree, centres agree.

    An avatar that brings its own background is compared with the whole frame, a cut-out one with the person.
    """
    height, width = avatar.image.shape[:2]
    film_h, film_w = picture.shape[:2]
    scaled_w = max(1, round(film_w * height / film_h))
    kept = np.ascontiguousarray(picture)  # a QImage only points at it
    source = QImage(kept.data, film_w, film_h, 4 * film_w, QImage.Format.Format_RGBA8888)
    mode = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    scaled = source.scaled(scaled_w, height, *mode).convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(scaled.constBits(), np.uint8).reshape(height, scaled.bytesPerLine())
    rows = rows[:, : 4 * scaled_w].reshape(height, scaled_w, 4)
    left, cut = max(0, (width - scaled_w) // 2), max(0, (scaled_w - width) // 2)
    right = left + min(width, scaled_w)
    image = np.zeros((height, width, 4), np.uint8)
    image[:, left:right] = rows[:, cut : cut + right - left]
    if avatar.image[:, left:right, 3].min() == 255:
        image[:, left:right, 3] = 255
    shown = avatar.image.copy()
    shown[:, :left] = shown[:, right:] = 0
    header = replace(avatar.header, picture_sequence=index)
    return FilmView(FrameView(image, header), FrameView(shown, avatar.header), left, right)
