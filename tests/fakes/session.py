"""A session without children: the same signals and methods as `app.session.Session`, and numbers that move."""

import base64
import io
import math
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.camera_voice import CameraVoice
from app.jobs.queue import Jobs
from app.user_controls import HeadMoves
from app.workers.frames import STAGES, FrameHeader, FrameView
from engine.camera import Orbit
from engine.controls import Combine, ControlSchema, ControlSpec
from engine.manifest import Manifest
from engine.vocabulary import ACTION_UNIT, AU_PRESETS

LIPS = ("Jaw opens", "Corners wide", "Pucker", "Upper lip lifts", "Lower lip drops", "Funnel", "Lips press",
        "Corner left up", "Corner right up", "Lip roll", *(f"Lip {i}" for i in range(10, 20)))  # fmt: skip
EXPRESSIONS = ("Brow raise", "Brow knit", "Cheek raise", "Squint", "Nose wrinkle",
               *(f"Expression {i}" for i in range(5, 20)))  # fmt: skip
POSES = (
    ("pose.yaw", "Turns left", "deg", 40),
    ("pose.pitch", "Looks up", "deg", 30),
    ("pose.roll", "Tilts", "deg", 25),
)
STAGES_MS = (10, 40, 2, 4, 5, 11, 9)


def fake_schema() -> ControlSchema:
    """52 controls in four groups, as an avatar would have them."""
    specs = [
        ControlSpec(f"{group}.{i:02}", group, label, f"{label}, as training saw it", -1, 1, low=-0.7, high=0.7)
        for group, labels in (("lip", LIPS), ("expression", EXPRESSIONS))
        for i, label in enumerate(labels)
    ]
    for name in AU_PRESETS["shipped"][:9]:
        unit = ACTION_UNIT[name]
        specs.append(ControlSpec(name, "au", unit.label, unit.description, 0, 1, combine=Combine.ADD))
    for name, label, unit, limit in POSES:
        specs.append(ControlSpec(name, "pose", label, "", -limit, limit, unit=unit, low=-limit / 2, high=limit / 2))
    return ControlSchema(tuple(specs))


def fake_manifest(name: str = "Noa", method: str = "embedtalk", n_gaussians: int = 30_118) -> Manifest:
    picture = io.BytesIO()
    Image.fromarray(draw_face(192, 144, 0.1)).convert("RGB").save(picture, "PNG")
    return Manifest(
        name=name, method=method, n_gaussians=n_gaussians, schema_rows=fake_schema().to_json(),
        encoders=[{"name": "mel"}], camera=Orbit().to_json(), thumbnail=base64.b64encode(picture.getvalue()).decode(),
    )  # fmt: skip


@lru_cache(maxsize=32)
def draw_face(width: int, height: int, opening: float) -> np.ndarray:
    """A drawn head with a mouth that opens, uint8 `[height, width, 4]`, grey ground behind it."""
    image = Image.new("RGBA", (width, height), (36, 38, 42, 255))
    draw = ImageDraw.Draw(image)
    cx, cy, r = width / 2, height * 0.46, min(width, height) * 0.3
    draw.ellipse((cx - 2.3 * r, cy + 1.25 * r, cx + 2.3 * r, cy + 4 * r), fill=(66, 82, 104, 255))
    draw.rectangle((cx - 0.45 * r, cy + 0.6 * r, cx + 0.45 * r, cy + 1.5 * r), fill=(176, 126, 102, 255))
    draw.ellipse((cx - 0.95 * r, cy - 1.32 * r, cx + 0.95 * r, cy + 1.28 * r), fill=(206, 152, 124, 255))
    draw.chord((cx - 1.0 * r, cy - 1.45 * r, cx + 1.0 * r, cy + 0.5 * r), 190, 350, fill=(58, 44, 38, 255))
    for side in (-1, 1):
        ex = cx + side * 0.4 * r
        draw.ellipse((ex - 0.17 * r, cy - 0.2 * r, ex + 0.17 * r, cy), fill=(236, 236, 236, 255))
        draw.ellipse((ex - 0.08 * r, cy - 0.18 * r, ex + 0.08 * r, cy - 0.02 * r), fill=(60, 96, 120, 255))
    mouth = 0.06 * r + max(0.0, opening) * 0.35 * r
    draw.ellipse(
        (cx - 0.36 * r, cy + 0.72 * r - mouth / 2, cx + 0.36 * r, cy + 0.72 * r + mouth), fill=(92, 32, 34, 255)
    )
    return np.asarray(image.filter(ImageFilter.GaussianBlur(max(0.6, r / 160))))


@dataclass(frozen=True)
class SourceState:
    kind: str = "microphone"
    name: str = "Scarlett 2i2 USB"
    sentence: str = ""
    is_muted: bool = False


@dataclass(frozen=True)
class AudioDevice:
    name: str
    kind: str = "input"
    channels: int = 1
    rate_hz: int = 48_000
    is_default: bool = False


@dataclass
class UserControls:
    values: dict[str, float] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)
    soloed: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    strengths: dict[str, float] = field(default_factory=lambda: {"lip": 1.0, "expression": 0.6, "au": 1.0, "pose": 1.0})
    guard: float = 0.7
    lip_gain: float = 1.0
    smoothing_ms: float = 0.0
    joins: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    head: HeadMoves = field(default_factory=HeadMoves)


class FakeChild(QObject):
    """A child process that writes down what it is asked."""

    said = Signal(dict)
    began = Signal()

    def __init__(self, calls: list[tuple]) -> None:
        super().__init__()
        self._calls = calls

    def ask(self, do: str, **fields) -> None:
        self._calls.append(("ask_sound", do, fields))


class FakeJobs(Jobs):
    """The window's jobs without processes: all run at once, and a test says how each goes on."""

    def __init__(self, session: "FakeSession") -> None:
        super().__init__(session.folder / "jobs", at_once=99, parent=session)
        self._calls = session.calls

    def _start(self, wanted, then, to_stage, before) -> str:
        self._calls.append(("start_job", wanted.kind, wanted.order, wanted.title))
        return super()._start(wanted, then, to_stage, before)

    def _start_next(self) -> None:
        for job in list(self._jobs.values()):
            if job.state.state == "queued":
                job.change(state="running", stage="Rendering", total=100, began=time.time())

    def _leave(self, identity: str, state: str) -> None:
        self._calls.append((f"{state}_job", identity))
        self.change(identity, state=state)

    def change(self, identity: str, **changes) -> None:
        """The job goes on to this state."""
        self._jobs[identity].change(**changes)

    def close(self) -> None:
        self._is_closing = True


class FakeSession(QObject):
    """Talks by itself: `start()` begins frames at about 30 a second, `step()` makes one at once."""

    frame_ready = Signal()
    avatar_opened = Signal(object)
    avatar_failed = Signal(str)
    process_changed = Signal(str, str, str)
    source_changed = Signal(object)
    devices_changed = Signal(object)
    controls_changed = Signal()
    recording_changed = Signal(bool)
    take_saved = Signal(object)
    note = Signal(str, str, str)
    performer_said = Signal(dict)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self.calls: list[tuple] = []
        self.manifest: Manifest | None = None
        self.controls = UserControls()
        self.undo_stack = QUndoStack(self)
        self.source = SourceState()
        self.devices = [AudioDevice("Scarlett 2i2 USB", is_default=True), AudioDevice("Built-in microphone")]
        self.jobs = FakeJobs(self)
        self.camera_voice = CameraVoice(FakeChild(self.calls), self)
        self.frames = SimpleNamespace(newest=lambda: self._view)
        self.rival_frames = SimpleNamespace(newest=lambda: self.rival_view)
        self.rival_view: FrameView | None = None
        self.is_recording = False
        self.look_ahead_ms, self.gate_db, self.gain_db = 40.0, -50.0, 0.0
        self.orbit: Orbit | None = None
        self.avatar_path: Path | None = None
        self.clipped = False
        self.lost_samples = 0
        self._size = (1024, 768)
        self._view: FrameView | None = None
        self._sequence = 0
        self._recorded_from = 0.0
        self._timer = QTimer(self, interval=33)
        self._timer.timeout.connect(self.step)
        self._now = 0.0

    def start_performer(self) -> None:
        """There is none."""

    def start(self) -> None:
        self.calls.append(("start",))
        self.process_changed.emit("performer", "running", "")
        self.source_changed.emit(self.source)
        self.devices_changed.emit(self.devices)
        self._timer.start()

    def close(self) -> None:
        self.calls.append(("close",))
        self._timer.stop()

    def step(self) -> None:
        """One frame, 33 ms after the last one."""
        if self.manifest is None:
            return
        self._now += 0.033
        self._sequence += 1
        schema = self.manifest.schema
        loudness = self._loudness(self._now)
        phase = np.arange(len(schema)) * 0.7
        driven = (0.5 * loudness * np.sin(3.1 * self._now + phase)).astype(np.float32)
        driven[0] = 0.75 * loudness
        user = np.array([self.controls.values.get(s.name, s.neutral) for s in schema], np.float32)
        result = schema.clamp(driven + user)
        if self._view is None or self._sequence % 2 == 0:
            image = draw_face(self._size[0] // 2, self._size[1] // 2, round(float(result[0]) * 8) / 8)
        else:
            image = self._view.image
        now = time.perf_counter()
        wobble = 1 + 0.05 * math.sin(self._now)
        stages = dict(zip(STAGES, (ms * wobble for ms in STAGES_MS), strict=True)) | {"look_ahead": self.look_ahead_ms}
        p95 = {name: ms * 1.2 for name, ms in stages.items()} | {"look_ahead": self.look_ahead_ms}
        header = FrameHeader(
            sequence=self._sequence, picture_sequence=self._sequence, width=image.shape[1], height=image.shape[0],
            shown_time=now, newest_sample_time=now - 0.02, motion_sample_time=now - 0.08, driven=driven, result=result,
            range_inside=0.94, stages_ms=stages, stages_p50_ms=stages, stages_p95_ms=p95,
            total_p50_ms=sum(stages.values()), total_p95_ms=sum(stages.values()) * 1.18,
            level_db=-60 + 44 * loudness, peak_db=-60 + 49 * loudness, clipped=self.clipped, is_talking=loudness > 0.2,
            fps=30.2, look_ahead_ms=self.look_ahead_ms, lost_samples=self.lost_samples,
            n_gaussians=self.manifest.n_gaussians, backend="cpu",
        )  # fmt: skip
        self._view = FrameView(image, header)
        self.frame_ready.emit()

    @staticmethod
    def _loudness(seconds: float) -> float:
        phrase = max(0.0, math.sin(seconds * 1.9)) ** 0.6
        return phrase * (0.62 + 0.38 * math.sin(seconds * 11.3) * math.sin(seconds * 4.7))

    @property
    def recording_seconds(self) -> float:
        return self._now - self._recorded_from if self.is_recording else 0.0

    def open_avatar(self, path: Path) -> None:
        self.calls.append(("open_avatar", Path(path)))
        self.manifest = fake_manifest(Path(path).stem)
        self.avatar_path = Path(path)
        self.avatar_opened.emit(self.manifest)
        self.step()

    def play_take(self, track, take=None, edit=None) -> None:
        self.calls.append(("play_take", track))

    def move_playhead(self, **fields) -> None:
        self.calls.append(("move_playhead", fields))

    def set_control(self, name: str, value: float) -> None:
        self.set_controls({name: value})

    def set_controls(self, values: dict[str, float]) -> None:
        self.calls.append(("set_controls", dict(values)))
        before = dict(self.controls.values)
        self.undo_stack.push(_SetControls(self, before, before | values))

    def reset_controls(self, names=None) -> None:
        self.calls.append(("reset_controls", names))
        before = dict(self.controls.values)
        after = {} if names is None else {k: v for k, v in before.items() if k not in set(names)}
        self.undo_stack.push(_SetControls(self, before, after))

    def put_values(self, values: dict[str, float]) -> None:
        self.controls.values = dict(values)
        self.controls_changed.emit()

    def set_muted_control(self, name: str, on: bool) -> None:
        self._mark(self.controls.muted, name, on)

    def set_soloed_control(self, name: str, on: bool) -> None:
        self._mark(self.controls.soloed, name, on)

    def set_locked_control(self, name: str, on: bool) -> None:
        self._mark(self.controls.locked, name, on)

    def _mark(self, names: set[str], name: str, on: bool) -> None:
        (names.add if on else names.discard)(name)
        self.controls_changed.emit()

    def set_join(self, name: str, mode: str | None, value: float | None) -> None:
        for kept, given in ((self.controls.joins, mode), (self.controls.values, value)):
            kept.pop(name, None)
            if given is not None:
                kept[name] = given
        self.controls_changed.emit()

    def set_shape(self, place: str, gain: float, delay_ms: float, curve: float) -> None:
        self.calls.append(("set_shape", place, gain, delay_ms, curve))
        self.controls.shapes.pop(place, None)
        if (gain, delay_ms, curve) != (1.0, 0.0, 0.0):
            self.controls.shapes[place] = (gain, delay_ms, curve)
        self.controls_changed.emit()

    def set_head_motion(self, **changes) -> None:
        self.calls.append(("set_head_motion", changes))
        self.controls.head = replace(self.controls.head, **changes)
        self.controls_changed.emit()

    def set_group_strength(self, group: str, strength: float) -> None:
        self.controls.strengths[group] = strength
        self.controls_changed.emit()

    def set_guard(self, guard: float) -> None:
        self.controls.guard = guard
        self.controls_changed.emit()

    def set_view_size(self, width: int, height: int) -> None:
        self._size = (max(16, width), max(16, height))

    def set_microphone_muted(self, muted: bool) -> None:
        self.calls.append(("set_microphone_muted", muted))
        self._set_source(replace(self.source, is_muted=muted))

    def use_microphone(self, name: str | None) -> None:
        self.calls.append(("use_microphone", name))
        self._set_source(SourceState("microphone", name or self.devices[0].name))

    def use_file(self, path: Path) -> None:
        self.calls.append(("use_file", Path(path)))
        self._set_source(SourceState("file", Path(path).name))

    def lose_microphone(self) -> None:
        self._set_source(SourceState("none", "", "Plug one in. It is found by itself."))

    def _set_source(self, source: SourceState) -> None:
        self.source = source
        self.source_changed.emit(source)

    def set_setting(self, name: str, value) -> None:
        self.calls.append(("set_setting", name, value))

    def set_look_ahead_ms(self, ms: float) -> None:
        self.calls.append(("set_look_ahead_ms", ms))
        self.look_ahead_ms = ms

    def set_gain_db(self, db: float) -> None:
        self.calls.append(("set_gain_db", db))
        self.gain_db = db

    def set_gate_db(self, db: float) -> None:
        self.calls.append(("set_gate_db", db))
        self.gate_db = db

    def start_recording(self) -> None:
        self.calls.append(("start_recording",))
        self.is_recording, self._recorded_from = True, self._now
        self.recording_changed.emit(True)

    def stop_recording(self) -> None:
        self.calls.append(("stop_recording",))
        self.is_recording = False
        self.recording_changed.emit(False)

    def save_last(self, seconds: float = 30) -> None:
        self.calls.append(("save_last", seconds))

    def show_film(self, dataset: Path | None) -> None:
        self.calls.append(("show_film", dataset))

    def ask(self, do: str, **fields) -> None:
        self.calls.append(("ask", do, fields))

    def compare_with(self, path: Path | None, backend: str | None = None, has_same_camera: bool = True) -> None:
        self.calls.append(("compare_with", path, backend, has_same_camera))

    def set_external(self, values: dict[str, float]) -> None:
        self.calls.append(("set_external", values))

    def set_external_strength(self, strength: float) -> None:
        self.calls.append(("set_external_strength", strength))

    def set_marks(self, **marks) -> None:
        self.calls.append(("set_marks", marks))

    def __getattr__(self, name: str):
        # Everything else a window may ask for is written down and answered with nothing.
        if name.startswith("set_"):
            return lambda *args: self.calls.append((name, *args))
        raise AttributeError(name)


class _SetControls(QUndoCommand):
    def __init__(self, session: FakeSession, before: dict, after: dict) -> None:
        super().__init__("Move controls")
        self._session, self._before, self._after = session, before, after

    def redo(self) -> None:
        self._session.put_values(self._after)

    def undo(self) -> None:
        self._session.put_values(self._before)
