"""The virtual camera's voice: sent to a loudspeaker or virtual cable of the user's choice, late as the picture is."""

from collections import deque
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.children import Child
from app.workers.frames import FrameHeader

TOLD_EVERY_MS = 250
N_AGES = 90
"""Pictures over whose ages the median is taken: two or three seconds."""

OLDEST_S = 1.0
"""A picture older than this does not stand for the voice: nobody speaks, or the performer hangs."""

STEP_MS = 1.0


@dataclass(frozen=True)
class CameraVoiceState:
    """What the window shows.

    Attributes:
        name: of the wanted device, None where the voice is not sent.
        is_live: whether it plays there now.
        delay_ms: how late the voice leaves; offset_ms: against the picture, + is sound early.
        sentence: what is wrong, empty if nothing.
    """

    name: str | None = None
    is_live: bool = False
    delay_ms: float = 0.0
    offset_ms: float = 0.0
    sentence: str = ""


class CameraVoice(QObject):
    """Sends the voice while the virtual camera is on, and keeps its delay at the age of the pictures.

    Args:
        sound: the sound process.

    Signals:
        changed: a CameraVoiceState. note: level, title, sentence.
    """

    changed = Signal(object)
    note = Signal(str, str, str)

    def __init__(self, sound: Child, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = CameraVoiceState()
        self._sound = sound
        self._is_camera_on = self._is_take = False
        self._camera_ms = 0.0
        self._ages_s: deque[float] = deque(maxlen=N_AGES)
        self._told_ms = -1.0
        self._timer = QTimer(self, interval=TOLD_EVERY_MS)
        self._timer.timeout.connect(self._tell_delay)
        sound.said.connect(self._on_sound)
        sound.began.connect(self._apply)

    def use_device(self, name: str | None) -> None:
        """The voice goes to the output of that name from now on, None sends it nowhere."""
        if name != self.state.name:
            self._set(CameraVoiceState(name))
            self._apply()

    def set_camera_on(self, is_on: bool) -> None:
        """Nothing is sent while no camera shows the picture."""
        if is_on != self._is_camera_on:
            self._is_camera_on = is_on
            self._apply()

    def set_take(self, is_take: bool) -> None:
        """A take is played (or no longer): its voice is sent."""
        if is_take != self._is_take:
            self._is_take = is_take
            self._ages_s.clear()
            self._apply()

    @property
    def is_sending(self) -> bool:
        """Whether the voice is wanted somewhere and the camera is on."""
        return self._timer.isActive()

    def show_frame(self, header: FrameHeader) -> None:
        """Takes the age of a picture."""
        age_s = header.shown_time - header.motion_sample_time
        if self.is_sending and 0 < age_s < OLDEST_S:
            self._ages_s.append(age_s)

    def show_camera_ms(self, milliseconds: float) -> None:
        """What lies between a picture's being drawn and the camera's having it."""
        self._camera_ms = milliseconds

    @property
    def picture_age_ms(self) -> float | None:
        """How old the pictures are that leave by the camera, None before there are any."""
        return 1e3 * median(self._ages_s) + self._camera_ms if self._ages_s else None

    def _apply(self) -> None:
        """Brings the sound process in line with what is wanted."""
        self._told_ms = -1.0
        if self.state.name is None or not self._is_camera_on:
            self._timer.stop()
            self._ages_s.clear()
            self._sound.ask("stop_cable")
            self._set(replace(self.state, is_live=False, sentence=""))
            return
        self._timer.start()
        self._tell_delay()
        self._sound.ask("use_cable", name=self.state.name, is_played=self._is_take)

    def _tell_delay(self) -> None:
        age_ms = self.picture_age_ms
        if age_ms is not None and abs(age_ms - self._told_ms) > STEP_MS:
            self._told_ms = age_ms
            self._sound.ask("delay_cable", delay_ms=age_ms)

    def _on_sound(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "heartbeat":
            figures = event.get("cable", {})
            is_live = figures.get("state") == "live" and figures.get("name") == self.state.name
            offset_ms = float(figures.get("offset_ms", 0.0))
            late_ms = float(figures.get("delay_ms", 0.0)) - offset_ms
            self._set(replace(self.state, is_live=is_live, delay_ms=round(late_ms), offset_ms=round(offset_ms)))
        elif event.get("kind") == "cable" and self.is_sending:
            if kind in ("opened", "back"):
                self._set(replace(self.state, sentence=""))
                if kind == "back":
                    self.note.emit("good", "The camera's voice", f"{event['name']} is back.")
            elif kind in ("lost", "error"):
                self._set(replace(self.state, is_live=False, sentence=event["sentence"]))
                self.note.emit("warn", "The camera's voice", event["sentence"])

    def _set(self, state: CameraVoiceState) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit(state)
