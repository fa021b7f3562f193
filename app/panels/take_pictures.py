"""A frame of each take for the library, drawn by the performer when its avatar is on stage and kept in the cache."""

import hashlib
import struct
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.portraits import Portraits
from app.timeline.track import lip_index
from engine.camera import Orbit
from engine.controls import ControlSchema
from engine.errors import MouthpieceError
from engine.paths import atomic_file, cache_dir
from engine.take import Take, load_take, orbit_of_row

SIZE = (180, 120)
"""Three times what a row shows, for screens of any density."""

HASHED_BYTES = 1 << 16
INNER = 0.15
"""What is left out at both ends: people begin and end with their mouths shut."""

SPEAKING = 0.85
"""The mouth is open as far as it is in this part of the take or less."""


@dataclass(frozen=True)
class Look:
    """A moment of a take: `controls` `[C]` and the camera."""

    controls: np.ndarray
    orbit: Orbit


class TakePictures(QObject):
    """Fills in the pictures of takes, one after the other.

    Signals:
        drawn: a take's path and its PNG.
    """

    drawn = Signal(object, bytes)

    def __init__(self, session, portraits: Portraits, tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._portraits, self._tasks = session, portraits, tasks
        self._waiting: list[Path] = []
        self._tried: set[tuple[Path, str]] = set()  # takes that cannot be drawn, by the avatar that could not
        self._now: Path | None = None

    def fill(self, entries: list) -> None:
        """Draws those of these takes that have no picture and whose avatar is on stage."""
        manifest = self._session.manifest
        self.stop()
        if manifest is not None:
            self._waiting = [entry.path for entry in entries
                             if not entry.has_picture and entry.avatar == manifest.name
                             and (entry.path, manifest.name) not in self._tried]  # fmt: skip
        self._next()

    def stop(self) -> None:
        """Leaves the rest undrawn."""
        self._waiting, self._now = [], None
        self._portraits.drop(self)

    def _next(self) -> None:
        self._now = self._waiting.pop(0) if self._waiting else None
        manifest = self._session.manifest
        if self._now is not None and manifest is not None:
            self._tasks.run(partial(read_look, self._now, manifest.schema), partial(self._ask, self._now))

    def _ask(self, path: Path, look: object) -> None:
        if path != self._now:
            return
        if not isinstance(look, Look):
            self._give_up(path)
            return
        request = {"controls": look.controls.tolist(), "size": list(SIZE), "orbit": look.orbit.to_json()}
        self._portraits.ask(self, f"take {path}", partial(self._keep, path), **request)

    def _keep(self, path: Path, image: QImage, png: bytes) -> None:
        if image.isNull():
            self._give_up(path)
            return
        self.drawn.emit(path, png)
        self._tasks.run(partial(keep_picture, path, png), lambda _: None)
        self._next()

    def _give_up(self, path: Path) -> None:
        self._tried.add((path, self._session.manifest.name))
        self._next()


def read_look(path: Path, schema: ControlSchema) -> Look | None:
    """The moment that stands for a take, None where it was made with other controls or holds none."""
    try:
        take = load_take(path, with_voice=False)
    except MouthpieceError:
        return None
    if not len(take.times) or take.schema.names != schema.names:
        return None
    at = telling_moment(take)
    return Look(take.result[at], orbit_of_row(take.camera[at]))


def telling_moment(take: Take) -> int:
    """The row at which a face speaks with open eyes: the mouth as open as it is at most but for the widest moments."""
    n, schema = len(take.times), take.schema
    rows = np.arange(int(INNER * n), max(int(INNER * n) + 1, int((1 - INNER) * n)))
    cost = np.abs(rows - n / 2) / n * 0.1
    index = lip_index(schema)
    if index is not None:
        jaw = take.result[rows, index]
        cost += np.abs(jaw - np.quantile(jaw, SPEAKING)) / max(float(np.ptp(jaw)), 1e-6)
    lids = [i for i, name in enumerate(schema.names) if name.startswith("au.45")]
    if lids:
        cost += np.abs(take.result[np.ix_(rows, lids)]).max(axis=1)
    return int(rows[np.argmin(cost)])


def picture_file(path: Path) -> Path:
    """Where a take's picture is kept: under what its samples are, so that a new name or rating changes nothing.

    Raises:
        OSError, struct.error: if the take cannot be read.
    """
    with open(path, "rb") as file:
        n_header = struct.unpack("<Q", file.read(8))[0]
        file.seek(8 + n_header)
        samples = file.read(HASHED_BYTES)
    size = path.stat().st_size - n_header
    key = hashlib.sha256(samples + struct.pack("<Q", size)).hexdigest()[:32]
    return cache_dir() / "take_pictures" / f"{key}.png"


def kept_picture(path: Path) -> bytes:
    """The PNG kept of a take, empty where there is none."""
    try:
        return picture_file(path).read_bytes()
    except (OSError, struct.error):
        return b""


def keep_picture(path: Path, png: bytes) -> None:
    """Keeps a take's PNG. Raises OSError, OutputError."""
    target = picture_file(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target) as temporary:
        temporary.write_bytes(png)
