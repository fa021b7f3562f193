"""Head motion from the voice, in the mixer: a file, a switch, how strong, and its chance."""

from pathlib import Path

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.panels.face_rows import ControlRows
from app.panels.mixer_model import HEAD, MixerModel
from app.panels.mixer_switch import Switch
from app.theme.buttons import ElidedWords, IconButton, NumberBox, TextButton, Words
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from engine.paths import data_dir

SEED_MOST = 9999
HOW = "None yet. Make one of a film: mouthpiece head-motion FILM.dataset -o NAME.motion"
NO_POSE = "This avatar's head cannot be turned."


class HeadMotionBox(QWidget):
    """Turns what it is asked into undo steps of the mixer's model; `chosen` tells of another file."""

    chosen = Signal(object)

    def __init__(self, session, model: MixerModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._model, self._theme = session, model, theme
        self._opened: tuple[str, int, str] | None = None  # path, units, why not
        self._build()
        session.performer_said.connect(self._on_said)
        model.changed.connect(self._show)
        self._show()

    def use_file(self, path: Path) -> None:
        """Another motion file, switched on."""
        self._model.change_head(f"Head motion {path.stem}", path=path, is_on=True)

    def set_schema(self) -> None:
        self.rows.set_schema()
        self._show()

    def _build(self) -> None:
        theme = self._theme
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(10, 10, 10, 6)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Words(theme, "Head motion", TYPE.base, SEMIBOLD))
        words.addWidget(Words(theme, "The voice moves the head as it moved in a film", TYPE.secondary, tone="t2"))
        head.addLayout(words, 1)
        self.switch = Switch(theme, "Head motion", "It listens to the second before it moves.")
        self.switch.clicked.connect(lambda on: self._model.change_head("Head motion " + ("on" if on else "off"),
                                                                       is_on=on))  # fmt: skip
        head.addWidget(self.switch)
        column.addLayout(head)
        line = QHBoxLayout()
        line.setContentsMargins(10, 0, 10, 4)
        line.setSpacing(8)
        self.file = ElidedWords(theme, "", middle=True, tone="t2")
        self.choose = TextButton(theme, "Choose a motion…", kind="small")
        self.choose.clicked.connect(self._ask_file)
        line.addWidget(self.file, 1)
        line.addWidget(self.choose)
        column.addLayout(line)
        self.hint = Words(theme, "", TYPE.secondary, tone="t3", wrap=True)
        self.hint.setContentsMargins(10, 0, 10, 6)
        column.addWidget(self.hint)
        self.rows = ControlRows(self._model, theme, HEAD, title="Head motion", has_numbers=False, has_marks=False,
                                has_strips=False)  # fmt: skip
        column.addWidget(self.rows)
        self._seed_line = QWidget()
        line = QHBoxLayout(self._seed_line)
        line.setContentsMargins(10, 4, 10, 6)
        line.setSpacing(8)
        line.addWidget(Words(theme, "Chance"))
        line.addStretch()
        self.dice = IconButton(theme, "dice-5-outline", "Another motion", why="Another number, another motion that "
                               "fits.", size=28, icon_size=18)  # fmt: skip
        self.dice.clicked.connect(lambda: self.seed.setValue(int(np.random.default_rng().integers(SEED_MOST + 1))))
        self.seed = NumberBox(theme, 0, SEED_MOST, 0, width=64)
        self.seed.setAccessibleName("Chance of the head motion, a number")
        self.seed.valueChanged.connect(self._on_seed)
        line.addWidget(self.dice)
        line.addWidget(self.seed)
        column.addWidget(self._seed_line)

    def _show(self) -> None:
        head, schema = self._session.controls.head, self._model.face_schema
        can_turn = schema is None or bool(len(schema.indices("pose")))
        has_file = head.path is not None
        self.switch.setChecked(head.is_on and has_file)
        self.switch.setEnabled(has_file and can_turn)
        self.file.setText(head.path.stem if has_file else "No motion")
        self.file.setToolTip(str(head.path) if has_file else "")
        self.choose.setText("Another…" if has_file else "Choose a motion…")
        for widget in (self.rows, self._seed_line):
            widget.setVisible(has_file and can_turn)
        self.seed.blockSignals(True)
        self.seed.setValue(head.seed)
        self.seed.blockSignals(False)
        words, tone = "", "t3"
        if not can_turn:
            words = NO_POSE
        elif not has_file:
            words = HOW
        elif self._opened is not None and self._opened[0] == str(head.path):
            _, n_units, failure = self._opened
            words, tone = (failure, "err") if failure else (f"{n_units:,} units of motion", "t3")
        self.hint.set_tone(tone)
        self.hint.setText(words)
        self.hint.setVisible(bool(words))

    def _on_seed(self, seed: int) -> None:
        self._model.change_head("Chance of the head motion", merges=True, seed=seed)

    def _on_said(self, event: dict) -> None:
        if event.get("event") == "head_motion":
            self._opened = (str(event["path"]), int(event["n_units"]), str(event["sentence"]))
            self._show()

    def _ask_file(self) -> None:
        path = self._session.controls.head.path
        folder = path.parent if path is not None else data_dir()
        dialog = QFileDialog(self.window(), "Choose a head motion", str(folder), "Head motion (*.motion)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.use_file(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
