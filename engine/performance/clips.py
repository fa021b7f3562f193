"""Which parts of the raw take are seen, in which order and how fast: cut, trim, split, ripple and retime."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.errors import ProjectError

MIN_SECONDS = 0.02
MIN_SPEED, MAX_SPEED = 0.25, 4.0


@dataclass(frozen=True)
class Clip:
    """A stretch of the raw take.

    Attributes:
        start, end: seconds in the raw take.
        speed: 1 as recorded, 2 twice as fast; the voice keeps its pitch.
        is_gap: nothing is heard and the face rests for as long as the stretch is.
    """

    start: float
    end: float
    speed: float = 1.0
    is_gap: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite([self.start, self.end, self.speed]).all() and self.end > self.start >= 0):
            raise ProjectError(f"{self.start:g} to {self.end:g} s is no stretch of a take.")
        if not MIN_SPEED <= self.speed <= MAX_SPEED:
            raise ProjectError(f"a speed of {self.speed:g} is not between {MIN_SPEED:g} and {MAX_SPEED:g}.")

    @property
    def seconds(self) -> float:
        """How long it is on the edited line of time."""
        return (self.end - self.start) / self.speed

    def to_json(self) -> dict[str, Any]:
        return {"start": self.start, "end": self.end, "speed": self.speed, "is_gap": self.is_gap}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Clip":
        try:
            return cls(float(row["start"]), float(row["end"]), float(row["speed"]), bool(row["is_gap"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ProjectError(f"a cut of a take cannot be read ({error}).") from error


Clips = tuple[Clip, ...]
"""One after the other; empty stands for the whole take as recorded."""


@dataclass(frozen=True)
class TimeMap:
    """Where moments of the old line of time lie on the new one.

    Attributes:
        stretches: what is left, in order: begin and end on the old line, begin and end on the new one.
        is_open: whether moments after the last stretch are left, too.
    """

    stretches: tuple[tuple[float, float, float, float], ...]
    is_open: bool = True

    def __call__(self, time: float) -> float | None:
        """The new time, None when the moment is gone; after the end time goes on as before."""
        for old, old_end, new, new_end in self.stretches:
            if old <= time < old_end:
                return new + (time - old) * (new_end - new) / (old_end - old)
        _, old_end, _, new_end = self.stretches[-1]
        return time - old_end + new_end if time >= old_end and self.is_open else None

    def from_after(self, time: float) -> float | None:
        """The new time of the first moment at or after this one that is left."""
        for old, old_end, new, _ in self.stretches:
            if time < old_end:
                return new if time <= old else self(time)
        return self(time)

    def from_before(self, time: float) -> float | None:
        """The new time of the last moment at or before this one that is left."""
        for old, old_end, _, new_end in reversed(self.stretches):
            if time > old:
                return new_end if time >= old_end and not self._goes_on(old_end, time) else self(time)
        return None

    def _goes_on(self, old_end: float, time: float) -> bool:
        return self.is_open and old_end == self.stretches[-1][1] and time > old_end


def whole(clips: Clips, seconds: float) -> Clips:
    """The clips, or the one that stands for the whole take."""
    return clips or (Clip(0.0, max(seconds, MIN_SECONDS)),)


def total(clips: Clips, seconds: float) -> float:
    """Length on the edited line of time."""
    return sum(clip.seconds for clip in whole(clips, seconds))


def source_times(clips: Clips, times: np.ndarray, seconds: float) -> np.ndarray:
    """Moments of the raw take for moments of the edited line; NaN in gaps, the end held after the end. `[T]`."""
    times = np.atleast_1d(np.asarray(times, dtype=np.float64))
    clips = whole(clips, seconds)
    begins = np.concatenate([[0.0], np.cumsum([clip.seconds for clip in clips])])
    index = np.clip(np.searchsorted(begins, times, side="right") - 1, 0, len(clips) - 1)
    start, end, speed = (np.array([getattr(clip, name) for clip in clips]) for name in ("start", "end", "speed"))
    source = np.clip(start[index] + (times - begins[index]) * speed[index], start[index], end[index])
    is_gap = np.array([clip.is_gap for clip in clips])[index]
    return np.where(is_gap, np.nan, source)


def split(clips: Clips, seconds: float, at: float) -> Clips:
    """Cuts in two where `at` lies on the edited line; at an edge nothing changes."""
    made, begin = [], 0.0
    for clip in whole(clips, seconds):
        inside = at - begin
        if MIN_SECONDS <= inside <= clip.seconds - MIN_SECONDS:
            middle = clip.start + inside * clip.speed
            made += [replace(clip, end=middle), replace(clip, start=middle)]
        else:
            made.append(clip)
        begin += clip.seconds
    return tuple(made)


def ripple_cut(clips: Clips, seconds: float, first: float, last: float) -> tuple[Clips, TimeMap]:
    """Takes a stretch out and closes the gap; also says where all other moments have moved to.

    Raises:
        ProjectError: if nothing would be left.
    """
    first, last = _ordered(first, last, total(clips, seconds))
    pieces = [(c, begin, not _within(begin, c, first, last)) for c, begin in _cut_at(clips, seconds, first, last)]
    if not any(is_kept for *_, is_kept in pieces):
        raise ProjectError("a cut of the whole take would leave nothing; delete the take instead.")
    return _kept(pieces, is_open=True)


def lift(clips: Clips, seconds: float, first: float, last: float) -> Clips:
    """Silences a stretch: the face rests there, everything else keeps its time."""
    first, last = _ordered(first, last, total(clips, seconds))
    made = []
    for clip, begin in _cut_at(clips, seconds, first, last):
        made.append(replace(clip, is_gap=True) if _within(begin, clip, first, last) else clip)
    return tuple(made)


def trim(clips: Clips, seconds: float, first: float, last: float) -> tuple[Clips, TimeMap]:
    """Keeps only a stretch; it then begins at 0."""
    first, last = _ordered(first, last, total(clips, seconds))
    pieces = [(c, begin, _within(begin, c, first, last)) for c, begin in _cut_at(clips, seconds, first, last)]
    return _kept(pieces, is_open=False)


def retime(clips: Clips, seconds: float, first: float, last: float, speed: float) -> tuple[Clips, TimeMap]:
    """Plays a stretch at another speed; what comes later moves.

    Args:
        speed: of the raw take, 0.25 to 4.
    """
    first, last = _ordered(first, last, total(clips, seconds))
    made, stretches, new = [], [], 0.0
    for clip, begin in _cut_at(clips, seconds, first, last):
        fast = replace(clip, speed=float(speed)) if _within(begin, clip, first, last) and not clip.is_gap else clip
        made.append(fast)
        stretches.append((begin, begin + clip.seconds, new, new + fast.seconds))
        new += fast.seconds
    return tuple(made), TimeMap(tuple(stretches))


def _kept(pieces: list[tuple[Clip, float, bool]], is_open: bool) -> tuple[Clips, TimeMap]:
    stretches, new = [], 0.0
    for clip, begin, is_kept in pieces:
        if is_kept:
            stretches.append((begin, begin + clip.seconds, new, new + clip.seconds))
            new += clip.seconds
    end_is_kept = bool(pieces) and pieces[-1][2]
    return tuple(clip for clip, _, is_kept in pieces if is_kept), TimeMap(tuple(stretches), is_open and end_is_kept)


def _cut_at(clips: Clips, seconds: float, *moments: float) -> list[tuple[Clip, float]]:
    """The clips split at some moments, each with its begin on the edited line."""
    for moment in moments:
        clips = split(clips, seconds, moment)
    begins, begin = [], 0.0
    for clip in whole(clips, seconds):
        begins.append((clip, begin))
        begin += clip.seconds
    return begins


def _within(begin: float, clip: Clip, first: float, last: float) -> bool:
    middle = begin + clip.seconds / 2
    return first < middle < last


def _ordered(first: float, last: float, length: float) -> tuple[float, float]:
    first, last = max(0.0, min(first, last)), min(max(first, last), length)
    if last - first < MIN_SECONDS:
        raise ProjectError(
            f"{first:.2f} to {last:.2f} s is too short to edit; {MIN_SECONDS * 1e3:.0f} ms is the least."
        )
    return first, last
