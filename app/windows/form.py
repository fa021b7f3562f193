"""Forms: one column of labels, right-aligned, and fields that share both edges."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLayout, QWidget

from app.theme.buttons import Words
from app.theme.theme import Theme
from app.theme.tokens import SIZES, TYPE


class Form(QGridLayout):
    """Rows of label and field; a row may carry a hint below its field."""

    def __init__(self, theme: Theme, label_width: int = 96) -> None:
        super().__init__()
        self._theme, self._row = theme, 0
        self.setContentsMargins(0, 0, 0, 0)
        self.setHorizontalSpacing(SIZES.form_gap_x)
        self.setVerticalSpacing(SIZES.form_gap_y)
        self.setColumnMinimumWidth(0, label_width)
        self.setColumnStretch(1, 1)

    def add_row(self, label: str, field: QWidget | QLayout, hint: str = "") -> None:
        if label:
            words = Words(self._theme, label, tone="t2")
            words.setFixedHeight(SIZES.button)
            words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.addWidget(words, self._row, 0, Qt.AlignmentFlag.AlignTop)
            if isinstance(field, QWidget):
                words.setBuddy(field)
                if not field.accessibleName():
                    field.setAccessibleName(label)
        if isinstance(field, QWidget):
            self.addWidget(field, self._row, 1)
        else:
            self.addLayout(field, self._row, 1)
        self._row += 1
        if hint:
            self.addWidget(Words(self._theme, hint, TYPE.secondary, tone="t3", wrap=True), self._row, 1)
            self._row += 1


def beside(*widgets: QWidget, stretch: int = -1) -> QHBoxLayout:
    """Widgets in one row; the one at `stretch` takes the spare room, -1 leaves it at the end."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for i, widget in enumerate(widgets):
        row.addWidget(widget, 1 if i == stretch else 0)
    if stretch < 0:
        row.addStretch()
    return row
