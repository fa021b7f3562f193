"""The pages of the preferences; each changes the settings and whatever they govern at once."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.panels.level_meter import LevelMeter
from app.settings import LOOK_AHEAD_MAX_MS, LOOK_AHEADS_MS, Settings
from app.theme.buttons import ElidedWords, NumberBox, Segments, TextButton, Words
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE
from app.windows.form import Form, beside
from app.windows.orders import clips_dir, short_path

BACKENDS = (("auto", "Automatic"), ("cpu", "Processor"), ("opengl", "OpenGL"), ("cuda", "CUDA"))


class PreferencePage(QWidget):
    """A title and a form."""

    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__()
        self.theme = theme
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(20, 16, 20, 16)
        self.column.setSpacing(14)
        self.column.addWidget(Words(theme, title, TYPE.card_title, SEMIBOLD))


class DeviceBox(QComboBox):
    """Sound devices of one kind by name, the wanted one also when it is not plugged in; `nothing` stands for None."""

    device_chosen = Signal(object)

    def __init__(self, kind: str, nothing: str, devices: list, chosen: str | None) -> None:
        super().__init__()
        self.addItem(nothing, None)
        for device in devices:
            if device.kind == kind:
                self.addItem(device.name, device.name)
        if self.findData(chosen) < 0:
            self.addItem(f"{chosen} (not here)", chosen)
        self.setCurrentIndex(self.findData(chosen))
        self.activated.connect(lambda i: self.device_chosen.emit(self.itemData(i)))


class SoundPage(PreferencePage):
    """Which microphone, how loud, from where on it counts as silence, and how far the lips may listen ahead."""

    microphone_chosen = Signal(object)
    gain_changed = Signal(float)
    gate_changed = Signal(float)
    look_ahead_chosen = Signal(float)

    def __init__(self, theme: Theme, settings: Settings, devices: list) -> None:
        super().__init__(theme, "Sound")
        form = Form(theme, 110)
        self.device = DeviceBox("input", "The system's default", devices, settings.sound.device)
        self.device.device_chosen.connect(self.microphone_chosen)
        form.add_row("Microphone", self.device)
        self.meter = LevelMeter(theme)
        self.meter.show_gate(settings.sound.gate_db)
        self.meter.gate_changed.connect(self._on_gate_dragged)
        form.add_row("Level", self.meter)
        self.gain = _Decibels(theme, "Gain", -24, 24, settings.sound.gain_db)
        self.gain.changed.connect(self.gain_changed)
        form.add_row("Gain", self.gain, "Loud speech should reach the yellow part now and then, never the red.")
        self.gate = _Decibels(theme, "Gate", -60, -1, settings.sound.gate_db)
        self.gate.changed.connect(self._on_gate_changed)
        form.add_row("Gate", self.gate, "Quieter sound counts as silence: the mouth rests.")
        items = [(name, f"{name.capitalize()}, {ms:.0f} ms") for name, ms in LOOK_AHEADS_MS.items()]
        self.look_ahead = Segments(theme, items, "Look-ahead")
        self.look_ahead_ms = NumberBox(theme, 0, LOOK_AHEAD_MAX_MS, round(settings.sound.look_ahead_ms), "ms")
        self.look_ahead_ms.setAccessibleName("Look-ahead in milliseconds")
        self._show_segment(settings.sound.look_ahead_ms)
        self.look_ahead.chosen.connect(lambda item: self.look_ahead_ms.setValue(round(LOOK_AHEADS_MS[item])))
        self.look_ahead_ms.valueChanged.connect(self._on_look_ahead)
        why = "Longer hears what comes next and shapes the lips better."
        form.add_row("Look-ahead", beside(self.look_ahead, self.look_ahead_ms), why)
        self.column.addLayout(form)
        self.column.addStretch()

    def show_level(self, level_db: float, peak_db: float, clipped: bool) -> None:
        self.meter.show_level(level_db, peak_db, clipped)

    def _on_look_ahead(self, milliseconds: int) -> None:
        self._show_segment(milliseconds)
        self.look_ahead_chosen.emit(float(milliseconds))

    def _show_segment(self, milliseconds: float) -> None:
        """The name this many milliseconds go by, none for a number of one's own."""
        names = (name for name, ms in LOOK_AHEADS_MS.items() if abs(ms - milliseconds) < 0.5)
        self.look_ahead.set_current(next(names, ""))

    def _on_gate_dragged(self, gate_db: float) -> None:
        self.gate.set_value(gate_db)
        self.gate_changed.emit(gate_db)

    def _on_gate_changed(self, gate_db: float) -> None:
        self.meter.show_gate(gate_db)
        self.gate_changed.emit(gate_db)


class PerformancePage(PreferencePage):
    """What draws the splats and with how many threads."""

    backend_chosen = Signal(str)
    threads_chosen = Signal(int)

    def __init__(self, theme: Theme, settings: Settings, now: str, applies_at_once: bool) -> None:
        super().__init__(theme, "Performance")
        form = Form(theme, 110)
        self.backend = QComboBox()
        for name, title in BACKENDS:
            self.backend.addItem(title, name)
        self.backend.setCurrentIndex(self.backend.findData(settings.performance.backend))
        self.backend.activated.connect(lambda i: self.backend_chosen.emit(self.backend.itemData(i)))
        when = "" if applies_at_once else " Takes effect at the next start."
        form.add_row("Drawn by", self.backend, f"Automatic measures and takes the fastest.{when}")
        form.add_row("Now", Words(theme, now or "No avatar is open", tone="t2"))
        self.threads = NumberBox(theme, 0, 256, settings.performance.threads, width=96)
        self.threads.setSpecialValueText("Automatic")
        self.threads.valueChanged.connect(self.threads_chosen)
        why = "Fewer leave room for other programs. Takes effect at the next start."
        form.add_row("Threads", beside(self.threads), why)
        self.column.addLayout(form)
        self.column.addStretch()


class LookPage(PreferencePage):
    """Theme and motion."""

    theme_chosen = Signal(str)
    motion_changed = Signal(bool)

    def __init__(self, theme: Theme, settings: Settings) -> None:
        super().__init__(theme, "Look")
        form = Form(theme, 110)
        self.mode = Segments(theme, [("dark", "Dark"), ("light", "Light"), ("system", "As the system")], "Theme")
        self.mode.set_current(settings.theme)
        self.mode.chosen.connect(self.theme_chosen)
        form.add_row("Theme", beside(self.mode))
        self.reduce = QCheckBox("Reduce motion")
        self.reduce.setFont(theme.font())
        self.reduce.setChecked(settings.reduce_motion)
        self.reduce.toggled.connect(self.motion_changed)
        form.add_row("Motion", self.reduce, "Panels and notes appear at once. The face and the meters still move.")
        self.column.addLayout(form)
        self.column.addStretch()


class FilesPage(PreferencePage):
    """What happens to a take at stop, and where clips go."""

    folder_chosen = Signal(object)
    render_changed = Signal(bool)

    def __init__(self, theme: Theme, settings: Settings, takes: Path) -> None:
        super().__init__(theme, "Files")
        self._settings = settings
        form = Form(theme, 110)
        self.render_takes = QCheckBox("Render a clip when recording stops")
        self.render_takes.setFont(theme.font())
        self.render_takes.setChecked(settings.render_takes)
        self.render_takes.toggled.connect(self.render_changed)
        form.add_row("Takes", self.render_takes, "A job makes it while the face goes on. The take is kept either way.")
        self._folder = ElidedWords(theme, short_path(clips_dir(settings.export_folder)), middle=True)
        change = TextButton(theme, "Change")
        change.clicked.connect(self._choose)
        row = QHBoxLayout()
        row.addWidget(self._folder, 1)
        row.addWidget(change)
        form.add_row("Clips go to", row)
        kept = ElidedWords(theme, short_path(takes), middle=True, tone="t2")
        form.add_row("Takes lie in", kept)
        self.column.addLayout(form)
        self.column.addStretch()

    def _choose(self) -> None:
        dialog = QFileDialog(self, "Folder for clips", str(clips_dir(self._settings.export_folder)))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._use)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _use(self, name: str) -> None:
        self._folder.setText(short_path(Path(name)))
        self.folder_chosen.emit(Path(name))


class _Decibels(QWidget):
    """A slider with its figure beside it; the wheel moves it only while it has the focus."""

    changed = Signal(float)

    def __init__(self, theme: Theme, name: str, low: int, high: int, value: float) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self.slider = _QuietSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(low, high)
        self.slider.setValue(round(value))
        self.slider.setAccessibleName(name)
        self.slider.setPageStep(3)
        self.number = NumberBox(theme, low, high, round(value), "dB")
        self.number.setAccessibleName(f"{name} in dB")
        row.addWidget(self.slider, 1)
        row.addWidget(self.number)
        self.slider.valueChanged.connect(self.number.setValue)
        self.number.valueChanged.connect(self.slider.setValue)
        self.slider.valueChanged.connect(lambda v: self.changed.emit(float(v)))

    def set_value(self, value: float) -> None:
        """Shows another value without telling anyone."""
        for widget in (self.slider, self.number):
            widget.blockSignals(True)
            widget.setValue(round(value))
            widget.blockSignals(False)


class _QuietSlider(QSlider):
    def wheelEvent(self, event) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
