"""Short work with takes' files off the GUI thread: reading, renaming, copying."""

import shutil
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, QThreadPool, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from app.panels.library_files import takes_dir
from app.timeline.track import TakeTrack
from app.windows.orders import safe_name
from engine.errors import MouthpieceError
from engine.paths import atomic_file, cache_dir


class FileTasks(QObject):
    """Runs work on a thread of the pool; its answer, or the error, comes back on the GUI thread."""

    _finished = Signal(object, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._finished.connect(lambda then, answer: then(answer))

    def run(self, work: Callable[[], object], then: Callable[[object], None]) -> None:
        QThreadPool.globalInstance().start(_Task(self, work, then))

    def finish(self, then, answer) -> None:
        self._finished.emit(then, answer)


class _Task(QRunnable):
    def __init__(self, tasks: FileTasks, work, then) -> None:
        super().__init__()
        self._tasks, self._work, self._then = tasks, work, then

    def run(self) -> None:
        try:
            answer = self._work()
        except MouthpieceError as error:
            answer = error
        except OSError as error:
            answer = f"{error.filename or ''}: {error.strerror or error}."
        try:
            self._tasks.finish(self._then, answer)
        except RuntimeError:
            return  # the window closed meanwhile


def name_take(path: Path, wanted: str) -> str:
    """Gives a take that is still called by the time it was recorded at the wanted name; returns its name."""
    from engine.take import read_take_info, rewrite_take_info

    name = read_take_info(path).name
    if name == path.stem and name.startswith("Take 2"):
        return rewrite_take_info(path, name=wanted).name
    return name


def read_take_track(path: Path) -> TakeTrack:
    from engine.take import load_take

    return TakeTrack(load_take(path))


def voice_of_take(path: Path) -> Path:
    """A take's voice as a sound file in the cache; it is named like the take, because the live bar shows the name."""
    import soundfile

    from engine.take import load_take

    take = load_take(path)
    folder = cache_dir() / "voices"
    folder.mkdir(parents=True, exist_ok=True)
    sound = folder / f"{safe_name(take.info.name)}.flac"
    with atomic_file(sound) as temporary:
        soundfile.write(temporary, take.voice, take.info.rate_hz, format="FLAC", subtype="PCM_24")
    return sound


def rewrite_take(path: Path, changes: dict) -> None:
    from engine.take import rewrite_take_info

    rewrite_take_info(path, **changes)


def copy_take(path: Path) -> None:
    """Puts a copy of a take into the library's folder, after a look whether it is one."""
    from engine.take import read_take_info

    read_take_info(path)
    target = takes_dir() / path.name
    number = 2
    while target.exists():
        target = takes_dir() / f"{path.stem} {number}{path.suffix}"
        number += 1
    with atomic_file(target) as temporary:
        shutil.copyfile(path, temporary)


def show_file(path) -> None:
    """Opens a file with the program the desktop has for it."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
