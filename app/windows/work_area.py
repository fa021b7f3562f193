"""Where the panels stand: their sizes, what gives way when room is short, and the handles between them."""

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.settings import WindowLayout
from app.theme.buttons import IconButton
from app.theme.theme import Theme
from app.theme.tokens import SIZES

GAP, HIT = SIZES.gap, 8


class WorkArea(QWidget):
    """Library, viewport, live bar, timeline and right panel, 4 px of ground between them.

    Every length is what the person chose, else the default; the window's size then decides what gives way.
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
    def panels_hidden(self) -> bool:
        return self._is_hidden

    @property
    def is_railed(self) -> bool:
        """Whether the library is the 44-px rail."""
        return self._chosen.library_rail or self.window().width() < SIZES.rail_below

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
        """Every panel back to its first size."""
        for name in ("library", "right", "timeline", "library_rail", "timeline_folded"):
            setattr(self._chosen, name, WindowLayout.model_fields[name].default)
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
        window = self.window().width()
        default = WindowLayout.model_fields["library"].default
        if window < SIZES.narrow_below and self._chosen.library == default:
            return SIZES.library_narrow
        return min(max(self._chosen.library, SIZES.library_narrow), SIZES.library_max)

    def right_width(self) -> int:
        window = self.window().width()
        default = WindowLayout.model_fields["right"].default
        if window < SIZES.narrow_below and self._chosen.right == default:
            return SIZES.right_narrow
        left = SIZES.rail if self.is_railed else self.library_width()
        room = self.width() - 4 * GAP - left - SIZES.viewport_width
        return max(SIZES.right_min, min(self._chosen.right, SIZES.right_max, room))

    def timeline_height(self) -> int:
        fold = self._chosen.timeline_folded or self.window().height() < SIZES.low_below
        if fold or getattr(self.timeline, "is_empty", False):
            return SIZES.timeline_min
        room = self.height() - SIZES.live_bar - SIZES.viewport_height - 4 * GAP
        return max(SIZES.timeline_min, min(self._chosen.timeline, room))

    def arrange(self) -> None:
        """Puts every panel in its place."""
        hidden = self._is_hidden
        railed = self.is_railed
        top, bottom, left, right = GAP, self.height() - GAP, GAP, self.width() - GAP
        self.right.setVisible(not hidden)
        self.timeline.setVisible(not hidden)
        self.rail.setVisible(not hidden and railed)
        self.library.setVisible(not hidden and (not railed or self._is_floating))
        if not hidden:
            width = self.right_width()
            self.right.setGeometry(right - width, top, width, bottom - top)
            right -= width + GAP
            height = self.timeline_height()
            folded = height <= SIZES.timeline_min
            if hasattr(self.timeline, "set_folded"):
                self.timeline.set_folded(folded)
            self.timeline.setGeometry(left, bottom - height, right - left, height)
            bottom -= height + GAP
            width = SIZES.rail if railed else self.library_width()
            (self.rail if railed else self.library).setGeometry(left, top, width, bottom - top)
            if railed and self._is_floating:
                self.library.setGeometry(left + width + GAP, top, SIZES.library, bottom - top)
                self.library.raise_()
            left += width + GAP
        self.live_bar.setGeometry(left, bottom - SIZES.live_bar, right - left, SIZES.live_bar)
        bottom -= SIZES.live_bar + GAP
        self.viewport.setGeometry(left, top, right - left, bottom - top)
        self._place_handles(hidden, railed)

    def _place_handles(self, hidden: bool, railed: bool) -> None:
        reach = (HIT - GAP) // 2
        view = self.viewport.geometry().united(self.live_bar.geometry())
        self._library_handle.setGeometry(view.left() - GAP - reach, view.top(), HIT, view.height())
        panel = self.right.geometry()
        self._right_handle.setGeometry(panel.left() - GAP - reach, panel.top(), HIT, panel.height())
        lanes = self.timeline.geometry()
        self._timeline_handle.setGeometry(lanes.left(), lanes.top() - GAP - reach, lanes.width(), HIT)
        self._library_handle.setVisible(not hidden and not railed)
        self._right_handle.setVisible(not hidden)
        self._timeline_handle.setVisible(not hidden and self.timeline_height() > SIZES.timeline_min)
        for handle in (self._library_handle, self._right_handle, self._timeline_handle):
            handle.raise_()

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
        if width < SIZES.library_collapse:
            self.set_railed(True)
            return
        room = self.width() - 4 * GAP - self.right.width() - SIZES.viewport_width
        self._chosen.library = max(SIZES.library_narrow, min(width, SIZES.library_max, room))
        self._changed()

    def _drag_right(self, point: QPoint) -> None:
        self._chosen.right = max(SIZES.right_min, min(self.width() - point.x() - GAP, SIZES.right_max))
        self._changed()

    def _drag_timeline(self, point: QPoint) -> None:
        height = self.height() - GAP - point.y()
        if height < 70:
            self.set_timeline_folded(True)
            return
        self._chosen.timeline = max(110, min(height, int(self.height() * 0.7)))
        self._changed()

    def _changed(self) -> None:
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
