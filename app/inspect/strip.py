"""The tool strip of Inspect: a button for each way to look, edges, and the size of the splats."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSlider, QWidget

from app.inspect.model import InspectModel
from app.panels.mixer_switch import Switch
from app.theme.buttons import IconButton, KeyCap, NumberBox, TextButton, Words
from app.theme.theme import Theme
from app.theme.tokens import TYPE
from app.viewport.view_menus import VIEW_MODES

SIZE_LIMITS = (10, 100)
SPACING = 2


class ViewStrip(QFrame):
    """40 high, above the picture; `mode_chosen` names a view mode."""

    mode_chosen = Signal(str)

    def __init__(self, theme: Theme, model: InspectModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setProperty("role", "panel")
        self.setAccessibleName("View modes")
        line = QHBoxLayout(self)
        line.setContentsMargins(8, 0, 10, 0)
        line.setSpacing(SPACING)
        self.buttons: dict[str, QWidget] = {}
        for mode in VIEW_MODES:
            if "_" in mode.name:
                continue  # one token's attention alone: in the menus and by Z
            if mode.name == "reach":
                button = TextButton(theme, mode.title, mode.icon, kind="quiet", why=mode.why)
            else:
                button = IconButton(theme, mode.icon, mode.title, "", mode.why, icon_size=18)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, name=mode.name: self.mode_chosen.emit(name))
            self.buttons[mode.name] = button
            line.addWidget(button)
        line.addStretch()
        self._key = KeyCap(theme, "Z")
        self._key.setToolTip("Z goes to the next view mode")
        line.addWidget(self._key)
        line.addSpacing(6)
        self.edges = Switch(theme, "Edges", "A darker line where one splat meets the next.")
        self.edges.setChecked(model.has_edges)
        self.edges.toggled.connect(model.set_edges)
        line.addWidget(self.edges)
        line.addSpacing(6)
        self._edges_words = Words(theme, "Edges", tone="t2")
        line.addWidget(self._edges_words)
        line.addSpacing(10)
        self._size_words = Words(theme, "Splat size", tone="t2")
        line.addWidget(self._size_words)
        self.size = QSlider(Qt.Orientation.Horizontal)
        self.size.setRange(*SIZE_LIMITS)
        self.size.setValue(round(model.splat_size * 100))
        self.size.setFixedWidth(72)
        self.size.setAccessibleName("Splat size")
        self.number = NumberBox(theme, *SIZE_LIMITS, self.size.value(), "%", width=66)
        self.number.setFont(theme.font(TYPE.base))
        self.number.setAccessibleName("Splat size in percent")
        self.size.valueChanged.connect(self.number.setValue)
        self.number.valueChanged.connect(self.size.setValue)
        self.size.valueChanged.connect(lambda percent: model.set_splat_size(percent / 100))
        line.addSpacing(6)
        line.addWidget(self.size)
        line.addSpacing(6)
        line.addWidget(self.number)

    def show_mode(self, name: str) -> None:
        for mode, button in self.buttons.items():
            button.setChecked(mode == name.split("_")[0])

    def resizeEvent(self, event) -> None:
        """Where not all fits, what can be done without goes first: words, the key, the slider, at last the one name."""
        self._name_reach(True)
        optional = {one: (one.minimumWidth() or one.sizeHint().width()) + SPACING
                    for one in (self._size_words, self._key, self.size, self._edges_words)}  # fmt: skip
        needed = self.layout().minimumSize().width() + sum(width for one, width in optional.items() if one.isHidden())
        for one, width in optional.items():
            one.setVisible(needed <= self.width())
            if one.isHidden():
                needed -= width
        self._name_reach(needed <= self.width())
        super().resizeEvent(event)

    def _name_reach(self, is_named: bool) -> None:
        reach = self.buttons["reach"]
        reach.setText(f" {reach.accessibleName()}" if is_named else "")
        reach.setMinimumWidth(reach.sizeHint().width())  # of the font as it is now
