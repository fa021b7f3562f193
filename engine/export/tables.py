"""Numbers of a clip as tables: controls by the avatar's own names and as ARKit-52, cameras, and a manifest."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from engine.camera import Camera
from engine.controls import ControlSchema
from engine.parts.common_fit import COMMON_NAMES, CommonFit
from engine.vocabulary import ARKIT_52

DIGITS = 6


def write_controls(path: Path, schema: ControlSchema, times: np.ndarray, values: np.ndarray) -> None:
    """`frame,time,name,...`, one row a frame, in the controls' own units."""
    _write(path, ("frame", "time", *schema.names), times, values)


def write_arkit(
    path: Path, schema: ControlSchema, fit: CommonFit | None, times: np.ndarray, values: np.ndarray
) -> bool:
    """The 52 shapes in Live Link Face order, 0 to 1, by the avatar's fit; whether there is one."""
    if fit is None:
        return False
    common = fit.common_of(values - schema.column("neutral"))
    columns = [COMMON_NAMES.index(name) for name in ARKIT_52]
    _write(path, ("frame", "time", *ARKIT_52), times, np.clip(common[:, columns], 0, 1))
    return True


def write_cameras(path: Path, cameras: list[Camera], times: np.ndarray) -> None:
    """One entry a frame: time, world-to-camera matrix, intrinsics, size; `--camera FILE` reads it again."""
    rows = [
        {"time": round(float(time), DIGITS), **camera.to_json()} for time, camera in zip(times, cameras, strict=True)
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")


def write_manifest(path: Path, fields: dict[str, Any]) -> None:
    """What the files beside it are, for people and programs."""
    path.write_text(json.dumps(fields, indent=2, default=str), encoding="utf-8")


def _write(path: Path, names: tuple[str, ...], times: np.ndarray, values: np.ndarray) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for i, (time, row) in enumerate(zip(times, values, strict=True)):
            writer.writerow([i, f"{time:.{DIGITS}f}", *(f"{value:.{DIGITS}g}" for value in row)])
