"""The Compare workspace: two avatars or backends on one drive and camera, seen together and measured."""

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QFileDialog

from app.compare.measure import measured
from app.compare.sides import Side
from app.film_clock import FilmClock
from app.panels.library_files import METHODS
from app.panels.status_bar import BACKENDS
from app.windows.main_window import MainWindow
from app.windows.workspaces import PERFORM, Panes, Workspace
from app.workers.frames import FrameView
from engine.errors import DatasetError, MouthpieceError
from engine.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from app.compare.film import Film, FilmView

MEASURE_EVERY_S, TABLE_EVERY_S = 0.1, 0.25
SAME_MOMENT_S = 0.02
READ_MS = 25
BOTTOM, RIGHT = 172, 340


class CompareWorkspace(QObject):
    """Built when it is first shown; the second avatar leaves when another workspace comes."""

    def __init__(self, window: MainWindow, session, library, wiring) -> None:
        super().__init__(window)
        self._window, self._session, self._library, self._wiring = window, session, library, wiring
        self._rival: tuple[Path, str | None] | None = None
        self._rival_is_here = False
        self._film: Film | None = None
        self._film_shown: FilmView | None = None
        self._measured_at = self._tabled_at = 0.0
        self.is_active = False
        session.frame_ready.connect(self._on_frame)
        session.avatar_opened.connect(self._on_avatar_opened)
        session.performer_said.connect(self._on_said)
        session.source_changed.connect(lambda source: self.is_active and self.strip.show_source(_kind(source)))

    def entry(self) -> Workspace:
        return Workspace("compare", "Compare", self._build, self._enter, self._leave)

    def commands(self) -> dict:
        """What this part carries out of the table of actions."""
        return {"compare.wipe": self.toggle}

    def toggle(self) -> None:
        """To the wipe and back to performing."""
        if self.is_active:
            self._window.workspaces.show(PERFORM)
        else:
            self._window.workspaces.show("compare")
            self.strip.modes.set_current("wipe")
            self.panes.set_mode("wipe")

    def choose_rival(self, path: Path, backend: str | None = None) -> None:
        """Brings an avatar, or the one on stage by another backend, to side B."""
        self._rival, self._rival_is_here = (Path(path), backend), False
        self.plot.clear()
        self.panes.empty_words = f"Opening {Path(path).stem} …"
        self.panes.show_frames(self._session.frames.newest(), None)
        self._session.compare_with(Path(path), backend, self.strip.same_camera.isChecked())
        self._show_sides()

    def show_film(self, path: Path) -> None:
        """A dataset's frames stand beside the avatar, its sound drives and its cameras look."""
        from app.compare.film import Film

        self.remove_film()
        try:
            self._film = Film(Path(path))
        except DatasetError as error:
            self._session.note.emit("err", "The video cannot be shown", str(error))
            return
        self.plot.clear()
        frames = f"{len(self._film.times):,} frames"
        self.sources.show_film(Side(self._film.name, "", f"Training video, {frames}", _thumbnail(self._film)))
        self._session.show_film(self._film.dataset.path)
        self._show_sides()

    def remove_film(self) -> None:
        """Without the video; what is heard stays."""
        if self._film is None:
            return
        self._film.close()
        self._film = self._film_shown = None
        self._session.show_film(None)
        self.plot.clear()
        self.sources.show_film(None)
        self._show_sides()

    def _show_sides(self) -> None:
        self.panes.show_sides(self._rival is not None, self._film is not None)
        self.plot.show_second(self.panes.second)

    def remove_rival(self) -> None:
        self._rival, self._rival_is_here = None, False
        self.panes.empty_words = "Choose what to compare with on the right."
        self.sources.show_rival(None)
        self.plot.clear()
        self._session.compare_with(None)
        self._show_names()
        self._show_sides()

    # Making

    def _build(self) -> Panes:
        from app.compare.panes import ComparePanes
        from app.compare.psnr_plot import PsnrPanel
        from app.compare.sources import SourcesPage
        from app.compare.strip import CompareStrip

        theme, viewport = self._window.theme, self._window.viewport
        self.strip, self.panes = CompareStrip(theme), ComparePanes(theme, viewport)
        self.plot, self.sources = PsnrPanel(theme), SourcesPage(theme)
        self.strip.mode_chosen.connect(self.panes.set_mode)
        self.strip.panes_chosen.connect(self.panes.set_n_panes)
        self.strip.same_camera_changed.connect(lambda _: self._rival and self.choose_rival(*self._rival))
        self.strip.picture_wanted.connect(self._ask_picture)
        self.strip.add_wanted.connect(self._open_menu)
        self.panes.size_changed.connect(self._session.set_view_size)
        self.sources.rival_chosen.connect(self.choose_rival)
        self.sources.rival_removed.connect(self.remove_rival)
        self.sources.swap_wanted.connect(self.swap)
        self.sources.report_wanted.connect(self._ask_dataset)
        self.sources.film_wanted.connect(self._ask_film)
        self.sources.film_removed.connect(self.remove_film)
        self.sources.b.chosen.connect(self._fill_entries)
        self.sources.choose.pressed.connect(self._fill_entries)
        return Panes([("Sources", self.sources)], strip=self.strip, stage=self.panes, bottom=self.plot,
                     bottom_height=BOTTOM, bottom_spans="centre", has_left=False, has_live_bar=False,
                     right_width=RIGHT)  # fmt: skip

    def _enter(self) -> None:
        self.is_active = True
        self._window.viewport.set_view_mode("color")
        self._fill_entries()
        self._show_names()
        self.strip.show_source(_kind(self._session.source))
        if self._rival is not None:
            self.choose_rival(*self._rival)
        self.panes.setFocus()

    def _leave(self) -> None:
        self.remove_film()
        self.is_active = self._rival_is_here = False
        self._session.compare_with(None)

    # Events

    def _on_frame(self) -> None:
        if not self.is_active:
            return
        a = self._session.frames.newest()
        b = self._session.rival_frames.newest() if self._rival_is_here else None
        film = self._film_view(a)
        self.panes.show_frames(a, b, film)
        now = time.monotonic()
        if a is None:
            return
        if now - self._tabled_at >= TABLE_EVERY_S:
            self._tabled_at = now
            self.sources.show_headers(a.header, b.header if b is not None else None)
        if self._film is not None:
            if film is not None and film.is_of(a) and now - self._measured_at >= MEASURE_EVERY_S:
                self._measured_at = now
                self._measure_film(film, b)
            return
        same = b is not None and abs(a.header.motion_sample_time - b.header.motion_sample_time) < SAME_MOMENT_S
        if same and now - self._measured_at >= MEASURE_EVERY_S:
            self._measured_at = now
            difference = measured(a.image, b.image, self._session.orbit or self._session.manifest.orbit)
            if difference is not None:
                self.plot.show_difference(difference)
                self.sources.show_difference(difference)

    def _film_view(self, a: FrameView | None) -> "FilmView | None":
        """The film's frame of the moment that A shows, laid over A."""
        from app.compare.film import laid_over

        index = None if a is None or self._film is None else self._film.index_at(a.header.motion_sample_time)
        if index is None:
            self._film_shown = None
            return None
        picture = self._film.picture(index)
        if picture is None:  # the last pair stays until this frame has been read
            QTimer.singleShot(READ_MS, self, self._on_frame)
        else:
            self._film_shown = laid_over(picture, index, a)
        return self._film_shown

    def _measure_film(self, film: "FilmView", b: FrameView | None) -> None:
        from app.compare.film import FilmCamera

        index, height, width = film.frame.header.picture_sequence, *film.frame.image.shape[:2]
        camera = FilmCamera(self._film.dataset.camera(index), width, film.left)
        mine, shown = film.pair()
        difference = measured(mine, shown, camera)
        self.plot.show_difference(difference)
        self.sources.show_difference(difference)
        of_b = b is not None and b.image.shape == (height, width, 4)
        other = measured(b.image[:, film.left : film.right], shown, camera) if of_b else None
        self.sources.show_against([difference, other])

    def _on_said(self, event: dict) -> None:
        if event.get("event") == "film_clock" and self._film is not None:
            is_heard = event["is_heard"]
            fields = ("started_at", "seconds", "pause_s")
            self._film.clock = FilmClock(*(float(event[name]) for name in fields)) if is_heard else None
            self.panes.film_words = ("The video begins with its sound." if is_heard
                                     else "Not shown: what is heard is not its sound.")  # fmt: skip
        if event.get("event") == "rival_entered" and self._rival is not None:
            self._rival_is_here = True
            self._show_names(event.get("backend", ""))
        elif event.get("event") == "rival_failed":
            self._session.note.emit("err", "B cannot be shown", event["sentence"])
            self.remove_rival()

    def _on_avatar_opened(self, manifest: Manifest) -> None:
        if self.is_active:
            self._fill_entries()
            self._show_names()

    def swap(self) -> None:
        """B goes on stage, and who stood there becomes B."""
        if self._rival is None:
            return
        (path, backend), before = self._rival, self._session.avatar_path
        if backend is not None and path == before:
            self._session.set_backend(backend)
            self.remove_rival()
            return
        self._library.open_avatar(path)
        if before is not None:
            self.choose_rival(before)

    def _open_menu(self) -> None:
        self._fill_entries()
        self.sources.open_menu()

    def _fill_entries(self) -> None:
        self.sources.show_entries(self._window.library.avatar_entries, self._session.avatar_path)

    def _show_names(self, rival_backend: str = "") -> None:
        """Writes who stands where, everywhere it is shown."""
        session = self._session
        if session.manifest is None:
            return
        view = session.frames.newest()
        own = BACKENDS.get(view.header.backend, "") if view is not None else ""
        a = _side(session.manifest, session.avatar_path, own)
        self.sources.show_stage(a)
        splats, sizes, manifests = [session.manifest.n_gaussians, None], [_size_mb(session.avatar_path), None], [
            session.manifest, None,
        ]  # fmt: skip
        b = Side()
        if self._rival is not None:
            try:
                manifest = read_manifest(self._rival[0]) if self._rival[0] != session.avatar_path else session.manifest
            except MouthpieceError:
                manifest = None
            if manifest is not None:
                b = _side(manifest, self._rival[0], BACKENDS.get(rival_backend or self._rival[1] or "", own))
                splats[1], sizes[1], manifests[1] = manifest.n_gaussians, _size_mb(self._rival[0]), manifest
                self.sources.show_rival(b)
        self.sources.show_files(splats, sizes)
        self.sources.show_training(*zip(*(_training(manifest) for manifest in manifests), strict=True))
        same = a.method == b.method and a.name == b.name
        self.panes.show_names((a.name, a.facts.split(",")[0] if same else a.method),
                              (b.name, b.facts.split(",")[0] if same else b.method))  # fmt: skip

    # Files

    def _ask_picture(self) -> None:
        picture = self.panes.still_picture()
        dialog = QFileDialog(self._window, "Save a picture", f"Compare {datetime.now():%H-%M-%S}.png", "PNG (*.png)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.fileSelected.connect(lambda name: self._window.viewport.save_picture(picture, Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask_dataset(self) -> None:
        """The full report needs the dataset whose held-out frames it tests."""
        if self._session.avatar_path is None:
            return
        dialog = QFileDialog(self._window, "The dataset to test against")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._run_report)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask_film(self) -> None:
        dialog = QFileDialog(self._window, "The dataset whose video stands beside the avatar")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.show_film(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _run_report(self, folder: str) -> None:
        avatar = self._session.avatar_path
        order = {"avatar": str(avatar), "dataset": folder}
        self._session.jobs.start("evaluate", order, f"Test {self._session.manifest.name}")


def _side(manifest: Manifest, path: Path | None, backend: str) -> Side:
    picture = QPixmap()
    if manifest.thumbnail:
        import base64

        picture.loadFromData(base64.b64decode(manifest.thumbnail))
    method = METHODS.get(manifest.method, manifest.method)
    facts = ", ".join(filter(None, (backend, f"{manifest.n_gaussians:,} splats")))
    return Side(manifest.name, method, facts, picture)


def _thumbnail(film: "Film") -> QPixmap:
    try:
        rgb = np.ascontiguousarray(film.dataset.frame(0))
    except DatasetError:
        return QPixmap()
    image = QImage(rgb.data, rgb.shape[1], rgb.shape[0], 3 * rgb.shape[1], QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.scaledToHeight(96, Qt.TransformationMode.SmoothTransformation))


def _size_mb(path: Path | None) -> float | None:
    return path.stat().st_size / 1e6 if path is not None and path.is_file() else None


def _training(manifest: Manifest | None) -> tuple[float | None, int | None]:
    """PSNR and frames of the training, as far as the file tells."""
    if manifest is None:
        return None, None
    statistics = manifest.statistics
    psnr, frames = statistics.get("psnr_training"), statistics.get("n_train")
    return (float(psnr) if isinstance(psnr, int | float) else None, int(frames) if isinstance(frames, int) else None)


def _kind(source) -> str:
    return "none" if source.is_muted else source.kind
