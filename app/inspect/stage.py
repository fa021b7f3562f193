"""What Inspect lays over the picture: tools on the left, what a slider moves, the selection, and the scale of heat."""

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QLinearGradient, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.inspect.model import InspectModel
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import HEAT, SEMIBOLD, TYPE
from app.viewport.overlays import COLUMN_BUTTON_PX, OverlayButton, OverlayGroup, overlay_edge, overlay_ground
from app.viewport.select_tool import SelectTool

BORDER, TOOLS_TOP = 10, 50
LEGEND = QSize(196, 58)
PILL_H = 32


class InspectStage(QObject):
    """Made once; shown while the workspace is."""

    def __init__(self, theme: Theme, viewport: QWidget, model: InspectModel) -> None:
        super().__init__(viewport)
        self._theme, self._viewport, self._model = theme, viewport, model
        self._is_shown = False
        self._reach: tuple[int, float] | None = None
        self._mode = "color"
        self.select = SelectTool(theme, viewport)
        self.select.drawn.connect(model.select_outline)
        self._make_tools()
        self.reach = Pill(theme, viewport, "tune-variant")
        self.legend = Legend(theme, viewport)
        self.selection = Pill(theme, viewport, "")
        self._make_selection_buttons()
        for widget in self.widgets:
            widget.hide()
        viewport.installEventFilter(self)
        model.selection_changed.connect(self._show)
        model.reach_measured.connect(self._on_reach)
        model.facts_changed.connect(self._show)

    @property
    def widgets(self) -> list[QWidget]:
        return [self.tools, self.reach, self.legend, self.selection, self.selection_buttons]

    def set_shown(self, is_shown: bool) -> None:
        self._is_shown = is_shown
        self.select.set_tool(self.select.tool if is_shown else "orbit")
        if not is_shown:
            for widget in self.widgets:
                widget.hide()
            return
        self.set_tool(self.select.tool)
        self._show()

    def set_tool(self, name: str) -> None:
        self.select.set_tool(name)
        for tool, button in self._tool_buttons.items():
            button.setChecked(tool == name)
        self._raise()

    def show_mode(self, mode: str) -> None:
        self._mode = mode
        self._show()

    # Making

    def _make_tools(self) -> None:
        theme, size, model = self._theme, QSize(COLUMN_BUTTON_PX, COLUMN_BUTTON_PX), self._model

        def button(name: str, icon: str, key: str, why: str) -> OverlayButton:
            return OverlayButton(theme, name, icon, key=key, why=why, size=size)

        self._tool_buttons = {
            "orbit": button("Move the camera", "cursor-default-outline", "Esc", "The left button orbits."),
            "rectangle": button("Rectangle", "select-drag", "Shift+B", "Shift adds, Alt takes away."),
            "lasso": button("Lasso", "lasso", "L", "Draw round what you mean. Shift adds, Alt takes away."),
            "brush": button("Brush", "brush", "C", "Ctrl and the wheel change its size."),
        }
        for name, widget in self._tool_buttons.items():
            widget.setCheckable(True)
            widget.clicked.connect(lambda _=False, name=name: self.set_tool(name))
        through = button("Select through the head", "layers-outline", "", "Also takes what is hidden behind others.")
        through.setCheckable(True)
        through.clicked.connect(lambda on: setattr(model, "selects_through", on))
        invert = button("Invert the selection", "select-inverse", "Ctrl+I", "")
        hide = button("Hide the selection", "eye-off-outline", "Shift+H", "In every pose.")
        delete = button("Delete the selection", "delete-outline", "Del", "In every pose; the file stays as it is.")
        invert.clicked.connect(model.invert)
        hide.clicked.connect(model.hide)
        delete.clicked.connect(lambda: model.delete())
        buttons = [*self._tool_buttons.values(), through, invert, hide, delete]
        self.through = through
        self.tools = OverlayGroup(theme, buttons, True, padding=3, spacing=1, parent=self._viewport)
        self._tool_buttons["orbit"].setChecked(True)

    def _make_selection_buttons(self) -> None:
        theme, size, model = self._theme, QSize(24, 24), self._model
        hide = OverlayButton(theme, "Hide", "eye-off-outline", key="Shift+H", size=size, icon_px=16)
        delete = OverlayButton(theme, "Delete", "delete-outline", key="Del", size=size, icon_px=16)
        isolate = OverlayButton(theme, "Isolate", "crosshairs-gps", why="Shows the selection alone.", size=size,
                                icon_px=16)  # fmt: skip
        hide.clicked.connect(model.hide)
        delete.clicked.connect(lambda: model.delete())
        isolate.clicked.connect(lambda: model.set_isolated(not model.is_isolated))
        self.selection_buttons = OverlayGroup(
            theme, [hide, delete, isolate], False, padding=3, spacing=2, parent=self._viewport
        )

    # Showing

    def _on_reach(self, control: str, n: int, most_mm: float) -> None:
        self._reach = (n, most_mm)
        label = control
        schema = self._model.schema
        if schema is not None and control in schema:
            label = schema.specs[schema.index(control)].label
        self.reach.set_words(label, f"moves {n:,} splats" if n else "moves nothing")
        self.legend.set_most(most_mm)
        self._show()

    def _show(self) -> None:
        shown, n = self._is_shown, self._model.n_selected
        is_reach = shown and self._mode == "reach" and self._reach is not None
        self.tools.setVisible(shown)
        self.reach.setVisible(is_reach)
        self.legend.setVisible(is_reach and self._reach[0] > 0)
        self.selection.setVisible(shown and n > 0)
        self.selection_buttons.setVisible(shown and n > 0)
        self.selection.set_words(f"{n:,} selected", "")
        self._place()

    def _place(self) -> None:
        width, height = self._viewport.width(), self._viewport.height()
        self.select.setGeometry(self._viewport.rect())
        self.tools.move(BORDER, TOOLS_TOP)
        self.reach.move(BORDER, BORDER)
        self.legend.move(BORDER, height - BORDER - 26 - 8 - self.legend.height())
        x = (width - self.selection.width() - self.selection_buttons.width() - 4) // 2
        y = height - BORDER - 26 - 8 - PILL_H
        self.selection.move(x, y)
        self.selection_buttons.move(x + self.selection.width() + 4, y + (PILL_H - self.selection_buttons.height()) // 2)
        self._raise()

    def _raise(self) -> None:
        self.select.raise_()
        for child in self._viewport.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            if child is not self.select and child.isVisible() and child is not getattr(self._viewport, "canvas", None):
                child.raise_()

    def eventFilter(self, watched, event) -> bool:
        if self._is_shown and event.type() == QEvent.Type.Resize:
            self._place()
        return False


class Pill(QWidget):
    """Words over the picture: an icon, the subject in semibold, the rest."""

    def __init__(self, theme: Theme, parent: QWidget, icon: str) -> None:
        super().__init__(parent)
        self._theme, self._icon, self._head, self._rest = theme, icon, "", ""
        theme.changed.connect(self.update)

    def set_words(self, head: str, rest: str) -> None:
        if (head, rest) != (self._head, self._rest):
            self._head, self._rest = head, rest
            self.setAccessibleName(f"{head} {rest}".strip())
            width = (
                20 + (24 if self._icon else 0) + self._width(head, SEMIBOLD) + (5 + self._width(rest) if rest else 0)
            )
            self.resize(width, PILL_H)
            self.update()

    def _width(self, words: str, weight: int = 400) -> int:
        return round(QFontMetricsF(self._theme.font(TYPE.base, weight)).horizontalAdvance(words)) + 1

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(overlay_edge(theme), 1))
        painter.setBrush(overlay_ground(theme))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        x, middle = 10.0, Qt.AlignmentFlag.AlignVCenter
        if self._icon:
            draw_glyph(painter, QRectF(x, 8, 16, 16), self._icon, theme.color("acc"))
            x += 24
        painter.setFont(theme.font(TYPE.base, SEMIBOLD))
        painter.setPen(theme.color("t1"))
        painter.drawText(QRectF(x, 0, self.width(), PILL_H), middle, self._head)
        x += self._width(self._head, SEMIBOLD) + 5
        painter.setFont(theme.font(TYPE.base))
        painter.drawText(QRectF(x, 0, self.width(), PILL_H), middle, self._rest)


class Legend(QWidget):
    """The heat map with its ends in millimetres."""

    LEAST_MM = 0.1

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._most = theme, 1.0
        self.setFixedSize(LEGEND)
        self.setAccessibleName("Movement in millimetres")
        theme.changed.connect(self.update)

    def set_most(self, most_mm: float) -> None:
        self._most = max(most_mm, self.LEAST_MM)
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(overlay_edge(theme), 1))
        painter.setBrush(overlay_ground(theme))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setFont(theme.font(TYPE.secondary, SEMIBOLD))
        painter.setPen(theme.color("t1"))
        line = QRectF(10, 6, self.width() - 20, 16)
        painter.drawText(line, flags.AlignVCenter | flags.AlignLeft, "Movement")
        painter.setFont(theme.font(TYPE.caption))
        painter.setPen(theme.color("t3"))
        painter.drawText(line, flags.AlignVCenter | flags.AlignRight, "mm")
        bar = QRectF(10, 26, self.width() - 20, 8)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for i, color in enumerate(HEAT):
            gradient.setColorAt(i / (len(HEAT) - 1), QColor(color))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 2, 2)
        painter.setPen(theme.color("t2"))
        below = QRectF(10, 37, self.width() - 20, 14)
        for align, value in ((flags.AlignLeft, self.LEAST_MM), (flags.AlignHCenter, self._most / 2),
                             (flags.AlignRight, self._most)):  # fmt: skip
            painter.drawText(below, align | flags.AlignVCenter, f"{value:.1f}")
