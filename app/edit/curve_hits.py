"""What of the curves lies under the mouse: keys, handles, lines."""

from PySide6.QtCore import QPointF

from app.edit.curve_paint import CurvePainter
from app.edit.lanes import Lane, LaneLayout
from app.edit.model import KEYED, EditModel
from engine.performance.curve import Key

HIT = 8
"""Pixels that a click may miss by."""


class CurveHits:
    """Looks where the painter draws."""

    def __init__(self, model: EditModel, layout: LaneLayout, curves: CurvePainter) -> None:
        self._model, self._layout, self._curves = model, layout, curves

    def key(self, lane: Lane, at: QPointF) -> tuple[str, str, Key] | None:
        """Layer, control and key under a point of the lane."""
        best, near = None, HIT + 1.0
        for layer in self._model.edit.layers:
            if layer.kind not in KEYED or layer.is_muted:
                continue
            for control, curve in layer.curves.items():
                if control not in self._model.shown:
                    continue
                for key in curve.keys:
                    y = self._curves.key_y(layer, control, key.time, key.value, lane)
                    away = max(abs(self._layout.x(key.time) - at.x()), abs(y - at.y()))
                    if away < near:
                        best, near = (layer.id, control, key), away
        return best

    def handle(self, lane: Lane, at: QPointF) -> int | None:
        """Which handle of the selected key: 0 in, 1 out."""
        key, s = self._model.selected_key(), self._model.selected
        if key is None or s.control not in self._model.shown:
            return None
        layer = self._model.edit.layer(s.layer)
        keys = layer.curves[s.control].keys
        centre = QPointF(self._layout.x(key.time), self._curves.key_y(layer, s.control, key.time, key.value, lane))
        points = self._curves.handle_points(layer, s.control, keys.index(key), centre, lane)
        away = [(p - at).manhattanLength() for p in points]
        nearest = min(away)  # handles lie over their key when the line is zoomed out: the key itself comes first
        return away.index(nearest) if nearest <= HIT and nearest < (centre - at).manhattanLength() else None

    def curve(self, lane: Lane, at: QPointF) -> str:
        """The nearest shown control, empty where none is near."""
        time, model = self._layout.time(at.x()), self._model
        away = {c: abs(self._layout.y(c, model.value_at(c, time), lane.rect) - at.y()) for c in model.shown}
        nearest = min(away, key=away.get, default="")
        return nearest if nearest and away[nearest] <= HIT else ""
