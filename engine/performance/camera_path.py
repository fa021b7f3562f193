"""A camera's way through time: keys with smooth position and slerped direction, ready-made orbits, JSON."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.camera import Orbit
from engine.errors import CameraError
from engine.paths import atomic_file

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation, RotationSpline

MAX_KEYS = 100_000
SAME_TIME_S = 5e-4


@dataclass(frozen=True)
class CameraKey:
    """Where the camera is at a time; `is_hold` stays there until the next key and then jumps."""

    time: float
    orbit: Orbit
    is_hold: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"time": self.time, **self.orbit.to_json(), "is_hold": self.is_hold}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "CameraKey":
        try:
            time = float(row["time"])
        except (KeyError, TypeError, ValueError) as error:
            raise CameraError(f"a camera key needs a time ({error}).") from error
        if not np.isfinite(time):
            raise CameraError(f"{time}: a camera key's time is a number of seconds.")
        return cls(time, Orbit.from_json(row), bool(row.get("is_hold", False)))


@dataclass(frozen=True)
class CameraPath:
    """Keys in order of time; before the first and after the last the camera stands still."""

    keys: tuple[CameraKey, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def with_key(self, key: CameraKey) -> "CameraPath":
        """The path with a key added; one at the same time is replaced."""
        kept = [k for k in self.keys if abs(k.time - key.time) >= SAME_TIME_S]
        return CameraPath(tuple(sorted([*kept, key], key=lambda k: k.time)))

    def without(self, time: float) -> "CameraPath":
        return CameraPath(tuple(k for k in self.keys if abs(k.time - time) >= SAME_TIME_S))

    def mapped(self, move) -> "CameraPath":
        """The path with every key moved by `move(time)`; keys for which it gives None are dropped."""
        moved = ((move(key.time), key) for key in self.keys)
        return CameraPath(tuple(replace(key, time=time) for time, key in moved if time is not None))

    def at(self, time: float) -> Orbit | None:
        """The camera at a time; None for a path without keys.

        Pivot, distance and field of view run through the keys on cubic Hermite curves (Catmull-Rom slopes for uneven
        times), the direction on a rotation spline, which between two keys is the slerp; so the camera's position has
        a continuous velocity and what it looks at stays in the picture.
        """
        if not self.keys:
            return None
        times = [key.time for key in self.keys]
        after = int(np.searchsorted(times, time, side="right"))
        if after == 0 or after == len(self.keys):
            return self.keys[min(after, len(self.keys) - 1)].orbit
        before = self.keys[after - 1]
        if before.is_hold or time == before.time:
            return before.orbit
        first, last, turns = next(run for run in self._runs if run[0] < after <= run[1])
        part = (time - before.time) / (times[after] - before.time)
        numbers = self._smooth(after, part, first, last)
        return _orbit(numbers[:3], turns(time), float(numbers[3]), float(numbers[4]))

    def to_json(self) -> list[dict[str, Any]]:
        return [key.to_json() for key in self.keys]

    @classmethod
    def from_json(cls, rows: list[Mapping[str, Any]]) -> "CameraPath":
        """Reads what `to_json` gave. Raises CameraError if it is damaged."""
        if not isinstance(rows, list) or len(rows) > MAX_KEYS or not all(isinstance(row, dict) for row in rows):
            raise CameraError(f"a camera path is a list of at most {MAX_KEYS:,} keys.")
        keys = sorted((CameraKey.from_json(row) for row in rows), key=lambda key: key.time)
        if any(b.time - a.time < SAME_TIME_S for a, b in itertools.pairwise(keys)):
            raise CameraError("a camera path has two keys at one time; move one of them.")
        return cls(tuple(keys))

    @cached_property
    def _runs(self) -> "list[tuple[int, int, RotationSpline]]":
        """Stretches of keys without a hold in between: first, last, and the direction along them."""
        from scipy.spatial.transform import Rotation, RotationSpline  # slow to load

        runs, first = [], 0
        for i, key in enumerate(self.keys):
            if key.is_hold or i == len(self.keys) - 1:
                if i > first:
                    part = self.keys[first : i + 1]
                    turns = Rotation.concatenate([_rotation(k.orbit) for k in part])
                    runs.append((first, i, RotationSpline([k.time for k in part], turns)))
                first = i + 1
        return runs

    def _smooth(self, after: int, part: float, first: int, last: int) -> np.ndarray:
        """Pivot, distance and field of view `[5]` between two keys, slopes from the neighbours in the same run."""
        begin, end = max(after - 2, first), min(after + 2, last + 1)
        t = np.array([key.time for key in self.keys[begin:end]])
        p = np.array([_numbers(key.orbit) for key in self.keys[begin:end]])
        i = after - 1 - begin
        span = t[i + 1] - t[i]
        m0 = m1 = (p[i + 1] - p[i]) / span
        if i > 0:
            m0 = _slope(p[i - 1 : i + 2], t[i - 1 : i + 2])
        if i + 2 < len(t):
            m1 = _slope(p[i : i + 3], t[i : i + 3])
        u = part
        return ((2 * u**3 - 3 * u**2 + 1) * p[i] + (u**3 - 2 * u**2 + u) * span * m0
                + (3 * u**2 - 2 * u**3) * p[i + 1] + (u**3 - u**2) * span * m1)  # fmt: skip


def save_camera_path(path: Path, camera: CameraPath) -> None:
    """Writes a path as JSON. Raises OutputError if the place cannot be written."""
    with atomic_file(Path(path)) as temporary:
        temporary.write_text(json.dumps(camera.to_json(), indent=2), encoding="utf-8")


def load_camera_path(path: Path) -> CameraPath:
    """Reads a path. Raises CameraError if it is none."""
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CameraError(f"{path}: is not a camera path ({error}).") from error
    return CameraPath.from_json(rows)


def ready_path(kind: str, base: Orbit, seconds: float) -> CameraPath:
    """A ready-made move over a take's length: `turntable`, `sway`, `arc`, `push in` or `pull out`.

    Raises:
        CameraError: for another word.
    """
    turn = {
        "turntable": [(part, 360 * part, 0.0, 1.0) for part in np.linspace(0, 1, 9)],
        "sway": [(part, 12 * np.sin(2 * np.pi * part), 0.0, 1.0) for part in np.linspace(0, 1, 9)],
        "arc": [(part, -30 + 60 * part, 6 * np.sin(np.pi * part), 1.0) for part in (0.0, 0.5, 1.0)],
        "push in": [(0.0, 0.0, 0.0, 1.25), (1.0, 0.0, 0.0, 0.85)],
        "pull out": [(0.0, 0.0, 0.0, 0.85), (1.0, 0.0, 0.0, 1.25)],
    }
    if kind not in turn:
        raise CameraError(f"{kind!r}: a ready move is one of {', '.join(turn)}.")
    return CameraPath(tuple(
        CameraKey(float(part * seconds), replace(
            base, azimuth_deg=float(base.azimuth_deg + azimuth), elevation_deg=float(base.elevation_deg + elevation),
            distance=float(base.distance * distance),
        )) for part, azimuth, elevation, distance in turn[kind]
    ))  # fmt: skip


READY_PATHS = ("turntable", "sway", "arc", "push in", "pull out")


def _slope(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Velocity at the middle of three points at uneven times (the parabola's through them)."""
    left, right = t[1] - t[0], t[2] - t[1]
    return ((p[1] - p[0]) / left * right + (p[2] - p[1]) / right * left) / (left + right)


def _numbers(orbit: Orbit) -> np.ndarray:
    return np.array([*orbit.target, orbit.distance, orbit.fov_deg])


def _rotation(orbit: Orbit) -> "Rotation":
    """Camera to world."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(orbit.camera(16, 16).viewmat[:3, :3].T)


def _orbit(target: np.ndarray, rotation: "Rotation", distance: float, fov: float) -> Orbit:
    """The orbit round a pivot with a camera's direction."""
    right, _, forward = rotation.as_matrix().T
    back = -forward
    azimuth, elevation = np.arctan2(back[0], back[2]), np.arcsin(np.clip(back[1], -1, 1))
    level_right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
    roll = np.arctan2(right @ np.cross(back, level_right), right @ level_right)
    angles = (float(np.degrees(angle)) for angle in (azimuth, elevation))
    return Orbit(tuple(float(v) for v in target), *angles, distance, fov, float(np.degrees(roll)))
