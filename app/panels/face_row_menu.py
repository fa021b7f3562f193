"""The menu of a slider's row: marks, a number to type, resets."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu

from app.panels.face_model import FaceModel
from engine.controls import Combine

if TYPE_CHECKING:
    from app.panels.face_rows import ControlRows


WAYS = {
    Combine.ADD: "Adds to the drive\t+", Combine.SCALE: "Scales the drive\t×", Combine.REPLACE: "Replaces the drive\t=",
}  # fmt: skip


def open_row_menu(rows: "ControlRows", model: FaceModel, index: int, where: QPoint) -> None:
    """Opens the menu of one row at a point of the screen."""
    spec = rows.specs[index]
    menu = QMenu(rows)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    marks = [
        ("Mute\tAlt+click", model.is_muted, model.set_muted, rows.has_marks),
        ("Solo\tCtrl+click", model.is_soloed, model.set_soloed, rows.has_marks),
        ("Lock\tCtrl+Shift+click", model.is_locked, model.set_locked, rows.has_numbers),
    ]
    for text, is_on, change, is_offered in marks:
        if is_offered:
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(is_on(spec.name))
            action.triggered.connect(lambda on, change=change: change(spec.name, on))
    ways = model.joins_of(spec.name)
    if len(ways) > 1:
        menu.addSeparator()
        for mode in ways:
            action = menu.addAction(WAYS[mode])
            action.setCheckable(True)
            action.setChecked(spec.combine is mode)
            action.triggered.connect(
                lambda _, mode=mode: rows.join_by(index, mode) if spec.combine is not mode else None
            )
    menu.addSeparator()
    menu.addAction("Type a number\tEnter", lambda: rows.open_edit(index))
    menu.addAction("Reset\tDel", lambda: model.reset([spec.name]))
    menu.addAction(f"Reset all of {rows.title.lower()}", lambda: model.reset([s.name for s in rows.specs]))
    menu.popup(where)
