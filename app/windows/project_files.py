"""Projects as files of the window: new, open, save, share, and what the status bar says of them."""

import time
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QFileDialog, QMenu

from app.document import Document
from app.settings import save_settings
from app.windows.main_window import MainWindow
from app.windows.toasts import Notice, ToastAction
from engine.errors import MouthpieceError
from engine.project import SUFFIX, Project, unpack

SAY_EVERY_MS = 5_000


class ProjectFiles(QObject):
    """Carries out the File menu's part about projects; nothing unsaved is ever thrown away."""

    def __init__(self, window: MainWindow, document: Document) -> None:
        super().__init__(window)
        self._window, self._document = window, document
        document.replaced.connect(self._on_replaced)
        document.saved_changed.connect(lambda _: self._say())
        self._timer = QTimer(self, interval=SAY_EVERY_MS)
        self._timer.timeout.connect(self._say)
        self._timer.start()
        self._open_last()
        self._on_replaced()

    def commands(self) -> dict:
        """What this part carries out of the table of actions."""
        return {
            "project.new": self._document.new,
            "project.open": self._choose_project,
            "project.save": self.save,
            "project.save_as": self._choose_name,
            "project.share": self._choose_zip,
        }

    def add_recent_menu(self) -> None:
        """`Recent projects` in the File menu, below what opens one."""
        file_menu = self._window.top_bar.menus["File"]
        self.recent = QMenu("Recent projects", file_menu)
        self.recent.setToolTipsVisible(True)
        self.recent.aboutToShow.connect(self._fill_recent)
        actions = file_menu.actions()
        at = actions.index(self._window.commands.action("project.open")) + 1
        file_menu.insertMenu(actions[at] if at < len(actions) else None, self.recent)
        self._fill_recent()

    def _fill_recent(self) -> None:
        """Those that are still there and not open; without one, the menu says so."""
        self.recent.clear()
        here = self._document.project.folder.resolve()
        for path in self._window.settings.recent_projects:
            if path != here and path.is_dir():
                action = self.recent.addAction(path.stem, lambda path=path: self.open_path(path))
                action.setToolTip(str(path))
        if self.recent.isEmpty():
            self.recent.addAction("No other project yet").setEnabled(False)
            return
        self.recent.addSeparator()
        self.recent.addAction("Clear the list", self._clear_recent)

    def _clear_recent(self) -> None:
        self._window.settings.recent_projects = []
        self._save_settings()

    def save(self) -> None:
        """Saves; a project that has no name yet is asked for one."""
        if self._document.is_untitled:
            self._choose_name()
        else:
            self._document.save()

    def open_path(self, path: Path) -> None:
        """Opens a project's folder, or a shared zip beside it."""
        if path.suffix.lower() == ".zip":
            self._document.writer.run(partial(unpack, path, path.parent), self._on_unpacked)
        else:
            self._document.open(path)

    def _on_unpacked(self, answer: object) -> None:
        if isinstance(answer, MouthpieceError):
            self._window.toasts.show(Notice("err", "The project cannot be opened", str(answer)))
        else:
            self._document.open(answer.folder)

    def _open_last(self) -> None:
        """A project that was saved under a name is there again at the next start."""
        last = self._window.settings.last_project
        if last is None:
            return
        try:
            self._document.begin_with(Project.open(last))
        except MouthpieceError as error:
            again = ToastAction("Open another", self._choose_project)
            self._window.toasts.show(Notice("warn", f"{last.stem} is not open", str(error), (again,)))

    def _remember(self) -> None:
        """At once, not when the window closes: a crash must not lose it."""
        settings, project = self._window.settings, self._document.project
        last = None if self._document.is_untitled else project.folder.resolve()
        if settings.last_project == last and (last is None or last in settings.recent_projects):
            return
        settings.remember_project(last)
        self._save_settings()

    def _save_settings(self) -> None:
        settings = self._window.settings.model_copy(deep=True)  # as they are now, whatever is chosen meanwhile
        self._document.writer.run(partial(save_settings, settings), self._on_settings_saved)

    def _on_settings_saved(self, answer: object) -> None:
        if isinstance(answer, MouthpieceError):
            self._window.toasts.show(Notice("warn", "The settings were not saved", str(answer)))

    def _choose_project(self) -> None:
        dialog = self._dialog("Open a project", "Shared projects (*.zip)")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
        dialog.fileSelected.connect(lambda name: self.open_path(Path(name)))
        dialog.open()

    def _choose_name(self) -> None:
        dialog = self._dialog("Save the project as", f"Projects (*{SUFFIX})")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(f"{self._document.name}{SUFFIX}")
        dialog.fileSelected.connect(lambda name: self._document.save_as(Path(name)))
        dialog.open()

    def _choose_zip(self) -> None:
        dialog = self._dialog("Share the project", "Shared projects (*.zip)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("zip")
        dialog.fileSelected.connect(self._share)
        dialog.open()

    def _share(self, name: str) -> None:
        self._document.writer.run(partial(self._document.project.share, Path(name)), self._on_shared)

    def _on_shared(self, answer: object) -> None:
        if isinstance(answer, MouthpieceError):
            self._window.toasts.show(Notice("err", "The project was not shared", str(answer)))

    def _dialog(self, title: str, names: str) -> QFileDialog:
        settings = self._window.settings
        dialog = QFileDialog(self._window, title, str(settings.last_folder or Path.home()), names)
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    def _on_replaced(self) -> None:
        project = self._document.project
        self._remember()
        if project.recovered and "autosaved" in project.recovered and not self._document.is_untitled:
            back = ToastAction("Back to the last save", self._document.revert)
            self._window.toasts.show(Notice("info", f"{project.name} was recovered", project.recovered, (back,)))
        elif project.recovered and "damaged" in project.recovered:
            self._window.toasts.show(Notice("warn", project.name, project.recovered))
        self._document.writer.run(project.missing_takes, self._on_missing_takes)
        self._say()

    def _on_missing_takes(self, missing: object) -> None:
        if missing:
            names = ", ".join(take.name for take in missing[:3])
            words = f"{names}: gone from the project's folder. Everything else is here."
            self._window.toasts.show(Notice("warn", "Takes are missing", words))

    def _say(self) -> None:
        document = self._document
        name = f"{document.name}{SUFFIX}"
        if document.project.is_saved:
            words = "Saved"
        elif document.autosaved_at is None:
            words = "Not saved yet"
        else:
            seconds = int(time.time() - document.autosaved_at)
            words = "Autosaved just now" if seconds < 5 else f"Autosaved {_ago(seconds)} ago"
        self._window.status.show_project(words, name)


def _ago(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"
