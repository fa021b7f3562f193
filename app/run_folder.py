"""The folder of one run: memory-mapped files its processes share, made at start, swept when its owner is gone."""

import os
import shutil
import tempfile
import time
from pathlib import Path

import psutil

PREFIX = "mouthpiece-run-"
OWNER = "owner"  # file inside: process id and its start time


def make_run_folder(base: Path | None = None) -> Path:
    """Makes this run's folder in memory where the system has such a place, and removes those of runs that are gone."""
    base = base or _fast_base()
    sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    own(folder)
    return folder


def sweep(base: Path) -> None:
    """Removes the run folders in `base` whose owner no longer lives."""
    for folder in base.glob(f"{PREFIX}*"):
        if folder.is_dir() and is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def remove_run_folder(folder: Path) -> None:
    """Removes this run's folder; what another process still maps goes with the next sweep."""
    shutil.rmtree(folder, ignore_errors=True)


def own(folder: Path) -> None:
    """Writes down that this process owns a folder."""
    started = psutil.Process().create_time()
    (folder / OWNER).write_text(f"{os.getpid()} {started:.3f}\n", encoding="ascii")


def is_abandoned(folder: Path) -> bool:
    """Whether the process that owns a folder has ended; a folder just being made is not abandoned."""
    try:
        pid, started = (folder / OWNER).read_text(encoding="ascii").split()
        return abs(psutil.Process(int(pid)).create_time() - float(started)) > 1.0
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
    except (OSError, ValueError):
        return time.time() - folder.stat().st_mtime > 60.0


def _fast_base() -> Path:
    """Memory rather than a disk: sound and frames are written there all the time."""
    for candidate in (Path("/dev/shm"),):
        if candidate.is_dir() and os.access(candidate, os.W_OK) and shutil.disk_usage(candidate).free > 256 << 20:
            return candidate
    return Path(tempfile.gettempdir())
