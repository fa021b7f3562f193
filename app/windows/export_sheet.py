"""The export dialog: what is said, by whom, seen from where, how large, and into which file."""

from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.panels.library_files import METHODS, AvatarEntry, TakeEntry, length_text
from app.settings import Settings
from app.theme.buttons import ElidedWords, IconButton, NumberBox, Segments, TextButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE
from app.windows.form import Form, beside
from app.windows.orders import clip_path, render_order
from app.windows.sheet import Sheet
from engine.errors import MouthpieceError

VIEWS = (
    ("take", "As performed"), ("front", "Front"), ("left", "Left, 30°"), ("right", "Right, 30°"), ("up", "From above"),
    ("down", "From below"), ("spiral", "Spiral round the face"),
)  # fmt: skip
RATES = (24, 25, 30, 60)
LIMITS = (128, 4096)
PREVIEW = (340, 360)


class ExportSheet(Sheet):
    """Orders a clip; `ordered` carries a checked order and the job's title."""

    ordered = Signal(object, str)
    sound_wanted = Signal()

    def __init__(
        self, theme: Theme, host: QWidget, settings: Settings, avatars: list[AvatarEntry], stage: Path | None,
        takes: list[TakeEntry], take: TakeEntry | None, sound: Path | None, picture: QImage,
    ) -> None:  # fmt: skip
        super().__init__(theme, host, "Export", (820, 560))
        self._settings = settings
        self._output: Path | None = None
        self._picked_output = False
        self._avatars = [entry for entry in avatars if not entry.problem]
        row = QHBoxLayout(self.body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        left = QVBoxLayout()
        left.setContentsMargins(16, 16, 16, 16)
        left.setSpacing(10)
        left.addWidget(_Preview(theme, picture))
        self._length = Words(theme, "", TYPE.secondary)
        for label, value in (("Length", self._length), ("Format", Words(theme, "MP4, H.264, AAC", TYPE.secondary))):
            name = Words(theme, label, TYPE.secondary, tone="t3")
            name.setFixedWidth(64)
            left.addLayout(beside(name, value))
        left.addStretch()
        row.addLayout(left)
        row.addWidget(rule(vertical=True))
        right = QVBoxLayout()
        right.setContentsMargins(16, 16, 16, 16)
        right.addLayout(self._build_form(theme, stage, takes, take, sound))
        right.addStretch()
        row.addLayout(right, 1)
        self._build_foot(theme)
        self._show_source()

    def _build_form(self, theme, stage, takes, take, sound) -> Form:
        settings, form = self._settings, Form(theme, 84)
        self.source = QComboBox()
        for entry in takes:
            self.source.addItem(f"{entry.name}, {length_text(entry.seconds)}", entry)
        if sound is not None:
            self.source.addItem(sound.name, sound)
        self.source.addItem("A sound file…", None)
        if take is not None:
            self.source.setCurrentIndex(max(0, next((i for i, e in enumerate(takes) if e.path == take.path), 0)))
        self.source.activated.connect(self._on_source_activated)
        self._last_source = self.source.currentIndex()
        form.add_row("Voice", self.source)
        self.avatar = QComboBox()
        for i, entry in enumerate(self._avatars):
            self.avatar.addItem(f"{entry.name}, {METHODS.get(entry.method, entry.method)}", entry)
            if stage is not None and entry.path == stage.resolve():
                self.avatar.setCurrentIndex(i)
        form.add_row("Avatar", self.avatar)
        self.view = QComboBox()
        form.add_row("Camera", self.view)
        self.width_field = NumberBox(theme, *LIMITS, settings.export_size)
        self.height_field = NumberBox(theme, *LIMITS, settings.export_size)
        for field, name in ((self.width_field, "Width"), (self.height_field, "Height")):
            field.setSingleStep(2)
            field.setAccessibleName(name)
        self.link = IconButton(theme, "link-variant", "Keep it square", why="Width and height change together.")
        self.link.setCheckable(True)
        self.link.setChecked(True)
        self.width_field.valueChanged.connect(self._on_width_changed)
        self.height_field.valueChanged.connect(lambda v: self.link.isChecked() and self.width_field.setValue(v))
        times = Words(theme, "×", tone="t3")
        form.add_row("Size", beside(self.width_field, times, self.height_field, self.link))
        nearest = min(RATES, key=lambda rate: abs(rate - settings.export_fps))
        self.rate = Segments(theme, [(str(rate), str(rate)) for rate in RATES], "Frame rate")
        self.rate.set_current(str(nearest))
        form.add_row("Frame rate", beside(self.rate, Words(theme, "fps", tone="t3")))
        self.smooth = Segments(theme, [("1", "Off"), ("2", "2 × 2"), ("3", "3 × 3")], "Anti-alias")
        form.add_row("Anti-alias", beside(self.smooth), "Pictures are rendered larger and averaged down.")
        return form

    def _build_foot(self, theme: Theme) -> None:
        foot = self.add_foot()
        place = QVBoxLayout()
        place.setSpacing(2)
        line = QHBoxLayout()
        line.setSpacing(8)
        self._path = ElidedWords(theme, "", weight=MEDIUM, middle=True)
        self._path.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        change = TextButton(theme, "Change", kind="link")
        change.clicked.connect(self._choose_output)
        line.addWidget(self._path)
        line.addWidget(change)
        line.addStretch()
        self._problem = ElidedWords(theme, "", TYPE.secondary, tone="t3")
        place.addStretch()
        place.addLayout(line)
        place.addWidget(self._problem)
        place.addStretch()
        foot.addLayout(place, 1)
        cancel = TextButton(theme, "Cancel")
        cancel.clicked.connect(self.close)
        self.go = TextButton(theme, "Export", "export-variant", kind="primary")
        self.go.clicked.connect(self._order)
        foot.addWidget(cancel)
        foot.addWidget(self.go)

    def _first_focus(self) -> QWidget:
        return self.source

    def use_sound(self, path: Path) -> None:
        """Puts a sound file into the list of voices and chooses it."""
        at = self.source.count() - 1
        self.source.insertItem(at, path.name, path)
        self.source.setCurrentIndex(at)
        self._show_source()

    @property
    def output(self) -> Path | None:
        return self._output

    def _on_source_activated(self, index: int) -> None:
        if self.source.itemData(index) is None:
            self.source.setCurrentIndex(self._last_source)
            self.sound_wanted.emit()
        else:
            self._show_source()

    def _show_source(self) -> None:
        self._last_source = self.source.currentIndex()
        chosen = self.source.currentData()
        is_take = isinstance(chosen, TakeEntry)
        current = self.view.currentData()
        self.view.clear()
        for view, words in VIEWS:
            if view != "take" or is_take:
                self.view.addItem(words, view)
        self.view.setCurrentIndex(max(0, self.view.findData(current)))
        self._length.setText(length_text(chosen.seconds) if is_take else "As long as the sound")
        if not self._picked_output and chosen is not None:
            self._output = clip_path(self._settings.export_folder, chosen.name if is_take else chosen.stem)
        ready = chosen is not None and bool(self._avatars)
        self.go.setEnabled(ready)
        words = "" if ready else "Record a take or choose a sound file first."
        self._show_output(words)

    def _show_output(self, sentence: str = "", tone: str = "t3") -> None:
        self._path.setText(_short(self._output) if self._output else "No file chosen")
        self._problem.setText(sentence or "A job renders it; the face goes on meanwhile.")
        self._problem.set_tone(tone)

    def _on_width_changed(self, value: int) -> None:
        if self.link.isChecked():
            self.height_field.setValue(value)

    def _choose_output(self) -> None:
        dialog = QFileDialog(self, "Export to", str(self._output or Path.home()), "Video (*.mp4)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("mp4")
        dialog.fileSelected.connect(self._use_output)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _use_output(self, name: str) -> None:
        self._output, self._picked_output = Path(name), True
        self._settings.export_folder = self._output.parent
        self._show_output()

    def _order(self) -> None:
        chosen = self.source.currentData()
        is_take = isinstance(chosen, TakeEntry)
        width, height = (field.value() // 2 * 2 for field in (self.width_field, self.height_field))
        try:
            order = render_order(
                avatar=self.avatar.currentData().path, take=chosen.path if is_take else None,
                voice=None if is_take else chosen, output=self._output, width=width, height=height,
                fps=float(self.rate.current), view=self.view.currentData(), supersample=int(self.smooth.current),
            )  # fmt: skip
        except MouthpieceError as error:
            self._show_output(str(error), "err")
            return
        self._settings.export_size, self._settings.export_fps = width, float(self.rate.current)
        name = chosen.name if is_take else chosen.stem
        self.close()
        self.ordered.emit(order, f"Export {name}")


class _Preview(QWidget):
    """The picture as it is now, cut to the square the clip will be."""

    def __init__(self, theme: Theme, picture: QImage) -> None:
        super().__init__()
        self._theme = theme
        self._picture = QPixmap.fromImage(picture)
        self.setFixedSize(*PREVIEW)

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        path = QPainterPath()
        path.addRoundedRect(QRectF(self.rect()), 6, 6)
        painter.setClipPath(path)
        painter.fillPath(path, self._theme.color("ground_centre"))
        if self._picture.isNull():
            painter.setPen(self._theme.color("t3"))
            painter.setFont(self._theme.font())
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No picture yet")
            return
        scale = max(self.width() / self._picture.width(), self.height() / self._picture.height())
        width, height = self._picture.width() * scale, self._picture.height() * scale
        target = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
        painter.drawPixmap(target, self._picture, QRectF(self._picture.rect()))


def _short(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)
