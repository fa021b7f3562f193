"""The user's settings: one class with limits, kept as one JSON file that is replaced atomically."""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.paths import atomic_file, config_dir

FILE_NAME = "settings.json"
MAX_RECENT = 12

LOOK_AHEADS_MS = {"fast": 0.0, "live": 40.0, "broadcast": 160.0}
LOOK_AHEAD_MAX_MS = 240
"""The three positions of the look-ahead dial and their milliseconds."""


class SoundSettings(BaseModel):
    """The microphone and how it is heard; `device` None follows the system's default.

    `camera_voice` is the output that gets the voice while the virtual camera is on, None for nobody.
    """

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    device: str | None = None
    camera_voice: str | None = None
    muted: bool = False
    gain_db: float = Field(default=0.0, ge=-24, le=24)
    gate_db: float = Field(default=-52.0, ge=-80, le=0)
    look_ahead_ms: float = Field(default=LOOK_AHEADS_MS["live"], ge=0, le=LOOK_AHEAD_MAX_MS)


class PerformanceSettings(BaseModel):
    """What draws the splats, and with how many threads; 0 threads leaves it to the program."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    backend: Literal["auto", "cpu", "opengl", "cuda"] = "auto"
    threads: int = Field(default=0, ge=0, le=256)


class NetworkSettings(BaseModel):
    """Faces from and to other programs; every port is shut and on this machine only until it is switched on."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    live_link: bool = False
    live_link_port: int = Field(default=11111, ge=1024, le=65535)
    vmc_in: bool = False
    vmc_in_port: int = Field(default=39539, ge=1024, le=65535)
    vmc_out: bool = False
    vmc_out_host: str = Field(default="127.0.0.1", max_length=64)
    vmc_out_port: int = Field(default=39540, ge=1024, le=65535)
    listen_everywhere: bool = False
    moves_head: bool = True
    strength: float = Field(default=1.0, ge=0, le=1)


class PanelSizes(BaseModel):
    """What the person chose in one workspace, pixels at 1x; 0 is what the workspace begins with."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    left: int = Field(default=0, ge=0, le=360)
    right: int = Field(default=0, ge=0, le=520)
    bottom: int = Field(default=0, ge=0, le=2000)


class WindowLayout(BaseModel):
    """Where things stood when the window was last closed; sizes in pixels at 1x."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    geometry: str = ""
    library: int = Field(default=240, ge=44, le=360)
    right: int = Field(default=376, ge=320, le=520)
    timeline: int = Field(default=150, ge=36, le=2000)
    library_rail: bool = False
    timeline_folded: bool = False
    folded: list[str] = []
    workspaces: dict[str, PanelSizes] = {}


class HeadMotionSettings(BaseModel):
    """The head motion of last time."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    path: Path | None = None
    is_on: bool = False
    strength: float = Field(default=1.0, ge=0, le=2)
    seed: int = Field(default=0, ge=0, le=1 << 31)


class Settings(BaseModel):
    """Everything the window remembers; unknown keys are dropped, values outside their limits fall back one by one."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    version: int = 1
    theme: Literal["dark", "light", "system"] = "dark"
    reduce_motion: bool = False
    render_takes: bool = True
    sound: SoundSettings = Field(default_factory=SoundSettings)
    performance: PerformanceSettings = Field(default_factory=PerformanceSettings)
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    head_motion: HeadMotionSettings = Field(default_factory=HeadMotionSettings)
    layout: WindowLayout = Field(default_factory=WindowLayout)
    last_avatar: Path | None = None
    recent_avatars: list[Path] = []
    last_project: Path | None = None
    recent_projects: list[Path] = []
    last_folder: Path | None = None
    export_folder: Path | None = None
    export_size: Annotated[int, Field(ge=128, le=4096)] = 1080
    export_fps: Annotated[float, Field(ge=1, le=240)] = 25.0
    export_format: str = "mp4"
    export_says_synthetic: bool = True
    export_signs: bool = True
    key_preset: Literal["standard", "blender", "maya"] = "standard"
    keys: dict[str, list[str]] = {}

    def remember_avatar(self, path: Path) -> None:
        """Puts an avatar first in the recent files."""
        path = Path(path)
        self.last_avatar = path
        self.recent_avatars = [path, *(other for other in self.recent_avatars if other != path)][:MAX_RECENT]

    def remember_project(self, path: Path | None) -> None:
        """The project of the next start, None for an untitled one; one with a name comes first in the recent ones."""
        self.last_project = path
        if path is not None:
            self.recent_projects = [path, *(other for other in self.recent_projects if other != path)][:MAX_RECENT]


def load_settings(path: Path | None = None) -> Settings:
    """The settings file, value by value: what cannot be read or breaks a limit takes its default."""
    path = path or config_dir() / FILE_NAME
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Settings()
    return _salvaged(Settings, fields if isinstance(fields, dict) else {})


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Writes the settings atomically. Raises OutputError if the folder cannot be written."""
    path = path or config_dir() / FILE_NAME
    with atomic_file(path) as temporary:
        temporary.write_text(settings.model_dump_json(indent=2), encoding="utf-8")


def _salvaged(kind: type[BaseModel], fields: dict) -> BaseModel:
    kept = {}
    for name, info in kind.model_fields.items():
        if name not in fields:
            continue
        value = fields[name]
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kept[name] = _salvaged(inner, value if isinstance(value, dict) else {})
            continue
        try:
            kind(**{name: value})
        except ValidationError:
            continue
        kept[name] = value
    return kind(**kept)
