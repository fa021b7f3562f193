"""The viewport: the newest frame of the face, the camera in the user's hand, and what lies over the picture."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QUndoStack
from PySide6.QtWidgets import QWidget

from app.theme.theme import Theme
from app.viewport.camera_commands import CameraCommands
from app.viewport.camera_controller import CameraController
from app.viewport.camera_hand import FLY_KEYS, CameraHand
from app.viewport.chrome import ViewportChrome
from app.viewport.ground import Ground, composed_background, ground_image
from app.viewport.guides import Guides
from app.viewport.overlays import EdgeFrame
from app.viewport.pick_canvas import CanvasChoice, pick_canvas
from app.viewport.raster_canvas import RasterCanvas
from app.viewport.resolution import ResolutionGovernor
from app.viewport.stills import avatar_words, still_picture
from app.viewport.view_dialogs import ask_color, ask_picture, ask_still
from app.viewport.view_keys import camera_command
from app.viewport.view_menus import VIEW_MODES
from app.workers.frames import FrameHeader
from engine.camera import Orbit
from engine.errors import MouthpieceError
from engine.latency import LatencyLog

RESIZE_SETTLES_MS = 40
MINIMUM = QSize(480, 320)
LONGEST_BETWEEN_S = 0.1
"""Pictures farther apart than this stood still in between."""


class Viewport(QWidget):
    """Shows `session.frames` and moves `session`'s camera.

    Args:
        undo_stack: where camera gestures become undo steps; the session's own, else one of the viewport's.
        canvas: `raster` or `opengl` to fix the painter, None to choose it by measuring.

    Attributes:
        camera: what it can be asked to do by name.
        latency: where the milliseconds of the pictures went that were drawn here, the window's own share included.

    Signals: `camera_moved(Orbit)` with every step of the camera; `pointer_moved(point, size)` over the picture.
    """

    view_mode_changed = Signal(str)
    escape_pressed = Signal()
    camera_moved = Signal(object)
    pointer_moved = Signal(QPointF, QSize)

    def __init__(
        self, session, theme: Theme, parent: QWidget | None = None, undo_stack: QUndoStack | None = None,
        canvas: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session, self._theme = session, theme
        self.setObjectName("viewport")
        self.setAccessibleName("Viewport")
        self.setMinimumSize(MINIMUM)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.controller = CameraController()
        stack = undo_stack or getattr(session, "undo_stack", None) or QUndoStack(self)
        self.hand = CameraHand(self.controller, stack, self)
        self.camera = CameraCommands(self.controller, self.hand, self._trained_from)
        self.governor = ResolutionGovernor()
        self._guides, self._ground, self._mode = Guides(), Ground(), "color"
        self.latency = LatencyLog()
        self._refused: set[str] = set()  # views the avatar on stage cannot give
        self._is_cycling = False
        self._painted_motion_time = 0.0
        self.canvas_choice: CanvasChoice = pick_canvas(canvas)
        self.canvas = self._make_canvas(self.canvas_choice.kind)
        self.edge = EdgeFrame(theme, self)
        self.chrome = ViewportChrome(self, theme, self.controller)
        self._asked_size: tuple[int, int] | None = None
        self._size_timer = QTimer(self, interval=RESIZE_SETTLES_MS, singleShot=True)
        self._size_timer.timeout.connect(self._ask_size)
        self._connect()
        self._show_avatar(session.manifest)

    # What the shell calls

    @property
    def view_mode(self) -> str:
        return self._mode

    @property
    def ground(self) -> Ground:
        return self._ground

    @property
    def guides(self) -> Guides:
        return self._guides

    def commands(self) -> dict[str, Callable[[], object]]:
        """What this part carries out of the table of actions."""
        own = {
            "view.mode_next": self.next_view_mode,
            "view.grid": lambda: self.set_grid(not self._guides.grid),
            "view.safe_area": lambda: self.set_safe_area(not self._guides.safe_area),
            "view.picture": self._ask_picture,
        }
        modes = {f"view.mode_{mode.name}": lambda name=mode.name: self.set_view_mode(name) for mode in VIEW_MODES}
        return self.camera.named() | own | modes

    def set_view_mode(self, name: str) -> None:
        self._is_cycling = False
        self._session.set_view_mode(name)
        self._show_view_mode(name)

    def _show_view_mode(self, name: str) -> None:
        self._mode = name
        self.chrome.show_mode(name)
        self.view_mode_changed.emit(name)

    def _on_performer_said(self, event: dict) -> None:
        if event.get("event") != "view_refused":
            return
        self._refused.add(event.get("refused", ""))  # the note says why
        self._show_view_mode(event["mode"])
        if self._is_cycling and event.get("refused"):
            self.next_view_mode(event["refused"])

    def next_view_mode(self, after: str | None = None) -> None:
        """The next view that this avatar can give."""
        names = [mode.name for mode in VIEW_MODES if mode.name not in self._refused or mode.name == after]
        after = after or self._mode
        start = names.index(after) if after in names else -1
        self._is_cycling = True
        name = names[(start + 1) % len(names)]
        self._session.set_view_mode(name)
        self._show_view_mode(name)

    def set_grid(self, is_on: bool) -> None:
        self._set_guides(replace(self._guides, grid=is_on))

    def set_safe_area(self, is_on: bool) -> None:
        self._set_guides(replace(self._guides, safe_area=is_on))

    def set_ground(self, ground: Ground) -> None:
        """Puts something else behind the face; says so in a note if a picture cannot be read."""
        try:
            ground_image(ground, 8, 8, 1.0, self._theme.tokens)
        except MouthpieceError as error:
            self._session.note.emit("err", "The picture stays away", str(error))
            return
        self._ground = ground
        self.canvas.set_ground(ground)
        self._tell_background()
        self.chrome.show_ground(ground.kind, ground.title)

    def set_recording_edge(self, is_on: bool) -> None:
        self.edge.set_on(is_on)
        self.chrome.set_hides_when_idle(is_on)

    def set_interacting(self, is_on: bool) -> None:
        """A slider is being dragged: frames may be smaller meanwhile, if they come too slowly."""
        if self.governor.set_dragging(is_on or self.hand.is_dragging):
            self._ask_size()

    def set_reduce_motion(self, is_on: bool) -> None:
        """Makes camera moves instant."""
        self.controller.reduce_motion = is_on

    def set_mouse_preset(self, preset: str) -> None:
        """Which buttons move the camera: standard, blender or maya."""
        self.hand.preset = preset

    def still_picture(self) -> QImage:
        """What the viewport shows, without anything that lies over it, at the frame's own size."""
        return still_picture(self._session.frames.newest(), self._ground, self._theme.tokens)

    def use_canvas(self, kind: str) -> None:
        """Changes the painter while running: `raster` or `opengl`."""
        if kind == self.canvas.kind:
            return
        old, self.canvas = self.canvas, self._make_canvas(kind)
        self.canvas.setGeometry(self.rect())
        self.canvas.lower()
        self.canvas.show()
        old.hide()
        old.deleteLater()
        self._on_frame_ready()

    # Frames and session

    def _connect(self) -> None:
        session, chrome = self._session, self.chrome
        session.frame_ready.connect(self._on_frame_ready)
        session.avatar_opened.connect(self._on_avatar_opened)
        session.recording_changed.connect(self.set_recording_edge)
        session.performer_said.connect(self._on_performer_said)
        self._theme.changed.connect(lambda: self.canvas.set_tokens(self._theme.tokens))
        self.hand.moved.connect(self._on_camera_moved)
        self.hand.goal_changed.connect(chrome.follow_camera)
        self.hand.drag_changed.connect(self.set_interacting)
        chrome.mode_chosen.connect(self.set_view_mode)
        chrome.ground_chosen.connect(self._on_ground_chosen)
        chrome.grid_toggled.connect(self.set_grid)
        chrome.safe_area_toggled.connect(self.set_safe_area)
        chrome.picture_asked.connect(self._ask_picture)
        self.camera.join(chrome)
        cube = chrome.cube
        cube.drag_began.connect(lambda: self.hand.begin("cube"))
        cube.drag_ended.connect(lambda: self.hand.end("Orbit"))
        cube.turned.connect(lambda a, e: (self.controller.turn(a, e), self.hand.follow()))
        cube.rolled.connect(lambda d: (self.controller.roll(d), self.hand.follow()))
        cube.side_chosen.connect(lambda side: (self.controller.axis_view(side), self.hand.follow()))

    def _on_frame_ready(self) -> None:
        if not self.isVisible() or self._session.manifest is None:
            return
        view = self._session.frames.newest()
        if view is None:
            return
        self.canvas.show_frame(view)
        if self.governor.judge(view.header.fps):
            self._ask_size()

    def _on_painted(self, header: FrameHeader) -> None:
        """A sound waits for the first picture that stands for it, half the time between two; then for the window."""
        stages = dict(header.stages_ms)
        waited_s = max(0.0, time.perf_counter() - header.shown_time)  # in the slot, for the window, and its painting
        between_s = min(max(0.0, header.motion_sample_time - self._painted_motion_time), LONGEST_BETWEEN_S)
        self._painted_motion_time = header.motion_sample_time
        stages["present"] = stages.get("present", 0.0) + 1e3 * (waited_s + between_s / 2)
        self.latency.add(stages)

    def _on_avatar_opened(self, manifest) -> None:
        self._refused.clear()
        self.latency.clear()
        self._show_avatar(manifest)

    def _trained_from(self) -> Orbit | None:
        return self._session.manifest.orbit if self._session.manifest is not None else None

    def _show_avatar(self, manifest) -> None:
        self.chrome.set_shown(manifest is not None)
        if manifest is None:
            self.canvas.show_frame(None)
            return
        self.controller.set_home(manifest.orbit)
        self.chrome.show_avatar(manifest.name, avatar_words(manifest))
        self._tell_background()
        self._session.set_view_mode(self._mode)
        self._asked_size = None
        self._ask_size()
        self.hand.follow()
        self.chrome.cube.show_orbit(self.controller.orbit)
        self._session.set_camera(self.controller.orbit)

    def _on_camera_moved(self) -> None:
        orbit = self.controller.orbit
        self._session.set_camera(orbit)
        self.chrome.cube.show_orbit(orbit)
        self.camera_moved.emit(orbit)

    def _ask_size(self) -> None:
        scale = self.devicePixelRatioF()
        size = self.governor.size(round(self.width() * scale), round(self.height() * scale))
        if size != self._asked_size:
            self._asked_size = size
            self._session.set_view_size(*size)

    def _tell_background(self) -> None:
        self._session.set_background(composed_background(self._ground, self._session.manifest, self._theme.tokens))

    def _on_ground_chosen(self, kind: str) -> None:
        if kind == "color":
            ask_color(self, QColor(self._ground.color), lambda color: self.set_ground(Ground("color", color.name())))
        elif kind == "picture":
            ask_picture(self, lambda path: self.set_ground(Ground("picture", picture=path)))
        else:
            self.set_ground(Ground(kind))

    def _ask_picture(self) -> None:
        picture = self.still_picture()
        if not picture.isNull():
            ask_still(self, lambda path: self.save_picture(picture, path))

    def save_picture(self, picture: QImage, path: Path) -> None:
        if picture.save(str(path), "PNG"):
            self._session.note.emit("good", "Picture saved", str(path))
        else:
            why = f"{path} cannot be written; choose another place."
            self._session.note.emit("err", "The picture was not saved", why)

    def _set_guides(self, guides: Guides) -> None:
        self._guides = guides
        self.canvas.set_guides(guides)
        self.chrome.show_guides(guides.grid, guides.safe_area)

    def _make_canvas(self, kind: str) -> QWidget:
        if kind == "opengl":
            from app.viewport.gl_canvas import GlCanvas

            canvas = GlCanvas(self._theme.tokens, self)
        else:
            canvas = RasterCanvas(self._theme.tokens, self)
        canvas.on_painted = self._on_painted
        canvas.set_ground(self._ground)
        canvas.set_guides(self._guides)
        return canvas

    # Qt

    def resizeEvent(self, event) -> None:
        self.canvas.setGeometry(self.rect())
        self.edge.setGeometry(self.rect())
        self.chrome.place()
        self._size_timer.start()

    def showEvent(self, event) -> None:
        self._asked_size = None  # another workspace may have asked for another one meanwhile
        self._ask_size()
        self._on_frame_ready()

    def mousePressEvent(self, event) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if not self.hand.press(event.position(), event.button(), event.modifiers()):
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event) -> None:
        self.chrome.note_mouse()
        self.pointer_moved.emit(event.position(), self.size())
        if self.hand.is_dragging:
            self.hand.drag(event.position(), self.size())

    def mouseReleaseEvent(self, event) -> None:
        if not event.buttons():
            self.hand.release()

    def mouseDoubleClickEvent(self, event) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._session.manifest is not None:
            self.hand.pivot(self._at(event.position()), self._aspect())

    def wheelEvent(self, event) -> None:
        notches = (event.angleDelta().y() or event.pixelDelta().y() * 2) / 120.0
        if notches:
            self.hand.wheel(notches, self._at(event.position()), self._aspect())
        event.accept()

    def event(self, event) -> bool:
        # While flying, letters move the camera and start nothing else.
        if event.type() == QEvent.Type.ShortcutOverride and self.hand.is_flying and event.key() in FLY_KEYS:
            event.accept()
            return True
        return super().event(event)

    def keyReleaseEvent(self, event) -> None:
        if not event.isAutoRepeat():
            self.hand.release_fly_key(event.key())
        super().keyReleaseEvent(event)

    def keyPressEvent(self, event) -> None:
        if self.hand.press_fly_key(event.key()):
            return
        # Keys that the window's table of actions binds never come here.
        if event.key() == Qt.Key.Key_Escape:
            self.escape_pressed.emit()
            return
        name = camera_command(event.key(), event.modifiers())
        command = self.commands().get(name) if name else None
        if command is None:
            super().keyPressEvent(event)
        else:
            command()

    def leaveEvent(self, event) -> None:
        self.chrome.note_mouse()

    def _at(self, point: QPointF) -> tuple[float, float]:
        """A point of the widget as `(x, y)` from -1 to 1, y up."""
        return (2 * point.x() / max(1, self.width()) - 1, 1 - 2 * point.y() / max(1, self.height()))

    def _aspect(self) -> float:
        return self.width() / max(1, self.height())
