"""Gain, delay and curve of one source on its way to the whole face, a group or a control; in the mixer."""

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from app.panels.face_rows import ControlRows
from app.panels.mixer_model import SHAPED, MixerModel
from app.theme.buttons import Segments, Words
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from engine.controls import GROUPS

MARK = "\u2022"
SOURCE_TITLES = (("voice", "Voice"), ("sliders", "Sliders"), ("idle", "Idle"), ("outside", "Outside"))
WHY = {
    "voice": "Microphone, sound file or take's voice, before the range guard.",
    "sliders": "What your own hand and the expressions add.",
    "idle": "Blinks, small looks and breath.",
    "outside": "Faces that come over the network.",
}


class SourceShapes(QWidget):
    """Whose way is shaped, to what, and the three sliders."""

    def __init__(self, model: MixerModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model, self._theme = model, theme
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(10, 0, 10, 6)
        head.setSpacing(8)
        self.sources = Segments(theme, SOURCE_TITLES, "Source", padding=10)
        for name, words in WHY.items():
            self.sources.set_tip(name, words)
        self.sources.chosen.connect(lambda _: self._select())
        self.target = QComboBox()
        self.target.setAccessibleName("What of the face")
        self.target.setToolTip("What of the face these reach. The whole face, a group or one control; they add up.")
        self.target.activated.connect(lambda _: self._select())
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(Words(theme, "on", tone="t2"))
        line.addWidget(self.target, 1)
        head.addWidget(self.sources)
        head.addLayout(line)
        column.addLayout(head)
        self.rows = ControlRows(model, theme, SHAPED, title="Source", has_numbers=False, has_marks=False,
                                has_strips=False)  # fmt: skip
        column.addWidget(self.rows)
        self.words = Words(theme, "", TYPE.secondary, tone="t3", wrap=True)
        self.words.setContentsMargins(10, 4, 10, 0)
        column.addWidget(self.words)
        model.changed.connect(self._show_marks)

    def set_schema(self) -> None:
        """Another avatar: its groups and controls may be shaped."""
        self.target.clear()
        self.target.addItem("The whole face", "")
        for group in self._model.groups:
            self.target.addItem(GROUPS[group], group)
        if self._model.face_schema is not None:
            for spec in self._model.face_schema:
                self.target.addItem(f"    {spec.label}", spec.name)
        self._select()

    def _select(self) -> None:
        self._model.select(self.sources.current, self.target.currentData() or "")
        self.rows.set_schema()
        self._show_marks()

    def _show_marks(self) -> None:
        """A dot before every place that is shaped, and how many there are."""
        shaped = self._model.shaped(self.sources.current)
        for i in range(self.target.count()):
            words = self.target.itemText(i)
            plain = words.replace(f"{MARK} ", "", 1)
            wanted = f"{MARK} {plain}" if self.target.itemData(i) in shaped else plain
            if words != wanted:
                self.target.setItemText(i, wanted)
        n = len(self._model.shaped())
        count = {0: "Everything comes as it is.", 1: "One way is shaped."}.get(n, f"{n} ways are shaped.")
        if self.words.text() != count:
            self.words.setText(count)
