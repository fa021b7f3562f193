"""Making an avatar from the window: a video is captured, then trained, each as a job."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from app.panels.library_files import METHODS, avatars_dir
from app.theme.buttons import ElidedWords, Segments, TextButton, Words
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from app.windows.form import Form, beside
from app.windows.orders import safe_name
from app.windows.sheet import Sheet
from engine.paths import cache_dir

LENGTHS = (("20", "20 min"), ("40", "40 min"), ("120", "2 h"), ("0", "In full"))
LENGTH_WORDS = {
    "20": "A first look; the lips are rough.",
    "40": "Enough for a short clip of a person, on an ordinary computer.",
    "120": "For a video of several minutes.",
    "0": "As many steps as the method's paper took: minutes on a GPU, a day without one.",
}
METHOD = "embedtalk"


class MakeAvatarSheet(Sheet):
    """Asks for a name and how long to train; `asked` carries name and minutes (0: in full)."""

    asked = Signal(str, int)

    def __init__(self, theme: Theme, host: QWidget, video: Path) -> None:
        super().__init__(theme, host, "Make an avatar", (520, 330))
        column = QVBoxLayout(self.body)
        column.setContentsMargins(16, 16, 16, 16)
        form = Form(theme, 72)
        form.add_row("Video", ElidedWords(theme, str(video), middle=True))
        self.name = QLineEdit(video.stem)
        self.name.setFont(theme.font())
        self.name.setMaxLength(60)
        self.name.textChanged.connect(self._show)
        form.add_row("Name", self.name)
        form.add_row("Method", Words(theme, METHODS[METHOD]))
        self.length = Segments(theme, LENGTHS, "Training")
        self.length.set_current("40")
        self.length.chosen.connect(lambda _: self._show())
        form.add_row("Training", beside(self.length))
        self._meaning = Words(theme, "", TYPE.secondary, tone="t3", wrap=True)
        form.add_row("", self._meaning)
        column.addLayout(form)
        column.addStretch()
        words = "Only make avatars of people who agreed to it. One to five minutes, face in view, even light."
        column.addWidget(Words(theme, words, TYPE.secondary, tone="t2", wrap=True))
        foot = self.add_foot()
        foot.addStretch()
        cancel = TextButton(theme, "Cancel")
        cancel.clicked.connect(self.close)
        self.go = TextButton(theme, "Make the avatar", kind="primary")
        self.go.clicked.connect(self._ask)
        foot.addWidget(cancel)
        foot.addWidget(self.go)
        self._show()

    def _first_focus(self) -> QWidget:
        return self.name

    def _show(self) -> None:
        self._meaning.setText(LENGTH_WORDS[self.length.current])
        self.go.setEnabled(bool(self.name.text().strip()))

    def _ask(self) -> None:
        name, minutes = self.name.text().strip(), int(self.length.current)
        self.close()
        self.asked.emit(name, minutes)


class AvatarMaking(QObject):
    """Follows a capture with its training."""

    def __init__(self, session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._waiting: dict[str, tuple[str, int, Path]] = {}
        session.job_changed.connect(self._on_job)

    def start(self, video: Path, name: str, minutes: int) -> None:
        """Queues the capture; the training follows when it is done."""
        folder = cache_dir() / "datasets"
        folder.mkdir(parents=True, exist_ok=True)
        dataset = folder / f"{safe_name(name)}.dataset"
        order = {"video": str(video), "output": str(dataset)}
        job = self._session.start_job("capture", order, f"Capture {name}")
        self._waiting[job] = (name, minutes, dataset)

    def _on_job(self, job) -> None:
        if job.state in ("queued", "running") or job.id not in self._waiting:
            return
        name, minutes, dataset = self._waiting.pop(job.id)
        if job.state == "done":
            order = {"dataset": str(dataset), "output": str(self._output(name)), "method": METHOD}
            in_time = {"minutes": minutes, "preset": "cpu"} if minutes else {}  # the paper's sizes take a GPU or a day
            self._session.start_job("train", order | in_time, f"Train {name}")

    @staticmethod
    def _output(name: str) -> Path:
        path = avatars_dir() / f"{safe_name(name)}.avatar"
        number = 2
        while path.exists():
            path = path.with_name(f"{safe_name(name)} {number}.avatar")
            number += 1
        return path
