"""What the timeline draws: loudness and lip curves over time, of what is being heard or of a take."""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.controls import ControlSchema

if TYPE_CHECKING:
    from engine.take import Take

RATE_HZ = 20
"""Bars a second: one bar and one gap of the waveform at the usual zoom."""
KEPT_SECONDS = 600
BRIDGED_BINS = 10


@dataclass(frozen=True)
class HeadUnit:
    """A unit of head motion: when it begins, seconds of the track, and its name; an empty one ends the one before."""

    start: float
    name: str


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a track: bin `i` begins at `start + i / RATE_HZ` seconds; all arrays `[n]` float32."""

    start: float
    loudness: np.ndarray  # 0 to 1, how high the bar stands
    driven: np.ndarray  # -1 to 1 over the control's range; NaN where nothing was seen
    result: np.ndarray


class LiveTrack:
    """The newest ten minutes of what was heard and how the lips moved, 20 bins a second.

    Times given are of one clock; `origin` on it is second 0 of the track.
    """

    def __init__(self, origin: float | None = None) -> None:
        n = KEPT_SECONDS * RATE_HZ
        self._loudness = np.zeros(n, np.float32)
        self._driven = np.full(n, np.nan, np.float32)
        self._result = np.full(n, np.nan, np.float32)
        self._last = -1  # the newest bin of all
        self._last_lips = -1
        self._origin = origin
        self._units: deque[HeadUnit] = deque(maxlen=KEPT_SECONDS)

    @property
    def seconds(self) -> float:
        """Time of the newest bin's end; 0 before the first."""
        return (self._last + 1) / RATE_HZ

    @property
    def oldest(self) -> float:
        """Time of the oldest bin still kept."""
        return max(0, self._last + 1 - len(self._loudness)) / RATE_HZ

    @property
    def newest_time(self) -> float | None:
        """The newest bin's end on the clock of what was given; None before the first."""
        return None if self._origin is None or self._last < 0 else self._origin + self.seconds

    def restart(self, origin: float | None) -> None:
        """Forgets all; `origin` (None: the next moment) becomes second 0."""
        self.__init__(origin)

    def hear(self, time: float, peak: float) -> None:
        """A peak of the voice, 0 to 1."""
        index = self._bin_of(time)
        if index is not None:
            slot = index % len(self._loudness)
            self._loudness[slot] = max(self._loudness[slot], loudness_of(peak))

    def move(self, time: float, driven: float, result: float) -> None:
        """Where the lips stood, -1 to 1; a short gap since the last moment goes on evenly, a long one stays empty."""
        index = self._bin_of(time)
        if index is None:
            return
        n, last = len(self._loudness), self._last_lips
        steps = index - last if 0 <= last < index <= last + BRIDGED_BINS else 1
        for bins, value in ((self._driven, driven), (self._result, result)):
            before = bins[last % n] if last >= 0 else value
            for step in range(1, steps + 1):
                bins[(index - steps + step) % n] = before + (value - before) * step / steps if steps > 1 else value
        self._last_lips = max(last, index)

    def name_head(self, time: float, name: str) -> None:
        """From a time on the head is moved by the unit of this name, by none with an empty one."""
        if self._origin is None:
            self._origin = time
        start = max(0.0, time - self._origin)
        while self._units and self._units[-1].start >= start:
            self._units.pop()
        self._units.append(HeadUnit(start, name))

    def head_units(self, start: float, end: float) -> list[tuple[float, float, str]]:
        """What moves the head between two times: first and last second of each unit, and its name."""
        units = list(self._units)
        ends = [unit.start for unit in units[1:]] + [self.seconds]
        return [(unit.start, last, unit.name) for unit, last in zip(units, ends, strict=True)
                if unit.name and last > start and unit.start < end]  # fmt: skip

    @property
    def has_head(self) -> bool:
        return any(unit.name for unit in self._units)

    def _bin_of(self, time: float) -> int | None:
        """The bin a time falls into, cleared if it is new; None for what lies before the track or is forgotten."""
        if self._origin is None:
            self._origin = time
        index, n = int(np.floor((time - self._origin) * RATE_HZ + 1e-6)), len(self._loudness)
        if index < 0 or index <= self._last - n:
            return None
        if index > self._last:
            for new in range(max(self._last + 1, index - n + 1), index + 1):
                self._loudness[new % n] = 0.0
                self._driven[new % n] = self._result[new % n] = np.nan
            self._last = index
        return index

    def excerpt(self, start: float, end: float) -> Excerpt:
        """The bins between two times, as far as they are kept."""
        first = max(int(start * RATE_HZ), int(self.oldest * RATE_HZ), 0)
        last = min(int(np.ceil(end * RATE_HZ)), self._last + 1)
        slots = np.arange(first, max(first, last)) % len(self._loudness)
        return Excerpt(first / RATE_HZ, self._loudness[slots], self._driven[slots], self._result[slots])


class TakeTrack:
    """A take's voice and lip curves in the same bins."""

    def __init__(self, take: "Take") -> None:
        self.name = take.info.name
        self.has_head = False  # takes keep poses, not where they came from
        self.seconds = take.seconds
        self.oldest = 0.0
        n = int(np.ceil(self.seconds * RATE_HZ))
        self._loudness = _bars(take.voice, take.info.rate_hz, n)
        schema = take.schema
        index = lip_index(schema)
        self._driven = np.full(n, np.nan, np.float32)
        self._result = np.full(n, np.nan, np.float32)
        if index is not None and len(take.times):
            moments = np.arange(n) / RATE_HZ
            for name, curve in (("_driven", take.driven), ("_result", take.result)):
                values = lip_part(schema, index, curve[:, index])
                setattr(self, name, np.interp(moments, take.times, values).astype(np.float32))

    def excerpt(self, start: float, end: float) -> Excerpt:
        first, last = max(0, int(start * RATE_HZ)), max(0, int(np.ceil(end * RATE_HZ)))
        part = slice(first, last)
        return Excerpt(first / RATE_HZ, self._loudness[part], self._driven[part], self._result[part])


def loudness_of(peak: float) -> float:
    """How high a bar of this peak stands, 0 to 1: its square root, so that quiet speech shows."""
    return float(np.sqrt(min(max(peak, 0.0), 1.0)))


def lip_index(schema: ControlSchema) -> int | None:
    """The control whose curve stands for the lips: the jaw if the avatar has one, else the first lip control."""
    for name in ("jaw.open", "lip.00", "au.26"):
        if name in schema:
            return schema.index(name)
    lips = schema.indices("lip")
    return int(lips[0]) if len(lips) else None


def lip_part(schema: ControlSchema, index: int, values: np.ndarray | float):
    """A control's values over its training range, -1 to 1."""
    spec = schema.specs[index]
    reach = max(abs(spec.low), abs(spec.high), 1e-6)
    return np.clip(np.asarray(values) / reach, -1, 1)


def _bars(voice: np.ndarray, rate_hz: int, n: int) -> np.ndarray:
    per_bar = max(1, rate_hz // RATE_HZ)
    bars = np.zeros(n, np.float32)
    whole = min(n, len(voice) // per_bar)
    if whole:
        peaks = np.abs(voice[: whole * per_bar]).reshape(whole, per_bar).max(axis=1)
        bars[:whole] = np.sqrt(np.minimum(peaks, 1.0))
    return bars
