"""The export dialog: what is said, by whom, seen from where, how large, as what, and into which file."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.panels.library_files import METHODS, AvatarEntry, TakeEntry, length_text
from app.settings import Settings
from app.theme.buttons import ElidedWords, IconButton, NumberBox, Segments, TextButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE
from app.windows.export_list import ExportList
from app.windows.export_parts import Preview, Stretch, SwitchRow, expected_mb, facts
from app.windows.form import Form, beside
from app.windows.orders import EditedTake, clip_path, render_order, short_path
from app.windows.sheet import Sheet
from engine.errors import MouthpieceError
from engine.export.formats import FORMATS, ClipFormat
from engine.export.presets import ExportPreset, ExportPresets, make_preset

VIEWS = (
    ("take", "As performed"), ("front", "Front"), ("left", "Left, 30°"), ("right", "Right, 30°"), ("up", "From above"),
    ("down", "From below"), ("spiral", "Spiral round the face"),
)  # fmt: skip
RATES = (24, 25, 30, 60)
QUALITIES = ((14, "Quality 14, finest"), (18, "Quality 18"), (23, "Quality 23"), (28, "Quality 28, small"))
LOOK_AHEADS = ((160.0, "160 ms, best lips"), (40.0, "40 ms, as live"), (0.0, "0 ms"))
GROUNDS = (("", "Its own"), ("0.169 0.176 0.192", "Studio grey"), ("0 0 0", "Black"), ("1 1 1", "White"),
           ("0 0.69 0.25", "Green screen"))  # fmt: skip
LIMITS = (128, 4096)
LABEL = "Made with a synthetic face"


class ExportSheet(Sheet):
    """Orders a clip; `ordered` carries a checked order and the job's title."""

    ordered = Signal(object, str)
    sound_wanted = Signal()

    def __init__(
        self, theme: Theme, host: QWidget, settings: Settings, avatars: list[AvatarEntry], stage: Path | None,
        takes: list[TakeEntry], take: TakeEntry | None, sound: Path | None, picture: QImage,
        edited: EditedTake | None = None,
    ) -> None:  # fmt: skip
        super().__init__(theme, host, "Export", (980, 696))
        self._settings, self._theme = settings, theme
        self._output: Path | None = None
        self._picked_output = False
        self._avatars = [entry for entry in avatars if not entry.problem]
        row = QHBoxLayout(self.body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.list = self._build_list()
        row.addWidget(self.list)
        row.addWidget(rule(vertical=True))
        row.addLayout(self._build_middle(picture))
        row.addWidget(rule(vertical=True))
        right = QVBoxLayout()
        right.setContentsMargins(16, 14, 16, 12)
        right.setSpacing(10)
        right.addLayout(self._build_form(stage, takes, take, sound, edited))
        right.addWidget(rule())
        right.addLayout(self._build_provenance())
        right.addStretch()
        row.addLayout(right, 1)
        self._build_foot()
        self._choose_format(FORMATS.get(settings.export_format, FORMATS["mp4"]))
        self._show_source()

    # Making

    def _build_list(self) -> ExportList:
        column = ExportList(self._theme, ExportPresets(), self._as_preset)
        self.formats = column.formats
        column.format_chosen.connect(self._choose_format)
        column.preset_chosen.connect(self._use_preset)
        column.failed.connect(lambda sentence: self._show_output(sentence, "err"))
        return column

    def _build_middle(self, picture: QImage) -> QVBoxLayout:
        theme = self._theme
        column = QVBoxLayout()
        column.setContentsMargins(16, 16, 16, 14)
        column.setSpacing(10)
        self._preview, self.stretch = Preview(theme, picture), Stretch(theme)
        self.stretch.changed.connect(lambda *_: self._show_estimate())
        column.addWidget(self._preview)
        column.addWidget(self.stretch)
        column.addStretch()
        self._said, self._format = (ElidedWords(theme, "", TYPE.secondary) for _ in range(2))
        self._colour = Words(theme, "", TYPE.secondary)
        column.addLayout(facts(theme, [("Take", self._said), ("Format", self._format), ("Colour", self._colour)]))
        return column

    def _build_form(self, stage, takes, take, sound, edited: EditedTake | None) -> Form:
        theme, settings, form = self._theme, self._settings, Form(self._theme, 84)
        self.source = QComboBox()
        if edited is not None:
            layers = f", {edited.n_layers} layer" + ("s" if edited.n_layers != 1 else "") if edited.n_layers else ""
            self.source.addItem(f"{edited.name}, edited{layers}", edited)
        for entry in takes:
            self.source.addItem(f"{entry.name}, {length_text(entry.seconds)}", entry)
        if sound is not None:
            self.source.addItem(sound.name, sound)
        self.source.addItem("A sound file…", None)
        if take is not None and edited is None:
            self.source.setCurrentIndex(max(0, next((i for i, e in enumerate(takes) if e.path == take.path), 0)))
        self.source.activated.connect(self._on_source_activated)
        self._last_source = self.source.currentIndex()
        form.add_row("Voice", self.source)
        self.avatar = QComboBox()
        for i, entry in enumerate(self._avatars):
            self.avatar.addItem(f"{entry.name}, {METHODS.get(entry.method, entry.method)}", entry)
            if stage is not None and entry.path == stage.resolve():
                self.avatar.setCurrentIndex(i)
        form.add_row("Avatar", self.avatar)
        self.view = QComboBox()
        form.add_row("Camera", self.view)
        self.width_field = NumberBox(theme, *LIMITS, settings.export_size)
        self.height_field = NumberBox(theme, *LIMITS, settings.export_size)
        for box, name in ((self.width_field, "Width"), (self.height_field, "Height")):
            box.setSingleStep(2)
            box.setAccessibleName(name)
        self.link = IconButton(theme, "link-variant", "Keep it square", why="Width and height change together.")
        self.link.setCheckable(True)
        self.link.setChecked(True)
        self.width_field.valueChanged.connect(self._on_width_changed)
        self.height_field.valueChanged.connect(self._on_height_changed)
        times = Words(theme, "×", tone="t3")
        form.add_row("Size", beside(self.width_field, times, self.height_field, self.link))
        nearest = min(RATES, key=lambda rate: abs(rate - settings.export_fps))
        self.rate = Segments(theme, [(str(rate), str(rate)) for rate in RATES], "Frame rate")
        self.rate.set_current(str(nearest))
        self.rate.chosen.connect(lambda _: self._show_estimate())
        form.add_row("Frame rate", beside(self.rate, Words(theme, "fps", tone="t3")))
        self.quality, self.ground, self.drive = QComboBox(), QComboBox(), QComboBox()
        for crf, words in QUALITIES:
            self.quality.addItem(words, crf)
        self.quality.setCurrentIndex(1)
        form.add_row("Video", self.quality)
        form.add_row("Background", self.ground)
        form.add_row("Look-ahead", self.drive)
        self.smooth = Segments(theme, [("1", "Off"), ("2", "2 × 2"), ("3", "3 × 3"), ("4", "4 × 4")], "Anti-alias")
        form.add_row("Anti-alias", beside(self.smooth))
        return form

    def _build_provenance(self) -> QVBoxLayout:
        theme, settings = self._theme, self._settings
        column = QVBoxLayout()
        column.setSpacing(4)
        head = beside(Words(theme, "Where it came from", weight=SEMIBOLD), stretch=0)
        head.addWidget(Words(theme, "Read back with mouthpiece verify", TYPE.secondary, tone="t3"))
        column.addLayout(head)
        self.says = SwitchRow(theme, "Say it is synthetic", "In the file's metadata. Nothing shows in the picture.",
                              settings.export_says_synthetic)  # fmt: skip
        self.signs = SwitchRow(theme, "Sign the file", "C2PA with your own key; a file beside it where that cannot be.",
                               settings.export_signs)  # fmt: skip
        self.labels = SwitchRow(theme, "Visible label", f"“{LABEL}” in a corner.", False)
        for switch in (self.says, self.signs, self.labels):
            column.addWidget(switch)
        return column

    def _build_foot(self) -> None:
        theme, foot = self._theme, self.add_foot()
        place = QVBoxLayout()
        place.setSpacing(2)
        line = QHBoxLayout()
        line.setSpacing(8)
        self._path = ElidedWords(theme, "", weight=MEDIUM, middle=True)
        self._path.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        change = TextButton(theme, "Change", kind="link")
        change.clicked.connect(self._choose_output)
        line.addWidget(self._path)
        line.addWidget(change)
        line.addStretch()
        self._problem = ElidedWords(theme, "", TYPE.secondary, tone="t3")
        place.addStretch()
        place.addLayout(line)
        place.addWidget(self._problem)
        place.addStretch()
        foot.addLayout(place, 1)
        cancel = TextButton(theme, "Cancel")
        cancel.clicked.connect(self.close)
        self.queue = TextButton(theme, "Add to queue", "format-list-bulleted", why="The dialog stays open for another.")
        self.queue.clicked.connect(lambda: self._order(stays=True))
        self.go = TextButton(theme, "Export", "export-variant", kind="primary")
        self.go.clicked.connect(self._order)
        for button in (cancel, self.queue, self.go):
            foot.addWidget(button)

    def _first_focus(self) -> QWidget:
        return self.source

    # What is chosen

    def use_sound(self, path: Path) -> None:
        """Puts a sound file into the list of voices and chooses it."""
        at = self.source.count() - 1
        self.source.insertItem(at, path.name, path)
        self.source.setCurrentIndex(at)
        self._show_source()

    @property
    def output(self) -> Path | None:
        return self._output

    def _choose_format(self, kind: ClipFormat) -> None:
        self.kind = kind
        self.list.choose_format(kind)
        self._show_kind(kind)

    def _show_kind(self, kind: ClipFormat) -> None:
        self._format.setText(kind.detail)
        self._colour.setText("BT.709, tagged" if kind.is_yuv else "sRGB" if is_drawn(kind) else "None")
        is_video = kind.kind == "video"
        self.quality.setEnabled(any(value.startswith("{") for value in kind.options.values()))
        for widget in (self.smooth, self.ground, self.labels):
            widget.setEnabled(is_drawn(kind))
        self.signs.setEnabled(is_video)
        chosen = self.ground.currentData()
        self.ground.clear()
        for value, words in GROUNDS:
            self.ground.addItem("Transparent" if not value and kind.has_alpha else words, value)
        self.ground.setCurrentIndex(max(0, self.ground.findData(chosen)))
        self._show_source()

    def _as_preset(self, name: str) -> ExportPreset:
        """What the dialog shows, under a name. Raises OutputError for a name that is none."""
        ground = self.ground.currentData()
        return make_preset(
            name=name, kind=self.kind.name, width=self.width_field.value(), height=self.height_field.value(),
            fps=float(self.rate.current), crf=self.quality.currentData(), supersample=int(self.smooth.current),
            background=tuple(float(v) for v in ground.split()) if ground else None,
            says_synthetic=self.says.isChecked(), is_signed=self.signs.isChecked(),
            label=LABEL if self.labels.isChecked() else "",
        )  # fmt: skip

    def _use_preset(self, preset: ExportPreset) -> None:
        """Everything stands as the preset says; what the lists do not offer takes what is nearest."""
        self.kind = FORMATS[preset.kind]
        self.link.setChecked(preset.width == preset.height)
        self.width_field.setValue(preset.width)
        self.height_field.setValue(preset.height)
        self.rate.set_current(str(min(RATES, key=lambda rate: abs(rate - preset.fps))))
        nearest = min(range(len(QUALITIES)), key=lambda i: abs(QUALITIES[i][0] - preset.crf))
        self.quality.setCurrentIndex(nearest)
        self.smooth.set_current(str(preset.supersample))
        self._show_kind(self.kind)
        ground = " ".join(f"{v:g}" for v in preset.background) if preset.background is not None else ""
        self.ground.setCurrentIndex(max(0, self.ground.findData(ground)))
        self.says.setChecked(preset.says_synthetic)
        self.signs.setChecked(preset.is_signed)
        self.labels.setChecked(bool(preset.label))

    def _on_source_activated(self, index: int) -> None:
        if self.source.itemData(index) is None:
            self.source.setCurrentIndex(self._last_source)
            self.sound_wanted.emit()
        else:
            self._show_source()

    def _show_source(self) -> None:
        if not hasattr(self, "go"):
            return
        self._last_source = self.source.currentIndex()
        chosen = self.source.currentData()
        is_take = isinstance(chosen, TakeEntry | EditedTake)
        current = self.view.currentData()
        self.view.clear()
        for view, words in VIEWS:
            if view == "take" and isinstance(chosen, EditedTake) and chosen.n_camera_keys:
                words = f"Camera path, {chosen.n_camera_keys} key" + ("s" if chosen.n_camera_keys > 1 else "")
            if view != "take" or is_take:
                self.view.addItem(words, view)
        self.view.setCurrentIndex(max(0, self.view.findData(current)))
        drive = self.drive.currentData()
        self.drive.clear()
        if is_take:
            self.drive.addItem("As recorded", None)
        for milliseconds, words in LOOK_AHEADS:
            self.drive.addItem(words, milliseconds)
        self.drive.setCurrentIndex(max(0, self.drive.findData(drive)) if drive is not None or is_take else 0)
        self._said.setText(self.source.currentText() if chosen is not None else "")
        if isinstance(chosen, EditedTake):
            self.stretch.show_sound(chosen.seconds, chosen.peaks, chosen.first, chosen.last or chosen.seconds)
        elif is_take:
            self.stretch.show_sound(chosen.seconds, np.zeros(0), 0.0, chosen.seconds)
        else:
            self.stretch.show_sound(0.0, np.zeros(0), 0.0, 0.0)
        if not self._picked_output and chosen is not None:
            name = chosen.name if is_take else chosen.stem
            self._output = clip_path(self._settings.export_folder, name, self.kind.suffix)
        ready = chosen is not None and bool(self._avatars)
        for button in (self.go, self.queue):
            button.setEnabled(ready)
        self._preview.show_size(self.width_field.value(), self.height_field.value())
        if ready:
            self._show_estimate()
        else:
            self._show_output("Record a take or choose a sound file first.")

    def _show_estimate(self) -> None:
        seconds = self.stretch.last - self.stretch.first
        if self.source.currentData() is None or seconds <= 0:
            self._show_output()
            return
        pixels = self.width_field.value() * self.height_field.value() * float(self.rate.current) * seconds
        megabytes = expected_mb(self.kind, pixels)
        size = f"About {max(1, round(megabytes)):,} MB. " if megabytes else ""
        folder = self._output.parent if self._output is not None else Path.home()
        free = shutil.disk_usage(folder).free / 1e9 if folder.is_dir() else 0.0
        frames = round(seconds * float(self.rate.current))
        self._show_output(f"{frames:,} frames. {size}{free:,.0f} GB free.")

    def _show_output(self, sentence: str = "", tone: str = "t3") -> None:
        self._path.setText(short_path(self._output) if self._output else "No file chosen")
        self._problem.setText(sentence or "A job renders it; the face goes on meanwhile.")
        self._problem.set_tone(tone)

    def _on_width_changed(self, value: int) -> None:
        if self.link.isChecked():
            self.height_field.setValue(value)
        self._preview.show_size(self.width_field.value(), self.height_field.value())
        self._show_estimate()

    def _on_height_changed(self, value: int) -> None:
        if self.link.isChecked():
            self.width_field.setValue(value)
        self._preview.show_size(self.width_field.value(), self.height_field.value())

    def _choose_output(self) -> None:
        suffix = self.kind.suffix
        names = f"{self.kind.label} (*{suffix})" if suffix else "All files (*)"
        dialog = QFileDialog(self, "Export to", str(self._output or Path.home()), names)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix.lstrip("."))
        dialog.fileSelected.connect(self._use_output)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _use_output(self, name: str) -> None:
        self._output, self._picked_output = Path(name), True
        self._settings.export_folder = self._output.parent
        self._show_output()

    def _order(self, stays: bool = False) -> None:
        chosen = self.source.currentData()
        is_take = isinstance(chosen, TakeEntry | EditedTake)
        width, height = (box.value() // 2 * 2 for box in (self.width_field, self.height_field))
        fields: dict[str, Any] = {"voice": chosen} if not is_take else {"take": chosen.path}
        if isinstance(chosen, EditedTake):
            fields |= {"edit": chosen.edit, "take_key": chosen.key, "sources": chosen.sources}
        if self.stretch.first > 0.01:
            fields["start"] = self.stretch.first
        if is_take and self.stretch.last < chosen.seconds - 0.01:
            fields["end"] = self.stretch.last
        drive = self.drive.currentData()
        fields |= {"drive": "take"} if drive is None and is_take else {"look_ahead_ms": drive or 0.0}
        ground = self.ground.currentData()
        try:
            order = render_order(
                avatar=self.avatar.currentData().path, output=self._output, width=width, height=height,
                fps=float(self.rate.current), view=self.view.currentData(), supersample=int(self.smooth.current),
                kind=self.kind.name, crf=self.quality.currentData(), says_synthetic=self.says.isChecked(),
                background=tuple(float(v) for v in ground.split()) if ground else None,
                is_signed=self.signs.isChecked(), label=LABEL if self.labels.isChecked() else "", **fields,
            )  # fmt: skip
        except MouthpieceError as error:
            self._show_output(str(error), "err")
            return
        settings = self._settings
        settings.export_size, settings.export_fps, settings.export_format = (
            width,
            float(self.rate.current),
            self.kind.name,
        )
        settings.export_says_synthetic, settings.export_signs = self.says.isChecked(), self.signs.isChecked()
        name = chosen.name if is_take else chosen.stem
        if not stays:
            self.close()
        self.ordered.emit(order, f"Export {name}")
        if stays:
            self._picked_output = False
            taken = self._output
            self._show_source()
            if self._output == taken:
                self._output = clip_path(taken.parent, f"{taken.stem} next", self.kind.suffix)
            self._show_output(f"{taken.name} is in the queue.")


def is_drawn(kind: ClipFormat) -> bool:
    """Whether a format holds pictures."""
    return kind.kind in ("video", "pictures")
