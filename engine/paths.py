"""Where things live on this machine, and how a file is written so that it is never left half-written."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from engine.errors import ModelMissingError, OutputError

APP_NAME = "mouthpiece"
ASSETS = Path(__file__).resolve().parent.parent / "assets"

FACE_LANDMARKER_FILE = "face_landmarker.task"
FACE_LANDMARKER_VARIABLE = "MOUTHPIECE_FACE_LANDMARKER"
FACE_LANDMARKER_URL = "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/latest/face_landmarker.task"

ICT_FACEKIT_VARIABLE = "MOUTHPIECE_ICT_FACEKIT"
ICT_FACEKIT_URL = "https://github.com/ICT-VGL/ICT-FaceKit"
FLAME_VARIABLE = "MOUTHPIECE_FLAME"
FLAME_FILES = ("flame2023.pkl", "generic_model.pkl")
FLAME_URL = "https://flame.is.tue.mpg.de"


def cache_dir() -> Path:
    """Folder for what can be made or fetched again: models, compiled kernels."""
    return _made(os.environ.get("MOUTHPIECE_CACHE") or platformdirs.user_cache_dir(APP_NAME, appauthor=False))


def data_dir() -> Path:
    """Folder for what is the user's: takes, projects, autosaves, avatars of their own."""
    return _made(os.environ.get("MOUTHPIECE_DATA") or platformdirs.user_data_dir(APP_NAME, appauthor=False))


def config_dir() -> Path:
    """Folder for the user's settings."""
    return _made(os.environ.get("MOUTHPIECE_CONFIG") or platformdirs.user_config_dir(APP_NAME, appauthor=False))


def capture_folder(dataset: Path) -> Path:
    """Where a capture works on a dataset until it is whole."""
    return dataset.with_name(f".{dataset.name}.capture")


def training_folder(avatar: Path) -> Path:
    """Where a training keeps its checkpoint, and what there is to look at meanwhile."""
    return avatar.with_suffix(".training")


def find_face_landmarker(given: Path | None = None) -> Path:
    """The MediaPipe face landmarker model: the given path, the environment variable, else the user's cache.

    Raises:
        ModelMissingError: if it is in none of these places; says where to get it and where to put it.
    """
    wanted = given or os.environ.get(FACE_LANDMARKER_VARIABLE)
    path = Path(wanted) if wanted else cache_dir() / "models" / FACE_LANDMARKER_FILE
    if path.is_file():
        return path
    raise ModelMissingError(
        f"{path}: the face landmarker model is not there; fetch it from {FACE_LANDMARKER_URL} and put it in "
        f"{cache_dir() / 'models'}, or name it with --face-landmarker or {FACE_LANDMARKER_VARIABLE}."
    )


def find_ict_facekit(given: Path | None = None) -> Path:
    """The folder of ICT-FaceKit: the given path, the environment variable, else the user's cache.

    Raises:
        ModelMissingError: if it is in none of these places; says where to get it and where to put it.
    """
    wanted = given or os.environ.get(ICT_FACEKIT_VARIABLE)
    path = Path(wanted) if wanted else cache_dir() / "models" / "ict-facekit"
    if path.is_dir():
        return path
    raise ModelMissingError(
        f"{path}: ICT-FaceKit is not there; fetch it from {ICT_FACEKIT_URL} and put it in {cache_dir() / 'models'}, "
        f"or name its folder with --kit or {ICT_FACEKIT_VARIABLE}."
    )


def find_flame(given: Path | None = None) -> Path:
    """FLAME's model file: the given path, the environment variable, else the user's cache.

    Raises:
        ModelMissingError: if it is in none of these places; says where to get it and where to put it.
    """
    wanted = given or os.environ.get(FLAME_VARIABLE)
    folder = cache_dir() / "models" / "flame"
    for path in [Path(wanted)] if wanted else [folder / name for name in FLAME_FILES]:
        if path.is_file():
            return path
    raise ModelMissingError(
        f"{wanted or folder}: FLAME is not there; fetch it from {FLAME_URL} and put {' or '.join(FLAME_FILES)} in "
        f"{folder}, or name the file with --model or {FLAME_VARIABLE}."
    )


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on a clean exit it is fsynced and renamed to it, on an error removed.

    Raises:
        OutputError: if the folder is missing or unwritable, or the disk is full.
    """
    path = Path(path)
    temporary = _temporary_beside(path, directory=False)
    try:
        yield temporary
        _fsync(temporary)
        os.replace(temporary, path)
        _fsync(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{path}: {error.strerror or error}; nothing was written.") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; on a clean exit it takes the place of `path`, on an error it is removed.

    Raises:
        OutputError: if the parent is missing or unwritable, or the disk is full.
    """
    path = Path(path)
    temporary = _temporary_beside(path, directory=True)
    try:
        yield temporary
        replace_folder(temporary, path)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise OutputError(f"{path}: {error.strerror or error}; nothing was written.") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def replace_folder(made: Path, path: Path) -> None:
    """Puts the folder `made` where `path` is; the old one is removed only after the new one stands there."""
    old = None
    if path.exists():
        old = path.with_name(f".{path.name}.old{os.getpid()}")
        os.replace(path, old)
    os.replace(made, path)
    _fsync(path.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _temporary_beside(path: Path, directory: bool) -> Path:
    parent = path.parent
    if not parent.is_dir():
        raise OutputError(f"{parent}: there is no such folder; make it first or choose another place for {path.name}.")
    try:
        if directory:
            made = tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=parent)
            os.chmod(made, 0o777 & ~_umask())
            return Path(made)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".partial{path.suffix}", dir=parent)
        os.close(handle)
        os.chmod(name, 0o666 & ~_umask())  # mkstemp makes files that only their owner may read
        return Path(name)
    except OSError as error:
        raise OutputError(f"{parent}: {error.strerror or error}; choose a folder you can write to.") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _fsync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle to sync a folder with
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _made(folder: str) -> Path:
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: {error.strerror or error}; set MOUTHPIECE_CACHE, _DATA or _CONFIG elsewhere."
        ) from error
    return path
