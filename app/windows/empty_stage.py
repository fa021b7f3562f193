"""What stands on the stage while no avatar does: a head of points, and the ways to put a face there."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPen, QPixmap, QRadialGradient
from PySide6.QtWidgets import QAbstractButton, QVBoxLayout, QWidget

from app.theme.buttons import Words
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, SIZES, TYPE

CHOICE_WIDTH, CHOICE_HEIGHT = 396, 56
DOT = 0.8
SLOW_AFTER_MS = 8_000
SLOW_WORDS = "The first start on a machine takes a minute or two, once."


class EmptyStage(QWidget):
    """Covers the viewport until an avatar is open."""

    shipped_wanted = Signal(object)
    open_wanted = Signal()
    video_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shipped: Path | None = None
        self._opening, self._is_slow = "", False
        self._slow = QTimer(self, interval=SLOW_AFTER_MS, singleShot=True)
        self._slow.timeout.connect(self._say_slow)
        self._head = QPixmap()
        self._head_key: tuple = ()
        self.setAccessibleName("Empty stage")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addStretch(60)
        self._title = Words(theme, "Put a face on stage", TYPE.empty_title, SEMIBOLD)
        self._sentence = Words(theme, "Open an avatar and talk. Its mouth moves with yours.", 13, tone="t2")
        column.addWidget(self._title, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._sentence, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        self.meet = Choice(theme, "play-circle-outline", "Meet the avatar", "The one that comes with Mouthpiece",
                           "Enter", is_primary=True)  # fmt: skip
        self.meet.clicked.connect(lambda: self.shipped_wanted.emit(self._shipped))
        self.open = Choice(theme, "folder-open-outline", "Open an avatar", "An .avatar file, or drop it here", "Ctrl+O")
        self.open.clicked.connect(self.open_wanted)
        meaning = "One to five minutes of a person talking"
        self.make = Choice(theme, "video-plus-outline", "Make one from a video", meaning, "Ctrl+Shift+N")
        self.make.clicked.connect(self.video_wanted)
        for choice in (self.meet, self.open, self.make):
            column.addWidget(choice, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(22)
        self.meet.hide()
        theme.changed.connect(self._on_theme_changed)

    def show_shipped(self, path: Path | None, name: str = "") -> None:
        """Offers the avatar that comes with the program, if there is one."""
        self._shipped = path
        self.meet.set_title(f"Meet {name}" if name else "Meet the avatar")
        self._show()

    def show_opening(self, name: str) -> None:
        """While an avatar is being read the choices wait; an empty name ends that."""
        self._opening, self._is_slow = name, False
        if name:
            self._slow.start()
        else:
            self._slow.stop()
        self._show()

    def _say_slow(self) -> None:
        self._is_slow = True
        self._show()

    def _show(self) -> None:
        busy = bool(self._opening)
        self._title.setText(f"Opening {self._opening}" if busy else "Put a face on stage")
        self._sentence.setText(
            (SLOW_WORDS if self._is_slow else "It takes a few seconds.")
            if busy
            else "Open an avatar and talk. Its mouth moves with yours."
        )
        self.meet.setVisible(not busy and self._shipped is not None)
        self.open.setVisible(not busy)
        self.make.setVisible(not busy)

    def _on_theme_changed(self) -> None:
        self._head_key = ()
        self.update()

    def keyPressEvent(self, event) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.meet.isVisible():
            self.meet.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self._theme.color("app"))
        box = QRectF(self.rect())
        ground = QRadialGradient(QPointF(box.width() * 0.5, box.height() * 0.42), max(box.width(), box.height()) * 0.62)
        ground.setColorAt(0, self._theme.color("ground_centre"))
        ground.setColorAt(1, self._theme.color("ground_edge"))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, SIZES.radius, SIZES.radius)
        room = self._title.y() - 24
        if room > 80 and not self._opening:
            side = min(room, 320)
            self._paint_head(painter, QRectF((box.width() - side) / 2, self._title.y() - side - 12, side, side))

    def _paint_head(self, painter: QPainter, rect: QRectF) -> None:
        scale = self.devicePixelRatioF()
        key = (round(rect.width()), scale, self._theme.tokens.name)
        if key != self._head_key:
            self._head_key = key
            self._head = QPixmap(round(rect.width() * scale), round(rect.height() * scale))
            self._head.setDevicePixelRatio(scale)
            self._head.fill(Qt.GlobalColor.transparent)
            inner = QPainter(self._head)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            inner.setPen(Qt.PenStyle.NoPen)
            color = self._theme.color("t1")
            for x, y, light in head_points():
                color.setAlphaF(float(0.12 + 0.6 * light))
                inner.setBrush(color)
                inner.drawEllipse(QPointF(x * rect.width(), y * rect.height()), DOT, DOT)
            inner.end()
        painter.drawPixmap(rect.topLeft(), self._head)


class Choice(QAbstractButton):
    """396 x 56: icon, title, a line of what it means, the key."""

    def __init__(self, theme: Theme, icon: str, title: str, meaning: str, key: str, is_primary: bool = False) -> None:
        super().__init__()
        self._theme, self._icon, self._title, self._meaning = theme, icon, title, meaning
        self._key, self._is_primary = key, is_primary
        self.setFixedSize(CHOICE_WIDTH, CHOICE_HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(f"{title}. {meaning}")
        theme.changed.connect(self.update)

    def set_title(self, title: str) -> None:
        self._title = title
        self.setAccessibleName(f"{title}. {self._meaning}")
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        hovered, focused = self.underMouse(), self.hasFocus()
        if self._is_primary:
            edge, ground, text, meaning = "fill", "fill_hover" if hovered else "fill", "on_fill", "on_fill"
        else:
            edge, ground, text, meaning = "line2", "head" if hovered else "panel", "t1", "t2"
        painter.setPen(QPen(theme.color("t1" if focused else edge), 2 if focused else 1))
        painter.setBrush(theme.color(ground))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        draw_glyph(painter, QRectF(16, 17, 22, 22), self._icon, theme.color(text if self._is_primary else "t2"))
        painter.setPen(theme.color(text))
        painter.setFont(theme.font(TYPE.card_title, SEMIBOLD))
        painter.drawText(QRectF(51, 11, 240, 18), flags.AlignVCenter, self._title)
        painter.setPen(theme.color(meaning))
        painter.setFont(theme.font(TYPE.secondary))
        painter.drawText(QRectF(51, 29, 260, 16), flags.AlignVCenter, self._meaning)
        words = self._key.replace("+", " ")
        painter.setFont(theme.mono(TYPE.caption))
        width = painter.fontMetrics().horizontalAdvance(words) + 10
        cap = QRectF(self.width() - 16 - width, 19.5, width, 17)
        painter.setPen(QPen(theme.color("on_fill" if self._is_primary else "line2"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush if self._is_primary else theme.color("raised"))
        painter.drawRoundedRect(cap, 3, 3)
        painter.setPen(theme.color(text))
        painter.drawText(cap, flags.AlignCenter, words)

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)


PARTS = (
    # centre, radii (head heights; x right, y up, z to the viewer): skull, face, jaw, chin, nose, brow, ears, neck, bust
    ((0.0, 0.66, -0.07), (0.215, 0.235, 0.255)),
    ((0.0, 0.52, 0.06), (0.175, 0.22, 0.165)),
    ((0.0, 0.385, 0.07), (0.135, 0.115, 0.135)),
    ((0.0, 0.315, 0.155), (0.05, 0.045, 0.05)),
    ((0.0, 0.505, 0.235), (0.026, 0.06, 0.035)),
    ((0.0, 0.475, 0.26), (0.032, 0.025, 0.03)),
    ((0.0, 0.6, 0.175), (0.13, 0.03, 0.05)),
    ((0.0, 0.41, 0.195), (0.062, 0.022, 0.035)),
    ((0.205, 0.53, -0.03), (0.022, 0.065, 0.045)),
    ((-0.205, 0.53, -0.03), (0.022, 0.065, 0.045)),
    ((0.0, 0.22, -0.05), (0.105, 0.2, 0.11)),
    ((0.0, -0.03, -0.09), (0.46, 0.13, 0.15)),
)
BLEND, CELL = 0.035, 0.011
LIGHT = np.array([-0.62, 0.42, 0.66])
TURN_DEG = -28.0


@lru_cache(maxsize=1)
def head_points(n: int = 9000) -> np.ndarray:
    """Points on a smoothly joined bust turned a little aside, `[m, 3]`: x and y 0 to 1, light 0 to 1.

    Random points are drawn onto the surface of a smooth union of ellipsoids by Newton steps along its gradient.
    """
    random = np.random.default_rng(7)
    points = random.uniform((-0.5, -0.12, -0.36), (0.5, 0.93, 0.32), size=(n, 3))
    for _ in range(9):
        distance, gradient = _distance(points)
        points = points - gradient * np.clip(distance, -0.08, 0.08)[:, None]
    distance, normals = _distance(points)
    _, apart = np.unique(np.floor(points / CELL).astype(int), axis=0, return_index=True)  # no crowds in the folds
    on = apart[(np.abs(distance[apart]) < 0.004) & (points[apart, 1] > -0.1)]
    points, normals = points[on], normals[on]
    turn = np.radians(TURN_DEG)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    points, normals = points @ rotation.T, normals @ rotation.T
    facing = normals[:, 2] > 0.02
    points, normals = points[facing], normals[facing]
    light = np.clip(normals @ LIGHT, 0, 1) ** 1.4
    fade = np.clip((points[:, 1] + 0.08) / 0.3, 0.12, 1)
    return np.stack([0.5 + points[:, 0], 0.94 - points[:, 1], light * fade], axis=1)


def _distance(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Approximate signed distance to the smooth union and its unit gradient, `[n]` and `[n, 3]`."""
    distances, gradients = [], []
    for centre, radii in PARTS:
        scaled = (points - np.asarray(centre)) / np.asarray(radii)
        length = np.linalg.norm(scaled, axis=1) + 1e-9
        slope = scaled / np.asarray(radii) / length[:, None]
        steepness = np.linalg.norm(slope, axis=1) + 1e-9
        distances.append((length - 1) / steepness)
        gradients.append(slope / steepness[:, None])
    distances, gradients = np.array(distances), np.array(gradients)
    nearest = distances.min(axis=0)
    weights = np.exp(-(distances - nearest) / BLEND)
    total = weights.sum(axis=0)
    gradient = (weights[:, :, None] * gradients).sum(axis=0)
    gradient /= np.linalg.norm(gradient, axis=1, keepdims=True) + 1e-9
    return nearest - BLEND * np.log(total), gradient
