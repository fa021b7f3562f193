"""Render orders as the window makes them: where a clip goes, and everything it depends on."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QStandardPaths

from app.settings import Settings

FORBIDDEN = '/\\:*?"<>|'


@dataclass(frozen=True)
class EditedTake:
    """A take as it stands in the Edit workspace, frozen for an order."""

    name: str
    path: Path
    key: str
    seconds: float
    edit: dict[str, Any]
    n_layers: int = 0
    n_camera_keys: int = 0
    first: float = 0.0
    last: float | None = None
    peaks: np.ndarray = field(default_factory=lambda: np.zeros(0), compare=False)
    sources: dict[str, str] = field(default_factory=dict)
    avatar_hash: str = ""


def clips_dir(chosen: Path | None) -> Path:
    """The folder clips go to: the chosen one while it is there, else the desktop's folder of videos."""
    if chosen is not None and chosen.is_dir():
        return chosen
    videos = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
    folder = Path(videos) if videos else Path.home()
    return folder if folder.is_dir() else Path.home()


def short_path(path: Path) -> str:
    """A path as people write it: from the home folder on."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except ValueError:
        return str(path)


def safe_name(name: str) -> str:
    """A name that every file system takes."""
    return "".join("-" if c in FORBIDDEN or not c.isprintable() else c for c in name).strip(" .") or "Clip"


def clip_path(folder: Path | None, name: str, suffix: str = ".mp4") -> Path:
    """A path for a clip of this name that no file has yet: `Take 05.mp4`, `Take 05 2.mp4`; no suffix for a folder."""
    safe = safe_name(name)
    path = clips_dir(folder) / f"{safe}{suffix}"
    number = 2
    while path.exists():
        path = path.with_name(f"{safe} {number}{suffix}")
        number += 1
    return path


def take_order(avatar: Path, take: Path, output: Path, settings: Settings) -> dict[str, Any]:
    """The order of a take as it was performed: its own camera, the size and rate of the last export."""
    return render_order(
        avatar=avatar, take=take, output=output, width=settings.export_size, height=settings.export_size,
        fps=settings.export_fps, view="take",
    )  # fmt: skip


def render_order(**fields: Any) -> dict[str, Any]:
    """A checked order as JSON. Raises OutputError naming the first wrong field."""
    from engine.export.order import make_order

    return make_order(**fields).model_dump(mode="json")
