"""Draws the program's icon for every system: python packaging/icons.py FOLDER."""

import sys
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from app.windows.logo import draw_logo

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
FILE_KINDS = ("application-x-mouthpiece-avatar", "application-x-mouthpiece-project", "application-x-mouthpiece-take")


def main(folder: Path) -> None:
    _application = QGuiApplication([])
    for side in SIZES:
        image = QImage(side, side, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        draw_logo(painter, QRectF(0, 0, side, side))
        painter.end()
        sized = folder / "hicolor" / f"{side}x{side}"
        for kind, name in (("apps", "mouthpiece"), *(("mimetypes", name) for name in FILE_KINDS)):
            (sized / kind).mkdir(parents=True, exist_ok=True)
            image.save(str(sized / kind / f"{name}.png"))
    largest = Image.open(folder / "hicolor" / "512x512" / "apps" / "mouthpiece.png")
    largest.save(folder / "mouthpiece.ico", sizes=[(side, side) for side in SIZES if side <= 256])
    largest.save(folder / "mouthpiece.icns")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
