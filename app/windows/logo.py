"""The program's mark: a mouth on a blue tile, drawn so that it is sharp at any size."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QWidget

TILE, MARK = QColor("#4660E2"), QColor("#FFFFFF")
SIDE = 24.0


def draw_logo(painter: QPainter, rect: QRectF) -> None:
    """Paints the mark into a square."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.topLeft())
    painter.scale(rect.width() / SIDE, rect.height() / SIDE)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(TILE)
    painter.drawRoundedRect(QRectF(1.2, 1.2, SIDE - 2.4, SIDE - 2.4), 5.4, 5.4)
    painter.setBrush(MARK)
    painter.drawPath(_lips().subtracted(_opening()))
    painter.restore()


def _lips() -> QPainterPath:
    path = QPainterPath(QPointF(4.2, 12.0))
    path.cubicTo(QPointF(6.4, 9.6), QPointF(8.6, 7.6), QPointF(10.2, 7.7))
    path.cubicTo(QPointF(11.2, 7.8), QPointF(11.4, 8.4), QPointF(12.0, 8.4))
    path.cubicTo(QPointF(12.6, 8.4), QPointF(12.8, 7.8), QPointF(13.8, 7.7))
    path.cubicTo(QPointF(15.4, 7.6), QPointF(17.6, 9.6), QPointF(19.8, 12.0))
    path.cubicTo(QPointF(17.4, 15.2), QPointF(14.8, 16.8), QPointF(12.0, 16.8))
    path.cubicTo(QPointF(9.2, 16.8), QPointF(6.6, 15.2), QPointF(4.2, 12.0))
    return path


def _opening() -> QPainterPath:
    path = QPainterPath(QPointF(6.6, 11.9))
    path.cubicTo(QPointF(9.0, 10.6), QPointF(10.6, 10.9), QPointF(12.0, 11.1))
    path.cubicTo(QPointF(13.4, 10.9), QPointF(15.0, 10.6), QPointF(17.4, 11.9))
    path.cubicTo(QPointF(15.4, 13.5), QPointF(13.8, 14.0), QPointF(12.0, 14.0))
    path.cubicTo(QPointF(10.2, 14.0), QPointF(8.6, 13.5), QPointF(6.6, 11.9))
    return path


def logo_icon() -> QIcon:
    """The mark as a window icon, at the usual sizes."""
    icon = QIcon()
    for side in (16, 24, 32, 48, 64, 128, 256):
        pixmap = QPixmap(QSize(side, side))
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        draw_logo(painter, QRectF(0, 0, side, side))
        painter.end()
        icon.addPixmap(pixmap)
    return icon


class LogoMark(QWidget):
    """The mark as a widget."""

    def __init__(self, side: int = 24, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(side, side)
        self.setAccessibleName("Mouthpiece")

    def paintEvent(self, event) -> None:
        draw_logo(QPainter(self), QRectF(self.rect()))
