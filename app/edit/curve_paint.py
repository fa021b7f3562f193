"""Paints the curves of controls on the Edit timeline: their names, lines, keys and handles."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from app.edit.lanes import HEADER, Lane, LaneLayout, curve_color
from app.edit.model import KEYED, EditModel
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE
from engine.performance.layers import EditLayer, LayerKind

FLAGS = Qt.AlignmentFlag


class CurvePainter:
    """Draws the lane of curves, and tells where its keys and handles lie."""

    def __init__(self, theme: Theme, model: EditModel, layout: LaneLayout) -> None:
        self._theme, self._model, self._layout = theme, model, layout

    def paint_names(self, p: QPainter, rect: QRectF) -> None:
        """The shown controls in the header, with their values at the playhead."""
        theme, model = self._theme, self._model
        for i, control in enumerate(model.shown):
            y = rect.top() + 12 + 21 * i
            chosen = model.selected.control == control
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(theme.color(curve_color(model, control)))
            p.drawRoundedRect(QRectF(9, y + 5, 8, 8), 2, 2)
            p.setFont(theme.font(TYPE.secondary, SEMIBOLD if chosen else MEDIUM))
            p.setPen(theme.color("t1" if chosen else "t2"))
            label = label_of(model, control)
            words = p.fontMetrics().elidedText(label, Qt.TextElideMode.ElideRight, HEADER - 80)
            p.drawText(QRectF(23, y, HEADER - 76, 18), FLAGS.AlignVCenter, words)
            value = f"{model.value_at(control, model.transport.playhead):.2f}".replace("-", "−")
            p.drawText(QRectF(HEADER - 60, y, 53, 18), FLAGS.AlignVCenter | FLAGS.AlignRight, value)
        y = rect.top() + 12 + 21 * len(model.shown)
        if y + 18 <= rect.bottom():
            draw_glyph(p, QRectF(6, y + 2, 14, 14), "plus", theme.color("t3"))
            p.setFont(theme.font(TYPE.secondary))
            p.setPen(theme.color("t3"))
            p.drawText(QRectF(23, y, HEADER - 40, 18), FLAGS.AlignVCenter, "Add a curve")

    def paint(self, p: QPainter, lane: Lane) -> None:
        """What the face does, what the take did where that differs, and the keys."""
        model, layout, theme = self._model, self._layout, self._theme
        performance = model.performance
        p.setPen(QPen(theme.color("line2"), 1, Qt.PenStyle.DotLine))
        for part in (0.1, 0.5, 0.9):
            y = lane.rect.top() + part * lane.rect.height()
            p.drawLine(QPointF(HEADER, y), QPointF(layout.width, y))
        if performance is None:
            return
        first, last = layout.shown
        begin, end = np.searchsorted(performance.times, [first - 0.1, last + 0.1])
        stride = max(1, int(len(performance.times[begin:end]) / max(1.0, layout.width - HEADER)))
        at = slice(begin, end, stride)
        for control in reversed(model.shown):
            if control not in model.schema:
                continue
            index = model.schema.index(control)
            values, raw = performance.values[at, index], performance.raw[at, index]
            chosen = model.selected.control == control
            if np.abs(values - raw).max(initial=0) > 1e-4:
                p.setPen(QPen(theme.color("t3"), 1, Qt.PenStyle.DashLine))
                self._line(p, control, performance.times[at], raw, lane)
            p.setPen(QPen(theme.color(curve_color(model, control)), 2.0 if chosen else 1.5))
            self._line(p, control, performance.times[at], values, lane)
        self._paint_keys(p, lane)

    def _line(self, p: QPainter, control: str, times: np.ndarray, values: np.ndarray, lane: Lane) -> None:
        layout = self._layout
        x = HEADER + (times - layout.start) * layout.zoom
        low, high = layout.range_of(control)
        y = lane.rect.bottom() - 12 - (values - low) / (high - low) * (lane.rect.height() - 24)
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawPolyline(QPolygonF([QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]))

    def _paint_keys(self, p: QPainter, lane: Lane) -> None:
        model, theme = self._model, self._theme
        for layer in model.edit.layers:
            if layer.kind not in KEYED or layer.is_muted:
                continue
            for control, curve in layer.curves.items():
                if control not in model.shown:
                    continue
                for i, key in enumerate(curve.keys):
                    at = QPointF(self._layout.x(key.time), self.key_y(layer, control, key.time, key.value, lane))
                    s = model.selected
                    is_chosen = (
                        s.kind == "key"
                        and (s.layer, s.control) == (layer.id, control)
                        and abs(s.time - key.time) < 1e-3
                    )
                    if is_chosen:
                        self._paint_handles(p, layer, control, i, at, lane)
                    draw_diamond(
                        p,
                        self._theme,
                        at,
                        5.5 if is_chosen else 4.5,
                        "t1" if is_chosen else curve_color(model, control),
                    )
        p.setPen(QPen(theme.color("line"), 1))

    def _paint_handles(self, p: QPainter, layer: EditLayer, control: str, i: int, at: QPointF, lane: Lane) -> None:
        theme = self._theme
        for end in self.handle_points(layer, control, i, at, lane):
            p.setPen(QPen(theme.color("t2"), 1))
            p.drawLine(at, end)
            p.setBrush(theme.color("panel"))
            p.drawEllipse(end, 3, 3)

    def handle_points(self, layer: EditLayer, control: str, i: int, at: QPointF, lane: Lane) -> list[QPointF]:
        """Where both handles of a key are drawn: in, out."""
        low, high = self._layout.range_of(control)
        scale = (lane.rect.height() - 24) / (high - low)
        (in_t, in_v), (out_t, out_v) = layer.curves[control].handles_of(i)
        zoom = self._layout.zoom
        return [
            QPointF(at.x() - in_t * zoom, at.y() - in_v * scale),
            QPointF(at.x() + out_t * zoom, at.y() - out_v * scale),
        ]

    def key_y(self, layer: EditLayer, control: str, time: float, value: float, lane: Lane) -> float:
        """Keys of an override lie on their value, keys of other layers on the curve that results."""
        shown = value if layer.kind is LayerKind.OVERRIDE else self._model.value_at(control, time)
        return self._layout.y(control, shown, lane.rect)


def draw_diamond(p: QPainter, theme: Theme, at: QPointF, r: float, token: str) -> None:
    """The mark of a key."""
    p.setPen(QPen(theme.color("panel"), 1.5))
    p.setBrush(theme.color(token))
    p.drawPolygon(
        QPolygonF([at + QPointF(0, -r - 1), at + QPointF(r + 1, 0), at + QPointF(0, r + 1), at + QPointF(-r - 1, 0)])
    )


def label_of(model: EditModel, control: str) -> str:
    """A control in words, where the take knows it."""
    schema = model.schema
    return schema.specs[schema.index(control)].label if schema is not None and control in schema else control
