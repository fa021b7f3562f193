"""Where the parts of a coefficient slider stand in its row, and how values map to the track."""

from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import QRectF

from engine.controls import ControlSpec

ROW = 28
PADDING, GAP = 10, 6
NUMBER, VALUE, MARK, MARK_GAP = 18, 56, 19, 2
NAME_WIDTH, NAME_LEAST, TRACK_LEAST = 100, 64, 84
RAIL_Y, RAIL_H = 10, 4
HANDLE_W, HANDLE_H, HANDLE_Y = 8, 14, 5
BAR_Y, BAR_H = 20, 4
TICK_W, TICK_H, TICK_Y = 2, 8, 18
ZERO_Y, ZERO_H = 8, 16
STRIP_Y, STRIP_H = 18, 8
FIELD_Y, FIELD_H = 3, 22
JOIN = 18
MARK_Y, MARK_H = 5, 18


@dataclass(frozen=True)
class RowGeometry:
    """The columns of a row for a panel of this width; `y` is a row's top. Without numbers names take their place."""

    width: float
    has_numbers: bool = True

    @cached_property
    def name_width(self) -> float:
        """The name gives way first, so that the track keeps its least width."""
        fixed = self.name_left + PADDING + VALUE + 2 * MARK + MARK_GAP + 3 * GAP
        most = NAME_WIDTH if self.has_numbers else NAME_WIDTH + NUMBER + GAP
        return max(NAME_LEAST, min(most, self.width - fixed - TRACK_LEAST))

    @cached_property
    def name_left(self) -> float:
        return PADDING + (NUMBER + GAP if self.has_numbers else 0)

    @cached_property
    def track_left(self) -> float:
        return self.name_left + self.name_width + GAP

    @cached_property
    def track_right(self) -> float:
        return self.value_left - GAP

    @cached_property
    def track_width(self) -> float:
        return max(1.0, self.track_right - self.track_left)

    @cached_property
    def value_left(self) -> float:
        return self.mute_left - GAP - VALUE

    @cached_property
    def mute_left(self) -> float:
        return self.solo_left - MARK_GAP - MARK

    @cached_property
    def solo_left(self) -> float:
        return self.width - PADDING - MARK

    def number(self, y: float) -> QRectF:
        return QRectF(PADDING, y, NUMBER, ROW)

    def name(self, y: float) -> QRectF:
        return QRectF(self.name_left, y, self.name_width, ROW)

    def rail(self, y: float) -> QRectF:
        return QRectF(self.track_left, y + RAIL_Y, self.track_width, RAIL_H)

    def track(self, y: float) -> QRectF:
        """All of the row that belongs to the slider, for the mouse."""
        return QRectF(self.track_left - HANDLE_W / 2, y, self.track_width + HANDLE_W, ROW)

    def middle(self, y: float) -> QRectF:
        """From the name's end to where the number begins; to its left and right all is as wide as ever."""
        return QRectF(self.track_left - GAP, y, self.track_width + 2 * GAP, ROW)

    def strip(self, y: float) -> QRectF:
        """What a new driven value repaints."""
        return QRectF(self.track_left - TICK_W, y + STRIP_Y, self.track_width + 2 * TICK_W, STRIP_H)

    def field(self, y: float) -> QRectF:
        return QRectF(self.value_left, y + FIELD_Y, VALUE, FIELD_H)

    def join(self, y: float) -> QRectF:
        """The sign in the field that says how the value joins the drive."""
        return QRectF(self.value_left, y + FIELD_Y, JOIN, FIELD_H)

    def mute(self, y: float) -> QRectF:
        return QRectF(self.mute_left, y + MARK_Y, MARK, MARK_H)

    def solo(self, y: float) -> QRectF:
        return QRectF(self.solo_left, y + MARK_Y, MARK, MARK_H)

    def x_of(self, value: float, minimum: float, maximum: float) -> float:
        """Where a value stands on the track."""
        part = (value - minimum) / (maximum - minimum) if maximum > minimum else 0.0
        return self.track_left + min(1.0, max(0.0, part)) * self.track_width

    def handle(self, y: float, x: float) -> QRectF:
        return QRectF(round(x) - HANDLE_W / 2, y + HANDLE_Y, HANDLE_W, HANDLE_H)


def origin_of(spec: ControlSpec) -> float:
    """Where a slider's fill starts: nothing for parts and durations, else what changes nothing."""
    return spec.minimum if spec.unit in ("%", "ms") else spec.neutral
