"""A face from outside drives the avatar: what the ports bring goes through the map to the performer, and back out."""

import time

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from app.external.face_map import FaceMap
from app.external.ports import FacePorts
from app.settings import NetworkSettings

LOST_AFTER_S = 1.0
LOOK_EVERY_MS = 250
SEND_EVERY_S = 1 / 30


class ExternalDrive(QObject):
    """Lives as long as the window; everything is off until the settings switch it on.

    Signals:
        changed: whether a face comes in now, or what comes and goes was counted.
    """

    changed = Signal()

    def __init__(self, session, settings: NetworkSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self.settings = session, settings
        self.ports = FacePorts(settings, self)
        self.map: FaceMap | None = None
        self.shapes: dict[str, float] = {}
        self.is_driving = False
        self._came_at = self._sent_at = -np.inf
        self._look = QTimer(self, interval=LOOK_EVERY_MS)
        self._look.timeout.connect(self._look_after)
        self.ports.face_came.connect(self._on_face)
        self.ports.failed.connect(lambda sentence: session.note.emit("err", "A port stays shut", sentence))
        session.avatar_opened.connect(self._on_avatar_opened)
        session.frame_ready.connect(self._on_frame)
        if session.manifest is not None:
            self._on_avatar_opened(session.manifest)

    def apply(self) -> None:
        """Takes the settings as they now are."""
        self.ports.apply()
        listens = self.settings.live_link or self.settings.vmc_in
        if listens or self.ports.sends:
            self._look.start()
        else:
            self._look.stop()
        if not listens:
            self._let_go()
        self.changed.emit()

    def close(self) -> None:
        self._look.stop()
        self.ports.close()

    def set_strength(self, strength: float) -> None:
        self.settings.strength = min(1.0, max(0.0, strength))
        if self.is_driving:
            self._session.set_external_strength(self.settings.strength)

    def _on_face(self, shapes: dict, head_deg: tuple[float, float, float] | None) -> None:
        if self.map is None:
            return
        if not shapes:  # the sender sees no face
            self._let_go()
            return
        self.shapes, self._came_at = shapes, time.monotonic()
        asked = self.map.controls(shapes, head_deg if self.settings.moves_head else None)
        if not self.is_driving:
            self.is_driving = True
            self._session.set_external_strength(self.settings.strength)
            self.changed.emit()
        self._session.set_external(asked)

    def _on_frame(self) -> None:
        now = time.monotonic()
        if not self.ports.sends or self.map is None or now - self._sent_at < SEND_EVERY_S:
            return
        view = self._session.frames.newest()
        if view is None or len(view.header.result) != len(self.map.schema):
            return
        self._sent_at = now
        result = np.asarray(view.header.result)
        self.ports.send_vmc(self.map.shapes(result), self.map.head_deg(result))

    def _look_after(self) -> None:
        if self.is_driving and time.monotonic() - self._came_at > LOST_AFTER_S:
            self._let_go()
        self.changed.emit()

    def _let_go(self) -> None:
        """The voice has the face again."""
        self.shapes = {}
        if self.is_driving:
            self.is_driving = False
            self._session.set_external({})
            self.changed.emit()

    def _on_avatar_opened(self, manifest) -> None:
        self.map = FaceMap(manifest, getattr(self._session, "avatar_path", None))
        self.changed.emit()
