"""What the mixer edits, spoken to like the Face panel's model: strengths, shaping of sources, guard, head motion."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand

from app.panels.face_model import FaceModel, Setting
from engine.controls import GROUPS, Combine, ControlSchema, ControlSpec
from engine.source_shape import CURVE_MOST, DELAY_MOST_MS, GAIN_MOST, PLAIN, place

SMOOTHING_MOST_MS = 300.0
MERGE_ID = 0x6D6978
STRENGTH = "mix."
TITLES = {"lip": "Lips", "au": "Action units", "pose": "Head pose"}
SHAPING = (
    ControlSpec("gain", "motion", "Lip gain", "How far the voice opens and moves the lips; 100 % is what it asks for",
                0.0, 2.0, 1.0, "%", Combine.SCALE, 0.0, 2.0),
    ControlSpec("smoothing", "motion", "Smoothing", "Calms the drive; its milliseconds come on top of the delay",
                0.0, SMOOTHING_MOST_MS, 0.0, "ms", Combine.REPLACE, 0.0, SMOOTHING_MOST_MS),
    ControlSpec("guard", "motion", "Range guard", "How firmly a foreign voice is drawn back to what training saw",
                0.0, 1.0, 0.5, "%", Combine.REPLACE, 0.0, 1.0),
)  # fmt: skip

STRENGTHS, SHAPES, SHAPED, HEAD = "lip", "motion", "expression", "pose"
"""Groups of the mixer's own schema: strengths of the voice, its shaping, a chosen source's, head motion."""

HEAD_STRENGTH = ControlSpec("head", HEAD, "Strength", "How far the head moves; 100 % is as in the film",
                            0.0, 2.0, 1.0, "%", Combine.SCALE, 0.0, 1.0)  # fmt: skip
SHAPE_FIELDS = (
    ("gain", "Gain", "How far this source moves it", 0.0, GAIN_MOST, 1.0, "%"),
    ("delay", "Delay", "How much later this source acts", 0.0, DELAY_MOST_MS, 0.0, "ms"),
    ("curve", "Curve", "Above zero small movements grow, below they shrink; large ones stay", -CURVE_MOST, CURVE_MOST,
     0.0, ""),
)  # fmt: skip


class MixerModel(QObject):
    """Rows of the mixer as a schema of their own, so that the same sliders serve them.

    Muting or soloing a group's row does so for every control of the group.
    """

    schema_changed = Signal()
    specs_changed = Signal()
    changed = Signal()

    def __init__(self, session, face: FaceModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._face, self.undo_stack = session, face, face.undo_stack
        self.schema = ControlSchema(())
        self._place = place("voice")
        self._before: dict[str, float] | None = None
        face.changed.connect(self.changed)
        face.schema_changed.connect(self._take_schema)
        if face.schema is not None:
            self._take_schema()

    # Reading

    @property
    def face_schema(self) -> ControlSchema | None:
        """The avatar's."""
        return self._face.schema

    @property
    def groups(self) -> list[str]:
        """The avatar's groups that a source moves, in the panels' order."""
        there = {spec.group for spec in self._face.schema or ()}
        return [group for group in GROUPS if group in there and group != "motion"]

    def shaped(self, source: str = "") -> set[str]:
        """What a source is shaped on its way to (groups and controls, "" for the whole face); of all without one."""
        places = self._session.controls.shapes
        if not source:
            return set(places)
        return {
            target for target, at in ((at.partition("/")[2], at.partition("/")[0]) for at in places) if at == source
        }

    def select(self, source: str, target: str) -> None:
        """Whose way to what the three rows of a source show."""
        self._place = place(source, target)
        self._make_schema()

    def spec(self, name: str) -> ControlSpec:
        at, is_shape, _ = name.partition(":")
        if is_shape:
            return next(row for row in _shape_rows(at) if row.name == name)
        return self.schema.specs[self.schema.index(name)]

    def joins_of(self, name: str) -> tuple[Combine, ...]:
        """What the mixer sets joins nothing in other ways."""
        return (self.spec(name).combine,)

    def value(self, name: str) -> float:
        controls = self._session.controls
        at, is_shape, field = name.partition(":")
        if is_shape:
            shape = controls.shapes.get(at, (PLAIN.gain, PLAIN.delay_ms, PLAIN.curve))
            return shape[SHAPE_NAMES.index(field)]
        if name == HEAD_STRENGTH.name:
            return controls.head.strength
        if name.startswith(STRENGTH):
            return controls.strengths.get(name.removeprefix(STRENGTH), 1.0)
        return {"gain": controls.lip_gain, "smoothing": controls.smoothing_ms, "guard": controls.guard}[name]

    def is_muted(self, name: str) -> bool:
        names = self._members(name)
        return bool(names) and all(self._face.is_muted(n) for n in names)

    def is_soloed(self, name: str) -> bool:
        names = self._members(name)
        return bool(names) and all(self._face.is_soloed(n) for n in names)

    def is_locked(self, name: str) -> bool:
        return False

    @property
    def any_soloed(self) -> bool:
        return self._face.any_soloed

    def keys(self, specs: Iterable[ControlSpec]) -> list[tuple]:
        return [(self.value(s.name), self.is_muted(s.name), self.is_soloed(s.name), self.any_soloed) for s in specs]

    def activity(self, driven: np.ndarray, result: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How much moves in each group, as the part of its training range in use: driven and result `[rows]`."""
        schema = self._face.schema
        reach = np.maximum(np.maximum(schema.column("high"), -schema.column("low")), 1e-6)
        rows = []
        for values in (driven, result):
            part = np.abs(values - schema.column("neutral")) / reach
            rows.append([self._mean(part, spec) for spec in self.schema])
        return np.array(rows[0], np.float32), np.array(rows[1], np.float32)

    # Changing

    def begin(self) -> None:
        if self._before is None:
            self._before = self._values()

    def set_live(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            spec = self.spec(name)
            value = float(min(max(value, spec.minimum), spec.maximum))
            if value == self.value(name):
                continue
            at, is_shape, field = name.partition(":")
            if is_shape:
                shape = [self.value(f"{at}:{each}") for each in SHAPE_NAMES]
                shape[SHAPE_NAMES.index(field)] = value
                self._session.set_shape(at, *shape)
            elif name == HEAD_STRENGTH.name:
                self._session.set_head_motion(strength=value)
            elif name.startswith(STRENGTH):
                self._session.set_group_strength(name.removeprefix(STRENGTH), value)
            else:
                setter = {"gain": "set_lip_gain", "smoothing": "set_smoothing_ms", "guard": "set_guard"}[name]
                getattr(self._session, setter)(value)

    def commit(self, text: str, merges: str = "") -> None:
        if self._before is None:
            return
        before, self._before = self._before, None
        after = {name: value for name, value in self._values().items() if value != before[name]}
        if after:
            self.undo_stack.push(_Mix(self, text, {name: before[name] for name in after}, after, merges))

    def cancel(self) -> None:
        if self._before is not None:
            before, self._before = self._before, None
            self.set_live(before)

    def change(self, text: str, values: Mapping[str, float], merges: str = "") -> None:
        self.begin()
        self.set_live(values)
        self.commit(text, merges)

    def reset(self, names: Iterable[str]) -> None:
        self.change("Reset the mixer", {name: self.spec(name).neutral for name in names})

    def change_head(self, text: str, merges: bool = False, **fields: Any) -> None:
        """Changes fields of the session's head motion (path, is_on, seed) as one undo step."""
        head = self._session.controls.head
        before = {name: getattr(head, name) for name in fields}
        if before != fields:
            self.undo_stack.push(
                Setting(text, lambda row: self._session.set_head_motion(**row), before, fields, merges)
            )

    def set_muted(self, name: str, on: bool) -> None:
        self._mark("Mute", name, on, self._face.set_muted, self._face.is_muted)

    def set_soloed(self, name: str, on: bool) -> None:
        self._mark("Solo", name, on, self._face.set_soloed, self._face.is_soloed)

    def set_locked(self, name: str, on: bool) -> None:
        """Rows of the mixer have no lock."""

    def _mark(self, what: str, name: str, on: bool, mark, is_marked) -> None:
        names = [n for n in self._members(name) if is_marked(n) != on]
        if names:
            self.undo_stack.beginMacro(f"{what} {self.spec(name).label}")
            for member in names:
                mark(member, on)
            self.undo_stack.endMacro()

    def _members(self, name: str) -> list[str]:
        group = name.removeprefix(STRENGTH)
        return [s.name for s in self._face.schema if s.group == group] if name.startswith(STRENGTH) else []

    def _mean(self, part: np.ndarray, spec: ControlSpec) -> float:
        if not spec.name.startswith(STRENGTH):
            return self.value(spec.name)
        indices = self._face.schema.indices(spec.name.removeprefix(STRENGTH))
        return float(min(1.0, np.sqrt(np.mean(part[indices] ** 2))))

    def _values(self) -> dict[str, float]:
        return {spec.name: self.value(spec.name) for spec in self.schema}

    def _take_schema(self) -> None:
        self._make_schema()
        self.schema_changed.emit()

    def _make_schema(self) -> None:
        rows = [_strength_row(group) for group in self.groups]
        self.schema = ControlSchema((*rows, *SHAPING, HEAD_STRENGTH, *_shape_rows(self._place)))


SHAPE_NAMES = tuple(field for field, *_ in SHAPE_FIELDS)


def _shape_rows(at: str) -> list[ControlSpec]:
    return [ControlSpec(f"{at}:{field}", SHAPED, title, why, low, high, neutral, unit,
                        Combine.SCALE if field == "gain" else Combine.ADD, low, high)
            for field, title, why, low, high, neutral, unit in SHAPE_FIELDS]  # fmt: skip


def _strength_row(group: str) -> ControlSpec:
    title, why = TITLES.get(group, GROUPS[group]), "How much of the voice reaches these controls"
    return ControlSpec(f"{STRENGTH}{group}", "lip", title, why, 0.0, 1.0, 1.0, "%", Combine.SCALE, 0.0, 1.0)


class _Mix(QUndoCommand):
    """Strengths that were already set; quick ones that merge by the same word become one step."""

    def __init__(self, model: MixerModel, text: str, before: dict, after: dict, merges: str) -> None:
        super().__init__(text)
        self._model, self._before, self._after, self.merges = model, before, after, merges
        self._is_done = True

    def redo(self) -> None:
        if self._is_done:
            self._is_done = False
            return
        self._model.set_live(self._after)

    def undo(self) -> None:
        self._model.set_live(self._before)

    def id(self) -> int:
        return MERGE_ID if self.merges else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Mix) or other.merges != self.merges or set(other._after) != set(self._after):
            return False
        self._after = other._after
        return True
