"""How a row of coefficient sliders looks: the part that rests, and the strip that follows the drive."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen

from app.panels.face_model import PREFIXES
from app.panels.face_numbers import format_value
from app.panels.face_row_geometry import (
    BAR_H,
    BAR_Y,
    ROW,
    TICK_H,
    TICK_W,
    TICK_Y,
    ZERO_H,
    ZERO_Y,
    RowGeometry,
    origin_of,
)
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE
from engine.controls import Combine, ControlSpec


@dataclass(frozen=True)
class RowLook:
    """All that a resting row shows.

    Attributes:
        number: what stands before the name, two digits.
        is_dimmed: another control is soloed.
        hovered: the part under the mouse: "", "row", "lock", "mute", "solo", "field", "join", "track".
        is_focused: the keyboard is on this row.
        has_marks: whether the row can be muted and soloed.
        is_moved: whether the value does anything.
    """

    number: str
    value: float
    is_muted: bool = False
    is_soloed: bool = False
    is_locked: bool = False
    is_dimmed: bool = False
    hovered: str = ""
    is_focused: bool = False
    has_marks: bool = True
    is_moved: bool = False


class RowPalette:
    """The theme's colours and fonts that rows are painted with, looked up once."""

    def __init__(self, theme: Theme) -> None:
        color = theme.color
        self.panel, self.head, self.raised, self.hover = color("panel"), color("head"), color("raised"), color("hover")
        self.field, self.line, self.zero = color("field"), color("line"), color("line2")
        self.t1, self.t2, self.t3, self.dis = color("t1"), color("t2"), color("t3"), color("dis")
        self.acc, self.fill, self.driven = color("acc"), color("acc_bar"), color("voice_bar")
        self.rail, self.hull, self.knob, self.warn = color("rail"), color("hull"), color("knob"), color("warn")
        self.knob_edge = color("app") if theme.is_dark else color("knob_edge")
        self.solo, self.on_solo = color("solo"), color("on_solo")
        self.muted_ground, self.muted_ink = color("t2"), color("panel")
        self.hatch = QBrush(color("warn"), Qt.BrushStyle.BDiagPattern)
        self.name_font, self.number_font = theme.font(TYPE.base), theme.mono(TYPE.caption)
        self.value_font, self.prefix_font = theme.font(TYPE.secondary), theme.font(TYPE.caption)
        self.mark_font = theme.font(TYPE.secondary, MEDIUM)
        self.struck_name, self.struck_number = QFont(self.name_font), QFont(self.number_font)
        self.struck_name.setStrikeOut(True)
        self.struck_number.setStrikeOut(True)
        self.name_metrics = QFontMetricsF(self.name_font)
        self.mark_on_font = theme.font(TYPE.secondary, SEMIBOLD)

    def ground(self, look: RowLook) -> QColor:
        return self.head if look.hovered else self.panel


def paint_row(
    painter: QPainter, geometry: RowGeometry, y: float, spec: ControlSpec, look: RowLook, palette: RowPalette
) -> None:
    """Paints everything of a row but its strip."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(0, y, geometry.width, ROW), palette.ground(look))
    _paint_words(painter, geometry, y, spec, look, palette)
    _paint_slider(painter, geometry, y, spec, look, palette)
    _paint_field(painter, geometry, y, spec, look, palette)
    if not look.has_marks:
        return
    muted_ink = palette.muted_ink if look.is_muted else None
    _paint_mark(painter, geometry.mute(y), "M", muted_ink, palette.muted_ground, look.hovered == "mute", look, palette)
    solo_ink = palette.on_solo if look.is_soloed else None
    _paint_mark(painter, geometry.solo(y), "S", solo_ink, palette.solo, look.hovered == "solo", look, palette)


def paint_track(
    painter: QPainter, geometry: RowGeometry, y: float, spec: ControlSpec, look: RowLook, palette: RowPalette
) -> None:
    """Paints what is between name and number: all that a row of another width shows differently."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(geometry.middle(y), palette.ground(look))
    _paint_slider(painter, geometry, y, spec, look, palette)


def paint_strip(
    painter: QPainter, geometry: RowGeometry, y: float, spec: ControlSpec, look: RowLook, palette: RowPalette,
    driven_x: float, mixed_x: float, result_x: float,
) -> None:  # fmt: skip
    """Paints the bar of a row: driven, your part on top of it, and the tick of what the face gets.

    Args:
        driven_x, mixed_x, result_x: on the track: the driven value, it with yours, what the face gets.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    zero_x = round(geometry.x_of(origin_of(spec), spec.minimum, spec.maximum))
    driven_x, mixed_x, result_x = round(driven_x), round(mixed_x), round(result_x)
    top = y + BAR_Y
    if spec.minimum < origin_of(spec) < spec.maximum and (look.is_moved or mixed_x == zero_x):
        painter.fillRect(QRectF(zero_x, y + TICK_Y, 1, ZERO_Y + ZERO_H - TICK_Y), palette.zero)
    if look.is_muted or look.is_dimmed:
        _paint_hollow(painter, zero_x, mixed_x, top, palette)
    else:
        part = palette.t3 if look.is_locked else palette.fill
        _bar(painter, zero_x, driven_x, top, palette.driven)
        if mixed_x != driven_x:
            if (mixed_x - driven_x) * (driven_x - zero_x) < 0:
                # Yours works against the drive: both stay visible, each in its half of the bar.
                half = BAR_H / 2
                painter.fillRect(QRectF(min(driven_x, mixed_x), top, abs(mixed_x - driven_x), half), part)
            else:
                gap = 0 if driven_x == zero_x else 1 if mixed_x > driven_x else -1
                _bar(painter, driven_x + gap, mixed_x, top, part)
    low, high = (round(geometry.x_of(v, spec.minimum, spec.maximum)) for v in (spec.low, spec.high))
    is_outside = (result_x < low - 1 or result_x > high + 1) and not (look.is_muted or look.is_dimmed)
    if is_outside:
        edge = high if result_x > high else low
        _bar(painter, edge, result_x, top, palette.hatch)
    tick = palette.warn if is_outside else palette.t1
    painter.fillRect(QRectF(result_x - TICK_W / 2, y + TICK_Y, TICK_W, TICK_H), tick)


def _paint_words(painter, geometry, y, spec, look, palette) -> None:
    is_faint = look.is_muted or look.is_dimmed
    if look.is_locked or look.hovered == "lock":
        ink = palette.t2 if look.is_locked else palette.t3
        box = geometry.number(y)
        icon = QRectF(box.right() - 14.5, y + 6, 14, 14)
        draw_glyph(painter, icon, "lock" if look.is_locked else "lock-outline", ink)
    else:
        painter.setFont(palette.struck_number if look.is_muted else palette.number_font)
        painter.setPen(palette.t3)
        number = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(geometry.number(y).adjusted(-4, -1, 0, -1), number, look.number)
    name = geometry.name(y)
    painter.setFont(palette.struck_name if look.is_muted else palette.name_font)
    painter.setPen(palette.t3 if is_faint else palette.t1)
    text = palette.name_metrics.elidedText(spec.label, Qt.TextElideMode.ElideRight, name.width())
    painter.drawText(name.adjusted(0, 1, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)


def _paint_slider(painter, geometry, y, spec, look, palette) -> None:
    rail = geometry.rail(y)

    def x_of(value: float) -> float:
        return geometry.x_of(value, spec.minimum, spec.maximum)

    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.rail)
    painter.drawRoundedRect(rail, 2, 2)
    painter.setBrush(palette.hull)
    low, high = x_of(spec.low), x_of(spec.high)
    painter.drawRoundedRect(QRectF(low, rail.y(), high - low, rail.height()), 2, 2)
    zero, x = round(x_of(origin_of(spec))), round(x_of(look.value))
    is_moved = look.value != origin_of(spec)
    if spec.minimum < origin_of(spec) < spec.maximum:
        painter.fillRect(QRectF(zero, y + ZERO_Y, 1, ZERO_H), palette.zero)
    if is_moved:
        painter.setBrush(palette.t3 if look.is_locked else palette.fill)
        left, right = min(zero, x), max(zero, x)
        painter.drawRoundedRect(QRectF(left, rail.y(), right - left, rail.height()), 2, 2)
    handle = geometry.handle(y, x)
    if look.is_focused:
        painter.setPen(QPen(palette.acc, 2))
        painter.setBrush(palette.ground(look))
        painter.drawRoundedRect(handle.adjusted(-3, -3, 3, 3), 5, 5)
        painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.dis if look.is_locked else palette.knob_edge)
    painter.drawRoundedRect(handle, 3, 3)
    if not look.is_locked:
        painter.setBrush(palette.knob)
        painter.drawRoundedRect(handle.adjusted(1, 1, -1, -1), 2, 2)


def _paint_field(painter, geometry, y, spec, look, palette) -> None:
    field = geometry.field(y)
    edge = palette.zero if look.hovered in ("field", "join") else palette.line
    painter.setPen(QPen(edge, 1))
    painter.setBrush(palette.field)
    painter.drawRoundedRect(field.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    painter.setFont(palette.prefix_font)
    is_own = spec.combine is not Combine.ADD and look.number
    painter.setPen(palette.acc if is_own else palette.t1 if look.hovered == "join" else palette.t3)
    middle = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(field.adjusted(7, 0, 0, 0), middle, PREFIXES[spec.combine])
    painter.setFont(palette.value_font)
    painter.setPen(palette.t3 if look.is_dimmed else palette.t1)
    number = format_value(look.value, spec.unit)
    painter.drawText(field.adjusted(0, 0, -6, 0), middle | Qt.AlignmentFlag.AlignRight, number)


def _paint_mark(painter, rect, letter, ink, ground, is_hovered, look, palette) -> None:
    """A letter button: quiet until the row is hovered, filled when `ink` is given."""
    painter.setPen(Qt.PenStyle.NoPen)
    if ink is not None or look.hovered:
        painter.setBrush(ground if ink is not None else palette.hover if is_hovered else palette.raised)
        painter.drawRoundedRect(rect, 4, 4)
    painter.setFont(palette.mark_font if ink is None else palette.mark_on_font)
    painter.setPen(palette.t3 if ink is None else ink)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, letter)


def _paint_hollow(painter, zero_x, end_x, top, palette) -> None:
    if zero_x == end_x:
        return
    painter.setPen(QPen(palette.t3, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    left, right = min(zero_x, end_x), max(zero_x, end_x)
    painter.drawRect(QRectF(QPointF(left, top), QPointF(right - 1, top + BAR_H - 1)))
    painter.setPen(Qt.PenStyle.NoPen)


def _bar(painter, start, end, top, color) -> None:
    if start != end:
        painter.fillRect(QRectF(min(start, end), top, abs(end - start), BAR_H), color)
