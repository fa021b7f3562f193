"""The faces a coefficient's tooltip shows, from the sheet in the avatar's manifest."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QTextDocument

from app.panels.basis_strip import BasisStrip


def sheet(side=16, rows=2, columns=3) -> str:
    """Rows of flat colour: red, then green."""
    picture = np.zeros((rows * side, columns * side, 3), np.uint8)
    picture[:side, :, 0], picture[side:, :, 1] = 220, 220
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95)
    return base64.b64encode(buffer.getvalue()).decode()


def row(**changes):
    return {"controls": ["lip.00", "exp.00"], "sigmas": [-2.0, 0.0, 2.0], "side_px": 16, "jpeg": sheet()} | changes


def test_each_control_has_its_own_row_of_faces(qapp):
    strip = BasisStrip(row())
    lip, mood = strip.picture("lip.00"), strip.picture("exp.00")
    assert (lip.width(), lip.height()) == (48, 16)
    assert lip.pixelColor(20, 8).red() > 180 > lip.pixelColor(20, 8).green()
    assert mood.pixelColor(20, 8).green() > 180 > mood.pixelColor(20, 8).red()
    assert "lip.00" in strip and "au.45" not in strip and strip.picture("au.45").isNull()


def test_the_tooltip_shows_faces_over_the_words(qapp):
    tip = BasisStrip(row()).tip("lip.00", "Jaw opens, driven 0 & yours 1")
    assert "driven 0 &amp; yours 1" in tip and "\N{MINUS SIGN}2" in tip and "rest" in tip
    document = QTextDocument()
    document.setHtml(tip)
    assert document.size().width() >= 48


@pytest.mark.parametrize(
    "broken",
    [{}, row(jpeg="???"), row(jpeg=sheet(rows=3)), row(side_px=100_000), row(sigmas="many"), row(controls=[])],
)
def test_a_sheet_that_does_not_fit_leaves_the_words(qapp, broken):
    strip = BasisStrip(broken)
    assert strip.tip("lip.00", "Jaw opens") == "Jaw opens" and "lip.00" not in strip
