"""The right panel while editing: the selected key, the selected layer, and curve clean-up; lip flags below."""

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.edit.canvas_paint import layer_words
from app.edit.model import EditModel
from app.panels.face_numbers import format_number
from app.theme.buttons import Segments, TextButton, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, SIZES, TYPE
from app.windows.form import Form, beside
from engine.performance.clean_up import largest_error
from engine.performance.layers import LayerKind

TANGENTS = (("auto", "Auto"), ("flat", "Flat"), ("linear", "Linear"), ("step", "Step"))
LABELS, PAIR = 62, 101


class DecimalBox(QDoubleSpinBox):
    """A number with its unit: right-aligned, a real minus sign, the wheel only with the focus.

    Signals:
        set_by_hand: the value a person gave it.
    """

    set_by_hand = Signal(float)

    def __init__(
        self, theme: Theme, low: float, high: float, unit: str = "", decimals: int = 2, step: float = 0.01
    ) -> None:
        super().__init__()
        self.setFont(theme.font())
        self.setRange(low, high)
        self.setDecimals(decimals)
        self.setSingleStep(step)
        self.setSuffix(f" {unit}" if unit else "")
        self.setFixedHeight(SIZES.button)
        self.setMinimumWidth(64)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.valueChanged.connect(self.set_by_hand)

    def show_value(self, value: float) -> None:
        """Shows another value without telling anyone."""
        self.blockSignals(True)
        self.setValue(value)
        self.blockSignals(False)

    def textFromValue(self, value: float) -> str:
        return f"{value:.{self.decimals()}f}".replace("-", "−")

    def valueFromText(self, text: str) -> float:
        return float(text.removesuffix(self.suffix()).strip().replace("−", "-").replace(",", ".") or 0)

    def validate(self, text: str, position: int):
        state, _, at = super().validate(text.replace("−", "-"), position)
        return state, text, at

    def wheelEvent(self, event) -> None:
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class KeyPage(QWidget):
    """Time, value, tangent and handles of the selected key; what the lip check found below it."""

    def __init__(self, theme: Theme, model: EditModel) -> None:
        super().__init__()
        self._theme, self._model = theme, model
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(10)
        self._title, self._layer = Words(theme, "", TYPE.card_title, SEMIBOLD), QLabel()
        self._layer.setProperty("kind", "chip")
        self._layer.setFont(theme.font(TYPE.secondary))
        head = QHBoxLayout()
        head.setSpacing(8)
        self._mark = QLabel()
        self._mark.setPixmap(theme.pixmap("rhombus", 14, "acc", self))
        head.addWidget(self._mark)
        head.addWidget(self._title, 1)
        head.addWidget(self._layer)
        column.addLayout(head)
        self._hint = Words(theme, "Click a key, or double-click in the curves to add one.", tone="t3", wrap=True)
        column.addWidget(self._hint)
        self._fields = QWidget()
        form = Form(theme, LABELS)
        self._fields.setLayout(form)
        self.time = DecimalBox(theme, 0, 36_000, "s")
        self.value = DecimalBox(theme, -1000, 1000)
        self.tangent = Segments(theme, TANGENTS, "Tangent", padding=8)
        self.handles = [[DecimalBox(theme, 0.005, 100, "s"), DecimalBox(theme, -1000, 1000)] for _ in range(2)]
        form.add_row("Time", self.time)
        form.add_row("Value", self.value)
        form.add_row("Tangent", self.tangent)
        for words, boxes in zip(("In", "Out"), self.handles, strict=True):
            form.add_row(words, beside(*boxes, stretch=0))
            boxes[1].setFixedWidth(PAIR)
            for box, name in zip(boxes, ("seconds", "value"), strict=True):
                box.setAccessibleName(f"{words} handle, {name}")
                box.set_by_hand.connect(self._set_handles)
        self.time.set_by_hand.connect(lambda v: self._change(time=v))
        self.value.set_by_hand.connect(lambda v: self._change(value=v))
        self.tangent.chosen.connect(model.set_tangent)
        column.addWidget(self._fields)
        self.lips = LipCard(theme, model)
        column.addWidget(self.lips)
        column.addStretch()
        model.selection_changed.connect(self._show)
        model.performance_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        model, key = self._model, self._model.selected_key()
        self._fields.setVisible(key is not None)
        self._hint.setVisible(key is None)
        self._layer.setVisible(key is not None)
        self._mark.setVisible(key is not None)
        self.layout().activate()  # at once: the title stands at the left edge where there is no mark
        control = model.selected.control
        schema = model.schema
        label = schema.specs[schema.index(control)].label if schema is not None and control in schema else ""
        self._title.setText(label or "No key selected")
        if key is None:
            return
        layer = model.edit.layer(model.selected.layer)
        self._layer.setText(layer.name)
        self.time.show_value(key.time)
        self.value.show_value(key.value)
        self.tangent.set_current(key.tangent)
        curve = layer.curves[control]
        for boxes, (seconds, value) in zip(self.handles, curve.handles_of(curve.keys.index(key)), strict=True):
            boxes[0].show_value(seconds)
            boxes[1].show_value(value)

    def _change(self, **fields) -> None:
        key = self._model.selected_key()
        if key is not None:
            self._model.move_key(replace(key, **fields))

    def _set_handles(self, _: float) -> None:
        handle_in, handle_out = ((s.value(), v.value()) for s, v in self.handles)
        self._change(tangent="free", handle_in=handle_in, handle_out=handle_out)


class LipCard(QFrame):
    """One thing the lip check found, with its fix."""

    def __init__(self, theme: Theme, model: EditModel) -> None:
        super().__init__()
        self._model, self._flag = model, None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addWidget(rule())
        line = QHBoxLayout()
        icon = QLabel()
        icon.setPixmap(theme.pixmap("alert", 16, "warn", self))
        self._title = Words(theme, "", weight=SEMIBOLD)
        line.addWidget(icon)
        line.addWidget(self._title, 1)
        column.addLayout(line)
        self._words = Words(theme, "", tone="t2", wrap=True)
        column.addWidget(self._words)
        buttons = QHBoxLayout()
        self.mend = TextButton(theme, "Close the lips", "check", kind="primary")
        self.ignore = TextButton(theme, "Ignore")
        self.next = TextButton(theme, "Next", kind="link")
        for button, act in ((self.mend, self._mend), (self.ignore, self._ignore), (self.next, self._next)):
            button.clicked.connect(act)
            buttons.addWidget(button)
        buttons.addStretch()
        column.addLayout(buttons)
        model.lips.flag_shown.connect(self._show)
        model.lips.changed.connect(self._refresh)
        model.performance_changed.connect(self._refresh)
        self.hide()

    def _refresh(self) -> None:
        flags = self._model.lips.flags
        still = next((f for f in flags if self._flag is not None and abs(f.at - self._flag.at) < 0.05), None)
        self._show(still or (flags[0] if flags else None))

    def _show(self, flag) -> None:
        self._flag = flag
        self.setVisible(flag is not None)
        if flag is None:
            return
        self._title.setText(f"{flag.words}, {flag.at:.2f} s")
        is_open = flag.kind == "open"
        self._words.setText("They need to close for about 60 ms. The fix adds keys to a new layer." if is_open else
                            "Nobody speaks here. The fix rests the mouth in a new layer.")  # fmt: skip
        self.mend.setText(" Close the lips" if is_open else " Still the lips")
        self.next.setVisible(len(self._model.lips.flags) > 1)

    def _mend(self) -> None:
        self._model.lips.mend(self._flag)

    def _ignore(self) -> None:
        self._model.lips.ignore(self._flag)

    def _next(self) -> None:
        flags = self._model.lips.flags
        index = next((i for i, f in enumerate(flags) if abs(f.at - self._flag.at) < 1e-6), -1)
        flag = flags[(index + 1) % len(flags)]
        self._model.transport.seek(flag.at)
        self._show(flag)


class LayerPage(QWidget):
    """The layers from top to bottom, and the selected one's numbers."""

    def __init__(self, theme: Theme, model: EditModel) -> None:
        super().__init__()
        self._model = model
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(10)
        self._title = Words(theme, "", TYPE.card_title, SEMIBOLD)
        self._what = Words(theme, "", tone="t3", wrap=True)
        column.addWidget(self._title)
        column.addWidget(self._what)
        self._fields = QWidget()
        form = Form(theme, LABELS)
        self._fields.setLayout(form)
        self.name = QLineEdit()
        self.name.setFont(theme.font())
        self.name.editingFinished.connect(self._rename)
        form.add_row("Name", self.name)
        self.strength = DecimalBox(theme, 0, 200, "%", 0, 1)
        self.start, self.end = (DecimalBox(theme, 0, 36_000, "s") for _ in range(2))
        self.fade_in, self.fade_out = (DecimalBox(theme, 0, 60, "s") for _ in range(2))
        self.smooth = DecimalBox(theme, 0, 2000, "ms", 0, 10)
        form.add_row("Strength", self.strength)
        for second in (self.end, self.fade_out):
            second.setFixedWidth(PAIR)
        form.add_row("From, to", beside(self.start, self.end, stretch=0))
        form.add_row("Fades", beside(self.fade_in, self.fade_out, stretch=0))
        form.add_row("Smooth", self.smooth)
        self._boxes = {"strength": (self.strength, 0.01), "start": (self.start, 1.0), "end": (self.end, 1.0),
                       "fade_in": (self.fade_in, 1.0), "fade_out": (self.fade_out, 1.0),
                       "smooth_ms": (self.smooth, 1.0)}  # fmt: skip
        for name, (box, scale) in self._boxes.items():
            box.setAccessibleName(name.replace("_", " "))
            box.set_by_hand.connect(lambda v, n=name, s=scale: self._set(n, v * s))
        column.addWidget(self._fields)
        row = QHBoxLayout()
        self.raise_ = TextButton(theme, "Up", "chevron-up", kind="small")
        self.lower = TextButton(theme, "Down", "chevron-down", kind="small")
        self.delete = TextButton(theme, "Delete", "delete-outline", kind="small")
        self.raise_.clicked.connect(lambda: model.raise_layer(model.selected.layer, 1))
        self.lower.clicked.connect(lambda: model.raise_layer(model.selected.layer, -1))
        self.delete.clicked.connect(self._delete)
        for button in (self.raise_, self.lower, self.delete):
            row.addWidget(button)
        row.addStretch()
        self._buttons = QWidget()
        self._buttons.setLayout(row)
        row.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._buttons)
        column.addStretch()
        model.selection_changed.connect(self._show)
        model.performance_changed.connect(self._show)
        self._show()

    def _layer(self):
        return next((layer for layer in self._model.edit.layers if layer.id == self._model.selected.layer), None)

    def _show(self) -> None:
        layer = self._layer()
        for widget in (self._fields, self._buttons):
            widget.setVisible(layer is not None)
        self._title.setText(layer.name if layer else "No layer selected")
        n = len(self._model.edit.layers)
        none = f"{n} layers lie over the take; click one." if n else "Add layer lays one over the chosen stretch."
        self._what.setText(layer_words(layer) if layer else none)
        if layer is None:
            return
        if not self.name.hasFocus():
            self.name.setText(layer.name)
        for name, (box, scale) in self._boxes.items():
            box.show_value(getattr(layer, name) / scale)
        self.smooth.setEnabled(layer.kind is LayerKind.SMOOTH)

    def _set(self, name: str, value: float) -> None:
        layer = self._layer()
        if layer is not None:
            self._model.change_layer("Change a layer", layer.id, f"{name} {layer.id}", **{name: value})

    def _rename(self) -> None:
        layer, name = self._layer(), self.name.text().strip()
        if layer is not None and name and name != layer.name:
            self._model.change_layer("Rename a layer", layer.id, name=name)

    def _delete(self) -> None:
        layer = self._layer()
        if layer is not None:
            self._model.change("Delete a layer", lambda edit: edit.without_layer(layer.id))


class CleanUpPage(QWidget):
    """Smoothing and key reduction of a curve, with the numbers before it is done."""

    def __init__(self, theme: Theme, model: EditModel) -> None:
        super().__init__()
        self._model = model
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(10)
        self._title = Words(theme, "", TYPE.card_title, SEMIBOLD)
        column.addWidget(self._title)
        form = Form(theme, LABELS)
        self.smooth = DecimalBox(theme, 0, 1000, "ms", 0, 10)
        self.smooth.show_value(60)
        self.error = DecimalBox(theme, 0.001, 10, "", 3, 0.01)
        self.error.show_value(0.02)
        form.add_row("Smooth", self.smooth)
        form.add_row("Error", self.error, "The keys are nowhere farther from the smoothed curve than this.")
        column.addLayout(form)
        self._words = Words(theme, "", tone="t2", wrap=True)
        column.addWidget(self._words)
        self.go = TextButton(theme, "Make keys", "vector-curve", kind="primary", why="On a layer of their own.")
        self.go.clicked.connect(lambda: model.clean_up(self._control(), self.smooth.value(), self.error.value()))
        column.addWidget(self.go, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch()
        for signal in (self.smooth.set_by_hand, self.error.set_by_hand):
            signal.connect(lambda _: self._preview())
        for signal in (model.selection_changed, model.curves_changed, model.take_changed):
            signal.connect(self._preview)
        self._preview()

    def _control(self) -> str:
        model = self._model
        return model.selected.control or (model.shown[0] if model.shown else "")

    def showEvent(self, event) -> None:
        self._preview()

    def _preview(self) -> None:
        model, control = self._model, self._control()
        there = model.performance is not None and bool(control) and control in (model.schema or ())
        self.go.setEnabled(there)
        if not there:
            self._title.setText("No curve selected")
            self._words.setText("Click a curve, or its name.")
            return
        self._title.setText(model.schema.specs[model.schema.index(control)].label)
        if not self.isVisible():
            return
        p, index = model.performance, model.schema.index(control)
        curve = model.cleaned(control, self.smooth.value(), self.error.value())
        first, last = model.range or (0.0, model.seconds)
        inside = (p.times >= first) & (p.times <= last)
        away = largest_error(curve, p.times[inside], p.values[inside, index])
        self._words.setText(f"{len(curve)} keys in place of {int(inside.sum())} values; "
                            f"at most {format_number(away)} from what it does now.")  # fmt: skip
