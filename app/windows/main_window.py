"""The main window: puts the parts together and hands files, keys and sizes to them."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QUndoStack
from PySide6.QtWidgets import QApplication, QMainWindow, QVBoxLayout, QWidget

from app.panels.latency import StagePanel
from app.panels.library import LibraryPanel
from app.panels.library_files import takes_dir
from app.panels.live_bar import LiveBar
from app.panels.status_bar import StatusBar
from app.settings import Settings
from app.theme.theme import Theme
from app.theme.tokens import SIZES
from app.timeline.panel import TimelinePanel
from app.timeline.voice_peaks import VoicePeaks
from app.windows.actions import Commands
from app.windows.empty_stage import EmptyStage
from app.windows.logo import logo_icon
from app.windows.right_panel import RightPanel
from app.windows.sheet import Sheet
from app.windows.toasts import Toasts
from app.windows.top_bar import TopBar
from app.windows.work_area import WorkArea
from app.windows.workspaces import Panes, Workspaces

FIRST_SIZE = (1440, 900)
STAGE_PANEL_BOTTOM = 44


class MainWindow(QMainWindow):
    """Composes the panels; what they ask for is carried out by `SessionWiring` and `bind_commands`.

    Args:
        viewport: the picture; fills the stage.
        face: the page of the right panel.
        undo_stack: the one history.
        more_pages: title and page of the right panel's further tabs.
        voice: what the timeline's waveform is drawn from; without it, from what the frames tell.
    """

    files_dropped = Signal(list)
    closing = Signal()

    def __init__(
        self, theme: Theme, settings: Settings, viewport: QWidget, face: QWidget, undo_stack: QUndoStack, cores: int,
        more_pages: Sequence[tuple[str, QWidget]] = (), voice: VoicePeaks | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.theme, self.settings, self.undo_stack = theme, settings, undo_stack
        self.setWindowTitle("Mouthpiece")
        self.setWindowIcon(logo_icon())
        self.setMinimumSize(SIZES.window_width, SIZES.window_height)
        self.setAcceptDrops(True)
        self.commands = Commands(self, settings.keys, settings.key_preset)
        self.viewport, self.face = viewport, face
        self.library = LibraryPanel(theme)
        self.live_bar = LiveBar(theme)
        self.timeline = TimelinePanel(theme, takes_dir(), voice)
        self.timeline.set_folded(settings.layout.timeline_folded)
        self.right = RightPanel(theme)
        self.status = StatusBar(theme, cores)
        self.area = WorkArea(
            theme, settings.layout, self.library, viewport, self.live_bar, self.timeline, self.right
        )  # fmt: skip
        self.timeline.filled.connect(self.area.arrange)
        self.top_bar = TopBar(theme, self.commands)
        self.workspaces = Workspaces(self, Panes([("Face", face), *more_pages]))
        self.top_bar.workspace_chosen.connect(self.workspaces.show)
        self.empty_stage = EmptyStage(theme, viewport)
        self.stage_panel = StagePanel(theme, viewport)
        self.stage_panel.hide()
        self.toasts = Toasts(theme, viewport, settings.reduce_motion)
        self.toasts.keep_beside(self.stage_panel)
        self.workspaces.changed.connect(lambda name: self.toasts.stand_over(self.workspaces.stage(name)))
        self.sheet: Sheet | None = None
        ground = QWidget()
        ground.setProperty("role", "ground")
        column = QVBoxLayout(ground)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.area, 1)
        column.addWidget(self.status)
        self.setMenuWidget(self.top_bar)
        self.setCentralWidget(ground)
        viewport.installEventFilter(self)
        self._restore_geometry()

    # What others ask of it

    def show_sheet(self, sheet: Sheet) -> None:
        """Opens a sheet over the window; one at a time."""
        if self.sheet is not None:
            sheet.deleteLater()
            return
        self.sheet = sheet
        self.commands.set_blocked(True)
        sheet.closed.connect(self._on_sheet_closed)
        sheet.open()

    def show_stage_panel(self, shown: bool) -> None:
        """The stages of the latency, over the lower left of the picture."""
        self.stage_panel.setVisible(shown)
        self.live_bar.show_stages_open(shown)
        self.commands.set_checked("view.latency", shown)
        self._place_overlays()

    def show_empty(self, empty: bool) -> None:
        """Covers or uncovers the picture; the right panel shows sliders only when there is a face to move."""
        self.empty_stage.setVisible(empty)
        self.right.show_avatar(not empty)
        if not empty and self.empty_stage.hasFocus():
            self.viewport.setFocus()
        self.area.arrange()

    def set_fullscreen(self, on: bool) -> None:
        state = self.windowState()
        self.setWindowState(state | Qt.WindowState.WindowFullScreen if on else state & ~Qt.WindowState.WindowFullScreen)

    def next_area(self) -> None:
        """Moves the focus from panel to panel."""
        areas = [area for area in (self.top_bar, *self.area.shown) if area.isVisible()]
        focus = QApplication.focusWidget()
        inside = [
            i for i, area in enumerate(areas) if focus is not None and (area is focus or area.isAncestorOf(focus))
        ]
        for step in range(1, len(areas) + 1):
            area = areas[((inside[0] if inside else -1) + step) % len(areas)]
            targets = [area, *area.findChildren(QWidget)]
            target = next((w for w in targets if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isVisible()
                           and w.isEnabled()), None)  # fmt: skip
            if target is not None:
                target.setFocus(Qt.FocusReason.TabFocusReason)
                return

    def remember_layout(self) -> None:
        self.settings.layout.geometry = bytes(self.saveGeometry().toBase64()).decode("ascii")

    # Inside

    def _restore_geometry(self) -> None:
        saved = self.settings.layout.geometry
        if not (saved and self.restoreGeometry(QByteArray.fromBase64(saved.encode("ascii")))):
            screen = QApplication.primaryScreen().availableGeometry()
            self.resize(min(FIRST_SIZE[0], screen.width()), min(FIRST_SIZE[1], screen.height()))

    def _on_sheet_closed(self) -> None:
        self.sheet = None
        self.commands.set_blocked(False)

    def _place_overlays(self) -> None:
        self.empty_stage.setGeometry(self.viewport.rect())
        self.stage_panel.adjustSize()
        bottom = self.viewport.height() - STAGE_PANEL_BOTTOM
        self.stage_panel.move(10, max(10, bottom - self.stage_panel.height()))
        self.stage_panel.raise_()
        if self.empty_stage.isVisible():
            self.empty_stage.raise_()
        for toast in self.toasts.shown:
            toast.raise_()

    def eventFilter(self, watched, event) -> bool:
        if watched is self.viewport and event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._place_overlays()
        return super().eventFilter(watched, event)

    def event(self, event) -> bool:
        # Tab hides the panels, except where it must move the focus: inside a panel, a field or a sheet.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            focus = QApplication.focusWidget()
            is_tab = event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
            if is_tab and focus is not None and focus not in (self, self.viewport, self.empty_stage):
                event.accept()
                return True
        return super().event(event)

    def mousePressEvent(self, event) -> None:
        self.area.close_floating()
        super().mousePressEvent(event)

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self.status.show_terse(self.height() < SIZES.terse_below)

    def dragEnterEvent(self, event) -> None:
        if event.mimeData().hasUrls() and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self.library.drop_zone.show_lit(True)

    def dragLeaveEvent(self, event) -> None:
        self.library.drop_zone.show_lit(False)

    def dropEvent(self, event) -> None:
        self.library.drop_zone.show_lit(False)
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.files_dropped.emit(paths)

    def closeEvent(self, event) -> None:
        self.remember_layout()
        self.closing.emit()
        super().closeEvent(event)
