"""Render orders as the window makes them: where a clip goes, and everything it depends on."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QStandardPaths

from app.settings import Settings

FORBIDDEN = '/\\:*?"<>|'


def clips_dir(chosen: Path | None) -> Path:
    """The folder clips go to: the chosen one while it is there, else the desktop's folder of videos."""
    if chosen is not None and chosen.is_dir():
        return chosen
    videos = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
    folder = Path(videos) if videos else Path.home()
    return folder if folder.is_dir() else Path.home()


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
