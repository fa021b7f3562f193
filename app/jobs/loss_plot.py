"""The loss of a training over its steps, smoothed and as it was measured; where it stands and how far it will go."""

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QStackedWidget

from app.jobs.look import Loss
from app.plots.curves import CurvesPanel, Key
from app.theme.buttons import Words
from app.theme.theme import Theme
from app.theme.tokens import TYPE

SMOOTH = 9
"""Rows of the record that the smooth curve is the mean of."""

SECOND = (("lips", "Lips"), ("perceptual", "Likeness"), ("l1", "Picture"))
"""What the second curve shows: the first of these that the method records."""


class LossPanel(CurvesPanel):
    """Fed by `show_loss`; the axis reaches to where the training is expected to end."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Loss", "Loss", axis_width=44)
        self._loss, self._end = Loss(), 0.0
        self.setMinimumHeight(170)
        self.head.addWidget(Key(theme, "All together, smoothed", "plot_1"))
        self._second_key = QHBoxLayout()
        self.head.addLayout(self._second_key)
        self.head.addStretch()
        self.rate = Words(theme, "", TYPE.secondary, tone="t2")
        self.head.addWidget(self.rate)
        self.log = QCheckBox("Log scale")
        self.log.setFont(theme.font())
        self.log.setChecked(True)
        self.log.toggled.connect(self._draw)
        self.head.addWidget(self.log)
        self.plot.getAxis("bottom").enableAutoSIPrefix(False)
        self._raw = self.add_curve("t3", 1, alpha=0.55)
        self._smooth, self._second = self.add_curve("plot_1", 1.8), self.add_curve("plot_2", 1.8)
        self._now = self.add_mark("acc", 2)
        self._second_name = ""
        self._said: Key | None = None
        self.hint = Words(theme, "The curve begins after the first steps.", TYPE.secondary, tone="t3")
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.hint)
        self._pages.addWidget(self.plot)
        self.column.addWidget(self._pages, 1)
        self._recolor()

    def begin(self) -> None:
        """Another job: nothing is known of it yet."""
        self._end = 0.0
        self.show_loss(Loss())

    def show_loss(self, loss: Loss) -> None:
        """The record as it is by now."""
        self._loss = loss
        name, title = next(((name, title) for name, title in SECOND if name in loss), ("", ""))
        if name != self._second_name:
            self._second_name = name
            if self._said is not None:
                self._said.deleteLater()
                self._said = None
            if name:
                self._said = Key(self._theme, title, "plot_2")
                self._second_key.addWidget(self._said)
        self._draw()

    def show_end(self, part: float | None) -> None:
        """How much of the training is done, 0 to 1: how far the axis reaches follows from it."""
        steps = self._loss["iteration"][-1] if "iteration" in self._loss else 0.0
        self._end = float(steps / part) if part and part > 0.02 else 0.0
        self._draw()

    def _draw(self) -> None:
        loss = self._loss
        is_log = self.log.isChecked()
        self.plot.setLogMode(y=is_log)
        if "iteration" not in loss or "total" not in loss:
            for curve in (self._raw, self._smooth, self._second):
                curve.setData([], [])
            self._now.hide()
            self.rate.setText("")
            self._pages.setCurrentWidget(self.hint)
            return
        self._pages.setCurrentWidget(self.plot)
        steps, total = loss["iteration"], loss["total"]
        second = loss[self._second_name] if self._second_name else np.full(len(steps), np.nan)
        drawn = [_known(steps, values, is_log) for values in (total, smoothed(total), smoothed(second))]
        for curve, points in zip((self._raw, self._smooth, self._second), drawn, strict=True):
            curve.setData(*points)
        self._now.setVisible(bool(self._end > steps[-1]))
        self._now.setValue(steps[-1])
        end = max(self._end, steps[-1], 1.0)
        self.plot.setXRange(0, end, padding=0.01)
        self.plot.getAxis("bottom").setTicks([[(at, _steps(at)) for at in ticks(end)]])
        values = np.concatenate([drawn[1][1], drawn[2][1]])
        if len(values):
            low, high = np.quantile(values, (0.0, 0.995))
            low, high = (np.log10(low), np.log10(high) + 1e-6) if is_log else (0.0, high + 1e-6)
            self.plot.setYRange(low, high, padding=0.08)
            places = [(np.log10(at) if is_log else at, f"{at:g}") for at in (decades if is_log else ticks)(high, low)]
            self.plot.getAxis("right").setTicks([places])
        self.rate.setText(_rate(steps, loss["seconds"]) if "seconds" in loss else "")


def smoothed(values: np.ndarray) -> np.ndarray:
    """The mean of the known values round each one; NaN where there is none."""
    known = np.isfinite(values)
    kernel = np.ones(min(SMOOTH, len(values)))
    sums = np.convolve(np.where(known, values, 0.0), kernel, "same")
    counts = np.convolve(known.astype(float), kernel, "same")
    return np.where(known & (counts > 0), sums / np.maximum(counts, 1.0), np.nan)


def decades(high: float, low: float) -> list[float]:
    """0.1, 0.3, 1 and so on between two logarithms; every tenth where there are many."""
    digits = (1, 3) if high - low < 3 else (1,)
    every = [digit * 10.0**power for power in range(int(np.floor(low)) - 1, int(np.ceil(high)) + 1) for digit in digits]
    return [float(f"{at:.1g}") for at in every if low - 0.1 <= np.log10(at) <= high + 0.1]


def ticks(end: float, _low: float = 0.0) -> list[float]:
    """About five round places from 0 to the end."""
    raw = end / 5
    power = 10.0 ** np.floor(np.log10(max(raw, 1e-9)))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= raw)
    return [float(at) for at in np.arange(0.0, end + step / 1000, step)]


def _known(steps: np.ndarray, values: np.ndarray, is_log: bool) -> tuple[np.ndarray, np.ndarray]:
    there = np.isfinite(values) & (values > 0) if is_log else np.isfinite(values)
    return steps[there], values[there]


def _steps(at: float) -> str:
    return f"{at / 1000:g}k" if at >= 1000 else f"{at:g}"


def _rate(steps: np.ndarray, seconds: np.ndarray) -> str:
    """Of the last rows; what was paused in between does not count as seconds."""
    n, s = steps[-20:], seconds[-20:]
    return f"{(n[-1] - n[0]) / (s[-1] - s[0]):.1f} steps/s" if len(n) > 1 and s[-1] > s[0] else ""
