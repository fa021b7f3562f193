"""The compact timeline: transport, timecode and what was just heard, or the take that was chosen."""

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.theme.buttons import ElidedWords, IconButton, TextButton, Words, rule
from app.theme.style import repolish
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE
from app.timeline.strip import MAX_ZOOM, MIN_ZOOM, USUAL_ZOOM, Strip, ruler_text, timecode
from app.timeline.track import LiveTrack, TakeTrack, lip_index, lip_part
from app.workers.frames import FrameHeader
from engine.controls import ControlSchema

if TYPE_CHECKING:
    from app.timeline.voice_peaks import VoicePeaks

DRAW_EVERY_MS, TEXT_EVERY_MS = 66, 100
SPACE_EVERY_MS = 10_000
CREST_DB = 9.0
"""How far the peaks of speech stand above its RMS, which is what a frame tells where no ring can be read."""
STALE_SECONDS = 2.0
"""A frame whose motion stands for older sound than this was moved by something else than the voice."""
ROW = 36


class TimelinePanel(QFrame):
    """Live it fills as one talks and can be held; a take is shown whole.

    Signals:
        speak_wanted: the face should speak the take that is shown.
        fold_wanted: the chevron was pressed.
        filled: there is something to show for the first time.
    """

    speak_wanted = Signal()
    fold_wanted = Signal(bool)
    filled = Signal()

    def __init__(
        self, theme: Theme, space_in: Path, voice: "VoicePeaks | None" = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._space_in, self._voice = theme, space_in, voice
        self._live = LiveTrack()
        self._take: TakeTrack | None = None
        self._schema: ControlSchema | None = None
        self._lip: int | None = None
        self._is_recording = self._is_held = False
        self._has_sound = self._is_folded = False
        self._record_name = ""
        self.setProperty("role", "panel")
        self.setAccessibleName("Timeline")
        self._build()
        self._show_state()
        for every_ms, tick in ((DRAW_EVERY_MS, self._draw), (TEXT_EVERY_MS, self._show_time)):
            timer = QTimer(self, interval=every_ms)
            timer.timeout.connect(tick)
            timer.start()
        self._space_timer = QTimer(self, interval=SPACE_EVERY_MS)
        self._space_timer.timeout.connect(self._show_space)
        self._space_timer.start()

    def _build(self) -> None:
        theme = self._theme
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QWidget()
        row.setFixedHeight(ROW - 1)
        line = QHBoxLayout(row)
        line.setContentsMargins(10, 0, 8, 0)
        line.setSpacing(0)
        self.to_start = IconButton(theme, "skip-previous", "To the start", icon_size=18)
        self.play = IconButton(theme, "play", "Play", icon_size=20)
        self.to_end = IconButton(theme, "skip-next", "To the end", icon_size=18)
        self.to_start.clicked.connect(self._go_to_start)
        self.play.clicked.connect(self._toggle)
        self.to_end.clicked.connect(self._go_to_end)
        for button in (self.to_start, self.play, self.to_end):
            line.addWidget(button)
        line.addSpacing(10)
        self._code = Words(theme, timecode(0))
        self._code.setFont(theme.mono(14))
        self._code.setFixedWidth(self._code.fontMetrics().horizontalAdvance(timecode(0)) + 2)
        self._code.setAccessibleName("Time")
        line.addWidget(self._code)
        line.addSpacing(12)
        self._chip = QLabel()
        self._chip.setTextFormat(Qt.TextFormat.PlainText)
        self._chip.setFont(theme.font(TYPE.secondary, MEDIUM))
        self._chip.setFixedHeight(20)
        line.addWidget(self._chip)
        self.back = TextButton(theme, "Back to live", kind="small", why="Shows what is being heard again.")
        self.back.clicked.connect(self.show_live)
        line.addSpacing(8)
        line.addWidget(self.back)
        self._hint = ElidedWords(theme, "The timeline fills as you record.", tone="t2")
        line.addWidget(self._hint, 1)
        self._small = Strip(theme, with_lanes=False)
        line.addSpacing(12)
        line.addWidget(self._small, 20)
        self._stretch = QWidget()
        line.addWidget(self._stretch, 1)
        self._space = Words(theme, "", TYPE.secondary, tone="t3")
        line.addWidget(self._space)
        line.addSpacing(10)
        self._zoom_box = self._build_zoom()
        line.addWidget(self._zoom_box)
        self.fold = IconButton(theme, "chevron-down", "Fold the timeline", "Ctrl+T")
        self.fold.clicked.connect(lambda: self.fold_wanted.emit(not self._is_folded))
        line.addSpacing(6)
        line.addWidget(self.fold)
        column.addWidget(row)
        self._rule = rule()
        column.addWidget(self._rule)
        self.strip = Strip(theme)
        column.addWidget(self.strip, 1)
        for strip in (self.strip, self._small):
            strip.show_track(self._live)
            strip.scrubbed.connect(self._on_scrubbed)
        self.strip.zoomed.connect(self._on_zoomed)
        self._row = row

    def _build_zoom(self) -> QWidget:
        box = QWidget()
        line = QHBoxLayout(box)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        less = IconButton(self._theme, "minus", "Zoom out")
        more = IconButton(self._theme, "plus", "Zoom in", why="Or Ctrl and the wheel.")
        less.clicked.connect(lambda: self.strip.set_zoom(self.strip.zoom / 1.25))
        more.clicked.connect(lambda: self.strip.set_zoom(self.strip.zoom * 1.25))
        self._zoom = QSlider(Qt.Orientation.Horizontal)
        self._zoom.setProperty("kind", "quiet")
        self._zoom.setRange(0, 100)
        self._zoom.setFixedWidth(64)
        self._zoom.setValue(_zoom_part(USUAL_ZOOM))
        self._zoom.setAccessibleName("Zoom of the timeline")
        self._zoom.valueChanged.connect(lambda part: self.strip.set_zoom(_zoom_of(part)))
        for widget in (less, self._zoom, more):
            line.addWidget(widget)
        return box

    # What it is told

    def show_avatar(self, schema: ControlSchema) -> None:
        self._schema, self._lip = schema, lip_index(schema)
        self._show_space()

    def show_frame(self, header: FrameHeader) -> None:
        """One moment of the lips joins the live track; drawing waits for the timer."""
        driven = result = float("nan")
        if self._lip is not None and self._schema is not None and self._lip < len(header.result):
            driven = float(lip_part(self._schema, self._lip, float(header.driven[self._lip])))
            result = float(lip_part(self._schema, self._lip, float(header.result[self._lip])))
        heard = header.motion_sample_time
        self._live.move(heard if abs(header.shown_time - heard) < STALE_SECONDS else header.shown_time, driven, result)
        if self._voice is None:
            self._live.hear(header.shown_time, 10 ** ((header.level_db + CREST_DB) / 20))
        if not self._has_sound:
            self._has_sound = True
            self._show_state()
            self.filled.emit()

    def show_head_unit(self, unit: int, film_seconds: float, time: float) -> None:
        """From a time of the sound on, this unit of a film moves the head; none with -1."""
        had_head = self._live.has_head
        self._live.name_head(time, f"{unit} at {ruler_text(round(film_seconds))}" if unit >= 0 else "")
        if self._live.has_head != had_head:
            self.strip.update()

    def show_recording(self, is_recording: bool, name: str = "") -> None:
        self._is_recording, self._record_name = is_recording, name
        if is_recording:
            self.show_live()
            self._live.restart(self._live.newest_time)
            self.strip.show_track(self._live)
            self._small.show_track(self._live)
        for strip in (self.strip, self._small):
            strip.show_recording(is_recording)
        self._show_state()

    def show_take(self, take: TakeTrack) -> None:
        """Shows a take whole, the playhead at its start."""
        if self._is_recording:
            return
        self._take, self._is_held = take, False
        self._small.show_track(take)
        self.strip.show_track(take)
        self.strip.set_zoom(max(MIN_ZOOM, min(USUAL_ZOOM, (self.strip.width() - 90) / max(take.seconds, 1e-3))))
        self._show_state()

    def show_live(self) -> None:
        """Back to what is being heard."""
        if self._take is not None:
            self._take = None
            self.strip.show_track(self._live)
            self._small.show_track(self._live)
        self._is_held = False
        self._show_state()

    def set_folded(self, folded: bool) -> None:
        """36 high: transport and waveform only."""
        self._is_folded = folded
        self.fold.set_icon("chevron-up" if folded else "chevron-down")
        self.fold.describe("Unfold the timeline" if folded else "Fold the timeline", "Ctrl+T")
        self._show_state()

    @property
    def is_folded(self) -> bool:
        return self._is_folded

    @property
    def is_empty(self) -> bool:
        return not self._has_sound and self._take is None

    # Inside

    def _show_state(self) -> None:
        empty, folded = self.is_empty, self._is_folded or self.is_empty
        for widget in (self._rule, self.strip, self._zoom_box):
            widget.setVisible(not folded)
        self._small.setVisible(folded and not empty)
        self._hint.setVisible(empty)
        self._stretch.setVisible(not folded)
        self._space.setVisible(not folded)
        self.fold.setVisible(not empty)
        self.back.setVisible(self._take is not None)
        for button in (self.to_start, self.to_end):
            button.setEnabled(not empty and not self._is_recording)
        self.play.setEnabled(not empty and not self._is_recording)
        runs = self._take is None and not self._is_held
        self.play.set_icon("pause" if runs and not empty else "play")
        if self._take is None:
            words = ("Hold", "Stops the picture of the sound, to look at it.") if runs else ("Follow", "Back to now.")
            self.play.describe(words[0], why=words[1])
            self.to_end.describe("To now")
            self.to_start.describe("To the oldest sound kept")
        else:
            self.play.describe("Speak it", why="The face speaks the take's voice, over and over.")
            self.to_end.describe("To the end")
            self.to_start.describe("To the start")
        self._show_chip()
        self._code.set_tone("t2" if empty else "")
        self.setMinimumHeight(ROW)

    def _show_chip(self) -> None:
        if self._is_recording:
            kind, words = "rec-chip", f"Recording {self._record_name}".strip()
        elif self._take is not None:
            kind, words = "chip", self._take.name
        elif self._is_held:
            kind, words = "chip", "Held"
        else:
            kind, words = "chip", "Live"
        self._chip.setVisible(not self.is_empty)
        self._chip.setText(words)
        if self._chip.property("kind") != kind:
            self._chip.setProperty("kind", kind)
            repolish(self._chip)

    def _draw(self) -> None:
        for time, peak in self._voice.read() if self._voice is not None else ():
            self._live.hear(time, peak)
        if self._take is None and not self._is_held and self._has_sound:
            shown = self.strip if self.strip.isVisible() else self._small
            if shown.playhead != self._live.seconds:
                shown.move_playhead(self._live.seconds)

    def _show_time(self) -> None:
        strip = self.strip if self.strip.isVisible() else self._small
        self._code.setText(timecode(strip.playhead))

    def _show_space(self) -> None:
        try:
            free = shutil.disk_usage(self._space_in).free
        except OSError:
            self._space.setText("")
            return
        n_controls = len(self._schema) if self._schema is not None else 0
        self._space.setText(f"Free space for {_duration(free / take_bytes_per_second(n_controls))}")

    def _toggle(self) -> None:
        if self._take is not None:
            self.speak_wanted.emit()
            return
        self._is_held = not self._is_held
        self._show_state()

    def _go_to_start(self) -> None:
        if self._take is not None:
            self._seek(0.0)
            return
        self._hold_at(self._live.oldest)

    def _go_to_end(self) -> None:
        if self._take is not None:
            self._seek(self._take.seconds)
            return
        self._is_held = False
        self._show_state()

    def _on_scrubbed(self, seconds: float) -> None:
        if self._is_recording:
            return
        if self._take is not None:
            self._seek(min(seconds, self._take.seconds))
        else:
            self._hold_at(min(max(seconds, self._live.oldest), self._live.seconds))

    def _hold_at(self, seconds: float) -> None:
        self._is_held = True
        for strip in (self.strip, self._small):
            strip.move_playhead(seconds)
        self._show_state()

    def _seek(self, seconds: float) -> None:
        for strip in (self.strip, self._small):
            strip.move_playhead(seconds)

    def _on_zoomed(self, zoom: float) -> None:
        self._zoom.blockSignals(True)
        self._zoom.setValue(_zoom_part(zoom))
        self._zoom.blockSignals(False)


def take_bytes_per_second(n_controls: int) -> int:
    """What recording writes: float32 voice at 48 kHz and 30 rows of time, three values a control and the camera."""
    return 48_000 * 4 + 30 * 8 * (1 + 3 * n_controls + 8)


def _zoom_of(part: int) -> float:
    return MIN_ZOOM * (MAX_ZOOM / MIN_ZOOM) ** (part / 100)


def _zoom_part(zoom: float) -> int:
    return round(100 * math.log(zoom / MIN_ZOOM) / math.log(MAX_ZOOM / MIN_ZOOM))


def _duration(seconds: float) -> str:
    """`9 h 20 min`, `41 min`, `50 s`."""
    minutes = int(seconds // 60)
    if minutes >= 60 * 100:
        return f"{minutes // 60:,} h"
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
