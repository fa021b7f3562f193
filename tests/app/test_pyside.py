"""PySide6 6.12 loses a reference to None at nearly every void call on Python 3.11; this keeps such a version out."""

import sys

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainter

N_PAINTS = 10_000


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_ten_thousand_paints_leave_the_reference_count_of_none_level():
    image = QImage(32, 32, QImage.Format.Format_ARGB32_Premultiplied)
    before = sys.getrefcount(None)
    for _ in range(N_PAINTS):
        painter = QPainter(image)
        painter.setBrush(QColor(20, 30, 40))
        painter.translate(QPointF(0.5, 0.5))
        painter.drawEllipse(2, 2, 20, 20)
        painter.end()
    assert abs(sys.getrefcount(None) - before) < N_PAINTS // 10
