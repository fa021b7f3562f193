"""What the camera keys of the Edit timeline look at: a small picture of each, drawn by the performer."""

import hashlib
import json
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from app.edit.model import EditModel
from app.portraits import Portraits
from engine.performance.camera_path import CameraKey

SIZE = (132, 84)
"""Three times the box in the lane."""

SETTLE_MS = 250
"""A key that is being dragged is drawn when the hand rests."""

MAX_KEPT = 300


class CameraPictures(QObject):
    """Follows the edited take; while a new picture is being drawn the key keeps the one before.

    Signals:
        changed: there is another picture.
    """

    changed = Signal()

    def __init__(self, model: EditModel, session, portraits: Portraits, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model, self._session, self._portraits = model, session, portraits
        self._kept: dict[str, QImage] = {}
        self._shown: list[QImage | None] = []  # of each key, from left to right
        self._settle = QTimer(self, interval=SETTLE_MS, singleShot=True)
        self._settle.timeout.connect(self._fill)
        model.performance_changed.connect(self._settle.start)
        model.take_changed.connect(self._forget)
        session.avatar_opened.connect(self._settle.start)

    def picture(self, index: int) -> QImage | None:
        """Of the key with that number; None while there is none."""
        return self._shown[index] if index < len(self._shown) else None

    def _forget(self) -> None:
        self._shown = []
        self._settle.start()

    def _fill(self) -> None:
        self._portraits.drop(self)
        keys = self._model.edit.camera.keys
        self._shown = [self._shown[i] if i < len(self._shown) else None for i in range(len(keys))]
        manifest, schema = self._session.manifest, self._model.schema
        if manifest is None or schema is None or manifest.schema.names != schema.names:
            self._shown = [None] * len(keys)  # the avatar on stage cannot look like this
            self.changed.emit()
            return
        for index, key in enumerate(keys):
            request = self._request(key)
            word = hashlib.sha256(json.dumps([str(self._session.avatar_path), request]).encode()).hexdigest()
            if word in self._kept:
                self._shown[index] = self._kept[word]
            else:
                self._portraits.ask(self, f"camera {word}", partial(self._show, index, word), **request)
        self.changed.emit()

    def _request(self, key: CameraKey) -> dict:
        """The face at the key's time, rounded to what could be seen, from where the key looks."""
        performance = self._model.performance
        at = min(int(np.searchsorted(performance.times, key.time)), len(performance.times) - 1)
        controls = [round(float(value), 3) for value in performance.values[at]]
        return {"controls": controls, "orbit": key.orbit.to_json(), "size": list(SIZE)}

    def _show(self, index: int, word: str, image: QImage, _png: bytes) -> None:
        if image.isNull():
            return
        self._kept[word] = image
        while len(self._kept) > MAX_KEPT:
            self._kept.pop(next(iter(self._kept)))
        if index < len(self._shown):
            self._shown[index] = image
            self.changed.emit()
