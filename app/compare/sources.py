"""The Sources page of Compare: who stands on each side, what was measured, and where they differ."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.compare.measure import Difference
from app.compare.sides import Side
from app.panels.library_files import AvatarEntry
from app.panels.status_bar import BACKENDS
from app.theme.buttons import IconButton, TextButton, Words, rule
from app.theme.scroll import OverlayScrollArea
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from app.workers.frames import FrameHeader

ROW = 46


class SourcesPage(QWidget):
    """Signals: `rival_chosen(path, backend or None)`, `rival_removed`, `swap_wanted`, `report_wanted`; `film_wanted`,
    `film_removed`."""

    film_wanted = Signal()
    film_removed = Signal()

    rival_chosen = Signal(object, object)
    rival_removed = Signal()
    swap_wanted = Signal()
    report_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._entries: list[AvatarEntry] = []
        self._stage: Path | None = None
        self.setAccessibleName("Sources")
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 6, 0, 10)
        column.setSpacing(0)
        self.a, self.b = SideRow(theme, "A"), SideRow(theme, "B")
        self.b.chosen.connect(self.open_menu)
        self.film = SideRow(theme, "T")
        self.film.chosen.connect(self._open_film_menu)
        for row in (self.a, self.b, self.film):
            column.addWidget(row)
        tools = QHBoxLayout()
        tools.setContentsMargins(12, 6, 12, 10)
        tools.setSpacing(6)
        self.choose = TextButton(theme, "Choose B", "plus", "small", why="An avatar, or this one by another backend.")
        self.choose.clicked.connect(self.open_menu)
        self.swap = TextButton(theme, "Swap", "swap-horizontal", "small", why="Puts B on stage and A beside it.")
        self.swap.clicked.connect(self.swap_wanted)
        tools.addWidget(self.choose)
        tools.addWidget(self.swap)
        tools.addStretch()
        column.addLayout(tools)
        column.addWidget(rule())
        self.table = FigureTable(
            theme, "Measured now", ("Frame time", "Rate", "Microphone to picture", "Splats", "File")
        )
        column.addWidget(self.table)
        column.addWidget(rule())
        self.against = FigureTable(theme, "Against the video", ("PSNR", "PSNR of the mouth", "PSNR of the eyes"))
        column.addWidget(self.against)
        self._against_rule = rule()
        column.addWidget(self._against_rule)
        self.trained = FigureTable(theme, "From training", ("PSNR in training", "Trained on"))
        column.addWidget(self.trained)
        note = QHBoxLayout()
        note.setContentsMargins(12, 0, 12, 10)
        note.addWidget(Words(theme, "Bold marks the better figure.", TYPE.secondary, tone="t2"))
        column.addLayout(note)
        column.addWidget(rule())
        heading = Words(theme, "Differences", TYPE.base, SEMIBOLD)
        heading.setContentsMargins(12, 10, 12, 6)
        column.addWidget(heading)
        self._differences = Words(theme, "", TYPE.base, tone="t2", wrap=True)
        self._differences.setContentsMargins(12, 0, 12, 8)
        column.addWidget(self._differences)
        column.addStretch()
        area = OverlayScrollArea()
        area.setWidget(inner)
        foot = QHBoxLayout()
        foot.setContentsMargins(10, 10, 10, 12)
        self.report = TextButton(theme, "Run the full report", "chart-line",
                                 why="Tests A on a dataset's held-out frames, as a job.")  # fmt: skip
        self.put_b = TextButton(theme, "Put B on stage", "play-circle-outline")
        self.report.clicked.connect(self.report_wanted)
        self.put_b.clicked.connect(self.swap_wanted)
        foot.addWidget(self.report)
        foot.addStretch()
        foot.addWidget(self.put_b)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(area, 1)
        outer.addWidget(rule())
        outer.addLayout(foot)
        self.show_rival(None)
        self.show_film(None)

    # What it is told

    def show_entries(self, entries: list[AvatarEntry], stage: Path | None) -> None:
        """The library's avatars, for the menu."""
        self._entries, self._stage = entries, stage

    def show_stage(self, side: Side) -> None:
        self.a.show_side(side)

    def show_rival(self, side: Side | None) -> None:
        self.b.show_side(side or Side("Nobody yet", "", "An avatar, or this one by another backend"))
        for button in (self.swap, self.put_b):
            button.setEnabled(side is not None)
        self.choose.setText(" Choose B" if side is None else " Change B")
        if side is None:
            self.table.clear(1)
            self.trained.clear(1)
            self._differences.setText("Choose B to see where two avatars differ while they say the same.")

    def show_film(self, side: Side | None) -> None:
        """The training video, None for none."""
        self._has_film = side is not None
        self.film.show_side(side or Side("Training video", "", "Not shown. Choose the dataset of A"))
        for part in (self.against, self._against_rule):
            part.setVisible(side is not None)

    def show_against(self, differences: list[Difference | None]) -> None:
        """A and B against the video."""
        for name, field in (("PSNR", "frame_db"), ("PSNR of the mouth", "mouth_db"), ("PSNR of the eyes", "eyes_db")):
            values = [None if d is None else getattr(d, field) for d in differences]
            self.against.show_row(name, values, "{:.1f} dB", max)

    def _open_film_menu(self) -> None:
        if not self._has_film:
            self.film_wanted.emit()
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Another video…", self.film_wanted.emit)
        menu.addAction("No video", self.film_removed.emit)
        menu.popup(self.film.mapToGlobal(self.film.rect().bottomLeft()))

    def show_headers(self, a: FrameHeader, b: FrameHeader | None) -> None:
        """Figures of the newest frames."""
        rows = []
        for header in (a, b):
            if header is None:
                rows.append([None] * 3)
                continue
            work = sum(header.stages_p50_ms.get(name, 0.0) for name in ("drive", "deform", "raster", "present"))
            rows.append([work or None, header.fps or None, header.total_p50_ms or None])
        forms = (("Frame time", "{:.1f} ms", min), ("Rate", "{:.0f} fps", max),
                 ("Microphone to picture", "{:.0f} ms", min))  # fmt: skip
        for i, (name, form, best) in enumerate(forms):
            self.table.show_row(name, [row[i] for row in rows], form, best)

    def show_files(self, splats: list[int | None], sizes_mb: list[float | None]) -> None:
        self.table.show_row("Splats", splats, "{:,}", None)
        self.table.show_row("File", sizes_mb, "{:.1f} MB", min)

    def show_training(self, psnr: list[float | None], frames: list[int | None]) -> None:
        """What the avatars' files say of their training."""
        self.trained.show_row("PSNR in training", psnr, "{:.1f} dB", max)
        self.trained.show_row("Trained on", frames, "{:,} frames", None)

    def show_difference(self, difference: Difference) -> None:
        parts = [(difference.mouth, "mouth"), (difference.eyes, "eyes")]
        said = [f"The {name} differ{'s' if name == 'mouth' else ''} by {value:.0f} of 255 on average."
                for value, name in parts if value is not None]  # fmt: skip
        said.append(f"The whole picture differs by {difference.rest:.1f}.")
        words = " ".join(said)
        if words != self._differences.text():
            self._differences.setText(words)

    def open_menu(self) -> None:
        """Avatars of the library, then backends for the avatar on stage."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        others = [entry for entry in self._entries if entry.path != self._stage]
        for entry in others:
            menu.addAction(f"{entry.name}, {entry.meta}", lambda path=entry.path: self.rival_chosen.emit(path, None))
        if others:
            menu.addSeparator()
        for name in ("cpu", "opengl", "cuda"):
            title = f"This avatar by {BACKENDS.get(name, name)}"
            menu.addAction(title, lambda name=name: self.rival_chosen.emit(self._stage, name))
        menu.addSeparator()
        menu.addAction("Nobody", self.rival_removed.emit)
        menu.popup(self.choose.mapToGlobal(self.choose.rect().bottomLeft()))


class SideRow(QWidget):
    """Letter, picture, name and facts."""

    chosen = Signal()

    def __init__(self, theme: Theme, letter: str) -> None:
        super().__init__()
        self._theme, self._letter = theme, letter
        self._side = Side()
        self.setFixedHeight(ROW + 6)
        self.more: IconButton | None = None
        if letter != "A":
            line = QHBoxLayout(self)
            line.setContentsMargins(0, 0, 10, 0)
            line.addStretch()
            self.more = IconButton(theme, "dots-vertical", "Choose B" if letter == "B" else "Choose the video")
            self.more.clicked.connect(self.chosen)
            line.addWidget(self.more)
        theme.changed.connect(self.update)

    def show_side(self, side: Side) -> None:
        self._side = side
        self.setAccessibleName(f"{self._letter}: {side.name} {side.method}, {side.facts}")
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter, side = self._theme, QPainter(self), self._side
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        badge = QRectF(12, (self.height() - 20) / 2, 20, 20)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color({"A": "fill", "B": "take"}.get(self._letter, "raised")))
        painter.drawRoundedRect(badge, 4, 4)
        painter.setFont(theme.font(TYPE.secondary, SEMIBOLD))
        ink = "t1" if self._letter == "T" else "on_fill" if self._letter == "A" or not theme.is_dark else "app"
        painter.setPen(theme.color(ink))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, self._letter)
        box = QRectF(42, (self.height() - 40) / 2, 40, 40)
        path = QPainterPath()
        path.addRoundedRect(box, 4, 4)
        painter.save()
        painter.setClipPath(path)
        painter.fillRect(box, theme.color("raised"))
        if side.picture is not None and not side.picture.isNull():
            shown = side.picture.size()
            edge = min(shown.width(), shown.height())
            painter.drawPixmap(box, side.picture, QRectF((shown.width() - edge) / 2, 0, edge, edge))
        painter.restore()
        x, width = 92, self.width() - 92 - 40
        words = ", ".join(filter(None, (side.name, side.method)))
        painter.setFont(theme.font(TYPE.base))
        painter.setPen(theme.color("t1"))
        elided = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(x, box.y() + 3, width, 17), Qt.AlignmentFlag.AlignVCenter, elided)
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t2"))
        elided = painter.fontMetrics().elidedText(side.facts, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(x, box.y() + 21, width, 15), Qt.AlignmentFlag.AlignVCenter, elided)


class FigureTable(QWidget):
    """Rows of figures for A and B; the better one in bold."""

    def __init__(self, theme: Theme, title: str, names: tuple[str, ...]) -> None:
        super().__init__()
        self._theme = theme
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 10, 12, 10)
        grid.setVerticalSpacing(8)
        grid.setHorizontalSpacing(16)
        grid.addWidget(Words(theme, title, TYPE.base, SEMIBOLD), 0, 0)
        for column, (letter, tone) in enumerate((("A", "acc"), ("B", "take")), 1):
            head = Words(theme, letter, TYPE.base, SEMIBOLD, tone=tone)
            head.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(head, 0, column)
            grid.setColumnMinimumWidth(column, 74)
        grid.setColumnStretch(0, 1)
        self.cells: dict[str, list[Words]] = {}
        for row, name in enumerate(names, 1):
            grid.addWidget(Words(theme, name, TYPE.base, tone="t2"), row, 0)
            self.cells[name] = []
            for column in (1, 2):
                cell = Words(theme, "–", TYPE.base)
                cell.setAlignment(Qt.AlignmentFlag.AlignRight)
                grid.addWidget(cell, row, column)
                self.cells[name].append(cell)

    def show_row(self, name: str, values: list, form: str, best: Callable | None) -> None:
        """One row; `best` is min or max, None where neither is better."""
        known = [value for value in values if value is not None]
        is_apart = len({form.format(value) for value in known}) == 2
        winner = best(known) if best is not None and is_apart else None
        for cell, value in zip(self.cells[name], values, strict=True):
            cell.setText("–" if value is None else form.format(value))
            cell.setFont(self._theme.font(TYPE.base, SEMIBOLD if value is not None and value == winner else 400))

    def clear(self, column: int) -> None:
        for cells in self.cells.values():
            cells[column].setText("–")
