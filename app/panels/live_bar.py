"""The live bar: what is heard and how loud, how far ahead the lips may listen, what it costs, and recording."""

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.panels.last_seconds import LastSecondsButton
from app.panels.latency import Latency, LatencyChip
from app.panels.level_meter import LevelMeter
from app.panels.live_buttons import MicrophoneButton, RecordButton, SourceButton
from app.settings import LOOK_AHEADS_MS
from app.theme.buttons import Segments, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SIZES, TYPE
from app.workers.frames import FrameHeader

LOOK_AHEAD_LABELS = {"fast": "Fast", "live": "Live", "broadcast": "Broadcast"}
LOOK_AHEAD_TIPS = {
    "fast": "Fast  0 ms. The quickest answer, the roughest lips.",
    "live": "Live  40 ms. For talking with people.",
    "broadcast": "Broadcast  160 ms. The best lips; delay the voice to match.",
}
TEXT_EVERY_MS, HEARD_WIDTH = 100, 190
TURNING_TICKS = 15  # texts of 100 ms; turning the whole dial takes 480 ms, and a busy machine longer
NARROW_BELOW, TERSE_BELOW = 760, 720


class LiveBar(QFrame):
    """64 high; stays while the microphone is in use. It asks through signals and shows what it is told."""

    microphone_muted = Signal(bool)
    microphone_chosen = Signal(object)
    sound_file_wanted = Signal()
    sound_settings_wanted = Signal()
    gate_changed = Signal(float)
    look_ahead_chosen = Signal(float)
    stages_wanted = Signal(bool)
    record_wanted = Signal()
    last_seconds_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._header: FrameHeader | None = None
        self._source_kind = "none"
        self._source_name = ""
        self._devices: list = []
        self._look_ahead_ms, self._over_ticks = 40.0, 0
        self._is_recording = False
        self._take_name = "Take 01"
        self.setProperty("role", "panel")
        self.setFixedHeight(SIZES.live_bar)
        self.setAccessibleName("Live bar")
        self._build()
        self._text_timer = QTimer(self, interval=TEXT_EVERY_MS)
        self._text_timer.timeout.connect(self._show_texts)
        self._text_timer.start()
        self.seconds = lambda: 0.0
        self.latency = lambda: None

    def _build(self) -> None:
        theme = self._theme
        self.microphone = MicrophoneButton(theme)
        self.microphone.setToolTip("Microphone  M. Off is immediate; the face falls silent.")
        self.microphone.clicked.connect(lambda on: self.microphone_muted.emit(not on))
        self.source = SourceButton(theme)
        self._menu = QMenu(self.source)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.source.setMenu(self._menu)
        self.meter = LevelMeter(theme)
        self.meter.gate_changed.connect(self.gate_changed)
        heard = QVBoxLayout()
        heard.setSpacing(1)
        heard.setContentsMargins(0, 0, 0, 0)
        heard.addWidget(self.source)
        heard.addWidget(self.meter)
        self._look_ahead_words = Words(theme, "40 ms", TYPE.caption, tone="t2")
        self.look_ahead = Segments(theme, list(LOOK_AHEAD_LABELS.items()), "Look-ahead", padding=11)
        for item, words in LOOK_AHEAD_TIPS.items():
            self.look_ahead.set_tip(item, words)
        self.look_ahead.set_current("live")
        self.look_ahead.chosen.connect(self._choose_look_ahead)
        self.look_ahead_list = QComboBox()
        self.look_ahead_list.setFont(theme.font(TYPE.base, MEDIUM))
        self.look_ahead_list.setAccessibleName("Look-ahead")
        self.look_ahead_list.setFixedSize(112, SIZES.button)
        for item, label in LOOK_AHEAD_LABELS.items():
            self.look_ahead_list.addItem(f"{label}, {LOOK_AHEADS_MS[item]:.0f} ms", item)
        self.look_ahead_list.setCurrentIndex(1)
        self.look_ahead_list.activated.connect(lambda i: self._choose_look_ahead(self.look_ahead_list.itemData(i)))
        self._ahead = self._build_look_ahead()
        self.chip = LatencyChip(theme)
        self.chip.setToolTip("Latency  H. Where the milliseconds from microphone to picture go.")
        self.chip.clicked.connect(self.stages_wanted)
        self.last_seconds = LastSecondsButton(theme)
        self.last_seconds.clicked.connect(self.last_seconds_wanted)
        self.record = RecordButton(theme)
        self.record.setToolTip("Record  R. Keeps voice, moves and camera as a take.")
        self.record.clicked.connect(self.record_wanted)
        self._timer = Words(theme, "00:00.0")
        self._timer.setFont(theme.mono(14))
        self._timer.setAccessibleName("Recording time")
        self._take = Words(theme, "", TYPE.secondary, tone="t3")
        times = QVBoxLayout()
        times.setSpacing(1)
        times.addStretch()
        times.addWidget(self._timer)
        times.addWidget(self._take)
        times.addStretch()
        self._timer.setMinimumWidth(self._timer.fontMetrics().horizontalAdvance("00:00:00.0") + 2)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 0, 10, 0)
        self._row.addWidget(self.microphone)
        self._heard = QWidget()
        self._heard.setLayout(heard)
        self._heard.setMinimumWidth(96)
        self._heard.setMaximumWidth(HEARD_WIDTH)
        self._row.addWidget(self._heard, 100)
        self._divider = rule(vertical=True)
        self._divider.setFixedHeight(36)
        self._row.addWidget(self._divider)
        self._row.addWidget(self._ahead)
        self._row.addWidget(self.chip)
        self._row.addStretch(1)
        self._row.addWidget(self.last_seconds)
        self._row.addWidget(self.record)
        self._row.addLayout(times)
        self._show_take_name()
        self._arrange(808)

    def _build_look_ahead(self) -> QWidget:
        box = QWidget()
        box.setSizePolicy(self.look_ahead.sizePolicy())
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(Words(self._theme, "Look-ahead", TYPE.caption, tone="t3"))
        head.addStretch()
        head.addWidget(self._look_ahead_words)
        column.addStretch()
        column.addLayout(head)
        self._ahead_stack = QVBoxLayout()
        self._ahead_stack.setContentsMargins(0, 0, 0, 0)
        self._ahead_stack.addWidget(self.look_ahead)
        self._ahead_stack.addWidget(self.look_ahead_list)
        column.addLayout(self._ahead_stack)
        column.addStretch()
        return box

    def resizeEvent(self, event) -> None:
        self._arrange(self.width())
        super().resizeEvent(event)

    def _arrange(self, width: int) -> None:
        narrow = width < NARROW_BELOW
        self._row.setSpacing(8 if narrow else 12)
        self.look_ahead.setVisible(not narrow)
        self.look_ahead_list.setVisible(narrow)
        self._look_ahead_words.setVisible(not narrow)
        self.last_seconds.set_terse(width < TERSE_BELOW)
        self.last_seconds.setVisible(width >= 600)
        self._ahead.setVisible(width >= 540)
        self._divider.setVisible(width >= 540)

    # What it is told

    def show_frame(self, header: FrameHeader) -> None:
        """The meter moves with every frame; texts wait for the timer."""
        self._header = header
        if self._source_kind != "none":
            self.meter.show_level(header.level_db, header.peak_db, header.clipped)

    def show_source(self, kind: str, name: str, sentence: str, is_muted: bool) -> None:
        self._source_kind, self._source_name = kind, name
        gone, opening = kind == "none" and bool(sentence), kind == "none" and not sentence
        words = "No microphone" if gone else f"Opening {name}" if opening and name else "Opening" if opening else name
        self.source.show_source(words, "warn" if gone else "t2" if opening else "t1")
        gone = gone or opening
        self.microphone.setEnabled(not gone)
        self.microphone.setChecked(not gone and not is_muted)
        icon = "microphone-off" if gone or is_muted else "waveform" if kind == "file" else "microphone"
        self.microphone.set_icon(icon)
        self.microphone.setAccessibleDescription("off" if gone or is_muted else "on")
        note = "" if opening else "Plug one in. It is found by itself." if gone else "Off" if is_muted else ""
        self.meter.show_live(not gone and not is_muted, note)

    def show_devices(self, devices: list) -> None:
        self._devices = [device for device in devices if device.kind == "input"]

    def show_look_ahead(self, milliseconds: float) -> None:
        nearest = min(LOOK_AHEADS_MS, key=lambda item: abs(LOOK_AHEADS_MS[item] - milliseconds))
        is_named = abs(LOOK_AHEADS_MS[nearest] - milliseconds) < 0.5  # any number can be set in the preferences
        self.look_ahead.set_current(nearest if is_named else "")
        self.look_ahead_list.setCurrentIndex(list(LOOK_AHEADS_MS).index(nearest))
        self._look_ahead_ms = milliseconds
        self._show_needed()

    def show_recording(self, is_recording: bool) -> None:
        self._is_recording = is_recording
        self.record.show_recording(is_recording)
        self.record.setToolTip(
            "Stop  R. The take is kept." if is_recording else "Record  R. Keeps voice, moves and camera as a take."
        )
        self._timer.set_tone("rec" if is_recording else "")
        self._show_take_name()
        self._show_texts()

    def show_next_take(self, name: str) -> None:
        self._take_name = name
        self._show_take_name()

    def show_can_record(self, can: bool, why_not: str = "") -> None:
        self.record.setEnabled(can)
        self.chip.setVisible(can)
        self.last_seconds.setEnabled(can)
        if not can:
            self.record.setToolTip(f"Record  R. {why_not}")
            self.last_seconds.setToolTip(f"Save the last 30 s  Shift+R. {why_not}")
        else:
            self.last_seconds.setToolTip("Save the last 30 s  Shift+R. Keeps what was just said, after the fact.")

    def show_stages_open(self, is_open: bool) -> None:
        self.chip.setChecked(is_open)

    def _show_take_name(self) -> None:
        self._take.setText(self._take_name if self._is_recording else f"Next: {self._take_name}")

    def _show_texts(self) -> None:
        seconds = self.seconds() if self._is_recording else 0.0
        self._timer.setText(timer_text(seconds))
        if self._header is not None:
            self.chip.show_latency(self.latency() or Latency.of(self._header))
            self._show_needed()

    def _show_needed(self) -> None:
        """The dial's milliseconds; an avatar whose driver needs more says what it takes instead."""
        taken_ms = self._header.look_ahead_ms if self._header is not None else 0.0
        self._over_ticks = self._over_ticks + 1 if taken_ms > self._look_ahead_ms + 1 else 0
        is_more = self._over_ticks > TURNING_TICKS  # not merely on its way there
        words = f"needs {taken_ms:.0f} ms" if is_more else f"{self._look_ahead_ms:.0f} ms"
        self._look_ahead_words.setText(words)
        self._look_ahead_words.set_tone("warn" if is_more else "t2")

    def _choose_look_ahead(self, item: str) -> None:
        self.show_look_ahead(LOOK_AHEADS_MS[item])
        self.look_ahead_chosen.emit(LOOK_AHEADS_MS[item])

    def _fill_menu(self) -> None:
        self._menu.clear()
        choices = QActionGroup(self._menu)
        for device in self._devices:
            action = QAction(f"{device.name}  (default)" if device.is_default else device.name, self._menu)
            action.setCheckable(True)
            action.setChecked(self._source_kind == "microphone" and device.name == self._source_name)
            action.triggered.connect(lambda _=False, name=device.name: self.microphone_chosen.emit(name))
            choices.addAction(action)
            self._menu.addAction(action)
        if not self._devices:
            self._menu.addAction("No microphone found").setEnabled(False)
        self._menu.addSeparator()
        if self._source_kind == "file":
            playing = self._menu.addAction(Path(self._source_name).name)
            playing.setCheckable(True)
            playing.setChecked(True)
        self._menu.addAction("Use a sound file…", self.sound_file_wanted.emit)
        self._menu.addAction("Sound settings…", self.sound_settings_wanted.emit)


def timer_text(seconds: float) -> str:
    """`00:12.4`, or `1:00:12.4` from an hour on; cut, not rounded, so that a second is never shown early."""
    tenths = int(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02}:{rest // 10:02}.{rest % 10}"
    return f"{hours}:{text}" if hours else text
