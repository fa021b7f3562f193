"""From where the training saw the head: a map of directions with the camera's own place in it."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.theme import Theme
from app.theme.tokens import TYPE
from engine.camera import Orbit

MAP_HEIGHT, LABELS_HEIGHT = 84, 18
CELLS = (24, 8)
HALF_WIDTH_DEG, HALF_HEIGHT_DEG = 60.0, 30.0
WELL_SEEN, SEEN = 0.35, 0.05
"""Part of the best direction's frames from which a view counts as well seen, and as seen at all."""


class CoverageMap(QWidget):
    """Directions 60 degrees to each side; brighter where more frames looked from."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._cells: np.ndarray | None = None  # [rows, columns], 0 to 1, top row the highest
        self._orbit = Orbit()
        self.setFixedHeight(MAP_HEIGHT + LABELS_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Training coverage")
        self.setToolTip("How many training frames looked from each direction. The ring is your camera.")
        theme.changed.connect(self.update)

    def show_coverage(self, coverage: dict) -> None:
        """Takes the manifest's table of frames by elevation and azimuth; an empty one shows that nothing is known."""
        self._cells = resampled(coverage)
        self.update()

    def follow(self, orbit: Orbit) -> None:
        self._orbit = orbit
        self.update()

    @property
    def words(self) -> str:
        """How well the present view was seen."""
        if self._cells is None:
            return "Not recorded"
        azimuth = (self._orbit.azimuth_deg + 180) % 360 - 180
        column = int((azimuth / HALF_WIDTH_DEG + 1) / 2 * CELLS[0])
        row = int((1 - self._orbit.elevation_deg / HALF_HEIGHT_DEG) / 2 * CELLS[1])
        inside = 0 <= column < CELLS[0] and 0 <= row < CELLS[1]
        seen = self._cells[row, column] if inside else 0.0
        return "This view: well seen" if seen >= WELL_SEEN else "This view: seen" if seen >= SEEN else "This view: new"

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(0, 0, self.width(), MAP_HEIGHT)
        columns, rows = CELLS
        w, h = area.width() / columns, area.height() / rows
        low, high = theme.color("voice_soft" if theme.is_dark else "field"), theme.color("voice_bar")
        painter.setPen(Qt.PenStyle.NoPen)
        for row in range(rows):
            for column in range(columns):
                part = 0.0 if self._cells is None else float(self._cells[row, column])
                painter.setBrush(_mixed(low, high, part))
                painter.drawRect(QRectF(column * w, row * h, w - 1, h - 1))
        azimuth = (self._orbit.azimuth_deg + 180) % 360 - 180
        x = area.width() * float(np.clip((azimuth / HALF_WIDTH_DEG + 1) / 2, 0, 1))
        y = area.height() * float(np.clip((1 - self._orbit.elevation_deg / HALF_HEIGHT_DEG) / 2, 0, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in ((theme.color("app"), 4.0), (theme.color("t1"), 2.0)):
            painter.setPen(QPen(color, width))
            painter.drawEllipse(QPointF(min(max(x, 6), area.width() - 6), min(max(y, 6), area.height() - 6)), 5, 5)
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t2"))
        below = QRectF(0, MAP_HEIGHT + 3, self.width(), 15)
        for align, words in ((Qt.AlignmentFlag.AlignLeft, "60° left"), (Qt.AlignmentFlag.AlignHCenter, "Front"),
                             (Qt.AlignmentFlag.AlignRight, "60° right")):  # fmt: skip
            painter.drawText(below, align, words)


def resampled(coverage: dict) -> np.ndarray | None:
    """The manifest's table on the map's cells, 0 to 1 of its best direction; None where there is none."""
    try:
        azimuth, elevation = (np.asarray(coverage[name], float) for name in ("azimuth_deg", "elevation_deg"))
        frames = np.asarray(coverage["frames"], float)
    except (KeyError, TypeError, ValueError):
        return None
    if frames.shape != (len(elevation), len(azimuth)) or not frames.any() or len(azimuth) < 2 or len(elevation) < 2:
        return None
    columns, rows = CELLS
    at_x = -HALF_WIDTH_DEG + (np.arange(columns) + 0.5) * 2 * HALF_WIDTH_DEG / columns
    at_y = HALF_HEIGHT_DEG - (np.arange(rows) + 0.5) * 2 * HALF_HEIGHT_DEG / rows
    wide = np.stack([np.interp(at_x, azimuth, row) for row in frames])
    cells = np.stack([np.interp(at_y, elevation, wide[:, i]) for i in range(columns)], axis=1)
    return np.sqrt(cells / cells.max()) if cells.max() > 0 else np.zeros_like(cells)


def _mixed(low: QColor, high: QColor, part: float) -> QColor:
    return QColor(*(round(a + (b - a) * part) for a, b in zip(low.getRgb()[:3], high.getRgb()[:3], strict=True)))
