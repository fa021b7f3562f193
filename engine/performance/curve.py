"""A control's value over time as keys with tangents, the way an animator edits it."""

import bisect
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.errors import ProjectError

TANGENTS = ("auto", "flat", "linear", "step", "free")
SAME_TIME_S = 5e-4
"""Two keys closer than this are one key."""

MAX_KEYS = 500_000
BISECTIONS = 36


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        time: seconds on the edited take's line of time.
        value: in the control's unit.
        tangent: `auto` (smooth, never beyond its neighbours), `flat`, `linear`, `step` (holds until the next key) or
            `free` (by the two handles).
        handle_in, handle_out: seconds and value from the key to its handles, only for `free`; seconds are positive.
    """

    time: float
    value: float
    tangent: str = "auto"
    handle_in: tuple[float, float] = (0.1, 0.0)
    handle_out: tuple[float, float] = (0.1, 0.0)

    def __post_init__(self) -> None:
        numbers = (self.time, self.value, *self.handle_in, *self.handle_out)
        if not np.isfinite(numbers).all() or len(numbers) != 6:
            raise ProjectError(f"a key at {self.time} with the value {self.value} is no key; all must be numbers.")
        if self.tangent not in TANGENTS:
            raise ProjectError(f"{self.tangent!r}: a tangent is one of {', '.join(TANGENTS)}.")

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {"time": self.time, "value": self.value}
        if self.tangent != "auto":
            row["tangent"] = self.tangent
        if self.tangent == "free":
            row |= {"in": list(self.handle_in), "out": list(self.handle_out)}
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Key":
        handles = {name: (float(row[side][0]), float(row[side][1]))
                   for name, side in (("handle_in", "in"), ("handle_out", "out")) if side in row}  # fmt: skip
        return cls(float(row["time"]), float(row["value"]), str(row.get("tangent", "auto")), **handles)


@dataclass(frozen=True)
class Curve:
    """Keys in order of time; before the first and after the last the end values hold. Without keys it is 0."""

    keys: tuple[Key, ...] = ()

    def __post_init__(self) -> None:
        times = [key.time for key in self.keys]
        if any(b - a < SAME_TIME_S for a, b in itertools.pairwise(times)):
            object.__setattr__(self, "keys", _apart(self.keys))

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, times: np.ndarray) -> np.ndarray:
        """Values at times `[T]` in seconds -> float64 `[T]`."""
        times = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if not self.keys:
            return np.zeros(len(times))
        t = np.array([key.time for key in self.keys])
        v = np.array([key.value for key in self.keys])
        if len(self.keys) == 1:
            return np.full(len(times), v[0])
        segment = np.clip(np.searchsorted(t, times, side="right") - 1, 0, len(t) - 2)
        out_t, out_v, in_t, in_v = self._handles(t, v)
        values = _bezier(
            np.clip(times, t[0], t[-1]), segment, t, v, out_t[segment], out_v[segment], in_t[segment], in_v[segment]
        )
        is_step = np.array([key.tangent == "step" for key in self.keys])
        held = is_step[segment] & (times < t[segment + 1])
        return np.where(held, v[segment], values)

    def with_key(self, key: Key) -> "Curve":
        """The curve with a key added; a key at the same time is replaced."""
        kept = [k for k in self.keys if abs(k.time - key.time) >= SAME_TIME_S]
        bisect.insort(kept, key, key=lambda k: k.time)
        return Curve(tuple(kept))

    def without(self, times: set[float]) -> "Curve":
        """The curve without the keys at these times."""
        return Curve(tuple(k for k in self.keys if all(abs(k.time - time) >= SAME_TIME_S for time in times)))

    def key_at(self, time: float, within: float = SAME_TIME_S) -> Key | None:
        """The key nearest to a time, None when none is within so many seconds."""
        nearest = min(self.keys, key=lambda k: abs(k.time - time), default=None)
        return nearest if nearest is not None and abs(nearest.time - time) <= within else None

    def mapped(self, move) -> "Curve":
        """The curve with every key's time moved by `move(time)`; keys for which it gives None are dropped."""
        moved = [(move(key.time), key) for key in self.keys]
        return Curve(tuple(replace(key, time=time) for time, key in moved if time is not None))

    def handles_of(self, index: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Both handles of a key as (seconds, value) from the key, whatever its tangent, for drawing and editing."""
        key = self.keys[index]
        if len(self.keys) < 2:
            return key.handle_in, key.handle_out
        t, v = (np.array([getattr(k, name) for k in self.keys]) for name in ("time", "value"))
        out_t, out_v, in_t, in_v = self._handles(t, v)
        before, after = max(index - 1, 0), min(index, len(t) - 2)
        handle_in = (float(in_t[before]), float(in_v[before])) if index else key.handle_in
        handle_out = (float(out_t[after]), float(out_v[after])) if index < len(t) - 1 else key.handle_out
        return handle_in, handle_out

    def to_json(self) -> list[dict[str, Any]]:
        return [key.to_json() for key in self.keys]

    @classmethod
    def from_json(cls, rows: list[Mapping[str, Any]]) -> "Curve":
        """Reads what `to_json` gave. Raises ProjectError if it is damaged."""
        try:
            if len(rows) > MAX_KEYS:
                raise ValueError(f"{len(rows):,} keys")
            return cls(tuple(sorted((Key.from_json(row) for row in rows), key=lambda key: key.time)))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ProjectError(f"a curve cannot be read ({error}).") from error

    def _handles(self, t: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
        """For each of the n - 1 segments: out-handle of its first and in-handle of its last key, as offsets."""
        span = np.diff(t)
        chord = np.diff(v) / span
        slopes = _smooth_slopes(span, chord)
        out_t, in_t = span / 3, span / 3
        out_v, in_v = slopes[:-1] * out_t, -slopes[1:] * in_t
        for i, key in enumerate(self.keys):
            if i < len(span):
                if key.tangent == "flat":
                    out_v[i] = 0.0
                elif key.tangent in ("linear", "step"):
                    out_v[i] = chord[i] * out_t[i]
                elif key.tangent == "free":
                    out_t[i], out_v[i] = _inside(key.handle_out, span[i])
            if i:
                if key.tangent == "flat":
                    in_v[i - 1] = 0.0
                elif key.tangent in ("linear", "step"):
                    in_v[i - 1] = -chord[i - 1] * in_t[i - 1]
                elif key.tangent == "free":
                    in_t[i - 1], in_v[i - 1] = _inside(key.handle_in, span[i - 1])
        return out_t, out_v, in_t, in_v


def _apart(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """In order of time, the later one of two at the same time kept."""
    kept: list[Key] = []
    for key in sorted(keys, key=lambda k: k.time):
        if kept and key.time - kept[-1].time < SAME_TIME_S:
            kept[-1] = key
        else:
            kept.append(key)
    return tuple(kept)


def _inside(handle: tuple[float, float], span: float) -> tuple[float, float]:
    """A handle shortened to its segment, so that time never runs backwards along the curve."""
    seconds, value = handle
    if seconds <= span:
        return max(0.0, seconds), value
    return span, value * span / seconds


def _smooth_slopes(span: np.ndarray, chord: np.ndarray) -> np.ndarray:
    """Slopes at the keys `[n]` of a curve that stays between neighbouring keys (Fritsch and Butland 1984, eq. 3)."""
    slopes = np.zeros(len(span) + 1)
    if len(span) == 1:
        slopes[:] = chord[0]
        return slopes
    w1, w2 = 2 * span[1:] + span[:-1], span[1:] + 2 * span[:-1]
    same_way = chord[:-1] * chord[1:] > 0
    left, right = (np.where(same_way, side, 1.0) for side in (chord[:-1], chord[1:]))
    slopes[1:-1] = np.where(same_way, (w1 + w2) / (w1 / left + w2 / right), 0.0)
    return slopes


def _bezier(times, segment, t, v, out_t, out_v, in_t, in_v) -> np.ndarray:
    """Cubic Bezier segments as functions of time; where time itself is bent, u is found by bisection."""
    t0, t1, v0, v1 = t[segment], t[segment + 1], v[segment], v[segment + 1]
    span = t1 - t0
    x = (times - t0) / span
    a, b = out_t / span, 1 - in_t / span
    u = x.copy()
    bent = (np.abs(a - 1 / 3) > 1e-12) | (np.abs(b - 2 / 3) > 1e-12)
    if bent.any():
        xb, ab, bb = x[bent], a[bent], b[bent]
        low, high = np.zeros(len(xb)), np.ones(len(xb))
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            is_low = _cubic(middle, 0.0, ab, bb, 1.0) < xb
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        u[bent] = np.where(xb >= 1, 1.0, np.where(xb <= 0, 0.0, (low + high) / 2))
    return _cubic(u, v0, v0 + out_v, v1 + in_v, v1)


def _cubic(u, p0, p1, p2, p3):
    w = 1 - u
    return w * w * w * p0 + 3 * w * w * u * p1 + 3 * w * u * u * p2 + u * u * u * p3
