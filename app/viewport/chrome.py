"""Everything that lies over the picture, made, placed and kept in step with the camera."""

from PySide6.QtCore import QObject, QSize, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.theme.theme import Theme
from app.viewport.camera_controller import EYES_AND_MOUTH, FACE, CameraController
from app.viewport.overlays import BOOKMARK_PX, COLUMN_BUTTON_PX, InfoPill, OverlayButton, OverlayGroup
from app.viewport.view_cube import SIZE_PX, ViewCube
from app.viewport.view_menus import GROUNDS, VIEW_MODES, axis_menu, exclusive_menu, novel_menu

BORDER, GAP = 10, 6
CUBE_RIGHT, CUBE_TOP, CUBE_GAP = 8, 8, 8
HIDE_AFTER_MS = 3000


class ViewportChrome(QObject):
    """The overlays of a viewport; asks for things through signals, shows what it is told.

    Signals name what a person asked for; the viewport carries it out.
    """

    mode_chosen = Signal(str)
    ground_chosen = Signal(str)
    grid_toggled = Signal(bool)
    safe_area_toggled = Signal(bool)
    face_framed = Signal()
    eyes_framed = Signal()
    axis_chosen = Signal(str)
    lens_chosen = Signal(float)
    ortho_toggled = Signal(bool)
    novel_chosen = Signal(float, float)
    motion_toggled = Signal(str)
    picture_asked = Signal()
    bookmark_recalled = Signal(int)
    bookmark_stored = Signal(int)
    bookmark_removed = Signal(int)

    def __init__(self, host: QWidget, theme: Theme, controller: CameraController) -> None:
        super().__init__(host)
        self._host, self._theme, self._controller = host, theme, controller
        self._hides_when_idle = False
        self._is_shown = self._has_modes = True
        self.cube = ViewCube(theme, host)
        self.info = InfoPill(theme, host)
        self._make_pills()
        self._make_column()
        self._bookmarks: dict[int, OverlayButton] = {}
        self.store = OverlayButton(
            theme, "Store this view", "bookmark-outline", key="Ctrl+1…9", is_pill=True, icon_px=16,
            why="Keeps the camera under the next free number.", size=QSize(BOOKMARK_PX, BOOKMARK_PX), parent=host,
        )  # fmt: skip
        self.store.clicked.connect(lambda: self.bookmark_stored.emit(controller.free_slot() or 9))
        self._idle_timer = QTimer(self, interval=HIDE_AFTER_MS, singleShot=True)
        self._idle_timer.timeout.connect(self._on_idle)
        theme.changed.connect(self._refresh_icons)
        self.follow_camera()

    @property
    def widgets(self) -> list[QWidget]:
        return [self.mode_pill, self.ground_pill, self.guides, self.cube, self.column, self.info, self.store,
                *self._bookmarks.values()]  # fmt: skip

    def bookmark_button(self, slot: int) -> OverlayButton | None:
        return self._bookmarks.get(slot)

    # What is shown

    def set_shown(self, is_shown: bool) -> None:
        """Shows or hides all of it; without an avatar there is nothing to look at."""
        self._is_shown = is_shown
        self._apply_visibility(is_shown)

    def set_modes_shown(self, has_modes: bool) -> None:
        """The pills at the upper left; a workspace with a tool strip does without them."""
        self._has_modes = has_modes
        self._apply_visibility(self._is_shown)

    def set_hides_when_idle(self, hides: bool) -> None:
        """While recording, the overlays go away when the mouse rests for three seconds."""
        self._hides_when_idle = hides
        self.note_mouse()

    def note_mouse(self) -> None:
        """The mouse moved over the viewport."""
        if self._is_shown and not self.cube.isVisibleTo(self._host):
            self._apply_visibility(True)
        if self._hides_when_idle:
            self._idle_timer.start()
        else:
            self._idle_timer.stop()

    def show_mode(self, name: str) -> None:
        mode = next(mode for mode in VIEW_MODES if mode.name == name)
        self._modes[name].setChecked(True)
        self.mode_pill.set_words(mode.title, f"View mode: {mode.title}")
        self.place()

    def show_ground(self, kind: str, title: str) -> None:
        if kind in self._grounds:
            self._grounds[kind].setChecked(True)
        self.ground_pill.set_words(title, f"Background: {title}")
        self.place()

    def show_guides(self, grid: bool, safe_area: bool) -> None:
        self.grid.setChecked(grid)
        self.safe_area.setChecked(safe_area)

    def show_avatar(self, name: str, rest: str) -> None:
        self.info.set_words(name, rest)
        self.place()

    def follow_camera(self) -> None:
        """Marks what the camera's goal stands for: framings, moves, bookmarks."""
        camera = self._controller
        self.face.setChecked(camera.is_framing(FACE))
        self.eyes.setChecked(camera.is_framing(EYES_AND_MOUTH))
        self.turntable.setChecked(camera.motion == "turntable")
        self.ortho.setChecked(camera.is_ortho)
        self._sync_bookmarks()
        here = camera.bookmark_here()
        for slot, button in self._bookmarks.items():
            button.setChecked(slot == here)

    def place(self) -> None:
        """Puts everything where it belongs for the size of the viewport."""
        width, height = self._host.width(), self._host.height()
        x = BORDER
        for pill in (self.mode_pill, self.ground_pill, self.guides):
            pill.move(x, BORDER)
            x += pill.width() + GAP
        self.cube.move(width - CUBE_RIGHT - SIZE_PX, CUBE_TOP)
        self.column.move(width - BORDER - self.column.width(), CUBE_TOP + SIZE_PX + CUBE_GAP)
        y, x = height - BORDER - BOOKMARK_PX, BORDER
        for button in (*(self._bookmarks[slot] for slot in sorted(self._bookmarks)), self.store):
            button.move(x, y)
            x += BOOKMARK_PX + 4
        self.info.move(width - BORDER - self.info.width(), y)

    # Making

    def _make_pills(self) -> None:
        theme, host = self._theme, self._host
        self.mode_pill = OverlayButton(theme, "View mode: Colour", "palette-outline", "Colour", "Z", is_pill=True,
                                       why="What the picture shows.", parent=host)  # fmt: skip
        menu, self._modes = exclusive_menu(
            host, theme, [(m.name, m.title, m.icon) for m in VIEW_MODES], self.mode_chosen.emit
        )
        self._modes["color"].setChecked(True)
        for mode in VIEW_MODES:
            self._modes[mode.name].setToolTip(mode.why)
        self.mode_pill.set_menu(menu)
        self.ground_pill = OverlayButton(theme, "Background: Studio grey", "image-outline", "Studio grey", is_pill=True,
                                         why="What stands behind the face.", parent=host)  # fmt: skip
        menu, self._grounds = exclusive_menu(host, theme, list(GROUNDS), self.ground_chosen.emit)
        self._grounds["studio"].setChecked(True)
        menu.addSeparator()
        menu.addAction(theme.icon("palette-outline"), "Colour…", lambda: self.ground_chosen.emit("color"))
        menu.addAction(theme.icon("image-outline"), "Picture…", lambda: self.ground_chosen.emit("picture"))
        self.ground_pill.set_menu(menu)
        size = QSize(22, 22)
        self.grid = OverlayButton(theme, "Grid", "grid", key="G", why="Thirds and the middle.", size=size, icon_px=16)
        self.safe_area = OverlayButton(theme, "Safe area", "overscan", why="What every screen shows.", size=size,
                                       icon_px=16)  # fmt: skip
        for button, signal in ((self.grid, self.grid_toggled), (self.safe_area, self.safe_area_toggled)):
            button.setCheckable(True)
            button.clicked.connect(signal.emit)
        self.guides = OverlayGroup(
            theme, [self.grid, self.safe_area], vertical=False, padding=4, spacing=0, parent=host
        )

    def _make_column(self) -> None:
        theme, size = self._theme, QSize(COLUMN_BUTTON_PX, COLUMN_BUTTON_PX)

        def button(name: str, icon: str, key: str = "", why: str = "") -> OverlayButton:
            return OverlayButton(theme, name, icon, key=key, why=why, size=size)

        self.face = button("Frame the face", "face-man-outline", "F", "Puts the whole head in the picture.")
        self.eyes = button(
            "Frame eyes and mouth", "image-filter-center-focus", "Shift+F", "Comes close to what speaks."
        )
        self.axes = button("Axis views", "axis-arrow", "Num 1 3 7", "Front, sides, top; lens and orthographic view.")
        self.novel = button("Novel views", "orbit", "", "Angles the training never saw.")
        self.turntable = button("Turntable", "rotate-3d-variant", "", "Goes round the head until you move the camera.")
        self.picture = button("Save a picture", "camera-plus-outline", "", "Keeps what you see as a PNG.")
        self.face.clicked.connect(self.face_framed)
        self.eyes.clicked.connect(self.eyes_framed)
        self.turntable.clicked.connect(lambda: self.motion_toggled.emit("turntable"))
        self.picture.clicked.connect(self.picture_asked)
        for toggle in (self.face, self.eyes, self.turntable):
            toggle.setCheckable(True)
        self.ortho = QAction("Orthographic\tNum 5", self._host, checkable=True)
        self.ortho.triggered.connect(self.ortho_toggled)
        self.axes.set_menu(axis_menu(self._host, self.axis_chosen.emit, self.lens_chosen.emit, self.ortho))
        self.novel.set_menu(novel_menu(self._host, self.novel_chosen.emit, lambda: self.motion_toggled.emit("spiral")))
        buttons = [self.face, self.eyes, self.axes, self.novel, self.turntable, self.picture]
        self.column = OverlayGroup(theme, buttons, True, padding=4, spacing=1, parent=self._host)

    def _sync_bookmarks(self) -> None:
        wanted = set(self._controller.bookmarks)
        if wanted == set(self._bookmarks):
            return
        for slot in set(self._bookmarks) - wanted:
            self._bookmarks.pop(slot).deleteLater()
        for slot in wanted - set(self._bookmarks):
            self._bookmarks[slot] = self._bookmark(slot)
        self.place()

    def _bookmark(self, slot: int) -> OverlayButton:
        button = OverlayButton(
            self._theme, f"Camera bookmark {slot}", text=str(slot), key=str(slot), is_pill=True,
            why="Right-click to store or remove.", size=QSize(BOOKMARK_PX, BOOKMARK_PX), parent=self._host,
        )  # fmt: skip
        button.setCheckable(True)
        button.clicked.connect(lambda: self.bookmark_recalled.emit(slot))
        menu = QMenu(button)
        menu.addAction("Store this view here", lambda: self.bookmark_stored.emit(slot))
        menu.addAction("Remove", lambda: self.bookmark_removed.emit(slot))
        button.set_context_menu(menu)
        button.setVisible(self.store.isVisibleTo(self._host))
        return button

    def _refresh_icons(self) -> None:
        for mode in VIEW_MODES:
            self._modes[mode.name].setIcon(self._theme.icon(mode.icon))
        for kind, _, icon in GROUNDS:
            self._grounds[kind].setIcon(self._theme.icon(icon))

    def _on_idle(self) -> None:
        if not self._hides_when_idle:
            return
        if any(widget.underMouse() for widget in self.widgets):
            self._idle_timer.start()
            return
        self._apply_visibility(False)

    def _apply_visibility(self, is_shown: bool) -> None:
        for widget in self.widgets:
            widget.setVisible(is_shown)
        for pill in (self.mode_pill, self.ground_pill, self.guides):
            pill.setVisible(is_shown and self._has_modes)
