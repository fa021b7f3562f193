"""What the hand does to the camera: orbit, pan, zoom, framings and bookmarks as a model that knows no Qt.

Gestures move a *goal*; `step` lets the shown orbit follow it, damped, or along a timed ease when a framing is called.
Points of the picture are given as `(x, y)` from -1 to 1, x right and y up; `aspect` is width over height.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.camera import VIEWS, Orbit
from engine.errors import CameraError

DAMPING_MS = 90.0
"""A damped move has covered 95 % of its way after this time."""
SNAP_MS = 200.0
ORTHO_FOV_DEG = 1.0
"""An orthographic view is a lens of one degree from as far away as keeps the size of the face."""
DISTANCE_LIMITS = (0.4, 40.0)
FOV_LIMITS_DEG = (4.0, 90.0)
N_BOOKMARKS = 9
TURNTABLE_DEG_PER_S = 20.0
SPIRAL_S = 8.0

FACE = ((0.0, 0.08, 0.05), 1.42)
EYES_AND_MOUTH = ((0.0, -0.02, 0.22), 0.56)
"""Framings as (target, height of the picture at the target), in head heights."""

AXIS_VIEWS = {
    "front": (0.0, 0.0), "back": (180.0, 0.0), "left": (90.0, 0.0), "right": (-90.0, 0.0),
    "top": (0.0, 90.0), "bottom": (0.0, -90.0),
}  # fmt: skip
"""Named axis views as (azimuth, elevation) in degrees; left shows the person's left side."""

HEAD_CENTRE = np.array([0.0, 0.1, -0.05])
HEAD_RADII = np.array([0.34, 0.52, 0.42])
"""An ellipsoid that stands for the head when a double-click asks what lies under it."""


@dataclass(frozen=True)
class CameraSnapshot:
    """All that an undo step of the camera restores."""

    orbit: Orbit
    is_ortho: bool
    bookmarks: tuple[tuple[int, Orbit], ...]


class CameraController:
    """The viewport's camera: the goal the hand sets, the orbit that is shown, home and bookmarks."""

    def __init__(self, home: Orbit | None = None, reduce_motion: bool = False) -> None:
        self.home = home or Orbit()
        self.goal = self.home
        self.shown = self.home
        self.is_ortho = False
        self.reduce_motion = reduce_motion
        self.bookmarks: dict[int, Orbit] = {}
        self.motion: str | None = None
        self._ease: tuple[Orbit, float] | None = None
        self._motion_s = 0.0
        self._motion_base = self.home

    # What the performer gets

    @property
    def orbit(self) -> Orbit:
        """The orbit to render: the shown one, through a very long lens when the view is orthographic."""
        if not self.is_ortho:
            return self.shown
        return replace(
            self.shown, fov_deg=ORTHO_FOV_DEG, distance=self.picture_height(self.shown) / _span(ORTHO_FOV_DEG)
        )

    @property
    def is_moving(self) -> bool:
        """Whether `step` would still change something."""
        return self.motion is not None or self.shown != self.goal

    @staticmethod
    def picture_height(orbit: Orbit) -> float:
        """Height of the picture at the target, in head heights."""
        return orbit.distance * _span(orbit.fov_deg)

    # Gestures

    def turn(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Orbits the goal round its target."""
        self.motion = None
        self._aim(
            replace(
                self.goal,
                azimuth_deg=self.goal.azimuth_deg + azimuth_deg,
                elevation_deg=float(np.clip(self.goal.elevation_deg + elevation_deg, -90.0, 90.0)),
            )
        )

    def pan(self, x: float, y: float) -> None:
        """Moves the picture by `(x, y)` of its own height, so that the point under the hand stays under it."""
        right, up, _ = axes(self.goal)
        shift = (right * -x + up * -y) * self.picture_height(self.goal)
        self._aim(replace(self.goal, target=_point(np.array(self.goal.target) + shift)))

    def zoom(self, factor: float, at: tuple[float, float] = (0.0, 0.0), aspect: float = 1.0) -> None:
        """Comes nearer (`factor` below 1) or goes back, keeping what lies under `at` in its place."""
        distance = float(np.clip(self.goal.distance * factor, *DISTANCE_LIMITS))
        factor = distance / self.goal.distance
        under = self.point_on_target_plane(at, aspect)
        target = under + (np.array(self.goal.target) - under) * factor
        self._aim(replace(self.goal, target=_point(target), distance=distance))

    def roll(self, degrees: float) -> None:
        """Turns the picture, positive to the picture's left."""
        self._aim(replace(self.goal, roll_deg=_wrapped(self.goal.roll_deg + degrees)))

    def look(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Turns the head of whoever flies: the eye stays, what it looks at swings round it."""
        eye, _ = self.ray((0.0, 0.0), 1.0)
        turned = replace(
            self.goal,
            azimuth_deg=self.goal.azimuth_deg + azimuth_deg,
            elevation_deg=float(np.clip(self.goal.elevation_deg + elevation_deg, -90.0, 90.0)),
        )
        self._aim(replace(turned, target=_point(eye - axes(turned)[2] * turned.distance)))

    def fly(self, right: float, up: float, forward: float) -> None:
        """Moves eye and target by head heights along the camera's own axes."""
        x, y, back = axes(self.goal)
        self._aim(replace(self.goal, target=_point(np.array(self.goal.target) + x * right + y * up - back * forward)))

    def set_fov(self, fov_deg: float) -> None:
        """Changes the lens and steps back or forth so that the face keeps its size."""
        fov_deg = float(np.clip(fov_deg, *FOV_LIMITS_DEG))
        self._aim(replace(self.goal, fov_deg=fov_deg, distance=self.picture_height(self.goal) / _span(fov_deg)))

    def pivot(self, at: tuple[float, float], aspect: float) -> None:
        """Makes what lies under `at` the point that is orbited, without moving the camera's eye.

        The head is taken as an ellipsoid; beside it the plane of the present target counts.
        """
        eye, direction = self.ray(at, aspect)
        hit = _ellipsoid_hit(eye, direction)
        if hit is None:
            hit = self.point_on_target_plane(at, aspect)
        depth = float((hit - eye) @ -axes(self.goal)[2])
        self._aim(replace(self.goal, target=_point(hit), distance=float(np.clip(depth, *DISTANCE_LIMITS))))

    # Framings

    def frame_face(self) -> None:
        self._frame(*FACE)

    def frame_eyes_and_mouth(self) -> None:
        self._frame(*EYES_AND_MOUTH)

    def go_home(self) -> None:
        self.is_ortho = False
        self.go_to(self.home)

    def axis_view(self, name: str) -> None:
        """Looks along an axis, a key of `AXIS_VIEWS`, level and with target and size kept."""
        if name not in AXIS_VIEWS:
            raise CameraError(f"{name!r}: no such axis view; use one of {', '.join(AXIS_VIEWS)}.")
        azimuth, elevation = AXIS_VIEWS[name]
        self.go_to(replace(self.goal, azimuth_deg=azimuth, elevation_deg=elevation, roll_deg=0.0))

    def novel_view(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Looks from an angle counted from the avatar's own camera."""
        self.go_to(
            replace(
                self.goal,
                azimuth_deg=self.home.azimuth_deg + azimuth_deg,
                elevation_deg=self.home.elevation_deg + elevation_deg,
                roll_deg=0.0,
            )
        )

    def named_view(self, name: str) -> None:
        """Looks from one of `engine.camera.VIEWS`."""
        self.novel_view(*VIEWS[name])

    def is_framing(self, framing: tuple[tuple[float, float, float], float]) -> bool:
        """Whether the goal stands as a framing would put it."""
        target, height = framing
        same_place = np.allclose(self.goal.target, target, atol=1e-6)
        return bool(same_place and math.isclose(self.picture_height(self.goal), height, rel_tol=1e-6))

    def go_to(self, orbit: Orbit) -> None:
        """Eases to an orbit in `SNAP_MS`, the short way round."""
        self.motion = None
        turns = round((self.shown.azimuth_deg - orbit.azimuth_deg) / 360.0)
        self.goal = replace(orbit, azimuth_deg=orbit.azimuth_deg + 360.0 * turns)
        self._ease = (self.shown, 0.0)
        if self.reduce_motion:
            self.finish()

    def finish(self) -> None:
        """Shows the goal at once."""
        self.shown, self._ease = self.goal, None

    # Home, bookmarks, undo

    def set_home(self, home: Orbit) -> None:
        """Takes an avatar's own camera as home and stands there at once."""
        self.home = home
        self.motion, self.is_ortho = None, False
        self.goal = home
        self.finish()

    def store_bookmark(self, slot: int) -> None:
        self.bookmarks[_slot(slot)] = self.goal

    def recall_bookmark(self, slot: int) -> bool:
        """Eases to a bookmark; False where nothing is stored."""
        orbit = self.bookmarks.get(_slot(slot))
        if orbit is not None:
            self.go_to(orbit)
        return orbit is not None

    def free_slot(self) -> int | None:
        """The first bookmark that holds nothing."""
        return next((slot for slot in range(1, N_BOOKMARKS + 1) if slot not in self.bookmarks), None)

    def bookmark_here(self) -> int | None:
        """The bookmark whose view the goal is, if any."""
        return next((slot for slot, orbit in self.bookmarks.items() if _same_view(orbit, self.goal)), None)

    def snapshot(self) -> CameraSnapshot:
        return CameraSnapshot(self.goal, self.is_ortho, tuple(sorted(self.bookmarks.items())))

    def restore(self, snapshot: CameraSnapshot) -> None:
        self.is_ortho = snapshot.is_ortho
        self.bookmarks = dict(snapshot.bookmarks)
        self.go_to(snapshot.orbit)

    def to_json(self) -> dict[str, Any]:
        """The camera as a project keeps it."""
        rows = {str(slot): orbit.to_json() for slot, orbit in sorted(self.bookmarks.items())}
        return {"orbit": self.goal.to_json(), "is_ortho": self.is_ortho, "bookmarks": rows}

    def from_json(self, row: Mapping[str, Any]) -> None:
        """Takes a project's camera. Raises CameraError, and changes nothing, if it cannot be read."""
        try:
            bookmarks = {_slot(int(slot)): Orbit.from_json(orbit) for slot, orbit in row["bookmarks"].items()}
            orbit, is_ortho = Orbit.from_json(row["orbit"]), bool(row["is_ortho"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CameraError(f"a camera with its bookmarks cannot be read: {error}.") from error
        self.bookmarks, self.is_ortho = bookmarks, is_ortho
        self.go_to(orbit)
        self.finish()

    # Time

    def start_motion(self, name: str) -> None:
        """Starts a move that goes on by itself: `turntable` or `spiral`, until a gesture ends it."""
        if name not in _MOTIONS:
            raise CameraError(f"{name!r}: no such camera move; use one of {', '.join(_MOTIONS)}.")
        self.motion, self._motion_s, self._motion_base = name, 0.0, self.goal
        self._ease = None

    def stop_motion(self) -> None:
        self.motion = None
        self.goal = self.shown

    def step(self, seconds: float) -> bool:
        """Lets the shown orbit follow the goal for `seconds`; True if it changed."""
        before = self.shown
        if self.motion is not None:
            self._motion_s += seconds
            self.goal = self.shown = _MOTIONS[self.motion](self._motion_base, self._motion_s)
        elif self._ease is not None:
            start, spent = self._ease[0], self._ease[1] + seconds * 1000.0
            part = min(1.0, spent / SNAP_MS)
            self._ease = (start, spent) if part < 1.0 else None
            self.shown = self.goal if part >= 1.0 else _between(start, self.goal, 1.0 - (1.0 - part) ** 3)
        else:
            self.shown = _between(self.shown, self.goal, 1.0 - math.exp(-3.0 * seconds * 1000.0 / DAMPING_MS))
            if _is_settled(self.shown, self.goal):
                self.shown = self.goal
        return self.shown != before

    # Geometry of the goal

    def ray(self, at: tuple[float, float], aspect: float) -> tuple[np.ndarray, np.ndarray]:
        """Eye and unit direction `[3]` of the line of sight through a point of the picture."""
        right, up, back = axes(self.goal)
        half = _span(self.goal.fov_deg) / 2
        direction = -back + right * (at[0] * half * aspect) + up * (at[1] * half)
        return np.array(self.goal.target) + back * self.goal.distance, direction / np.linalg.norm(direction)

    def point_on_target_plane(self, at: tuple[float, float], aspect: float) -> np.ndarray:
        """The world point `[3]` under `at` on the plane that faces the camera and holds the target."""
        right, up, _ = axes(self.goal)
        half = self.picture_height(self.goal) / 2
        return np.array(self.goal.target) + right * (at[0] * half * aspect) + up * (at[1] * half)

    def _frame(self, target: tuple[float, float, float], height: float) -> None:
        distance = float(np.clip(height / _span(self.goal.fov_deg), *DISTANCE_LIMITS))
        self.go_to(replace(self.goal, target=target, distance=distance))

    def _aim(self, orbit: Orbit) -> None:
        self.motion, self._ease = None, None
        self.goal = orbit
        if self.reduce_motion:
            self.finish()


def axes(orbit: Orbit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The camera's right, up and backward directions in the world, each `[3]`."""
    rotation = orbit.camera(2, 2).viewmat[:3, :3]
    return rotation[0], -rotation[1], -rotation[2]


def _turntable(base: Orbit, seconds: float) -> Orbit:
    return replace(base, azimuth_deg=base.azimuth_deg + TURNTABLE_DEG_PER_S * seconds)


def _spiral(base: Orbit, seconds: float) -> Orbit:
    """The path that `engine.camera.camera_path` renders as `spiral`, once in `SPIRAL_S`."""
    phase = 2 * math.pi * seconds / SPIRAL_S
    return replace(
        base,
        azimuth_deg=base.azimuth_deg + 25 * math.sin(phase),
        elevation_deg=float(np.clip(base.elevation_deg + 10 * math.sin(2 * phase), -90, 90)),
    )


_MOTIONS: dict[str, Callable[[Orbit, float], Orbit]] = {"turntable": _turntable, "spiral": _spiral}


def _span(fov_deg: float) -> float:
    """Height of the picture at distance one."""
    return 2 * math.tan(math.radians(fov_deg) / 2)


def _between(a: Orbit, b: Orbit, part: float) -> Orbit:
    mixed = {
        name: getattr(a, name) + (getattr(b, name) - getattr(a, name)) * part
        for name in ("azimuth_deg", "elevation_deg", "fov_deg")
    }
    roll = a.roll_deg + _wrapped(b.roll_deg - a.roll_deg) * part
    distance = a.distance * (b.distance / a.distance) ** part
    target = np.array(a.target) + (np.array(b.target) - np.array(a.target)) * part
    return Orbit(target=_point(target), roll_deg=roll, distance=distance, **mixed)


def _is_settled(a: Orbit, b: Orbit) -> bool:
    angles = max(abs(getattr(a, n) - getattr(b, n)) for n in ("azimuth_deg", "elevation_deg", "roll_deg", "fov_deg"))
    size = CameraController.picture_height(b)
    shift = float(np.abs(np.array(a.target) - np.array(b.target)).max())
    return angles < 0.02 and shift < 2e-4 * size and abs(a.distance / b.distance - 1) < 2e-4


def _same_view(a: Orbit, b: Orbit) -> bool:
    turns = round((a.azimuth_deg - b.azimuth_deg) / 360.0)
    return _is_settled(replace(a, azimuth_deg=a.azimuth_deg - 360.0 * turns), b)


def _ellipsoid_hit(eye: np.ndarray, direction: np.ndarray) -> np.ndarray | None:
    o, d = (eye - HEAD_CENTRE) / HEAD_RADII, direction / HEAD_RADII
    a, b, c = d @ d, o @ d, o @ o - 1.0
    root = b * b - a * c
    if root < 0:
        return None
    nearest = (-b - math.sqrt(root)) / a
    return eye + direction * nearest if nearest > 0 else None


def _point(vector: np.ndarray) -> tuple[float, float, float]:
    return (float(vector[0]), float(vector[1]), float(vector[2]))


def _wrapped(degrees: float) -> float:
    return (degrees + 180.0) % 360.0 - 180.0


def _slot(slot: int) -> int:
    if not 1 <= slot <= N_BOOKMARKS:
        raise CameraError(f"{slot}: camera bookmarks are numbered 1 to {N_BOOKMARKS}.")
    return slot
