"""The avatar's own settings: choices of its method that are not numbers on a scale, such as what the face looks at."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.panels.mixer_switch import Switch
from app.theme.buttons import IconButton, NumberBox, Segments, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from engine.controls import SettingSpec

SHOWN_ELSEWHERE = ("overlay",)
"""Settings that the view modes of the picture stand for."""

WIDEST = 1_000_000
"""Where an integer ends that names no end."""


class AvatarSettings(QWidget):
    """One row for each setting of the avatar on stage; gone where it has none."""

    def __init__(self, session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._theme = session, theme
        self._chosen: dict[str, bool | int | str] = {}
        self.rows: dict[str, Segments | Switch | NumberBox | QLineEdit] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        session.avatar_opened.connect(self.show_avatar)
        self.show_avatar(session.manifest)

    @Slot(object)
    def show_avatar(self, manifest) -> None:
        """Shows the settings an avatar has; one that another avatar had by the same name keeps its choice."""
        while self._column.count():
            self._column.takeAt(0).widget().deleteLater()
        self.rows = {}
        specs = [] if manifest is None else [s for s in manifest.settings if s.name not in SHOWN_ELSEWHERE]
        if specs:
            self._column.addWidget(rule())
            heading = Words(self._theme, "Method", TYPE.base, SEMIBOLD)
            heading.setContentsMargins(10, 6, 10, 6)
            self._column.addWidget(heading)
        for spec in specs:
            self._column.addWidget(self._row(spec))
        self.setVisible(bool(self.rows))

    def _row(self, spec: SettingSpec) -> QWidget:
        """The name, and what it can be: beside it where that is narrow, else below; then one line of why."""
        make = {"switch": self._switch, "choice": self._segments, "integer": self._number}.get(spec.kind, self._field)
        control = self.rows[spec.name] = make(spec, self._chosen.get(spec.name, spec.default))
        row = QWidget()
        column = QVBoxLayout(row)
        column.setContentsMargins(10, 4, 10, 4)
        column.setSpacing(6)
        head = QHBoxLayout()
        head.addWidget(Words(self._theme, spec.label), 1)
        column.addLayout(head)
        if spec.kind in ("switch", "integer"):
            head.addWidget(control)
        else:
            line = QHBoxLayout()
            line.setSpacing(6)
            line.addWidget(control)
            if spec.kind == "choice":
                line.addStretch()
            else:
                choose = IconButton(self._theme, "folder-open-outline", f"Choose a file for {spec.label}")
                choose.clicked.connect(lambda _=False: self._ask_file(spec, control))
                line.addWidget(choose)
            column.addLayout(line)
        if spec.kind != "switch" and spec.description:
            column.addWidget(Words(self._theme, spec.description, TYPE.secondary, tone="t3", wrap=True))
        return row

    def _switch(self, spec: SettingSpec, value: bool | int | str) -> Switch:
        control = Switch(self._theme, spec.label, spec.description)
        control.setChecked(bool(value))
        control.clicked.connect(lambda on: self._choose(spec, bool(on)))
        return control

    def _segments(self, spec: SettingSpec, value: bool | int | str) -> Segments:
        items = [(choice, choice[:1].upper() + choice[1:]) for choice in spec.choices]
        control = Segments(self._theme, items, spec.label, padding=10)
        control.set_current(str(value if value in spec.choices else spec.default))
        control.chosen.connect(lambda choice: self._choose(spec, choice))
        return control

    def _number(self, spec: SettingSpec, value: bool | int | str) -> NumberBox:
        low = -WIDEST if spec.minimum is None else spec.minimum
        high = WIDEST if spec.maximum is None else spec.maximum
        control = NumberBox(self._theme, low, high, int(value))
        control.setKeyboardTracking(False)  # a number that is being typed restarts nothing
        control.setAccessibleName(spec.label)
        control.setToolTip(f"{low} to {high}".replace("-", "−") if spec.maximum is not None else "")
        control.valueChanged.connect(lambda number: self._choose(spec, number))
        return control

    def _field(self, spec: SettingSpec, value: bool | int | str) -> QLineEdit:
        control = QLineEdit(str(value))
        control.setFont(self._theme.font())
        control.setAccessibleName(spec.label)
        control.editingFinished.connect(lambda: self._choose(spec, control.text().strip()))
        return control

    def _ask_file(self, spec: SettingSpec, field: QLineEdit) -> None:
        dialog = QFileDialog(self, spec.label)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: (field.setText(name), self._choose(spec, name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _choose(self, spec: SettingSpec, value: bool | int | str) -> None:
        if self._chosen.get(spec.name, spec.default) != value:
            self._chosen[spec.name] = value
            self._session.set_setting(spec.name, value)
