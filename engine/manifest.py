"""What an avatar file says about itself: the JSON manifest, readable without torch and without its tensors."""

import json
import struct
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.camera import Orbit
from engine.controls import ControlSchema, SettingSpec
from engine.errors import AvatarError, MouthpieceError

FORMAT = "mouthpiece-avatar"
VERSION = 1
MAX_HEADER_BYTES = 64 << 20


class Manifest(BaseModel):
    """Everything about an avatar that is not a tensor.

    Attributes:
        schema_rows, settings_rows: the control schema and typed settings as JSON rows.
        encoders: audio encoders the driver listens to, `[{"name": "mel", ...its parameters}]`.
        motion_hz: rate the motion network was trained at (live may evaluate at any time).
        units: `{"head_height_mm": ...}`: what one world unit is.
        camera: the training camera as an `Orbit`, and `fov_deg`.
        statistics: per-method numbers (slider sigmas, spans) that are small enough for JSON.
        coverage: how well each view was seen: `{"azimuth_deg": [...], "elevation_deg": [...], "frames": [[...]]}`.
        thumbnail: PNG as base64, at most 256 px.
        basis_strip: what each coefficient does, where the method shows it: one JPEG (base64) of small faces with a row
            for each of `controls` and a column for each of `sigmas`, `side_px` each.
        consent: who is shown and on what grounds; `licence`: SPDX name or sentence.
    """

    model_config = ConfigDict(extra="forbid")

    format: str = FORMAT
    version: int = VERSION
    name: str
    method: str
    n_gaussians: int
    sh_degree: int = 0
    schema_rows: list[dict[str, Any]]
    settings_rows: list[dict[str, Any]] = []
    encoders: list[dict[str, Any]]
    motion_hz: float = 25.0
    look_ahead_ms: float = 160.0
    units: dict[str, float] = {}
    camera: dict[str, Any]
    config: dict[str, Any] = {}
    statistics: dict[str, Any] = {}
    coverage: dict[str, Any] = {}
    background: str = "none"
    thumbnail: str = ""
    basis_strip: dict[str, Any] = {}
    licence: str = ""
    consent: str = ""
    provenance: dict[str, Any] = {}

    @property
    def schema(self) -> ControlSchema:
        return ControlSchema.from_json(self.schema_rows)

    @property
    def settings(self) -> tuple[SettingSpec, ...]:
        return tuple(SettingSpec(**{**row, "choices": tuple(row.get("choices", ()))}) for row in self.settings_rows)

    @property
    def orbit(self) -> Orbit:
        return Orbit.from_json(self.camera)


def read_manifest(path: Path) -> Manifest:
    """Reads and checks the manifest of an avatar file; its tensors are not touched.

    Raises:
        AvatarError: if the file is missing, truncated, foreign, of an unknown version or inconsistent.
    """
    header, data_bytes = read_header(path)
    metadata = header.get("__metadata__", {})
    if metadata.get("format") != FORMAT or "manifest" not in metadata:
        raise AvatarError(f"{path}: is not a Mouthpiece avatar; make one with mouthpiece train.")
    try:
        fields = json.loads(metadata["manifest"])
        if fields.get("version") != VERSION:
            raise AvatarError(
                f"{path}: is of version {fields.get('version')!r}, this program reads {VERSION}; update it."
            )
        manifest = Manifest(**fields)
        manifest.schema, manifest.settings, manifest.orbit  # noqa: B018  (each raises when inconsistent)
    except AvatarError:
        raise
    except (ValueError, TypeError, ValidationError, MouthpieceError) as error:
        reason = str(error).splitlines()[0]
        raise AvatarError(f"{path}: its manifest cannot be read ({reason}); make the avatar again.") from error
    check_extents(path, header, data_bytes)
    return manifest


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The safetensors header of a file and the number of data bytes behind it; sizes are checked first."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            prefix = file.read(8)
            n_header = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= n_header <= MAX_HEADER_BYTES:
                raise AvatarError(f"{path}: is not an avatar file; choose a file that ends in .avatar.")
            if 8 + n_header > size:
                raise AvatarError(f"{path}: stops at byte {size:,}; the file is incomplete. Copy it again.")
            header = json.loads(file.read(n_header))
    except OSError as error:
        raise AvatarError(f"{path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise AvatarError(f"{path}: is not an avatar file; choose a file that ends in .avatar.") from error
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise AvatarError(f"{path}: is not an avatar file; choose a file that ends in .avatar.")
    return header, size - 8 - n_header


def check_extents(path: Path, header: dict[str, Any], data_bytes: int) -> None:
    """Checks that every tensor the header names lies inside the file."""
    try:
        ends = [int(row["data_offsets"][1]) for name, row in header.items() if name != "__metadata__"]
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise AvatarError(f"{path}: its table of tensors is damaged. Copy it again.") from error
    if ends and max(ends) > data_bytes:
        size = Path(path).stat().st_size
        raise AvatarError(f"{path}: stops at byte {size:,}; the file is incomplete. Copy it again.")
