"""Asks how an avatar is to be made: of which video or dataset, with which method, for how long, and what then."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QVBoxLayout, QWidget

from app.jobs.making import AvatarPlan, is_dataset
from app.panels.library_files import VIDEO_SUFFIXES
from app.theme.buttons import ElidedWords, Segments, TextButton, Words
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import SIZES, TYPE
from app.windows.form import Form, beside
from app.windows.method_choice import MethodRows, MethodsQuestion
from app.windows.sheet import Sheet
from engine.methods.catalog import PAPER, MethodEntry, Preset

WIDTH, FOOT = 720, 59
FIRST_METHOD = "embedtalk"
LENGTHS = (("20", "20 min"), ("40", "40 min"), ("120", "2 h"), ("0", "In full"))
LENGTH_WORDS = {
    "20": "A first look; the lips are rough.",
    "40": "Enough for a short clip of a person, on an ordinary computer.",
    "120": "For a video of several minutes.",
}
SIDES = (("256", "256 px"), ("384", "384 px"), ("512", "512 px"))
SIDE_WORDS = {"256": "Four times as quick as 512; for a try.", "512": "What the published methods use."}
PRESET_TITLES = {"cpu": "This computer", PAPER: "As published"}
PRESET_WORDS = {"cpu": "Sizes and rates for a computer without a strong GPU.", PAPER: "The paper's sizes: for a GPU."}


class MakeAvatarSheet(Sheet):
    """Asks for a source, a name, a method and how long to train; `asked` carries the source and an AvatarPlan.

    Args:
        source: a video or the folder of a dataset; None while it is to be chosen here.
        folder: where choosing begins.
    """

    asked = Signal(object, object)

    def __init__(self, theme: Theme, host: QWidget, source: Path | None, folder: Path | None = None) -> None:
        super().__init__(theme, host, "Make an avatar", (WIDTH, 0))
        self._folder = folder or Path.home()
        self._form = form = Form(theme, 80)
        self._from = ElidedWords(theme, "", middle=True)
        self.video = TextButton(theme, "Video…", "video-plus-outline", "small", why="One to five minutes of a person.")
        self.video.clicked.connect(self._choose_video)
        self.dataset = TextButton(theme, "Dataset…", "folder-open-outline", "small", why="A video captured before.")
        self.dataset.clicked.connect(self._choose_dataset)
        form.add_row("From", beside(self._from, self.video, self.dataset, stretch=0))
        self.name = QLineEdit()
        self.name.setFont(theme.font())
        self.name.setMaxLength(60)
        self.name.textChanged.connect(self._show)
        form.add_row("Name", self.name)
        self.methods = MethodRows(theme)
        self.methods.chosen.connect(lambda _: self._show_presets())
        form.add_row("Method", self.methods)
        self.preset = Segments(theme, (), "Settings")
        self.preset.chosen.connect(lambda _: self._show())
        form.add_row("Settings", beside(self.preset))
        self.size = Segments(theme, SIDES, "Pictures")
        self.size.set_current("512")
        for side, words in SIDE_WORDS.items():
            self.size.set_tip(side, words)
        form.add_row("Pictures", beside(self.size))
        self.length = Segments(theme, LENGTHS, "Training")
        self.length.set_current("40")
        self.length.chosen.connect(lambda _: self._show())
        form.add_row("Training", beside(self.length))
        self.meaning = Words(theme, "", TYPE.secondary, tone="t3", wrap=True)
        self.needs = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        form.add_row("", self.meaning)
        form.add_row("", self.needs)
        self.report, self.to_stage = QCheckBox("Test it on frames it has not seen"), QCheckBox("Put it on stage")
        self.report.setChecked(True)
        self.report.setToolTip("A page beside the avatar tells how like the film it is.")
        for box in (self.report, self.to_stage):
            box.setFont(theme.font())
        form.add_row("Then", beside(self.report, self.to_stage))
        words = "Only make avatars of people who agreed to it. One to five minutes, face in view, even light."
        self._inside = inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(16, 16, 16, 12)
        column.setSpacing(12)
        column.addLayout(form)
        column.addStretch()
        column.addWidget(Words(theme, words, TYPE.secondary, tone="t2", wrap=True))
        area = OverlayScrollArea()
        area.setWidget(inside)
        around = QVBoxLayout(self.body)
        around.setContentsMargins(1, 0, 1, 0)
        around.addWidget(area)
        foot = self.add_foot()
        foot.addStretch()
        cancel = TextButton(theme, "Cancel")
        cancel.clicked.connect(self.close)
        self.go = TextButton(theme, "Make the avatar", kind="primary")
        self.go.clicked.connect(self._ask)
        foot.addWidget(cancel)
        foot.addWidget(self.go)
        self.source: Path | None = None
        self._choose(source)
        self._question = MethodsQuestion(self)
        self._question.answered.connect(self.show_methods)
        self._question.failed.connect(self._show_failure)

    def show_methods(self, entries: list[MethodEntry]) -> None:
        """The methods there are."""
        self.methods.show_methods(entries, FIRST_METHOD)
        self._show_presets()

    @property
    def chosen_preset(self) -> Preset | None:
        entry = self.methods.current
        return next((p for p in entry.presets if p.name == self.preset.current), None) if entry else None

    def _first_focus(self) -> QWidget:
        return self.video if self.source is None else self.name

    def _choose(self, source: Path | None) -> None:
        """Takes a video or a dataset; a name that nobody typed follows it."""
        if self.name.text() in ("", self.source.stem if self.source is not None else ""):
            self.name.setText(source.stem if source is not None else "")
        self.source = source
        self._from.setText(str(source) if source is not None else "A video, or what a video was captured to")
        self._from.set_tone("" if source is not None else "t3")
        self._show()

    def _choose_video(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in VIDEO_SUFFIXES)
        dialog = self._dialog("A video of someone talking", f"Videos ({patterns});;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self._choose(Path(name)))
        dialog.open()

    def _choose_dataset(self) -> None:
        dialog = self._dialog("The folder of a dataset", "")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
        dialog.fileSelected.connect(lambda name: self.use_dataset(Path(name)))
        dialog.open()

    def use_dataset(self, folder: Path) -> None:
        """Takes the folder of a dataset; says so where it is none."""
        if is_dataset(folder):
            self._choose(folder)
        else:
            self.needs.set_tone("err")
            self.needs.setText(f"{folder.name} is no dataset: it has no dataset.json. Choose one made by a capture.")

    def _dialog(self, title: str, names: str) -> QFileDialog:
        dialog = QFileDialog(self, title, str(self._folder), names)
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    def _show_failure(self, sentence: str) -> None:
        self.needs.set_tone("err")
        self.needs.setText(sentence)

    def _show_presets(self) -> None:
        entry, before = self.methods.current, self.preset.current
        names = [preset.name for preset in entry.presets]
        self.preset.set_items([(name, PRESET_TITLES.get(name, name.capitalize())) for name in names])
        for name in names:
            self.preset.set_tip(name, PRESET_WORDS.get(name, ""))
        self.preset.set_current(before if before in names else names[0])
        self._show()

    def _show(self) -> None:
        preset = self.chosen_preset
        can = self.source is not None and bool(self.name.text().strip())
        self.go.setEnabled(can and preset is not None and not _lacking(preset))
        self.size.setEnabled(self.source is None or not is_dataset(self.source))
        if preset is not None:
            self.meaning.setText(LENGTH_WORDS.get(self.length.current) or full_length(preset))
            self.needs.setText("\n".join(need.words for need in preset.needs) or "It needs nothing but the video.")
            is_short = any(not need.is_here for need in preset.needs)
            self.needs.set_tone("err" if _lacking(preset) else "warn" if is_short else "t2")
        self._fit_height()

    def _fit_height(self) -> None:
        """The panel is as high as what it says, within the window; what is beyond scrolls."""
        self._form.invalidate()  # what changed above is not measured before the next turn of the loop otherwise
        self._inside.layout().invalidate()
        content = self._inside.layout().totalHeightForWidth(WIDTH - 2)
        self._size = (WIDTH, SIZES.dialog_head + content + FOOT)
        self.resizeEvent(None)

    def _ask(self) -> None:
        preset, name = self.chosen_preset, self.name.text().strip()
        missing = [need for need in preset.needs if not need.is_here]
        settings = {key: value for need in missing for key, value in need.without.items()}
        # what spares studios is fitted by the training itself, which knows whose film it is
        fits = [need for need in preset.needs if need.kind == "fit" and not need.spares_studio]
        heads = tuple(need.head for need in fits)
        plan = AvatarPlan(
            name, self.methods.current.name, preset.name, int(self.length.current), heads, settings,
            int(self.size.current), self.report.isChecked(), self.to_stage.isChecked(),
        )  # fmt: skip
        source = self.source
        self.close()
        self.asked.emit(source, plan)

    def closeEvent(self, event) -> None:
        self._question.close()
        super().closeEvent(event)


def full_length(preset: Preset) -> str:
    """What a training in full means."""
    steps = f"{preset.iterations:,} steps"
    if not preset.hours:
        return f"{steps}; how long they take has not been timed here. It can be stopped and goes on later."
    hours = preset.hours
    long = f"{round(60 * hours)} minutes" if hours < 1 else f"{hours:g} h" if hours < 30 else f"{hours / 24:.0f} days"
    return f"{steps}, about {long} on two processor cores. It can be stopped and goes on later."


def _lacking(preset: Preset) -> bool:
    return any(not need.is_here and not need.without for need in preset.needs)
