"""What the library shows: avatars and takes found on disk, read without their tensors and off the GUI thread."""

import base64
import binascii
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QRunnable, QThreadPool, QTimer, Signal

from app.panels.take_pictures import kept_picture
from engine.errors import MouthpieceError
from engine.paths import ASSETS, data_dir

METHODS = {
    "dgtalker": "DGTalker",
    "ggtalker": "GGTalker",
    "talk2me": "Talk2Me",
    "embedtalk": "EmbedTalk",
    "gaussiantalker": "GaussianTalker",
}
AVATAR_SUFFIXES = (".avatar",)
TAKE_SUFFIXES = (".take",)
MOTION_SUFFIX = ".motion"
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".opus")
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")


@dataclass(frozen=True)
class AvatarEntry:
    """An avatar file as its tile shows it; `problem` is a sentence when it cannot be opened."""

    path: Path
    name: str
    method: str = ""
    n_gaussians: int = 0
    thumbnail: bytes = b""
    is_shipped: bool = False
    problem: str = ""

    @property
    def meta(self) -> str:
        if self.problem:
            return "Cannot be opened"
        return f"{METHODS.get(self.method, self.method)}, {short_count(self.n_gaussians)}"


@dataclass(frozen=True)
class TakeEntry:
    """A take file as its row shows it; `thumbnail` is a frame of it if `has_picture`, else a picture of its avatar."""

    path: Path
    name: str
    seconds: float = 0.0
    created: datetime | None = None
    avatar: str = ""
    rating: int = 0
    thumbnail: bytes = b""
    notes: str = ""
    has_picture: bool = False

    def meta(self, today: date) -> str:
        when = when_words(self.created, today) if self.created else ""
        return ", ".join(part for part in (when, self.avatar) if part)


def takes_dir() -> Path:
    """Where recorded takes are kept."""
    folder = data_dir() / "takes"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def avatars_dir() -> Path:
    """Where the user's own avatars are kept."""
    folder = data_dir() / "avatars"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find_avatars(recent: Iterable[Path]) -> list[Path]:
    """Avatar files: the shipped ones, the user's own, then those opened before; each once, what is gone left out."""
    found: dict[Path, None] = {}
    for folder in (ASSETS / "avatars", avatars_dir()):
        for path in sorted(folder.glob("*.avatar")):
            found[path.resolve()] = None
    for path in recent:
        if path.is_file():
            found[path.resolve()] = None
    return list(found)


def read_avatar(path: Path) -> AvatarEntry:
    """One avatar's entry; a file that cannot be read becomes one with a `problem`."""
    from engine.manifest import read_manifest

    shipped = path.is_relative_to(ASSETS)
    try:
        manifest = read_manifest(path)
    except MouthpieceError as error:
        return AvatarEntry(path, path.stem, is_shipped=shipped, problem=str(error))
    return AvatarEntry(
        path, manifest.name, manifest.method, manifest.n_gaussians, _picture(manifest.thumbnail), shipped
    )


def read_take(path: Path, thumbnails: dict[str, bytes]) -> TakeEntry | None:
    """One take's entry, None for a file that is not a take."""
    from engine.take import read_take_info

    try:
        info = read_take_info(path)
        seconds = take_seconds(path)
    except (MouthpieceError, OSError, ValueError, KeyError, struct.error):
        return None
    try:
        created = datetime.fromisoformat(info.created).astimezone() if info.created else None
    except ValueError:
        created = None
    avatar = str(info.avatar.get("name", ""))
    picture = kept_picture(path)
    return TakeEntry(path, info.name, seconds, created, avatar, info.rating, picture or thumbnails.get(avatar, b""),
                     info.notes, bool(picture))  # fmt: skip


def take_seconds(path: Path) -> float:
    """A take's length: its last moment or the end of its voice, whichever is later; a few bytes are read."""
    with open(path, "rb") as file:
        n_header = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(n_header))
        base = 8 + n_header
        first, last = header["times"]["data_offsets"]
        seconds = 0.0
        if last - first >= 8:
            file.seek(base + last - 8)
            seconds = struct.unpack("<d", file.read(8))[0]
        file.seek(base + header["voice"]["data_offsets"][0])
        return max(seconds, flac_seconds(file.read(42)))


def flac_seconds(head: bytes) -> float:
    """Length of a FLAC stream from its STREAMINFO block (RFC 9639, 8.2); 0 where it does not say."""
    if len(head) < 26 or head[:4] != b"fLaC":
        return 0.0
    packed = int.from_bytes(head[18:26], "big")
    rate, samples = packed >> 44, packed & ((1 << 36) - 1)
    return samples / rate if rate else 0.0


def next_take_name(names: Iterable[str]) -> str:
    """`Take 05` when the highest number used is 4."""
    numbers = [int(name[5:]) for name in names if name.startswith("Take ") and name[5:].isdigit()]
    return f"Take {max(numbers, default=0) + 1:02}"


def short_count(count: int) -> str:
    """`30k`, `1.2M`, `850`."""
    if count >= 1_000_000:
        return f"{count / 1e6:.1f}M"
    return f"{round(count / 1000)}k" if count >= 1000 else str(count)


def length_text(seconds: float) -> str:
    """`0:42`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def when_words(moment: datetime, today: date) -> str:
    """`Today 14:02`, `Yesterday`, `12 March`, `12 March 2024`."""
    days = (today - moment.date()).days
    if days == 0:
        return f"Today {moment:%H:%M}"
    if days == 1:
        return "Yesterday"
    return f"{moment.day} {moment:%B}" + ("" if moment.year == today.year else f" {moment.year}")


class LibraryScan(QObject):
    """Reads the folders in a worker thread and tells what is there; reads again when they change."""

    avatars_found = Signal(list)
    takes_found = Signal(list)

    def __init__(self, recent, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._recent = recent
        self._busy = self._again = False
        self._watcher = QFileSystemWatcher([str(avatars_dir()), str(takes_dir())], self)
        self._watcher.directoryChanged.connect(lambda _: self._soon.start())
        self._soon = QTimer(self, singleShot=True, interval=200)
        self._soon.timeout.connect(self.scan)
        self.takes_found.connect(self._read_again)

    def scan(self) -> None:
        """Begins to read; what is found comes by the signals."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        QThreadPool.globalInstance().start(_Scan(self, list(self._recent())))

    def finished(self, avatars: list[AvatarEntry], takes: list[TakeEntry]) -> None:
        self._busy = False
        self.avatars_found.emit(avatars)
        self.takes_found.emit(takes)

    def _read_again(self, _takes: list[TakeEntry]) -> None:
        if self._again:
            self._again = False
            self.scan()


class _Scan(QRunnable):
    def __init__(self, scan: LibraryScan, recent: list[Path]) -> None:
        super().__init__()
        self._scan, self._recent = scan, recent

    def run(self) -> None:
        avatars = [read_avatar(path) for path in find_avatars(self._recent)]
        thumbnails = {entry.name: entry.thumbnail for entry in avatars}
        takes = [entry for path in takes_dir().glob("*.take") if (entry := read_take(path, thumbnails)) is not None]
        takes.sort(key=lambda t: t.created.timestamp() if t.created else 0.0, reverse=True)
        try:
            self._scan.finished(avatars, takes)
        except RuntimeError:
            return  # the window closed meanwhile


def _picture(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
