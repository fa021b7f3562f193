"""What the Edit workspace works on: the open take, its performance, the playhead and what is selected."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from app.document import Document
from app.edit.phones import heard_phones, moved_phones
from app.edit.track import PEAKS_HZ, RATE_HZ, OpenTake, Performance, open_take, worked_out, write_track
from app.timeline.track import lip_index
from app.windows.file_tasks import FileTasks
from engine.camera import Orbit
from engine.controls import ControlSchema
from engine.parts.common_fit import CommonFit
from engine.performance.camera_path import CameraKey, ready_path
from engine.performance.carry import Carrier, read_fit
from engine.performance.clean_up import reduced, smoothed
from engine.performance.clips import source_times
from engine.performance.curve import Curve, Key
from engine.performance.eyes import Blink, Gaze, found_blinks
from engine.performance.layers import EditLayer, LayerKind
from engine.performance.lip_check import LipFlag, Phone, check_lips, lip_opening, mend
from engine.performance.take_edit import TakeEdit
from engine.take import Take, load_take, orbit_of_row, rows_at

WORK_OUT_MS = 40
SNAPS = {"frame": 0.04, "tenth": 0.1, "off": 0.0}
SPEEDS = (1.0, 2.0, 4.0)
KEYED = (LayerKind.ADD, LayerKind.OVERRIDE, LayerKind.SCALE)
FADE_S = 0.12
NOT_CHECKED = "Check lips hears the phones of the voice."


@dataclass(frozen=True)
class Selected:
    """What is selected: `kind` is key, layer, blink, gaze, camera or empty; `time` tells which one of several."""

    kind: str = ""
    layer: str = ""
    control: str = ""
    time: float = 0.0


class EditModel(QObject):
    """No widget; panels and lanes follow its signals.

    Signals:
        take_changed: another take is open. performance_changed: the edit or what follows from it is another one.
        playhead_moved, playing_changed, selection_changed, curves_changed: as they say.
            view_changed: the Orbit that the standing picture shows.
        lips_changed: the lip check found something else. flag_shown: a LipFlag to be dealt with.
        file_wanted: save or load, of a camera path. failed: one sentence.
    """

    take_changed = Signal()
    performance_changed = Signal()
    playhead_moved = Signal(float)
    playing_changed = Signal(float)
    selection_changed = Signal()
    curves_changed = Signal()
    view_changed = Signal(object)
    lips_changed = Signal()
    flag_shown = Signal(object)
    file_wanted = Signal(str)
    failed = Signal(str)

    def __init__(self, document: Document, session, tasks: FileTasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document, self._session, self._tasks = document, session, tasks
        self.opened: OpenTake | None = None
        self.performance: Performance | None = None
        self.selected = Selected()
        self.shown: list[str] = []
        self.range: tuple[float, float] | None = None
        self.is_loop, self.snap, self.tangent = True, "frame", "auto"
        self.follows_camera = True
        self.volume = 1.0
        self.is_active = False
        self.phones: tuple[Phone, ...] = ()
        self.phones_words = NOT_CHECKED
        self.lip_flags: list[LipFlag] = []
        self.lips_fine: list[float] = []
        self._fit: CommonFit | None = None
        self._others: dict[str, Take] = {}
        self._raw_phones: tuple[Phone, ...] = ()
        self._is_checked = False
        self._speed, self._at, self._since = 0.0, 0.0, 0.0
        self._n_tracks = 0
        self._opening = ""
        self._timer = QTimer(self, interval=WORK_OUT_MS, singleShot=True)
        self._timer.timeout.connect(self._work_out)
        self._clock = QTimer(self, interval=16)
        self._clock.timeout.connect(self._tick)
        document.changed.connect(self._on_document)

    # The take

    @property
    def edit(self) -> TakeEdit:
        take = self.document.take
        return take.edit if take is not None else TakeEdit()

    @property
    def schema(self) -> ControlSchema | None:
        return self.opened.take.schema if self.opened is not None else None

    @property
    def seconds(self) -> float:
        """Length of the edited line."""
        return self.edit.seconds(self.opened.seconds) if self.opened is not None else 0.0

    @property
    def raw_seconds(self) -> float:
        return self.opened.seconds if self.opened is not None else 0.0

    def open_path(self, path: Path) -> None:
        """Puts a take of the library into the project and edits it."""
        self._opening = str(path)
        self._tasks.run(partial(self.document.project.store_take, path), partial(self._on_stored, str(path)))

    def _on_stored(self, asked: str, answer: object) -> None:
        if isinstance(answer, Exception | str):
            self.failed.emit(str(answer))
        elif asked == self._opening:
            self.document.use_take(*answer)

    def enter(self) -> None:
        """The workspace is shown."""
        self.is_active = True
        self._on_document()
        self._send_track()

    def leave(self) -> None:
        self.pause()
        self.is_active = False
        self._session.play_take(None)

    def _on_document(self) -> None:
        take = self.document.take
        key = take.key if take is not None else ""
        if key != (self.opened.key if self.opened is not None else ""):
            if not key:
                self.opened = self.performance = None
                self.take_changed.emit()
                return
            path = self.document.project.take_path(key)
            self._tasks.run(partial(open_take, key, path), self._on_opened)
        elif self.opened is not None:
            self._timer.start()

    def _on_opened(self, answer: object) -> None:
        if not isinstance(answer, OpenTake):
            self.failed.emit(str(answer))
            return
        take = self.document.take
        if take is None or answer.key != take.key:
            return
        self.pause()
        self.opened, self.selected, self.range, self._at = answer, Selected(), None, 0.0
        self._raw_phones, self._is_checked, self.phones_words = (), False, NOT_CHECKED
        path = answer.take.info.avatar.get("path")
        self._fit = read_fit(Path(path)) if path else None
        self.shown = self._first_curves()
        self._work_out()
        self.take_changed.emit()
        self.curves_changed.emit()
        self.playhead_moved.emit(0.0)

    def _first_curves(self) -> list[str]:
        schema, names = self.schema, []
        index = lip_index(schema)
        if index is not None:
            names.append(schema.specs[index].name)
        if len(self.opened.take.times):  # and the two others that move most
            moves = self.opened.take.result.std(axis=0) / np.maximum(schema.column("high") - schema.column("low"), 1e-6)
            own_lanes = ("pose.", "gaze.", "au.45")
            most = [schema.specs[i] for i in np.argsort(-moves) if not schema.specs[i].name.startswith(own_lanes)]
            most.sort(key=lambda spec: spec.label[-1:].isdigit())  # what has a name in words comes first
            names += [spec.name for spec in most]
        return list(dict.fromkeys(names))[:3]

    def _work_out(self) -> None:
        if self.opened is None:
            return
        self.performance = worked_out(self.opened, self.edit, self._regions())
        self._at = min(self._at, self.seconds)
        self._send_track()
        self._find_flags()
        self.performance_changed.emit()

    def _send_track(self) -> None:
        if not self.is_active or self.performance is None:
            return
        self._n_tracks = (self._n_tracks + 1) % 4
        path = self._session.folder / f"track{self._n_tracks}.safetensors"
        write_track(path, self.performance, self.follows_camera)
        self._session.play_take(path, self.opened.path, {**TakeEdit().to_json(), "clips": self.edit.to_json()["clips"]})
        self._tell()

    # The playhead

    @property
    def playhead(self) -> float:
        if self._speed == 0:
            return self._at
        there = self._at + self._speed * (time.perf_counter() - self._since)
        first, last = self._ends()
        if self.is_loop and self._speed > 0 and there > last > first:
            return first + (there - first) % (last - first)
        return min(max(there, 0.0), self.seconds)

    @property
    def speed(self) -> float:
        return self._speed

    def play(self, speed: float = 1.0) -> None:
        at = self.playhead
        first, last = self._ends()
        if speed > 0 and at >= last - 1e-3:
            at = first
        self._at, self._since, self._speed = at, time.perf_counter(), speed
        self._clock.start()
        self._tell()
        self.playing_changed.emit(speed)

    def pause(self) -> None:
        if self._speed:
            self._at, self._speed = self.playhead, 0.0
            self._clock.stop()
            self._tell()
            self._show_view()
            self.playing_changed.emit(0.0)

    def toggle(self) -> None:
        self.pause() if self._speed else self.play()

    def shuttle(self, way: int) -> None:
        """J and L: backwards and forwards, faster with each press; K is `pause`."""
        now = self._speed * way
        faster = next((s for s in SPEEDS if s > now + 1e-6), SPEEDS[-1]) if now > 0 else SPEEDS[0]
        self.play(way * faster)

    def seek(self, at: float) -> None:
        self._at, self._since = min(max(at, 0.0), self.seconds), time.perf_counter()
        self._tell()
        self.playhead_moved.emit(self._at)
        if not self._speed:
            self._show_view()

    def step(self, seconds: float) -> None:
        self.pause()
        self.seek(self._at + seconds)

    def set_loop(self, on: bool) -> None:
        self.is_loop = on
        self._tell()

    def set_volume(self, volume: float) -> None:
        self.volume = volume
        self._tell()

    def snapped(self, at: float) -> float:
        """A time on the grid, or on the playhead where that is near."""
        step = SNAPS[self.snap]
        return round(at / step) * step if step else at

    def _ends(self) -> tuple[float, float]:
        edit = self.edit
        return edit.first or 0.0, edit.last if edit.last is not None else self.seconds

    def _tick(self) -> None:
        at = self.playhead
        _, last = self._ends()
        ended = (self._speed > 0 and at >= last and not self.is_loop) or (self._speed < 0 and at <= 0)
        if ended:
            self.pause()
        self.playhead_moved.emit(at)

    def _tell(self) -> None:
        if self.is_active and self.opened is not None:
            first, last = self._ends()
            self._session.move_playhead(time=self._at, speed=self._speed, at=time.perf_counter() if not self._speed
                                        else self._since, first=first, last=last, is_loop=self.is_loop,
                                        volume=self.volume)  # fmt: skip

    # Editing

    def select(self, selected: Selected) -> None:
        if selected != self.selected:
            self.selected = selected
            self.selection_changed.emit()

    def change(self, words: str, change: Callable[[TakeEdit], TakeEdit], merge: str = "") -> bool:
        return self.document.edit_take(words, change, merge)

    def split(self) -> None:
        at = self.playhead
        self.change("Split", lambda edit: edit.split(self.raw_seconds, at))

    def cut_range(self, is_ripple: bool = True) -> None:
        """Takes the chosen stretch out, or with a lift silences it."""
        if self.range is None:
            return
        first, last = self.range
        seconds = self.raw_seconds
        if is_ripple:
            done = self.change("Cut", lambda edit: edit.ripple_cut(seconds, first, last))
        else:
            done = self.change("Lift", lambda edit: edit.lift(seconds, first, last))
        if done:
            self.set_range(None)
            self.seek(first)

    def trim(self) -> None:
        """Keeps what lies between in and out point."""
        first, last = self._ends()
        cleared = self.change(
            "Trim", lambda edit: replace(edit.trim(self.raw_seconds, first, last), first=None, last=None)
        )
        if cleared:
            self.seek(0.0)

    def retime(self, speed: float) -> None:
        first, last = self.range or (0.0, self.seconds)
        if self.change("Change the speed", lambda edit: edit.retime(self.raw_seconds, first, last, speed)):
            self.set_range(None)

    def set_range(self, chosen: tuple[float, float] | None) -> None:
        self.range = None if chosen is None else (min(chosen), max(chosen))
        self.selection_changed.emit()

    def set_end(self, which: str, at: float | None) -> None:
        """In point (`first`) or out point (`last`)."""
        self.change("Move the in point" if which == "first" else "Move the out point",
                    lambda edit: replace(edit, **{which: at}), merge=which)  # fmt: skip

    def add_layer(self, kind: LayerKind, name: str = "", **fields) -> str:
        """A layer over the chosen stretch, else two seconds round the playhead; it becomes the selected one."""
        first, last = self.range or (max(0.0, self.playhead - 1.0), min(self.seconds, self.playhead + 1.0))
        identity = self.edit.free_id()
        title = name or {LayerKind.ADD: "Addition", LayerKind.OVERRIDE: "Override", LayerKind.SCALE: "Scale",
                         LayerKind.SMOOTH: "Smooth", LayerKind.REGION: "From another take"}[kind]  # fmt: skip
        given = {"fade_in": FADE_S, "fade_out": FADE_S, **fields}
        made = EditLayer(identity, title, kind, first, max(last, first + 0.1), **given)
        if self.change(f"Add {title}", lambda edit: edit.with_layer(made)):
            self.select(Selected("layer", identity))
        return identity

    def change_layer(self, words: str, identity: str, merge: str = "", **fields) -> None:
        self.change(words, lambda edit: edit.with_layer(replace(edit.layer(identity), **fields)), merge)

    def key_layer(self) -> EditLayer | None:
        """The layer that new keys go to: the selected one, else the highest that takes keys."""
        layers = [layer for layer in self.edit.layers if layer.kind in KEYED]
        chosen = next((layer for layer in layers if layer.id == self.selected.layer), None)
        return chosen or (layers[-1] if layers else None)

    def add_key(self, control: str, at: float, value: float | None = None) -> None:
        """A key of a control at a time, on the value it has there; without a layer for keys one is made."""
        layer = self.key_layer()
        at = self.snapped(at)
        if layer is None:
            self.add_layer(LayerKind.OVERRIDE)
            layer = self.key_layer()
        if layer is None or self.performance is None:
            return
        if value is None:
            value = (
                self.value_at(control, at) if layer.kind is LayerKind.OVERRIDE else float(layer.kind is LayerKind.SCALE)
            )
            if control in layer.curves:
                value = float(layer.curves[control].at(np.array([at]))[0])
        curve = layer.curves.get(control, Curve()).with_key(Key(at, value, self.tangent))
        start, end = min(layer.start, at), max(layer.end, at)
        made = replace(layer.with_curve(control, curve), start=start, end=end)
        if self.change("Add a key", lambda edit: edit.with_layer(made)):
            self.select(Selected("key", layer.id, control, at))

    def selected_key(self) -> Key | None:
        if self.selected.kind != "key":
            return None
        layer = next((layer for layer in self.edit.layers if layer.id == self.selected.layer), None)
        curve = layer.curves.get(self.selected.control) if layer is not None else None
        return curve.key_at(self.selected.time) if curve is not None else None

    def move_key(self, key: Key) -> None:
        """The selected key becomes another one; a drag is one step of the history."""
        s, old = self.selected, self.selected_key()
        if old is None:
            return
        layer = self.edit.layer(s.layer)
        curve = layer.curves[s.control].without({old.time}).with_key(key)
        if self.change(
            "Move a key",
            lambda edit: edit.with_layer(layer.with_curve(s.control, curve)),
            merge=f"key {s.layer} {s.control}",
        ):
            self.select(replace(s, time=key.time))

    def set_tangent(self, tangent: str) -> None:
        """For the selected key and those to come."""
        self.tangent = tangent
        key = self.selected_key()
        if key is not None:
            self.move_key(replace(key, tangent=tangent))
        self.selection_changed.emit()

    def delete_selected(self) -> None:
        s = self.selected
        if s.kind == "key":
            layer = self.edit.layer(s.layer)
            curve = layer.curves[s.control].without({s.time})
            self.change("Delete a key", lambda edit: edit.with_layer(layer.with_curve(s.control, curve)))
        elif s.kind == "layer":
            self.change("Delete a layer", lambda edit: edit.without_layer(s.layer))
        elif s.kind == "camera":
            self.change("Delete a camera key", lambda edit: replace(edit, camera=edit.camera.without(s.time)))
        elif s.kind in ("blink", "gaze"):
            name = f"{s.kind}s"
            self.change(f"Delete a {s.kind}", lambda edit: replace(edit, **{name: tuple(
                mark for mark in getattr(edit, name) or () if abs(mark.time - s.time) > 1e-6)}))  # fmt: skip
        elif self.range is not None:
            self.cut_range()
            return
        self.select(Selected())

    def add_region(self, region: str, path: Path) -> None:
        """A layer with a part of the face from another take, which joins the project's files."""
        self._tasks.run(partial(self._other_take, path), partial(self._on_other_take, region))

    def _other_take(self, path: Path) -> tuple[str, Take]:
        key, _ = self.document.project.store_take(path)
        return key, load_take(self.document.project.take_path(key), with_voice=False)

    def _on_other_take(self, region: str, answer: object) -> None:
        if not isinstance(answer, tuple):
            self.failed.emit(str(answer))
            return
        key, take = answer
        self._others[key] = take
        self.add_layer(LayerKind.REGION, f"{region.capitalize()}, {take.info.name}", region=region, source=key)

    def _regions(self) -> dict[str, np.ndarray]:
        """What the other takes of region layers do on the edited line."""
        regions, schema = {}, self.schema
        times = np.arange(0, self.edit.seconds(self.opened.seconds) + 1 / RATE_HZ, 1 / RATE_HZ)
        for layer in self.edit.layers:
            if layer.kind is not LayerKind.REGION:
                continue
            other = self._others.get(layer.source)
            if other is None:
                self._tasks.run(partial(self._load_other, layer.source), self._on_loaded_other)
                continue
            if not len(other.times):
                continue
            theirs, ours = other.info.avatar, self.opened.take.info.avatar
            is_same = other.schema.names == schema.names and theirs.get("hash") == ours.get("hash")
            fit = None if is_same or not theirs.get("path") else read_fit(Path(theirs["path"]))
            carrier = Carrier(other.schema, schema, fit, self._fit, is_same)
            regions[layer.id] = carrier.values(rows_at(other.times, other.result, times + layer.source_offset))
        return regions

    def _load_other(self, key: str) -> tuple[str, Take]:
        return key, load_take(self.document.project.take_path(key), with_voice=False)

    def _on_loaded_other(self, answer: object) -> None:
        if isinstance(answer, tuple) and answer[0] not in self._others:
            self._others[answer[0]] = answer[1]
            self._timer.start()

    # Lips

    def check_lips(self) -> None:
        """Looks for lips that stay open on p, b and m and that move in silence; phones are heard by a job."""
        if self.opened is None:
            return
        self._is_checked = True
        self.phones_words = "Listening for phones…"
        self._find_flags()
        self.lips_changed.emit()
        self._tasks.run(partial(heard_phones, self.opened.path), partial(self._on_phones, self.opened.key))

    def _on_phones(self, key: str, answer: object) -> None:
        if self.opened is None or key != self.opened.key:
            return
        if isinstance(answer, tuple):
            self._raw_phones = answer
            self.phones_words = "" if answer else "No speech was heard."
        else:
            self.phones_words = f"Silences are checked; p, b and m are not: {answer}"
        self._find_flags()
        self.lips_changed.emit()

    def _find_flags(self) -> None:
        p = self.performance
        if p is None or not self._is_checked:
            self.lip_flags, self.lips_fine, self.phones = [], [], ()
            return
        clips, seconds = self.edit.clips, self.raw_seconds
        self.phones = moved_phones(self._raw_phones, p.times, p.source)
        at = np.arange(0, self.seconds, 1 / PEAKS_HZ)
        source = np.nan_to_num(source_times(clips, at, seconds), nan=-1.0)
        index = np.clip((source * PEAKS_HZ).astype(int), 0, max(0, len(self.opened.peaks) - 1))
        peaks = np.where(source >= 0, self.opened.peaks[index], 0.0) if len(self.opened.peaks) else np.zeros(len(at))
        opening = lip_opening(self.schema, p.values, self._fit)
        self.lip_flags, self.lips_fine = check_lips(
            p.times, opening, self.phones, peaks, PEAKS_HZ, self.edit.ignored_lips
        )

    def show_flag(self, flag: LipFlag) -> None:
        self.flag_shown.emit(flag)

    def mend(self, flag: LipFlag) -> None:
        """One click: a layer that closes or stills the lips."""
        p = self.performance
        layer = mend(flag, self.edit.free_id(), self.schema, p.times, p.values, self._fit)
        if layer.curves:
            self.change(layer.name, lambda edit: edit.with_layer(layer))

    def ignore(self, flag: LipFlag) -> None:
        self.change("Let lips pass", lambda edit: replace(edit, ignored_lips=(*edit.ignored_lips, flag.at)))

    # Curves and layers

    def toggle_curve(self, control: str) -> None:
        self.shown = [c for c in self.shown if c != control] if control in self.shown else [*self.shown, control]
        self.curves_changed.emit()

    def raise_layer(self, identity: str, by: int) -> None:
        ids = [layer.id for layer in self.edit.layers]
        self.change("Move a layer", lambda edit: edit.moved_layer(identity, ids.index(identity) + by))

    def use_ready_path(self, kind: str) -> None:
        base = self._session.orbit or (self.opened.take.orbit_at(0.0) if self.opened else None) or Orbit()
        path = ready_path(kind, base, self.seconds)
        self.change(f"Camera: {kind}", lambda edit: replace(edit, camera=path))

    def clean_up(self, control: str, smooth_ms: float, error: float) -> None:
        """A control's curve smoothed and turned into few keys on a layer of its own, over the chosen stretch."""
        curve = self.cleaned(control, smooth_ms, error)
        if curve is None or not len(curve):
            return
        start, end = curve.keys[0].time, curve.keys[-1].time
        label = self.schema.specs[self.schema.index(control)].label
        layer = EditLayer(self.edit.free_id(), f"{label}, cleaned", LayerKind.OVERRIDE, start, max(end, start + 0.1),
                          curves={control: curve})  # fmt: skip
        if self.change("Clean up", lambda edit: edit.with_layer(layer)):
            self.select(Selected("curve", layer.id, control))

    def cleaned(self, control: str, smooth_ms: float, error: float) -> Curve | None:
        """What `clean_up` would make, for the preview."""
        p = self.performance
        if p is None or control not in self.schema:
            return None
        first, last = self.range or (0.0, self.seconds)
        inside = (p.times >= first) & (p.times <= last)
        track = smoothed(p.times, p.values[:, self.schema.index(control)], smooth_ms)
        return reduced(p.times[inside], track[inside], max(error, 1e-4))

    # Eyes and camera

    def blinks(self) -> tuple[Blink, ...]:
        """The track's, else those found in the take."""
        if self.edit.blinks is not None:
            return self.edit.blinks
        if self.performance is None:
            return ()
        return found_blinks(self.schema, self.performance.times, self.performance.raw)

    def set_blinks(self, words: str, blinks: tuple[Blink, ...], merge: str = "") -> None:
        self.change(words, lambda edit: replace(edit, blinks=blinks), merge)

    def add_blink(self, at: float) -> None:
        self.set_blinks("Add a blink", (*self.blinks(), Blink(self.snapped(at))))

    def add_gaze(self, at: float, right: float, up: float) -> None:
        gaze = Gaze(self.snapped(at), right, up)
        self.change("Add a look", lambda edit: replace(edit, gazes=(*(edit.gazes or ()), gaze)))

    def add_camera_key(self, orbit: Orbit | None = None) -> None:
        """The viewport's camera becomes a key at the playhead."""
        orbit = orbit or self._session.orbit or self.view_at(self.playhead)
        if orbit is None:
            return
        key = CameraKey(self.snapped(self.playhead), orbit)
        if self.change("Add a camera key", lambda edit: replace(edit, camera=edit.camera.with_key(key))):
            self.select(Selected("camera", time=key.time))

    def view_at(self, at: float) -> Orbit | None:
        """Where the take's camera is at a time; None where none was recorded."""
        p = self.performance
        if not self.follows_camera or p is None or not len(p.orbits):
            return None
        return orbit_of_row(p.orbits[min(len(p.orbits) - 1, round(at * RATE_HZ))])

    def _show_view(self) -> None:
        view = self.view_at(self._at)
        if view is not None and self.is_active:
            self.view_changed.emit(view)

    def value_at(self, control: str, at: float) -> float:
        """What the face does at a time."""
        p, schema = self.performance, self.schema
        if p is None or control not in schema:
            return 0.0
        return float(np.interp(at, p.times, p.values[:, schema.index(control)]))
