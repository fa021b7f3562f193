"""What the Edit workspace works on: the open take, its performance, the playhead and what is selected."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from app.document import Document
from app.edit.lips import Lips
from app.edit.other_takes import OtherTakes
from app.edit.track import RATE_HZ, OpenTake, Performance, open_take, worked_out, write_track
from app.edit.transport import Transport
from app.timeline.track import lip_index
from app.windows.file_tasks import FileTasks
from engine.camera import Orbit
from engine.controls import ControlSchema
from engine.parts.common_fit import CommonFit
from engine.performance.camera_path import CameraKey, ready_path
from engine.performance.carry import read_fit
from engine.performance.clean_up import reduced, smoothed
from engine.performance.curve import Curve, Key
from engine.performance.eyes import Blink, Gaze, found_blinks
from engine.performance.layers import EditLayer, LayerKind
from engine.performance.take_edit import TakeEdit
from engine.take import Take, orbit_of_row

WORK_OUT_MS = 40
SNAPS = {"frame": 0.04, "tenth": 0.1, "off": 0.0}
KEYED = (LayerKind.ADD, LayerKind.OVERRIDE, LayerKind.SCALE)
FADE_S = 0.12


@dataclass(frozen=True)
class Selected:
    """What is selected: `kind` is key, layer, blink, gaze, camera or empty; `time` tells which one of several."""

    kind: str = ""
    layer: str = ""
    control: str = ""
    time: float = 0.0


class EditModel(QObject):
    """No widget; panels and lanes follow its signals.

    Attributes:
        transport: the playhead. lips: the lip check. fit: the take's avatar to the common vocabulary, if it is here.

    Signals:
        take_changed: another take is open. performance_changed: the edit or what follows from it is another one.
        selection_changed, curves_changed: as they say. view_changed: the Orbit that the standing picture shows.
        file_wanted: save or load, of a camera path. failed: one sentence.
    """

    take_changed = Signal()
    performance_changed = Signal()
    selection_changed = Signal()
    curves_changed = Signal()
    view_changed = Signal(object)
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
        self.snap, self.tangent = "frame", "auto"
        self.follows_camera = True
        self.is_active = False
        self.fit: CommonFit | None = None
        self.transport = Transport(lambda: self.seconds, self._ends, self._tell, self)
        self.transport.rested.connect(self._show_view)
        self.lips = Lips(self, tasks)
        self._others = OtherTakes(self, tasks)
        self._others.failed.connect(self.failed)
        self._n_tracks = 0
        self._opening = ""
        self._timer = QTimer(self, interval=WORK_OUT_MS, singleShot=True)
        self._timer.timeout.connect(self._work_out)
        self._others.loaded.connect(self._timer.start)
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
        self.transport.pause()
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
        self.transport.begin_again()
        self.opened, self.selected, self.range = answer, Selected(), None
        self.lips.forget()
        path = answer.take.info.avatar.get("path")
        self.fit = read_fit(Path(path)) if path else None
        self.shown = self._first_curves()
        self._work_out()
        self.take_changed.emit()
        self.curves_changed.emit()
        self.transport.moved.emit(self.transport.playhead)  # who heard of the take may have moved on already

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
        self.performance = worked_out(self.opened, self.edit, self._others.regions())
        self.transport.keep_inside()
        self._send_track()
        self.lips.find()
        self.performance_changed.emit()

    def _send_track(self) -> None:
        if not self.is_active or self.performance is None:
            return
        self._n_tracks = (self._n_tracks + 1) % 4
        path = self._session.folder / f"track{self._n_tracks}.safetensors"
        write_track(path, self.performance, self.follows_camera)
        self._session.play_take(path, self.opened.path, {**TakeEdit().to_json(), "clips": self.edit.to_json()["clips"]})
        self.transport.tell()

    # Times

    def snapped(self, at: float) -> float:
        """A time on the grid, or on the playhead where that is near."""
        step = SNAPS[self.snap]
        return round(at / step) * step if step else at

    def _tell(self, playhead: dict) -> None:
        if self.is_active and self.opened is not None:
            self._session.move_playhead(**playhead)

    def _ends(self) -> tuple[float, float]:
        edit = self.edit
        return edit.first or 0.0, edit.last if edit.last is not None else self.seconds

    # Editing

    def select(self, selected: Selected) -> None:
        if selected != self.selected:
            self.selected = selected
            self.selection_changed.emit()

    def change(self, words: str, change: Callable[[TakeEdit], TakeEdit], merge: str = "") -> bool:
        return self.document.edit_take(words, change, merge)

    def split(self) -> None:
        at = self.transport.playhead
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
            self.transport.seek(first)

    def trim(self) -> None:
        """Keeps what lies between in and out point."""
        first, last = self._ends()
        cleared = self.change(
            "Trim", lambda edit: replace(edit.trim(self.raw_seconds, first, last), first=None, last=None)
        )
        if cleared:
            self.transport.seek(0.0)

    def retime(self, speed: float) -> None:
        first, last = self.range or (0.0, self.seconds)
        if self.change("Change the speed", lambda edit: edit.retime(self.raw_seconds, first, last, speed)):
            self.set_range(None)

    def set_range(self, chosen: tuple[float, float] | None) -> None:
        """Chooses a stretch; it is what Backspace means then, whatever was selected before."""
        self.range = None if chosen is None else (min(chosen), max(chosen))
        if chosen is not None:
            self.selected = replace(self.selected, kind="")
        self.selection_changed.emit()

    def set_end(self, which: str, at: float | None) -> None:
        """In point (`first`) or out point (`last`)."""
        self.change("Move the in point" if which == "first" else "Move the out point",
                    lambda edit: replace(edit, **{which: at}), merge=which)  # fmt: skip

    def add_layer(self, kind: LayerKind, name: str = "", **fields) -> str:
        """A layer over the chosen stretch, else two seconds round the playhead; it becomes the selected one."""
        first, last = self.range or (
            max(0.0, self.transport.playhead - 1.0),
            min(self.seconds, self.transport.playhead + 1.0),
        )
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
        layer = replace(layer, start=min(layer.start, key.time), end=max(layer.end, key.time))  # a key has its say
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

        def add(key: str, take: Take) -> None:
            self.add_layer(LayerKind.REGION, f"{region.capitalize()}, {take.info.name}", region=region, source=key)

        self._others.add(path, add)

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
        orbit = orbit or self._session.orbit or self.view_at(self.transport.playhead)
        if orbit is None:
            return
        key = CameraKey(self.snapped(self.transport.playhead), orbit)
        if self.change("Add a camera key", lambda edit: replace(edit, camera=edit.camera.with_key(key))):
            self.select(Selected("camera", time=key.time))

    def view_at(self, at: float) -> Orbit | None:
        """Where the take's camera is at a time; None where none was recorded."""
        p = self.performance
        if not self.follows_camera or p is None or not len(p.orbits):
            return None
        return orbit_of_row(p.orbits[min(len(p.orbits) - 1, round(at * RATE_HZ))])

    def _show_view(self) -> None:
        view = self.view_at(self.transport.playhead)
        if view is not None and self.is_active:
            self.view_changed.emit(view)

    def value_at(self, control: str, at: float) -> float:
        """What the face does at a time."""
        p, schema = self.performance, self.schema
        if p is None or control not in schema:
            return 0.0
        return float(np.interp(at, p.times, p.values[:, schema.index(control)]))
