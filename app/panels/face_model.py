"""What the Face panel edits: the user's values, marks and strengths in the session, as undo steps."""

import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.panels.basis_strip import BasisStrip
from app.panels.face_expressions import ExpressionBlend, ExpressionSnapshot
from app.panels.face_fit import read_shape_fit
from engine.controls import GROUPS, Combine, ControlSchema, ControlSpec, user_side

RANDOM_GROUPS = ("lip", "expression", "au")
RANDOM_SIGMA = 0.4
"""Spread of random values, as part of the way from neutral to the edge of the training range."""
MERGE_S = 0.8
MERGE_ID = 0x666163
PREFIXES = {Combine.ADD: "+", Combine.REPLACE: "=", Combine.SCALE: "\u00d7"}


class FaceModel(QObject):
    """The seam between the panel's widgets and the session.

    A gesture is `begin`, any number of `set_live`, `commit`; a single change is `change`. Locked controls never move.

    Signals:
        schema_changed: another avatar; changed: values, marks, strengths or expressions.
        specs_changed: some control's values now join the drive in another way and have other limits.
    """

    schema_changed = Signal()
    specs_changed = Signal()
    changed = Signal()

    def __init__(self, session, undo_stack: QUndoStack, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self.undo_stack = session, undo_stack
        self.is_linked = True
        self.is_idle = getattr(session, "is_idle", True)
        self.schema: ControlSchema | None = None
        self.blend: ExpressionBlend | None = None
        self.basis_strip = BasisStrip({})
        self._specs: dict[str, ControlSpec] = {}
        self._joins: dict[str, str] = {}
        self._before: dict[str, float] | None = None
        self._before_blend = ExpressionSnapshot()
        self._hushed: tuple[dict[str, float], ExpressionSnapshot, dict[str, float]] | None = None
        session.avatar_opened.connect(self._on_avatar_opened)
        session.controls_changed.connect(self._on_controls_changed)
        if session.manifest is not None:
            self._on_avatar_opened(session.manifest)

    # Reading

    def spec(self, name: str) -> ControlSpec:
        """The user's side of a control: limits and neutral of the user's value."""
        return self._specs[name]

    def drive_spec(self, name: str) -> ControlSpec:
        """The avatar's side of a control, which driven and resulting values belong to."""
        return self.schema.specs[self.schema.index(name)]

    def joins_of(self, name: str) -> tuple[Combine, ...]:
        """The ways in which the user's value may join the drive; one way is no choice."""
        spec = self.drive_spec(name)
        if spec.combine is not Combine.ADD:
            return (spec.combine,)
        # The head is turned by hand in degrees, which no factor takes.
        return (Combine.ADD, Combine.REPLACE) if spec.group == "pose" else (Combine.ADD, Combine.SCALE, Combine.REPLACE)

    def movable(self, values: Mapping[str, float]) -> dict[str, float]:
        """Those of some values on the avatar's scale that mean the same on the user's: all but scaled controls."""
        scaled = {name for name, mode in self._joins.items() if mode == Combine.SCALE}
        return {name: value for name, value in values.items() if name not in scaled}

    def value(self, name: str) -> float:
        return self._session.controls.values.get(name, self._specs[name].neutral)

    def values(self) -> dict[str, float]:
        return {name: self.value(name) for name in self._specs}

    def is_muted(self, name: str) -> bool:
        return name in self._session.controls.muted

    def is_soloed(self, name: str) -> bool:
        return name in self._session.controls.soloed

    def is_locked(self, name: str) -> bool:
        return name in self._session.controls.locked

    def keys(self, specs: Iterable[ControlSpec]) -> list[tuple]:
        """What a row of each control depends on, quick to compare: value, mute, solo, lock, whether any is soloed."""
        controls, any_soloed = self._session.controls, self.any_soloed
        values, muted, soloed, locked = controls.values, controls.muted, controls.soloed, controls.locked
        return [
            (values.get(s.name, s.neutral), s.name in muted, s.name in soloed, s.name in locked, any_soloed)
            for s in specs
        ]

    @property
    def any_soloed(self) -> bool:
        return any(name in self._specs for name in self._session.controls.soloed)

    def strength(self, group: str) -> float:
        return self._session.controls.strengths.get(group, 1.0)

    @property
    def guard(self) -> float:
        return self._session.controls.guard

    # Values

    def begin(self) -> None:
        """Remembers where a gesture starts."""
        if self._before is None:
            self._before = self.values()
            self._before_blend = self.blend.snapshot() if self.blend else ExpressionSnapshot()

    def set_live(self, values: Mapping[str, float], keeps_expressions: bool = False) -> None:
        """Moves controls at once, with their mirrors where sides are linked; locked ones stay.

        Args:
            keeps_expressions: True when an expression itself moves them, else they become the user's own.
        """
        wanted = {}
        for name, value in values.items():
            spec = self._specs[name]
            both = (name, spec.mirror) if self.is_linked and spec.mirror in self._specs else (name,)
            for side in both:
                if not self.is_locked(side):
                    wanted[side] = self._clamped(side, value)
        if not keeps_expressions and self.blend is not None:
            self.blend.forget(set(wanted))
        moved = {name: value for name, value in wanted.items() if value != self.value(name)}
        if moved:
            self._send(moved)

    def commit(self, text: str, merges: str = "") -> None:
        """Ends a gesture: what changed since `begin` becomes one undo step."""
        if self._before is None:
            return
        before, self._before = self._before, None
        after = self.values()
        moved = [name for name in before if name in after and before[name] != after[name]]
        blend_after = self.blend.snapshot() if self.blend else ExpressionSnapshot()
        if moved or blend_after != self._before_blend:
            old, new = ({name: state[name] for name in moved} for state in (before, after))
            self.undo_stack.push(_Values(self, text, old, new, self._before_blend, blend_after, merges))

    def cancel(self) -> None:
        """Ends a gesture and puts everything back."""
        if self._before is not None:
            before, self._before = self._before, None
            self.put(before, self._before_blend)

    def change(self, text: str, values: Mapping[str, float], merges: str = "") -> None:
        """One change as one undo step; quick ones that merge by the same word become one."""
        self.begin()
        self.set_live(values)
        self.commit(text, merges)

    def reset(self, names: Iterable[str] | None = None) -> None:
        """Unlocked controls back to neutral and to the avatar's way of joining, all of them or some."""
        names = list(self._specs) if names is None else list(names)
        text = f"Reset {self._specs[names[0]].label}" if len(names) == 1 else "Reset the face"
        joined = [name for name in names if name in self._joins and not self.is_locked(name)]
        if joined:
            self.undo_stack.beginMacro(text)
            self._push_joins(text, {name: (None, None) for name in joined})
        self.change(text, {name: self._specs[name].neutral for name in names})
        if joined:
            self.undo_stack.endMacro()

    def set_join(self, name: str, mode: Combine, result: float = 0.0) -> None:
        """Lets the user's value join the drive in another way, with its mirror where sides are linked.

        Args:
            result: what the face gets now: where it starts to be replaced, it stays as it is.
        """
        spec = self._specs[name]
        if mode not in self.joins_of(name) or mode is spec.combine or self.is_locked(name):
            return
        if getattr(self._session, "is_recording", False):
            words = "A take keeps one way of joining for each control. Stop recording first."
            self._session.note.emit("info", "Not while recording", words)
            return
        both = (name, spec.mirror) if self.is_linked and spec.mirror in self._specs else (name,)
        value = self._clamped_by(self.drive_spec(name), result) if mode is Combine.REPLACE else None
        own = None if mode is self.drive_spec(name).combine else mode.value
        words = {Combine.ADD: "adds to", Combine.SCALE: "scales", Combine.REPLACE: "replaces"}[mode]
        self._push_joins(f"{spec.label} {words} the drive", {side: (own, value) for side in both})

    def _push_joins(self, text: str, after: dict[str, tuple[str | None, float | None]]) -> None:
        controls = self._session.controls
        before = {name: (controls.joins.get(name), controls.values.get(name)) for name in after}
        blend_before = self.blend.snapshot()
        self.blend.forget(set(after))
        blend_after = self.blend.snapshot()

        def apply(state: tuple[dict, ExpressionSnapshot]) -> None:
            rows, blend = state
            self.blend.restore(blend)
            for name, (mode, value) in rows.items():
                self._session.set_join(name, mode, value)

        self.undo_stack.push(Setting(text, apply, (before, blend_before), (after, blend_after)))

    def randomise(self, seed: int) -> None:
        """Random lips, expression and action units inside the training range; the same seed gives the same face."""
        draws = np.random.default_rng(seed).normal(0.0, RANDOM_SIGMA, len(self._specs)).clip(-1, 1)
        values = {}
        for spec, draw in zip(self._specs.values(), draws, strict=True):
            if spec.group in RANDOM_GROUPS:
                reach = (spec.high - spec.neutral) if draw > 0 else (spec.neutral - spec.low)
                values[spec.name] = spec.neutral + float(draw) * max(0.0, reach)
        was_linked, self.is_linked = self.is_linked, False
        self.change(f"Random face {seed}", self.movable(values))
        self.is_linked = was_linked

    def put(self, values: Mapping[str, float], blend: ExpressionSnapshot) -> None:
        """Sets values as they are, for undo: no mirrors, no locks, no new undo step."""
        if self.blend is not None:
            self.blend.restore(blend)
        known = {name: value for name, value in values.items() if name in self._specs}
        if known:
            self._send(known)
        self.changed.emit()

    def hush(self, is_hushed: bool) -> None:
        """Rests the whole face for a while, voice included; afterwards everything is as it was. No undo step."""
        session = self._session
        if is_hushed and self._hushed is None and self.schema is not None:
            strengths = {group: self.strength(group) for group in GROUPS}
            self._hushed = (self.values(), self.blend.snapshot(), strengths)
            session.set_controls({name: spec.neutral for name, spec in self._specs.items()})
            for group in GROUPS:
                session.set_group_strength(group, 0.0)
        elif not is_hushed and self._hushed is not None:
            values, blend, strengths = self._hushed
            self._hushed = None
            for group, strength in strengths.items():
                session.set_group_strength(group, strength)
            self.put(values, blend)

    # Marks and strengths

    def set_muted(self, name: str, on: bool) -> None:
        self._mark("Mute", name, self._session.set_muted_control, on)

    def set_soloed(self, name: str, on: bool) -> None:
        self._mark("Solo", name, self._session.set_soloed_control, on)

    def set_locked(self, name: str, on: bool) -> None:
        self._mark("Lock", name, self._session.set_locked_control, on)

    def set_strength(self, group: str, strength: float) -> None:
        before, after = self.strength(group), float(np.clip(strength, 0.0, 1.0))
        self._setting(f"Strength of {group}", lambda v: self._session.set_group_strength(group, v), before, after)

    def set_guard(self, strength: float) -> None:
        self._setting("Range guard", self._session.set_guard, self.guard, float(np.clip(strength, 0.0, 1.0)))

    def set_idle(self, is_idle: bool) -> None:
        self.is_idle = is_idle
        self._session.set_idle(is_idle)
        self.changed.emit()

    def _send(self, values: Mapping[str, float]) -> None:
        """Tells the session; a value back at neutral is taken out of it, so that undoing all leaves nothing behind."""
        home = [n for n, v in values.items() if v == self._specs[n].neutral and not self.is_locked(n)]
        rest = {name: value for name, value in values.items() if name not in home}
        if rest:
            self._session.set_controls(rest)
        if home:
            self._session.reset_controls(home)

    def _mark(self, what: str, name: str, apply: Callable[[str, bool], None], on: bool) -> None:
        label = self._specs[name].label
        text = f"{what} {label}" if on else f"{what} off: {label}"
        self.undo_stack.push(Setting(text, lambda v: apply(name, v), not on, on))

    def _setting(self, text: str, apply: Callable[[float], None], before: float, after: float) -> None:
        if before != after:
            self.undo_stack.push(Setting(text, apply, before, after, merges=True))

    def _clamped(self, name: str, value: float) -> float:
        return self._clamped_by(self._specs[name], value)

    @staticmethod
    def _clamped_by(spec: ControlSpec, value: float) -> float:
        return float(min(max(value, spec.minimum), spec.maximum))

    def _on_controls_changed(self) -> None:
        if self.schema is not None and self._session.controls.joins != self._joins:
            self._take_specs()
            self.specs_changed.emit()
        self.changed.emit()

    def _take_specs(self) -> None:
        self._joins = dict(self._session.controls.joins)
        self._specs = {spec.name: spec for spec in user_side(self.schema, self._joins)}

    def _on_avatar_opened(self, manifest) -> None:
        self.schema = manifest.schema
        self._take_specs()
        fit = read_shape_fit(getattr(self._session, "avatar_path", None), manifest)
        self.blend = ExpressionBlend(self.schema, fit)
        self.basis_strip = BasisStrip(manifest.basis_strip)
        self._before = self._hushed = None
        self.schema_changed.emit()
        self.changed.emit()


class _Values(QUndoCommand):
    """Values that were already set; undo and redo put the others."""

    def __init__(
        self, model: FaceModel, text: str, before: dict[str, float], after: dict[str, float],
        blend_before: ExpressionSnapshot, blend_after: ExpressionSnapshot, merges: str,
    ) -> None:  # fmt: skip
        super().__init__(text)
        self._model, self._before, self._after = model, before, after
        self._blend_before, self._blend_after = blend_before, blend_after
        self.merges, self.made_at = merges, time.monotonic()
        self._is_done = True

    def redo(self) -> None:
        if self._is_done:
            self._is_done = False
            return
        self._model.put(self._after, self._blend_after)

    def undo(self) -> None:
        self._model.put(self._before, self._blend_before)

    def id(self) -> int:
        return MERGE_ID if self.merges else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Values) or other.merges != self.merges or other.made_at - self.made_at > MERGE_S:
            return False
        self._before = {**other._before, **self._before}
        self._after = {**self._after, **other._after}
        self._blend_after, self.made_at = other._blend_after, other.made_at
        return True


class Setting(QUndoCommand):
    """A mark or a strength; dragging one is one step."""

    def __init__(self, text: str, apply: Callable, before, after, merges: bool = False) -> None:
        super().__init__(text)
        self._apply, self._before, self._after = apply, before, after
        self._merges, self.made_at = merges, time.monotonic()

    def redo(self) -> None:
        self._apply(self._after)

    def undo(self) -> None:
        self._apply(self._before)

    def id(self) -> int:
        return MERGE_ID + 1 if self._merges else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, Setting) or other.text() != self.text() or other.made_at - self.made_at > MERGE_S:
            return False
        self._after, self.made_at = other._after, other.made_at
        return True
