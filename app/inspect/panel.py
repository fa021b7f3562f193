"""The Inspect page of the right panel: slider reach, histograms, the selection, and the training's coverage."""

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.inspect.model import InspectModel
from app.panels.face import FacePanel
from app.panels.face_rows import ControlRows
from app.plots.coverage import CoverageMap
from app.plots.histogram import Histogram
from app.theme.buttons import TextButton, Words, rule
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, TYPE
from engine.controls import GROUPS
from engine.inspection.facts import REGIONS

SHOW_EVERY_MS = 100
SIZE_AXIS_MM = (0.1, 10.0)


class InspectPanel(QWidget):
    """Everything about splats in figures.

    Args:
        face: the Face panel, whose sliders are shown again here, three at a time.
    """

    def __init__(self, session, theme: Theme, model: InspectModel, face: FacePanel) -> None:
        super().__init__()
        self._session, self._theme, self._model, self._face = session, theme, model, face
        self.setAccessibleName("Inspect")
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 10)
        column.setSpacing(0)
        for section in (self._make_reach(), self._make_histograms(), self._make_selection(), self._make_coverage()):
            column.addLayout(section)
            column.addWidget(rule())
        column.takeAt(column.count() - 1).widget().deleteLater()
        column.addStretch()
        area = OverlayScrollArea()
        area.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self._rest = QTimer(self, singleShot=True, interval=SHOW_EVERY_MS)
        self._rest.timeout.connect(self._show_newest)
        session.frame_ready.connect(self._on_frame_ready)
        face.model.schema_changed.connect(self._on_schema_changed)
        model.facts_changed.connect(self._show_facts)
        model.selection_changed.connect(self._show_selection)
        model.view_changed.connect(self._on_view_changed)
        model.reach_measured.connect(self._show_reach)
        if face.model.schema is not None:
            self._on_schema_changed()
        self._show_facts()

    def follow(self, orbit) -> None:
        """The camera moved."""
        self.coverage.follow(orbit)
        self._seen.setText(self.coverage.words)

    # Making

    def _make_reach(self) -> QVBoxLayout:
        theme, column = self._theme, _section()
        self._dragging = QLabel("Dragging")
        self._dragging.setFont(theme.font(TYPE.secondary, MEDIUM))
        self._dragging.setProperty("kind", "chip-soft")
        self._dragging.hide()
        column.addLayout(_head(theme, "Slider reach", self._dragging))
        column.addSpacing(4)
        self.rows = {group: ControlRows(self._face.model, theme, group) for group in GROUPS}
        for rows in self.rows.values():
            rows.dragging.connect(self._dragging.setVisible)
            rows.dragging.connect(self._face.interacting)
            rows.moved.connect(self._model.set_control)
            column.addWidget(rows)
        column.addSpacing(8)
        cards = QHBoxLayout()
        cards.setContentsMargins(12, 0, 12, 0)
        cards.setSpacing(8)
        self._figures = [Figure(theme, words) for words in ("splats move", "largest move", "of all splats")]
        for figure in self._figures:
            cards.addWidget(figure, 1)
        column.addLayout(cards)
        return column

    def _make_histograms(self) -> QVBoxLayout:
        theme, column = self._theme, _section()
        self._size_words, self._opacity_words = (Words(theme, "", TYPE.secondary, tone="t2") for _ in range(2))
        labels = [(0.1, "0.1 mm"), (1.0, "1 mm"), (10.0, "10 mm")]
        self.sizes = Histogram(theme, "Scale", *SIZE_AXIS_MM, True, labels)
        self.opacities = Histogram(theme, "Opacity", 0.0, 1.0, False, [(0.0, "0"), (0.5, "0.5"), (1.0, "1")])
        for title, words, plot, name in (("Scale", self._size_words, self.sizes, "sizes_mm"),
                                         ("Opacity", self._opacity_words, self.opacities, "opacities")):  # fmt: skip
            column.addLayout(_head(theme, title, words))
            column.addSpacing(6)
            box = QHBoxLayout()
            box.setContentsMargins(12, 0, 12, 0)
            box.addWidget(plot)
            column.addLayout(box)
            column.addSpacing(6)
            plot.range_changed.connect(lambda low, high, plot=plot, name=name: self._set_range(plot, name, low, high))
        return column

    def _make_selection(self) -> QVBoxLayout:
        theme, column, model = self._theme, _section(), self._model
        self._count = Words(theme, "", TYPE.secondary, tone="t2")
        column.addLayout(_head(theme, "Selection", self._count))
        column.addSpacing(6)
        grid = QGridLayout()
        grid.setContentsMargins(12, 0, 12, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        self._facts: dict[str, Words] = {}
        for i, name in enumerate(("Region", "Mean opacity", "Mean scale", "Seen in views")):
            row, side = divmod(i, 2)
            grid.addWidget(Words(theme, name, TYPE.secondary, tone="t2"), row, 2 * side)
            self._facts[name] = Words(theme, "–", TYPE.secondary)
            grid.addWidget(self._facts[name], row, 2 * side + 1)
        for side in (0, 1):
            grid.setColumnMinimumWidth(2 * side, 74)
            grid.setColumnStretch(2 * side + 1, 1)
        column.addLayout(grid)
        column.addSpacing(10)
        line = QHBoxLayout()
        line.setContentsMargins(12, 0, 12, 0)
        line.setSpacing(6)
        self.hide_button = TextButton(theme, "Hide", "eye-off-outline", "small", "Shift+H", "In every pose.")
        self.delete_button = TextButton(theme, "Delete", "delete-outline", "small", "Del",
                                        "In every pose; the avatar file stays as it is.")  # fmt: skip
        self.isolate_button = TextButton(theme, "Isolate", "target", "small", "", "Shows the selection alone.")
        self.isolate_button.setCheckable(True)
        self.invert_button = TextButton(theme, "Invert", "select-inverse", "small", "Ctrl+I")
        self.hide_button.clicked.connect(model.hide)
        self.delete_button.clicked.connect(lambda: model.delete())
        self.isolate_button.toggled.connect(model.set_isolated)
        self.invert_button.clicked.connect(model.invert)
        for button in (self.hide_button, self.delete_button, self.isolate_button):
            line.addWidget(button)
        line.addStretch()
        line.addWidget(self.invert_button)
        column.addLayout(line)
        return column

    def _make_coverage(self) -> QVBoxLayout:
        theme, column = self._theme, _section()
        self._seen = Words(theme, "", TYPE.secondary, tone="t2")
        column.addLayout(_head(theme, "Training coverage", self._seen))
        column.addSpacing(6)
        self.coverage = CoverageMap(theme)
        box = QHBoxLayout()
        box.setContentsMargins(12, 0, 12, 0)
        box.addWidget(self.coverage)
        column.addLayout(box)
        return column

    # Showing

    def _on_schema_changed(self) -> None:
        for rows in self.rows.values():
            rows.set_schema()
        manifest = self._session.manifest
        if manifest is not None:
            self.coverage.show_coverage(manifest.coverage)
            self.follow(self._session.orbit or manifest.orbit)
        self._show_rows()

    def _show_rows(self) -> None:
        """The slider whose reach is shown, between its neighbours."""
        schema, name = self._face.model.schema, self._model.control
        if schema is None or name not in schema:
            return
        group = schema.specs[schema.index(name)].group
        names = [spec.name for spec in schema if spec.group == group]
        at = min(max(names.index(name), 1), max(len(names) - 2, 1))
        near = set(names[max(0, at - 1) : at + 2])
        for title, rows in self.rows.items():
            rows.setVisible(title == group)
            if title == group:
                if not rows.hand.is_holding:
                    rows.set_filter(near)
                rows.focus_row(names.index(name))

    def _on_view_changed(self) -> None:
        self._show_rows()
        self._show_ranges()
        if self.isolate_button.isChecked() != self._model.is_isolated:
            self.isolate_button.setChecked(self._model.is_isolated)

    def _show_reach(self, control: str, n: int, most_mm: float) -> None:
        total = max(1, self._model.n)
        share = f"{100 * n / total:.0f}%" if n == 0 or n / total >= 0.01 else "< 1%"
        for figure, words in zip(self._figures, (f"{n:,}", f"{most_mm:.1f} mm", share), strict=True):
            figure.show_value(words)

    def _show_facts(self) -> None:
        facts = self._model.facts
        for plot, name in ((self.sizes, "sizes_mm"), (self.opacities, "opacities")):
            plot.set_parts(0.0, 1.0, tells=False)
            plot.show_values(np.zeros(0) if facts is None else getattr(facts, name))
        self._show_ranges()
        self._show_selection()

    def _show_ranges(self) -> None:
        facts = self._model.facts
        for words, plot, name, form in (
            (self._size_words, self.sizes, "sizes_mm", "{:.1f} to {:.1f} mm"),
            (self._opacity_words, self.opacities, "opacities", "{:.2f} to {:.2f}"),
        ):
            if facts is None:
                words.setText("")
                continue
            low, high = self._model.ranges[name]
            values = getattr(facts, name)
            n = int(((values >= low) & (values <= high)).sum())
            words.setText(f"{form.format(*plot.bounds)}, {n:,} splats")

    def _show_selection(self) -> None:
        model, facts = self._model, self._model.facts
        n = model.n_selected
        self._count.setText(f"{n:,} of {model.n:,}" if model.n else "")
        for button in (self.hide_button, self.delete_button, self.isolate_button):
            button.setEnabled(n > 0)
        said = dict.fromkeys(self._facts, "–")
        if n and facts is not None and len(facts) == model.n:
            chosen = model.selection
            regions = np.unique(facts.regions[chosen])
            said["Region"] = REGIONS[regions[0]].rsplit("/", 1)[-1] if len(regions) == 1 else f"{len(regions)} regions"
            said["Mean opacity"] = f"{facts.opacities[chosen].mean():.2f}"
            said["Mean scale"] = f"{facts.sizes_mm[chosen].mean():.1f} mm"
            if facts.n_views:
                said["Seen in views"] = f"{facts.seen[chosen].mean():.0f} of {facts.n_views}"
        for name, words in said.items():
            self._facts[name].setText(words)

    def _set_range(self, plot: Histogram, name: str, low: float, high: float) -> None:
        """An end of the axis is no limit."""
        self._model.set_range(name, low if plot.parts[0] > 0 else 0.0, high if plot.parts[1] < 1 else np.inf)

    def _on_frame_ready(self) -> None:
        if self.isVisible() and not self._rest.isActive():
            self._rest.start()

    def _show_newest(self) -> None:
        view, schema = self._session.frames.newest(), self._face.model.schema
        if view is None or schema is None or len(view.header.driven) != len(schema):
            return
        driven, result = np.asarray(view.header.driven), np.asarray(view.header.result)
        for rows in self.rows.values():
            if rows.isVisible():
                rows.show_frame(driven, result)


class Figure(QFrame):
    """A figure on a card with words below."""

    def __init__(self, theme: Theme, words: str) -> None:
        super().__init__()
        self.setProperty("role", "field")
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 7, 10, 8)
        column.setSpacing(0)
        self._value = Words(theme, "–", TYPE.dialog_title, SEMIBOLD)
        column.addWidget(self._value)
        column.addWidget(Words(theme, words, TYPE.secondary, tone="t2"))

    def show_value(self, words: str) -> None:
        self._value.setText(words)


def _section() -> QVBoxLayout:
    column = QVBoxLayout()
    column.setContentsMargins(0, 10, 0, 12)
    column.setSpacing(0)
    return column


def _head(theme: Theme, title: str, right: QWidget) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setContentsMargins(12, 0, 12, 0)
    line.addWidget(Words(theme, title, TYPE.base, SEMIBOLD), 0, Qt.AlignmentFlag.AlignVCenter)
    line.addStretch()
    line.addWidget(right)
    return line
