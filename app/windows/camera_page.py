"""The preferences of the virtual camera: whether it is on, and who gets the voice that belongs to its picture."""

import sys

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox

from app.camera_voice import CameraVoiceState
from app.theme.buttons import Words
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from app.windows.form import Form
from app.windows.preference_pages import DeviceBox, PreferencePage

WHY = (
    "Choose a virtual cable here and its other end as the microphone there: the voice then leaves as late as the "
    "picture, not before it."
)
NO_CABLE = {
    "linux": "one is made with: pactl load-module module-null-sink sink_name=mouthpiece",
    "win32": "VB-CABLE is one",
    "darwin": "BlackHole is one",
}
"""Where a machine without a virtual cable gets one, by platform."""


class CameraPage(PreferencePage):
    """The switch, the device for the voice, and how far voice and picture lie apart."""

    switched = Signal(bool)
    voice_chosen = Signal(object)

    def __init__(self, theme: Theme, devices: list, chosen: str | None) -> None:
        super().__init__(theme, "Virtual camera")
        form = Form(theme, 110)
        self.switch = QCheckBox("Show the picture as a webcam of this machine")
        self.switch.setFont(theme.font())
        self.switch.clicked.connect(self.switched)
        form.add_row("Camera", self.switch)
        self._camera_words = self._hint(form)
        self._has_devices = any(device.kind == "output" for device in devices)
        self.voice = DeviceBox("output", "Not sent", devices, chosen)
        self.voice.device_chosen.connect(self.voice_chosen)
        form.add_row("Voice goes to", self.voice)
        self._voice_words = self._hint(form)
        self.column.addLayout(form)
        self.column.addStretch()

    def show_camera(self, is_on: bool, sentence: str) -> None:
        """`sentence` is the camera's name, or what is missing."""
        self.switch.setChecked(is_on)
        words = f"Choose {sentence} in the other program." if is_on else _sentence(sentence)
        self._camera_words.setText(words or "Meetings and streams then see the avatar instead of you.")
        self._camera_words.set_tone("warn" if sentence and not is_on else "t3")

    def show_voice(self, state: CameraVoiceState) -> None:
        """How it goes with the voice."""
        self._voice_words.set_tone("warn" if state.sentence else "t2" if state.is_live else "t3")
        if state.sentence:
            self._voice_words.setText(_sentence(state.sentence))
        elif state.is_live:
            self._voice_words.setText(f"{late_words(state)}.")
        elif state.name is not None and not self.switch.isChecked():
            self._voice_words.setText("It is sent while the camera is on.")
        elif not self._has_devices:
            remedy = NO_CABLE.get(sys.platform, NO_CABLE["linux"])
            self._voice_words.setText(f"No loudspeaker and no virtual cable was found; {remedy}.")
        else:
            self._voice_words.setText(WHY)

    def _hint(self, form: Form) -> Words:
        words = Words(self.theme, "", TYPE.secondary, tone="t3", wrap=True)
        form.add_row("", words)
        return words


def late_words(state: CameraVoiceState) -> str:
    """`Voice leaves 143 ms late, 2 ms after its picture`."""
    apart = round(abs(state.offset_ms))
    where = "before" if state.offset_ms > 0 else "after"
    return f"Voice leaves {state.delay_ms:.0f} ms late, " + (f"{apart} ms {where} its picture" if apart else
                                                              "with its picture")  # fmt: skip


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
