"""The page of a method's own maps: a UV map with the face of the moment in it, planes of features."""

import base64

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.theme.buttons import Words
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE

AGAIN_AFTER_MS = 200
LOST_AFTER_MS = 5000  # an answer that never comes, from a performer that was started anew
MOST_HEIGHT = 300
NO_MAPS = "Avatars of this method keep no maps: each splat has its own numbers."


class MapsPage(QWidget):
    """Follows the face while it is shown: the next maps are asked for a moment after the last ones came."""

    def __init__(self, theme: Theme, session) -> None:
        super().__init__()
        self._theme, self._session = theme, session
        self._rows: list[MapRow] = []
        inner = QWidget()
        inner.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._inner = QVBoxLayout(inner)
        self._inner.setContentsMargins(12, 12, 12, 12)
        self._inner.setSpacing(16)
        self._none = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        self._inner.addWidget(self._none)
        self._inner.addStretch()
        area = OverlayScrollArea()
        area.setWidget(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._ask)
        session.performer_said.connect(self._on_said)
        session.avatar_opened.connect(self._on_avatar_opened)
        self._show([], "Open an avatar to see its maps." if session.manifest is None else "Drawing the maps …")

    @property
    def pictures(self) -> dict[str, QImage]:
        """What is shown, by title."""
        return {row.title: row.image for row in self._rows}

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._ask()

    def hideEvent(self, event) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _ask(self) -> None:
        if self.isVisible() and self._session.manifest is not None:
            self._session.ask("maps")
            self._timer.start(LOST_AFTER_MS)

    def _on_avatar_opened(self, manifest) -> None:
        self._show([], "Drawing the maps …")
        self._ask()

    def _on_said(self, event: dict) -> None:
        if event.get("event") != "maps":
            return
        if event["maps"] is not None and self._session.manifest is not None:
            self._show(event["maps"], NO_MAPS)
        if self.isVisible():
            self._timer.start(AGAIN_AFTER_MS)

    def _show(self, maps: list[dict], words: str) -> None:
        if [row.title for row in self._rows] != [one["title"] for one in maps]:
            for row in self._rows:
                row.hide()
                row.deleteLater()
            self._rows = [MapRow(self._theme, one["title"], one["words"]) for one in maps]
            for number, row in enumerate(self._rows):
                self._inner.insertWidget(number, row)
        for row, one in zip(self._rows, maps, strict=True):
            row.show_picture(QImage.fromData(base64.b64decode(one["png"])))
        self._none.setText("" if maps else words)
        self._none.setVisible(not maps)


class MapRow(QWidget):
    """A map with its name above and what it shows below."""

    def __init__(self, theme: Theme, title: str, words: str) -> None:
        super().__init__()
        self.title = title
        self._picture = _Picture(theme, title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(Words(theme, title, TYPE.base, MEDIUM))
        column.addWidget(self._picture)
        column.addWidget(Words(theme, words, TYPE.secondary, tone="t2", wrap=True))

    @property
    def image(self) -> QImage:
        return self._picture.image

    def show_picture(self, image: QImage) -> None:
        self._picture.show_picture(image)


class _Picture(QWidget):
    """Fills the page's width, with the picture's own shape; single texels stay square."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme, self.image = theme, QImage()
        self.setAccessibleName(name)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_picture(self, image: QImage) -> None:
        has_new_shape = image.size() != self.image.size()
        self.image = image
        if has_new_shape:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(200))

    def heightForWidth(self, width: int) -> int:
        if self.image.isNull():
            return 80
        return min(MOST_HEIGHT, round(width * self.image.height() / self.image.width()))

    def paintEvent(self, event) -> None:
        painter, place = QPainter(self), QRectF(self.rect())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("field"))
        painter.drawRoundedRect(place, 4, 4)
        if self.image.isNull():
            return
        scale = min(place.width() / self.image.width(), place.height() / self.image.height())
        width, height = self.image.width() * scale, self.image.height() * scale
        target = QRectF((place.width() - width) / 2, (place.height() - height) / 2, width, height)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 1)
        painter.drawImage(target, self.image)
