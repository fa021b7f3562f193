"""The menus of the lanes."""

from PySide6.QtCore import QPoint, QPointF
from PySide6.QtWidgets import QMenu, QWidget

from app.edit.lanes import LaneLayout
from app.edit.model import EditModel, Selected
from engine.controls import GROUPS
from engine.performance.eyes import GAZES


class LaneMenus:
    """Opens them over the lanes; what is chosen the model does."""

    def __init__(self, parent: QWidget, model: EditModel, layout: LaneLayout) -> None:
        self._parent, self._model, self._layout = parent, model, layout

    def open(self, at: QPointF, where: QPoint) -> None:
        """What can be done at a point of the lanes."""
        model, menu = self._model, QMenu(self._parent)
        lane = self._layout.lane_at(at.y())
        time = self._layout.time(at.x())
        if model.range is not None:
            menu.addAction("Cut and close the gap", lambda: model.cut_range(True))
            menu.addAction("Silence it", lambda: model.cut_range(False))
            speeds = menu.addMenu("Speed")
            for speed in (0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0):
                speeds.addAction(f"× {speed:g}", lambda s=speed: model.retime(s))
            menu.addSeparator()
        if lane is not None and lane.kind == "gaze":
            for words, (right, up) in GAZES.items():
                menu.addAction(f"Look: {words.lower()}", lambda r=right, u=up: model.add_gaze(time, r, u))
        elif lane is not None and lane.kind == "curves":
            menu.addAction("Add a key here", lambda: self._add_key_at(at))
        elif lane is not None and lane.kind == "camera":
            from engine.performance.camera_path import READY_PATHS

            ready = menu.addMenu("Ready-made move")
            for kind in READY_PATHS:
                ready.addAction(kind.capitalize(), lambda k=kind: model.use_ready_path(k))
            menu.addAction("Save the path…", lambda: model.file_wanted.emit("save"))
            menu.addAction("Load a path…", lambda: model.file_wanted.emit("load"))
        elif lane is not None and lane.kind == "layer":
            menu.addAction("Move up", lambda: model.raise_layer(lane.layer, 1))
            menu.addAction("Move down", lambda: model.raise_layer(lane.layer, -1))
            menu.addAction("Delete", lambda: (model.select(Selected("layer", lane.layer)), model.delete_selected()))
        menu.addAction("Split here", lambda: (model.transport.seek(model.snapped(time)), model.split()))
        menu.addAction("Trim to the in and out points", model.trim)
        menu.popup(where)

    def _add_key_at(self, at: QPointF) -> None:
        control = self._model.selected.control or (self._model.shown[0] if self._model.shown else "")
        if control:
            self._model.add_key(control, self._layout.time(at.x()))

    def open_curves(self, where: QPoint) -> None:
        """Which controls are shown as curves."""
        model, menu = self._model, QMenu(self._parent)
        for group, title in GROUPS.items():
            specs = [spec for spec in model.schema if spec.group == group]
            part = menu.addMenu(title) if specs else None
            for spec in specs:
                action = part.addAction(spec.label)
                action.setCheckable(True)
                action.setChecked(spec.name in model.shown)
                action.triggered.connect(lambda _=False, name=spec.name: model.toggle_curve(name))
        menu.popup(where)
