"""What lies over the picture: pills, camera column, bookmarks, info pill; painted once and kept as pixmaps."""

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap, QRegion
from PySide6.QtWidgets import QAbstractButton, QBoxLayout, QMenu, QWidget

from app.theme.buttons import tooltip
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE

ICON_PX, CHEVRON_PX = 16, 16
PILL_HEIGHT, BOOKMARK_PX, COLUMN_BUTTON_PX, INFO_HEIGHT = 30, 26, 28, 26
PADDING, ICON_GAP, CHEVRON_GAP, CHEVRON_PADDING, RADIUS = 9, 6, 8, 4, 6


def overlay_ground(theme: Theme) -> QColor:
    """The solid tone of everything over the picture: the panel's, a step towards raised."""
    return _mixed(theme.color("panel"), theme.color("raised"), 0.22 if theme.is_dark else 0.33)


def overlay_edge(theme: Theme) -> QColor:
    return _mixed(theme.color("line"), theme.color("line2"), 0.55)


class CachedWidget(QWidget):
    """A widget that paints into a pixmap and shows that until something about it changes."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pixmap: QPixmap | None = None
        theme.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Paints anew at the next chance."""
        self._pixmap = None
        self.update()

    def draw(self, painter: QPainter) -> None:
        raise NotImplementedError

    def paintEvent(self, event: QPaintEvent) -> None:
        self._pixmap = _blit(self, self._pixmap, self.draw)

    def resizeEvent(self, event) -> None:
        self._pixmap = None


class OverlayButton(QAbstractButton):
    """A button over the picture: icon, words and chevron as they are given; a pill of its own or flat in a group."""

    def __init__(
        self, theme: Theme, name: str, icon: str = "", text: str = "", key: str = "", why: str = "",
        is_pill: bool = False, size: QSize | None = None, icon_px: int = 18, parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme, self._icon, self._text, self._size = theme, icon, text, size
        self._icon_px = float(icon_px)
        self.is_pill = is_pill
        self._menu: QMenu | None = None
        self._pixmap: QPixmap | None = None
        self._key: tuple | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setAccessibleName(name)
        self.setToolTip(tooltip(name, key, why))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        theme.changed.connect(self.update)
        self.adjustSize()

    def set_words(self, text: str, accessible: str = "") -> None:
        """Other words on the button."""
        if text != self._text:
            self._text = text
            if accessible:
                self.setAccessibleName(accessible)
            self.updateGeometry()
            self.resize(self.sizeHint())
            self.update()

    @property
    def words(self) -> str:
        return self._text

    def set_menu(self, menu: QMenu) -> None:
        """A menu that opens below on a click; the button gets a chevron when it has words."""
        self._menu = menu
        self.clicked.connect(self.open_menu)
        self.resize(self.sizeHint())

    def set_context_menu(self, menu: QMenu) -> None:
        """A menu that opens on a right click."""
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda point: menu.popup(self.mapToGlobal(point)))

    def open_menu(self) -> None:
        if self._menu is not None:
            self._menu.popup(self.mapToGlobal(self.rect().bottomLeft() + self._menu_offset()))

    def sizeHint(self) -> QSize:
        if self._size is not None:
            return self._size
        width = 2 * PADDING + (ICON_PX if self._icon else 0)
        if self._text:
            width += (ICON_GAP if self._icon else 0) + round(QFontMetricsF(self._font()).horizontalAdvance(self._text))
        if self._has_chevron():
            width += CHEVRON_GAP + CHEVRON_PX + CHEVRON_PADDING - PADDING
        return QSize(width, PILL_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        key = (
            self._theme.tokens.name, self.isDown(), self.underMouse(), self.isChecked(), self.isEnabled(),
            self._has_ring(), self._text, self._icon, self.width(), self.height(),
        )  # fmt: skip
        if key != self._key:
            self._key, self._pixmap = key, None
        self._pixmap = _blit(self, self._pixmap, self._draw)

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.HoverEnter, QEvent.Type.HoverLeave):
            self.update()
        return super().event(event)

    def _draw(self, painter: QPainter) -> None:
        theme, rect = self._theme, QRectF(self.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground, ink = self._colors()
        if self.is_pill:
            edge = theme.color("acc") if self.isChecked() else overlay_edge(theme)
            _draw_pill(painter, rect, ground or overlay_ground(theme), edge)
        elif ground is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(rect, 5, 5)
        self._draw_content(painter, rect, ink)
        if self._has_ring():
            painter.setPen(QPen(theme.color("acc"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _draw_content(self, painter: QPainter, rect: QRectF, ink: QColor) -> None:
        if not self._text:
            side = self._icon_px
            box = QRectF(rect.center().x() - side / 2, rect.center().y() - side / 2, side, side)
            draw_glyph(painter, box, self._icon, ink)
            return
        x = float(PADDING)
        if self._icon:
            draw_glyph(painter, QRectF(x, (rect.height() - ICON_PX) / 2, ICON_PX, ICON_PX), self._icon, ink)
            x += ICON_PX + ICON_GAP
        elif not self._has_chevron():
            x = 0.0
        painter.setFont(self._font())
        painter.setPen(self._text_color())
        room = QRectF(x, 0, rect.width() - x, rect.height())
        flags = Qt.AlignmentFlag.AlignVCenter | (
            Qt.AlignmentFlag.AlignLeft if self._icon or self._has_chevron() else Qt.AlignmentFlag.AlignHCenter
        )
        painter.drawText(room, flags, self._text)
        if self._has_chevron():
            box = QRectF(
                rect.right() - CHEVRON_PADDING - CHEVRON_PX, (rect.height() - CHEVRON_PX) / 2, CHEVRON_PX, CHEVRON_PX
            )
            draw_glyph(painter, box, "chevron-down", self._theme.color("t3"))

    def _colors(self) -> tuple[QColor | None, QColor]:
        theme = self._theme
        if not self.isEnabled():
            return None, theme.color("dis")
        if self.isChecked():
            return theme.color("soft"), theme.color("acc")
        if self.isDown():
            return theme.color("press"), theme.color("t1")
        if self.underMouse():
            return theme.color("hover"), theme.color("t1")
        return None, theme.color("t2")

    def _text_color(self) -> QColor:
        if not self.isEnabled():
            return self._theme.color("dis")
        if self.isChecked():
            return self._theme.color("soft_text")
        return self._theme.color("t1" if self._icon or self.underMouse() else "t2")

    def _font(self):
        return self._theme.font(TYPE.base if self._icon else TYPE.secondary, MEDIUM if self._icon else SEMIBOLD)

    def _has_chevron(self) -> bool:
        return self._menu is not None and bool(self._text)

    def _has_ring(self) -> bool:
        return self.hasFocus() and bool(self.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange))

    def _menu_offset(self):
        return QPointF(0, 5).toPoint()


class OverlayGroup(CachedWidget):
    """Flat buttons on one ground, in a row or a column."""

    def __init__(
        self, theme: Theme, buttons: list[OverlayButton], vertical: bool, padding: int, spacing: int,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(theme, parent)
        direction = QBoxLayout.Direction.TopToBottom if vertical else QBoxLayout.Direction.LeftToRight
        layout = QBoxLayout(direction, self)
        layout.setContentsMargins(padding, padding, padding, padding)
        layout.setSpacing(spacing)
        for button in buttons:
            button.setFixedSize(button.sizeHint())
            layout.addWidget(button)
        self.setFixedSize(layout.sizeHint())

    def draw(self, painter: QPainter) -> None:
        _draw_pill(painter, QRectF(self.rect()), overlay_ground(self._theme), overlay_edge(self._theme))


class InfoPill(CachedWidget):
    """Who is on stage: name, then method and number of splats."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._name, self._rest = "", ""

    def set_words(self, name: str, rest: str) -> None:
        if (name, rest) != (self._name, self._rest):
            self._name, self._rest = name, rest
            self.setAccessibleName(f"{name}, {rest}")
            self.resize(self.sizeHint())
            self.refresh()

    def sizeHint(self) -> QSize:
        bold, plain = self._metrics()
        return QSize(round(20 + bold.horizontalAdvance(self._name) + 7 + plain.horizontalAdvance(self._rest)), 26)

    def draw(self, painter: QPainter) -> None:
        theme, rect = self._theme, QRectF(self.rect())
        _draw_pill(painter, rect, overlay_ground(theme), overlay_edge(theme))
        bold, _ = self._metrics()
        painter.setFont(theme.font(TYPE.secondary, SEMIBOLD))
        painter.setPen(theme.color("t1"))
        painter.drawText(rect.adjusted(10, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._name)
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t2"))
        left = 10 + bold.horizontalAdvance(self._name) + 7
        painter.drawText(rect.adjusted(left, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._rest)

    def _metrics(self) -> tuple[QFontMetricsF, QFontMetricsF]:
        font = self._theme.font
        return QFontMetricsF(font(TYPE.secondary, SEMIBOLD)), QFontMetricsF(font(TYPE.secondary))


class EdgeFrame(QWidget):
    """Rounds the viewport's corners and, while recording, runs the red edge round it; lets every click through."""

    EDGE_PX = 2

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._theme, self._is_on = theme, False
        self._corners: QPixmap | None = None
        theme.changed.connect(self._on_theme_changed)

    @property
    def is_on(self) -> bool:
        return self._is_on

    def set_on(self, is_on: bool) -> None:
        if is_on != self._is_on:
            self._is_on = is_on
            self._set_mask()
            self.update()

    def resizeEvent(self, event) -> None:
        self._set_mask()

    def paintEvent(self, event: QPaintEvent) -> None:
        scale, painter, rect = self.devicePixelRatioF(), QPainter(self), QRectF(self.rect())
        if self._corners is None or self._corners.devicePixelRatio() != scale:
            self._corners = self._draw_corners(scale)
        side = RADIUS * scale
        for column, x in enumerate((0, self.width() - RADIUS)):
            for row, y in enumerate((0, self.height() - RADIUS)):
                painter.drawPixmap(QPointF(x, y), self._corners, QRectF(column * side, row * side, side, side))
        if self._is_on:
            half = self.EDGE_PX / 2
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self._theme.color("rec"), self.EDGE_PX))
            painter.drawRoundedRect(rect.adjusted(half, half, -half, -half), RADIUS - half, RADIUS - half)

    def _draw_corners(self, scale: float) -> QPixmap:
        """The ground round a circle: its quarters are the four corners."""
        corners = QPixmap(round(2 * RADIUS * scale), round(2 * RADIUS * scale))
        corners.setDevicePixelRatio(scale)
        corners.fill(Qt.GlobalColor.transparent)
        outside, inside = QPainterPath(), QPainterPath()
        outside.addRect(QRectF(0, 0, 2 * RADIUS, 2 * RADIUS))
        inside.addEllipse(QRectF(0, 0, 2 * RADIUS, 2 * RADIUS))
        painter = QPainter(corners)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillPath(outside.subtracted(inside), self._theme.color("app"))
        painter.end()
        return corners

    def _on_theme_changed(self) -> None:
        self._corners = None
        self.update()

    def _set_mask(self) -> None:
        """Only corners and edge belong to this widget, so that a new frame repaints next to nothing of it."""
        width, height = self.width(), self.height()
        region = QRegion()
        for x in (0, width - RADIUS):
            for y in (0, height - RADIUS):
                region += QRegion(x, y, RADIUS, RADIUS)
        if self._is_on:
            edge = self.EDGE_PX
            region += QRegion(0, 0, width, height) - QRegion(edge, edge, width - 2 * edge, height - 2 * edge)
        self.setMask(region)


def _draw_pill(painter: QPainter, rect: QRectF, ground: QColor, edge: QColor) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(edge, 1))
    painter.setBrush(ground)
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS - 0.5, RADIUS - 0.5)


def _blit(widget: QWidget, pixmap: QPixmap | None, draw) -> QPixmap:
    """Shows the pixmap of a widget, painting it first when there is none for this size and screen."""
    scale = widget.devicePixelRatioF()
    if pixmap is None or pixmap.devicePixelRatio() != scale:
        pixmap = QPixmap(round(widget.width() * scale), round(widget.height() * scale))
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        draw(painter)
        painter.end()
    painter = QPainter(widget)
    painter.drawPixmap(0, 0, pixmap)
    painter.end()
    return pixmap


def _mixed(a: QColor, b: QColor, part: float) -> QColor:
    return QColor(*(round(x + (y - x) * part) for x, y in zip(a.getRgb()[:3], b.getRgb()[:3], strict=True)))
