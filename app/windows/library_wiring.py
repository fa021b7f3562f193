"""Joins the library and the rest: what is chosen, dropped, renamed or thrown away is carried out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QFile, QObject, Signal
from PySide6.QtWidgets import QFileDialog

from app.panels.library_files import (
    AVATAR_SUFFIXES,
    MOTION_SUFFIX,
    SOUND_SUFFIXES,
    TAKE_SUFFIXES,
    VIDEO_SUFFIXES,
    AvatarEntry,
    LibraryScan,
    TakeEntry,
)
from app.panels.take_pictures import TakePictures
from app.portraits import Portraits
from app.shipped import welcome_first
from app.timeline.track import TakeTrack
from app.windows.file_tasks import FileTasks, copy_take, read_take_track, rewrite_take, voice_of_take
from app.windows.main_window import MainWindow
from app.windows.toasts import Notice, ToastAction


class LibraryWiring(QObject):
    """What is on stage, what lies in the folders, and the ways to bring more.

    Signals:
        export_wanted: of a TakeEntry. video_dropped: a video or dataset to make an avatar of. motion_dropped: a path.
    """

    export_wanted = Signal(object)
    motion_dropped = Signal(object)
    video_dropped = Signal(object)

    def __init__(self, window: MainWindow, session, tasks: FileTasks, portraits: Portraits) -> None:
        super().__init__(window)
        self._window, self._session, self._settings, self._tasks = window, session, window.settings, tasks
        self._opening: Path | None = None
        self._waits_for_picture = False
        self.stage_path: Path | None = None
        self.sound_path: Path | None = None
        self.speak_instead: Callable[[Path], bool] = lambda path: False
        self._scan = LibraryScan(lambda: self._settings.recent_avatars, self)
        self._scan.avatars_found.connect(self._show_avatars)
        self._scan.takes_found.connect(self._show_takes)
        self._pictures = TakePictures(session, portraits, tasks, self)
        self._pictures.drawn.connect(window.library.show_take_picture)
        session.avatar_opened.connect(self._on_avatar_opened)
        session.avatar_failed.connect(self._on_avatar_failed)
        session.frame_ready.connect(self._on_frame)
        library = window.library
        library.avatar_chosen.connect(self._choose_avatar_entry)
        library.avatar_forgotten.connect(self._forget_avatar)
        library.open_wanted.connect(self.choose_avatar)
        library.sound_wanted.connect(self.choose_sound)
        library.scan_wanted.connect(self.scan)
        library.take_chosen.connect(self._show_take)
        library.take_opened.connect(self._speak_take)
        window.timeline.speak_wanted.connect(self._speak_shown_take)
        library.take_rated.connect(lambda entry, stars: self._change_take(entry, rating=stars))
        library.take_renamed.connect(lambda entry, name: self._change_take(entry, name=name))
        library.take_export_wanted.connect(self.export_wanted)
        library.take_notes_wanted.connect(self._open_notes)
        library.take_trash_wanted.connect(self._trash_take)
        window.files_dropped.connect(self.open_paths)
        window.empty_stage.open_wanted.connect(self.choose_avatar)
        window.empty_stage.video_wanted.connect(self.choose_video)
        window.empty_stage.shipped_wanted.connect(self.open_avatar)
        window.show_empty(session.manifest is None)

    def scan(self) -> None:
        """Reads the folders again."""
        self._scan.scan()

    def open_paths(self, paths: list[Path]) -> None:
        """Opens dropped or chosen files, each as what it is."""
        for path in paths:
            suffix = path.suffix.lower()
            if path.is_dir() and (path / "dataset.json").is_file():
                self.video_dropped.emit(path)
                continue
            if suffix in AVATAR_SUFFIXES:
                self.open_avatar(path)
            elif suffix in SOUND_SUFFIXES:
                if not self.speak_instead(path):
                    self.use_sound(path)
            elif suffix in TAKE_SUFFIXES:
                self._tasks.run(partial(copy_take, path), partial(self._after_change, "The take was not added"))
            elif suffix in VIDEO_SUFFIXES:
                self.video_dropped.emit(path)
            elif suffix == MOTION_SUFFIX:
                self.motion_dropped.emit(path)
            else:
                words = "Avatars, takes, sound files, videos and head motion can."
                self._window.toasts.show(Notice("warn", f"{path.name} cannot be opened", words))

    def open_avatar(self, path: Path) -> None:
        """Asks the session for an avatar; until it is there the stage says so."""
        self._opening = Path(path)
        self._window.empty_stage.show_opening(Path(path).stem)
        self._session.open_avatar(Path(path))

    def use_sound(self, path: Path) -> None:
        self._settings.last_folder = path.parent
        self.sound_path = path
        self._session.use_file(path)

    def choose_avatar(self) -> None:
        names = "Avatars (*.avatar);;Takes (*.take);;All files (*)"
        self._choose_file("Open an avatar", names, lambda path: self.open_paths([path]))

    def choose_sound(self) -> None:
        self.choose_sound_for(self.use_sound)

    def choose_sound_for(self, use: Callable[[Path], object]) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in SOUND_SUFFIXES)
        self._choose_file("Use a sound file", f"Sound files ({patterns});;All files (*)", use)

    def choose_video(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in VIDEO_SUFFIXES)
        self._choose_file("Make an avatar", f"Videos ({patterns});;All files (*)", self.video_dropped.emit)

    def _choose_file(self, title: str, names: str, use) -> None:
        dialog = QFileDialog(self._window, title, str(self._settings.last_folder or Path.home()), names)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: use(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # Avatars

    def _on_avatar_opened(self, manifest) -> None:
        window = self._window
        if self._opening is not None:
            self.stage_path, self._opening = self._opening, None
            self._settings.remember_avatar(self.stage_path)
            self._settings.last_folder = self.stage_path.parent
        if window.empty_stage.isVisible():
            self._waits_for_picture = True  # the stage says that it opens until there is something to see
        window.right.show_avatar(True)
        window.setWindowTitle(f"{manifest.name} – Mouthpiece")
        window.library.show_stage(self.stage_path)
        self.scan()

    def _on_frame(self) -> None:
        if self._waits_for_picture:
            self._waits_for_picture = False
            self._window.empty_stage.show_opening("")
            self._window.show_empty(False)

    def _on_avatar_failed(self, sentence: str) -> None:
        path, self._opening = self._opening, None
        self._window.empty_stage.show_opening("")
        name = path.name if path is not None else "The avatar"
        other = ToastAction("Open another", self.choose_avatar, "folder-open-outline")
        self._window.toasts.show(Notice("err", f"{name} cannot be opened", sentence, (other,), key="avatar"))

    def _show_avatars(self, entries: list[AvatarEntry]) -> None:
        self._window.library.show_avatars(entries)
        self._window.library.show_stage(self.stage_path)
        sound = [entry for entry in entries if entry.is_shipped and not entry.problem]
        shipped = min(sound, key=lambda entry: welcome_first(entry.path), default=None)
        self._window.empty_stage.show_shipped(shipped.path if shipped else None, shipped.name if shipped else "")

    def _choose_avatar_entry(self, entry: AvatarEntry) -> None:
        self._window.area.close_floating()
        if entry.problem:
            self._window.toasts.show(Notice("err", f"{entry.name} cannot be opened", entry.problem))
        elif self.stage_path is None or entry.path != self.stage_path.resolve():
            self.open_avatar(entry.path)

    def _forget_avatar(self, path: Path) -> None:
        self._settings.recent_avatars = [p for p in self._settings.recent_avatars if p.resolve() != path]
        self.scan()

    # Takes

    def _show_takes(self, entries: list[TakeEntry]) -> None:
        self._window.library.show_takes(entries)
        self._pictures.fill(entries)
        self._window.live_bar.show_next_take(self._window.library.next_take_name)

    def _show_take(self, entry: TakeEntry) -> None:
        self._tasks.run(partial(read_take_track, entry.path), self._show_take_track)

    def _show_take_track(self, track: object) -> None:
        if isinstance(track, TakeTrack):
            self._window.timeline.show_take(track)
        else:
            self._window.toasts.show(Notice("err", "The take cannot be shown", str(track)))

    def _speak_shown_take(self) -> None:
        entry = self._window.library.takes.selected_entry
        if entry is not None:
            self._speak_take(entry)

    def _speak_take(self, entry: TakeEntry) -> None:
        self._tasks.run(partial(voice_of_take, entry.path), self._speak_file)

    def _speak_file(self, path: object) -> None:
        if isinstance(path, Path):
            self._session.use_file(path)
        else:
            self._window.toasts.show(Notice("err", "The take cannot be spoken", str(path)))

    def _change_take(self, entry: TakeEntry, **changes) -> None:
        then = partial(self._after_change, "The take was not changed")
        self._tasks.run(partial(rewrite_take, entry.path, changes), then)

    def _open_notes(self, entry: TakeEntry) -> None:
        from app.windows.notes_sheet import NotesSheet

        sheet = NotesSheet(self._window.theme, self._window, entry)
        sheet.kept.connect(lambda words: self._change_take(entry, notes=words))
        self._window.show_sheet(sheet)

    def _trash_take(self, entry: TakeEntry) -> None:
        moved = QFile.moveToTrash(str(entry.path))
        moved = moved[0] if isinstance(moved, tuple) else moved
        if moved:
            self._window.timeline.show_live()
        problem = None if moved else f"{entry.path} cannot be moved to the trash."
        self._after_change(f"{entry.name} was not moved", problem)

    def _after_change(self, failed: str, problem: object) -> None:
        if problem:
            self._window.toasts.show(Notice("err", failed, str(problem)))
        self.scan()
