"""A take: the voice, the user's own moves, the driven controls and the camera of one performance, as data.

A `.take` is one safetensors file:
    times     [T] float64   seconds since the take's start, of the moments shown
    driven    [T, C] float32   what the voice (or another source) asked for
    user      [T, C] float32   the user's own values
    result    [T, C] float32   what the face got
    camera    [T, 8] float32   orbit: target x y z, azimuth, elevation, distance, field of view, roll
    voice     [B] uint8     FLAC, mono, at the device's own rate; its first sample is at time 0
and `Take` metadata as JSON. While recording, the same data is a journal (`engine.journal`).
"""

import io
import json
import os
import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open

from engine.array_file import save_file
from engine.camera import Orbit
from engine.controls import ControlSchema
from engine.errors import AvatarError, MouthpieceError, TakeError
from engine.manifest import check_extents, read_header
from engine.paths import atomic_file
from engine.take_voice import TakeVoice

FORMAT = "mouthpiece-take"
VERSION = 1
N_CAMERA = 8
TRACKS = ("times", "driven", "user", "result", "camera")
MAX_BYTES = 8 << 30


class TakeInfo(BaseModel):
    """What a take says about itself.

    Attributes:
        avatar: `{"name": ..., "hash": ..., "path": ...}` of the avatar on stage.
        schema_rows: the control schema the columns belong to.
        rate_hz: of the voice.
        created: ISO time.
        look_ahead_ms: of the dial when recording began.
        settings: the avatar's typed settings, mixer strengths, guard.
        lost_samples: voice samples the device is known to have lost.
        rating: 0 to 5 stars; notes: the user's words.
    """

    model_config = ConfigDict(extra="forbid")

    format: str = FORMAT
    version: int = VERSION
    name: str = "Take"
    avatar: dict[str, Any] = {}
    schema_rows: list[dict[str, Any]] = []
    rate_hz: int = 48_000
    created: str = ""
    look_ahead_ms: float = 40.0
    settings: dict[str, Any] = {}
    lost_samples: int = 0
    rating: int = 0
    notes: str = ""


@dataclass
class Take:
    """One performance as data; see the module's docstring for shapes and units."""

    info: TakeInfo
    times: np.ndarray
    driven: np.ndarray
    user: np.ndarray
    result: np.ndarray
    camera: np.ndarray
    voice: np.ndarray = field(repr=False)  # [n] float32 at info.rate_hz; empty when it was left in the file
    voice_seconds: float = 0.0  # of a voice left in the file

    @property
    def schema(self) -> ControlSchema:
        return ControlSchema.from_json(self.info.schema_rows)

    @property
    def seconds(self) -> float:
        voice = len(self.voice) / self.info.rate_hz if self.info.rate_hz else 0.0
        return max(voice, self.voice_seconds, float(self.times[-1]) if len(self.times) else 0.0)

    def orbit_at(self, time: float) -> Orbit | None:
        """The camera at a time of the take, interpolated between the recorded moments; None when none was recorded."""
        if not len(self.times):
            return None
        row = [np.interp(time, self.times, self.camera[:, i]) for i in range(N_CAMERA)]
        return orbit_of_row(np.array(row))


def row_of_orbit(orbit: Orbit) -> np.ndarray:
    """An orbit as the eight numbers a take stores, float32 `[8]`."""
    return np.array(
        [*orbit.target, orbit.azimuth_deg, orbit.elevation_deg, orbit.distance, orbit.fov_deg, orbit.roll_deg],
        dtype=np.float32,
    )


def orbit_of_row(row: np.ndarray) -> Orbit:
    x, y, z, azimuth, elevation, distance, fov, roll = (float(v) for v in row)
    return Orbit((x, y, z), azimuth, elevation, distance, fov, roll)


def rows_at(times: np.ndarray, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows of a track `[K, C]` at times `[K]`, straight between them, held at the ends: `[T, C]` float32."""
    after = np.clip(np.searchsorted(times, at), 1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    span = np.maximum(times[after] - times[before], 1e-9)
    part = np.clip((at - times[before]) / span, 0, 1).astype(np.float32)[:, None]
    return rows[before] * (1 - part) + rows[after] * part


def save_take(path: Path, take: Take) -> None:
    """Writes a take atomically. Raises OutputError if it cannot be written."""
    flac = io.BytesIO()
    voice = take.voice if len(take.voice) else np.zeros(1, dtype=np.float32)
    soundfile.write(flac, np.clip(voice, -1, 1), take.info.rate_hz, format="FLAC", subtype="PCM_24")
    arrays = {
        "times": take.times.astype(np.float64),
        "driven": take.driven.astype(np.float32),
        "user": take.user.astype(np.float32),
        "result": take.result.astype(np.float32),
        "camera": take.camera.astype(np.float32),
        "voice": np.frombuffer(flac.getvalue(), dtype=np.uint8),
    }
    metadata = {"format": FORMAT, "take": take.info.model_dump_json()}
    with atomic_file(path) as temporary:
        save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, temporary, metadata)


def read_take_info(path: Path) -> TakeInfo:
    """The metadata of a take; its arrays are not read. Raises TakeError."""
    try:
        header, data_bytes = read_header(path)
        metadata = header.get("__metadata__", {})
        if metadata.get("format") != FORMAT:
            raise TakeError(f"{path}: is not a take.")
        check_extents(path, header, data_bytes)
        if data_bytes > MAX_BYTES:
            raise TakeError(f"{path}: {data_bytes:,} bytes is more than a take may hold.")
        fields = json.loads(metadata["take"])
        if fields.get("version") != VERSION:
            raise TakeError(
                f"{path}: is of version {fields.get('version')!r}, this program reads {VERSION}; update it."
            )
        return TakeInfo(**fields)
    except AvatarError as error:
        raise TakeError(str(error).replace("is not an avatar file; choose a file that ends in .avatar.",
                                           "is not a take; choose a file that ends in .take.")) from error  # fmt: skip
    except (KeyError, ValueError, TypeError, AttributeError, ValidationError) as error:
        raise TakeError(f"{path}: its description cannot be read ({str(error).splitlines()[0]}).") from error


def load_take(path: Path, with_voice: bool = True) -> Take:
    """Reads and checks a take; without its voice where `engine.take_voice` reads that in pieces.

    Raises:
        TakeError: if it is truncated, foreign or inconsistent.
    """
    info = read_take_info(path)
    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in TRACKS}
            info, voice = _read_voice(file, info) if with_voice else (info, np.zeros(0, dtype=np.float32))
        take = Take(info=info, voice=voice, **arrays)
        schema = take.schema
        if not with_voice:
            take.voice_seconds = TakeVoice(path).seconds
    except (OSError, SafetensorError, soundfile.LibsndfileError, KeyError, TypeError, MouthpieceError) as error:
        raise TakeError(f"{path}: cannot be read ({str(error).splitlines()[0]}).") from error
    n = len(take.times)
    for name, width in (("driven", len(schema)), ("user", len(schema)), ("result", len(schema)), ("camera", N_CAMERA)):
        array = getattr(take, name)
        if array.shape != (n, width):
            raise TakeError(f"{path}: {name} is {array.shape}, not {(n, width)}.")
        if not np.isfinite(array).all():
            raise TakeError(f"{path}: {name} holds NaN or infinite values.")
    if voice.ndim != 1 or (n and (np.diff(take.times) < 0).any()):
        raise TakeError(f"{path}: its voice or its times are damaged.")
    return take


def _read_voice(file, info: TakeInfo) -> tuple[TakeInfo, np.ndarray]:
    voice, rate = soundfile.read(io.BytesIO(file.get_tensor("voice").tobytes()), dtype="float32")
    return info.model_copy(update={"rate_hz": rate}), voice


def rewrite_take_info(path: Path, **changes: Any) -> TakeInfo:
    """Changes a take's name, notes or rating in place (atomically); returns the new description.

    Its samples are copied as they are, however long the take is.
    """
    info = read_take_info(path)
    info = TakeInfo(**{**info.model_dump(), **changes})
    header, n_bytes = read_header(path)
    header["__metadata__"] = {"format": FORMAT, "take": info.model_dump_json()}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the samples stay aligned
    with atomic_file(path) as temporary, open(path, "rb") as source, open(temporary, "wb") as copy:
        source.seek(os.path.getsize(path) - n_bytes)
        copy.write(struct.pack("<Q", len(text)) + text)
        shutil.copyfileobj(source, copy, 1 << 20)
    return info
