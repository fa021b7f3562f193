"""Lines laid over the picture: thirds with a centre cross, and the safe areas of broadcast."""

from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

ACTION_SAFE, TITLE_SAFE = 0.93, 0.90
"""EBU R 95: parts of width and height in which action and text are always seen."""
CROSS_PX = 8


@dataclass(frozen=True)
class Guides:
    grid: bool = False
    safe_area: bool = False

    @property
    def is_on(self) -> bool:
        return self.grid or self.safe_area


def draw_guides(painter: QPainter, rect: QRectF, guides: Guides) -> None:
    """Draws the chosen guides, light on a dark shadow so that they show on any picture."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for shade, shift in ((QColor(0, 0, 0, 70), 1.0), (QColor(255, 255, 255, 110), 0.0)):
        painter.setPen(QPen(shade, 1))
        area = rect.translated(shift, shift)
        if guides.grid:
            painter.drawLines(_grid_lines(area))
        if guides.safe_area:
            for part in (ACTION_SAFE, TITLE_SAFE):
                painter.drawRect(_inner(area, part))
    painter.restore()


def _grid_lines(rect: QRectF) -> list[QLineF]:
    lines = []
    for third in (1, 2):
        x, y = rect.left() + rect.width() * third / 3, rect.top() + rect.height() * third / 3
        lines.append(QLineF(x, rect.top(), x, rect.bottom()))
        lines.append(QLineF(rect.left(), y, rect.right(), y))
    centre = rect.center()
    for reach in (QPointF(CROSS_PX, 0), QPointF(0, CROSS_PX)):
        lines.append(QLineF(centre - reach, centre + reach))
    return lines


def _inner(rect: QRectF, part: float) -> QRectF:
    return QRectF(
        rect.left() + rect.width() * (1 - part) / 2,
        rect.top() + rect.height() * (1 - part) / 2,
        rect.width() * part,
        rect.height() * part,
    )
