"""The training video beside its avatar: its sound drives, and pictures are drawn by its cameras, frame by frame."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.film_clock import FilmClock
from engine.camera import Camera
from engine.errors import MouthpieceError

if TYPE_CHECKING:
    from app.workers.file_source import FileSource
    from app.workers.stage import Stage


class Film:
    """The cameras of a dataset over the time of its sound.

    Args:
        path: the dataset's folder.

    Raises:
        DatasetError: if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        from engine.capture.dataset import Dataset

        self.dataset = Dataset(path)
        self.clock: FilmClock | None = None  # None while something else is heard
        self._times = self.dataset.times

    def index_at(self, wall: float) -> int | None:
        """The frame that stands for the sound of a moment, perf_counter seconds; None where there is none."""
        place = self.clock.place(wall) if self.clock is not None and math.isfinite(wall) else None
        return None if place is None else nearest(self._times, place)

    def camera(self, index: int, width: int, height: int) -> Camera:
        return self.dataset.camera(index).resized(width, height)


def nearest(times: np.ndarray, time: float) -> int:
    """Index of the time of `[T]` that is nearest to another."""
    return int(np.abs(times - time).argmin())


class FilmLine:
    """Opens a film for the stage and says `film` (path, sentence) and `film_clock` whenever its sound starts anew."""

    def __init__(self, stage: "Stage", say: Any) -> None:
        self._stage, self._say = stage, say
        self._said: FilmClock | None = None

    def ask(self, request: dict[str, Any], source: "FileSource | None") -> None:
        look = self._stage.look
        look.film, self._said = None, None
        if request.get("path"):
            path, sentence = Path(request["path"]), ""
            try:
                look.film = Film(path)
            except MouthpieceError as error:
                sentence = str(error)
            self._say("film", path=str(path), sentence=sentence)
        self._stage.redraw()
        self.follow(source)

    def follow(self, source: "FileSource | None") -> None:
        """Keeps the film in step with the file that is heard, if that is its sound."""
        film = self._stage.look.film
        if film is None:
            return
        is_its = source is not None and source.path == film.dataset.audio_path
        film.clock = source.film_clock if is_its else None
        if film.clock != self._said:
            self._said = film.clock
            fields = {} if film.clock is None else vars(film.clock)
            self._say("film_clock", is_heard=film.clock is not None, **fields)
