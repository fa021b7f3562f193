"""Expression presets: what a JSON file holds, where the shipped and the user's own lie, what they ask of an avatar.

A preset speaks the common vocabulary (ARKit shapes), so that it fits any avatar; one stored from sliders also keeps
the avatar's own control names, which go first where they exist.
"""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.controls import ControlSchema
from engine.errors import ControlError, OutputError
from engine.paths import ASSETS, atomic_file, data_dir
from engine.vocabulary import ACTION_UNITS, ARKIT_INDEX

FORMAT = "mouthpiece-expression"
MAX_FILE_BYTES = 1 << 20
MAX_PRESETS = 200
STORE_KEYS = ("F2", "F3", "F4", "F5", "F6", "F7", "F8")


class Expression(BaseModel):
    """One preset.

    Attributes:
        key: the key that holds or latches it, as Qt writes it; empty for none.
        order: place among the tiles.
        shapes: ARKit shapes, 0 to 1.
        controls: an avatar's own controls, less their neutral.
        tap: what a short press does: `latch` it, `pulse` it once, or `reset` the face to neutral.
        has_tile: whether the Face panel shows it as a tile.
        picture: PNG as base64, for the tile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["mouthpiece-expression"] = FORMAT
    version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=40)
    key: str = Field(default="", max_length=20)
    order: int = 100
    shapes: dict[str, float] = {}
    controls: dict[str, float] = {}
    tap: Literal["latch", "pulse", "reset"] = "latch"
    has_tile: bool = True
    picture: str = Field(default="", max_length=MAX_FILE_BYTES)

    @field_validator("shapes")
    @classmethod
    def _known_shapes(cls, shapes: dict[str, float]) -> dict[str, float]:
        for name, value in shapes.items():
            if name not in ARKIT_INDEX:
                raise ValueError(f"{name!r} is no ARKit shape")
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} is {value}, not 0 to 1")
        return shapes

    @field_validator("controls")
    @classmethod
    def _finite(cls, controls: dict[str, float]) -> dict[str, float]:
        if not all(np.isfinite(value) for value in controls.values()):
            raise ValueError("a control is not a finite number")
        return controls

    @property
    def picture_png(self) -> bytes:
        """The tile's picture, empty when there is none or it cannot be decoded."""
        try:
            return base64.b64decode(self.picture, validate=True)
        except ValueError:
            return b""


def shipped_folder() -> Path:
    return ASSETS / "presets"


def own_folder() -> Path:
    return data_dir() / "presets"


def read_expression(path: Path) -> Expression:
    """Reads one preset. Raises ControlError, in one sentence, if the file is none."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ControlError(f"{path}: is larger than a preset can be; remove it or store the preset again.")
        return Expression.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ControlError(f"{path}: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        sentence = f"{path}: is not a preset ({where}: {first['msg']}); remove it or store it again."
        raise ControlError(sentence) from error


def read_expressions(folders: tuple[Path, ...]) -> tuple[list[Expression], list[str]]:
    """All presets of the folders in tile order, and a sentence for each file that is none.

    A later folder's preset takes the place of an earlier one of the same name, and its key if it claims the same.
    """
    by_name: dict[str, Expression] = {}
    faults = []
    for folder in folders:
        for path in sorted(folder.glob("*.json"))[:MAX_PRESETS]:
            try:
                expression = read_expression(path)
            except ControlError as error:
                faults.append(str(error))
                continue
            for other in list(by_name.values()):
                if expression.key and other.key == expression.key and other.name != expression.name:
                    by_name[other.name] = other.model_copy(update={"key": ""})
            by_name[expression.name] = expression
    return sorted(by_name.values(), key=lambda e: (e.order, e.name.casefold())), faults


def store_expression(expression: Expression, folder: Path) -> Path:
    """Writes a preset of the user's own; one of the same name is replaced."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}; choose another place for your data.") from error
    path = folder / f"{_file_name(expression.name)}.json"
    with atomic_file(path) as temporary:
        temporary.write_text(
            json.dumps(expression.model_dump(exclude_defaults=False), indent=2, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )
    return path


def remove_expression(name: str, folder: Path) -> bool:
    """Removes one of the user's own presets; False if there is none of that name."""
    path = folder / f"{_file_name(name)}.json"
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}.") from error
    return True


def offsets(expression: Expression, schema: ControlSchema, fit: np.ndarray | None = None) -> dict[str, float]:
    """What a preset adds to an avatar's controls, less their neutral, inside their limits.

    Own control names go first; then shapes through the avatar's action units (or shapes it has itself); what is left
    of them goes through its fit to the lip and expression coefficients.

    Args:
        fit: slopes from the 52 shapes to the avatar's controls, `[52, C]`, or None.
    """
    wanted = {name: value for name, value in expression.controls.items() if name in schema}
    left = dict(expression.shapes)
    for name, value in _through_units(expression.shapes, schema, left).items():
        wanted.setdefault(name, value)
    if fit is not None and left:
        vector = np.zeros(len(ARKIT_INDEX))
        for shape, value in left.items():
            vector[ARKIT_INDEX[shape]] = value
        for spec, value in zip(schema, vector @ fit, strict=True):
            if spec.group in ("lip", "expression") and abs(value) > 1e-4:
                wanted.setdefault(spec.name, float(value))
    return {name: _inside(schema, name, value) for name, value in wanted.items() if value}


def shapes_of(values: Mapping[str, float], schema: ControlSchema) -> dict[str, float]:
    """The ARKit shapes that an avatar's action units amount to, for presets that should fit other avatars too."""
    shapes: dict[str, float] = {}
    for unit in ACTION_UNITS:
        if unit.name in schema and values.get(unit.name):
            for shape in unit.shapes:
                shapes[shape] = min(1.0, max(0.0, shapes.get(shape, 0.0) + values[unit.name]))
    return {shape: round(value, 4) for shape, value in shapes.items() if value > 0}


def _through_units(shapes: Mapping[str, float], schema: ControlSchema, left: dict[str, float]) -> dict[str, float]:
    """Action units (and shapes that are controls themselves) for shapes; what they cover is taken out of `left`."""
    wanted: dict[str, float] = {}
    for shape, value in shapes.items():
        if shape in schema:
            wanted[shape] = value
            left.pop(shape, None)
    lids_apart = "au.45l" in schema and "au.45r" in schema
    for unit in ACTION_UNITS:
        if unit.name not in schema or (unit.name == "au.45" and lids_apart):
            continue
        parts = [shapes.get(shape, 0.0) for shape in unit.shapes]
        if not any(parts) or any(shape in wanted for shape in unit.shapes):
            continue
        wanted[unit.name] = sum(parts) / len(parts)
        for shape in unit.shapes:
            left.pop(shape, None)
    if "jawOpen" in left and "jaw.open" in schema:
        wanted["jaw.open"] = left.pop("jawOpen")
    return wanted


def _inside(schema: ControlSchema, name: str, value: float) -> float:
    spec = schema.specs[schema.index(name)]
    return float(np.clip(spec.neutral + value, spec.minimum, spec.maximum) - spec.neutral)


def _file_name(name: str) -> str:
    plain = re.sub(r"[^\w -]", "_", name.strip().casefold()).strip(" .") or "preset"
    return plain[:60]
