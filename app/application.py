"""Builds the desktop program in one place and runs it."""

import argparse
import gc
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from app.real_time import share_interpreter
from app.shipped import welcome_first
from engine.errors import OutputError
from engine.paths import ASSETS

NO_DISPLAY = (
    "There is no display to open the window on{why}. Clips can be made without one: "
    "mouthpiece render AVATAR --voice SOUND -o CLIP.mp4"
)
X11_FOLDER = Path("/tmp/.X11-unix")
X11_PORT = 6000


def run(argv: list[str]) -> int:
    """Opens the window and stays until it is closed; the exit code.

    Without a display it says so on standard error and returns 2.
    """
    options = parse(argv)
    problem = display_problem(os.environ, sys.platform)
    if problem is not None:
        print(problem, file=sys.stderr)
        return 2
    from PySide6.QtWidgets import QApplication

    from app.theme.theme import prepare_fonts

    prepare_fonts()
    app = QApplication.instance() or QApplication([sys.argv[0]])
    app.setApplicationName("mouthpiece")
    app.setApplicationDisplayName("Mouthpiece")
    app.setDesktopFileName("mouthpiece")
    studio = opened(app, options)
    code = app.exec()
    studio.close()
    return code or studio.exit_code


def opened(app, options: argparse.Namespace) -> "Studio":
    """The program with its window shown; what was made till then is never looked through for garbage again."""
    from app.collecting import Collector

    share_interpreter()
    gc.disable()  # next to nothing is thrown away while the window is built
    try:
        studio = Studio(app, options)
        studio.open()
    finally:
        gc.freeze()
        Collector(app)
    return studio


def parse(argv: list[str]) -> argparse.Namespace:
    """The window's own options."""
    parser = argparse.ArgumentParser(prog="mouthpiece", description="Opens the studio window.")
    parser.add_argument("file", nargs="?", type=Path, help="an avatar to open")
    parser.add_argument("--avatar", type=Path, help="an avatar to open")
    parser.add_argument("--voice", type=Path, help="a sound file to be spoken instead of the microphone")
    parser.add_argument("--theme", choices=("dark", "light", "system"))
    parser.add_argument("--size", type=_size, metavar="WIDTHxHEIGHT", help="of the window")
    parser.add_argument("--screenshot", type=Path, metavar="PNG", help="saves a picture of the window and ends")
    parser.add_argument("--after", type=float, default=6.0, metavar="SECONDS", help="when the picture is taken")
    return parser.parse_args(argv)


class Studio:
    """Everything the program is made of; what each part needs is handed to it here.

    Args:
        make_session: called with the fallback voice; the default makes the real one.
    """

    def __init__(self, app, options: argparse.Namespace, make_session: Callable | None = None) -> None:
        from PySide6.QtGui import QUndoStack

        from app.compare.workspace import CompareWorkspace
        from app.crash import CrashHandler
        from app.document import Document, untitled
        from app.edit.workspace import EditWorkspace
        from app.inspect.workspace import InspectWorkspace
        from app.jobs.workspace import JobsWorkspace
        from app.panels.expression_pictures import ExpressionPictures
        from app.panels.face import FacePanel
        from app.panels.gaze_pose import GazePosePanel
        from app.panels.mixer import MixerPanel
        from app.portraits import Portraits
        from app.settings import load_settings
        from app.theme.theme import Theme
        from app.viewport.pose_handle import PoseHandle
        from app.viewport.viewport import Viewport
        from app.windows.bind_commands import bind_commands
        from app.windows.file_tasks import FileTasks
        from app.windows.library_wiring import LibraryWiring
        from app.windows.main_window import MainWindow
        from app.windows.preparation import Preparation
        from app.windows.project_files import ProjectFiles
        from app.windows.session_wiring import SessionWiring
        from app.windows.sheets import Sheets

        self._app, self._options = app, options
        self.exit_code = 0
        self._first: Path | None = None
        self.crash = CrashHandler(app)
        self.crash.install()
        self.settings = load_settings()
        self.theme = Theme(app, options.theme or self.settings.theme)
        self._set_environment()
        self.session = (make_session or _real_session)(sample_voice())
        self.session.start_performer()  # loading torch takes seconds: the window is built meanwhile
        self.undo_stack = getattr(self.session, "undo_stack", None) or QUndoStack(app)
        viewport = Viewport(self.session, self.theme, undo_stack=self.undo_stack)
        face = FacePanel(self.session, self.theme, undo_stack=self.undo_stack)
        face.interacting.connect(viewport.set_interacting)
        portraits = Portraits(self.session, viewport)
        self.pictures = ExpressionPictures(self.session, portraits, face)
        gaze = GazePosePanel(self.session, self.theme, face.model)
        viewport.camera_moved.connect(gaze.follow_camera)
        viewport.pointer_moved.connect(gaze.follow_cursor)
        self.pose_handle = PoseHandle(self.theme, viewport, self.session, face.model, gaze)
        self.voice = self._voice_peaks()
        mixer = MixerPanel(self.session, self.theme, face.model)
        pages = [("Mixer", mixer), ("Gaze and pose", gaze)]
        self.window = MainWindow(
            self.theme, self.settings, viewport, face, self.undo_stack, n_cores(), pages, self.voice
        )
        viewport.set_reduce_motion(self.settings.reduce_motion)
        viewport.set_mouse_preset(self.settings.key_preset)
        face.set_reduce_motion(self.settings.reduce_motion)
        tasks = FileTasks(self.window)
        self.library = LibraryWiring(self.window, self.session, tasks, portraits)
        self.library.motion_dropped.connect(mixer.head.use_file)
        self.wiring = SessionWiring(self.window, self.session, self.library, tasks)
        self.sheets = Sheets(self.window, self.session, self.wiring, self.library)
        self.inspect = InspectWorkspace(self.window, self.session, face, pages[0][1])
        self.compare = CompareWorkspace(self.window, self.session, self.library, self.wiring)
        self.jobs = JobsWorkspace(self.window, self.session, self.wiring, self.sheets, tasks)
        self.document = Document(untitled(), self.undo_stack, self.window)
        self.inspect.keep_in(self.document)
        self.edit = EditWorkspace(self.window, self.session, self.document, tasks, portraits)
        self.sheets.edited = self.edit.for_export
        self.library.speak_instead = self.edit.speak
        self.wiring.edit_wanted.connect(self.edit.show_take)
        self.projects = ProjectFiles(self.window, self.document)
        parts = [self.edit, self.inspect, self.compare, self.jobs, self.projects]
        for workspace in parts[:-1]:
            self.window.workspaces.add(workspace.entry())
        bind_commands(self.window, self.session, self.wiring, self.library, self.sheets, parts)
        self.projects.add_recent_menu()
        self.edit.follow_workspace()
        self.inspect.follow_workspace()
        self.preparation = Preparation(tasks, ["pyqtgraph"], self.jobs.prepare(), self.window)
        for moved in (self.session.avatar_opened, self.session.controls_changed, viewport.camera_moved,
                      self.window.area.layout_changed):  # fmt: skip
            moved.connect(self.preparation.wait)
        self.window.closing.connect(self._on_closing)
        self.crash.crashed.connect(self._say_crash)

    def open(self) -> None:
        """Shows the window, then starts the other children and puts an avatar on stage."""
        from PySide6.QtCore import QTimer

        self._first = first_avatar(self._options.avatar or self._options.file, self.settings.last_avatar)
        if self._first is not None:
            self.window.empty_stage.show_opening(self._first.stem)
        if self._options.size is not None:
            self.window.resize(*self._options.size)
        self.window.show()
        self.library.scan()
        QTimer.singleShot(0, self._start)
        if self._options.screenshot is not None:
            QTimer.singleShot(int(self._options.after * 1000), self._take_screenshot)

    def close(self) -> None:
        """Ends the children and puts the crash handler away."""
        if self.voice is not None:
            self.voice.close()
        self.sheets.external.close()
        self.document.close()
        self.session.close()
        self.crash.uninstall()

    def _start(self) -> None:
        session, sound = self.session, self.settings.sound
        session.start()
        session.set_gain_db(sound.gain_db)
        session.set_gate_db(sound.gate_db)
        session.set_look_ahead_ms(sound.look_ahead_ms)
        session.camera_voice.use_device(sound.camera_voice)
        head = self.settings.head_motion
        if head.path is not None:
            session.set_head_motion(path=head.path, is_on=head.is_on, strength=head.strength, seed=head.seed)
        self.sheets.external.apply()
        if self._first is not None:
            self.library.open_avatar(self._first)
        if self._options.voice is not None:
            self.library.use_sound(self._options.voice)
        else:
            session.use_microphone(sound.device)

    def _set_environment(self) -> None:
        """What the children read: how many threads, which rasterizer."""
        performance = self.settings.performance
        if performance.threads:
            os.environ["MOUTHPIECE_THREADS"] = str(performance.threads)
        if performance.backend != "auto":
            os.environ["MOUTHPIECE_BACKEND"] = performance.backend

    def _voice_peaks(self):
        from app.timeline.voice_peaks import VoicePeaks
        from engine.audio.ring import VOICE_RING

        voice = VoicePeaks(self.session.folder / VOICE_RING, lambda: self.session.gain_db)
        return voice if voice.is_there else None

    def _on_closing(self) -> None:
        from app.settings import HeadMotionSettings, save_settings

        self.settings.head_motion = HeadMotionSettings(**vars(self.session.controls.head))
        self.document.writer.wait()  # settings that are being written must not land on top of these
        try:
            save_settings(self.settings)
        except OutputError as error:
            print(error, file=sys.stderr)

    def _say_crash(self, sentence: str, path: Path) -> None:
        from app.windows.file_tasks import show_file
        from app.windows.toasts import Notice, ToastAction

        show = ToastAction("Show log", lambda: show_file(path))
        self.window.toasts.show(Notice("err", "Something in the window failed", sentence, (show,), key="crash"))

    def _take_screenshot(self) -> None:
        path = self._options.screenshot
        if not self.window.grab().save(str(path), "PNG"):
            print(f"{path}: cannot be written; choose another place.", file=sys.stderr)
            self.exit_code = 2
        self.window.close()


def display_problem(environment, platform: str) -> str | None:
    """A sentence when no window can be opened here, None when one can."""
    if platform in ("win32", "darwin") or environment.get("QT_QPA_PLATFORM"):
        return None
    if environment.get("WAYLAND_DISPLAY"):
        return None
    display = environment.get("DISPLAY", "")
    if not display:
        return NO_DISPLAY.format(why="")
    return None if x_server_answers(display) else NO_DISPLAY.format(why=f" (nothing answers at DISPLAY={display})")


def x_server_answers(display: str) -> bool:
    """Whether an X server listens where DISPLAY points; Qt would end the program at once if none does."""
    host, _, rest = display.rpartition(":")
    number = rest.split(".")[0]
    if not number.isdigit():
        return False
    if host in ("", "unix"):
        for address in (str(X11_FOLDER / f"X{number}"), f"\0{X11_FOLDER}/X{number}"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(2)
                if probe.connect_ex(address) == 0:
                    return True
        return False
    try:
        with socket.create_connection((host, X11_PORT + int(number)), timeout=3):
            return True
    except OSError:
        return False


def first_avatar(asked: Path | None, last: Path | None) -> Path | None:
    """What stands on stage at the start: what was asked for, the one of last time, else one that came along."""
    if asked is not None:
        return asked
    if last is not None and last.is_file():
        return last
    return min((ASSETS / "avatars").glob("*.avatar"), key=welcome_first, default=None)


def sample_voice() -> Path | None:
    """The voice that is spoken while there is no microphone."""
    sounds = ASSETS / "sounds"
    return next((path for ending in ("*.flac", "*.wav", "*.ogg") for path in sorted(sounds.glob(ending))), None)


def n_cores() -> int:
    """Processor cores this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _real_session(fallback: Path | None):
    from app.session import Session

    return Session(fallback_voice=fallback)


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: a size is written like 1440x900.") from None
    return width, height
