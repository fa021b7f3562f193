"""The left panel of Inspect: regions, floaters and edit layers, the layers in detail, the method's maps, library."""

import numpy as np
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMenu,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.inspect.maps import MapsPage
from app.inspect.model import InspectModel
from app.inspect.region_tree import RegionTree
from app.panels.library import Section
from app.theme.buttons import ElidedWords, IconButton, SearchField, Words, rule
from app.theme.scroll import OverlayScrollArea
from app.theme.tabs import TabbedPanel
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE
from engine.edits import EditLayer
from engine.inspection.facts import REGIONS, FloaterGroup

NEAR_MM = 3.0
"""Groups that come nearer than this to the head are lashes and strands, not floaters to point at."""
MOST_SHOWN, LEAST_GROUP = 6, 3


class InspectSide(TabbedPanel):
    """240 wide; `library` is the window's own, borrowed while its tab is chosen."""

    def __init__(self, session, theme: Theme, model: InspectModel, library: QWidget) -> None:
        super().__init__(theme, "Regions")
        self._library = library
        self.tabs.parentWidget().layout().setContentsMargins(8, 0, 4, 0)  # four tabs in 240
        self.regions = RegionsPage(theme, model)
        self.edits = EditsPage(theme, model)
        self.maps = MapsPage(theme, session)
        self._borrowed = QWidget()
        slot = QVBoxLayout(self._borrowed)
        slot.setContentsMargins(0, 0, 0, 0)
        pages = (("Regions", self.regions), ("Edits", self.edits), ("Maps", self.maps), ("Library", self._borrowed))
        for title, page in pages:
            self.tabs.addTab(title)
            self.pages.addWidget(page)
        self.tabs.currentChanged.connect(self._show)

    def _show(self, index: int) -> None:
        if self.pages.widget(index) is self._borrowed and self._library.parent() is not self._borrowed:
            self._borrowed.layout().addWidget(self._library)
            self._library.show()
        self.pages.setCurrentIndex(index)

    def showEvent(self, event) -> None:
        self._show(self.tabs.currentIndex())


class RegionsPage(QWidget):
    """The tree, what floats, and the layers in short."""

    def __init__(self, theme: Theme, model: InspectModel) -> None:
        super().__init__()
        self._theme, self._model = theme, model
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.search = SearchField(theme, "Search regions")
        box = QHBoxLayout()
        box.setContentsMargins(10, 8, 10, 6)
        box.addWidget(self.search)
        column.addLayout(box)
        inner = QWidget()
        inner.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # the panel's width counts
        self._inner = QVBoxLayout(inner)
        self._inner.setContentsMargins(0, 0, 0, 8)
        self._inner.setSpacing(0)
        self.tree = RegionTree(theme)
        self._inner.addWidget(self.tree)
        self._inner.addSpacing(8)
        self._inner.addWidget(rule())
        target = IconButton(theme, "crosshairs-gps", "Select all floaters", size=24, icon_size=16)
        target.clicked.connect(lambda: model.select_region("Loose"))
        self._floaters_head = Section(theme, "Floaters", target)
        self._inner.addWidget(self._floaters_head)
        self._floaters_box = QWidget()
        self._floaters = QVBoxLayout(self._floaters_box)
        self._floaters.setContentsMargins(10, 0, 10, 8)
        self._floaters.setSpacing(2)
        self._floaters_head.folded.connect(lambda folded: self._floaters_box.setVisible(not folded))
        self._inner.addWidget(self._floaters_box)
        self._inner.addWidget(rule())
        self.layers = LayerList(theme, model)
        self._inner.addWidget(self.layers)
        self._inner.addStretch()
        area = OverlayScrollArea()
        area.setWidget(inner)
        column.addWidget(area, 1)
        column.addWidget(rule())
        column.addWidget(Foot(theme))
        self.search.textChanged.connect(self.tree.set_filter)
        self.tree.chosen.connect(model.select_region)
        self.tree.eye_toggled.connect(model.set_region_hidden)
        model.view_changed.connect(lambda: self.tree.show_hidden(model.hidden_regions))
        model.facts_changed.connect(self._show_facts)
        model.edits_changed.connect(self._show_floaters)
        self._show_facts()

    def _show_facts(self) -> None:
        facts = self._model.facts
        counts = {}
        if facts is not None:
            for leaf in REGIONS:
                parts = leaf.split("/")
                for depth in range(len(parts)):
                    path = "/".join(parts[: depth + 1])
                    counts.setdefault(path, int(facts.in_region(path).sum()))
        self.tree.show_counts(counts)
        self.tree.show_hidden(self._model.hidden_regions)
        self._show_floaters()

    def _show_floaters(self) -> None:
        _clear(self._floaters)
        model, facts = self._model, self._model.facts
        if facts is None:
            self._floaters.addWidget(Words(self._theme, "Looking the splats over …", TYPE.secondary, tone="t2"))
            self._floaters_head.show_count(0)
            return
        gone = model.gone
        left = [(g, floater) for g, floater in enumerate(facts.floaters)
                if floater.distance_mm >= NEAR_MM and not gone[facts.groups == g].all()]  # fmt: skip
        self._floaters_head.show_count(len(left))
        self._floaters.addWidget(Words(self._theme, _said(left, facts.n_views), TYPE.secondary, tone="t2", wrap=True))
        for groups, floater in _rows_of(left):
            row = FloaterRow(self._theme, floater, facts.n_views)
            row.chosen.connect(lambda groups=groups: model.select(np.isin(model.facts.groups, groups)))
            row.delete_wanted.connect(lambda groups=groups: model.delete(np.isin(model.facts.groups, groups)))
            self._floaters.addWidget(row)


class FloaterRow(QFrame):
    """One group: place, size and distance; click selects it, the bin deletes it."""

    chosen = Signal()
    delete_wanted = Signal()

    def __init__(self, theme: Theme, floater: FloaterGroup, n_views: int) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedHeight(38)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        away = f"{floater.distance_mm / 10:.1f} cm" if floater.distance_mm >= 10 else f"{floater.distance_mm:.0f} mm"
        count = "1 splat" if floater.n_splats == 1 else f"{floater.n_splats:,} splats"
        away = f"up to {away}" if floater.place == "Single splats" else away
        self.setAccessibleName(f"{floater.place}, {count}, {away} away")
        if n_views:
            self.setToolTip(f"In sight in {floater.n_views} of {n_views} sampled training views. Click selects it.")
        line = QHBoxLayout(self)
        line.setContentsMargins(20, 2, 4, 2)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Words(theme, floater.place, TYPE.base))
        words.addWidget(ElidedWords(theme, f"{count}, {away} away", TYPE.secondary, tone="t2"))
        line.addLayout(words, 1)
        bin_ = IconButton(theme, "delete-outline", f"Delete {floater.place.lower()}", size=24, icon_size=16)
        bin_.clicked.connect(self.delete_wanted)
        line.addWidget(bin_)

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.hasFocus():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("soft" if self.hasFocus() else "head"))
            painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("warn"))
        painter.drawEllipse(QRectF(7, self.height() / 2 - 3.5, 7, 7))

    def mousePressEvent(self, event) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.chosen.emit()

    def keyPressEvent(self, event) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event) -> None:
        self.update()

    def focusOutEvent(self, event) -> None:
        self.update()

    def enterEvent(self, event) -> None:
        self.update()

    def leaveEvent(self, event) -> None:
        self.update()


class LayerList(QWidget):
    """Edit layers with their switch and what each hides."""

    def __init__(self, theme: Theme, model: InspectModel, in_detail: bool = False) -> None:
        super().__init__()
        self._theme, self._model, self._in_detail = theme, model, in_detail
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        add = IconButton(theme, "layers-plus", "New edit layer", why="Takes what is hidden from now on.", size=24,
                         icon_size=16)  # fmt: skip
        add.clicked.connect(model.add_layer)
        self._head = Section(theme, "Edit layers", add)
        column.addWidget(self._head)
        box = QWidget()
        self._rows = QVBoxLayout(box)
        self._rows.setContentsMargins(10, 2, 6, 4)
        self._rows.setSpacing(2)
        self._head.folded.connect(lambda folded: box.setVisible(not folded))
        column.addWidget(box)
        model.edits_changed.connect(self._show)
        model.avatar_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        _clear(self._rows)
        layers = self._model.layers
        self._head.show_count(len(layers))
        if not layers:
            words = "Nothing is hidden. Select splats, then press Delete or Shift H."
            self._rows.addWidget(Words(self._theme, words, TYPE.secondary, tone="t2", wrap=True))
        for layer in layers:
            self._rows.addWidget(self._row(layer))

    def _row(self, layer: EditLayer) -> QWidget:
        theme, model = self._theme, self._model
        row = QWidget()
        row.setFixedHeight(40 if self._in_detail else 30)
        row.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        row.customContextMenuRequested.connect(lambda at, row=row: self._open_menu(layer.name, row.mapToGlobal(at)))
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 6, 0)
        line.setSpacing(6)
        box = QCheckBox(layer.name)
        box.setFont(theme.font(TYPE.base, MEDIUM if layer.name == model.current_layer else 400))
        box.setChecked(layer.is_on)
        box.toggled.connect(lambda on, name=layer.name: model.set_layer_on(name, on))
        box.setToolTip("Whether this layer counts. Right-click for more.")
        line.addWidget(box, 1)
        hidden, deleted = int((layer.hidden & ~layer.deleted).sum()), int(layer.deleted.sum())
        parts = [f"{n:,} {word}" for n, word in ((hidden, "hidden"), (deleted, "deleted")) if n]
        line.addWidget(Words(theme, ", ".join(parts) if self._in_detail or len(parts) < 2
                             else f"{hidden + deleted:,} gone", TYPE.secondary, tone="t3"))  # fmt: skip
        if self._in_detail:
            bin_ = IconButton(theme, "delete-outline", f"Remove {layer.name}", size=24, icon_size=16)
            bin_.clicked.connect(lambda _=False, name=layer.name: model.remove_layer(name))
            line.addWidget(bin_)
        return row

    def _open_menu(self, name: str, where) -> None:
        model, menu = self._model, QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Take new edits here", lambda: self._make_current(name))
        menu.addAction("Rename…", lambda: self._ask_name(name))
        menu.addSeparator()
        menu.addAction(self._theme.icon("delete-outline"), "Remove", lambda: model.remove_layer(name))
        menu.popup(where)

    def _make_current(self, name: str) -> None:
        self._model.current_layer = name
        self._show()

    def _ask_name(self, name: str) -> None:
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Rename the edit layer")
        dialog.setLabelText("Name")
        dialog.setTextValue(name)
        dialog.setOkButtonText("Rename")
        dialog.textValueSelected.connect(lambda wanted: self._model.rename_layer(name, wanted))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


class EditsPage(QWidget):
    """The layers with what each hides and deletes, and the way back."""

    def __init__(self, theme: Theme, model: InspectModel) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 0)
        column.setSpacing(0)
        column.addWidget(LayerList(theme, model, in_detail=True))
        column.addStretch()
        column.addWidget(rule())
        column.addWidget(Foot(theme))


class Foot(QWidget):
    """Says where edits live."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 10, 12, 12)
        line.setSpacing(10)
        self._icon = QLabel()
        line.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        words = "Edits are saved in the project. The avatar file stays as it is."
        line.addWidget(Words(theme, words, TYPE.secondary, tone="t2", wrap=True), 1)
        theme.changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        self._icon.setPixmap(self._theme.pixmap("layers-outline", 16, "t3", self))


def _rows_of(left: list[tuple[int, FloaterGroup]]) -> list[tuple[list[int], FloaterGroup]]:
    """Groups as they are listed: the largest by themselves, single splats and what is left in one row."""
    rows = [([g], floater) for g, floater in left if floater.n_splats >= LEAST_GROUP][:MOST_SHOWN]
    listed = {g for groups, _ in rows for g in groups}
    rest = [(g, floater) for g, floater in left if g not in listed]
    if len(rest) == 1:
        rows.append(([rest[0][0]], rest[0][1]))
    elif rest:
        floaters = [floater for _, floater in rest]
        n, farthest = sum(f.n_splats for f in floaters), max(f.distance_mm for f in floaters)
        views = sorted(f.n_views for f in floaters)[len(floaters) // 2]
        rows.append(([g for g, _ in rest], FloaterGroup("Single splats", n, farthest, views)))
    return rows


def _clear(column: QVBoxLayout) -> None:
    """Takes all rows away at once; what is only to be deleted later would show until then."""
    while column.count():
        row = column.takeAt(0).widget()
        row.hide()
        row.deleteLater()


def _said(left: list[tuple[int, FloaterGroup]], n_views: int) -> str:
    if not left:
        return "Nothing floats: every splat touches the head or the torso."
    many = "One loose group sits" if len(left) == 1 else f"{len(left)} loose groups sit"
    few = n_views and all(floater.n_views < n_views / 3 for _, floater in left)
    return f"{many} away from the head." + (" Few training views saw them." if few else "")
