"""Making an avatar from the window: a video is captured, a head fitted where it is needed, then trained, as jobs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from app.panels.library_files import avatars_dir
from app.theme.buttons import ElidedWords, Segments, TextButton, Words
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import SIZES, TYPE
from app.windows.form import Form, beside
from app.windows.method_choice import MethodRows, MethodsQuestion
from app.windows.orders import safe_name
from app.windows.sheet import Sheet
from engine.methods.catalog import PAPER, MethodEntry, Preset
from engine.paths import cache_dir

WIDTH, FOOT = 720, 59
FIRST_METHOD = "embedtalk"
LENGTHS = (("20", "20 min"), ("40", "40 min"), ("120", "2 h"), ("0", "In full"))
LENGTH_WORDS = {
    "20": "A first look; the lips are rough.",
    "40": "Enough for a short clip of a person, on an ordinary computer.",
    "120": "For a video of several minutes.",
}
PRESET_TITLES = {"cpu": "This computer", PAPER: "As published"}
PRESET_WORDS = {"cpu": "Sizes and rates for a computer without a strong GPU.", PAPER: "The paper's sizes: for a GPU."}


@dataclass(frozen=True)
class AvatarPlan:
    """How an avatar is to be made.

    Attributes:
        minutes: of training, 0 in full.
        heads: head models to be fitted to the film first.
        settings: of the method, on top of the preset.
    """

    name: str
    method: str
    preset: str
    minutes: int
    heads: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


class MakeAvatarSheet(Sheet):
    """Asks for a name, a method and how long to train; `asked` carries an AvatarPlan."""

    asked = Signal(object)

    def __init__(self, theme: Theme, host: QWidget, video: Path) -> None:
        super().__init__(theme, host, "Make an avatar", (WIDTH, 0))
        self._form = form = Form(theme, 72)
        form.add_row("Video", ElidedWords(theme, str(video), middle=True))
        self.name = QLineEdit(video.stem)
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
        self.length = Segments(theme, LENGTHS, "Training")
        self.length.set_current("40")
        self.length.chosen.connect(lambda _: self._show())
        form.add_row("Training", beside(self.length))
        self.meaning = Words(theme, "", TYPE.secondary, tone="t3", wrap=True)
        self.needs = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        form.add_row("", self.meaning)
        form.add_row("", self.needs)
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
        self._show()
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
        return self.name

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
        self.go.setEnabled(bool(self.name.text().strip()) and preset is not None and not _lacking(preset))
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
        heads = tuple(need.head for need in preset.needs if need.kind == "fit")
        plan = AvatarPlan(name, self.methods.current.name, preset.name, int(self.length.current), heads, settings)
        self.close()
        self.asked.emit(plan)

    def closeEvent(self, event) -> None:
        self._question.close()
        super().closeEvent(event)


class AvatarMaking(QObject):
    """Follows a capture with the fits its method needs, and these with the training."""

    def __init__(self, session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._waiting: dict[str, tuple[AvatarPlan, Path, tuple[str, ...]]] = {}
        session.job_changed.connect(self._on_job)

    def start(self, video: Path, plan: AvatarPlan) -> None:
        """Queues the capture; the rest follows when it is done."""
        folder = cache_dir() / "datasets"
        folder.mkdir(parents=True, exist_ok=True)
        dataset = folder / f"{safe_name(plan.name)}.dataset"
        order = {"video": str(video), "output": str(dataset)}
        self._wait("capture", order, f"Capture {plan.name}", plan, dataset, plan.heads)

    def _wait(self, kind: str, order: dict, title: str, plan: AvatarPlan, dataset: Path, heads: tuple) -> None:
        self._waiting[self._session.start_job(kind, order, title)] = (plan, dataset, heads)

    def _on_job(self, job) -> None:
        if job.state in ("queued", "running") or job.id not in self._waiting:
            return
        plan, dataset, heads = self._waiting.pop(job.id)
        if job.state != "done":
            return
        if heads:
            order = {"dataset": str(dataset), "head": heads[0]}
            self._wait("fit", order, f"Fit a head to {plan.name}", plan, dataset, heads[1:])
            return
        order = {"dataset": str(dataset), "output": str(self._output(plan.name)), "method": plan.method,
                 "preset": plan.preset, "minutes": plan.minutes or None, "set": plan.settings or None}  # fmt: skip
        self._session.start_job("train", {k: v for k, v in order.items() if v is not None}, f"Train {plan.name}")

    @staticmethod
    def _output(name: str) -> Path:
        path = avatars_dir() / f"{safe_name(name)}.avatar"
        number = 2
        while path.exists():
            path = path.with_name(f"{safe_name(name)} {number}.avatar")
            number += 1
        return path


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
