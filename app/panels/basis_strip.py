"""The basis strip of an avatar: small faces that show what a coefficient does, for the tooltip of its row."""

import base64
import binascii
import html
from typing import Any

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage, QImageReader

MAX_BYTES, MAX_SIDE_PX, MAX_ROWS = 8 << 20, 256, 512


class BasisStrip:
    """One sheet of pictures from an avatar's manifest; what does not fit together shows nothing.

    Args:
        row: `Manifest.basis_strip`: `controls`, `sigmas`, `side_px` and the sheet as a JPEG in base64.
    """

    def __init__(self, row: dict[str, Any]) -> None:
        self._rows: dict[str, int] = {}
        self._sigmas: list[float] = []
        self._side = 0
        self._jpeg = b""
        self._sheet: QImage | None = None
        try:
            names, sigmas = [str(n) for n in row["controls"]], [float(s) for s in row["sigmas"]]
            side, text = int(row["side_px"]), str(row["jpeg"])
            fits = 0 < len(names) <= MAX_ROWS and 0 < len(sigmas) <= 9 and 8 <= side <= MAX_SIDE_PX
            if fits and len(text) <= MAX_BYTES:
                self._jpeg = base64.b64decode(text, validate=True)
                self._rows = {name: i for i, name in enumerate(names)}
                self._sigmas, self._side = sigmas, side
        except (KeyError, TypeError, ValueError, binascii.Error):
            self._rows = {}

    def __contains__(self, name: str) -> bool:
        return name in self._rows and self._whole() is not None

    def picture(self, name: str) -> QImage:
        """The faces of one control side by side; a null image where there are none."""
        sheet = self._whole()
        if sheet is None or name not in self._rows:
            return QImage()
        return sheet.copy(0, self._rows[name] * self._side, len(self._sigmas) * self._side, self._side)

    def tip(self, name: str, words: str) -> str:
        """A tooltip with the faces over the words, as rich text; the words alone where there are none."""
        picture = self.picture(name)
        if picture.isNull():
            return words
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture.save(buffer, "PNG")
        image = f'<img src="data:image/png;base64,{bytes(data.toBase64()).decode()}">'
        heads = "".join(f'<td width="{self._side}" align="center">{_sigma(s)}</td>' for s in self._sigmas)
        n = len(self._sigmas)
        faces = f'<tr><td colspan="{n}">{image}</td></tr><tr>{heads}</tr>'
        return f'<table cellspacing="0" cellpadding="0">{faces}</table><p>{html.escape(words)}</p>'

    def _whole(self) -> QImage | None:
        if self._sheet is None and self._jpeg:
            buffer = QBuffer()
            buffer.setData(self._jpeg)
            buffer.open(QIODevice.OpenModeFlag.ReadOnly)
            reader = QImageReader(buffer, b"jpeg")
            wanted = (len(self._sigmas) * self._side, len(self._rows) * self._side)
            if (reader.size().width(), reader.size().height()) == wanted:
                self._sheet = reader.read()
            self._jpeg = b""
        return None if self._sheet is None or self._sheet.isNull() else self._sheet


def _sigma(value: float) -> str:
    return "rest" if value == 0 else f"{value:+g} \N{GREEK SMALL LETTER SIGMA}".replace("-", "\N{MINUS SIGN}")
