"""Cameras: OpenCV axes in, head-centred world out, and the named views every command and window shares.

World: the head is fixed at the origin, one unit is one head height (crown to chin), x to the picture's right when
the face is seen from the front (the person's left), y up, z out of the face towards the front camera.
Camera: x right, y down, z forward. `viewmat` maps world to camera.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import CameraError

WORLD_TO_FRONT = np.diag([1.0, -1.0, -1.0, 1.0])
"""Turns the world's axes (y up, z to the viewer) into a front camera's (y down, z forward)."""

VIEWS = {"front": (0.0, 0.0), "left": (30.0, 0.0), "right": (-30.0, 0.0), "up": (0.0, 20.0), "down": (0.0, -20.0)}
"""Named views as (azimuth, elevation) in degrees: `left` looks from the picture's right, at the person's left side."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        viewmat: world to camera, float64 `[4, 4]`.
        k: intrinsics in pixels, float64 `[3, 3]`.
        width, height: size in pixels.
    """

    viewmat: np.ndarray
    k: np.ndarray
    width: int
    height: int

    def __post_init__(self) -> None:
        viewmat = np.asarray(self.viewmat, dtype=np.float64)
        k = np.asarray(self.k, dtype=np.float64)
        if viewmat.shape != (4, 4) or k.shape != (3, 3):
            raise CameraError(
                f"a camera needs a 4x4 view matrix and 3x3 intrinsics, not {viewmat.shape} and {k.shape}."
            )
        if not (np.isfinite(viewmat).all() and np.isfinite(k).all()):
            raise CameraError("a camera matrix holds NaN or infinite values.")
        if not (1 <= self.width <= 16384 and 1 <= self.height <= 16384):
            raise CameraError(f"{self.width}x{self.height}: a picture is 1 to 16384 pixels a side.")
        object.__setattr__(self, "viewmat", viewmat)
        object.__setattr__(self, "k", k)

    @property
    def position(self) -> np.ndarray:
        """The camera's centre in the world, `[3]`."""
        rotation, translation = self.viewmat[:3, :3], self.viewmat[:3, 3]
        return -rotation.T @ translation

    @property
    def fov_deg(self) -> float:
        """Vertical field of view in degrees."""
        return float(np.degrees(2 * np.arctan(self.height / (2 * self.k[1, 1]))))

    def resized(self, width: int, height: int) -> "Camera":
        """The same view on another picture size: the vertical field of view is kept, the centre stays the centre."""
        scale = height / self.height
        k = self.k.copy()
        k[0, 0] *= scale
        k[1, 1] *= scale
        k[0, 2] = width / 2 + (self.k[0, 2] - self.width / 2) * scale
        k[1, 2] = height / 2 + (self.k[1, 2] - self.height / 2) * scale
        return replace(self, k=k, width=width, height=height)

    def moved(self, head_pose: np.ndarray) -> "Camera":
        """The camera that shows what this one would if the head were moved by `head_pose` `[4, 4]`."""
        return replace(self, viewmat=self.viewmat @ head_pose)

    def to_json(self) -> dict[str, Any]:
        return {"viewmat": self.viewmat.tolist(), "k": self.k.tolist(), "width": self.width, "height": self.height}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Camera":
        try:
            return cls(np.array(row["viewmat"]), np.array(row["k"]), int(row["width"]), int(row["height"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CameraError(f"a camera needs viewmat, k, width and height: {error}.") from error


@dataclass(frozen=True)
class Orbit:
    """A camera by what a person turns: azimuth and elevation round a target, distance, roll and field of view.

    Attributes:
        target: the pivot in the world, head heights.
        azimuth_deg: 0 is the front; positive moves the camera to the picture's right.
        elevation_deg: positive moves the camera up.
        distance: pivot to camera, head heights.
        fov_deg: vertical field of view.
    """

    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    azimuth_deg: float = 0.0
    elevation_deg: float = 0.0
    distance: float = 4.5
    fov_deg: float = 20.0
    roll_deg: float = 0.0

    def camera(self, width: int, height: int) -> Camera:
        az, el, roll = np.radians([self.azimuth_deg, self.elevation_deg, self.roll_deg])
        back = np.array([np.sin(az) * np.cos(el), np.sin(el), np.cos(az) * np.cos(el)])
        right = np.array([np.cos(az), 0.0, -np.sin(az)])
        up = np.cross(back, right)
        right, up = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
        rotation = np.stack([right, -up, -back])
        viewmat = np.eye(4)
        viewmat[:3, :3] = rotation
        viewmat[:3, 3] = -rotation @ (np.array(self.target) + back * self.distance)
        return Camera(viewmat, intrinsics(self.fov_deg, width, height), width, height)

    def to_json(self) -> dict[str, Any]:
        return {
            "target": list(self.target), "azimuth_deg": self.azimuth_deg, "elevation_deg": self.elevation_deg,
            "distance": self.distance, "fov_deg": self.fov_deg, "roll_deg": self.roll_deg,
        }  # fmt: skip

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Orbit":
        try:
            target = tuple(float(v) for v in row["target"])
            rest = {
                name: float(row[name]) for name in ("azimuth_deg", "elevation_deg", "distance", "fov_deg", "roll_deg")
            }
        except (KeyError, TypeError, ValueError) as error:
            raise CameraError(f"an orbit cannot be read: {error}.") from error
        if len(target) != 3 or not np.isfinite([*target, *rest.values()]).all():
            raise CameraError("an orbit needs a target of three finite numbers.")
        return cls(target=target, **rest)


def intrinsics(fov_deg: float, width: int, height: int) -> np.ndarray:
    """Pinhole intrinsics `[3, 3]` for a vertical field of view, centre in the middle of the picture."""
    focal = height / (2 * np.tan(np.radians(fov_deg) / 2))
    return np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


def pose_matrix(yaw: float, pitch: float, roll: float, x: float = 0, y: float = 0, z: float = 0) -> np.ndarray:
    """Head pose as a matrix `[4, 4]` in the world: degrees and head heights, applied roll, pitch, yaw.

    Yaw turns to the person's left (picture's right), pitch up, roll towards the person's right shoulder.
    """
    a, b, c = math.radians(yaw), math.radians(-pitch), math.radians(roll)
    ca, sa, cb, sb, cc, sc = math.cos(a), math.sin(a), math.cos(b), math.sin(b), math.cos(c), math.sin(c)
    return np.array([
        [ca * cc + sa * sb * sc, sa * sb * cc - ca * sc, sa * cb, x],
        [cb * sc, cb * cc, -sb, y],
        [ca * sb * sc - sa * cc, sa * sc + ca * sb * cc, ca * cb, z],
        [0.0, 0.0, 0.0, 1.0],
    ])  # fmt: skip


def camera_path(
    view: str, base: Orbit, n_frames: int, width: int, height: int, times: np.ndarray | None = None
) -> list[Camera]:
    """The cameras of a named view, or of a JSON file of cameras, for every frame of a clip.

    Args:
        view: a key of `VIEWS`, `spiral`, or the path of a JSON file: one camera, or a list with one for each key.
        base: the avatar's own front view.
        times: seconds of the frames, `[n_frames]`, for a file whose keys have times; without them the keys are spread
            evenly over the clip.

    Raises:
        CameraError: if the name is unknown or the file cannot be read.
    """
    if view in VIEWS:
        azimuth, elevation = VIEWS[view]
        return [_turned(base, azimuth, elevation).camera(width, height)] * n_frames
    if view == "spiral":
        phase = np.linspace(0, 2 * np.pi, n_frames, endpoint=False)
        return [
            _turned(base, 25 * np.sin(p), 10 * np.sin(2 * p))
            .camera(width, height) for p in phase
        ]  # fmt: skip
    return _cameras_of_file(Path(view), n_frames, width, height, times)


def _turned(base: Orbit, azimuth_deg: float, elevation_deg: float) -> Orbit:
    return replace(base, azimuth_deg=base.azimuth_deg + azimuth_deg, elevation_deg=base.elevation_deg + elevation_deg)


def _cameras_of_file(path: Path, n_frames: int, width: int, height: int, times: np.ndarray | None) -> list[Camera]:
    if not path.is_file():
        raise CameraError(f"{path}: no such view; use {', '.join(VIEWS)}, spiral or a JSON file of cameras.")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CameraError(f"{path}: not a camera file: {error}.") from error
    rows = rows if isinstance(rows, list) else [rows]
    if not rows:
        raise CameraError(f"{path}: holds no camera.")
    has_times = times is not None and all(isinstance(row, dict) and "time" in row for row in rows)
    if has_times and "azimuth_deg" in rows[0]:
        from engine.performance.camera_path import CameraPath  # which is made of what is defined here

        path_of_keys = CameraPath.from_json(rows)
        return [path_of_keys.at(float(time)).camera(width, height) for time in times]
    cameras = [
        (
            Orbit.from_json(row).camera(width, height)
            if "azimuth_deg" in row
            else Camera.from_json(row).resized(width, height)
        )
        for row in rows
    ]
    keys = np.linspace(0, len(cameras) - 1, n_frames).round().astype(int)
    if has_times:
        at = [float(row["time"]) for row in rows]
        keys = np.clip(np.searchsorted(at, np.asarray(times) - 1e-4), 0, len(cameras) - 1)
    return [cameras[i] for i in keys]
