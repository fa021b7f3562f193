"""The Edit timeline: transport, tools, snapping, tangents, lip check, layers and zoom over the lanes."""

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QMenu, QSlider, QVBoxLayout, QWidget

from app.edit.camera_pictures import CameraPictures
from app.edit.canvas import EditCanvas
from app.edit.lanes import MAX_ZOOM, MIN_ZOOM
from app.edit.model import EditModel
from app.theme.buttons import IconButton, Segments, TextButton, Words, rule
from app.theme.theme import Theme
from app.timeline.strip import timecode
from engine.performance.layers import REGIONS, LayerKind

TOOLS = (
    ("select", "cursor-default-outline", "Select and move", ""),
    ("cut", "content-cut", "Split", "Click on the raw take."),
    ("range", "arrow-expand-horizontal", "Choose a stretch", "To cut, silence or retime."),
    ("key", "key-plus", "Add keys", "Click in the curves."),
)
TANGENTS = (("auto", "Auto"), ("flat", "Flat"), ("linear", "Linear"), ("step", "Step"))
FRAME_S = 0.04


class EditTimeline(QFrame):
    """Full width below the picture.

    Signals:
        region_wanted: a region's name, from another take.
    """

    region_wanted = Signal(str)

    def __init__(self, theme: Theme, model: EditModel, pictures: CameraPictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._model = theme, model
        self.setProperty("role", "panel")
        self.setAccessibleName("Edit timeline")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.canvas = EditCanvas(theme, model, pictures)
        column.addWidget(self._build_strip())
        column.addWidget(rule())
        column.addWidget(self.canvas, 1)
        model.transport.moved.connect(self._show_time)
        model.transport.playing_changed.connect(self._show_playing)
        model.take_changed.connect(self._show_take)
        model.selection_changed.connect(self._show_tangent)
        model.performance_changed.connect(self._show_length)
        self.canvas.zoomed.connect(self._show_zoom)
        self._show_take()

    def _build_strip(self) -> QWidget:
        theme, model = self._theme, self._model
        strip = QWidget()
        strip.setFixedHeight(39)
        line = QHBoxLayout(strip)
        line.setContentsMargins(10, 0, 8, 0)
        line.setSpacing(2)
        self.to_start = IconButton(theme, "skip-previous", "To the start", "Ctrl+Home")
        self.back = IconButton(theme, "step-backward", "A frame back", "Left")
        self.play = IconButton(theme, "play", "Play", "Space", "J, K and L shuttle.", icon_size=20)
        self.forward = IconButton(theme, "step-forward", "A frame on", "Right")
        self.to_end = IconButton(theme, "skip-next", "To the end", "End")
        self.loop = IconButton(theme, "repeat", "Over and over", "", "Between in and out point.")
        self.loop.setCheckable(True)
        self.loop.setChecked(model.transport.is_loop)
        self.loop.toggled.connect(model.transport.set_loop)
        transport = model.transport
        for button, act in ((self.to_start, lambda: transport.seek(0.0)), (self.back, lambda: transport.step(-FRAME_S)),
                            (self.play, transport.toggle), (self.forward, lambda: transport.step(FRAME_S)),
                            (self.to_end, lambda: transport.seek(model.seconds))):  # fmt: skip
            button.clicked.connect(act)
        for button in (self.to_start, self.back, self.play, self.forward, self.to_end, self.loop):
            line.addWidget(button)
        line.addSpacing(10)
        self._code = Words(theme, timecode(0))
        self._code.setFont(theme.mono(14))
        self._code.setFixedWidth(self._code.fontMetrics().horizontalAdvance(timecode(0)) + 4)
        line.addWidget(self._code)
        self._length = Words(theme, "", tone="t3")
        self._length.setFixedWidth(58)
        line.addWidget(self._length)
        line.addWidget(_divider())
        self._tools: dict[str, IconButton] = {}
        for name, icon, words, why in TOOLS:
            button = IconButton(theme, icon, words, why=why)
            button.setCheckable(True)
            button.setChecked(name == "select")
            button.clicked.connect(lambda _=False, n=name: self.set_tool(n))
            self._tools[name] = button
            line.addWidget(button)
        line.addWidget(_divider())
        self.magnet = IconButton(theme, "magnet-on", "Snap", why="Times keep to the grid.")
        self.magnet.setCheckable(True)
        self.magnet.setChecked(True)
        self.magnet.clicked.connect(self._set_snap)
        self.snap = QComboBox()
        for name, words in (("frame", "Frame"), ("tenth", "0.1 s")):
            self.snap.addItem(words, name)
        self.snap.setAccessibleName("Snap to")
        self.snap.setFixedWidth(88)
        self.snap.activated.connect(self._set_snap)
        line.addWidget(self.magnet)
        line.addWidget(self.snap)
        line.addSpacing(12)
        line.addWidget(Words(theme, "Tangents", tone="t2"))
        line.addSpacing(6)
        self.tangents = Segments(theme, TANGENTS, "Tangents", padding=10)
        self.tangents.chosen.connect(model.set_tangent)
        line.addWidget(self.tangents)
        line.addStretch()
        why = "Marks p, b and m that stay open, and silences in which the lips move."
        self.check = TextButton(theme, "Check lips", "check-circle-outline", kind="small", why=why)
        self.check.clicked.connect(model.lips.check)
        self.layers = TextButton(theme, "Add layer", "layers-plus", kind="small", why="Over the chosen stretch.")
        self.layers.setMenu(self._layer_menu())
        self.camera_key = IconButton(
            theme, "camera-plus-outline", "Key the camera", "Shift+I", "The viewport's camera becomes a key here."
        )
        self.camera_key.clicked.connect(lambda: model.add_camera_key())
        for button in (self.camera_key, self.check, self.layers):
            line.addWidget(button)
        line.addSpacing(6)
        less, more = (
            IconButton(theme, "minus", "Zoom out"),
            IconButton(theme, "plus", "Zoom in", why="Or Ctrl and the wheel."),
        )
        less.clicked.connect(lambda: self.canvas.set_zoom(self.canvas.layout_.zoom / 1.25))
        more.clicked.connect(lambda: self.canvas.set_zoom(self.canvas.layout_.zoom * 1.25))
        self._zoom = QSlider(Qt.Orientation.Horizontal)
        self._zoom.setProperty("kind", "quiet")
        self._zoom.setRange(0, 100)
        self._zoom.setFixedWidth(80)
        self._zoom.setAccessibleName("Zoom of the timeline")
        self._zoom.valueChanged.connect(
            lambda part: self.canvas.set_zoom(MIN_ZOOM * (MAX_ZOOM / MIN_ZOOM) ** (part / 100))
        )
        for widget in (less, self._zoom, more):
            line.addWidget(widget)
        return strip

    def _layer_menu(self) -> QMenu:
        model, menu = self._model, QMenu(self)
        menu.addAction("Override: values in place of the take's", lambda: model.add_layer(LayerKind.OVERRIDE))
        menu.addAction("Add: values on top of the take's", lambda: model.add_layer(LayerKind.ADD))
        menu.addAction("Scale: more or less of what the take does", lambda: model.add_layer(LayerKind.SCALE))
        menu.addAction("Smooth", lambda: model.add_layer(LayerKind.SMOOTH))
        part = menu.addMenu("From another take")
        for region in REGIONS:
            part.addAction(region.capitalize(), lambda r=region: self.region_wanted.emit(r))
        return menu

    def set_tool(self, tool: str) -> None:
        self.canvas.tool = tool
        for name, button in self._tools.items():
            button.setChecked(name == tool)

    def _set_snap(self) -> None:
        self._model.snap = self.snap.currentData() if self.magnet.isChecked() else "off"
        self.snap.setEnabled(self.magnet.isChecked())

    def _show_time(self, at: float) -> None:
        self._code.setText(timecode(at))

    def _show_length(self) -> None:
        minutes, seconds = divmod(int(self._model.seconds), 60)
        self._length.setText(f"of {minutes}:{seconds:02}")

    def _show_playing(self, speed: float) -> None:
        self.play.set_icon("pause" if speed else "play")
        self.play.describe("Pause" if speed else "Play", "Space", "J, K and L shuttle.")

    def _show_take(self) -> None:
        there = self._model.opened is not None
        transport = (self.to_start, self.back, self.play, self.forward, self.to_end, self.loop)
        for button in (*transport, self.check, self.layers, self.camera_key, self.tangents, *self._tools.values()):
            button.setEnabled(there)
        self._show_length()
        self._show_time(self._model.transport.playhead)

    def _show_tangent(self) -> None:
        key = self._model.selected_key()
        self.tangents.set_current(key.tangent if key is not None else self._model.tangent)

    def _show_zoom(self, zoom: float) -> None:
        self._zoom.blockSignals(True)
        self._zoom.setValue(round(100 * math.log(zoom / MIN_ZOOM) / math.log(MAX_ZOOM / MIN_ZOOM)))
        self._zoom.blockSignals(False)


def _divider() -> QWidget:
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(8, 9, 8, 9)
    row.addWidget(rule(vertical=True))
    return box
