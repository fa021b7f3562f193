"""The session: the window's one partner for everything that happens outside it, children and their shared files."""

import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.camera_voice import CameraVoice
from app.children import Child
from app.jobs.queue import Jobs
from app.recordings import Recordings
from app.run_folder import make_run_folder, remove_run_folder
from app.user_controls import UserControls
from app.voice_source import SourceState, VoiceSource
from app.workers.frames import FRAMES, FrameReader
from app.workers.rival import RIVAL_FRAMES
from engine.audio.ring import OUTPUT_RING, VOICE_RING, SampleRing
from engine.camera import Orbit
from engine.controls import GROUPS
from engine.errors import MouthpieceError
from engine.manifest import Manifest, read_manifest
from engine.paths import cache_dir

RING_RATE_HZ = 48_000
PERFORMER_SILENCE_S = 240.0
"""The first start compiles for a minute, on a busy machine for several; a performer silent for longer hangs."""

VIEW_MODES = ("color", "alpha", "depth", "normals", "opacity", "points", "ellipsoids", "embedding", "attention",
              "attention_audio", "attention_eye", "attention_view", "attention_null", "regions", "motion",
              "reach", "coverage")  # fmt: skip


class Session(QObject):
    """Owns performer, sound, recorder and jobs, and everything a performer that starts again must be told.

    Lives on the GUI thread and never waits; only `close` does, for moments. It imports no torch.

    Args:
        fallback_voice: a sound file spoken while there is no microphone.
        performer_arguments: further arguments of the performer process.

    Signals:
        frame_ready: a newer frame lies in `frames`.
        avatar_opened: its Manifest; avatar_failed: a sentence.
        process_changed: name (performer, sound, recorder), state (starting, running, lost, stopped), a sentence.
        source_changed: SourceState. devices_changed: list of AudioDevice. controls_changed: see `controls`.
        recording_changed: bool. take_saved: Path.
        performer_said: an event that concerns one part of the window only, see `ask`.
        note: level (info, good, warn, err), title, sentence.
    """

    frame_ready = Signal()
    avatar_opened = Signal(object)
    avatar_failed = Signal(str)
    process_changed = Signal(str, str, str)
    source_changed = Signal(object)
    devices_changed = Signal(object)
    controls_changed = Signal()
    recording_changed = Signal(bool)
    take_saved = Signal(object)
    performer_said = Signal(dict)
    note = Signal(str, str, str)

    def __init__(
        self, parent: QObject | None = None, *, fallback_voice: Path | None = None, takes_folder: Path | None = None,
        performer_arguments: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.folder = make_run_folder()
        self.frames = FrameReader(self.folder / FRAMES)
        self.rival_frames = FrameReader(self.folder / RIVAL_FRAMES)
        self.manifest: Manifest | None = None
        self.avatar_path: Path | None = None
        self.controls = UserControls()
        self.orbit: Orbit | None = None
        self.drift_ppm = 0.0
        self._joined_at = -math.inf
        self._told: dict[str, dict[str, Any]] = {  # request to all its fields: what a performer must know
            "view": {"size": [512, 512], "mode": "color", "background": None, "orbit": None},
            "look": {"is_idle": True, "look_ahead_ms": 40.0, "settings": {}, **self.controls.request()},
            "edits": {"edits": None},
            "voice": {"gain_db": 0.0, "gate_db": None},
            "rate": {"rate_hz": 60.0},
            "backend": {"name": os.environ.get("MOUTHPIECE_BACKEND") or "auto"},
            "marks": {},
            "external": {"values": {}, "strength": 1.0},
            "compare": {"path": None, "number": 0},
            "head_motion": self.controls.head.request(),
            "film": {"path": None},
        }
        self._opening: tuple[int, Path, Manifest] | None = None
        self._avatar_number = 0
        self._rings = tuple(SampleRing.create(self.folder / name, RING_RATE_HZ) for name in (VOICE_RING, OUTPUT_RING))
        self._make_children(performer_arguments)
        self._source = VoiceSource(self._sound, self._performer, *self._rings, fallback_voice, parent=self)
        self.camera_voice = CameraVoice(self._sound, parent=self)
        self._recordings = Recordings(self._recorder, takes_folder, parent=self)
        self.jobs = Jobs(cache_dir() / "jobs", parent=self)
        self._connect()

    def start_performer(self) -> None:
        """Starts the performer ahead of the other children: it is what takes longest to be ready."""
        self._performer.start()

    def start(self) -> None:
        """Starts the children; the voice comes from nowhere until a microphone or a file is chosen."""
        for child in (self._performer, self._sound, self._recorder):
            child.start()

    def close(self) -> None:
        """Ends everything: a take being recorded is completed, jobs are stopped. Takes moments, at most seconds."""
        self._recordings.close()
        self.jobs.close()
        children = (self._performer, self._sound, self._recorder)
        for child in children:
            child.close()
        for child in children:
            child.wait_closed()
        self.jobs.wait_closed()
        for ring in self._rings:
            ring.close()
        remove_run_folder(self.folder)

    # The avatar and its controls

    def open_avatar(self, path: Path) -> None:
        """Puts an avatar on stage, the one before stays till then; `avatar_opened` or `avatar_failed` follows."""
        path = Path(path).resolve()
        try:
            manifest = read_manifest(path)
        except MouthpieceError as error:
            self.avatar_failed.emit(str(error))
            return
        number = max(self._avatar_number, self._opening[0] if self._opening else 0) + 1
        self._opening = (number, path, manifest)
        self._performer.ask("avatar", path=str(path), number=number)

    def set_control(self, name: str, value: float) -> None:
        self.set_controls({name: value})

    def set_controls(self, values: dict[str, float]) -> None:
        """Sets the user's values by name."""
        self.controls.values.update({name: float(value) for name, value in values.items()})
        self._controls_moved()

    def reset_controls(self, names: list[str] | None = None) -> None:
        """Puts some or all controls back to neutral, locked ones excepted."""
        for name in list(self.controls.values) if names is None else names:
            if name not in self.controls.locked:
                self.controls.values.pop(name, None)
        self._controls_moved()

    def set_muted_control(self, name: str, on: bool) -> None:
        self._mark(self.controls.muted, name, on)

    def set_soloed_control(self, name: str, on: bool) -> None:
        self._mark(self.controls.soloed, name, on)

    def set_locked_control(self, name: str, on: bool) -> None:
        self._mark(self.controls.locked, name, on)

    def set_group_strength(self, group: str, strength: float) -> None:
        self.controls.strengths[group] = _part(strength)
        self._controls_moved()

    def set_guard(self, strength: float) -> None:
        self.controls.guard = _part(strength)
        self._controls_moved()

    def set_lip_gain(self, gain: float) -> None:
        self.controls.lip_gain = max(0.0, float(gain))
        self._controls_moved()

    def set_smoothing_ms(self, smoothing_ms: float) -> None:
        self.controls.smoothing_ms = max(0.0, float(smoothing_ms))
        self._controls_moved()

    def set_join(self, name: str, mode: str | None, value: float | None) -> None:
        """How the user's value of a control joins the drive (None: the avatar's way), and that value (None: none)."""
        for kept, given in ((self.controls.joins, mode), (self.controls.values, value)):
            kept.pop(name, None)
            if given is not None:
                kept[name] = given
        self._joined_at = time.monotonic()
        self._controls_moved()

    def set_shape(self, place: str, gain: float, delay_ms: float, curve: float) -> None:
        """Gain, delay and curve of a source, or of its way to a group or control."""
        self.controls.shapes.pop(place, None)
        if (gain, delay_ms, curve) != (1.0, 0.0, 0.0):
            self.controls.shapes[place] = (float(gain), float(delay_ms), float(curve))
        self._controls_moved()

    def set_head_motion(self, **changes: Any) -> None:
        """Changes fields of `controls.head`; `performer_said` brings `head_motion` when a file was opened or not."""
        self.controls.head = replace(self.controls.head, **changes)
        self._tell("head_motion", **self.controls.head.request())
        self.controls_changed.emit()

    def set_idle(self, is_idle: bool) -> None:
        self._tell("look", is_idle=bool(is_idle))

    def set_look_ahead_ms(self, look_ahead_ms: float) -> None:
        self._tell("look", look_ahead_ms=min(240.0, max(0.0, float(look_ahead_ms))))

    @property
    def look_ahead_ms(self) -> float:
        return self._told["look"]["look_ahead_ms"]

    @property
    def is_idle(self) -> bool:
        return self._told["look"]["is_idle"]

    def set_setting(self, name: str, value: bool | int | str) -> None:
        """Changes a typed setting of the avatar (seed, speaker, switches)."""
        self._tell("look", settings={**self._told["look"]["settings"], name: value})

    def set_external(self, values: dict[str, float]) -> None:
        """Values by control name that stand in place of the voice; empty gives the face back to it."""
        self._told["external"]["values"] = {}  # a performer that starts again waits for the next ones
        self._performer.ask("external", values=values)

    def set_external_strength(self, strength: float) -> None:
        """How far outside data replaces the voice, 0 to 1."""
        self._tell("external", strength=_part(strength))

    def set_edits(self, edits: dict[str, Any] | None) -> None:
        """What is hidden or deleted of the avatar on stage: `engine.edits.Edits.to_json()`."""
        self._tell("edits", edits=edits)

    # The view

    def set_camera(self, orbit: Orbit) -> None:
        self.orbit = orbit
        self._tell("view", orbit=orbit.to_json())

    def set_view_size(self, width: int, height: int) -> None:
        """Size of the picture in device pixels; frames may be smaller while the machine cannot hold the rate."""
        self._tell("view", size=[int(width), int(height)])

    def set_view_mode(self, mode: str) -> None:
        if mode not in VIEW_MODES:
            raise ValueError(f"{mode!r}: a view is one of {', '.join(VIEW_MODES)}.")
        self._tell("view", mode=mode)

    def set_background(self, background: tuple | Path | None) -> None:
        """None for the avatar's own, a colour (three ints to 255 or floats to 1), or a picture."""
        if isinstance(background, str | Path):
            self._tell("view", background=str(Path(background).resolve()))
        elif background is None:
            self._tell("view", background=None)
        else:
            whole = all(isinstance(value, int) for value in background)
            self._tell("view", background=[value / 255 if whole else float(value) for value in background])

    def set_marks(self, **marks: Any) -> None:
        """What Inspect marks in the picture; see `app.workers.inspecting.Inspecting.marks`."""
        self._tell("marks", **marks)

    def compare_with(self, path: Path | None, backend: str | None = None, has_same_camera: bool = True) -> None:
        """Brings a second avatar (or this one by another backend) that performs the same moments; None sends it away.

        Its frames lie in `rival_frames`; `performer_said` brings `rival_entered` or `rival_failed`.
        """
        number = self._told["compare"]["number"] + 1
        is_same = path is not None and Path(path) == self.avatar_path
        self._tell("compare", path=None if path is None else str(path), number=number, backend=backend,
                   is_same_avatar=is_same, has_same_camera=has_same_camera)  # fmt: skip

    def show_film(self, dataset: Path | None) -> None:
        """A dataset's sound drives and its cameras look at the avatar, frame by frame; None ends it.

        `performer_said` brings `film` (with a sentence if it cannot be read) and `film_clock`, which says where it
        stands and whether it is what is heard.
        """
        self._tell("film", path=None if dataset is None else str(dataset))
        if dataset is not None:
            self.use_file(dataset / "audio.wav")

    def ask(self, do: str, **fields: Any) -> None:
        """Asks the performer something once; `performer_said` brings the answer."""
        self._performer.ask(do, **fields)

    def play_take(self, track: Path | None, take: Path | None = None, edit: dict[str, Any] | None = None) -> None:
        """A take moves the face in the voice's place: `track` as `app.edit.track` writes it; None gives it back."""
        if track is None:
            self._told.pop("take", None)
            self.camera_voice.set_take(False)
            self._performer.ask("take", track=None)
            self._source.resume()
            if self.orbit is not None:
                self._tell("view", orbit=self.orbit.to_json())
            return
        if "take" not in self._told:
            self._told["take"] = {}
            self._source.use_take()
            self.camera_voice.set_take(True)
        self._tell("take", track=str(track), take=str(take), edit=edit or {})

    def move_playhead(self, **fields: Any) -> None:
        """Where the played take stands and how it goes on: fields of `app.workers.take_player.Playhead`."""
        self._performer.ask("playhead", **fields)

    def set_virtual_camera(self, is_on: bool) -> None:
        """What the stage shows also appears as a webcam of this machine; `performer_said` tells how it went."""
        self._told["camera_out"] = {}
        self._tell("camera_out", is_on=bool(is_on))

    def set_frame_rate(self, rate_hz: float) -> None:
        """Frames a second the performer aims at (60 unless set)."""
        self._tell("rate", rate_hz=float(rate_hz))

    def set_backend(self, name: str) -> None:
        """Which rasterizer draws: auto, cpu, opengl or cuda; one that cannot run here is told and changes nothing."""
        self._tell("backend", name=name)

    # The voice

    def use_microphone(self, name: str | None = None) -> None:
        """Listens to the microphone of that name, with None to the system's default."""
        self._source.use_microphone(name)

    def use_file(self, path: Path) -> None:
        """Has a sound file spoken, over and over."""
        self._source.use_file(path)

    def use_nothing(self) -> None:
        self._source.use_nothing()

    def set_microphone_muted(self, is_muted: bool) -> None:
        self._source.set_muted(is_muted)

    def play_click(self) -> None:
        """A click from the loudspeaker, for the clap test."""
        self._source.play_click()

    def set_gain_db(self, gain_db: float) -> None:
        self._tell("voice", gain_db=float(gain_db))

    def set_gate_db(self, gate_db: float | None) -> None:
        """Quieter than this is silence; None leaves the gate open."""
        self._tell("voice", gate_db=None if gate_db is None else float(gate_db))

    @property
    def gain_db(self) -> float:
        return self._told["voice"]["gain_db"]

    @property
    def gate_db(self) -> float | None:
        return self._told["voice"]["gate_db"]

    @property
    def source(self) -> SourceState:
        return self._source.state

    @property
    def devices(self) -> list:
        """The newest list of AudioDevice."""
        return self._source.devices

    # Recording

    def start_recording(self) -> None:
        self._recordings.start(self._take_info(), self._avatar_number)

    def stop_recording(self) -> None:
        self._recordings.stop()

    def save_last(self, seconds: float = 30.0) -> None:
        """Makes a take of the last seconds, but of nothing before the user last changed how values join the drive."""
        seconds = min(seconds, max(1.0, time.monotonic() - self._joined_at))
        self._recordings.save_last(seconds, self._take_info(), self._avatar_number)

    @property
    def is_recording(self) -> bool:
        return self._recordings.is_recording

    @property
    def recording_seconds(self) -> float:
        return self._recordings.seconds

    @property
    def takes_folder(self) -> Path:
        return self._recordings.takes_folder

    def process_ids(self) -> dict[str, int]:
        """Process id of each child, 0 where it does not run."""
        return {child.name: child.pid for child in (self._performer, self._sound, self._recorder)}

    # Inside

    def _make_children(self, performer_arguments: tuple[str, ...]) -> None:
        logs, folder = cache_dir() / "logs", str(self.folder)
        arguments = ["_performer", folder, *performer_arguments]
        self._performer = Child("performer", arguments, logs / "performer.log", PERFORMER_SILENCE_S, parent=self)
        self._sound = Child("sound", ["_sound", folder], logs / "sound.log", parent=self)
        self._recorder = Child("recorder", ["_recorder", folder], logs / "recorder.log", parent=self)

    def _connect(self) -> None:
        for child in (self._performer, self._sound, self._recorder):
            child.changed.connect(lambda state, words, name=child.name: self._on_process_changed(name, state, words))
        self._performer.said.connect(self._on_performer)
        self._performer.began.connect(self._tell_performer)
        self._source.changed.connect(self.source_changed)
        self._source.devices_changed.connect(self.devices_changed)
        self._source.note.connect(self.note)
        self.camera_voice.note.connect(self.note)
        self._recordings.changed.connect(self.recording_changed)
        self._recordings.take_saved.connect(self.take_saved)
        self._recordings.note.connect(self.note)

    def _tell_performer(self) -> None:
        """Everything a performer must know, said in one go when it starts (again)."""
        ask = self._performer.ask
        for do, fields in [*self._told.items(), *self._source.performer_requests()]:
            ask(do, **fields)
        if self._opening is not None:
            ask("avatar", path=str(self._opening[1]), number=self._opening[0])
        elif self.avatar_path is not None:
            ask("avatar", path=str(self.avatar_path), number=self._avatar_number)

    def _on_performer(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "frame":
            if self.camera_voice.is_sending and (view := self.frames.newest()) is not None:
                self.camera_voice.show_frame(view.header)
            self.frame_ready.emit()
        elif kind == "avatar_entered":
            self._on_avatar_entered(int(event["number"]))
        elif kind == "avatar_failed":
            if self._opening is not None and self._opening[0] == event["number"]:
                self._opening = None
            self.avatar_failed.emit(event["sentence"])
        elif kind == "note":
            self.note.emit(event["level"], event["title"], event["sentence"])
        elif kind == "alive":
            self.drift_ppm = float(event.get("drift_ppm", 0.0))
            self.camera_voice.show_camera_ms(float(event.get("camera_ms", 0.0)))
        else:
            if kind == "camera_out":
                self._told["camera_out"] = {"is_on": event["is_on"]}
                self.camera_voice.set_camera_on(event["is_on"])
            self.performer_said.emit(event)

    def _on_avatar_entered(self, number: int) -> None:
        if self._opening is None or self._opening[0] != number:
            return  # an earlier one, or the same one after a restart: nothing changed for the window
        _, path, manifest = self._opening
        self._opening = None
        self._recordings.stop()  # a take is of one avatar
        is_another = path != self.avatar_path
        self.manifest, self.avatar_path, self._avatar_number = manifest, path, number
        if is_another:
            self._forget_values()
        self.avatar_opened.emit(manifest)
        self.controls_changed.emit()

    def _forget_values(self) -> None:
        """Another avatar's coefficients mean something else: values and marks stay behind, strengths come along."""
        controls = self.controls
        for names in (controls.values, controls.muted, controls.soloed, controls.locked, controls.joins):
            names.clear()
        whole = {place: shape for place, shape in controls.shapes.items() if place.partition("/")[2] in ("", *GROUPS)}
        controls.shapes = whole
        self._tell("edits", edits=None)
        self._told["marks"] = {}
        self._tell("look", **self.controls.request())

    def _on_process_changed(self, name: str, state: str, sentence: str) -> None:
        self.process_changed.emit(name, state, sentence)
        if state == "lost":
            self.note.emit("warn", f"The {name} process", sentence)
        elif state == "stopped" and sentence:
            self.note.emit("err", f"The {name} process", sentence)

    def _controls_moved(self) -> None:
        self._tell("look", **self.controls.request())
        self.controls_changed.emit()

    def _mark(self, names: set[str], name: str, on: bool) -> None:
        (names.add if on else names.discard)(name)
        self._controls_moved()

    def _tell(self, do: str, **fields: Any) -> None:
        """Tells the performer, and whichever comes after it."""
        self._told[do].update(fields)
        self._performer.ask(do, **fields)

    def _take_info(self) -> dict[str, Any]:
        manifest, controls = self.manifest, self.controls
        return {
            "avatar": {"name": manifest.name, "path": str(self.avatar_path)} if manifest else {},
            "schema_rows": manifest.schema_rows if manifest else [],
            "look_ahead_ms": self.look_ahead_ms,
            "settings": {
                **self._told["look"]["settings"], "strengths": controls.strengths, "guard": controls.guard,
                "lip_gain": controls.lip_gain, "smoothing_ms": controls.smoothing_ms, "idle": self.is_idle,
                "joins": dict(controls.joins), "shapes": dict(controls.shapes), "head_motion": controls.head.request(),
            },
        }  # fmt: skip


def _part(value: float) -> float:
    return min(1.0, max(0.0, float(value)))
