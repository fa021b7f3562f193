"""The Face panel: expressions, search, the sliders of every control by group, and the range guard."""

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap, QUndoStack
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.panels.face_foot import RangeGuardFoot
from app.panels.face_group import ControlGroup
from app.panels.face_keys import ExpressionKeys
from app.panels.face_model import FaceModel
from app.panels.face_player import ExpressionPlayer
from app.panels.face_presets import PresetShelf
from app.panels.face_tiles import ExpressionTiles
from app.panels.overlay_scroll_bar import OverlayScrollBar
from app.theme.buttons import IconButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from engine.controls import GROUPS, ControlSpec

DRIVEN_EVERY_S = 1 / 60
ONE_ROW_BELOW_PX = 700
MAX_SEED = 99_999


class FacePanel(QWidget):
    """The page below the right panel's tabs.

    Args:
        undo_stack: the window's one history; the session's own, else one of the panel's.

    Signals: `interacting(bool)` while a slider is held, for the viewport's resolution.
    """

    interacting = Signal(bool)

    def __init__(
        self, session, theme: Theme, parent: QWidget | None = None, undo_stack: QUndoStack | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._theme = session, theme
        self.setAccessibleName("Face")
        stack = undo_stack or getattr(session, "undo_stack", None) or QUndoStack(self)
        self.model = FaceModel(session, stack, self)
        self.player = ExpressionPlayer(self.model, self)
        self.shelf = PresetShelf(self.model, self)
        self.keys = ExpressionKeys(self.player, self._store_on_key, self)
        self.seed = 0
        self._shown_at, self._shows_all = 0.0, False
        self._late = QTimer(self, singleShot=True)
        self._late.timeout.connect(self._show_newest)
        self._build()
        self._connect()
        self._take_expressions()
        self._on_theme_changed()
        if self.model.schema is not None:
            self._on_schema_changed()

    def commands(self) -> dict[str, Callable[[], object]]:
        """What this part carries out of the table of actions."""
        named = {
            "face.neutral": self.player.clear,
            "face.blink": lambda: self.player.tap("Blink"),
            "face.random": self.randomise,
            "face.reset": self.model.reset,
            "edit.search_controls": self.focus_search,
        }
        return named

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def randomise(self, seed: int | None = None) -> None:
        """A random face inside the training range; without a seed the next one."""
        self.seed = (self.seed + 1) % MAX_SEED if seed is None else seed
        self.model.randomise(self.seed)
        self._say_seed()

    def set_reduce_motion(self, is_on: bool) -> None:
        """Makes expressions come and go at once."""
        self.player.reduce_motion = is_on

    def set_expression_picture(self, name: str, picture: QImage | QPixmap | None) -> None:
        """The avatar making an expression, for its tile; None brings the sketch back."""
        self.tiles.set_picture(name, QPixmap.fromImage(picture) if isinstance(picture, QImage) else picture)

    def rows_of(self, name: str):
        """The rows widget that shows a control."""
        return self.groups[self.model.spec(name).group].rows

    # Making

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._make_head())
        self.tiles = ExpressionTiles(self._theme)
        column.addWidget(self.tiles)
        column.addSpacing(8)
        column.addWidget(rule())
        column.addLayout(self._make_tools())
        column.addWidget(self._make_groups(), 1)
        self.foot = RangeGuardFoot(self._theme)
        column.addWidget(self.foot)

    def _make_head(self) -> QHBoxLayout:
        theme = self._theme
        line = QHBoxLayout()
        line.setContentsMargins(10, 7, 8, 0)
        line.setSpacing(2)
        line.addWidget(Words(theme, "Expressions", TYPE.base, SEMIBOLD))
        line.addStretch()
        self.hint = Words(theme, "Hold a key, tap to latch", TYPE.secondary, tone="t3")
        line.addWidget(self.hint)
        self.more_button = IconButton(theme, "chevron-down", "All expressions", size=24, icon_size=16)
        self.add_button = IconButton(theme, "plus", "Store this face", "Shift+F2…F8",
                                     "Keeps your sliders as an expression.", size=24, icon_size=16)  # fmt: skip
        line.addWidget(self.more_button)
        line.addWidget(self.add_button)
        self.more_button.hide()
        return line

    def _make_tools(self) -> QHBoxLayout:
        theme = self._theme
        line = QHBoxLayout()
        line.setContentsMargins(10, 8, 10, 6)
        line.setSpacing(4)
        self.search = QLineEdit()
        self.search.setFont(theme.font())
        self.search.setAccessibleName("Search controls")
        self.search.setToolTip("Search controls  Ctrl+F. By what the face does, or by name.")
        self.search.setTextMargins(24, 0, 0, 0)
        self._search_icon = QLabel(self.search)
        self._search_icon.setGeometry(9, 6, 16, 16)
        self._search_icon.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.search.setClearButtonEnabled(True)
        self.link_button = IconButton(theme, "link-variant", "Link left and right", "",
                                      "Moves both sides of the face together.")  # fmt: skip
        self.link_button.setCheckable(True)
        self.link_button.setChecked(self.model.is_linked)
        self.dice_button = IconButton(theme, "dice-5-outline", "Random face")
        self.dice_button.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.reset_button = IconButton(theme, "backup-restore", "Reset the face", "N",
                                       "Every unlocked control returns to neutral.")  # fmt: skip
        line.addWidget(self.search, 1)
        for button in (self.link_button, self.dice_button, self.reset_button):
            line.addWidget(button)
        self._say_seed()
        return line

    def _make_groups(self) -> QWidget:
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setAutoFillBackground(False)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.groups = {group: ControlGroup(self.model, self._theme, group) for group in GROUPS}
        for group in self.groups.values():
            column.addWidget(group)
        self.nothing = Words(self._theme, "", tone="t3", wrap=True)
        self.nothing.setContentsMargins(12, 8, 12, 8)
        self.nothing.hide()
        column.addWidget(self.nothing)
        column.addStretch()
        self.area.setWidget(inside)
        self.bar = OverlayScrollBar(self.area)
        return self.area

    def _connect(self) -> None:
        session, model, player = self._session, self.model, self.player
        session.frame_ready.connect(self._on_frame_ready)
        session.source_changed.connect(self._on_source_changed)
        model.schema_changed.connect(self._on_schema_changed)
        model.changed.connect(lambda: self.foot.show_guard(model.guard))
        player.changed.connect(lambda: self.tiles.show_blends(player.blends))
        self.tiles.pressed.connect(player.press)
        self.tiles.released.connect(player.release)
        self.tiles.blend_moved.connect(player.set_blend)
        self.tiles.menu_asked.connect(self._open_tile_menu)
        self.foot.guard_moved.connect(model.set_guard)
        self.search.textChanged.connect(self._on_search)
        self.link_button.toggled.connect(lambda on: setattr(model, "is_linked", on))
        self.dice_button.clicked.connect(lambda: self.randomise())
        self.dice_button.customContextMenuRequested.connect(self._open_seed_menu)
        self.reset_button.clicked.connect(lambda: player.clear())
        self.add_button.clicked.connect(self._ask_name)
        self.more_button.clicked.connect(self._toggle_all_tiles)
        self.shelf.changed.connect(self._take_expressions)
        self._theme.changed.connect(self._on_theme_changed)
        for group in self.groups.values():
            group.rows.dragging.connect(self.interacting)
            group.rows.moved.connect(lambda name, rows=group.rows: self._show_row(rows, name))

    # Frames

    def _on_frame_ready(self) -> None:
        if not self.isVisible():
            return
        wait = DRIVEN_EVERY_S - (time.perf_counter() - self._shown_at)
        if wait <= 0:
            self._show_newest()
        elif not self._late.isActive():
            self._late.start(max(1, round(wait * 1000)))

    def _show_newest(self) -> None:
        self._shown_at = time.perf_counter()
        view = self._session.frames.newest()
        schema = self.model.schema
        if view is None or schema is None or len(view.header.driven) != len(schema):
            return
        driven, result = np.asarray(view.header.driven), np.asarray(view.header.result)
        for group in self.groups.values():
            if len(group.rows.specs):
                group.rows.show_frame(driven, result)
        self.foot.show_inside(view.header.range_inside)

    # Avatar, source, search

    def _on_schema_changed(self) -> None:
        for group in self.groups.values():
            group.set_schema()
        self.search.setPlaceholderText(f"Search {len(self.model.schema)} controls")
        self._on_search(self.search.text())
        self.foot.show_guard(self.model.guard)
        self.tiles.show_blends(self.player.blends)

    def _on_source_changed(self, source) -> None:
        kind = "none" if source.is_muted else source.kind
        for group in self.groups.values():
            group.set_source(kind)

    def _on_search(self, text: str) -> None:
        if self.model.schema is None:
            return
        words = text.casefold().split()
        names = {s.name for s in self.model.schema if _matches(s, words)} if words else None
        for group in self.groups.values():
            group.set_filter(names)
        self.nothing.setVisible(names is not None and not names)
        self.nothing.setText(f"No control is called “{text.strip()}”. Try what the face does, such as lip or brow.")

    def _show_row(self, rows, name: str) -> None:
        rect = rows.rect_of(name, "name").toRect()
        top = rows.mapTo(self.area.widget(), rect.topLeft())
        self.area.ensureVisible(0, top.y() + rect.height() // 2, 0, rect.height())

    # Expressions

    def _take_expressions(self) -> None:
        expressions = self.shelf.expressions
        self.player.set_expressions(expressions)
        self.keys.set_expressions(expressions)
        self.tiles.set_expressions(expressions)
        self._fit_tiles()
        for fault in self.shelf.faults:
            self._session.note.emit("warn", "An expression was left out", fault)

    def _store_on_key(self, key: str) -> None:
        self._store(f"Face {key}", key)

    def _ask_name(self) -> None:
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Store this face")
        dialog.setLabelText("Name of the expression")
        dialog.setTextValue(self.shelf.free_name())
        dialog.setOkButtonText("Store")
        dialog.textValueSelected.connect(lambda name: self._store(name, self.shelf.free_key()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _store(self, name: str, key: str) -> None:
        fault = self.shelf.store(name.strip(), key)
        if fault:
            self._session.note.emit("err", "The expression was not stored", fault)
        else:
            self._session.note.emit("good", "Expression stored", f"{name.strip()} is on {key or 'its tile'}.")

    def _open_tile_menu(self, name: str, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Put it on or off", lambda: self.player.tap(name))
        menu.addAction("Store this face here", lambda: self._store(name, self.shelf.key_of(name)))
        if self.shelf.is_own(name):
            menu.addSeparator()
            menu.addAction(self._theme.icon("delete-outline"), "Remove", lambda: self.shelf.remove(name))
        menu.popup(where)

    def _toggle_all_tiles(self) -> None:
        self._shows_all = not self._shows_all
        self.more_button.set_icon("chevron-up" if self._shows_all else "chevron-down")
        self._fit_tiles()

    def _fit_tiles(self) -> None:
        """One row of tiles in a low window, two in others, all when asked for."""
        most = 1 if self.height() < ONE_ROW_BELOW_PX else 2
        self.tiles.set_rows(self.tiles.n_rows if self._shows_all else most)
        self.more_button.setVisible(self.tiles.n_rows > most)

    # Chance

    def _open_seed_menu(self, point: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(f"Seed {self.seed} again", lambda: self.randomise(self.seed))
        menu.addAction("Type a seed…", self._ask_seed)
        menu.popup(self.dice_button.mapToGlobal(point))

    def _ask_seed(self) -> None:
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Random face")
        dialog.setLabelText("Seed; the same one gives the same face")
        dialog.setInputMode(QInputDialog.InputMode.IntInput)
        dialog.setIntRange(0, MAX_SEED)
        dialog.setIntValue(self.seed)
        dialog.setOkButtonText("Throw")
        dialog.intValueSelected.connect(self.randomise)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _say_seed(self) -> None:
        last = f" Last seed {self.seed}." if self.seed else ""
        self.dice_button.describe("Random face", "", f"Inside the training range; right-click for the seed.{last}")

    # Qt

    def resizeEvent(self, event) -> None:
        self._fit_tiles()

    def showEvent(self, event) -> None:
        self.keys.watch(self)

    def hideEvent(self, event) -> None:
        self.keys.stop()

    def _on_theme_changed(self) -> None:
        self._search_icon.setPixmap(self._theme.pixmap("magnify", 16, "t3", self))

    def sizeHint(self) -> QSize:
        return QSize(376, 788)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 320)


def _matches(spec: ControlSpec, words: list[str]) -> bool:
    said = f"{spec.name} {spec.label} {spec.description} {GROUPS[spec.group]}".casefold()
    return all(word in said for word in words)
