"""What the face gets: the drive under its guard, idle life, external data, take layers and the user's own values."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.controls import GROUPS, Combine, Controls, ControlSchema, combine, user_side
from engine.guard import RangeGuard
from engine.idle import IdleLife
from engine.methods.base import DriverInputs
from engine.source_shape import Shape, SourceShaper

CROSSFADE_S = 0.12
IDLE_FADE_S = 0.3
LOOK_AHEAD_MAX_MS = 240.0
CALM_SHARE = 0.15
"""Part of a control's range at which a drive has silenced idle life there."""


@dataclass
class Layer:
    """Values of another source over time, such as a take's own moves, laid over the drive.

    Attributes:
        at: time to values `[C]` and which of them it has a say in, bool `[C]`.
        replaces: True puts its values in place of the drive's; False adds them to the user's (in the control's way).
        strength: 0 to 1.
        own: the user's side of a layer that does not replace, where it joins in other ways than the avatar's controls.
    """

    at: Callable[[float], tuple[np.ndarray, np.ndarray]]
    replaces: bool = False
    strength: float = 1.0
    own: ControlSchema | None = None


@dataclass(frozen=True)
class Mixed:
    """One moment's mix: `controls` move the face; `driven` is what all sources but the user asked for."""

    controls: Controls
    driven: np.ndarray  # [C] float32
    user: np.ndarray  # [C] float32, sliders and take layers
    range_inside: float = 1.0


class Mixer:
    """Joins all that may move a face, over one avatar's schema.

    In order: the drive with lip gain, smoothing, guard and group strengths (crossfaded when its source changes);
    external data in its place; idle life under it; the user's values and take layers on top; mutes and solos last.
    Each source is shaped (gain, delay, curve) before it takes its place.

    Attributes:
        look_ahead_ms: the dial.
        lip_gain: factor on the driven lip group.
        smoothing_ms: time constant of a first-order smoothing of the drive, 0 for none.
        is_idle: whether idle life runs.
        settings: the avatar's typed settings by name.
        layers: take layers, in order.
        external: values by control name that stand in place of the drive, such as a webcam's.
        external_strength: 0 to 1.
    """

    def __init__(self, schema: ControlSchema, guard: RangeGuard, seed: int = 0) -> None:
        self.schema = schema
        self.guard = guard
        self.look_ahead_ms = 40.0
        self.lip_gain = 1.0
        self.smoothing_ms = 0.0
        self.is_idle = True
        self.settings: dict[str, Any] = {}
        self.layers: list[Layer] = []
        self.external: dict[str, float] = {}
        self.external_strength = 1.0
        self._idle_life = IdleLife(schema, seed)
        self._own = schema
        self._user = schema.neutral().values
        self._rest = schema.rest().values
        still = np.zeros(len(schema), np.float32)
        rests = {"voice": self._rest, "outside": self._rest, "idle": still}
        self._shapes: dict[str, Shape] = {}
        self._shapers = {source: SourceShaper(schema, source, rest) for source, rest in rests.items()}
        self._shapers["sliders"] = SourceShaper(schema, "sliders", schema.neutral().values)
        self._calm_span = CALM_SHARE * np.maximum(schema.column("high") - schema.column("low"), 1e-6)
        self._gain_lip = np.array([spec.group == "lip" for spec in schema])
        self._strength = np.ones(len(schema), dtype=np.float32)
        self._off = np.zeros(len(schema), dtype=bool)
        self._smoothed: np.ndarray | None = None
        self._last_time = -np.inf
        self._last_drive = self._rest
        self._fade: _Fade | None = _Fade(self._rest, -np.inf)
        self._idle_amount = 1.0
        self._external_amount = 1.0  # what is there from the first moment need not ease in

    @property
    def user(self) -> np.ndarray:
        """The user's own values `[C]`, a copy."""
        return self._user.copy()

    def set_user(self, values: Mapping[str, float]) -> None:
        """Sets user values by control name, clamped. Raises ControlError for a name the avatar has not."""
        for name, value in values.items():
            for resolved in self.schema.resolve(name):
                index = self.schema.index(resolved)
                spec = self._own.specs[index]
                self._user[index] = min(max(float(value), spec.minimum), spec.maximum)

    def reset_user(self) -> None:
        self._user = self._own.neutral().values

    def set_joins(self, joins: Mapping[str, Combine | str]) -> None:
        """How the user's values of some controls join the drive, by name; all others in the avatar's way.

        Values of controls that change go back to what changes nothing.
        """
        own = user_side(self.schema, joins)
        if own == self._own:
            return
        before, self._own = self._own, own
        for index, (was, now) in enumerate(zip(before, own, strict=True)):
            if was.combine is not now.combine:
                self._user[index] = now.neutral
        self._shapers["sliders"] = SourceShaper(own, "sliders", own.neutral().values)
        self._shapers["sliders"].set(self._shapes)

    def set_shapes(self, shapes: Mapping[str, Shape]) -> None:
        """Gain, delay and curve by place, see `engine.source_shape.place`; what is not named is left as it comes."""
        if dict(shapes) != self._shapes:
            self._shapes = dict(shapes)
            for shaper in self._shapers.values():
                shaper.set(self._shapes)

    def set_strengths(self, strengths: Mapping[str, float]) -> None:
        """Strength of the drive for each group, 0 to 1; groups not named keep full strength."""
        by_group = {group: min(1.0, max(0.0, float(strengths.get(group, 1.0)))) for group in GROUPS}
        self._strength = np.array([by_group[spec.group] for spec in self.schema], dtype=np.float32)

    def set_silenced(self, muted: Iterable[str], soloed: Iterable[str]) -> None:
        """Muted controls stay at rest; while any is soloed, all others do. Names the avatar has not are ignored."""
        muted, soloed = set(muted), set(soloed) & set(self.schema.names)
        self._off = np.array([s.name in muted or (bool(soloed) and s.name not in soloed) for s in self.schema])

    def inputs(self, look_ahead_ms: float) -> DriverInputs:
        """What the driver listens to besides sound; the look-ahead may be on its way to the dial's."""
        return DriverInputs(look_ahead_ms, self.settings)

    def crossfade_soon(self) -> None:
        """Eases from what the drive asked for last to what it asks for next: call it when the source changes."""
        self._fade = None
        self._smoothed = None

    def mix(self, driven: Controls, time: float) -> Mixed:
        """The controls of a moment. Times must not run backwards for smoothing and fades to mean something."""
        if not np.isfinite(self._last_time):
            self._last_time, self._idle_amount = time, float(self.is_idle)
        step = min(max(time - self._last_time, 0.0), 1.0)
        self._last_time = time
        drive, inside = self._drive(driven.values, time, step)
        drive = self._with_external(drive, time, step)
        drive = self._with_replacing_layers(drive, time)
        self._last_drive = drive
        drive = self._with_idle(drive, time, step)
        user, moved = self._with_adding_layers(drive, time)
        result = combine(self.schema, moved, user, self._own)
        if self._off.any():
            result = np.where(self._off, self._rest, result)
            drive = np.where(self._off, self._rest, drive)
        return Mixed(Controls(self.schema, result), drive, user, inside)

    def _drive(self, values: np.ndarray, time: float, step: float) -> tuple[np.ndarray, float]:
        drive = self._shapers["voice"].apply(values, time)
        if self.lip_gain != 1.0:
            drive = np.where(self._gain_lip, self._rest + self.lip_gain * (drive - self._rest), drive)
        drive, inside = self.guard.apply(drive.astype(np.float32, copy=False))
        if (self._strength != 1.0).any():
            drive = self._rest + self._strength * (drive - self._rest)
        if self.smoothing_ms > 0:
            if self._smoothed is not None:
                keep = np.float32(np.exp(-step * 1e3 / self.smoothing_ms))
                drive = drive + keep * (self._smoothed - drive)
            self._smoothed = drive
        if self._fade is None:
            self._fade = _Fade(self._last_drive, time)
        return self._fade.at(drive, time), inside

    def _with_external(self, drive: np.ndarray, time: float, step: float) -> np.ndarray:
        """Outside data eases in; when it goes, `crossfade_soon` eases the drive back in its place."""
        if not self.external or self.external_strength <= 0:
            self._external_amount = 0.0
            return drive
        self._external_amount = min(1.0, self._external_amount + step / CROSSFADE_S)
        strength = self.external_strength * self._external_amount
        outside = np.full(len(drive), np.nan, np.float32)
        for name, value in self.external.items():
            if name in self.schema:
                outside[self.schema.index(name)] = value
        outside = self._shapers["outside"].apply(outside, time)
        has_say = np.isfinite(outside)
        return np.where(has_say, drive + np.float32(strength) * (np.where(has_say, outside, 0) - drive), drive)

    def _with_replacing_layers(self, drive: np.ndarray, time: float) -> np.ndarray:
        for layer in self.layers:
            if layer.replaces and layer.strength > 0:
                values, has_say = layer.at(time)
                drive = np.where(has_say, drive + np.float32(layer.strength) * (values - drive), drive)
        return drive

    def _with_idle(self, drive: np.ndarray, time: float, step: float) -> np.ndarray:
        towards = step / IDLE_FADE_S
        self._idle_amount = (
            min(1.0, self._idle_amount + towards) if self.is_idle else max(0.0, self._idle_amount - towards)
        )
        if self._idle_amount <= 0:
            return drive
        idle = np.float32(self._idle_amount) * self._shapers["idle"].apply(self._idle_life.at(time), time)
        calm = np.maximum(1.0 - np.abs(drive - self._rest) / self._calm_span, 0.0)
        lived = drive + (calm * idle).astype(np.float32, copy=False)
        for index, _ in self._idle_life.blinks:  # a driven lid and a blink do not add up: the more closed one counts
            lived[index] = max(drive[index], idle[index])
        return lived

    def _with_adding_layers(self, drive: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """The user's values with the layers that add to them, and the drive as layers in other ways have changed it."""
        user, schema = self._shapers["sliders"].apply(self._user, time), self.schema
        neutral = schema.column("neutral")
        for layer in self.layers:
            if layer.replaces or layer.strength <= 0:
                continue
            values, has_say = layer.at(time)
            strength, own = np.float32(layer.strength), layer.own or schema
            moved = neutral + strength * (values - neutral)
            if own is not schema:
                theirs = has_say & _differs(own, schema)
                drive = np.where(theirs, drive + strength * (combine(schema, drive, values, own) - drive), drive)
                moved = np.where(theirs, neutral, moved)
            if self._own is not schema:
                mine = has_say & _differs(self._own, schema)
                drive = np.where(mine, drive + moved - neutral, drive)
                has_say = has_say & ~mine
            user = np.where(has_say, combine(schema, moved, user), user)
        return user.copy(), drive


def _differs(own: ControlSchema, schema: ControlSchema) -> np.ndarray:
    return np.logical_or.reduce([own.joins(mode) != schema.joins(mode) for mode in Combine])


@dataclass
class _Fade:
    """From one drive to the next over `CROSSFADE_S`, equal at both ends."""

    before: np.ndarray
    start: float
    is_over: bool = field(default=False)

    def at(self, drive: np.ndarray, time: float) -> np.ndarray:
        if self.is_over or time >= self.start + CROSSFADE_S:
            self.is_over = True
            return drive
        part = max(0.0, (time - self.start) / CROSSFADE_S)
        part = part * part * (3 - 2 * part)
        return (self.before + np.float32(part) * (drive - self.before)).astype(np.float32)


def row_at(times: np.ndarray, rows: np.ndarray, time: float) -> np.ndarray:
    """A row of a track at a time, linearly interpolated, held at the ends: `[C]` of rows `[T, C]`."""
    after = int(np.searchsorted(times, time))
    if after <= 0:
        return rows[0]
    if after >= len(times):
        return rows[-1]
    before = after - 1
    part = np.float32((time - times[before]) / max(times[after] - times[before], 1e-9))
    return rows[before] + part * (rows[after] - rows[before])
