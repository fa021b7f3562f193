"""What the Inspect workspace knows and edits: facts of the splats, the selection, and the layers of clean-up."""

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from engine.controls import ControlSchema
from engine.edits import EditLayer, Edits
from engine.errors import ProjectError
from engine.export.order import file_hash
from engine.inspection.facts import SplatFacts

MARKS_EVERY_MS = 25
WHOLE = (0.0, np.inf)


class InspectModel(QObject):
    """The seam between the workspace's widgets and the performer.

    Selecting is asked of the performer, which knows where every splat now is; what is selected, hidden and deleted is
    kept here. Only edits make undo steps.

    Signals:
        facts_changed: the avatar was looked over, or another one came.
        selection_changed, edits_changed, view_changed: as named.
        avatar_changed: another avatar is on stage, nothing of it edited yet.
        reach_measured: control, number of splats it moves, farthest move in mm.
    """

    facts_changed = Signal()
    selection_changed = Signal()
    edits_changed = Signal()
    view_changed = Signal()
    avatar_changed = Signal()
    reach_measured = Signal(str, int, float)

    def __init__(self, session, undo_stack: QUndoStack, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self.undo_stack = session, undo_stack
        self.facts: SplatFacts | None = None
        self.selection = np.zeros(0, bool)
        self.layers: tuple[EditLayer, ...] = ()
        self.current_layer: str | None = None
        self._hash: tuple[Path, str] | None = None
        self.is_active = False
        self.is_isolated = False
        self.selects_through = False
        self.hidden_regions: frozenset[str] = frozenset()
        self.ranges = {"sizes_mm": WHOLE, "opacities": WHOLE}
        self.splat_size, self.has_edges = 0.64, True
        self.control: str | None = None
        self._asked: dict[int, str] = {}
        self._n_asked = 0
        self._marks_timer = QTimer(self, singleShot=True, interval=MARKS_EVERY_MS)
        self._marks_timer.timeout.connect(self._send_marks)
        session.avatar_opened.connect(self._on_avatar_opened)
        session.performer_said.connect(self._on_said)
        if session.manifest is not None:
            self._on_avatar_opened(session.manifest)

    # Entering and leaving

    def enter(self) -> None:
        """The workspace is shown: the avatar is looked over if it was not yet, marks appear."""
        self.is_active = True
        if self.facts is None:
            self._session.ask("inspect")
        self._mark()

    def leave(self) -> None:
        """Marks and filters leave the picture; edits stay."""
        self.is_active = False
        self._mark()

    # Selection

    @property
    def schema(self) -> ControlSchema | None:
        manifest = self._session.manifest
        return manifest.schema if manifest is not None else None

    @property
    def n(self) -> int:
        return len(self.selection)

    @property
    def n_selected(self) -> int:
        return int(self.selection.sum())

    def select_outline(self, points: list[tuple[float, float]], how: str = "replace", radius: float | None = None):
        """Asks what lies under an outline, or with `radius` under a brush's path; parts of the picture, 0 to 1.

        Args:
            how: replace, add or subtract.
        """
        self._n_asked += 1
        self._asked = {self._n_asked: how}
        more = {} if radius is None else {"radius": radius}
        rows = [[float(x), float(y)] for x, y in points]
        self._session.ask("select", id=self._n_asked, points=rows, through=self.selects_through, **more)

    def select(self, mask: np.ndarray, how: str = "replace") -> None:
        """Selects splats `[N]`; what is hidden or filtered out is not selected."""
        if len(mask) != self.n:
            return
        mask = mask & ~self.gone & self.shown
        before = self.selection
        self.selection = {"replace": mask, "add": before | mask, "subtract": before & ~mask}[how]
        self._mark()
        self.selection_changed.emit()

    def select_region(self, path: str, how: str = "replace") -> None:
        if self.facts is not None:
            self.select(self.facts.in_region(path), how)

    def invert(self) -> None:
        self.select(~self.selection)

    def clear(self) -> None:
        self.select(np.zeros(self.n, bool))

    # Edits

    @property
    def gone(self) -> np.ndarray:
        """What layers that are on take away, bool `[N]`."""
        gone = np.zeros(self.n, bool)
        for layer in self.layers:
            if layer.is_on:
                gone |= layer.gone
        return gone

    def hide(self) -> None:
        """Hides what is selected, in the current layer."""
        self._take("Hide", "hidden", self.selection)

    def delete(self, mask: np.ndarray | None = None) -> None:
        """Deletes what is selected (or a mask); the avatar's file stays as it is."""
        self._take("Delete", "deleted", self.selection if mask is None else mask)

    def show_all(self) -> None:
        """Brings everything hidden back; what was deleted stays away."""
        none = np.zeros(self.n, bool)
        self._change("Show everything", tuple(replace(layer, hidden=none) for layer in self.layers))

    def add_layer(self) -> None:
        """A new layer that takes what is hidden from now on."""
        name, none = self._free_name(), np.zeros(self.n, bool)
        self._change("Add an edit layer", (*self.layers, EditLayer(name, none, none)))
        self.current_layer = name
        self.edits_changed.emit()

    def remove_layer(self, name: str) -> None:
        self._change(f"Remove {name}", tuple(layer for layer in self.layers if layer.name != name))

    def rename_layer(self, name: str, wanted: str) -> None:
        wanted = wanted.strip()[:80]
        if not wanted or any(layer.name == wanted for layer in self.layers):
            return
        changed = tuple(replace(a, name=wanted) if a.name == name else a for a in self.layers)
        if self.current_layer == name:
            self.current_layer = wanted
        self._change(f"Rename {name}", changed)

    def set_layer_on(self, name: str, is_on: bool) -> None:
        text = f"{'Use' if is_on else 'Leave out'} {name}"
        self._change(text, tuple(replace(a, is_on=is_on) if a.name == name else a for a in self.layers))

    def put_layers(self, layers: tuple[EditLayer, ...]) -> None:
        """Takes layers as they are, for undo and projects; no undo step."""
        self.layers = layers
        names = [layer.name for layer in layers]
        if self.current_layer not in names:
            self.current_layer = names[-1] if names else None
        self.selection = self.selection & ~self.gone
        self._session.set_edits(self.to_json())
        self._mark()
        self.edits_changed.emit()
        self.selection_changed.emit()

    def to_json(self) -> dict | None:
        """The edits as a project keeps them; None when there are none."""
        if not self.layers:
            return None
        edits = Edits(self.avatar_hash, self.n)
        edits.layers = self.layers
        return edits.to_json()

    def from_json(self, row: dict | None) -> None:
        """Takes a project's edits of the avatar on stage. Raises ProjectError if they are of another one."""
        if row is None:
            self.put_layers(())
            return
        edits = Edits.from_json(row)
        if len(edits) != self.n:
            raise ProjectError(f"the project's edits are of {len(edits):,} splats, this avatar has {self.n:,}.")
        layers = edits.layers
        if edits.hidden.any() or edits.deleted.any():
            layers = (EditLayer("Clean-up", edits.hidden, edits.deleted), *layers)
        self.put_layers(layers)

    # The view

    @property
    def shown(self) -> np.ndarray:
        """What eyes, ranges and isolation leave in the picture, bool `[N]`."""
        shown = np.ones(self.n, bool)
        if self.facts is None or len(self.facts) != self.n:
            return shown
        for path in self.hidden_regions:
            shown &= ~self.facts.in_region(path)
        for name, (low, high) in self.ranges.items():
            values = getattr(self.facts, name)
            shown &= (values >= low) & (values <= high)
        if self.is_isolated and self.selection.any():
            shown &= self.selection
        return shown

    def set_region_hidden(self, path: str, hidden: bool) -> None:
        """An eye of the tree: only the view changes, nothing is edited."""
        change = self.hidden_regions.union if hidden else self.hidden_regions.difference
        self.hidden_regions = frozenset(change({path}))
        self._view_changed()

    def set_range(self, name: str, low: float, high: float) -> None:
        """Shows only splats whose `sizes_mm` or `opacities` lie between two values."""
        self.ranges[name] = (low, high)
        self._view_changed()

    def set_isolated(self, is_on: bool) -> None:
        self.is_isolated = is_on
        self._view_changed()

    def set_splat_size(self, factor: float) -> None:
        self.splat_size = factor
        self._view_changed()

    def set_edges(self, has_edges: bool) -> None:
        self.has_edges = has_edges
        self._view_changed()

    def set_control(self, name: str) -> None:
        """Whose reach the picture paints."""
        if name != self.control:
            self.control = name
            self._view_changed()

    # Inside

    def _view_changed(self) -> None:
        self._mark()
        self.view_changed.emit()

    def _mark(self) -> None:
        if not self._marks_timer.isActive():
            self._marks_timer.start()

    def _send_marks(self) -> None:
        if self._session.manifest is None:
            return
        marks = {"n": self.n, "control": self.control, "has_edges": self.has_edges, "selected": None, "shown": None,
                 "splat_size": 1.0}  # fmt: skip
        if self.is_active:
            shown = self.shown
            marks["splat_size"] = self.splat_size
            marks["selected"] = _packed(self.selection) if self.selection.any() else None
            marks["shown"] = None if shown.all() else _packed(shown)
        self._session.set_marks(**marks)

    def _take(self, what: str, kind: str, mask: np.ndarray) -> None:
        mask = mask & ~self.gone
        count = int(mask.sum())
        if not count:
            return
        none = np.zeros(self.n, bool)
        name = self.current_layer or self._free_name()
        layers = self.layers if self.current_layer else (*self.layers, EditLayer(name, none, none))
        changed = tuple(
            replace(a, is_on=True, **{kind: getattr(a, kind) | mask}) if a.name == name else a for a in layers
        )
        self.current_layer = name
        self._change(f"{what} {count:,} splats", changed)

    def _change(self, text: str, layers: tuple[EditLayer, ...]) -> None:
        self.undo_stack.push(_Layers(self, text, self.layers, layers))

    def _free_name(self) -> str:
        taken = {layer.name for layer in self.layers}
        return next(f"Clean-up {i}" for i in range(1, len(taken) + 2) if f"Clean-up {i}" not in taken)

    def _on_avatar_opened(self, manifest) -> None:
        self.facts, self.layers, self.current_layer = None, (), None
        self.selection = np.zeros(manifest.n_gaussians, bool)
        self.hidden_regions, self.is_isolated = frozenset(), False
        self.ranges = {name: WHOLE for name in self.ranges}
        self.control = next((spec.name for spec in manifest.schema), None)
        self._mark()
        self.facts_changed.emit()
        self.avatar_changed.emit()
        self.selection_changed.emit()
        if self.is_active:
            self._session.ask("inspect")

    def _on_said(self, event: dict) -> None:
        kind = event.get("event")
        if kind == "inspected":
            self._take_facts(Path(event["path"]))
        elif kind == "selected" and event.get("id") in self._asked:
            how = self._asked.pop(event["id"])
            raw = np.frombuffer(base64.b64decode(event["bits"]), np.uint8)
            self.select(np.unpackbits(raw, count=int(event["n"])).astype(bool), how)
        elif kind == "reach":
            self.reach_measured.emit(event["control"], int(event["n"]), float(event["most_mm"]))

    @property
    def avatar_hash(self) -> str:
        """SHA-256 of the avatar's file, worked out once (a few milliseconds)."""
        path = getattr(self._session, "avatar_path", None)
        if path is None or not Path(path).is_file():
            return ""
        if self._hash is None or self._hash[0] != path:
            self._hash = (path, file_hash(path))
        return self._hash[1]

    def _take_facts(self, path: Path) -> None:
        try:
            facts = SplatFacts.load(path)
        except ProjectError as error:
            self._session.note.emit("warn", "Inspect", str(error))
            return
        if len(facts) == self.n:
            self.facts = facts
            self._mark()
            self.facts_changed.emit()


class _Layers(QUndoCommand):
    """Layers before and after a change; bits are shared, so that a step costs little."""

    def __init__(self, model: InspectModel, text: str, before: tuple, after: tuple) -> None:
        super().__init__(text)
        self._model, self._before, self._after = model, before, after

    def redo(self) -> None:
        self._model.put_layers(self._after)

    def undo(self) -> None:
        self._model.put_layers(self._before)


def _packed(bits: np.ndarray) -> str:
    return base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")
