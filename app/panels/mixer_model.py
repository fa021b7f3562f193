"""What the mixer edits, spoken to like the Face panel's model: strengths, gain, smoothing and guard of the session."""

from collections.abc import Iterable, Mapping

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand

from app.panels.face_model import FaceModel
from engine.controls import GROUPS, Combine, ControlSchema, ControlSpec

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


class MixerModel(QObject):
    """Rows of the mixer as a schema of their own, so that the same sliders serve them.

    Muting or soloing a group's row does so for every control of the group.
    """

    schema_changed = Signal()
    changed = Signal()

    def __init__(self, session, face: FaceModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._face, self.undo_stack = session, face, face.undo_stack
        self.schema = ControlSchema(())
        self._before: dict[str, float] | None = None
        face.changed.connect(self.changed)
        face.schema_changed.connect(self._take_schema)
        if face.schema is not None:
            self._take_schema()

    # Reading

    def spec(self, name: str) -> ControlSpec:
        return self.schema.specs[self.schema.index(name)]

    def value(self, name: str) -> float:
        controls = self._session.controls
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
            if name.startswith(STRENGTH):
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
        there = {spec.group for spec in self._face.schema}
        groups = [group for group in GROUPS if group in there and group != "motion"]
        rows = [_strength_row(group) for group in groups]
        self.schema = ControlSchema((*rows, *SHAPING))
        self.schema_changed.emit()


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
