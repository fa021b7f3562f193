"""A scroll bar laid over the edge of its area, so that what scrolls keeps the full width."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QScrollBar


class OverlayScrollBar(QScrollBar):
    """The scroll bar of an area, laid over its right edge, so that rows keep the panel's full width."""

    WIDTH = 10

    def __init__(self, area: QScrollArea) -> None:
        super().__init__(Qt.Orientation.Vertical, area)
        self._area = area
        source = area.verticalScrollBar()
        source.rangeChanged.connect(self._on_range_changed)
        source.valueChanged.connect(self.setValue)
        self.valueChanged.connect(source.setValue)
        area.installEventFilter(self)
        self._on_range_changed(source.minimum(), source.maximum())

    def eventFilter(self, watched, event) -> bool:
        if event.type() == event.Type.Resize:
            self._place()
        return False

    def _on_range_changed(self, low: int, high: int) -> None:
        source = self._area.verticalScrollBar()
        self.setRange(low, high)
        self.setPageStep(source.pageStep())
        self.setSingleStep(28)
        self.setVisible(high > low)
        self._place()

    def _place(self) -> None:
        self.setGeometry(self._area.width() - self.WIDTH, 2, self.WIDTH, self._area.height() - 4)
        self.raise_()
