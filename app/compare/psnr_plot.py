"""Live PSNR of A against B or the training video: three curves over the last ten seconds, and their newest figures."""

import time
from collections import deque

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from app.compare.measure import Difference
from app.plots.curves import CurvesPanel, Key
from app.theme.buttons import IconButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE

SECONDS = 10.0
TEXT_EVERY_S = 0.2
CURVES = (("frame_db", "Whole frame", "Frame", "plot_1"), ("mouth_db", "Mouth", "Mouth", "plot_2"),
          ("eyes_db", "Eyes", "Eyes", "plot_3"))  # fmt: skip


class PsnrPanel(CurvesPanel):
    """`show_difference` adds a moment; held, the curves stand still."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "", "Live PSNR", axis_width=34)
        self._rows: deque[tuple[float, float | None, float | None, float | None]] = deque(maxlen=600)
        self._said_at, self.is_held = 0.0, False
        self.setMinimumHeight(140)
        self.show_second("B")
        for _, title, _, token in CURVES:
            self.head.addWidget(Key(theme, title, token))
        self.head.addStretch()
        self.head.addWidget(Words(theme, "Last 10 s", TYPE.secondary, tone="t2"))
        self.hold = IconButton(theme, "pause", "Hold the curves")
        self.hold.clicked.connect(self._toggle)
        copy = IconButton(theme, "content-copy", "Copy the figures", why="As a table of seconds and decibels.")
        copy.clicked.connect(self._copy)
        self.head.addWidget(self.hold)
        self.head.addWidget(copy)
        self.head.setContentsMargins(12, 0, 8, 0)
        self.plot.setXRange(-SECONDS, 0, padding=0.01)
        self.plot.getAxis("bottom").setTicks([[(-8, "−8 s"), (-6, "−6 s"), (-4, "−4 s"), (-2, "−2 s"), (-0.15, "now")]])
        self._curves = {name: self.add_curve(token, 1.5) for name, _, _, token in CURVES}
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.plot, 1)
        row.addWidget(rule(vertical=True))
        row.addWidget(self._make_figures())
        self.column.setContentsMargins(0, 0, 0, 6)
        self.column.addLayout(row, 1)
        self._recolor()

    def show_second(self, side: str) -> None:
        """What A is measured against: B, or T for the training video."""
        self.title.setText(f"Live PSNR, A against {side}")

    def _make_figures(self) -> QWidget:
        box = QWidget()
        box.setFixedWidth(144)
        grid = QGridLayout(box)
        grid.setContentsMargins(14, 4, 12, 4)
        grid.setVerticalSpacing(4)
        self._figures: dict[str, Words] = {}
        for i, (name, _, short, _) in enumerate(CURVES):
            grid.addWidget(Words(self._theme, short, TYPE.base, tone="t2"), i + 1, 0)
            figure = self._figures[name] = Words(self._theme, "–", TYPE.dialog_title, SEMIBOLD)
            figure.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(figure, i + 1, 1)
            grid.addWidget(Words(self._theme, "dB", TYPE.base, tone="t3"), i + 1, 2)
        grid.setRowStretch(0, 1)
        grid.setRowStretch(len(CURVES) + 1, 1)
        grid.setColumnStretch(1, 1)
        return box

    def show_difference(self, difference: Difference) -> None:
        """The figures of the newest pair of pictures."""
        now = time.monotonic()
        self._rows.append((now, difference.frame_db, difference.mouth_db, difference.eyes_db))
        if self.is_held or not self.isVisible():
            return
        self._draw(now)
        if now - self._said_at >= TEXT_EVERY_S:
            self._said_at = now
            for name, figure in self._figures.items():
                value = getattr(difference, name)
                figure.setText("–" if value is None else f"{value:.1f}")

    def clear(self) -> None:
        self._rows.clear()
        self._draw(time.monotonic())
        for figure in self._figures.values():
            figure.setText("–")

    def _draw(self, now: float) -> None:
        rows = np.array([[np.nan if v is None else v for v in row] for row in self._rows], float).reshape(-1, 4)
        rows = rows[rows[:, 0] > now - SECONDS - 1]
        for i, (name, *_) in enumerate(CURVES):
            self._curves[name].setData(rows[:, 0] - now, rows[:, i + 1], connect="finite")
        values = rows[:, 1:][np.isfinite(rows[:, 1:])]
        if len(values):
            low, high = float(values.min()), float(values.max())
            self.plot.setYRange(
                np.floor(low / 4) * 4, max(np.ceil(high / 4) * 4, np.floor(low / 4) * 4 + 8), padding=0.04
            )

    def _toggle(self) -> None:
        self.is_held = not self.is_held
        self.hold.set_icon("play" if self.is_held else "pause")
        self.hold.describe("Let the curves run" if self.is_held else "Hold the curves")

    def _copy(self) -> None:
        start = self._rows[0][0] if self._rows else 0.0
        lines = ["seconds\tframe dB\tmouth dB\teyes dB"]
        for row in self._rows:
            lines.append("\t".join([f"{row[0] - start:.3f}", *("" if v is None else f"{v:.2f}" for v in row[1:])]))
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _recolor(self) -> None:
        super()._recolor()
        for name, _, _, token in CURVES:
            self._figures[name].setStyleSheet(f"color: {self._theme.color(token).name()}")
