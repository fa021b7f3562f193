"""Which expressions are held or latched, how far, and what they have put on the user's values: no Qt in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.panels.presets import Expression, offsets
from engine.controls import ControlSchema


@dataclass(frozen=True)
class ExpressionSnapshot:
    """What an undo step restores: blends and what they put on each control."""

    blends: tuple[tuple[str, float], ...] = ()
    applied: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = ()


@dataclass
class ExpressionBlend:
    """Adds expressions to the user's values and takes them off again, exactly.

    What a control was given is remembered as it was after the limits, so that taking an expression off gives back the
    user's own value. A control the user moves meanwhile belongs to the user: `forget` it.

    Attributes:
        blends: active expressions, 0 to 1.
    """

    schema: ControlSchema
    fit: np.ndarray | None = None
    blends: dict[str, float] = field(default_factory=dict)
    _applied: dict[str, dict[str, float]] = field(default_factory=dict)
    _forgotten: dict[str, set[str]] = field(default_factory=dict)

    def set_blend(
        self, expression: Expression, blend: float, values: Mapping[str, float], locked: frozenset[str] = frozenset()
    ) -> dict[str, float]:
        """The values to set so that an expression stands at `blend` (0 takes it off); locked controls stay.

        Args:
            values: the user's values as they are now, by name.
        """
        blend = float(np.clip(blend, 0.0, 1.0))
        name = expression.name
        before = self._applied.get(name, {})
        forgotten = self._forgotten.setdefault(name, set())
        wanted = {} if blend == 0 else offsets(expression, self.schema, self.fit)
        changes, applied = {}, {}
        for control in dict.fromkeys((*before, *wanted)):
            if control in forgotten or control in locked:
                continue
            spec = self.schema.specs[self.schema.index(control)]
            value = values.get(control, spec.neutral)
            bare = value - before.get(control, 0.0)
            target = float(np.clip(bare + wanted.get(control, 0.0) * blend, spec.minimum, spec.maximum))
            if abs(target - spec.neutral) < 1e-6:
                target = spec.neutral  # a value that came back is neutral bit for bit
            if target != value:
                changes[control] = target
            applied[control] = target - bare
        if blend == 0:
            self.blends.pop(name, None)
            self._applied.pop(name, None)
            self._forgotten.pop(name, None)
        else:
            self.blends[name], self._applied[name] = blend, applied
        return changes

    def forget(self, controls: Mapping[str, float] | set[str]) -> None:
        """Leaves controls to the user: what expressions had put on them stays when these are taken off."""
        for name, applied in self._applied.items():
            for control in controls:
                if applied.pop(control, None) is not None:
                    self._forgotten.setdefault(name, set()).add(control)

    def touches(self, group: str) -> list[str]:
        """Names of the active expressions that have put something on a group, for its chips."""
        return [
            name
            for name, applied in self._applied.items()
            if any(abs(v) > 1e-6 and self.schema.specs[self.schema.index(c)].group == group for c, v in applied.items())
        ]

    def snapshot(self) -> ExpressionSnapshot:
        applied = tuple((name, tuple(sorted(row.items()))) for name, row in sorted(self._applied.items()))
        return ExpressionSnapshot(tuple(sorted(self.blends.items())), applied)

    def restore(self, snapshot: ExpressionSnapshot) -> None:
        self.blends = dict(snapshot.blends)
        self._applied = {name: dict(row) for name, row in snapshot.applied}
        self._forgotten = {}
