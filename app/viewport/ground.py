"""What stands behind a face in the viewport: studio ground, checker, a colour or a picture, as one ready image."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QImageReader, QPainter

from engine.errors import MouthpieceError
from engine.manifest import Manifest

CENTRE = (0.5, 0.42)
"""Where the radial ground is lightest, as parts of width and height."""
SIZE_STEP_PX = 64
CHECK_PX = 12
MAX_PICTURE_BYTES = 64 << 20

# Threshold matrix of an ordered dither, 4x4, mean zero: keeps the slow gradient free of bands.
_BAYER = (
    np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], dtype=np.float32) / 16.0 - 15 / 32
)  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """A choice of the background menu.

    Attributes:
        kind: `studio`, `checker`, `plate` (the avatar's own), `color` or `picture`.
        color: `#rrggbb`, for `color`.
        picture: for `picture`.
    """

    kind: str = "studio"
    color: str = "#2b2d31"
    picture: Path | None = None

    @property
    def title(self) -> str:
        if self.kind == "picture":
            return self.picture.name if self.picture else "Picture"
        return {"studio": "Studio grey", "checker": "Checker", "plate": "Avatar's own", "color": "Colour"}[self.kind]


def ground_image(ground: Ground, width: int, height: int, scale: float, tokens) -> QImage:
    """The ground at device pixels, opaque RGB32.

    Args:
        width, height: device pixels.
        scale: device pixels for one logical pixel, for the size of the checks.
        tokens: of the theme.

    Raises:
        MouthpieceError: if the picture cannot be read.
    """
    width, height = max(1, width), max(1, height)
    if ground.kind == "color":
        image = QImage(width, height, QImage.Format.Format_RGB32)
        image.fill(QColor(ground.color))
        return image
    if ground.kind == "picture" and ground.picture is not None:
        return _covering(_read_picture(ground.picture), width, height)
    if ground.kind == "checker":
        return _checker(width, height, max(1, round(CHECK_PX * scale)), tokens)
    return _radial(width, height, tokens.ground_centre, tokens.ground_edge)


def composed_background(ground: Ground, manifest: Manifest | None, tokens) -> tuple[int, int, int] | Path | None:
    """What the performer puts behind the face: colours and pictures; studio and checker lie behind a frame with alpha.

    None is the avatar's own.
    """
    if ground.kind == "picture":
        return ground.picture
    brings_plate = ground.kind not in ("color", "plate") and manifest is not None and manifest.background == "plate"
    if ground.kind != "color" and not brings_plate:
        return None
    color = QColor(ground.color if ground.kind == "color" else tokens.ground_centre)  # else its plate would come along
    return color.red(), color.green(), color.blue()


def _radial(width: int, height: int, centre: str, edge: str) -> QImage:
    """An ellipse of light that reaches the edge colour in the farthest corner.

    It is the middle of one whose sides are whole steps, so that a viewport being resized makes few of them.
    """
    whole_width, whole_height = (-(-side // SIZE_STEP_PX) * SIZE_STEP_PX for side in (width, height))
    whole = _whole_radial(whole_width, whole_height, centre, edge)
    return whole.copy((whole_width - width) // 2, (whole_height - height) // 2, width, height)


@lru_cache(maxsize=4)
def _whole_radial(width: int, height: int, centre: str, edge: str) -> QImage:
    x = (np.arange(width, dtype=np.float32) + 0.5) / width - CENTRE[0]
    y = (np.arange(height, dtype=np.float32) + 0.5) / height - CENTRE[1]
    reach_x, reach_y = (math.sqrt(2) * max(place, 1 - place) for place in CENTRE)
    part = np.minimum(1.0, np.sqrt((x / reach_x)[None] ** 2 + (y / reach_y)[:, None] ** 2))
    dither = np.tile(_BAYER + 0.5, (-(-height // 4), -(-width // 4)))[:height, :width]  # above 0, below 1: no clipping
    pixels = np.empty((height, width, 4), dtype=np.uint8)
    first, last = QColor(centre), QColor(edge)
    for channel, (a, b) in enumerate(
        ((first.blue(), last.blue()), (first.green(), last.green()), (first.red(), last.red()))
    ):
        plane = (b - a) * part
        plane += dither
        plane += a
        pixels[..., channel] = plane
    pixels[..., 3] = 255
    return _image(pixels)


def _checker(width: int, height: int, side: int, tokens) -> QImage:
    colors = [QColor(tokens.ground_centre), QColor(tokens.ground_edge)]
    rows, columns = np.arange(height) // side, np.arange(width) // side
    odd = (rows[:, None] + columns[None]) % 2
    table = np.array([[c.blue(), c.green(), c.red(), 255] for c in colors], dtype=np.uint8)
    return _image(table[odd])


def _read_picture(path: Path) -> QImage:
    if path.is_file() and path.stat().st_size > MAX_PICTURE_BYTES:
        raise MouthpieceError(f"{path} is larger than 64 MB; choose a smaller picture.")
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    image = reader.read()
    if image.isNull():
        raise MouthpieceError(f"{path} cannot be read as a picture ({reader.errorString()}); choose another one.")
    return image.convertToFormat(QImage.Format.Format_RGB32)


def _covering(picture: QImage, width: int, height: int) -> QImage:
    scaled = picture.scaled(
        width, height, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
    )
    image = QImage(width, height, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    left, top = (scaled.width() - width) // 2, (scaled.height() - height) // 2
    painter.drawImage(QRect(0, 0, width, height), scaled, QRect(left, top, width, height))
    painter.end()
    return image


def _image(pixels: np.ndarray) -> QImage:
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGB32).copy()
