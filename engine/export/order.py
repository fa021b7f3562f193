"""A render order: everything a clip depends on, frozen at the moment it was asked for."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import OutputError
from engine.paths import atomic_file

VERSION = 1
FORMATS = {".mp4": "mp4"}
"""File suffix to format."""


class Order(BaseModel):
    """What a render job gets; `mouthpiece render FILE.order` takes the same as JSON.

    Attributes:
        avatar, avatar_hash: the file and its SHA-256; a changed file is refused.
        voice: a sound file to be spoken; or take: a `.take` whose voice, moves and camera are used.
        view: `front`, `left`, ..., `spiral`, a JSON file of cameras, or `take` for the take's own camera.
        orbit: the camera the view is relative to (None: the avatar's own).
        controls: the user's values by control name, held for the whole clip, on top of a take's own moves.
        background: None (the avatar's own), a colour of three numbers 0 to 1, or the path of a picture.
        look_ahead_ms: what the driver may hear ahead; offline the whole 160 ms cost nothing.
        supersample: pictures are rendered this much larger and averaged down.
    """

    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    avatar: Path
    avatar_hash: str = ""
    voice: Path | None = None
    take: Path | None = None
    output: Path
    width: int = Field(default=512, ge=16, le=4096)
    height: int = Field(default=512, ge=16, le=4096)
    fps: float = Field(default=25.0, gt=0, le=240)
    start: float = Field(default=0.0, ge=0)
    end: float | None = None
    view: str = "front"
    orbit: dict[str, Any] | None = None
    controls: dict[str, float] = {}
    settings: dict[str, Any] = {}
    background: tuple[float, float, float] | Path | None = None
    look_ahead_ms: float = Field(default=160.0, ge=0, le=240)
    idle: bool = True
    seed: int = 0
    supersample: int = Field(default=1, ge=1, le=4)
    backend: Literal["auto", "cpu", "opengl", "cuda"] = "auto"
    crf: int = Field(default=18, ge=0, le=51)

    @model_validator(mode="after")
    def _one_source(self) -> "Order":
        if (self.voice is None) == (self.take is None):
            raise ValueError("name either a voice or a take")
        if self.width % 2 or self.height % 2:
            raise ValueError(f"{self.width}x{self.height}: a clip needs even sides")
        if self.output.suffix.lower() not in FORMATS:
            raise ValueError(f"{self.output.name}: a clip ends in {', '.join(FORMATS)}")
        return self


def make_order(**fields: Any) -> Order:
    """An order of these fields, the avatar's hash filled in. Raises OutputError naming the first wrong field."""
    try:
        order = Order(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise OutputError(f"{where + ': ' if where else ''}{message}.") from error
    if not order.avatar_hash and order.avatar.is_file():
        order.avatar_hash = file_hash(order.avatar)
    return order


def save_order(path: Path, order: Order) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(order.model_dump_json(indent=2), encoding="utf-8")


def load_order(path: Path) -> Order:
    """Reads an order. Raises OutputError if it is not one."""
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
        assert isinstance(fields, dict) and fields.get("version") == VERSION
    except (OSError, ValueError, AssertionError) as error:
        raise OutputError(f"{path}: is not a render order of version {VERSION}.") from error
    return make_order(**fields)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
