"""What an avatar can be asked to do: control specifications, the schema that orders them, and one moment's values."""

import difflib
import enum
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from engine.errors import ControlError

GROUPS = {
    "lip": "Lip",
    "expression": "Expression",
    "au": "Action units and blink",
    "pose": "Pose",
    "motion": "Motion",
}
"""Group name to the title a person reads, in the order panels show them."""


class Combine(enum.StrEnum):
    """How the user's value joins the driven one: driven + value, value, or driven * value."""

    ADD = "add"
    REPLACE = "replace"
    SCALE = "scale"


@dataclass(frozen=True)
class ControlSpec:
    """One thing an avatar can be asked to do.

    Attributes:
        name: unique and stable, such as `lip.03`, `au.45`, `pose.yaw`.
        group: a key of `GROUPS`.
        label: what the face does, for the panel.
        description: a sentence for the tooltip.
        minimum, maximum: hard limits; values outside are clamped.
        neutral: the user's value that changes nothing; with `Combine.SCALE` it is 1.
        unit: "" for a plain number, else "deg", "head heights", "sigma".
        combine: how the user's value joins the driven one.
        low, high: the range seen in training (the hull of the slider).
        mirror: the control of the other side of the face, where there is one.
    """

    name: str
    group: str
    label: str
    description: str = ""
    minimum: float = 0.0
    maximum: float = 1.0
    neutral: float = 0.0
    unit: str = ""
    combine: Combine = Combine.ADD
    low: float = 0.0
    high: float = 1.0
    mirror: str | None = None

    def __post_init__(self) -> None:
        if self.group not in GROUPS:
            raise ControlError(f"{self.name}: unknown group {self.group!r}; use one of {', '.join(GROUPS)}.")
        if not self.minimum <= self.neutral <= self.maximum:
            raise ControlError(
                f"{self.name}: neutral {self.neutral:g} lies outside {self.minimum:g} to {self.maximum:g}."
            )


@dataclass(frozen=True)
class SettingSpec:
    """A choice that is not a number on a scale, and the stage it restarts.

    Attributes:
        kind: "switch" (bool), "integer", "choice" or "text".
        restarts: "driver", "animate", "deform" or "compose": the first stage that must run again.
        minimum, maximum: ends of an integer, included; None where it has none.
    """

    name: str
    kind: str
    default: bool | int | str
    label: str
    description: str = ""
    choices: tuple[str, ...] = ()
    restarts: str = "animate"
    minimum: int | None = None
    maximum: int | None = None

    def __post_init__(self) -> None:
        if self.kind != "integer":
            return
        numbers = [n for n in (self.minimum, self.default, self.maximum) if n is not None]
        if not all(isinstance(n, int) for n in numbers) or numbers != sorted(numbers):
            raise ControlError(f"{self.name}: {self.default!r} is no whole number within its ends; choose one that is.")


@dataclass(frozen=True)
class ControlSchema:
    """An avatar's ordered list of controls; vectors over it are float32 `[len(schema)]`."""

    specs: tuple[ControlSpec, ...]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)
    _columns: dict[str, np.ndarray] = field(init=False, repr=False, compare=False)  # kept: the live line asks often

    def __post_init__(self) -> None:
        object.__setattr__(self, "_columns", {})
        index = {spec.name: i for i, spec in enumerate(self.specs)}
        if len(index) != len(self.specs):
            twice = sorted({s.name for s in self.specs if [t.name for t in self.specs].count(s.name) > 1})
            raise ControlError(f"control names must be unique; {', '.join(twice)} stands twice.")
        object.__setattr__(self, "_index", index)

    def __len__(self) -> int:
        return len(self.specs)

    def __iter__(self):
        return iter(self.specs)

    def __contains__(self, name: str) -> bool:
        return name in self._index

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.specs)

    def index(self, name: str) -> int:
        """Position of a control in the vector. Raises ControlError naming the nearest names if there is none."""
        try:
            return self._index[name]
        except KeyError:
            raise ControlError(self._unknown(name)) from None

    def resolve(self, name: str) -> tuple[str, ...]:
        """The controls a name stands for: itself, or both sides where only `name + l` and `name + r` exist."""
        if name in self._index:
            return (name,)
        sides = (f"{name}l", f"{name}r")
        if all(side in self._index for side in sides):
            return sides
        raise ControlError(self._unknown(name))

    def indices(self, group: str) -> np.ndarray:
        """Positions of all controls of a group, int64."""
        return np.array([i for i, spec in enumerate(self.specs) if spec.group == group], dtype=np.int64)

    def column(self, attribute: str) -> np.ndarray:
        """One numeric attribute of all controls (`neutral`, `minimum`, `maximum`, `low`, `high`), float32 `[C]`."""
        return self._column(attribute).copy()

    def joins(self, mode: Combine) -> np.ndarray:
        """Which controls join the drive in a way, bool `[C]`."""
        return self._column("combine", mode).copy()

    def _column(self, attribute: str, mode: Combine | None = None) -> np.ndarray:
        key = attribute if mode is None else f"{attribute} {mode.value}"
        if key not in self._columns:
            values = [getattr(spec, attribute) for spec in self.specs]
            whole = np.array(values, np.float32) if mode is None else np.array([value is mode for value in values])
            self._columns[key] = whole.reshape(len(values))
        return self._columns[key]

    def neutral(self) -> "Controls":
        return Controls(self, self.column("neutral"))

    def rest(self) -> "Controls":
        """What drives the face when nothing does: 0 for added controls, neutral for the others."""
        return self.neutral()

    def clamp(self, values: np.ndarray) -> np.ndarray:
        return np.clip(values, self._column("minimum"), self._column("maximum")).astype(np.float32, copy=False)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(spec) for spec in self.specs]

    @classmethod
    def from_json(cls, rows: Iterable[Mapping[str, Any]]) -> "ControlSchema":
        try:
            return cls(tuple(ControlSpec(**{**row, "combine": Combine(row["combine"])}) for row in rows))
        except (TypeError, KeyError, ValueError) as error:
            raise ControlError(f"the control schema cannot be read: {error}.") from error

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.names, n=3, cutoff=0.4) or self.names[:3]
        return f"{name!r}: this avatar has no such control; near names are {', '.join(near)}."


@dataclass
class Controls:
    """One moment of a performance: float32 values over a schema."""

    schema: ControlSchema
    values: np.ndarray  # [C] float32

    def __post_init__(self) -> None:
        self.values = np.asarray(self.values, dtype=np.float32)
        if self.values.shape != (len(self.schema),):
            raise ControlError(f"{self.values.shape} values do not fit {len(self.schema)} controls.")

    def __getitem__(self, name: str) -> float:
        return float(self.values[self.schema.index(name)])

    def __setitem__(self, name: str, value: float) -> None:
        for resolved in self.schema.resolve(name):
            self.values[self.schema.index(resolved)] = value

    def copy(self) -> "Controls":
        return replace(self, values=self.values.copy())

    def to_dict(self) -> dict[str, float]:
        return {spec.name: float(v) for spec, v in zip(self.schema, self.values, strict=True)}


SCALE_MOST = 2.0
"""The largest factor with which a user may scale a driven value."""


def joined(spec: ControlSpec, mode: Combine) -> ControlSpec:
    """A control's user side where the user chose how it joins the drive; only an added control gives a choice."""
    if spec.combine is not Combine.ADD or mode is Combine.ADD:
        return spec
    if mode is Combine.SCALE:
        return replace(spec, combine=mode, minimum=0.0, maximum=SCALE_MOST, neutral=1.0, low=0.0, high=SCALE_MOST,
                       unit="")  # fmt: skip
    return replace(spec, combine=mode)


def user_side(schema: ControlSchema, joins: Mapping[str, str]) -> ControlSchema:
    """The schema of the user's values: an avatar's, save for the controls of `joins` (name to a `Combine`).

    Names the avatar has not and modes there are not are left out, since files of other avatars name them.
    """
    modes = {mode.value: mode for mode in Combine}
    wanted = {name: modes[mode] for name, mode in joins.items() if name in schema and mode in modes}
    if not wanted:
        return schema
    return ControlSchema(tuple(joined(spec, wanted.get(spec.name, spec.combine)) for spec in schema))


def combine(
    schema: ControlSchema, driven: np.ndarray, user: np.ndarray, own: ControlSchema | None = None
) -> np.ndarray:
    """Joins the user's values with the driven ones, control by control, and clamps.

    A user's value at neutral returns the driven value bit for bit (with an avatar's own `REPLACE`, too: neutral means
    untouched; where the user chose to replace, the value always counts).

    Args:
        own: the user's side as `user_side` makes it, whose modes and neutrals count; None for the avatar's.
    """
    own = own or schema
    neutral = own.column("neutral")
    touched = user != neutral
    if own is not schema:
        touched |= own.joins(Combine.REPLACE) & ~schema.joins(Combine.REPLACE)
    mixed = driven.copy()
    if not touched.any():
        return mixed
    add, scale, replaces = (own.joins(mode) for mode in (Combine.ADD, Combine.SCALE, Combine.REPLACE))
    mixed[add & touched] += (user - neutral)[add & touched]
    mixed[scale & touched] *= user[scale & touched]
    mixed[replaces & touched] = user[replaces & touched]
    return np.where(touched, schema.clamp(mixed), mixed)
