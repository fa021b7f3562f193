"""A render order: everything a clip depends on, frozen at the moment it was asked for."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import OutputError, ProjectError
from engine.export.formats import FORMATS, ClipFormat, format_of, guessed_format
from engine.paths import atomic_file
from engine.performance.take_edit import TakeEdit

VERSION = 1
LABEL = "Made with a synthetic face"


class Order(BaseModel):
    """What a render job gets; `mouthpiece render FILE.order` takes the same as JSON.

    Attributes:
        avatar, avatar_hash: the file and its SHA-256; a changed file is refused.
        voice: a sound file to be spoken; or take: a `.take` whose voice, moves and camera are used.
        take_key: the take's key (`engine.project.take_key`); a changed one is refused.
        edit: what is laid over the take, `TakeEdit.to_json()`.
        sources: key to file of the takes that region layers come from.
        drive: `voice` drives the face again from the voice; `take` plays what was recorded, on the same avatar only.
        output: a file, or the folder of a sequence.
        kind: a name of `engine.export.formats.FORMATS`; empty for what the output's ending means.
        start, end: seconds of the (edited) sound.
        view: `front`, `left`, ..., `spiral`, a JSON file of cameras, or `take` for the edit's camera keys or, without
            any, the take's own camera.
        orbit: the camera the view is relative to (None: the avatar's own).
        controls: the user's values by control name, held for the whole clip, on top of a take's own moves.
        splat_edits: `Edits.to_json()` of what is hidden or deleted of the avatar.
        background: None (the avatar's own), a colour of three numbers 0 to 1, or the path of a picture; formats with
            transparency leave it out where `is_transparent`.
        look_ahead_ms: what the driver may hear ahead; offline the whole 160 ms cost nothing.
        head_motion: a `.motion` file by which the voice moves the head too, with its strength and seed.
        supersample: pictures are rendered this much larger and averaged down.
        says_synthetic, is_signed: metadata that says where the clip came from, and a signature on it.
        label: words in a corner of the picture, empty for none.
        title, author: for the file's metadata.
    """

    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    avatar: Path
    avatar_hash: str = ""
    voice: Path | None = None
    take: Path | None = None
    take_key: str = ""
    edit: dict[str, Any] | None = None
    sources: dict[str, Path] = {}
    drive: Literal["voice", "take"] = "voice"
    output: Path
    kind: str = ""
    width: int = Field(default=512, ge=16, le=4096)
    height: int = Field(default=512, ge=16, le=4096)
    fps: float = Field(default=25.0, gt=0, le=240)
    start: float = Field(default=0.0, ge=0)
    end: float | None = None
    view: str = "front"
    orbit: dict[str, Any] | None = None
    controls: dict[str, float] = {}
    settings: dict[str, Any] = {}
    splat_edits: dict[str, Any] | None = None
    background: tuple[float, float, float] | Path | None = None
    is_transparent: bool = True
    look_ahead_ms: float = Field(default=160.0, ge=0, le=240)
    head_motion: Path | None = None
    head_strength: float = Field(default=1.0, ge=0, le=3)
    head_seed: int = 0
    idle: bool = True
    seed: int = 0
    supersample: int = Field(default=1, ge=1, le=4)
    backend: Literal["auto", "cpu", "opengl", "cuda"] = "auto"
    crf: int = Field(default=18, ge=0, le=51)
    has_sound: bool = True
    says_synthetic: bool = True
    is_signed: bool = True
    label: str = Field(default="", max_length=80)
    title: str = ""
    author: str = ""

    @property
    def format(self) -> ClipFormat:
        return format_of(self.kind)

    @property
    def is_heard(self) -> bool:
        """Whether there is sound in the clip, or beside it."""
        return self.has_sound and self.format.can_sound

    @model_validator(mode="after")
    def _fits_together(self) -> "Order":
        if (self.voice is None) == (self.take is None):
            raise ValueError("name either a voice or a take")
        self.kind = self.kind or guessed_format(self.output.suffix)
        if self.kind not in FORMATS:
            endings = ", ".join(sorted({f.suffix for f in FORMATS.values() if f.suffix}))
            raise ValueError(f"{self.output.name}: a clip ends in {endings}; or say --format {', '.join(FORMATS)}")
        suffix = self.format.suffix
        if self.output.suffix.lower() != suffix and (suffix or self.output.suffix.lower() in KNOWN_SUFFIXES):
            raise ValueError(f"{self.output.name}: {self.format.detail} goes to a {suffix or 'folder'}")
        if self.format.kind == "video" and (self.width % 2 or self.height % 2):
            raise ValueError(f"{self.width}x{self.height}: a clip needs even sides")
        if self.edit is not None:
            if self.take is None:
                raise ValueError("an edit belongs to a take")
            TakeEdit.from_json(self.edit)
        if self.drive == "take" and self.take is None:
            raise ValueError("only a take can be played as recorded")
        return self


KNOWN_SUFFIXES = {kind.suffix for kind in FORMATS.values() if kind.suffix}


def make_order(**fields: Any) -> Order:
    """An order of these fields, the avatar's hash filled in. Raises OutputError naming the first wrong field."""
    try:
        order = Order(**fields)
    except ProjectError as error:
        raise OutputError(str(error)) from error
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
