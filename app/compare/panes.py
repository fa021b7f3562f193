"""The panes of Compare: A and B beside each other, wiped over each other, and their difference as heat."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPen
from PySide6.QtWidgets import QMenu, QWidget

from app.compare.measure import HEAT_GROUND, heat_picture
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import HEAT, MEDIUM, SEMIBOLD, TYPE
from app.viewport.ground import Ground, ground_image
from app.viewport.overlays import overlay_edge, overlay_ground
from app.workers.frames import FrameView

if TYPE_CHECKING:
    from app.compare.film import FilmView

HEAD, GAP, RADIUS = 38, 4, 6
HANDLE, WIPE_REACH = 30, 12
GAINS = (1, 2, 4, 8, 16)
LAYOUTS = {"side": ("A", "2", "Δ"), "wipe": ("A|2", "Δ", "2"), "difference": ("Δ", "A", "2")}
"""What each pane shows, by mode, in order; 2 is what A is compared with. How many is the person's choice."""
GROUNDS = {"A": ("fill", "on_fill"), "B": ("take", "app"), "T": ("raised", "t1")}


class ComparePanes(QWidget):
    """One to four panes of A, B and T, the training video.

    The left button orbits as in the viewport; near the wipe line it moves the line.

    Signals: `size_changed(w, h)` of a pane's picture in device pixels.
    """

    size_changed = Signal(int, int)

    def __init__(self, theme: Theme, viewport: QWidget) -> None:
        super().__init__()
        self._theme, self._viewport = theme, viewport
        self.mode, self.n_panes, self.gain, self.wipe = "wipe", 2, 4, 0.5
        self._a: FrameView | None = None
        self._b: FrameView | None = None
        self._film: FilmView | None = None
        self._has_film = self._has_b = False
        self._names = {"A": ("", ""), "B": ("", ""), "T": ("Training video", "")}
        self._heat: tuple[tuple, QImage] | None = None
        self._grounds: dict[tuple, QImage] = {}
        self._holds_wipe = False
        self._asked: tuple[int, int] | None = None
        self.empty_words = "Choose what to compare with on the right."
        self.film_words = "The video begins with its sound."
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Compare")
        theme.changed.connect(self._on_theme_changed)

    # What it shows

    def show_frames(self, a: FrameView | None, b: FrameView | None, film: "FilmView | None" = None) -> None:
        self._a, self._b, self._film = a, b, film
        self.update()

    def show_sides(self, has_b: bool, has_film: bool) -> None:
        """Whether B and the training video are here; with the video, that is what A is compared with."""
        if (has_b, has_film) != (self._has_b, self._has_film):
            self._has_b, self._has_film = has_b, has_film
            self._ask_size()
            self.update()

    @property
    def second(self) -> str:
        """The side that A is compared with."""
        return "T" if self._has_film else "B"

    def show_names(self, a: tuple[str, str], b: tuple[str, str]) -> None:
        """Name and method of each side."""
        self._names |= {"A": a, "B": b}
        self.update()

    def set_mode(self, mode: str) -> None:
        self.mode = mode
        self._ask_size()
        self.update()

    def set_n_panes(self, n: int) -> None:
        self.n_panes = n
        self._ask_size()
        self.update()

    def set_gain(self, gain: int) -> None:
        self.gain = gain
        self.update()

    def set_wipe(self, part: float) -> None:
        self.wipe = min(1.0, max(0.0, part))
        self.setAccessibleDescription(f"Wipe at {self.wipe * 100:.0f} percent")
        self.update()

    def panes(self) -> list[tuple[str, QRectF]]:
        """What each pane shows, and where it stands."""
        kinds = [kind.replace("2", self.second) for kind in LAYOUTS[self.mode]]
        if self._has_film and self._has_b:
            kinds.insert(2 if self.mode == "side" else 3, "B")
        kinds = kinds[: self.n_panes]
        columns = 2 if len(kinds) == 4 else len(kinds)
        rows = len(kinds) // columns
        width = (self.width() - GAP * (columns - 1)) / columns
        height = (self.height() - GAP * (rows - 1)) / rows
        return [(kind, QRectF(i % columns * (width + GAP), i // columns * (height + GAP), width, height))
                for i, kind in enumerate(kinds)]  # fmt: skip

    def picture_rect(self, pane: QRectF) -> QRectF:
        return pane.adjusted(0, HEAD + 1, 0, 0)

    def still_picture(self) -> QImage:
        """What the panes show, for saving."""
        return self.grab().toImage()

    # Painting

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for kind, pane in self.panes():
            self._paint_head(painter, kind, QRectF(pane.x(), pane.y(), pane.width(), HEAD))
            painter.save()
            area = self.picture_rect(pane)
            painter.setClipRect(area)
            self._paint_picture(painter, kind, area)
            painter.restore()
        if self.hasFocus():
            painter.setPen(QPen(self._theme.color("acc"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _paint_head(self, painter: QPainter, kind: str, head: QRectF) -> None:
        theme = self._theme
        painter.fillRect(head, theme.color("panel"))
        x = head.x() + 10
        if kind == "Δ":
            x = self._badge(painter, x, head, "Δ", "raised", "t1")
            x = self._words(painter, x, head, "Difference", SEMIBOLD, "t1")
            self._words(painter, x, head, f"A minus {self.second}, absolute", 400, "t2")
            return
        first, second = kind[0], self.second
        x = self._badge(painter, x, head, first, *GROUNDS[first])
        name, method = self._names[first]
        x = self._words(painter, x, head, ", ".join(filter(None, (name, method))), SEMIBOLD, "t1")
        if len(kind) > 1 and self._names[second][0]:
            x = self._words(painter, x, head, "over", 400, "t2")
            x = self._badge(painter, x, head, second, *GROUNDS[second])
            self._words(painter, x, head, ", ".join(filter(None, self._names[second])), 400, "t1")

    def _badge(self, painter: QPainter, x: float, head: QRectF, letter: str, ground: str, ink: str) -> float:
        theme, box = self._theme, QRectF(x, head.y() + 9, 20, 20)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(ground))
        painter.drawRoundedRect(box, 4, 4)
        painter.setFont(theme.font(TYPE.secondary, SEMIBOLD))
        painter.setPen(theme.color(ink if theme.is_dark or ink != "app" else "on_fill"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)
        return x + 30

    def _words(self, painter: QPainter, x: float, head: QRectF, words: str, weight: int, ink: str) -> float:
        painter.setFont(self._theme.font(TYPE.base, weight))
        painter.setPen(self._theme.color(ink))
        room = head.right() - x - 8
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(QRectF(x, head.y(), room, HEAD), Qt.AlignmentFlag.AlignVCenter, shown)
        return x + painter.fontMetrics().horizontalAdvance(shown) + 8

    def _paint_picture(self, painter: QPainter, kind: str, area: QRectF) -> None:
        if kind == "Δ":
            self._paint_difference(painter, area)
            return
        self._paint_side(painter, kind[0], area)
        if len(kind) > 1:
            x, second = area.x() + area.width() * self.wipe, self.second
            painter.save()
            painter.setClipRect(QRectF(x, area.y(), area.right() - x, area.height()))
            self._paint_side(painter, second, area)
            painter.restore()
            self._paint_wipe(painter, x, area)
            self._tag(painter, area, "A", self._names["A"][1], left=True)
            self._tag(painter, area, second, "Video" if second == "T" else self._names["B"][1], left=False)

    def _paint_side(self, painter: QPainter, side: str, area: QRectF) -> None:
        film = self._film.frame if self._film is not None else None
        view = {"A": self._a, "B": self._b, "T": film}[side]
        painter.drawImage(area, self._ground(area))
        if view is not None:
            painter.drawImage(area, _image(view), _source(view, area))
        elif side != "A":
            self._hint(painter, area, self.empty_words if side == "B" else self.film_words)

    def _paint_difference(self, painter: QPainter, area: QRectF) -> None:
        painter.fillRect(area, QColor(HEAT_GROUND))
        a, b = self._a, self._b
        if self._has_film:
            a, b = (self._film.avatar, self._film.frame) if self._film is not None else (None, None)
        if a is None or b is None:
            self._hint(painter, area, "The difference appears once there are two.", QColor("#929AA7"))
            return
        key = (a.header.picture_sequence, b.header.picture_sequence, self.gain, a.image.shape)
        if self._heat is None or self._heat[0] != key:
            heat = heat_picture(a.image, b.image, self.gain)
            if heat is None:
                return
            image = QImage(heat.data, heat.shape[1], heat.shape[0], 3 * heat.shape[1], QImage.Format.Format_RGB888)
            self._heat = (key, image.copy())
        painter.drawImage(area, self._heat[1], _source(a, area))
        self._paint_gain(painter, area)
        self._paint_scale(painter, area)

    def _paint_wipe(self, painter: QPainter, x: float, area: QRectF) -> None:
        painter.fillRect(QRectF(x - 1, area.y(), 2, area.height()), QColor("#FFFFFF"))
        middle = QPointF(x, area.y() + area.height() * 0.78)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#FFFFFF"))
        painter.drawEllipse(middle, HANDLE / 2, HANDLE / 2)
        draw_glyph(painter, QRectF(middle.x() - 9, middle.y() - 9, 18, 18), "arrow-left-right", QColor("#191C22"))

    def _tag(self, painter: QPainter, area: QRectF, side: str, words: str, left: bool) -> None:
        theme = self._theme
        painter.setFont(theme.font(TYPE.base, MEDIUM))
        width = painter.fontMetrics().horizontalAdvance(words) + 34
        box = QRectF(area.x() + 10 if left else area.right() - 10 - width, area.bottom() - 36, width, 26)
        self._plate(painter, box)
        painter.setPen(theme.color({"A": "acc", "B": "take"}.get(side, "t2")))
        painter.setFont(theme.font(TYPE.base, SEMIBOLD))
        painter.drawText(box.adjusted(10, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, side)
        painter.setPen(theme.color("t1"))
        painter.setFont(theme.font(TYPE.base, MEDIUM))
        painter.drawText(box.adjusted(24, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)

    def gain_rect(self) -> QRectF | None:
        """Where the gain stands; None when no pane shows the difference."""
        for kind, pane in self.panes():
            if kind == "Δ":
                area = self.picture_rect(pane)
                return QRectF(area.right() - 10 - 92, area.y() + 10, 92, 30)
        return None

    def _paint_gain(self, painter: QPainter, area: QRectF) -> None:
        theme, box = self._theme, self.gain_rect()
        self._plate(painter, box)
        painter.setFont(theme.font(TYPE.base))
        painter.setPen(theme.color("t2"))
        painter.drawText(box.adjusted(10, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, "Gain")
        painter.setFont(theme.font(TYPE.base, SEMIBOLD))
        painter.setPen(theme.color("t1"))
        painter.drawText(box.adjusted(42, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, f"{self.gain}×")
        draw_glyph(painter, QRectF(box.right() - 22, box.y() + 7, 16, 16), "chevron-down", theme.color("t3"))

    def _paint_scale(self, painter: QPainter, area: QRectF) -> None:
        theme, flags = self._theme, Qt.AlignmentFlag
        box = QRectF(area.x() + 10, area.bottom() - 48, 180, 38)
        self._plate(painter, box)
        bar = QRectF(box.x() + 10, box.y() + 8, box.width() - 20, 8)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for i, color in enumerate((HEAT_GROUND, *HEAT)):
            gradient.setColorAt(i / len(HEAT), QColor(color))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 2, 2)
        painter.setFont(theme.font(TYPE.caption))
        painter.setPen(theme.color("t2"))
        top = 255 // self.gain
        line = QRectF(bar.x(), bar.bottom() + 3, bar.width(), 14)
        for align, words in (
            (flags.AlignLeft, "0"),
            (flags.AlignHCenter, str(top // 2)),
            (flags.AlignRight, f"{top} of 255"),
        ):
            painter.drawText(line, align, words)

    def _plate(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(QPen(overlay_edge(self._theme), 1))
        painter.setBrush(overlay_ground(self._theme))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)

    def _hint(self, painter: QPainter, area: QRectF, words: str, ink: QColor | None = None) -> None:
        painter.setFont(self._theme.font(TYPE.base))
        painter.setPen(ink or self._theme.color("t2"))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(area.adjusted(24, 0, -24, 0), int(flags), words)

    def _ground(self, area: QRectF) -> QImage:
        ground: Ground = self._viewport.ground
        scale, size = self.devicePixelRatioF(), (int(area.width()), int(area.height()))
        key = (ground, size, scale, self._theme.tokens.name)
        if key not in self._grounds:
            self._grounds = {key: ground_image(ground, *size, scale, self._theme.tokens)}
        return self._grounds[key]

    # Hand

    def mousePressEvent(self, event) -> None:
        at = event.position()
        gain = self.gain_rect()
        if gain is not None and gain.contains(at) and event.button() == Qt.MouseButton.LeftButton:
            self._open_gains(gain)
        elif self._on_wipe(at) and event.button() == Qt.MouseButton.LeftButton:
            self._holds_wipe = True
        else:
            self._viewport.hand.press(at, event.button(), event.modifiers())

    def mouseMoveEvent(self, event) -> None:
        if self._holds_wipe:
            area = self.picture_rect(self.panes()[0][1])
            self.set_wipe((event.position().x() - area.x()) / area.width())
        elif self._viewport.hand.is_dragging:
            self._viewport.hand.drag(event.position(), self.picture_rect(self.panes()[0][1]).size().toSize())
        else:
            on = self._on_wipe(event.position())
            self.setCursor(Qt.CursorShape.SplitHCursor if on else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event) -> None:
        self._holds_wipe = False
        if not event.buttons():
            self._viewport.hand.release()

    def mouseDoubleClickEvent(self, event) -> None:
        if self._on_wipe(event.position()):
            self.set_wipe(0.5)

    def wheelEvent(self, event) -> None:
        notches = event.angleDelta().y() / 120.0
        for _, pane in self.panes():
            area = self.picture_rect(pane)
            if notches and area.contains(event.position()):
                x = 2 * (event.position().x() - area.x()) / area.width() - 1
                y = 1 - 2 * (event.position().y() - area.y()) / area.height()
                self._viewport.hand.wheel(notches, (x, y), area.width() / area.height())
        event.accept()

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: -0.01, Qt.Key.Key_Right: 0.01}.get(event.key())
        if step is not None and self.mode == "wipe":
            self.set_wipe(self.wipe + step)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event) -> None:
        self.update()

    def focusOutEvent(self, event) -> None:
        self.update()

    def resizeEvent(self, event) -> None:
        self._ask_size()

    def showEvent(self, event) -> None:
        self._asked = None
        self._ask_size()

    def _on_wipe(self, at: QPointF) -> bool:
        kind, pane = self.panes()[0]
        if len(kind) == 1:
            return False
        area = self.picture_rect(pane)
        return area.contains(at) and abs(at.x() - area.x() - area.width() * self.wipe) <= WIPE_REACH

    def _open_gains(self, box: QRectF) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for gain in GAINS:
            menu.addAction(f"{gain}×", lambda gain=gain: self.set_gain(gain))
        menu.popup(self.mapToGlobal(box.bottomLeft().toPoint()))

    def _ask_size(self) -> None:
        if not self.isVisible():
            return
        area, scale = self.picture_rect(self.panes()[0][1]), self.devicePixelRatioF()
        size = (max(16, round(area.width() * scale)), max(16, round(area.height() * scale)))
        if size != self._asked:
            self._asked = size
            self.size_changed.emit(*size)

    def _on_theme_changed(self) -> None:
        self._grounds.clear()
        self.update()


def _image(view: FrameView) -> QImage:
    image = view.image
    return QImage(image.data, image.shape[1], image.shape[0], 4 * image.shape[1], QImage.Format.Format_RGBA8888)


def _source(view: FrameView, area: QRectF) -> QRectF:
    """The part of a picture that fills a pane without distortion, while the next size is on its way."""
    height, width = view.image.shape[:2]
    scale = min(width / area.width(), height / area.height())
    w, h = area.width() * scale, area.height() * scale
    return QRectF((width - w) / 2, (height - h) / 2, w, h)
