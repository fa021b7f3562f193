"""Pictures of the avatar on stage making each expression."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from app.panels.face import FacePanel
from app.panels.presets import Expression, offsets
from app.portraits import FIRST_AFTER_MS, Portraits
from engine.camera import Orbit

FRAME = Orbit(target=(0.0, -0.05, 0.05), distance=2.8, fov_deg=19.0)
"""The face alone, from the hairline to the chin."""
SIZE = (252, 168)
KEPT_AVATARS = 4


class ExpressionPictures(QObject):
    """Fills the tiles once an avatar performs; kept for the last few avatars, made anew when an expression changes."""

    def __init__(self, session, portraits: Portraits, face: FacePanel) -> None:
        super().__init__(face)
        self._session, self._portraits, self._face = session, portraits, face
        self._kept: dict[tuple, dict[str, QImage]] = {}
        face.model.schema_changed.connect(self._start)
        face.shelf.changed.connect(self._start)

    def _start(self) -> None:
        """Every expression of the avatar on stage, those already known at once."""
        self._portraits.drop(self)
        if self._session.manifest is None:
            return
        known = self._kept.setdefault(self._key(), {})
        while len(self._kept) > KEPT_AVATARS:
            self._kept.pop(next(iter(self._kept)))
        model = self._face.model
        blend = model.blend
        for expression in self._face.shelf.expressions:
            if not expression.has_tile or expression.picture:
                continue
            picture = known.get(_word(expression))
            self._face.set_expression_picture(expression.name, picture)
            if picture is None:
                values = offsets(expression, model.schema, blend.fit if blend is not None else None)
                self._portraits.ask(
                    self, expression.name, partial(self._show, expression.name), FIRST_AFTER_MS, values=values,
                    size=list(SIZE), orbit=FRAME.to_json(),
                )  # fmt: skip

    def _show(self, name: str, image: QImage, _png: bytes) -> None:
        expression = next((e for e in self._face.shelf.expressions if e.name == name), None)
        if expression is not None and not image.isNull():
            self._kept.setdefault(self._key(), {})[_word(expression)] = image
            self._face.set_expression_picture(name, image)

    def _key(self) -> tuple:
        path = self._session.avatar_path
        exists = path is not None and Path(path).is_file()
        return (str(path), Path(path).stat().st_mtime_ns if exists else 0)


def _word(expression: Expression) -> str:
    """What the picture depends on."""
    return repr((expression.name, sorted(expression.shapes.items()), sorted(expression.controls.items())))
