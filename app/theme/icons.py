"""Icons of one set (Material Design, through qtawesome), drawn at device pixels in the theme's colours."""

from functools import lru_cache

import qtawesome
from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QIconEngine, QPainter, QPainterPath, QPixmap, QTransform

PREFIX = "mdi6"


class GlyphEngine(QIconEngine):
    """Draws one glyph in the colour of the icon's mode and state, at whatever size and scale it is asked for."""

    def __init__(self, name: str, normal: QColor, hover: QColor, on: QColor, disabled: QColor) -> None:
        super().__init__()
        self._name = name
        self._normal, self._hover, self._on, self._disabled = normal, hover, on, disabled

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        draw_glyph(painter, QRectF(rect), self._name, self._color(mode, state))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return GlyphEngine(self._name, self._normal, self._hover, self._on, self._disabled)

    def _color(self, mode: QIcon.Mode, state: QIcon.State) -> QColor:
        if mode == QIcon.Mode.Disabled:
            return self._disabled
        if state == QIcon.State.On:
            return self._on
        return self._hover if mode in (QIcon.Mode.Active, QIcon.Mode.Selected) else self._normal


def draw_glyph(painter: QPainter, rect: QRectF, name: str, color: QColor) -> None:
    """Paints an icon as a filled outline into a square, so that it is sharp at any scale.

    Args:
        name: a name of the set without prefix, such as `microphone`.
    """
    outline = _outline(name)
    scale = min(rect.width(), rect.height()) / _EM
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.x() + (rect.width() - _EM * scale) / 2, rect.y() + (rect.height() - _EM * scale) / 2)
    painter.scale(scale, scale)
    painter.fillPath(outline, color)
    painter.restore()


def glyph_pixmap(name: str, size: int, color: QColor, scale: float) -> QPixmap:
    """One icon as a pixmap of `size` logical pixels on a screen of this scale."""
    pixmap = QPixmap(round(size * scale), round(size * scale))
    pixmap.setDevicePixelRatio(scale)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_glyph(painter, QRectF(0, 0, size, size), name, color)
    painter.end()
    return pixmap


_EM = 24.0  # the set is drawn on a 24-unit grid, its baseline 1/8 above the lower edge
_DRAWN_AT = 480  # large, so that hinting cannot move a corner


@lru_cache(maxsize=512)
def _outline(name: str) -> QPainterPath:
    font = qtawesome.font(PREFIX, _DRAWN_AT)
    font.setPixelSize(_DRAWN_AT)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    path = QPainterPath()
    path.addText(0.0, 0.0, font, qtawesome.charmap(f"{PREFIX}.{name}"))
    path.setFillRule(Qt.FillRule.WindingFill)
    return QTransform().translate(0.0, _EM * 7 / 8).scale(_EM / _DRAWN_AT, _EM / _DRAWN_AT).map(path)
