"""Where the lanes of the Edit timeline lie, and how times and values become pixels: nothing here is painted."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF

from app.edit.model import EditModel

HEADER, RULER, VOICE, PHONES, LIPS, CURVES, LAYER, EYES, CAMERA = 208, 24, 50, 24, 20, 112, 26, 24, 38
CAMERA_BOX = 44
MIN_ZOOM, MAX_ZOOM = 4.0, 800.0
END_ROOM = 20
CURVE_COLORS = ("acc", "voice_bar", "take", "plot_2", "plot_3", "ext")
CURVE_MARGIN = 12


@dataclass(frozen=True)
class Lane:
    """One row: `kind` is voice, phones, lips, curves, layer, raw, blink, gaze or camera."""

    kind: str
    rect: QRectF
    layer: str = ""


class LaneLayout:
    """Rows from top to bottom and the part of the line of time that is shown.

    Attributes:
        zoom: pixels a second; start: seconds at the left edge; top: pixels scrolled down.
        curves_height: of the curve lane, as dragged.
    """

    def __init__(self, model: EditModel) -> None:
        self._model = model
        self.zoom, self.start, self.top = 90.0, 0.0, 0.0
        self.curves_height = CURVES
        self.width = 800

    def lanes(self) -> list[Lane]:
        rows = [("voice", VOICE, ""), ("phones", PHONES, ""), ("lips", LIPS, ""), ("curves", self.curves_height, "")]
        rows += [("layer", LAYER, layer.id) for layer in reversed(self._model.edit.layers)]
        rows += [("raw", LAYER, ""), ("blink", EYES, ""), ("gaze", EYES, ""), ("camera", CAMERA, "")]
        made, y = [], RULER - self.top
        for kind, height, layer in rows:
            made.append(Lane(kind, QRectF(0, y, self.width, height), layer))
            y += height
        return made

    @property
    def content_height(self) -> float:
        return self.lanes()[-1].rect.bottom() + self.top

    def lane_at(self, y: float) -> Lane | None:
        if y < RULER:
            return None
        return next((lane for lane in self.lanes() if lane.rect.top() <= y < lane.rect.bottom()), None)

    def lane(self, kind: str) -> Lane:
        return next(lane for lane in self.lanes() if lane.kind == kind)

    def x(self, seconds: float) -> float:
        return HEADER + (seconds - self.start) * self.zoom

    def time(self, x: float) -> float:
        return self.start + (x - HEADER) / self.zoom

    @property
    def shown(self) -> tuple[float, float]:
        return self.start, self.time(self.width)

    def set_zoom(self, zoom: float, about: float) -> None:
        """Another zoom that leaves a time where it is."""
        x = self.x(about)
        self.zoom = min(max(zoom, MIN_ZOOM), MAX_ZOOM)
        self.start = max(0.0, about - (x - HEADER) / self.zoom)

    def fit(self, seconds: float) -> None:
        self.start = 0.0
        room = max(50.0, self.width - HEADER - END_ROOM)
        self.zoom = min(max(room / max(seconds, 0.1), MIN_ZOOM), 160.0)

    def scroll(self, pixels: float) -> None:
        most = max(0.0, self._model.seconds - 0.5 * (self.width - HEADER) / self.zoom)
        self.start = min(max(0.0, self.start + pixels / self.zoom), most)

    def camera_box(self, seconds: float, lane: QRectF) -> QRectF:
        """Where a camera key is drawn: over its time, but whole where that is in view."""
        x = self.x(seconds)
        if HEADER <= x <= self.width:
            x = min(max(x, HEADER + CAMERA_BOX / 2), self.width - CAMERA_BOX / 2)
        return QRectF(x - CAMERA_BOX / 2, lane.top() + 5, CAMERA_BOX, 28)

    # Curves

    def range_of(self, control: str) -> tuple[float, float]:
        """Lowest and highest value drawn of a control."""
        schema = self._model.schema
        if schema is None or control not in schema:
            return -1.0, 1.0
        spec = schema.specs[schema.index(control)]
        room = 0.1 * max(spec.high - spec.low, 1e-6)
        return max(spec.minimum, spec.low - room), min(spec.maximum, spec.high + room)

    def y(self, control: str, value: float, lane: QRectF) -> float:
        low, high = self.range_of(control)
        part = (value - low) / (high - low)
        return lane.bottom() - CURVE_MARGIN - part * (lane.height() - 2 * CURVE_MARGIN)

    def value(self, control: str, y: float, lane: QRectF) -> float:
        low, high = self.range_of(control)
        return low + (lane.bottom() - CURVE_MARGIN - y) / (lane.height() - 2 * CURVE_MARGIN) * (high - low)

    def point(self, control: str, time: float, value: float, lane: QRectF) -> QPointF:
        return QPointF(self.x(time), self.y(control, value, lane))


def curve_color(model: EditModel, control: str) -> str:
    """The token of a curve: its place in the list of shown ones."""
    return CURVE_COLORS[model.shown.index(control) % len(CURVE_COLORS)] if control in model.shown else "t2"
