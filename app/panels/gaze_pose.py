"""Gaze and pose: the head on a pad, its sliders, what head and eyes follow, and the method's own settings."""

import time

import numpy as np
from PySide6.QtCore import QPointF, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.panels.avatar_settings import AvatarSettings
from app.panels.face_model import FaceModel
from app.panels.face_rows import ControlRows
from app.panels.mixer_switch import Switch
from app.panels.pose_pad import PITCH, YAW, PosePad
from app.theme.buttons import Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from engine.camera import Orbit

SHOW_EVERY_S = 1 / 30
HEAD_SHARE = 0.7
"""How much of the way to the camera the head turns; the rest is left to the eyes, as people do."""

# Eye controls an avatar may have: name to (right, up) of the look, in parts of a full look of 30 degrees.
EYES = {
    "eyeLookOutLeft": (1, 0), "eyeLookInRight": (1, 0), "eyeLookInLeft": (-1, 0), "eyeLookOutRight": (-1, 0),
    "eyeLookUpLeft": (0, 1), "eyeLookUpRight": (0, 1), "eyeLookDownLeft": (0, -1), "eyeLookDownRight": (0, -1),
}  # fmt: skip
FULL_LOOK_DEG = 30.0


class GazePosePanel(QWidget):
    """The page of the Gaze and pose tab.

    Args:
        face: the Face panel's model.
    """

    def __init__(self, session, theme: Theme, face: FaceModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._theme, self._face = session, theme, face
        self.setAccessibleName("Gaze and pose")
        self._shown_at = 0.0
        self._build()
        session.frame_ready.connect(self._on_frame_ready)
        face.schema_changed.connect(self._on_schema_changed)
        if face.schema is not None:
            self._on_schema_changed()

    @property
    def has_gaze(self) -> bool:
        """Whether the avatar's eyes can be turned."""
        schema = self._face.schema
        return schema is not None and ("gaze.yaw" in schema or any(name in schema for name in EYES))

    @Slot(object)
    def follow_camera(self, orbit: Orbit) -> None:
        """The camera moved: head and eyes go after it where they are switched to."""
        home = self._session.manifest.orbit if self._session.manifest is not None else Orbit()
        azimuth = (orbit.azimuth_deg - home.azimuth_deg + 180) % 360 - 180
        elevation = orbit.elevation_deg - home.elevation_deg
        values = {}
        if self.head_follows.isChecked():
            values |= {YAW: HEAD_SHARE * azimuth, PITCH: HEAD_SHARE * elevation}
        if self.eyes_follow.isChecked():
            rest = 1 - HEAD_SHARE if self.head_follows.isChecked() else 1.0
            values |= self._gaze(rest * azimuth, rest * elevation)
        self._put(values)

    def follow_cursor(self, at: QPointF, size) -> None:
        """The mouse moved over the picture: the eyes look at it where they are switched to."""
        if self.eyes_cursor.isChecked():
            right = (2 * at.x() / max(1, size.width()) - 1) * FULL_LOOK_DEG
            up = (1 - 2 * at.y() / max(1, size.height())) * FULL_LOOK_DEG
            self._put(self._gaze(right, up))

    def _build(self) -> None:
        theme = self._theme
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        inside = QWidget()
        area.setWidget(inside)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(0)
        column.addWidget(_heading(theme, "Head"))
        self.pad = PosePad(self._face, theme)
        column.addWidget(self.pad)
        column.addSpacing(6)
        self.rows = ControlRows(self._face, theme, "pose")
        column.addWidget(self.rows)
        self.head_follows, line = self._switch("Head follows the camera", "It turns most of the way to you.")
        column.addLayout(line)
        column.addSpacing(8)
        column.addWidget(rule())
        column.addWidget(_heading(theme, "Eyes"))
        self.eyes_follow, line = self._switch("Eyes follow the camera", "They keep looking at you while you orbit.")
        column.addLayout(line)
        self.eyes_cursor, line = self._switch("Eyes follow the cursor", "They look at the mouse over the picture.")
        column.addLayout(line)
        why = "This avatar's eyes cannot be turned: its training heard no gaze."
        self.no_gaze = Words(theme, why, TYPE.secondary, tone="t3", wrap=True)
        self.no_gaze.setContentsMargins(10, 2, 10, 0)
        column.addWidget(self.no_gaze)
        column.addSpacing(8)
        self.settings = AvatarSettings(self._session, theme)
        column.addWidget(self.settings)
        column.addStretch()
        self.eyes_follow.clicked.connect(lambda on: on and self.eyes_cursor.setChecked(False))
        self.eyes_cursor.clicked.connect(lambda on: on and self.eyes_follow.setChecked(False))

    def _switch(self, name: str, why: str) -> tuple[Switch, QHBoxLayout]:
        line = QHBoxLayout()
        line.setContentsMargins(10, 4, 10, 4)
        line.addWidget(Words(self._theme, name), 1)
        switch = Switch(self._theme, name, why)
        line.addWidget(switch)
        return switch, line

    def _gaze(self, azimuth: float, elevation: float) -> dict[str, float]:
        schema = self._face.schema
        if schema is None:
            return {}
        values = {name: deg for name, deg in (("gaze.yaw", azimuth), ("gaze.pitch", elevation)) if name in schema}
        for name, (right, up) in EYES.items():
            if name in schema:
                values[name] = max(0.0, (right * azimuth + up * elevation) / FULL_LOOK_DEG)
        return values

    def _put(self, values: dict[str, float]) -> None:
        """Follows without leaving undo steps: the camera's own step brings head and eyes back, too."""
        schema = self._face.schema
        known = {name: value for name, value in values.items() if schema is not None and name in schema}
        if known:
            self._face.set_live(self._face.movable(known))

    def _on_schema_changed(self) -> None:
        self.rows.set_schema()
        for switch in (self.eyes_follow, self.eyes_cursor):
            switch.setEnabled(self.has_gaze)
            switch.setChecked(switch.isChecked() and self.has_gaze)
        self.head_follows.setEnabled(self.pad.has_pose)
        self.no_gaze.setVisible(not self.has_gaze)
        self.pad.update()

    def _on_frame_ready(self) -> None:
        now = time.perf_counter()
        schema = self._face.schema
        if not self.isVisible() or now - self._shown_at < SHOW_EVERY_S or schema is None:
            return
        view = self._session.frames.newest()
        if view is None or len(view.header.driven) != len(schema):
            return
        self._shown_at = now
        driven, result = np.asarray(view.header.driven), np.asarray(view.header.result)
        self.rows.show_frame(driven, result)
        self.pad.show_frame(driven, result)


def _heading(theme: Theme, text: str) -> Words:
    words = Words(theme, text, TYPE.base, SEMIBOLD)
    words.setContentsMargins(10, 6, 10, 6)
    return words
