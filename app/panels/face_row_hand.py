"""The hand on the sliders: relative drags, steps, scrubbing, and the clicks that mute, solo, lock and reset."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt

from app.panels.face_model import FaceModel
from engine.controls import ControlSpec

if TYPE_CHECKING:
    from app.panels.face_rows import ControlRows

FINE = 0.1
CLICK_PX = 3.0
SCRUB_PART_PER_PX = 1 / 240
HANDLE_REACH_PX = 9.0
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


class RowHand:
    """Turns the mouse and the step keys into changes of the model, each gesture one undo step."""

    def __init__(self, rows: "ControlRows", model: FaceModel) -> None:
        self._rows, self._model = rows, model
        self._index: int | None = None
        self._part = ""
        self._pressed = self._last = QPointF()
        self._raw = 0.0
        self._has_moved = False
        self._modifiers = Qt.KeyboardModifier.NoModifier

    @property
    def is_holding(self) -> bool:
        return self._index is not None

    def press(self, event) -> None:
        rows = self._rows
        index = rows.row_at(event.position().y())
        if event.button() != Qt.MouseButton.LeftButton or index is None:
            event.ignore()
            return
        rows.setFocus(Qt.FocusReason.MouseFocusReason)
        rows.focus_row(index)
        self._index, self._part = index, rows.part_at(index, event.position())
        self._pressed = self._last = event.position()
        self._has_moved, self._modifiers = False, event.modifiers()
        self._raw = self._model.value(self._spec.name)

    def move(self, event) -> None:
        if self._part not in ("track", "field", "join") or self._is_locked:
            return
        move, self._last = event.position() - self._last, event.position()
        if not self._has_moved:
            if abs(event.position().x() - self._pressed.x()) < CLICK_PX:
                return
            self._has_moved = True
            self._model.begin()
            self._rows.dragging.emit(True)
            if self._part == "track":
                move = event.position() - self._pressed
        self._raw += move.x() * self._value_per_px * (FINE if event.modifiers() & SHIFT else 1.0)
        self._raw = min(max(self._raw, self._spec.minimum), self._spec.maximum)
        value = snapped(self._raw, self._spec) if event.modifiers() & CTRL else self._raw
        self._model.set_live({self._spec.name: value})
        self._rows.moved.emit(self._spec.name)

    def release(self, event) -> None:
        if self._index is None or event.button() != Qt.MouseButton.LeftButton:
            return
        index, spec, part = self._index, self._spec, self._part
        self._index = None
        if self._has_moved:
            self._model.commit(f"Move {spec.label}", "")
            self._rows.dragging.emit(False)
        else:
            self._click(index, spec, part)

    def cancel(self) -> None:
        """Esc: the slider goes back to where the drag began."""
        if self._has_moved:
            self._model.cancel()
            self._rows.dragging.emit(False)
        self._index = None

    def double_click(self, event) -> None:
        index = self._rows.row_at(event.position().y())
        if event.button() != Qt.MouseButton.LeftButton or index is None:
            return
        part = self._rows.part_at(index, event.position())
        if part == "field":
            self._rows.open_edit(index)
        elif part == "join":
            self.press(event)  # two quick clicks are two clicks
        elif part in ("track", "row"):
            self._rows.focus_row(index)
            self._model.reset([self._rows.specs[index].name])
        else:
            self.press(event)

    def step(self, index: int, n_steps: int, modifiers: Qt.KeyboardModifier, how: str) -> None:
        """Moves a control by small steps; quick ones count as one undo step."""
        spec = self._rows.specs[index]
        size = step_of(spec) * (10 if modifiers & CTRL else FINE if modifiers & SHIFT else 1)
        value = self._model.value(spec.name) + n_steps * size
        self._model.change(f"Move {spec.label}", {spec.name: value}, merges=f"{how} {spec.name}")

    def _click(self, index: int, spec: ControlSpec, part: str) -> None:
        model, modifiers = self._model, self._modifiers
        if part == "lock" or (modifiers & CTRL and modifiers & SHIFT):
            model.set_locked(spec.name, not model.is_locked(spec.name))
        elif part == "mute" or modifiers & ALT:
            model.set_muted(spec.name, not model.is_muted(spec.name))
        elif part == "solo" or modifiers & CTRL:
            model.set_soloed(spec.name, not model.is_soloed(spec.name))
        elif part == "join":
            self._rows.next_join(index)
        elif part == "field":
            self._rows.open_edit(index)
        elif part == "track" and not model.is_locked(spec.name):
            self._step_towards(spec)

    def _step_towards(self, spec: ControlSpec) -> None:
        """A click on the rail steps towards it; on the handle it does nothing."""
        geometry = self._rows.geometry_of_rows
        handle = geometry.x_of(self._model.value(spec.name), spec.minimum, spec.maximum)
        way = self._pressed.x() - handle
        if abs(way) > HANDLE_REACH_PX:
            value = self._model.value(spec.name) + (1 if way > 0 else -1) * 10 * step_of(spec)
            self._model.change(f"Move {spec.label}", {spec.name: value})

    @property
    def _spec(self) -> ControlSpec:
        return self._rows.specs[self._index]

    @property
    def _is_locked(self) -> bool:
        return self._model.is_locked(self._spec.name)

    @property
    def _value_per_px(self) -> float:
        span = self._spec.maximum - self._spec.minimum
        if self._part in ("field", "join"):
            return span * SCRUB_PART_PER_PX
        return span / self._rows.geometry_of_rows.track_width


def step_of(spec: ControlSpec) -> float:
    """One step of the arrow keys: a hundredth, or half a degree where the range is wide."""
    span = spec.maximum - spec.minimum
    return 0.01 if span <= 10 else 0.5


def snapped(value: float, spec: ControlSpec) -> float:
    """The nearest of ten steps; neutral is always one of them."""
    size = 10 * step_of(spec)
    return spec.neutral + round((value - spec.neutral) / size) * size
