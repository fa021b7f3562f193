"""Opens the dialogs and carries out what they change; each is imported when it is first asked for."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QWidget

from app.external.drive import ExternalDrive
from app.panels.library_files import TakeEntry, takes_dir
from app.panels.status_bar import BACKENDS
from app.windows.library_wiring import LibraryWiring
from app.windows.main_window import MainWindow
from app.windows.session_wiring import SessionWiring
from engine.errors import MouthpieceError

if TYPE_CHECKING:
    from app.windows.camera_page import CameraPage
    from app.windows.keys_page import KeysPage
    from app.windows.preference_pages import FilesPage, LookPage, PerformancePage, SoundPage


class Sheets(QObject):
    """One sheet at a time over the window.

    Signals: `making_began` when an avatar was asked for.
    """

    making_began = Signal()

    def __init__(self, window: MainWindow, session, wiring: SessionWiring, library: LibraryWiring) -> None:
        super().__init__(window)
        self._window, self._session, self._settings = window, session, window.settings
        self._wiring, self._library, self._theme = wiring, library, window.theme
        wiring.preferences_wanted.connect(self.open_preferences)
        library.export_wanted.connect(self.open_export)
        library.video_dropped.connect(self.open_make_avatar)
        self.edited = lambda: None
        self.external = ExternalDrive(session, self._settings.network, self)
        session.frame_ready.connect(self._on_frame)
        session.devices_changed.connect(self._on_devices)
        self._devices: list = []
        self._sound_page: SoundPage | None = None

    def open_export(self, take: TakeEntry | None = None) -> None:
        from app.windows.export_sheet import ExportSheet

        library = self._window.library
        take = take if isinstance(take, TakeEntry) else library.takes.selected_entry
        sheet = ExportSheet(
            self._theme, self._window, self._settings, library.avatar_entries, self._library.stage_path,
            library.take_entries, take, self._library.sound_path, self._picture(), self.edited(),
        )  # fmt: skip
        sheet.ordered.connect(self._wiring.export)
        sheet.sound_wanted.connect(lambda: self._library.choose_sound_for(sheet.use_sound))
        self._window.show_sheet(sheet)

    def open_preferences(self, page: str = "sound") -> None:
        from app.windows.preferences_sheet import PreferencesSheet

        makers = {
            "sound": self._make_sound_page,
            "performance": self._make_performance_page,
            "keys": self._make_keys_page,
            "look": self._make_look_page,
            "files": self._make_files_page,
            "camera": self._make_camera_page,
            "network": self._make_network_page,
        }
        page = page if isinstance(page, str) else "sound"
        sheet = PreferencesSheet(self._theme, self._window, makers, page)
        sheet.closed.connect(self._forget_sound_page)
        self._window.show_sheet(sheet)

    def open_make_avatar(self, source: Path | None = None) -> None:
        """Asks how an avatar is to be made of a video or a dataset; without one it is chosen there."""
        from app.windows.make_avatar import MakeAvatarSheet

        sheet = MakeAvatarSheet(
            self._theme, self._window, source if isinstance(source, Path) else None, self._settings.last_folder
        )
        sheet.asked.connect(self._make_avatar)
        self._window.show_sheet(sheet)

    def _make_avatar(self, source: Path, plan) -> None:
        from app.jobs.making import orders_of

        jobs = self._session.jobs
        self._settings.last_folder = source.parent
        first, *then = orders_of(source, plan, jobs.states)
        jobs.start(first.kind, first.order, first.title, then, plan.to_stage)
        self.making_began.emit()

    def open_keys(self) -> None:
        from app.windows.keys_sheet import KeysSheet

        self._window.show_sheet(KeysSheet(self._theme, self._window, self._window.commands))

    def open_search(self) -> None:
        from app.windows.command_palette import CommandPalette

        self._window.show_sheet(CommandPalette(self._theme, self._window, self._window.commands))

    def open_about(self) -> None:
        from app.windows.about_sheet import AboutSheet, diagnostics

        self._window.show_sheet(AboutSheet(self._theme, self._window, diagnostics(self._session, self._theme)))

    def set_theme(self, mode: str) -> None:
        self._settings.theme = mode
        self._theme.set_mode(mode)

    def _make_sound_page(self) -> "SoundPage":
        from app.windows.preference_pages import SoundPage

        page = self._sound_page = SoundPage(self._theme, self._settings, self._devices)
        page.microphone_chosen.connect(self._wiring.use_microphone)
        page.gain_changed.connect(self._wiring.set_gain_db)
        page.gate_changed.connect(self._wiring.set_gate_db)
        page.look_ahead_chosen.connect(self._wiring.set_look_ahead)
        return page

    def _make_performance_page(self) -> "PerformancePage":
        from app.windows.preference_pages import PerformancePage

        view = self._session.frames.newest()
        now = f"{BACKENDS.get(view.header.backend, view.header.backend)}, {view.header.fps:.0f} fps" if view else ""
        at_once = hasattr(type(self._session), "set_backend")
        page = PerformancePage(self._theme, self._settings, now, at_once)
        page.backend_chosen.connect(self._set_backend)
        page.threads_chosen.connect(partial(setattr, self._settings.performance, "threads"))
        return page

    def _make_keys_page(self) -> "KeysPage":
        from app.windows.keys_page import KeysPage

        page = KeysPage(self._theme, self._window.commands)
        page.changed.connect(self._set_keys)
        page.preset_chosen.connect(self.set_key_preset)
        page.import_wanted.connect(lambda: self._ask_keys_file(page))
        page.share_wanted.connect(self._share_keys)
        return page

    def set_key_preset(self, preset: str) -> None:
        """Keys and mouse of another program."""
        self._settings.key_preset = preset
        self._window.commands.set_preset(preset)
        self._window.viewport.set_mouse_preset(preset)

    def use_keys_file(self, path: Path) -> None:
        """Takes a file of keys; says so in a note if it is none."""
        from app.windows.key_presets import read_keys

        try:
            preset, keys = read_keys(path, {spec.name for spec in self._window.commands.specs})
        except MouthpieceError as error:
            self._session.note.emit("err", "The keys were not taken", str(error))
            return
        self._settings.keys = keys
        self.set_key_preset(preset)
        self._window.commands.set_preset(preset, keys)

    def _ask_keys_file(self, page: "KeysPage") -> None:
        dialog = QFileDialog(self._window, "Keys to import", filter="Keys (*.json)")
        dialog.fileSelected.connect(lambda name: (self.use_keys_file(Path(name)), page.show_keys()))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _share_keys(self) -> None:
        from app.windows.key_presets import write_keys

        def write(name: str) -> None:
            try:
                write_keys(Path(name), self._settings.key_preset, self._settings.keys)
            except MouthpieceError as error:
                self._session.note.emit("err", "The keys were not written", str(error))

        dialog = QFileDialog(self._window, "Share the keys", "mouthpiece-keys.json", "Keys (*.json)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.fileSelected.connect(write)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _make_look_page(self) -> "LookPage":
        from app.windows.preference_pages import LookPage

        page = LookPage(self._theme, self._settings)
        page.theme_chosen.connect(self.set_theme)
        page.motion_changed.connect(self._set_reduce_motion)
        return page

    def _make_files_page(self) -> "FilesPage":
        from app.windows.preference_pages import FilesPage

        page = FilesPage(self._theme, self._settings, takes_dir())
        page.folder_chosen.connect(partial(setattr, self._settings, "export_folder"))
        page.render_changed.connect(partial(setattr, self._settings, "render_takes"))
        return page

    def _make_camera_page(self) -> "CameraPage":
        from app.windows.camera_page import CameraPage

        page = CameraPage(self._theme, self._devices, self._settings.sound.camera_voice)
        page.switched.connect(self._session.set_virtual_camera)
        page.voice_chosen.connect(self._wiring.use_camera_voice)
        self._wiring.show_camera_on(page)
        return page

    def _make_network_page(self) -> QWidget:
        from app.external.page import NetworkPage

        return NetworkPage(self._theme, self.external)

    def _set_backend(self, name: str) -> None:
        self._settings.performance.backend = name
        if hasattr(type(self._session), "set_backend"):
            self._session.set_backend(name)

    def _set_keys(self, name: str, keys: list[str]) -> None:
        changed = {**self._settings.keys, name: list(keys)}
        self._settings.keys = {action: seq for action, seq in changed.items() if seq}

    def _set_reduce_motion(self, on: bool) -> None:
        self._settings.reduce_motion = on
        for part in (self._window.toasts, self._window.viewport, self._window.face):
            part.set_reduce_motion(on)

    def _picture(self) -> QImage:
        return self._window.viewport.still_picture() if hasattr(self._window.viewport, "still_picture") else QImage()

    def _on_devices(self, devices: list) -> None:
        self._devices = devices

    def _on_frame(self) -> None:
        if self._sound_page is not None:
            header = self._session.frames.newest().header
            self._sound_page.show_level(header.level_db, header.peak_db, header.clipped)

    def _forget_sound_page(self) -> None:
        self._sound_page = None
