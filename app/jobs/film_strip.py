"""A film from its first frame to its last: small pictures, and below them which frames are of use."""

import numpy as np
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.jobs.look import Film
from app.jobs.pictures import covering
from app.jobs.steps import clock
from app.theme.buttons import Words, rule
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, SIZES, TYPE
from engine.capture.checks import BLURRED, FINE, HIDDEN, Quality

GAP, MARGIN, BAR, MARK = 4, 12, 10, 3
MOST_HEIGHT = 200
TONES = {FINE: "voice_bar", BLURRED: "warn", HIDDEN: "err"}


class FilmPanel(QFrame):
    """Frame by frame; `frame_chosen` tells which one is to be looked at."""

    frame_chosen = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setAccessibleName("Capture, frame by frame")
        self.setMaximumHeight(MOST_HEIGHT)
        head = QWidget()
        head.setFixedHeight(SIZES.panel_head)
        line = QHBoxLayout(head)
        line.setContentsMargins(12, 0, 12, 0)
        line.setSpacing(14)
        line.addWidget(Words(theme, "Capture, frame by frame", TYPE.base, SEMIBOLD))
        self.hidden, self.blurred = _Mark(theme, "err"), _Mark(theme, "warn")
        line.addWidget(self.hidden)
        line.addWidget(self.blurred)
        line.addStretch()
        self.length = Words(theme, "", TYPE.secondary, tone="t2")
        line.addWidget(self.length)
        self.strip = FilmStrip(theme)
        self.strip.frame_chosen.connect(self.frame_chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(rule())
        column.addWidget(self.strip, 1)

    def begin(self) -> None:
        """Another job: nothing is known of it yet."""
        self.strip.begin()
        self.length.setText("")
        self.show_quality(None)

    def show_film(self, film: Film) -> None:
        self.strip.show_film(film)
        self.length.setText(clock(film.seconds))

    def show_quality(self, quality: Quality | None) -> None:
        self.strip.show_quality(quality)
        counts = [0, 0] if quality is None else [int((quality.frames == kind).sum()) for kind in (HIDDEN, BLURRED)]
        self.hidden.show_words(f"Face hidden in {counts[0]:,} frames" if counts[0] else "")
        self.blurred.show_words(f"Blurred, {counts[1]:,} of those looked at" if counts[1] else "")


class FilmStrip(QWidget):
    """Pictures and bar; a click or drag chooses a frame, arrows go on by one, with Ctrl by a second."""

    frame_chosen = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._film: Film | None = None
        self._small: list[tuple[int, QImage]] = []
        self._frames: np.ndarray | None = None
        self.chosen: int | None = None
        self.setMinimumHeight(96)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Frames of the film")
        theme.changed.connect(self.update)

    def begin(self) -> None:
        self._film, self._small, self._frames, self.chosen = None, [], None, None
        self.update()

    def show_film(self, film: Film) -> None:
        self._film = film
        self.update()

    def show_small(self, small: list[tuple[int, QImage]]) -> None:
        self._small = small
        self.update()

    def show_quality(self, quality: Quality | None) -> None:
        self._frames = None if quality is None else quality.frames
        self.update()

    def show_frame(self, index: int) -> None:
        """Marks the frame that is looked at."""
        if index != self.chosen:
            self.chosen = index
            self.setAccessibleDescription(f"Frame {index + 1:,}")
            self.update()

    def frame_at(self, x: float) -> int | None:
        if self._film is None or self.width() <= 2 * MARGIN:
            return None
        part = (x - MARGIN) / (self.width() - 2 * MARGIN)
        return min(max(int(part * self._film.n_frames), 0), self._film.n_frames - 1)

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if self._film is None:
            painter.setFont(theme.font(TYPE.secondary))
            painter.setPen(theme.color("t3"))
            painter.drawText(
                QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, "The film appears here once it is read."
            )
            return
        bar = QRectF(MARGIN, self.height() - MARGIN - BAR, self.width() - 2 * MARGIN, BAR)
        self._paint_pictures(painter, QRectF(MARGIN, 10, bar.width(), bar.top() - 16))
        self._paint_bar(painter, bar)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("acc"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(4, 3, -4, -3), 4, 4)

    def _paint_pictures(self, painter: QPainter, room: QRectF) -> None:
        theme, n = self._theme, len(self._small)
        if not n:
            painter.setFont(theme.font(TYPE.secondary))
            painter.setPen(theme.color("t3"))
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, "Reading the video…")
            return
        width = (room.width() - GAP * (n - 1)) / n
        nearest = None if self.chosen is None else min(range(n), key=lambda i: abs(self._small[i][0] - self.chosen))
        for i, (_, picture) in enumerate(self._small):
            place = QRectF(room.left() + i * (width + GAP), room.top(), width, room.height())
            edge = QPainterPath()
            edge.addRoundedRect(place, SIZES.radius_field, SIZES.radius_field)
            painter.save()
            painter.setClipPath(edge)
            painter.drawImage(place, picture, covering(picture, place))
            painter.restore()
            if i == nearest:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(theme.color("acc"), 2))
                painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), SIZES.radius_field, SIZES.radius_field)

    def _paint_bar(self, painter: QPainter, bar: QRectF) -> None:
        """One tick every three pixels, of the worst that befell a frame there."""
        theme, film = self._theme, self._film
        n = max(1, int(bar.width() // MARK))
        step = bar.width() / n
        for i in range(n):
            first, last = (
                int(i * film.n_frames / n),
                max(int((i + 1) * film.n_frames / n), int(i * film.n_frames / n) + 1),
            )
            kind = FINE if self._frames is None else int(self._frames[first:last].max(initial=FINE))
            tone = theme.color("rail") if self._frames is None else theme.color(TONES[kind])
            if kind == FINE and self._frames is not None:
                tone.setAlphaF(0.55)
            painter.fillRect(QRectF(bar.left() + i * step, bar.top(), step - 1, bar.height()), tone)
        if self.chosen is not None:
            x = bar.left() + bar.width() * (self.chosen + 0.5) / film.n_frames
            painter.fillRect(QRectF(x - 1, bar.top() - 3, 2, bar.height() + 6), theme.color("t1"))

    def mousePressEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self.frame_at(event.position().x()))

    def mouseMoveEvent(self, event) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose(self.frame_at(event.position().x()))

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
        if step is None or self._film is None:
            super().keyPressEvent(event)
            return
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            step *= round(self._film.fps)
        self._choose(min(max((self.chosen or 0) + step, 0), self._film.n_frames - 1))

    def focusInEvent(self, event) -> None:
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event) -> None:
        self.update()
        super().focusOutEvent(event)

    def _choose(self, index: int | None) -> None:
        if index is not None and index != self.chosen:
            self.show_frame(index)
            self.frame_chosen.emit(index)


class _Mark(QWidget):
    """A warning with its icon; hidden while there is nothing to say."""

    def __init__(self, theme: Theme, tone: str) -> None:
        super().__init__()
        self._theme, self._tone = theme, tone
        line = QHBoxLayout(self)
        line.setContentsMargins(20, 0, 0, 0)
        self.words = Words(theme, "", TYPE.secondary, tone="t2")
        line.addWidget(self.words)
        self.hide()

    def show_words(self, words: str) -> None:
        self.words.setText(words)
        self.setVisible(bool(words))

    def paintEvent(self, event) -> None:
        draw_glyph(QPainter(self), QRectF(0, (self.height() - 14) / 2, 14, 14), "alert", self._theme.color(self._tone))
