"""The shelf of expressions: the shipped ones and the user's own, stored and removed."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.panels.face_model import FaceModel
from app.panels.presets import (
    STORE_KEYS,
    Expression,
    own_folder,
    read_expressions,
    remove_expression,
    shapes_of,
    shipped_folder,
    store_expression,
)
from engine.errors import MouthpieceError


class PresetShelf(QObject):
    """Signals: `changed` when the list did.

    Attributes:
        expressions: in tile order; faults: a sentence for each file that could not be read.
    """

    changed = Signal()

    def __init__(self, model: FaceModel, parent: QObject | None = None, own: Path | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._own = own or own_folder()
        self.expressions: list[Expression] = []
        self.faults: list[str] = []
        self._read()

    def store(self, name: str, key: str = "") -> str:
        """Keeps the user's values as an expression; returns what went wrong, empty when nothing did."""
        model = self._model
        if not name:
            return "An expression needs a name."
        if model.schema is None:
            return "There is no avatar on stage whose face could be stored."
        values = {s.name: model.value(s.name) - s.neutral for s in model.schema if s.group not in ("pose", "motion")}
        values = {control: round(value, 5) for control, value in values.items() if abs(value) > 1e-5}
        if not values:
            return "The face is neutral; move a slider first."
        last = max((e.order for e in self.expressions), default=0)
        order = next((e.order for e in self.expressions if e.name == name), last + 1)
        try:
            expression = Expression(
                name=name[:40], key=key, order=order, controls=values, shapes=shapes_of(values, model.schema)
            )
            store_expression(expression, self._own)
        except MouthpieceError as error:
            return str(error)
        self._read()
        self.changed.emit()
        return ""

    def remove(self, name: str) -> None:
        if remove_expression(name, self._own):
            self._read()
            self.changed.emit()

    def is_own(self, name: str) -> bool:
        return name in self._own_names

    def key_of(self, name: str) -> str:
        return next((e.key for e in self.expressions if e.name == name), "")

    def free_key(self) -> str:
        taken = {e.key for e in self.expressions}
        return next((key for key in STORE_KEYS if key not in taken), "")

    def free_name(self) -> str:
        taken = {e.name for e in self.expressions}
        return next(name for name in (f"My face {n}" for n in range(1, 1000)) if name not in taken)

    def _read(self) -> None:
        self.expressions, self.faults = read_expressions((shipped_folder(), self._own))
        self._own_names = {e.name for e in read_expressions((self._own,))[0]}
