"""The Edit workspace: joins document, model, timeline and the right panel's pages."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QFileDialog

from app.document import Document
from app.edit.camera_pictures import CameraPictures
from app.edit.model import EditModel
from app.edit.panel import EditTimeline
from app.edit.side import CleanUpPage, KeyPage, LayerPage
from app.edit.track import PEAKS_HZ
from app.panels.library_files import SOUND_SUFFIXES, takes_dir
from app.portraits import Portraits
from app.windows.file_tasks import FileTasks
from app.windows.main_window import MainWindow
from app.windows.orders import EditedTake, safe_name
from app.windows.toasts import Notice
from app.windows.workspaces import Panes, Workspace
from engine.errors import MouthpieceError
from engine.performance.camera_path import load_camera_path, save_camera_path

HEIGHT, LEFT, RIGHT = 442, 264, 320
FRAME_S = 0.04


class EditWorkspace:
    """Built when it is first shown; a take of the library is opened in it by choosing it there."""

    def __init__(self, window: MainWindow, session, document: Document, tasks: FileTasks, portraits: Portraits) -> None:
        self._window, self._session, self._document = window, session, document
        self.model = EditModel(document, session, tasks, window)
        self.model.failed.connect(lambda words: window.toasts.show(Notice("err", "The take cannot be edited", words)))
        document.failed.connect(lambda words: window.toasts.show(Notice("err", "Not done", words, key="document")))
        self.model.file_wanted.connect(self._choose_file)
        self.model.view_changed.connect(self._adopt_view)
        window.library.take_chosen.connect(self._on_take_chosen)
        window.library.take_edit_wanted.connect(lambda entry: self.show_take(entry.path))
        self._pictures = CameraPictures(self.model, session, portraits, window)
        self.timeline: EditTimeline | None = None

    def entry(self) -> Workspace:
        return Workspace("edit", "Edit", self._build, self._enter, self._leave)

    def commands(self) -> dict:
        """What this part carries out of the table of actions."""
        model = self.model
        return {
            "edit.play": model.transport.toggle,
            "edit.shuttle_back": lambda: model.transport.shuttle(-1),
            "edit.shuttle_stop": model.transport.pause,
            "edit.shuttle_on": lambda: model.transport.shuttle(1),
            "edit.frame_back": lambda: model.transport.step(-FRAME_S),
            "edit.frame_on": lambda: model.transport.step(FRAME_S),
            "edit.second_back": lambda: model.transport.step(-1.0),
            "edit.second_on": lambda: model.transport.step(1.0),
            "edit.start": lambda: model.transport.seek(0.0),
            "edit.end": lambda: model.transport.seek(model.seconds),
            "edit.in": lambda: model.set_end("first", model.transport.playhead),
            "edit.out": lambda: model.set_end("last", model.transport.playhead),
            "edit.key": self._add_key,
            "edit.split": model.split,
            "edit.delete": model.delete_selected,
            "edit.lift": lambda: model.cut_range(False),
            "edit.camera_key": lambda: model.add_camera_key(),
            "take.speak": self._choose_voice,
            "take.edit": self._edit_selected,
        }

    def speak(self, voice: Path) -> bool:
        """A dropped sound becomes a take while the Edit workspace is shown; False leaves it to others."""
        if not self.model.is_active or self._session.avatar_path is None:
            return False
        self._speak_file(str(voice))
        return True

    def _choose_voice(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in SOUND_SUFFIXES)
        self._dialog("Speak a sound file", f"Sound files ({patterns});;All files (*)", False, self._speak_file)

    def _speak_file(self, name: str) -> None:
        voice = Path(name)
        output = takes_dir() / f"{safe_name(voice.stem)}.take"
        number = 2
        while output.exists():
            output = output.with_name(f"{safe_name(voice.stem)} {number}.take")
            number += 1
        order = {"avatar": self._session.avatar_path, "voice": voice, "output": output}
        self._session.jobs.start("speak", order, f"Speak {voice.name}")

    def _edit_selected(self) -> None:
        entry = self._window.library.takes.selected_entry
        if entry is not None:
            self.show_take(entry.path)

    def follow_workspace(self) -> None:
        """The keys of Edit belong to it alone."""
        for name in (name for name in self.commands() if name.startswith("edit.")):
            self._window.commands.set_enabled(name, self.model.is_active)

    def for_export(self) -> EditedTake | None:
        """The take as it stands here, for the export dialog; None when none is being edited."""
        model, take = self.model, self._document.take
        if not model.is_active or model.opened is None or take is None:
            return None
        edit, project = take.edit, self._document.project
        sources = {layer.source: str(project.take_path(layer.source)) for layer in edit.layers if layer.source}
        p = model.performance
        at = np.clip((np.nan_to_num(p.source) * PEAKS_HZ).astype(int), 0, max(0, len(model.opened.peaks) - 1))
        peaks = model.opened.peaks[at] if len(model.opened.peaks) else np.zeros(0)
        return EditedTake(
            take.name, model.opened.path, take.key, model.seconds, edit.to_json(), len(edit.layers), len(edit.camera),
            edit.first or 0.0, edit.last, peaks, sources,
        )  # fmt: skip

    def show_take(self, path: Path) -> None:
        """Opens a take of the library here."""
        self._window.library.takes.select(path)
        self.model.open_path(path)
        self._window.workspaces.show("edit")

    def _build(self) -> Panes:
        theme = self._window.theme
        self.timeline = EditTimeline(theme, self.model, self._pictures)
        self.timeline.region_wanted.connect(self._choose_region)
        pages = [("Key", KeyPage(theme, self.model)), ("Layer", LayerPage(theme, self.model)),
                 ("Clean up", CleanUpPage(theme, self.model))]  # fmt: skip
        return Panes(pages, bottom=self.timeline, bottom_height=HEIGHT, bottom_spans="all", has_live_bar=False,
                     left_width=LEFT, right_width=RIGHT)  # fmt: skip

    def _enter(self) -> None:
        entry = self._window.library.takes.selected_entry
        if entry is not None and self.model.opened is None:
            self.model.open_path(entry.path)
        self._window.library.show_takes_first(True)
        self.model.enter()
        self.follow_workspace()

    def _leave(self) -> None:
        self._window.library.show_takes_first(False)
        self.model.leave()
        self.follow_workspace()

    def _adopt_view(self, orbit) -> None:
        """Where the take's camera stands, the hand goes on from there."""
        viewport = self._window.viewport
        if hasattr(viewport, "controller"):
            viewport.controller.goal = viewport.controller.shown = orbit
            viewport.chrome.cube.show_orbit(orbit)
        self._session.orbit = orbit

    def _on_take_chosen(self, entry) -> None:
        if self.model.is_active:
            self.model.open_path(entry.path)

    def _add_key(self) -> None:
        model = self.model
        control = model.selected.control or (model.shown[0] if model.shown else "")
        if control:
            model.add_key(control, model.transport.playhead)

    def _choose_region(self, region: str) -> None:
        names = "Takes (*.take)"
        self._dialog(f"{region.capitalize()} from another take", names, False, partial(self._use_region, region))

    def _use_region(self, region: str, name: str) -> None:
        self.model.add_region(region, Path(name))

    def _choose_file(self, what: str) -> None:
        use = self._save_path if what == "save" else self._load_path
        self._dialog("Camera path", "Camera paths (*.json)", what == "save", use)

    def _save_path(self, name: str) -> None:
        try:
            save_camera_path(Path(name), self.model.edit.camera)
        except MouthpieceError as error:
            self.model.failed.emit(str(error))

    def _load_path(self, name: str) -> None:
        try:
            path = load_camera_path(Path(name))
        except MouthpieceError as error:
            self.model.failed.emit(str(error))
            return
        self.model.change("Load a camera path", lambda edit: replace(edit, camera=path))

    def _dialog(self, title: str, names: str, is_save: bool, use) -> None:
        folder = str(self._window.settings.last_folder or Path.home())
        dialog = QFileDialog(self._window, title, folder, names)
        if is_save:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setDefaultSuffix("json")
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(use)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
