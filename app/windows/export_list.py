"""The left column of the export dialog: presets of one's own, and the formats there are."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QLineEdit, QMenu, QVBoxLayout, QWidget

from app.theme.buttons import IconButton, TextButton, Words, rule
from app.theme.icons import draw_glyph
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE
from engine.errors import OutputError
from engine.export.formats import FORMATS, ClipFormat
from engine.export.presets import MAX_NAME, ExportPreset, ExportPresets

WIDTH, ROW_HEIGHT = 206, 43
MENU_SIZE = 24
ICONS = {"mp4": "movie-open-outline", "mp4-av1": "movie-open-outline", "webm-alpha": "checkerboard",
         "mov-prores": "filmstrip", "webp": "repeat", "gif": "file-gif-box", "apng": "repeat",
         "png": "image-multiple-outline", "depth": "layers-outline", "ply": "dots-grid",
         "tables": "table-large"}  # fmt: skip


class ChoiceRow(QAbstractButton):
    """One choice: an icon, what it is called, and what that means."""

    def __init__(self, theme: Theme, icon: str, name: str, detail: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icon, self._name, self._detail = theme, icon, name, detail
        self.setFixedSize(WIDTH, ROW_HEIGHT)
        self.setCheckable(True)
        self.setAccessibleName(f"{name}, {detail}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self.update)

    def enterEvent(self, event) -> None:
        self.update()

    def leaveEvent(self, event) -> None:
        self.update()

    def room_right(self) -> int:
        """Pixels at the right end that words stay out of."""
        return 6

    def paintEvent(self, event) -> None:
        theme, p, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = self.isChecked()
        if chosen or self.underMouse() or self.hasFocus():
            p.setPen(QPen(theme.color("acc"), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
            p.setBrush(theme.color("soft" if chosen else "head"))
            p.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        draw_glyph(p, QRectF(10, 12, 20, 20), self._icon, theme.color("acc" if chosen else "t2"))
        room = self.width() - 39 - self.room_right()
        p.setPen(theme.color("soft_text" if chosen else "t1"))
        p.setFont(theme.font(TYPE.base, SEMIBOLD if chosen else MEDIUM))
        name = p.fontMetrics().elidedText(self._name, Qt.TextElideMode.ElideRight, room)
        p.drawText(QRectF(39, 4, room, 18), flags.AlignVCenter, name)
        p.setFont(theme.font(TYPE.secondary))
        p.setPen(theme.color("soft_text" if chosen else "t3"))
        detail = p.fontMetrics().elidedText(self._detail, Qt.TextElideMode.ElideRight, room)
        p.drawText(QRectF(39, 21, room, 17), flags.AlignVCenter, detail)


class PresetRow(ChoiceRow):
    """One preset of the user's own; its menu renames and deletes it.

    Signals:
        rename_wanted, delete_wanted: as they say.
    """

    rename_wanted = Signal()
    delete_wanted = Signal()

    def __init__(self, theme: Theme, preset: ExportPreset) -> None:
        super().__init__(theme, ICONS[preset.kind], preset.name, preset.words)
        self.preset = preset
        self.menu_button = IconButton(theme, "dots-vertical", f"Change {preset.name}", size=MENU_SIZE, icon_size=16,
                                      parent=self)  # fmt: skip
        self.menu_button.move(WIDTH - MENU_SIZE - 6, (self.height() - MENU_SIZE) // 2)
        self.menu_button.clicked.connect(self._open_menu)

    def room_right(self) -> int:
        return MENU_SIZE + 8

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F2:
            self.rename_wanted.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event) -> None:
        self._open_menu()

    def _open_menu(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Rename\tF2", self.rename_wanted.emit)
        menu.addAction("Delete\tDel", self.delete_wanted.emit)
        menu.popup(self.menu_button.mapToGlobal(QPoint(0, self.menu_button.height() + 2)))


class ExportList(QWidget):
    """Presets and formats, exactly one of which is chosen.

    Args:
        presets: the user's own; every change is in their file at once.
        as_preset: makes a preset of this name of what the dialog shows.

    Signals:
        format_chosen: a ClipFormat. preset_chosen: an ExportPreset. failed: one sentence.
    """

    format_chosen = Signal(object)
    preset_chosen = Signal(object)
    failed = Signal(str)

    def __init__(self, theme: Theme, presets: ExportPresets, as_preset: Callable[[str], ExportPreset]) -> None:
        super().__init__()
        self._theme, self._presets, self._as_preset = theme, presets, as_preset
        self._renamed: str | None = None
        self._deleted: ExportPreset | None = None
        self.formats: dict[str, ChoiceRow] = {}
        self.rows: list[PresetRow] = []
        self._choices = QButtonGroup(self)
        self.setFixedWidth(WIDTH + 14)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(0)
        scroll = OverlayScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(8, 4, 6, 4)
        self._column.setSpacing(2)
        self._own_title = _title(theme, "Your presets")
        self._column.addWidget(self._own_title)
        self._n_before = self._column.count()
        self._column.addWidget(_title(theme, "Formats"))
        for kind in FORMATS.values():
            row = self.formats[kind.name] = ChoiceRow(theme, ICONS[kind.name], kind.label, kind.detail)
            row.clicked.connect(lambda _=False, k=kind: self.format_chosen.emit(k))
            self._choices.addButton(row)
            self._column.addWidget(row)
        self._column.addStretch()
        scroll.setWidget(inside)
        column.addWidget(scroll, 1)
        self._build_foot(column)
        self._fill()

    def _build_foot(self, column: QVBoxLayout) -> None:
        self.save_button = TextButton(self._theme, "Save as a preset", "content-save-outline", kind="link")
        self.save_button.clicked.connect(self._ask_name)
        self.undo_button = TextButton(self._theme, "Bring it back", "undo", kind="link")
        self.undo_button.clicked.connect(self._bring_back)
        self.undo_button.hide()
        self.name_field = QLineEdit()
        self.name_field.setAccessibleName("Name of the preset")
        self.name_field.setPlaceholderText("Name, then Enter")
        self.name_field.setMaxLength(MAX_NAME)
        self.name_field.returnPressed.connect(self._take_name)
        self.name_field.installEventFilter(self)
        self.name_field.hide()
        left, wide = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag(0)
        column.addWidget(rule())
        foot = QVBoxLayout()
        foot.setContentsMargins(16, 10, 12, 10)
        foot.setSpacing(6)
        for widget, place in ((self.undo_button, left), (self.save_button, left), (self.name_field, wide)):
            foot.addWidget(widget, alignment=place)
        column.addLayout(foot)

    def choose_format(self, kind: ClipFormat) -> None:
        """Shows a format as the chosen one; no signal."""
        self.formats[kind.name].setChecked(True)

    def preset_row(self, name: str) -> PresetRow | None:
        return next((row for row in self.rows if row.preset.name == name), None)

    def eventFilter(self, watched, event) -> bool:
        if watched is self.name_field and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self._show_field(False)
            return True
        return False

    # Changing the user's own

    def _fill(self, chosen: str = "") -> None:
        for row in self.rows:
            self._choices.removeButton(row)
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []
        for preset in self._presets:
            row = PresetRow(self._theme, preset)
            row.clicked.connect(lambda _=False, p=preset: self.preset_chosen.emit(p))
            row.rename_wanted.connect(lambda p=preset: self._ask_name(p.name))
            row.delete_wanted.connect(lambda p=preset: self._delete(p))
            self._choices.addButton(row)
            self._column.insertWidget(self._n_before + len(self.rows), row)
            self.rows.append(row)
            row.setChecked(preset.name == chosen)
        self._own_title.setVisible(bool(self.rows))

    def _chosen_name(self) -> str:
        return next((row.preset.name for row in self.rows if row.isChecked()), "")

    def _ask_name(self, renamed: str | bool = "") -> None:
        """Opens the field for a name: of a new preset, or another one for `renamed`."""
        self._renamed = renamed or None
        self.name_field.setText(renamed or self._chosen_name())
        self._show_field(True)
        self.name_field.selectAll()
        self.name_field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _take_name(self) -> None:
        name = self.name_field.text().strip()
        try:
            if self._renamed is not None:
                name = self._presets.rename(self._renamed, name).name
            else:
                self._presets.save(self._as_preset(name))
        except OutputError as error:
            self.failed.emit(str(error))
            return
        self._deleted = None
        self._show_field(False)
        self._fill(chosen=name)

    def _delete(self, preset: ExportPreset) -> None:
        chosen = self._chosen_name()
        try:
            self._presets.delete(preset.name)
        except OutputError as error:
            self.failed.emit(str(error))
            return
        self._deleted = preset
        self._show_field(False)
        self._fill(chosen)
        if chosen == preset.name:
            self.formats[preset.kind].setChecked(True)

    def _bring_back(self) -> None:
        try:
            self._presets.save(self._deleted)
        except OutputError as error:
            self.failed.emit(str(error))
            return
        self._deleted = None
        self._show_field(False)
        self._fill(self._chosen_name())

    def _show_field(self, is_open: bool) -> None:
        had_focus = self.name_field.hasFocus()
        self.name_field.setVisible(is_open)
        self.save_button.setVisible(not is_open)
        self.undo_button.setVisible(not is_open and self._deleted is not None)
        if not is_open and had_focus:
            self.save_button.setFocus(Qt.FocusReason.OtherFocusReason)


def _title(theme: Theme, words: str) -> Words:
    title = Words(theme, words, TYPE.secondary, tone="t3")
    title.setContentsMargins(10, 6, 0, 4)
    return title
