"""The expression tiles: picture, name and key; press to hold, click to latch, drag the bar to blend."""

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.panels.face_sketch import WIDTH, sketch
from app.panels.presets import Expression
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE

COLUMNS, TILE_W, TILE_H, PICTURE_H = 4, 84, 74, 56
ROW_GAP, RADIUS, RING = 6, 5, 2
BAR_INSET, BAR_Y, BAR_H, BAR_REACH = 4, 50, 3, 8
MARGIN = 10


class ExpressionTiles(QWidget):
    """All tiles in one widget.

    Signals: `pressed(name)`, `released(name)`; `blend_moved(name, 0..1)`; `menu_asked(name, global point)`.
    """

    pressed = Signal(str)
    released = Signal(str)
    blend_moved = Signal(str, float)
    menu_asked = Signal(str, QPoint)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.expressions: list[Expression] = []
        self._pictures: dict[str, QPixmap] = {}
        self._blends: dict[str, float] = {}
        self._cache: dict[str, QPixmap] = {}
        self._sketches: dict[str, QPixmap] = {}
        self._n_rows_most = 2
        self._hovered: str | None = None
        self._held: str | None = None
        self._blending: str | None = None
        self._focused = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Expressions")
        theme.changed.connect(self._forget)

    def set_expressions(self, expressions: list[Expression]) -> None:
        self.expressions = [e for e in expressions if e.has_tile]
        for expression in self.expressions:
            png = expression.picture_png
            if png:
                image = QImage.fromData(png)
                if not image.isNull():
                    self._pictures[expression.name] = QPixmap.fromImage(image)
        self._focused = min(self._focused, max(0, len(self.expressions) - 1))
        self._forget()
        self.updateGeometry()

    def set_picture(self, name: str, picture: QPixmap | None) -> None:
        """Another picture for a tile; None draws the sketch again."""
        if picture is None:
            self._pictures.pop(name, None)
        else:
            self._pictures[name] = picture
        self._cache.pop(name, None)
        self.update()

    def show_blends(self, blends: dict[str, float]) -> None:
        """Which expressions are on, and how far."""
        if blends != self._blends:
            for name in blends.keys() ^ self._blends.keys() | {n for n in blends if blends[n] != self._blends.get(n)}:
                self._update_tile(name)
            self._blends = dict(blends)

    def set_rows(self, most: int) -> None:
        """Shows at most this many rows of tiles."""
        if most != self._n_rows_most:
            self._n_rows_most = most
            self.updateGeometry()
            self.update()

    @property
    def n_rows(self) -> int:
        return -(-len(self.expressions) // COLUMNS)

    @property
    def n_rows_shown(self) -> int:
        return min(self.n_rows, self._n_rows_most)

    def rect_of(self, name: str) -> QRectF:
        index = next(i for i, e in enumerate(self.expressions) if e.name == name)
        return self._rect(index)

    def bar_rect(self, name: str) -> QRectF:
        rect = self.rect_of(name)
        return QRectF(rect.x() + BAR_INSET, rect.y() + BAR_Y, rect.width() - 2 * BAR_INSET, BAR_H)

    def sizeHint(self) -> QSize:
        rows = self.n_rows_shown
        return QSize(376, rows * TILE_H + max(0, rows - 1) * ROW_GAP + 2 * RING)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    # Painting

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        for index, expression in enumerate(self._visible()):
            rect = self._rect(index)
            if not rect.adjusted(-3, -3, 3, 3).toRect().intersects(event.rect()):
                continue
            painter.drawPixmap(rect.topLeft(), self._tile(expression, rect.width()))
            blend = self._blends.get(expression.name, 0.0)
            if blend > 0 or expression.name == self._held:
                self._paint_active(painter, rect, blend)
            elif expression.name == self._hovered:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(self._theme.color("line2"), 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
            if self.hasFocus() and index == self._focused:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(self._theme.color("acc"), 2, Qt.PenStyle.DotLine))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(rect.adjusted(-1, -1, 1, 1), RADIUS + 1, RADIUS + 1)

    def _paint_active(self, painter: QPainter, rect: QRectF, blend: float) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("acc"), RING))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(-1, -1, 1, 1), RADIUS + 1, RADIUS + 1)
        bar = QRectF(rect.x() + BAR_INSET, rect.y() + BAR_Y, rect.width() - 2 * BAR_INSET, BAR_H)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 128))
        painter.drawRoundedRect(bar, 1.5, 1.5)
        painter.setBrush(self._theme.color("acc"))
        painter.drawRoundedRect(QRectF(bar.x(), bar.y(), bar.width() * blend, BAR_H), 1.5, 1.5)

    def _tile(self, expression: Expression, width: float) -> QPixmap:
        """A tile at rest, painted once."""
        scale = self.devicePixelRatioF()
        pixmap = self._cache.get(expression.name)
        if pixmap is not None and pixmap.width() == round(width * scale) and pixmap.devicePixelRatio() == scale:
            return pixmap
        pixmap = QPixmap(round(width * scale), round(TILE_H * scale))
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(0, 0, width, TILE_H), RADIUS, RADIUS)
        painter.setClipPath(outline)
        self._paint_picture(painter, QRectF(0, 0, width, PICTURE_H), expression)
        self._paint_name(painter, QRectF(0, PICTURE_H, width, TILE_H - PICTURE_H), expression)
        painter.end()
        self._cache[expression.name] = pixmap
        return pixmap

    def _paint_picture(self, painter: QPainter, box: QRectF, expression: Expression) -> None:
        theme = self._theme
        ground = QLinearGradient(0, 0, 0, box.height())
        dark = theme.is_dark
        ground.setColorAt(0.0, theme.color("press" if dark else "ground_centre"))
        ground.setColorAt(1.0, theme.color("raised" if dark else "hover"))
        painter.fillRect(box, ground)
        picture = self._pictures.get(expression.name)
        if picture is None:
            drawn = self._sketch(expression)
            painter.drawPixmap(QPointF(round((box.width() - WIDTH) / 2), 0), drawn)
            return
        shrink = max(box.width() / picture.width(), box.height() / picture.height())
        width, height = picture.width() * shrink, picture.height() * shrink
        painter.drawPixmap(
            QRectF((box.width() - width) / 2, (box.height() - height) / 2, width, height),
            picture,
            QRectF(picture.rect()),
        )

    def _sketch(self, expression: Expression) -> QPixmap:
        """Drawn once: a tile of another width shows it again."""
        scale, kept = self.devicePixelRatioF(), self._sketches.get(expression.name)
        if kept is None or kept.devicePixelRatio() != scale:
            kept = self._sketches[expression.name] = sketch(expression.shapes, self._theme, scale)
        return kept

    def _paint_name(self, painter: QPainter, box: QRectF, expression: Expression) -> None:
        theme = self._theme
        painter.fillRect(box, theme.color("raised"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.mono(TYPE.caption))
        painter.setPen(theme.color("t2"))
        key = painter.fontMetrics().horizontalAdvance(expression.key)
        painter.drawText(box.adjusted(0, -1, -5, -1), middle | Qt.AlignmentFlag.AlignRight, expression.key)
        painter.setFont(theme.font(TYPE.secondary, MEDIUM))
        painter.setPen(theme.color("t1"))
        room = box.adjusted(5, -1, -9 - key, -1)
        name = painter.fontMetrics().elidedText(expression.name, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, middle, name)

    # Events

    def mousePressEvent(self, event) -> None:
        name = self._name_at(event.position())
        if name is None or event.button() != Qt.MouseButton.LeftButton:
            return
        if self._blends.get(name, 0) > 0 and self._is_bar(name, event.position()):
            self._blending = name
            self._move_blend(event.position())
        else:
            self._held = name
            self._update_tile(name)
            self.pressed.emit(name)

    def mouseMoveEvent(self, event) -> None:
        if self._blending is not None:
            self._move_blend(event.position())
            return
        name = self._name_at(event.position())
        if name != self._hovered:
            before, self._hovered = self._hovered, name
            for changed in (before, name):
                if changed is not None:
                    self._update_tile(changed)

    def mouseReleaseEvent(self, event) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._blending = None
        if self._held is not None:
            name, self._held = self._held, None
            self._update_tile(name)
            self.released.emit(name)

    def leaveEvent(self, event) -> None:
        if self._hovered is not None:
            name, self._hovered = self._hovered, None
            self._update_tile(name)

    def contextMenuEvent(self, event) -> None:
        name = self._name_at(QPointF(event.pos()))
        if name is not None:
            self.menu_asked.emit(name, event.globalPos())

    def keyPressEvent(self, event) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -COLUMNS, Qt.Key.Key_Down: COLUMNS}.get(
            event.key()
        )
        if step is not None and self.expressions:
            self._focused = min(max(0, self._focused + step), len(self._visible()) - 1)
            self.setAccessibleDescription(self.words(self.expressions[self._focused]))
            self.update()
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.expressions:
            name = self.expressions[self._focused].name
            self.pressed.emit(name)
            self.released.emit(name)
        else:
            super().keyPressEvent(event)

    def words(self, expression: Expression) -> str:
        """A tile in words."""
        blend = self._blends.get(expression.name, 0.0)
        state = f"on, {round(blend * 100)} percent" if blend > 0 else "off"
        return f"{expression.name}, {state}"

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            name = self._name_at(QPointF(event.pos()))
            if name is not None:
                expression = next(e for e in self.expressions if e.name == name)
                key = f"  {expression.key}" if expression.key else ""
                words = f"{name}{key}. Hold for a moment of it, tap to keep it on, drag the bar to blend."
                QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def focusInEvent(self, event) -> None:
        self.update()

    def focusOutEvent(self, event) -> None:
        self.update()

    def _move_blend(self, point: QPointF) -> None:
        bar = self.bar_rect(self._blending)
        self.blend_moved.emit(self._blending, min(1.0, max(0.02, (point.x() - bar.x()) / bar.width())))

    def _is_bar(self, name: str, point: QPointF) -> bool:
        return self.bar_rect(name).adjusted(-BAR_INSET, -BAR_REACH, BAR_INSET, BAR_REACH // 2).contains(point)

    def _visible(self) -> list[Expression]:
        return self.expressions[: self.n_rows_shown * COLUMNS]

    def _rect(self, index: int) -> QRectF:
        room = self.width() - 2 * MARGIN
        width = min(TILE_W, int((room - 20) / COLUMNS)) if room < 360 else int((room - 20) / COLUMNS)
        gap = (room - COLUMNS * width) / (COLUMNS - 1)
        row, column = divmod(index, COLUMNS)
        return QRectF(round(MARGIN + column * (width + gap)), RING + row * (TILE_H + ROW_GAP), width, TILE_H)

    def _name_at(self, point: QPointF) -> str | None:
        for index, expression in enumerate(self._visible()):
            if self._rect(index).contains(point):
                return expression.name
        return None

    def _update_tile(self, name: str) -> None:
        for index, expression in enumerate(self._visible()):
            if expression.name == name:
                self.update(self._rect(index).adjusted(-3, -3, 3, 3).toRect())

    def _forget(self) -> None:
        self._cache.clear()
        self._sketches.clear()
        self.update()
