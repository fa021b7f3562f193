"""Keeps what is shown of one job up to date: reads its files on threads of the pool, one look at a time."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from app.jobs.look import (
    Film,
    Loss,
    Pair,
    Places,
    film_frame,
    find_film,
    masked_frame,
    places_of,
    read_loss,
    read_pair,
    read_quality,
    stamp,
    thumbnails,
    tracked_frame,
)
from app.jobs.state import JobState
from app.windows.file_tasks import FileTasks
from engine.capture.checks import Quality

EVERY_MS = 1_000


@dataclass(frozen=True)
class Frame:
    """One frame of the film in its three ways; null images where a way does not exist yet."""

    index: int
    filmed: QImage
    masked: QImage
    tracked: QImage


@dataclass(frozen=True)
class Seen:
    """What one look found; a field that is None has not changed since the look before.

    Attributes:
        stamps: of the files as they were read, by path and what was read of them.
    """

    film: Film | None = None
    small: list[tuple[int, QImage]] | None = None
    frame: Frame | None = None
    pair: Pair | None = None
    loss: Loss | None = None
    stamps: dict[tuple[str, str], object] = field(default_factory=dict)


class Looker(QObject):
    """Looks once a second while it is active and the job runs, and whenever something else is asked for.

    Signals:
        seen: a Seen. quality_read: of a dataset (Path), a Quality or a sentence why there is none.
    """

    seen = Signal(object)
    quality_read = Signal(object, object)

    def __init__(self, tasks: FileTasks, parent: QObject) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._job: JobState | None = None
        self._places = Places()
        self._frame: int | None = None
        self._stamps: dict[tuple[str, str], object] = {}
        self._qualities: dict[tuple[Path, object], Quality | str] = {}
        self._is_looking = self._wants_more = self._is_active = False
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self._look)

    def set_active(self, on: bool) -> None:
        """Off, nothing is read."""
        self._is_active = on
        self._timer.start() if on else self._timer.stop()
        self._look()

    def show_job(self, job: JobState | None) -> None:
        """Looks at another job, or at the same one in another state."""
        is_same = job is not None and self._job is not None and job.id == self._job.id
        ended = is_same and job.state != self._job.state
        self._job = job
        if not is_same:
            self._places = places_of(job) if job is not None else Places()
            self._stamps, self._frame = {}, None
        if not is_same or ended:
            self._look()

    def choose_frame(self, index: int | None) -> None:
        """Which frame of the film is shown; None goes along with the capture, else with the film's middle."""
        self._frame = index
        self._look()

    def _look(self) -> None:
        if not self._is_active or self._job is None:
            return
        if self._is_looking:
            self._wants_more = True
            return
        self._is_looking, self._wants_more = True, False
        job = self._job
        work = partial(look, job, self._places, self._frame, dict(self._stamps))
        self._tasks.run(work, partial(self._on_seen, job.id))

    def _on_seen(self, identity: str, answer: object) -> None:
        self._is_looking = False
        if self._job is not None and self._job.id == identity and isinstance(answer, Seen):
            self._stamps = answer.stamps
            if answer.film is not None and answer.film.is_whole:
                self._judge(answer.film.folder)
            self.seen.emit(answer)
        if self._wants_more or (self._job is not None and self._job.id != identity):
            self._look()

    def _judge(self, dataset: Path) -> None:
        key = (dataset, stamp(dataset / "dataset.json"))
        if key in self._qualities:
            self.quality_read.emit(dataset, self._qualities[key])
            return
        self._tasks.run(partial(read_quality, dataset), partial(self._on_quality, key))

    def _on_quality(self, key: tuple[Path, object], answer: object) -> None:
        self._qualities[key] = answer if isinstance(answer, Quality) else str(answer)
        self.quality_read.emit(key[0], self._qualities[key])


def look(job: JobState, places: Places, frame: int | None, stamps: dict) -> Seen:
    """One look at a job's files; what is as it was at `stamps` is not read again."""
    film = small = shown = pair = loss = None
    stamps = dict(stamps)
    if places.dataset is not None:
        found = find_film(places.dataset)
        if found is not None and stamps.get(("film", "")) != found:
            film, stamps["film", ""] = found, found
        if found is not None:
            index = _index(job, found, frame)
            key = (index, found.tracks, stamp(found.folder / "masks" / f"{index:06d}.png"))
            if stamps.get(("frame", "")) != key:
                stamps["frame", ""] = key
                shown = Frame(index, film_frame(found, index), masked_frame(found, index), tracked_frame(found, index))
            is_filmed = found.is_whole or job.stage not in ("", "Starting", "Looking for the face", "Reading the video")
            if is_filmed and stamps.get(("small", "")) != found.folder:
                stamps["small", ""] = found.folder
                small = thumbnails(found)
    if places.training is not None:
        for name in ("preview.png", "loss.csv"):
            now = stamp(places.training / name)
            if now is None or stamps.get(("training", name)) == now:
                continue
            stamps["training", name] = now
            if name == "preview.png":
                pair = read_pair(places.training)
            else:
                loss = read_loss(places.training)
    return Seen(film, small, shown, pair, loss, stamps)


def _index(job: JobState, film: Film, frame: int | None) -> int:
    if frame is not None:
        return min(frame, film.n_frames - 1)
    if job.kind == "capture" and not film.is_whole:
        return min(max(0, job.done - 1), film.n_frames - 1) if job.total == film.n_frames else 0
    return film.n_frames // 2
