"""Pictures of the avatar on stage, asked of the performer one at a time so that the face itself never waits long."""

import base64
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QImage

FIRST_AFTER_MS, NEXT_AFTER_MS = 1200, 60
LOST_AFTER_MS = 20_000


class Portraits(QObject):
    """One queue for whoever shows small pictures: expression tiles, takes, camera keys."""

    def __init__(self, session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._queue: list[tuple[object, str, dict[str, Any], Callable[[QImage, bytes], None]]] = []
        self._asked: tuple[object, str, Callable[[QImage, bytes], None]] | None = None
        self._next = QTimer(self, singleShot=True)
        self._next.timeout.connect(self._ask_next)
        session.performer_said.connect(self._on_said)

    def ask(
        self, owner: object, name: str, then: Callable[[QImage, bytes], None], after_ms: int = NEXT_AFTER_MS,
        **request: Any,
    ) -> None:  # fmt: skip
        """Asks for a picture: `request` as `app.workers.inspecting.Inspecting.portrait` takes it.

        Args:
            owner: whose pictures `drop` forgets.
            then: told the picture, with alpha, and the PNG it came as; both empty where the avatar cannot look so.
            after_ms: how long the first one waits where nothing is being asked.
        """
        self._queue.append((owner, name, request, then))
        if self._asked is None and not self._next.isActive():
            self._next.start(after_ms)

    def drop(self, owner: object) -> None:
        """Forgets what an owner has asked and not got."""
        self._queue = [row for row in self._queue if row[0] is not owner]
        if self._asked is not None and self._asked[0] is owner:
            self._asked = None
            self._next.start(NEXT_AFTER_MS)

    def _ask_next(self) -> None:
        self._asked = None
        if not self._queue:
            return
        if self._session.frames.newest() is None:
            self._next.start(FIRST_AFTER_MS)  # the face itself comes first
            return
        owner, name, request, then = self._queue.pop(0)
        self._asked = (owner, name, then)
        self._session.ask("portrait", name=name, **request)
        self._next.start(LOST_AFTER_MS)  # an answer that never comes must not keep the rest waiting

    def _on_said(self, event: dict[str, Any]) -> None:
        if event.get("event") != "portrait" or self._asked is None or event.get("name") != self._asked[1]:
            return
        then, self._asked = self._asked[2], None
        png = base64.b64decode(event["png"])
        self._next.start(NEXT_AFTER_MS)
        then(QImage.fromData(png), png)
