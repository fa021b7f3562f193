"""The pictures of a job side by side: as filmed, as the avatar shows it by now, and what the tracking found."""

from collections import deque
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPainterPath
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.jobs.look import Pair
from app.jobs.looker import Frame
from app.theme.buttons import IconButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, SIZES, TYPE

KEPT, KEPT_SIDE = 24, 384
GAP, MARGIN = 4, 8
TALL, HIGH = 1.05, 1.25
"""Height of a picture by its width at most, and room by that height from which one is shown large."""


@dataclass(frozen=True)
class Shown:
    """One picture with its caption; `badge` is a figure in its corner, `empty` what is said while there is none."""

    caption: str
    picture: QImage
    badge: str = ""
    empty: str = "Not yet"


class PicturesPanel(QFrame):
    """Fed by `show_frame` and `show_pair`; earlier pictures of a training can be stepped through.

    Signals: `whole_wanted` when a picture is to be seen in full: its QImage.
    """

    whole_wanted = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._frame: Frame | None = None
        self._pairs: deque[Pair] = deque(maxlen=KEPT)
        self._back = 0
        self._is_training = False
        self.setProperty("role", "panel")
        self.setAccessibleName("Pictures so far")
        head = QWidget()
        head.setFixedHeight(SIZES.panel_head)
        line = QHBoxLayout(head)
        line.setContentsMargins(12, 0, 8, 0)
        line.setSpacing(8)
        self.title = Words(theme, "", TYPE.base, SEMIBOLD)
        self.words = Words(theme, "", TYPE.secondary, tone="t2")
        self.earlier = IconButton(theme, "skip-previous", "Earlier picture", why="As the training went along.")
        self.later = IconButton(theme, "skip-next", "Later picture")
        self.earlier.clicked.connect(lambda: self._step(1))
        self.later.clicked.connect(lambda: self._step(-1))
        line.addWidget(self.title)
        line.addWidget(self.words)
        line.addStretch()
        line.addWidget(self.earlier)
        line.addWidget(self.later)
        self.row = PictureRow(theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(rule())
        column.addWidget(self.row, 1)
        self._show()

    def begin(self, is_training: bool) -> None:
        """Another job: nothing is known of it yet."""
        self._frame, self._back, self._is_training = None, 0, is_training
        self._pairs.clear()
        self._show()

    def show_frame(self, frame: Frame) -> None:
        self._frame = frame
        self._show()

    def show_pair(self, pair: Pair) -> None:
        """A newer picture of a training; who looks at an earlier one keeps it."""
        self._pairs.append(Pair(_small(pair.target), _small(pair.render), pair.psnr_db))
        self._back = min(self._back + 1, len(self._pairs) - 1) if self._back else 0
        self._show()

    def _step(self, by: int) -> None:
        self._back = min(max(self._back + by, 0), max(0, len(self._pairs) - 1))
        self._show()

    def _show(self) -> None:
        frame, null = self._frame, QImage()
        tracked = Shown("Tracking", frame.tracked if frame else null, empty="Not tracked yet")
        masked = Shown("Cut out", frame.masked if frame else null, empty="Not cut out yet")
        filmed = Shown("Video", frame.filmed if frame else null)
        at = len(self._pairs) - 1 - self._back
        if self._is_training:
            pair = self._pairs[at] if self._pairs else None
            target = Shown("Video", pair.target) if pair else filmed
            badge = f"{pair.psnr_db:.1f} dB" if pair else ""
            so_far = Shown("Avatar so far", pair.render if pair else null, badge, "The first picture comes soon")
            pictures = [target, so_far, tracked if not tracked.picture.isNull() else masked]
            self.title.setText("Avatar so far")
            n = len(self._pairs)
            self.words.setText("A new picture about every 45 s" if n < 2 else f"Picture {at + 1} of {n} seen here")
        else:
            pictures = [tracked if not tracked.picture.isNull() else filmed, filmed, masked]
            self.title.setText(f"Frame {frame.index + 1:,}" if frame else "Frames")
            self.words.setText("As filmed, cut out and tracked")
        for button, shown, can in ((self.earlier, self._is_training, self._back < len(self._pairs) - 1),
                                   (self.later, self._is_training, self._back > 0)):  # fmt: skip
            button.setVisible(shown and len(self._pairs) > 1)
            button.setEnabled(can)
        self.row.show_pictures(pictures, not self._is_training)


class PictureRow(QWidget):
    """Pictures of equal width, square by nature, each with its caption below left."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.pictures: list[Shown] = []
        self.is_one_large = False
        self.setMinimumHeight(180)
        theme.changed.connect(self.update)

    def show_pictures(self, pictures: list[Shown], is_one_large: bool = False) -> None:
        """`is_one_large`: the first may be larger than the others, which are not compared with it."""
        self.pictures, self.is_one_large = pictures, is_one_large
        said = (f"{p.caption}: {p.badge or ('shown' if not p.picture.isNull() else p.empty)}" for p in pictures)
        self.setAccessibleDescription("; ".join(said))
        self.update()

    def places(self) -> list[QRectF]:
        """Where each picture stands: beside each other; where it is high enough, the first large and two beside it."""
        n = max(1, len(self.pictures))
        room, most = self.width() - 2 * MARGIN, self.height() - 2 * MARGIN
        width = (room - GAP * (n - 1)) / n
        height = min(most, width * TALL)
        if self.is_one_large and n == 3 and most > HIGH * height:
            side = min(most, (room - GAP / 2) * 2 / 3)
            small = (side - GAP) / 2
            left, top = (self.width() - side - GAP - small) / 2, (self.height() - side) / 2
            beside = left + side + GAP
            return [QRectF(left, top, side, side), QRectF(beside, top, small, small),
                    QRectF(beside, top + small + GAP, small, small)]  # fmt: skip
        top = (self.height() - height) / 2
        return [QRectF(MARGIN + i * (width + GAP), top, width, height) for i in range(len(self.pictures))]

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        theme = self._theme
        for shown, place in zip(self.pictures, self.places(), strict=True):
            edge = QPainterPath()
            edge.addRoundedRect(place, SIZES.radius, SIZES.radius)
            painter.fillPath(edge, theme.color("field"))
            if shown.picture.isNull():
                painter.setFont(theme.font(TYPE.secondary))
                painter.setPen(theme.color("t3"))
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, shown.empty)
            else:
                painter.save()
                painter.setClipPath(edge)
                painter.drawImage(place, shown.picture, covering(shown.picture, place))
                painter.restore()
            bottom = place.bottom() - 8
            self._chip(
                painter, shown.caption, place.left() + 8, bottom - 24, "panel", "t1", max_width=place.width() - 16
            )
            if shown.badge:
                self._chip(
                    painter, shown.badge, place.right() - 8, place.top() + 8, "voice_soft", "voice", to_left=True
                )

    def _chip(
        self, painter: QPainter, words: str, x: float, y: float, ground: str, ink: str, to_left: bool = False,
        max_width: float = 200.0,
    ) -> None:  # fmt: skip
        font = self._theme.font(TYPE.secondary, MEDIUM)
        metrics = QFontMetricsF(font)
        words = metrics.elidedText(words, Qt.TextElideMode.ElideRight, max_width - 16)
        width = metrics.horizontalAdvance(words) + 16
        chip = QRectF(x - width if to_left else x, y, width, 24)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color(ground))
        painter.drawRoundedRect(chip, SIZES.radius_field, SIZES.radius_field)
        painter.setFont(font)
        painter.setPen(self._theme.color(ink))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, words)


def covering(picture: QImage, place: QRectF) -> QRectF:
    """The part of a picture that fills a place, cut alike at both sides, more below than above."""
    scale = max(place.width() / picture.width(), place.height() / picture.height())
    width, height = place.width() / scale, place.height() / scale
    return QRectF((picture.width() - width) / 2, (picture.height() - height) / 3, width, height)


def _small(picture: QImage) -> QImage:
    if max(picture.width(), picture.height()) <= KEPT_SIDE:
        return picture
    smooth = Qt.TransformationMode.SmoothTransformation
    return picture.scaled(KEPT_SIDE, KEPT_SIDE, Qt.AspectRatioMode.KeepAspectRatio, smooth)
