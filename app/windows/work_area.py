"""Where the panels of a workspace stand: their sizes, what gives way when room is short, the handles between them."""

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.settings import PanelSizes, WindowLayout
from app.theme.buttons import IconButton
from app.theme.theme import Theme
from app.theme.tokens import SIZES
from app.windows.workspaces import PERFORM, Panes

GAP, HIT = SIZES.gap, 8
PERFORM_NAMES = {"left": "library", "right": "right", "bottom": "timeline"}


class WorkArea(QWidget):
    """The panels of the workspace that is shown, 4 px of ground between them.

    Every length is what the person chose in this workspace, else its first; the window's size then decides what
    gives way.
    """

    layout_changed = Signal()

    def __init__(
        self, theme: Theme, layout: WindowLayout, library: QWidget, viewport: QWidget, live_bar: QWidget,
        timeline: QWidget, right: QWidget, parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme, self._chosen = theme, layout
        self.library, self.viewport, self.live_bar, self.timeline, self.right = (
            library, viewport, live_bar, timeline, right,
        )  # fmt: skip
        self.rail = LibraryRail(theme)
        self.rail.opened.connect(self._open_library)
        for widget in (viewport, live_bar, timeline, right, self.rail, library):
            widget.setParent(self)
        self._workspace, self._panes = PERFORM, Panes()
        self._is_hidden = False
        self._is_floating = False
        self._library_handle = Handle(self, Qt.Orientation.Horizontal)
        self._right_handle = Handle(self, Qt.Orientation.Horizontal)
        self._timeline_handle = Handle(self, Qt.Orientation.Vertical)
        self._library_handle.dragged.connect(self._drag_library)
        self._right_handle.dragged.connect(self._drag_right)
        self._timeline_handle.dragged.connect(self._drag_timeline)
        self.setMinimumSize(SIZES.viewport_width + 200, SIZES.viewport_height + SIZES.live_bar + 80)
        theme.changed.connect(self.update)

    # What the window asks

    @property
    def shown(self) -> list[QWidget]:
        """The panels of the workspace in reading order."""
        panes = self._panes
        live_bar = self.live_bar if panes.has_live_bar else None
        bottom = self._bottom() if panes.has_bottom else None
        return [w for w in (self._left(), panes.strip, self._stage(), live_bar, bottom, self._right())
                if w is not None]  # fmt: skip

    @property
    def panels_hidden(self) -> bool:
        return self._is_hidden

    @property
    def is_railed(self) -> bool:
        """Whether the library is the 44-px rail."""
        has_library = self._panes.has_left and self._panes.left is None
        return has_library and (self._chosen.library_rail or self.window().width() < SIZES.rail_below)

    def set_panes(self, workspace: str, panes: Panes) -> None:
        """Shows the panels of a workspace, with the sizes chosen there."""
        before = self._panes
        for widget in (before.left, before.strip, before.stage, before.bottom, before.right):
            if widget is not None:
                widget.hide()
        self._workspace, self._panes = workspace, panes
        for widget in (panes.left, panes.strip, panes.stage, panes.bottom, panes.right, self.library):
            if widget is not None and widget.parent() is not self and (widget is not self.library or not panes.left):
                widget.setParent(self)
        for handle in (self._library_handle, self._right_handle, self._timeline_handle):
            handle.raise_()
        self._is_floating = False
        self.arrange()
        self.layout_changed.emit()

    def set_panels_hidden(self, hidden: bool) -> None:
        """Tab: leaves the picture and the live bar."""
        self._is_hidden = hidden
        self._is_floating = False
        self.arrange()

    def set_railed(self, railed: bool) -> None:
        self._chosen.library_rail = railed
        self._is_floating = False
        self.arrange()
        self.layout_changed.emit()

    def set_timeline_folded(self, folded: bool) -> None:
        self._chosen.timeline_folded = folded
        self.arrange()
        self.layout_changed.emit()

    def reset(self) -> None:
        """Every panel of every workspace back to its first size."""
        for name in ("library", "right", "timeline", "library_rail", "timeline_folded", "workspaces"):
            setattr(self._chosen, name, WindowLayout().model_dump()[name])
        self._is_hidden = self._is_floating = False
        self.arrange()
        self.layout_changed.emit()

    def close_floating(self) -> None:
        """Puts a library that was opened over the picture back into its rail."""
        if self._is_floating:
            self._is_floating = False
            self.arrange()

    # Sizes

    def library_width(self) -> int:
        first = self._panes.left_width
        chosen = self._size("left") or first
        if self.window().width() < SIZES.narrow_below and chosen == first:
            return self._panes.left_narrow
        return min(max(chosen, self._panes.left_narrow), SIZES.library_max)

    def right_width(self) -> int:
        first = self._panes.right_width
        chosen = self._size("right") or first
        if self.window().width() < SIZES.narrow_below and chosen == first:
            return min(first, SIZES.right_narrow)
        left = 0 if not self._panes.has_left else SIZES.rail if self.is_railed else self.library_width()
        room = self.width() - 4 * GAP - left - SIZES.viewport_width
        return max(SIZES.right_min, min(chosen, SIZES.right_max, room))

    def timeline_height(self) -> int:
        panes, bottom = self._panes, self._bottom()
        if not panes.has_bottom:
            return 0
        if panes.bottom is None:
            fold = self._chosen.timeline_folded or self.window().height() < SIZES.low_below
            if fold or getattr(bottom, "is_empty", False):
                return SIZES.timeline_min
        live_bar = SIZES.live_bar + GAP if panes.has_live_bar else 0
        strip = SIZES.tool_strip + GAP if panes.strip is not None else 0
        room = self.height() - live_bar - strip - SIZES.viewport_height - 3 * GAP
        least = max(SIZES.timeline_min, bottom.minimumHeight())
        return max(least, min(self._size("bottom") or panes.bottom_height, room))

    def arrange(self) -> None:
        """Puts every panel in its place."""
        hidden, panes, railed = self._is_hidden, self._panes, self.is_railed
        left_pane, stage, bottom_pane, right_pane = self._left(), self._stage(), self._bottom(), self._right()
        top, bottom, left, right = GAP, self.height() - GAP, GAP, self.width() - GAP
        right_pane.setVisible(not hidden)
        self.rail.setVisible(not hidden and railed)
        self.live_bar.setVisible(panes.has_live_bar)
        for pane, stands in ((self.library, left_pane), (self.timeline, bottom_pane), (self.viewport, stage),
                             (self.right, right_pane)):  # fmt: skip
            if pane is not stands and pane.parent() is self:
                pane.hide()
        bottom_pane.setVisible(not hidden and panes.has_bottom)
        if panes.strip is not None:
            panes.strip.setVisible(not hidden)
        if left_pane is not None:
            left_pane.setVisible(not hidden and (not railed or self._is_floating))
        if not hidden:
            height = self.timeline_height()
            spans = panes.bottom_spans if panes.has_bottom else ""
            if spans == "all":
                bottom_pane.setGeometry(left, bottom - height, right - left, height)
                bottom -= height + GAP
            width = self.right_width()
            right_pane.setGeometry(right - width, top, width, bottom - top)
            right -= width + GAP
            if bottom_pane is self.timeline and panes.has_bottom:
                self.timeline.set_folded(height <= SIZES.timeline_min)
            if spans == "left":
                bottom_pane.setGeometry(left, bottom - height, right - left, height)
                bottom -= height + GAP
            if left_pane is not None:
                width = SIZES.rail if railed else self.library_width()
                (self.rail if railed else left_pane).setGeometry(left, top, width, bottom - top)
                if railed and self._is_floating:
                    left_pane.setGeometry(left + width + GAP, top, SIZES.library, bottom - top)
                    left_pane.raise_()
                left += width + GAP
            if spans == "centre":
                bottom_pane.setGeometry(left, bottom - height, right - left, height)
                bottom -= height + GAP
            if panes.strip is not None:
                panes.strip.setGeometry(left, top, right - left, SIZES.tool_strip)
                top += SIZES.tool_strip + GAP
        if panes.has_live_bar:
            self.live_bar.setGeometry(left, bottom - SIZES.live_bar, right - left, SIZES.live_bar)
            bottom -= SIZES.live_bar + GAP
        stage.setGeometry(left, top, right - left, bottom - top)
        stage.show()
        self._place_handles(hidden, railed)

    def _left(self) -> QWidget | None:
        return (self._panes.left or self.library) if self._panes.has_left else None

    def _right(self) -> QWidget:
        return self._panes.right or self.right

    def _stage(self) -> QWidget:
        return self._panes.stage or self.viewport

    def _bottom(self) -> QWidget:
        return self._panes.bottom or self.timeline

    def _place_handles(self, hidden: bool, railed: bool) -> None:
        reach = (HIT - GAP) // 2
        view = self._stage().geometry()
        if self._panes.has_live_bar:
            view = view.united(self.live_bar.geometry())
        self._library_handle.setGeometry(view.left() - GAP - reach, view.top(), HIT, view.height())
        panel = self._right().geometry()
        self._right_handle.setGeometry(panel.left() - GAP - reach, panel.top(), HIT, panel.height())
        lanes = self._bottom().geometry()
        self._timeline_handle.setGeometry(lanes.left(), lanes.top() - GAP - reach, lanes.width(), HIT)
        self._library_handle.setVisible(not hidden and not railed and self._panes.has_left)
        self._right_handle.setVisible(not hidden)
        self._timeline_handle.setVisible(not hidden and self.timeline_height() > SIZES.timeline_min)

    def resizeEvent(self, event) -> None:
        self.arrange()

    def paintEvent(self, event) -> None:
        QPainter(self).fillRect(self.rect(), self._theme.color("app"))

    def _open_library(self) -> None:
        if self.window().width() < SIZES.rail_below:
            self._is_floating = not self._is_floating
            self.arrange()
        else:
            self.set_railed(False)

    def _drag_library(self, point: QPoint) -> None:
        width = point.x() - GAP
        if width < SIZES.library_collapse and self._left() is self.library:
            self.set_railed(True)
            return
        room = self.width() - 4 * GAP - self._right().width() - SIZES.viewport_width
        self._choose("left", max(self._panes.left_narrow, min(width, SIZES.library_max, room)))

    def _drag_right(self, point: QPoint) -> None:
        self._choose("right", max(SIZES.right_min, min(self.width() - point.x() - GAP, SIZES.right_max)))

    def _drag_timeline(self, point: QPoint) -> None:
        height = self.height() - GAP - point.y()
        if height < 70 and self._bottom() is self.timeline:
            self.set_timeline_folded(True)
            return
        self._choose("bottom", max(110, min(height, int(self.height() * 0.7))))

    def _size(self, side: str) -> int:
        """What was chosen in this workspace; in Perform, what the window has always kept."""
        if self._workspace == PERFORM:
            return getattr(self._chosen, PERFORM_NAMES[side])
        sizes = self._chosen.workspaces.get(self._workspace)
        return getattr(sizes, side) if sizes is not None else 0

    def _choose(self, side: str, size: int) -> None:
        if self._workspace == PERFORM:
            setattr(self._chosen, PERFORM_NAMES[side], size)
        else:
            setattr(self._chosen.workspaces.setdefault(self._workspace, PanelSizes()), side, size)
        self.arrange()
        self.layout_changed.emit()


class Handle(QWidget):
    """The grip between two panels: 4 px to see, 8 to hit; tells where in the work area it is dragged to."""

    dragged = Signal(QPoint)

    def __init__(self, area: QWidget, orientation: Qt.Orientation) -> None:
        super().__init__(area)
        horizontal = orientation == Qt.Orientation.Horizontal
        self.setCursor(Qt.CursorShape.SplitHCursor if horizontal else Qt.CursorShape.SplitVCursor)
        self._grip = QPoint()

    def mousePressEvent(self, event) -> None:
        self._grip = event.position().toPoint() - self.rect().center()

    def mouseMoveEvent(self, event) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            at = self.mapTo(self.parentWidget(), event.position().toPoint() - self._grip)
            self.dragged.emit(at + QPoint(GAP // 2, GAP // 2))


class LibraryRail(QFrame):
    """The library as a 44-px rail of icons."""

    opened = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAccessibleName("Library, folded")
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(4)
        for icon, name in (("face-man-outline", "Avatars"), ("waveform", "Takes")):
            button = IconButton(theme, icon, name, why="Opens the library.", size=32)
            button.clicked.connect(self.opened)
            column.addWidget(button)
        column.addStretch()
