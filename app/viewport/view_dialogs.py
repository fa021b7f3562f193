"""What the viewport asks in dialogs: a colour, a picture to stand behind the face, where a still goes."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QDialog, QFileDialog, QWidget


def ask_color(parent: QWidget, color: QColor, then: Callable[[QColor], object]) -> None:
    dialog = QColorDialog(color, parent)
    dialog.colorSelected.connect(then)
    _open(dialog)


def ask_picture(parent: QWidget, then: Callable[[Path], object]) -> None:
    """An existing picture."""
    dialog = QFileDialog(parent, "Background picture", filter="Pictures (*.png *.jpg *.jpeg *.webp *.bmp)")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(lambda name: then(Path(name)))
    _open(dialog)


def ask_still(parent: QWidget, then: Callable[[Path], object]) -> None:
    """Where a still picture is to be written."""
    dialog = QFileDialog(parent, "Save a picture", filter="PNG (*.png)")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("png")
    dialog.fileSelected.connect(lambda name: then(Path(name)))
    _open(dialog)


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
