"""The lanes as a widget: what the mouse and the wheel do on them."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.edit.camera_pictures import CameraPictures
from app.edit.canvas_paint import LanePainter
from app.edit.curve_hits import HIT, CurveHits
from app.edit.lane_menus import LaneMenus
from app.edit.lanes import HEADER, RULER, Lane, LaneLayout
from app.edit.model import EditModel, Selected
from app.theme.theme import Theme
from engine.performance.layers import LayerKind

EDGE = 6


class EditCanvas(QWidget):
    """Lanes of one take.

    Signals:
        zoomed: pixels a second.
    """

    zoomed = Signal(float)

    def __init__(self, theme: Theme, model: EditModel, pictures: CameraPictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._model = theme, model
        self.layout_ = LaneLayout(model)
        self._painter = LanePainter(theme, model, self.layout_, pictures)
        self._hits = CurveHits(model, self.layout_, self._painter.curves)
        self._menus = LaneMenus(self, model, self.layout_)
        self.tool = "select"
        self._drag: _Drag | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Lanes of the take")
        theme.changed.connect(self.update)
        for signal in (model.performance_changed, model.selection_changed, model.curves_changed, model.lips.changed,
                       pictures.changed):  # fmt: skip
            signal.connect(self.update)
        model.take_changed.connect(self._on_take)
        model.transport.moved.connect(self._on_playhead)

    def set_zoom(self, zoom: float) -> None:
        self.layout_.set_zoom(zoom, self._model.transport.playhead)
        self.zoomed.emit(self.layout_.zoom)
        self.update()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.color("panel"))
        self._painter.paint(painter, self.width(), self.height())

    def resizeEvent(self, event) -> None:
        self.layout_.width = self.width()
        super().resizeEvent(event)

    def _on_take(self) -> None:
        self.layout_.width = self.width()
        self.layout_.fit(self._model.seconds)
        self.zoomed.emit(self.layout_.zoom)
        self.update()

    def _on_playhead(self, at: float) -> None:
        first, last = self.layout_.shown
        if self._model.transport.speed and not first <= at <= last - 0.04 * (last - first):
            self.layout_.start = max(0.0, at - 0.1 * (last - first))
        self.update()

    # Mouse

    def mousePressEvent(self, event) -> None:
        at, model = event.position(), self._model
        if model.opened is None:
            return
        self.setFocus()
        if event.button() == Qt.MouseButton.RightButton:
            self._menus.open(at, event.globalPosition().toPoint())
            return
        if event.button() != Qt.MouseButton.LeftButton:
            return
        lane = self.layout_.lane_at(at.y())
        if at.x() < HEADER:
            self._press_header(lane, at)
        elif at.y() < RULER:
            self._drag = self._press_ruler(at)
            self._drag.move(at)
        elif lane is not None:
            self._drag = self._press_lane(lane, at, event.modifiers())

    def mouseMoveEvent(self, event) -> None:
        if self._drag is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag.move(event.position())
        else:
            self._set_cursor(event.position())

    def mouseReleaseEvent(self, event) -> None:
        drag, self._drag = self._drag, None
        if drag is not None:
            drag.end()

    def mouseDoubleClickEvent(self, event) -> None:
        at, model = event.position(), self._model
        lane = self.layout_.lane_at(at.y())
        if model.opened is None or lane is None or at.x() < HEADER:
            return
        time = self.layout_.time(at.x())
        if lane.kind == "curves":
            control = model.selected.control or (model.shown[0] if model.shown else "")
            if control:
                layer = model.key_layer()
                is_value = layer is None or layer.kind is LayerKind.OVERRIDE
                model.add_key(control, time, self.layout_.value(control, at.y(), lane.rect) if is_value else None)
        elif lane.kind == "blink":
            model.add_blink(time)
        elif lane.kind == "gaze":
            model.add_gaze(time, 0.0, 0.0)
        elif lane.kind == "camera":
            model.transport.seek(model.snapped(time))
            model.add_camera_key()

    def keyPressEvent(self, event) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self._model.delete_selected()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event) -> None:
        steps, layout = event.angleDelta().y() / 120, self.layout_
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            layout.set_zoom(layout.zoom * 1.25**steps, layout.time(max(HEADER, event.position().x())))
            self.zoomed.emit(layout.zoom)
        elif event.position().x() < HEADER or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            layout.top = min(max(0.0, layout.top - 26 * steps), max(0.0, layout.content_height - self.height()))
        else:
            layout.scroll(-steps * 60)
        event.accept()
        self.update()

    def _press_ruler(self, at: QPointF) -> "_Drag":
        model, layout = self._model, self.layout_
        edit = model.edit
        last = edit.last if edit.last is not None else model.seconds
        if at.y() <= 7:
            for name, time in (("first", edit.first or 0.0), ("last", last)):
                if abs(layout.x(time) - at.x()) <= HIT:
                    return _Drag(partial(self._drag_end, name))
        was_playing = model.transport.speed != 0
        if was_playing:
            model.transport.pause()
        return _Drag(
            lambda p: model.transport.seek(model.snapped(layout.time(p.x()))),
            model.transport.play if was_playing else None,
        )

    def _drag_end(self, name: str, p: QPointF) -> None:
        self._model.set_end(name, self._end_at(name, p))

    def _end_at(self, name: str, p: QPointF) -> float | None:
        model = self._model
        time = min(max(0.0, model.snapped(self.layout_.time(p.x()))), model.seconds)
        edit = model.edit
        if name == "first":
            last = edit.last if edit.last is not None else model.seconds
            return min(time, last - 0.04) if time > 0.02 else None
        return max(time, (edit.first or 0.0) + 0.04) if time < model.seconds - 0.02 else None

    def _press_header(self, lane: Lane | None, at: QPointF) -> None:
        model = self._model
        if lane is None:
            return
        if lane.kind == "layer":
            layer = model.edit.layer(lane.layer)
            if 156 <= at.x() <= 179:
                model.change_layer("Mute a layer", layer.id, is_muted=not layer.is_muted)
            elif 180 <= at.x() <= 202:
                model.change_layer("Solo a layer", layer.id, is_soloed=not layer.is_soloed)
            else:
                model.select(Selected("layer", layer.id))
        elif lane.kind == "voice" and at.x() > HEADER - 34:
            model.transport.set_volume(0.0 if model.transport.volume > 0 else 1.0)
            self.update()
        elif lane.kind == "curves":
            index = int((at.y() - lane.rect.top() - 12) // 21)
            if 0 <= index < len(model.shown):
                model.select(Selected("curve", model.selected.layer, model.shown[index]))
            elif index == len(model.shown):
                self._menus.open_curves(self.mapToGlobal(at.toPoint()))

    def _press_lane(self, lane: Lane, at: QPointF, modifiers) -> "_Drag | None":
        model, layout = self._model, self.layout_
        time = layout.time(at.x())
        if self.tool == "cut" and lane.kind in ("raw", "voice"):
            model.transport.seek(model.snapped(time))
            model.split()
            return None
        if self.tool == "range" or modifiers & Qt.KeyboardModifier.AltModifier or lane.kind == "voice":
            return self._drag_range(time)
        if self.tool == "key" and lane.kind == "curves":
            control = model.selected.control or (model.shown[0] if model.shown else "")
            model.add_key(control, time)
            return None
        press = {"curves": self._press_curves, "layer": self._press_layer, "blink": self._press_mark,
                 "gaze": self._press_mark, "camera": self._press_camera, "lips": self._press_lips}  # fmt: skip
        model.set_range(None)
        return press[lane.kind](lane, at) if lane.kind in press else None

    def _drag_range(self, begin: float) -> "_Drag":
        model, layout = self._model, self.layout_
        model.set_range(None)

        def move(p: QPointF) -> None:
            a, b = model.snapped(begin), model.snapped(layout.time(p.x()))
            if abs(b - a) * layout.zoom > 3:
                model.set_range((max(0.0, min(a, b)), min(model.seconds, max(a, b))))

        def end() -> None:
            if model.range is None:
                model.transport.seek(model.snapped(begin))

        return _Drag(move, end)

    def _press_curves(self, lane: Lane, at: QPointF) -> "_Drag | None":
        model, layout = self._model, self.layout_
        hit = self._hits.handle(lane, at)
        if hit is not None:
            return self._drag_handle(lane, hit)
        found = self._hits.key(lane, at)
        if found is None:
            control = self._hits.curve(lane, at)
            if control:
                model.select(Selected("curve", model.selected.layer, control))
            return None
        layer_id, control, key = found
        model.select(Selected("key", layer_id, control, key.time))
        layer = model.edit.layer(layer_id)

        def move(p: QPointF) -> None:
            old = model.selected_key()
            if old is None:
                return
            value = old.value
            if layer.kind is LayerKind.OVERRIDE:
                value = layout.value(control, p.y(), lane.rect)
            elif layer.kind is LayerKind.ADD:
                value = old.value + layout.value(control, p.y(), lane.rect) - model.value_at(control, old.time)
            spec = model.schema.specs[model.schema.index(control)]
            span = spec.maximum - spec.minimum
            value = min(max(value, spec.minimum - span), spec.maximum + span)
            time = min(max(model.snapped(layout.time(p.x())), 0.0), model.seconds)
            model.move_key(replace(old, time=time, value=float(value)))

        return _Drag(move)

    def _drag_handle(self, lane: Lane, which: int) -> "_Drag":
        model, layout = self._model, self.layout_

        def move(p: QPointF) -> None:
            key, s = model.selected_key(), model.selected
            if key is None:
                return
            layer = model.edit.layer(s.layer)
            y = self._painter.curves.key_y(layer, s.control, key.time, key.value, lane)
            low, high = layout.range_of(s.control)
            value = (y - p.y()) / (lane.rect.height() - 24) * (high - low)
            seconds = max(0.005, (p.x() - layout.x(key.time)) / layout.zoom * (1 if which else -1))
            index = layer.curves[s.control].keys.index(key)
            handles = list(layer.curves[s.control].handles_of(index))
            handles[which] = (seconds, value)
            model.move_key(replace(key, tangent="free", handle_in=handles[0], handle_out=handles[1]))

        return _Drag(move)

    def _press_layer(self, lane: Lane, at: QPointF) -> "_Drag | None":
        model, layout = self._model, self.layout_
        layer = model.edit.layer(lane.layer)
        left, right = layout.x(layer.start), layout.x(layer.end)
        if not left - EDGE <= at.x() <= right + EDGE:
            return None
        model.select(Selected("layer", layer.id))
        begin = layout.time(at.x())

        def move(p: QPointF) -> None:
            by = layout.time(p.x()) - begin
            merge = f"layer {layer.id}"
            if at.x() < left + EDGE:
                start = min(max(0.0, model.snapped(layer.start + by)), layer.end - 0.04)
                model.change_layer("Trim a layer", layer.id, merge, start=start)
            elif at.x() > right - EDGE:
                model.change_layer(
                    "Trim a layer", layer.id, merge, end=max(model.snapped(layer.end + by), layer.start + 0.04)
                )
            else:
                by = max(-layer.start, model.snapped(layer.start + by) - layer.start)
                curves = {name: curve.mapped(lambda t: t + by) for name, curve in layer.curves.items()}
                model.change_layer(
                    "Move a layer", layer.id, merge, start=layer.start + by, end=layer.end + by, curves=curves
                )

        return _Drag(move)

    def _press_mark(self, lane: Lane, at: QPointF) -> "_Drag | None":
        model, layout = self._model, self.layout_
        marks = model.blinks() if lane.kind == "blink" else (model.edit.gazes or ())
        mark = next((m for m in marks if abs(layout.x(m.time) - at.x()) <= HIT), None)
        if mark is None:
            model.select(Selected())
            return None
        model.select(Selected(lane.kind, time=mark.time))
        others = tuple(m for m in marks if m is not mark)

        def move(p: QPointF) -> None:
            time = min(max(model.snapped(layout.time(p.x())), 0.0), model.seconds)
            name, made = f"{lane.kind}s", (*others, replace(mark, time=time))
            if model.change(
                f"Move a {lane.kind}", lambda edit: replace(edit, **{name: made}), merge=f"{name} {mark.time}"
            ):
                model.select(Selected(lane.kind, time=time))

        return _Drag(move)

    def _press_camera(self, lane: Lane, at: QPointF) -> "_Drag | None":
        model, layout = self._model, self.layout_
        path = model.edit.camera
        boxes = ((key, layout.camera_box(key.time, lane.rect)) for key in path.keys)
        key = next((key for key, box in boxes if box.left() <= at.x() <= box.right()), None)
        if key is None:
            model.select(Selected())
            return None
        model.select(Selected("camera", time=key.time))
        others = path.without(key.time)

        def move(p: QPointF) -> None:
            time = min(max(model.snapped(layout.time(p.x())), 0.0), model.seconds)
            made = others.with_key(replace(key, time=time))
            if model.change("Move a camera key", lambda edit: replace(edit, camera=made), merge=f"camera {key.time}"):
                model.select(Selected("camera", time=time))

        return _Drag(move)

    def _press_lips(self, lane: Lane, at: QPointF) -> None:
        flag = next((f for f in self._model.lips.flags if 0 <= at.x() - self.layout_.x(f.start) <= 170), None)
        if flag is not None:
            self._model.transport.seek(flag.at)
            self._model.lips.show(flag)

    def _set_cursor(self, at: QPointF) -> None:
        lane = self.layout_.lane_at(at.y())
        shape = Qt.CursorShape.ArrowCursor
        if lane is not None and at.x() >= HEADER:
            if lane.kind == "layer":
                layer = self._model.edit.layer(lane.layer)
                edges = (self.layout_.x(layer.start), self.layout_.x(layer.end))
                if any(abs(x - at.x()) <= EDGE for x in edges):
                    shape = Qt.CursorShape.SizeHorCursor
            elif self.tool == "cut" and lane.kind in ("raw", "voice"):
                shape = Qt.CursorShape.CrossCursor
            elif self.tool == "range" or lane.kind == "voice":
                shape = Qt.CursorShape.IBeamCursor
        self.setCursor(shape)
        QToolTip.hideText()


class _Drag:
    """What a pressed button does until it is let go."""

    def __init__(self, move, end=None) -> None:
        self.move = move
        self._end = end

    def end(self) -> None:
        if self._end is not None:
            self._end()
