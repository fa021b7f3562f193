"""The avatar's own settings: choices of its method that are not numbers on a scale, such as what the face looks at."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.panels.mixer_switch import Switch
from app.theme.buttons import Segments, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from engine.controls import SettingSpec

SHOWN_ELSEWHERE = ("overlay",)
"""Settings that the view modes of the picture stand for."""


class AvatarSettings(QWidget):
    """One row for each setting of the avatar on stage; gone where it has none."""

    def __init__(self, session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._theme = session, theme
        self._chosen: dict[str, bool | int | str] = {}
        self.rows: dict[str, Segments | Switch] = {}
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
            if spec.kind in ("choice", "switch"):
                self._column.addWidget(self._row(spec))
        self.setVisible(bool(self.rows))

    def _row(self, spec: SettingSpec) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row) if spec.kind == "switch" else QVBoxLayout(row)
        line.setContentsMargins(10, 4, 10, 4)
        line.setSpacing(6)
        line.addWidget(Words(self._theme, spec.label), 1)
        value = self._chosen.get(spec.name, spec.default)
        if spec.kind == "switch":
            control = Switch(self._theme, spec.label, spec.description)
            control.setChecked(bool(value))
            control.clicked.connect(lambda on, name=spec.name: self._choose(name, bool(on)))
        else:
            items = [(choice, choice[:1].upper() + choice[1:]) for choice in spec.choices]
            control = Segments(self._theme, items, spec.label, padding=10)
            control.set_current(str(value if value in spec.choices else spec.default))
            control.chosen.connect(lambda choice, name=spec.name: self._choose(name, choice))
        line.addWidget(control)
        self.rows[spec.name] = control
        if spec.kind == "choice" and spec.description:
            why = Words(self._theme, spec.description, TYPE.secondary, tone="t3", wrap=True)
            line.addWidget(why)
        return row

    def _choose(self, name: str, value: bool | int | str) -> None:
        self._chosen[name] = value
        self._session.set_setting(name, value)
