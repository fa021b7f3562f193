"""Plays expressions: hold for a moment of one, tap to keep it on; eased in and out so that the face never jumps."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from app.panels.face_model import FaceModel
from app.panels.presets import Expression

TAP_S = 0.25
EASE_S = 0.12
PULSE_S = 0.09
TICK_MS = 16


@dataclass
class _Ramp:
    """A blend on its way: after it the undo step, if any, is kept."""

    target: float
    undo_text: str = ""
    back_at: float | None = None


class ExpressionPlayer(QObject):
    """Turns presses and releases into blends of the model.

    A press shorter than `TAP_S` latches an expression (or takes a latched one off), as one undo step; a longer one is
    a moment of it and leaves no trace. `reset` expressions clear the face instead; `pulse` ones go out by themselves.

    Signals: `changed` when a blend moved.
    """

    changed = Signal()

    def __init__(
        self, model: FaceModel, parent: QObject | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(parent)
        self._model, self._clock = model, clock
        self.reduce_motion = False
        self.latched: set[str] = set()
        self._by_name: dict[str, Expression] = {}
        self._pressed_at: dict[str, float] = {}
        self._ramps: dict[str, _Ramp] = {}
        self._resting: dict[str, float] | None = None
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._ticked_at = 0.0
        model.schema_changed.connect(self._on_schema_changed)
        model.changed.connect(self._on_model_changed)

    @property
    def blends(self) -> dict[str, float]:
        return dict(self._model.blend.blends) if self._model.blend else {}

    def set_expressions(self, expressions: list[Expression]) -> None:
        """Takes another list; expressions that are no longer in it go out."""
        gone = set(self._by_name) - {e.name for e in expressions}
        for name in gone & set(self.blends):
            self._set(name, 0.0)
        self.latched -= gone
        self._by_name = {e.name: e for e in expressions}

    def press(self, name: str) -> None:
        expression = self._by_name.get(name)
        if expression is None or self._model.blend is None or name in self._pressed_at:
            return
        self._pressed_at[name] = self._clock()
        if expression.tap == "reset":
            self._rest()
        else:
            self._ease(name, 1.0)

    def release(self, name: str) -> None:
        pressed_at = self._pressed_at.pop(name, None)
        if pressed_at is None:
            return
        expression = self._by_name[name]
        is_tap = self._clock() - pressed_at < TAP_S
        if expression.tap == "reset":
            self._wake()
            if is_tap:
                self.clear()
        elif expression.tap == "pulse":
            self._pulse(name) if is_tap else self._ease(name, 0.0)
        elif is_tap:
            self._toggle(name)
        else:
            self._ease(name, 1.0 if name in self.latched else 0.0)

    def tap(self, name: str) -> None:
        """A press and release at once, for menus and commands."""
        self.press(name)
        self.release(name)

    def set_blend(self, name: str, blend: float) -> None:
        """Puts a latched expression to a blend by hand, as one undo step for a whole drag."""
        if name not in self._by_name or self._model.blend is None:
            return
        self._ramps.pop(name, None)
        self._model.begin()
        self._set(name, blend)
        self.latched.add(name)
        self._model.commit(f"Blend {name}", merges=f"blend {name}")
        self.changed.emit()

    def clear(self) -> None:
        """All expressions off and every unlocked slider home, as one undo step."""
        self.finish()
        self._model.begin()
        for name in list(self.blends):
            self._set(name, 0.0)
        self.latched.clear()
        self._model.set_live({name: self._model.spec(name).neutral for name in self._model.schema.names})
        self._model.commit("Back to neutral")
        self.changed.emit()

    def finish(self) -> None:
        """Ends every easing at once."""
        for name in list(self._ramps):
            self._arrive(name)

    def tick(self) -> None:
        now = self._clock()
        step = max(0.0, now - self._ticked_at) / EASE_S
        self._ticked_at = now
        for name, ramp in list(self._ramps.items()):
            blend = self.blends.get(name, 0.0)
            if ramp.back_at is not None and now >= ramp.back_at:
                ramp.target, ramp.back_at = 0.0, None
            way = ramp.target - blend
            if abs(way) <= step:
                if ramp.back_at is None:
                    self._arrive(name)
                else:
                    self._set(name, ramp.target)
            else:
                self._set(name, blend + (step if way > 0 else -step))
        if not self._ramps:
            self._timer.stop()
        self.changed.emit()

    def _toggle(self, name: str) -> None:
        is_on = name not in self.latched
        (self.latched.add if is_on else self.latched.discard)(name)
        self._ease(name, 1.0 if is_on else 0.0, f"{name} on" if is_on else f"{name} off")

    def _pulse(self, name: str) -> None:
        self._ramps[name] = _Ramp(1.0, back_at=self._clock() + EASE_S + PULSE_S)
        self._run()

    def _ease(self, name: str, target: float, undo_text: str = "") -> None:
        waiting = self._ramps.get(name)
        self._ramps[name] = _Ramp(target, undo_text or (waiting.undo_text if waiting else ""))
        if self.reduce_motion:
            self._arrive(name)
            self.changed.emit()
        else:
            self._run()

    def _run(self) -> None:
        if not self._timer.isActive():
            self._ticked_at = self._clock()
            self._timer.start()

    def _arrive(self, name: str) -> None:
        ramp = self._ramps.pop(name)
        if not ramp.undo_text:
            self._set(name, ramp.target)
            return
        # The undo step goes from wholly off to wholly on (or back), wherever the hold had got to.
        self._set(name, 0.0 if ramp.target else 1.0)
        self._model.begin()
        self._set(name, ramp.target)
        self._model.commit(ramp.undo_text)

    def _set(self, name: str, blend: float) -> None:
        model = self._model
        locked = frozenset(spec.name for spec in model.schema if model.is_locked(spec.name))
        changes = model.blend.set_blend(self._by_name[name], blend, model.values(), locked)
        was_linked, model.is_linked = model.is_linked, False
        model.set_live(model.movable(changes), keeps_expressions=True)
        model.is_linked = was_linked
        model.changed.emit()

    def _rest(self) -> None:
        """The whole face to rest, voice included, until `_wake`."""
        if self._resting is None:
            self._resting = self._model.values()
            self._model.hush(True)

    def _wake(self) -> None:
        if self._resting is not None:
            self._resting = None
            self._model.hush(False)

    def _on_schema_changed(self) -> None:
        self._ramps.clear()
        self._pressed_at.clear()
        self.latched.clear()
        self._resting = None
        self.changed.emit()

    def _on_model_changed(self) -> None:
        """Undo may have taken expressions on or off."""
        on = set(self.blends)
        if not self._ramps and not self._pressed_at:
            self.latched = on
        self.changed.emit()
