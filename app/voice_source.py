"""Where the voice comes from: one writer of the voice ring at a time, microphone or file, and word of how it fares."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.audio.devices import AudioDevice, choose
from app.children import Child
from app.clap_test import click
from engine.audio.ring import SampleRing
from engine.audio.ring import SourceState as RingState

HANDOVER_POLL_MS = 10
CLICK_AFTER_MS, CLICK_ENDS_MS = 300, 1_500  # a loudspeaker needs a moment to begin, and then to finish
HANDOVER_S = 1.0
"""How long the present writer of the ring may take to let go; one that is dead never does."""


@dataclass(frozen=True)
class SourceState:
    """What drives the voice: `kind` is microphone, file or none; `sentence` says what is wrong, or why it is this."""

    kind: str = "none"
    name: str = ""
    sentence: str = ""
    is_muted: bool = False


class VoiceSource(QObject):
    """Chooses who writes the voice ring and makes sure that it is only one.

    Args:
        sound: the sound process; performer: the performer process, which plays files into the ring.
        fallback: a voice to be spoken while the wanted microphone cannot be found, None for silence.

    Signals:
        changed: a SourceState. devices_changed: list of AudioDevice. note: level, title, sentence.
    """

    changed = Signal(object)
    devices_changed = Signal(object)
    note = Signal(str, str, str)

    def __init__(
        self, sound: Child, performer: Child, voice_ring: SampleRing, output_ring: SampleRing,
        fallback: Path | None = None, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.state = SourceState()
        self.devices: list[AudioDevice] = []
        self._sound, self._performer = sound, performer
        self._voice_ring, self._output_ring = voice_ring, output_ring
        self._fallback = fallback
        self._wanted: tuple[str, Any] = ("none", None)  # what the user chose: microphone name or file path
        self._playing: tuple[str, Any] = ("none", None)  # what is asked of the children now
        self._waited_ms = 0
        self._wants_click = False
        self._handover = QTimer(self, interval=HANDOVER_POLL_MS)
        self._handover.timeout.connect(self._go_on_when_free)
        sound.said.connect(self._on_sound)
        sound.began.connect(self._tell_sound)
        performer.said.connect(self._on_performer)

    def use_microphone(self, name: str | None) -> None:
        self._wanted = ("microphone", name)
        self._switch("microphone", name)

    def use_file(self, path: Path) -> None:
        self._wanted = ("file", Path(path).resolve())
        self._switch(*self._wanted)

    def use_take(self) -> None:
        """The performer plays a take: nobody writes the voice, and what was chosen before comes back with `resume`."""
        self._switch("take", None)

    def resume(self) -> None:
        """Back to what was chosen before a take was played."""
        if self._playing[0] == "take":
            self._switch(*self._wanted)

    def use_nothing(self) -> None:
        self._wanted = ("none", None)
        self._switch("none", None)

    def set_muted(self, is_muted: bool) -> None:
        """At once: the writer sees it with its next block, and so does whoever plays it."""
        self._voice_ring.is_muted = self._output_ring.is_muted = is_muted
        self._set(is_muted=is_muted)

    def play_click(self) -> None:
        """Opens the loudspeaker for a moment and plays a click; while a file is spoken the loudspeaker is its own."""
        if self._playing[0] != "file":
            self._wants_click = True
            self._sound.ask("use_output", name=None)

    def performer_requests(self) -> list[tuple[str, dict[str, Any]]]:
        """What a performer that starts again must be told."""
        kind, what = self._playing
        return [("source", {"kind": "file", "path": str(what)})] if kind == "file" else []

    def _switch(self, kind: str, what: Any, sentence: str = "") -> None:
        """First everyone lets go of the ring, then the new writer begins."""
        self._playing = (kind, what)
        name = what.name if kind == "file" else (what or "")
        self._set(kind=kind if kind == "file" else "none", name=name, sentence=sentence)
        self._sound.ask("stop_input")
        self._performer.ask("source", kind="none")
        self._waited_ms = 0
        self._handover.start()

    def _go_on_when_free(self) -> None:
        self._waited_ms += HANDOVER_POLL_MS
        if self._voice_ring.state != RingState.NONE and self._waited_ms < 1000 * HANDOVER_S:
            return
        self._handover.stop()
        self._voice_ring.state = RingState.NONE
        kind, what = self._playing
        if kind == "take":
            self._sound.ask("use_output", name=None)
        elif kind == "file":
            self._sound.ask("use_output", name=None)
            self._performer.ask("source", kind="file", path=str(what))
        else:
            self._sound.ask("stop_output")
        if kind == "microphone":
            self._sound.ask("use_input", name=what)

    def _tell_sound(self) -> None:
        if self._handover.isActive():
            return
        kind, what = self._playing
        if kind == "microphone":
            self._sound.ask("use_input", name=what)
        elif kind in ("file", "take"):
            self._sound.ask("use_output", name=None)

    def _on_sound(self, event: dict[str, Any]) -> None:
        action = getattr(self, f"_on_sound_{event.get('event')}", None)
        if action is not None:
            action(event)

    def _on_sound_devices(self, event: dict[str, Any]) -> None:
        self.devices = [AudioDevice.from_json(row) for row in event["devices"]]
        self.devices_changed.emit(self.devices)
        if self._is_on_fallback and choose(self.devices, "input", self._wanted[1]) is not None:
            self._switch(*self._wanted)

    def _click(self) -> None:
        if self._playing[0] != "file":
            self._output_ring.write(click(self._output_ring.rate_hz))
            QTimer.singleShot(CLICK_ENDS_MS, self._end_click)

    def _end_click(self) -> None:
        if self._playing[0] != "file":
            self._sound.ask("stop_output")

    def _on_sound_opened(self, event: dict[str, Any]) -> None:
        if event["kind"] == "output" and self._wants_click:
            self._wants_click = False
            QTimer.singleShot(CLICK_AFTER_MS, self._click)
        if event["kind"] == "input" and self._playing[0] == "microphone":
            self._set(kind="microphone", name=event["name"], sentence="")

    def _on_sound_back(self, event: dict[str, Any]) -> None:
        if event["kind"] == "input" and self._playing[0] == "microphone":
            self._set(kind="microphone", name=event["name"], sentence="")
            self.note.emit("good", "Microphone", f"{event['name']} is back.")

    def _on_sound_lost(self, event: dict[str, Any]) -> None:
        if event["kind"] == "input" and self._playing[0] == "microphone":
            self._set(kind="none", name=event.get("name") or "", sentence=event["sentence"])
            self.note.emit("warn", "Microphone", event["sentence"])

    def _on_sound_silent(self, event: dict[str, Any]) -> None:
        if self._playing[0] == "microphone":
            self._set(sentence=event["sentence"] if event["is_silent"] else "")

    def _on_sound_error(self, event: dict[str, Any]) -> None:
        kind, sentence = event.get("kind"), event["sentence"]
        if kind in ("output", "cable") or self._playing[0] != "microphone":
            return  # without a loudspeaker a file drives the face all the same
        if self._fallback is not None:
            self._switch("file", self._fallback, f"{sentence} A sample voice speaks until there is a microphone.")
        else:
            self._set(kind="none", name="", sentence=sentence)

    def _on_performer(self, event: dict[str, Any]) -> None:
        if event.get("event") == "file_failed" and self._playing == ("file", Path(event["path"])):
            self._playing = ("none", None)
            self._set(kind="none", name="", sentence=event["sentence"])
            self.note.emit("err", "Sound file", event["sentence"])

    @property
    def _is_on_fallback(self) -> bool:
        return self._playing != self._wanted and self._playing[0] == "file"

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit(state)
