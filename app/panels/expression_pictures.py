"""Pictures of the avatar on stage making each expression, asked of the performer one at a time."""

import base64
from collections import deque
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QImage

from app.panels.face import FacePanel
from app.panels.presets import Expression, offsets
from engine.camera import Orbit

FRAME = Orbit(target=(0.0, -0.05, 0.05), distance=2.8, fov_deg=19.0)
"""The face alone, from the hairline to the chin."""
SIZE = (252, 168)
FIRST_AFTER_MS, NEXT_AFTER_MS = 1200, 60
LOST_AFTER_MS = 20_000
KEPT_AVATARS = 4


class ExpressionPictures(QObject):
    """Fills the tiles once an avatar performs; kept for the last few avatars, made anew when an expression changes."""

    def __init__(self, session, face: FacePanel) -> None:
        super().__init__(face)
        self._session, self._face = session, face
        self._queue: deque[Expression] = deque()
        self._asked: str | None = None
        self._kept: dict[tuple, dict[str, QImage]] = {}
        self._next = QTimer(self, singleShot=True)
        self._next.timeout.connect(self._ask_next)
        session.performer_said.connect(self._on_said)
        face.model.schema_changed.connect(self._start)
        face.shelf.changed.connect(self._start)

    def _start(self) -> None:
        """Every expression of the avatar on stage, those already known at once."""
        self._queue.clear()
        self._asked = None
        if self._session.manifest is None:
            return
        known = self._kept.setdefault(self._key(), {})
        while len(self._kept) > KEPT_AVATARS:
            self._kept.pop(next(iter(self._kept)))
        for expression in self._face.shelf.expressions:
            if not expression.has_tile or expression.picture:
                continue
            picture = known.get(_word(expression))
            self._face.set_expression_picture(expression.name, picture)
            if picture is None:
                self._queue.append(expression)
        self._next.start(FIRST_AFTER_MS)

    def _ask_next(self) -> None:
        if self._session.frames.newest() is None:
            self._next.start(FIRST_AFTER_MS)  # the face itself comes first
            return
        if not self._queue:
            return
        model, expression = self._face.model, self._queue.popleft()
        blend = model.blend
        values = offsets(expression, model.schema, blend.fit if blend is not None else None)
        self._asked = expression.name
        self._session.ask("portrait", name=expression.name, values=values, size=list(SIZE), orbit=FRAME.to_json())
        self._next.start(LOST_AFTER_MS)  # an answer that never comes must not keep the rest waiting

    def _on_said(self, event: dict) -> None:
        if event.get("event") != "portrait" or event.get("name") != self._asked:
            return
        self._asked = None
        image = QImage.fromData(base64.b64decode(event["png"]))
        expression = next((e for e in self._face.shelf.expressions if e.name == event["name"]), None)
        if expression is not None and not image.isNull():
            self._kept.setdefault(self._key(), {})[_word(expression)] = image
            self._face.set_expression_picture(expression.name, image)
        self._next.start(NEXT_AFTER_MS)

    def _key(self) -> tuple:
        path = self._session.avatar_path
        exists = path is not None and Path(path).is_file()
        return (str(path), Path(path).stat().st_mtime_ns if exists else 0)


def _word(expression: Expression) -> str:
    """What the picture depends on."""
    return repr((expression.name, sorted(expression.shapes.items()), sorted(expression.controls.items())))
