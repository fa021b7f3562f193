"""A face in a few lines that makes an expression's shapes visible, for tiles that have no picture yet."""

from collections.abc import Mapping

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen, QPixmap

from app.theme.theme import Theme

WIDTH, HEIGHT = 48, 56


def sketch(shapes: Mapping[str, float], theme: Theme, scale: float) -> QPixmap:
    """Head, brows, eyes and mouth as the ARKit shapes bend them; the person's left is on the right.

    Args:
        scale: device pixels for one logical pixel, of which it has 48 x 56.
    """
    pixmap = QPixmap(round(WIDTH * scale), round(HEIGHT * scale))
    pixmap.setDevicePixelRatio(scale)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(WIDTH / 2, HEIGHT / 2 + 3)
    _draw_head(painter, shapes, theme)
    ink = QPen(theme.color("t1"), 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    for side, name in ((-1, "Right"), (1, "Left")):
        painter.setPen(ink)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        _draw_brow(painter, side, name, shapes)
        _draw_eye(painter, side, name, shapes, theme, ink)
    _draw_mouth(painter, shapes, theme, ink)
    painter.end()
    return pixmap


def _draw_head(painter: QPainter, shapes: Mapping[str, float], theme: Theme) -> None:
    drop = 4.0 * shapes.get("jawOpen", 0.0)
    head = QPainterPath(QPointF(-17, -14))
    head.cubicTo(-17, -36, 17, -36, 17, -14)
    head.cubicTo(17, 4, 12, 22 + drop, 0, 24 + drop)
    head.cubicTo(-12, 22 + drop, -17, 4, -17, -14)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("hull", 0.55))
    painter.drawPath(head)


def _draw_brow(painter: QPainter, side: int, name: str, shapes: Mapping[str, float]) -> None:
    raise_in = 3.4 * shapes.get("browInnerUp", 0.0) - 2.4 * shapes.get(f"browDown{name}", 0.0)
    raise_out = 3.4 * shapes.get(f"browOuterUp{name}", 0.0) - 1.2 * shapes.get(f"browDown{name}", 0.0)
    inner, outer = QPointF(side * 4, -11 - raise_in), QPointF(side * 12.5, -10.5 - raise_out)
    brow = QPainterPath(inner)
    brow.quadTo(QPointF(side * 9, -13.5 - (raise_in + raise_out) / 2), outer)
    painter.drawPath(brow)


def _draw_eye(painter: QPainter, side: int, name: str, shapes: Mapping[str, float], theme: Theme, ink: QPen) -> None:
    shut = shapes.get(f"eyeBlink{name}", 0.0)
    squint = max(shapes.get(f"eyeSquint{name}", 0.0), 0.8 * shapes.get(f"cheekSquint{name}", 0.0))
    half = 2.4 * (1 - shut) * (1 - 0.45 * squint) + 1.5 * shapes.get(f"eyeWide{name}", 0.0)
    centre = QPointF(side * 7.8, -4.6)
    if half < 0.5:
        lid = QPainterPath(centre + QPointF(-3.6, -0.4))
        lid.quadTo(centre + QPointF(0, 1.8), centre + QPointF(3.6, -0.4))
        painter.drawPath(lid)
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("knob"))
    painter.drawEllipse(centre, 3.7, half)
    painter.setBrush(theme.color("field" if theme.is_dark else "t1"))
    painter.drawEllipse(centre, min(1.7, half), min(1.7, half))
    painter.setPen(ink)


def _draw_mouth(painter: QPainter, shapes: Mapping[str, float], theme: Theme, ink: QPen) -> None:
    def mean(name: str) -> float:
        return (shapes.get(f"{name}Left", 0.0) + shapes.get(f"{name}Right", 0.0)) / 2

    narrow = max(shapes.get("mouthPucker", 0.0), 0.8 * shapes.get("mouthFunnel", 0.0))
    width = 6.6 * (1 + 0.3 * mean("mouthSmile") + 0.35 * mean("mouthStretch") - 0.55 * narrow)
    upper = 0.6 + 2.6 * mean("mouthUpperUp") + 1.5 * shapes.get("mouthFunnel", 0.0) + shapes.get("jawOpen", 0.0)
    lower = 0.6 + 9.5 * shapes.get("jawOpen", 0.0) + 2.6 * mean("mouthLowerDown") + 0.6 * mean("mouthSmile")
    lower += 2.0 * shapes.get("mouthFunnel", 0.0)
    lift = {side: 3.4 * shapes.get(f"mouthSmile{side}", 0.0) - 3.0 * shapes.get(f"mouthFrown{side}", 0.0)
            for side in ("Left", "Right")}  # fmt: skip
    left, right = QPointF(width, 12 - lift["Left"]), QPointF(-width, 12 - lift["Right"])
    bend = 0.8 * (lift["Left"] + lift["Right"]) / 2
    mouth = QPainterPath(right)
    mouth.quadTo(QPointF(0, 12 + bend - 2 * (upper - 0.6)), left)
    is_open = lower + upper > 2.6
    if is_open:
        mouth.quadTo(QPointF(0, 12 + bend + 2 * lower), right)
        mouth.closeSubpath()
    painter.setPen(ink)
    painter.setBrush(theme.color("field" if theme.is_dark else "t2") if is_open else Qt.BrushStyle.NoBrush)
    painter.drawPath(mouth)
