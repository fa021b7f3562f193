"""The tool strip of Compare: how the two are laid out, how many panes, one camera or two, what drives, a picture."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout

from app.panels.face_group import SOURCES, Chip
from app.theme.buttons import IconButton, Segments, TextButton, Words, rule
from app.theme.theme import Theme

MODES = [("side", "Side by side"), ("wipe", "Wipe"), ("difference", "Difference")]


class CompareStrip(QFrame):
    """40 high; signals name what was asked for."""

    mode_chosen = Signal(str)
    panes_chosen = Signal(int)
    same_camera_changed = Signal(bool)
    picture_wanted = Signal()
    add_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setAccessibleName("Compare tools")
        line = QHBoxLayout(self)
        line.setContentsMargins(8, 0, 8, 0)
        line.setSpacing(8)
        self.modes = Segments(theme, MODES, "Layout", padding=12)
        self.modes.set_current("wipe")
        self.modes.chosen.connect(self.mode_chosen)
        line.addWidget(self.modes)
        line.addSpacing(4)
        self._words = Words(theme, "Panes", tone="t2")
        line.addWidget(self._words)
        self.panes = Segments(theme, [("1", "1"), ("2", "2"), ("3", "3"), ("4", "4")], "Panes", padding=10)
        self.panes.set_current("2")
        self.panes.chosen.connect(lambda n: self.panes_chosen.emit(int(n)))
        line.addWidget(self.panes)
        line.addWidget(rule(vertical=True))
        self.same_camera = QCheckBox("Same camera")
        self.same_camera.setFont(theme.font())
        self.same_camera.setChecked(True)
        self.same_camera.setToolTip("Off, B stays where it stands while you move A.")
        self.same_camera.toggled.connect(self.same_camera_changed)
        line.addWidget(self.same_camera)
        line.addStretch()
        self.source = Chip(theme)
        line.addWidget(self.source)
        self.picture = TextButton(theme, "Save picture", "camera-outline", "small", why="All panes as they are.")
        self.picture.clicked.connect(self.picture_wanted)
        line.addWidget(self.picture)
        add = IconButton(theme, "plus", "Choose B", why="An avatar, or this one by another backend.")
        add.clicked.connect(self.add_wanted)
        line.addWidget(add)
        self.show_source("none")

    def show_source(self, kind: str) -> None:
        words, icon, ground, ink = SOURCES.get(kind, SOURCES["none"])
        words = {"Voice": "Live voice"}.get(words, words)
        self.source.show_source(words, icon, ground, ink, None, "What drives both.")

    def resizeEvent(self, event) -> None:
        self._words.setVisible(self.width() > 760)
        self.source.setVisible(self.width() > 700)
        super().resizeEvent(event)
