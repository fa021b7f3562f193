"""Export presets of the user's own: how clips are made, under names, in one file of the settings folder.

A preset holds what belongs to a delivery (format, size, rate, look, provenance), never what is said or by whom.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.errors import OutputError
from engine.export.formats import FORMATS
from engine.paths import atomic_file, config_dir

FILE_NAME = "export_presets.json"
MAX_NAME = 40
MAX_PRESETS = 200
MAX_BYTES = 1 << 20


class ExportPreset(BaseModel):
    """One preset; the fields mean what they mean in `engine.export.order.Order`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(min_length=1, max_length=MAX_NAME)
    kind: str = "mp4"
    width: int = Field(default=1080, ge=16, le=4096)
    height: int = Field(default=1080, ge=16, le=4096)
    fps: float = Field(default=25.0, gt=0, le=240)
    crf: int = Field(default=18, ge=0, le=51)
    supersample: int = Field(default=1, ge=1, le=4)
    background: tuple[float, float, float] | None = None
    says_synthetic: bool = True
    is_signed: bool = True
    label: str = Field(default="", max_length=80)

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        if kind not in FORMATS:
            raise ValueError(f"{kind!r} is no format")
        return kind

    @property
    def fields(self) -> dict[str, Any]:
        """What an order takes of it."""
        return self.model_dump(exclude={"name"})

    @property
    def words(self) -> str:
        """What a person reads beneath its name: `MP4, 1080×1920, 30 fps`."""
        return f"{FORMATS[self.kind].detail.partition(',')[0]}, {self.width}×{self.height}, {self.fps:g} fps"


class ExportPresets:
    """The presets of a file, in the order they were made; every change is written at once.

    Args:
        path: the file (default: in the user's settings); one that is missing or cannot be read holds none.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or config_dir() / FILE_NAME
        self._presets = _read(self._path)

    def __iter__(self):
        return iter(self._presets)

    def __len__(self) -> int:
        return len(self._presets)

    def __contains__(self, name: str) -> bool:
        return any(preset.name == name for preset in self._presets)

    def named(self, name: str) -> ExportPreset:
        """The preset of a name, whatever its capitals. Raises OutputError naming those there are."""
        for preset in self._presets:
            if preset.name.casefold() == name.strip().casefold():
                return preset
        known = ", ".join(f"“{preset.name}”" for preset in self._presets)
        there = f"there are {known}" if known else "none is saved yet; the export dialog saves them"
        raise OutputError(f"{name}: no export preset has this name; {there}.")

    def save(self, preset: ExportPreset) -> None:
        """Adds a preset, or replaces the one of its name. Raises OutputError when the file cannot be written."""
        presets = list(self._presets)
        at = next((i for i, other in enumerate(presets) if other.name == preset.name), len(presets))
        if at >= MAX_PRESETS:
            raise OutputError(f"{MAX_PRESETS} export presets are saved; delete one first.")
        presets[at : at + 1] = [preset]
        self._write(presets)

    def rename(self, name: str, to: str) -> ExportPreset:
        """Gives a preset another name. Raises OutputError if that one is taken or makes no name."""
        preset, to = self.named(name), to.strip()
        if any(other is not preset and other.name.casefold() == to.casefold() for other in self._presets):
            raise OutputError(f"{to}: another export preset has this name; choose another.")
        made = make_preset(**{**preset.model_dump(), "name": to})
        self._write([made if other is preset else other for other in self._presets])
        return made

    def delete(self, name: str) -> None:
        """Takes a preset out. Raises OutputError if there is none of this name."""
        preset = self.named(name)
        self._write([other for other in self._presets if other is not preset])

    def _write(self, presets: list[ExportPreset]) -> None:
        rows = {"version": 1, "presets": [preset.model_dump(mode="json") for preset in presets]}
        with atomic_file(self._path) as temporary:
            temporary.write_text(json.dumps(rows, indent=2, ensure_ascii=False), encoding="utf-8")
        self._presets = presets


def make_preset(**fields: Any) -> ExportPreset:
    """A checked preset. Raises OutputError naming the first wrong field."""
    try:
        return ExportPreset(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        if where == "name":
            raise OutputError(f"a preset's name has 1 to {MAX_NAME} letters.") from error
        raise OutputError(f"{where}: {message}.") from error


def _read(path: Path) -> list[ExportPreset]:
    """What a file holds, preset by preset; what makes none is left out."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return []
        rows = json.loads(path.read_text(encoding="utf-8"))["presets"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    presets: dict[str, ExportPreset] = {}
    for row in rows if isinstance(rows, list) else []:
        try:
            preset = ExportPreset(**row)
        except (ValidationError, TypeError):
            continue
        presets.setdefault(preset.name, preset)
    return list(presets.values())[:MAX_PRESETS]
