"""Blink and gaze tracks: when the lids close and where the eyes look, as marks on the line of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.controls import ControlSchema
from engine.errors import ProjectError
from engine.idle import BLINK_CONTROLS, GAZE_CONTROLS, SACCADE_S

BLINK_S = 0.27
CLOSING_SHARE, CLOSED_SHARE = 0.28, 0.13
"""Parts of a blink in which the lids come down and stay down (as in `engine.idle`)."""

BLINK_MIN = 0.35
"""A lid that closes by less than this part of its range does not blink."""

GAZES = {
    "Camera": (0.0, 0.0), "Left": (-1.0, 0.0), "Right": (1.0, 0.0), "Up": (0.0, 1.0), "Down": (0.0, -1.0),
    "Up left": (-0.7, 0.7), "Up right": (0.7, 0.7), "Down left": (-0.7, -0.7), "Down right": (0.7, -0.7),
}  # fmt: skip
"""Words for where the eyes look, to (right, up) as the viewer sees them, -1 to 1."""


@dataclass(frozen=True)
class Blink:
    """Both lids close: `time` when they are shut, `seconds` from open to open, `depth` 1 for shut."""

    time: float
    seconds: float = BLINK_S
    depth: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.time, self.seconds, self.depth]).all() or self.seconds <= 0:
            raise ProjectError(f"a blink at {self.time} s of {self.seconds} s is no blink.")

    def to_json(self) -> dict[str, float]:
        return {"time": self.time, "seconds": self.seconds, "depth": self.depth}


@dataclass(frozen=True)
class Gaze:
    """The eyes jump to (right, up), -1 to 1 as the viewer sees them, and stay until the next one."""

    time: float
    right: float = 0.0
    up: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.time, self.right, self.up]).all():
            raise ProjectError(f"a look at {self.time} s is no look.")

    @property
    def words(self) -> str:
        """The nearest of `GAZES`."""
        return min(GAZES, key=lambda name: (GAZES[name][0] - self.right) ** 2 + (GAZES[name][1] - self.up) ** 2)

    def to_json(self) -> dict[str, float]:
        return {"time": self.time, "right": self.right, "up": self.up}


def blinks_of(rows: list[Mapping[str, Any]]) -> tuple[Blink, ...]:
    """Blinks from JSON, in order. Raises ProjectError if they are damaged."""
    return _rows(rows, lambda row: Blink(float(row["time"]), float(row["seconds"]), float(row["depth"])), "blink")


def gazes_of(rows: list[Mapping[str, Any]]) -> tuple[Gaze, ...]:
    """Looks from JSON, in order. Raises ProjectError if they are damaged."""
    return _rows(rows, lambda row: Gaze(float(row["time"]), float(row["right"]), float(row["up"])), "look")


def found_blinks(schema: ControlSchema, times: np.ndarray, values: np.ndarray) -> tuple[Blink, ...]:
    """The blinks in a performance `[T, C]` at evenly spaced times `[T]`: peaks of the lids above what they rest at."""
    from scipy.signal import find_peaks  # slow to load

    columns = [schema.index(name) for name in BLINK_CONTROLS if name in schema]
    if not columns or len(times) < 3:
        return ()
    highs = np.array([max(schema.specs[i].high, 1e-6) for i in columns])
    lid = (values[:, columns] / highs).mean(axis=1)
    step = float(np.median(np.diff(times)))
    peaks, facts = find_peaks(
        np.concatenate([[0], lid, [0]]), prominence=BLINK_MIN, distance=max(1, round(0.15 / step)), plateau_size=1
    )
    middles = (facts["left_edges"] + facts["right_edges"]) / 2 - 1
    return tuple(Blink(float(np.interp(m, np.arange(len(times)), times)), BLINK_S, float(min(1.0, lid[p - 1])))
                 for m, p in zip(middles, peaks, strict=True))  # fmt: skip


def apply_blinks(blinks: tuple[Blink, ...], schema: ControlSchema, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A performance whose lids blink when the track says so and at no other time, `[T, C]`.

    What the lids do slowly (a squint) stays; quick closings of the raw take are filled from what lies around them.
    """
    from scipy.ndimage import minimum_filter1d

    columns = [schema.index(name) for name in BLINK_CONTROLS if name in schema]
    if not columns or not len(times):
        return values
    values = values.copy()
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    width = max(1, round(2 * BLINK_S / step)) | 1
    closed = np.zeros(len(times))
    for blink in blinks:
        closed = np.maximum(closed, blink.depth * _lid(times, blink))
    for index in columns:
        rest = minimum_filter1d(values[:, index], width, mode="nearest")
        values[:, index] = np.maximum(rest, schema.specs[index].high * closed)
    return values


def apply_gazes(gazes: tuple[Gaze, ...], schema: ControlSchema, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A performance whose eyes look where the track says, `[T, C]`; before the first look they look as it does."""
    columns = [(schema.index(name), way) for name, way in GAZE_CONTROLS.items() if name in schema]
    if not columns or not gazes or not len(times):
        return values
    values = values.copy()
    index = np.clip(np.searchsorted([g.time for g in gazes], times, side="right") - 1, 0, len(gazes) - 1)
    places = np.array([(g.right, g.up) for g in gazes])
    begins = np.array([g.time for g in gazes])[index]
    part = np.clip((times - begins) / SACCADE_S, 0, 1)
    part = (part * part * (3 - 2 * part))[:, None]
    look = places[np.maximum(index - 1, 0)] * (1 - part) + places[index] * part
    for column, (x, y) in columns:
        turn = x * look[:, 0] + y * look[:, 1]
        values[:, column] = turn if abs(x) + abs(y) > 1 else np.maximum(turn, 0.0)
    return values


def _lid(times: np.ndarray, blink: Blink) -> np.ndarray:
    """One blink's closing 0 to 1: quick down, slower up."""
    closing, closed = CLOSING_SHARE * blink.seconds, CLOSED_SHARE * blink.seconds
    opening = blink.seconds - closing - closed
    since = times - blink.time
    down = np.clip((since + closed / 2 + closing) / closing, 0, 1)
    up = np.clip((closed / 2 + opening - since) / opening, 0, 1)
    part = np.minimum(down, up)
    return part * part * (3 - 2 * part)


def _rows(rows, make, what: str) -> tuple:
    try:
        return tuple(sorted((make(row) for row in rows), key=lambda mark: mark.time))
    except (KeyError, TypeError, ValueError) as error:
        raise ProjectError(f"a {what} cannot be read ({error}).") from error
