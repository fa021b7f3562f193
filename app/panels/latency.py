"""Where the milliseconds from microphone to picture go: the chip of the live bar and the panel behind the H key."""

from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.theme.buttons import KeyCap, TextButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SEMIBOLD, STAGE_LABELS, TYPE
from app.workers.frames import STAGES, FrameHeader
from engine.latency import LatencyLog

NOTICED_MS, LOST_MS = 75.0, 125.0
"""A performer notices; a performer loses control (Waltemate 2016)."""
GOOD_BELOW_MS, SCALE_MS = 90.0, 150.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds from microphone to picture over the last seconds, and by stage."""

    p50_ms: float = 0.0
    p95_ms: float = 0.0
    stages_p50_ms: dict[str, float] = field(default_factory=dict)
    stages_p95_ms: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, header: FrameHeader) -> "Latency":
        return cls(header.total_p50_ms, header.total_p95_ms, header.stages_p50_ms, header.stages_p95_ms)

    @classmethod
    def of_log(cls, log: LatencyLog) -> "Latency":
        stages_p50, stages_p95, p50, p95 = log.percentiles()
        return cls(p50, p95, stages_p50, stages_p95)

    @property
    def is_known(self) -> bool:
        return self.p50_ms > 0

    @property
    def tone(self) -> str:
        """The token that judges it: voice to 90 ms, warn to 125, err beyond."""
        return "voice_bar" if self.p50_ms <= GOOD_BELOW_MS else "warn" if self.p50_ms <= LOST_MS else "err"


def paint_stages(painter: QPainter, rect: QRectF, latency: Latency, theme: Theme, full_ms: float) -> None:
    """The stages side by side in `rect`, which stands for `full_ms`; one pixel between them."""
    clip = QPainterPath()
    clip.addRoundedRect(rect, 2, 2)
    painter.save()
    painter.setClipPath(clip)
    painter.setPen(Qt.PenStyle.NoPen)
    x = rect.left()
    for stage in STAGES:
        width = latency.stages_p50_ms.get(stage, 0.0) / full_ms * rect.width()
        if width <= 0:
            continue
        painter.setBrush(theme.color(f"stage_{stage}"))
        painter.drawRect(QRectF(x, rect.top(), max(width - 1, 0.6), rect.height()))
        x += width
    painter.restore()


class LatencyChip(QAbstractButton):
    """116 x 44: dot, p50, p95 and the stages; pressing it opens the stage panel."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._latency = theme, Latency()
        self.setFixedSize(116, 44)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Latency")
        theme.changed.connect(self.update)

    def show_latency(self, latency: Latency) -> None:
        self._latency = latency
        if latency.is_known:
            figures = f"{latency.p50_ms:.0f} ms, p95 {latency.p95_ms:.0f} ms"
            self.setAccessibleDescription(figures)
            self.setToolTip(f"Latency  H. {figures} from microphone to picture, look-ahead included.")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(116, 44)

    def paintEvent(self, event) -> None:
        theme, latency, painter = self._theme, self._latency, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = "soft" if self.isChecked() else "hover" if self.underMouse() else "raised"
        edge = "acc" if self.isChecked() or self.hasFocus() else "line2"
        painter.setPen(QPen(theme.color(edge), 2 if self.hasFocus() else 1))
        painter.setBrush(theme.color(ground))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(latency.tone if latency.is_known else "dis"))
        painter.drawEllipse(QPointF(13, 14), 3.5, 3.5)
        self._paint_figures(painter)
        bar = QRectF(9, 27, self.width() - 18, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("rail"))
        painter.drawRoundedRect(bar, 2, 2)
        if latency.is_known:
            paint_stages(painter, bar, latency, theme, max(sum(latency.stages_p50_ms.values()), 1e-3))

    def _paint_figures(self, painter: QPainter) -> None:
        theme, latency, flags = self._theme, self._latency, Qt.AlignmentFlag
        room = QRectF(22, 4, self.width() - 31, 20)
        big, small = theme.font(TYPE.card_title, SEMIBOLD), theme.font(TYPE.secondary)
        p50, p95 = _ms(latency.p50_ms), f"p95 {latency.p95_ms:.0f}" if latency.is_known else ""
        for shorter in ((p50, p95), (p50.removesuffix(" ms"), p95), (p50.removesuffix(" ms"), p95[4:])):
            p50, p95 = shorter  # long figures keep their digits and lose their words; the tooltip has them
            if (
                QFontMetricsF(big).horizontalAdvance(p50) + QFontMetricsF(small).horizontalAdvance(p95) + 4
                < room.width()
            ):
                break
        painter.setFont(big)
        painter.setPen(theme.color("t1" if latency.is_known else "t3"))
        painter.drawText(room, flags.AlignVCenter | flags.AlignLeft, p50)
        painter.setFont(small)
        painter.setPen(theme.color("t3"))
        painter.drawText(room, flags.AlignVCenter | flags.AlignRight, p95)

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)


class StagePanel(QFrame):
    """252 wide: the stages on a 150-ms scale and a row of figures for each; lower left of the viewport.

    Signals: `clap_wanted`; `words_changed`, when it takes another height.
    """

    clap_wanted = Signal()
    words_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFixedWidth(252)
        self.setAccessibleName("Microphone to picture")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 12)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(Words(theme, "Microphone to picture", TYPE.card_title, SEMIBOLD))
        head.addStretch()
        head.addWidget(KeyCap(theme, "H"))
        column.addLayout(head)
        self._scale = _StageScale(theme)
        column.addWidget(self._scale)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(2, 48)
        grid.setColumnMinimumWidth(3, 48)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for column_index, words in ((0, "Stage"), (2, "p50"), (3, "p95")):
            label = Words(theme, words, TYPE.secondary, tone="t2")
            span = 2 if column_index == 0 else 1
            grid.addWidget(label, 0, column_index, 1, span, right if column_index else Qt.AlignmentFlag.AlignLeft)
        self._cells: dict[str, tuple[Words, Words]] = {}
        for row, (stage, name) in enumerate(STAGE_LABELS.items(), start=1):
            grid.setRowMinimumHeight(row, 20)
            grid.addWidget(_Swatch(theme, f"stage_{stage}"), row, 0)
            grid.addWidget(Words(theme, name, TYPE.secondary), row, 1)
            self._cells[stage] = self._figures(grid, row, right, weight=400)
        column.addLayout(grid)
        column.addWidget(rule())
        total = QGridLayout()
        total.setHorizontalSpacing(8)
        total.setColumnMinimumWidth(0, 8)
        total.setColumnStretch(1, 1)
        total.setColumnMinimumWidth(2, 48)
        total.setColumnMinimumWidth(3, 48)
        total.addWidget(Words(theme, "Total", TYPE.secondary, SEMIBOLD), 0, 1)
        self._cells["total"] = self._figures(total, 0, right, weight=SEMIBOLD)
        column.addLayout(total)
        column.addWidget(rule())
        why = "Plays a click and flashes with its picture: film both with a phone."
        self.clap = TextButton(theme, "Clap test", "hand-clap", why=why)
        self.clap.clicked.connect(self.clap_wanted)
        self._clap_words = Words(theme, "", TYPE.secondary, tone="t2", wrap=True)
        self._clap_words.hide()
        column.addWidget(self.clap, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._clap_words)
        theme.changed.connect(self.update)

    def show_clap(self, words: str) -> None:
        """How the clap test goes."""
        self._clap_words.setText(words)
        self._clap_words.setVisible(bool(words))
        self.words_changed.emit()

    def _figures(self, grid: QGridLayout, row: int, alignment, weight: int) -> tuple[Words, Words]:
        cells = tuple(
            Words(self._theme, "–", TYPE.secondary, weight if i == 0 or weight == SEMIBOLD else 400, tone)
            for i, tone in enumerate(("", "" if weight == SEMIBOLD else "t2"))
        )
        for i, cell in enumerate(cells):
            grid.addWidget(cell, row, 2 + i, alignment)
        return cells

    def show_latency(self, latency: Latency) -> None:
        self._scale.show_latency(latency)
        if not latency.is_known:
            return
        for stage in STAGES:
            p50, p95 = self._cells[stage]
            p50.setText(_ms(latency.stages_p50_ms.get(stage, 0.0)))
            p95.setText(_ms(latency.stages_p95_ms.get(stage, 0.0)))
        self._cells["total"][0].setText(_ms(latency.p50_ms))
        self._cells["total"][1].setText(_ms(latency.p95_ms))

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("line2"), 1))
        painter.setBrush(self._theme.color("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


class _StageScale(QWidget):
    """The bar 14 high on a 150-ms scale with its two thresholds and the p95 mark."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._latency = theme, Latency()
        self.setFixedHeight(42)
        theme.changed.connect(self.update)

    def show_latency(self, latency: Latency) -> None:
        self._latency = latency
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter, width = self._theme, QPainter(self), self.width()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(0, 6, width, 14)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("field"))
        painter.drawRoundedRect(bar, 2, 2)
        if self._latency.is_known:
            paint_stages(painter, bar, self._latency, theme, SCALE_MS)
            mark = min(self._latency.p95_ms / SCALE_MS, 1.0) * width
            painter.setBrush(theme.color("t1"))
            painter.drawRect(QRectF(mark - 1, 3, 2, 20))
        painter.setFont(theme.font(TYPE.caption, MEDIUM))
        for at_ms, token in ((NOTICED_MS, "t2"), (LOST_MS, "warn")):
            x = at_ms / SCALE_MS * width
            painter.setPen(QPen(theme.color(token), 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, 23))
            painter.drawText(QRectF(x - 20, 26, 40, 14), Qt.AlignmentFlag.AlignCenter, f"{at_ms:.0f}")


class _Swatch(QWidget):
    """A stage's colour, 8 x 8."""

    def __init__(self, theme: Theme, token: str) -> None:
        super().__init__()
        self._theme, self._token = theme, token
        self.setFixedSize(8, 8)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color(self._token))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds > 0 else "– ms"
