"""The coefficient sliders of one group, painted in one widget: rows that rest, strips that follow the drive."""

import time
from collections import deque

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.panels.face_model import FaceModel
from app.panels.face_number_edit import NumberEdit
from app.panels.face_numbers import format_number, format_value
from app.panels.face_row_geometry import ROW, STRIP_H, STRIP_Y, RowGeometry
from app.panels.face_row_hand import RowHand
from app.panels.face_row_menu import open_row_menu
from app.panels.face_row_paint import RowLook, RowPalette, paint_row, paint_strip, paint_track
from app.theme.theme import Theme
from engine.controls import GROUPS, Combine, ControlSpec

TYPED = set("0123456789.,-+(")
JOIN_KEYS = {"=": Combine.REPLACE, "*": Combine.SCALE}
"""Pressed again, the control adds to the drive as before."""
OWN_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp, Qt.Key.Key_Delete)
STEP_KEYS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageDown: -10, Qt.Key.Key_PageUp: 10}


class ControlRows(QWidget):
    """One row for each control of a group.

    Signals: `dragging(bool)` while a slider is held; `moved(name)` when one was.
    """

    dragging = Signal(bool)
    moved = Signal(str)

    def __init__(
        self, model: FaceModel, theme: Theme, group: str, parent: QWidget | None = None, title: str = "",
        has_numbers: bool = True, has_marks: bool = True, has_strips: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.has_numbers, self.has_marks, self._has_strips = has_numbers, has_marks, has_strips
        self._model, self._theme, self.group = model, theme, group
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.title = title or GROUPS[group]
        self.setAccessibleName(f"{self.title} controls")
        self.specs: tuple[ControlSpec, ...] = ()
        self._drive_specs: tuple[ControlSpec, ...] = ()
        self._indices = np.zeros(0, np.int64)
        self._shown: list[int] = []
        self._driven = self._result = np.zeros(0, np.float32)
        self._marks = np.zeros((3, 0), np.int64)
        self._palette = RowPalette(theme)
        self._geometry = RowGeometry(self.width(), self.has_numbers)
        self._static: QPixmap | None = None
        self._static_geometry = self._geometry
        self._stale: set[int] = set()
        self._stretched: set[int] = set()
        self._looks: list[RowLook] = []
        self._keys: list[tuple] = []
        self.focused = 0
        self._hovered: tuple[int, str] = (-1, "")
        self.edit = NumberEdit(theme, self)
        self.hand = RowHand(self, model)
        self.paint_ms: deque[float] = deque(maxlen=240)
        theme.changed.connect(self._on_theme_changed)
        model.changed.connect(self._on_model_changed)
        model.specs_changed.connect(self._on_specs_changed)

    # What it shows

    def set_schema(self) -> None:
        """Takes the group's controls from the model's schema."""
        schema = self._model.schema
        self._indices = schema.indices(self.group)
        self._drive_specs = tuple(schema.specs[i] for i in self._indices)
        self.specs = tuple(self._model.spec(spec.name) for spec in self._drive_specs)
        n = len(self.specs)
        self._shown = list(range(n))
        self._driven = np.array([s.neutral for s in self._drive_specs], np.float32)
        self._result = self._driven.copy()
        self._column = {name: np.array([getattr(s, name) for s in self._drive_specs], np.float32)
                        for name in ("minimum", "maximum", "neutral")}  # fmt: skip
        self._span = np.maximum(self._column["maximum"] - self._column["minimum"], 1e-9)
        self._adds = np.array([s.combine is Combine.ADD for s in self.specs], bool)
        self.focused = 0
        self._keys = self._model.keys(self.specs)
        self._looks = [self._look(i) for i in range(n)]
        self._marks = np.zeros((3, n), np.int64)
        self._place_marks()
        self._rebuild()

    def show_frame(self, driven: np.ndarray, result: np.ndarray) -> None:
        """Takes a frame's values over the whole schema; repaints only the strips whose pixels change."""
        self._driven, self._result = driven[self._indices], result[self._indices]
        if self.isVisible():
            self._refresh_marks()

    def set_filter(self, names: set[str] | None) -> None:
        """Shows only some controls; None shows all."""
        shown = [i for i, spec in enumerate(self.specs) if names is None or spec.name in names]
        if shown != self._shown:
            self._shown = shown
            self.edit.hide()
            self._rebuild()

    @property
    def n_shown(self) -> int:
        return len(self._shown)

    def words(self, index: int) -> str:
        """A control in words, for the tooltip and for screen readers."""
        spec, model = self.specs[index], self._model
        said = [
            f"{spec.label}, driven {format_number(float(self._driven[index]))}",
            f"yours {format_value(model.value(spec.name), spec.unit)}",
            f"result {format_number(float(self._result[index]))}",
        ]
        if not self._has_strips:
            return f"{spec.label}, {format_value(model.value(spec.name), spec.unit)}"
        said += [word for word, on in (("muted", model.is_muted(spec.name)), ("soloed", model.is_soloed(spec.name)),
                                       ("locked", model.is_locked(spec.name))) if on]  # fmt: skip
        return ", ".join(said)

    def rect_of(self, name: str, part: str) -> QRectF:
        """Where a part of a control's row stands: number, name, track, handle, field, mute, solo, strip."""
        row = self._shown.index(next(i for i, spec in enumerate(self.specs) if spec.name == name))
        y = row * ROW
        if part == "handle":
            spec = self.specs[self._shown[row]]
            return self._geometry.handle(y, self._geometry.x_of(self._model.value(name), spec.minimum, spec.maximum))
        return getattr(self._geometry, part)(y)

    # Geometry for the hand

    @property
    def geometry_of_rows(self) -> RowGeometry:
        return self._geometry

    def row_at(self, y: float) -> int | None:
        """Index into `specs` of the row at a height."""
        row = int(y // ROW)
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def part_at(self, index: int, point: QPointF) -> str:
        y = self._shown.index(index) * ROW
        geometry = self._geometry
        parts = [("field", geometry.field(y)), ("track", geometry.track(y))]
        if len(self._model.joins_of(self.specs[index].name)) > 1:
            parts.insert(0, ("join", geometry.join(y)))
        if self.has_numbers:
            parts.append(("lock", geometry.number(y)))
        if self.has_marks:
            parts += [("mute", geometry.mute(y)), ("solo", geometry.solo(y))]
        for part, rect in parts:
            if rect.adjusted(-1, -2, 1, 2).contains(point):
                return part
        return "row"

    def open_edit(self, index: int, typed: str = "") -> None:
        """Opens the number of a row for typing."""
        spec = self.specs[index]
        if self._model.is_locked(spec.name):
            return
        self.focus_row(index)
        rect = self._geometry.field(self._shown.index(index) * ROW).toRect()
        words, keep = f"{spec.label}, value", lambda value: self._keep(spec, value)
        self.edit.open(rect, self._model.value(spec.name), words, keep, typed, spec.unit)

    def join_by(self, index: int, mode: Combine) -> None:
        """Lets a control join the drive in a way; where it does already, it adds again."""
        spec = self.specs[index]
        mode = Combine.ADD if spec.combine is mode else mode
        self._model.set_join(spec.name, mode, float(self._result[index]))

    def next_join(self, index: int) -> None:
        """The next way round: adds, scales, replaces."""
        spec = self.specs[index]
        modes = self._model.joins_of(spec.name)
        mode = modes[(modes.index(spec.combine) + 1) % len(modes)]
        self._model.set_join(spec.name, mode, float(self._result[index]))

    def focus_row(self, index: int) -> None:
        if index != self.focused:
            before, self.focused = self.focused, index
            self._touch(before, index)
        self.setAccessibleDescription(self.words(index))
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))

    def row_rect(self, index: int) -> QRect:
        return QRect(0, self._shown.index(index) * ROW, self.width(), ROW)

    # Painting

    def sizeHint(self) -> QSize:
        return QSize(376, ROW * len(self._shown))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, ROW * len(self._shown))

    def paintEvent(self, event: QPaintEvent) -> None:
        start = time.perf_counter()
        painter = QPainter(self)
        for rect in event.region():
            first, last = rect.top() // ROW, rect.bottom() // ROW
            is_strip = first == last and rect.height() <= STRIP_H and rect.top() - first * ROW >= STRIP_Y
            if not is_strip:
                self._paint_static(first, last)
                painter.drawPixmap(QRectF(rect), self._static, self._source(rect))
            for row in range(first, min(last + 1, len(self._shown))):
                index = self._shown[row]
                if is_strip:
                    painter.fillRect(rect, self._palette.ground(self._looks[index]))
                if self._has_strips:
                    paint_strip(painter, self._geometry, row * ROW, self._drive_specs[index], self._looks[index],
                                self._palette, *self._marks[:, index].tolist())  # fmt: skip
        painter.end()
        self.paint_ms.append((time.perf_counter() - start) * 1000.0)

    def resizeEvent(self, event) -> None:
        self._geometry = RowGeometry(self.width(), self.has_numbers)
        if len(self.specs):
            self._place_marks()

    def _paint_static(self, first: int, last: int) -> None:
        """Paints the stale ones of some rows into the pixmap of resting rows."""
        scale = self.devicePixelRatioF()
        if (
            self._static is None
            or self._static.devicePixelRatio() != scale
            or self._static_geometry.width != self._geometry.width
        ):
            self._make_static(scale)
        unpainted = self._stale | self._stretched
        rows = [row for row in range(first, min(last + 1, len(self._shown))) if self._shown[row] in unpainted]
        if not rows:
            return
        painter = QPainter(self._static)
        for row in rows:
            index = self._shown[row]
            paint = paint_row if index in self._stale else paint_track
            paint(painter, self._geometry, row * ROW, self.specs[index], self._looks[index], self._palette)
            self._stale.discard(index)
            self._stretched.discard(index)
        painter.end()

    def _make_static(self, scale: float) -> None:
        """A new pixmap of resting rows; of another width, names and numbers are taken over from the one before."""
        old, before, now = self._static, self._static_geometry, self._geometry
        size = QSize(round(max(1, self.width()) * scale), round(max(1, ROW * len(self._shown)) * scale))
        self._static, self._static_geometry = QPixmap(size), now
        left, right = before.middle(0).left() * scale, before.middle(0).right() * scale
        moved = (now.value_left - before.value_left) * scale
        if (
            old is None
            or old.devicePixelRatio() != scale
            or old.height() != size.height()
            or now.name_width != before.name_width
            or not all(place == round(place) for place in (left, right, moved))  # whole pixels of the screen
        ):
            self._stale, self._stretched = set(range(len(self.specs))), set()
        else:
            old.setDevicePixelRatio(1.0)
            painter = QPainter(self._static)
            painter.drawPixmap(0, 0, old, 0, 0, round(left), size.height())
            painter.drawPixmap(round(right + moved), 0, old, round(right), 0, old.width() - round(right), size.height())
            painter.end()
            self._stretched = set(range(len(self.specs)))
        self._static.setDevicePixelRatio(scale)

    def _source(self, rect: QRect) -> QRectF:
        scale = self._static.devicePixelRatio()
        return QRectF(rect.x() * scale, rect.y() * scale, rect.width() * scale, rect.height() * scale)

    def _look(self, index: int) -> RowLook:
        spec, model = self.specs[index], self._model
        is_soloed = model.is_soloed(spec.name)
        tail = spec.name.rsplit(".", 1)[-1]
        number = tail if len(tail) <= 3 and tail[:1].isdigit() else f"{index:02}"
        return RowLook(
            number=number if self.has_numbers else "",
            has_marks=self.has_marks,
            value=model.value(spec.name),
            is_muted=model.is_muted(spec.name),
            is_soloed=is_soloed,
            is_locked=model.is_locked(spec.name),
            is_dimmed=model.any_soloed and not is_soloed,
            hovered=self._hovered[1] if self._hovered[0] == index else "",
            is_focused=self.hasFocus() and self.focused == index and self._by_keyboard(),
            is_moved=model.value(spec.name) != spec.neutral,
        )

    def _by_keyboard(self) -> bool:
        return self.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)

    def _touch(self, *indices: int) -> None:
        """Looks at some rows again and repaints those that changed."""
        for index in indices:
            if 0 <= index < len(self.specs):
                look = self._look(index)
                if look != self._looks[index]:
                    self._looks[index] = look
                    self._stale.add(index)
                    if index in self._shown:
                        self.update(self.row_rect(index))

    def _refresh_marks(self) -> None:
        before = self._marks
        self._place_marks()
        seen = self.visibleRegion().boundingRect()  # rows that are scrolled away need no painting
        if seen.isEmpty():
            return
        changed = (before != self._marks).any(axis=0)
        left, width = round(self._geometry.strip(0).x()), round(self._geometry.strip(0).width())
        for row in range(seen.top() // ROW, min(seen.bottom() // ROW + 1, len(self._shown))):
            if changed[self._shown[row]]:
                self.update(left, row * ROW + STRIP_Y, width, STRIP_H)

    def _place_marks(self) -> None:
        """Pixels of driven, mixed and result of every row."""
        user = np.array([look.value for look in self._looks], np.float32)
        is_off = np.array([look.is_muted or look.is_dimmed for look in self._looks], bool)
        offset = np.where(self._adds, user - self._column["neutral"], 0.0)
        mixed = np.where(is_off, self._driven + offset, self._result)
        values = np.stack([self._driven, mixed, self._result])
        part = np.clip((values - self._column["minimum"]) / self._span, 0.0, 1.0)
        part[~np.isfinite(part)] = 0.0
        self._marks = np.rint(self._geometry.track_left + part * self._geometry.track_width).astype(np.int64)

    def _rebuild(self) -> None:
        self._static = None
        self.setFixedHeight(ROW * len(self._shown))
        self.updateGeometry()
        self.update()

    # Events

    def mousePressEvent(self, event) -> None:
        self.hand.press(event)

    def mouseMoveEvent(self, event) -> None:
        if self.hand.is_holding:
            self.hand.move(event)
        else:
            index = self.row_at(event.position().y())
            self._hover(index, self.part_at(index, event.position()) if index is not None else "")

    def mouseReleaseEvent(self, event) -> None:
        self.hand.release(event)

    def mouseDoubleClickEvent(self, event) -> None:
        self.hand.double_click(event)

    def wheelEvent(self, event) -> None:
        index = self.row_at(event.position().y())
        if not self.hasFocus() or index != self.focused:
            event.ignore()  # the panel scrolls; a slider moves under the wheel only when it has the focus
            return
        self.hand.step(index, 1 if event.angleDelta().y() > 0 else -1, event.modifiers(), "wheel")
        event.accept()

    def keyPressEvent(self, event) -> None:
        if not self._shown:
            super().keyPressEvent(event)
            return
        index = self.focused if self.focused in self._shown else self._shown[0]
        key = event.key()
        if key == Qt.Key.Key_Escape and self.hand.is_holding:
            self.hand.cancel()
        elif key in STEP_KEYS:
            self.hand.step(index, STEP_KEYS[key], event.modifiers(), "keys")
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._walk(1 if key == Qt.Key.Key_Down else -1, event)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_edit(index)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._model.reset([self.specs[index].name])
        elif key == Qt.Key.Key_Menu:
            open_row_menu(self, self._model, index, self.mapToGlobal(self.row_rect(index).bottomLeft()))
        elif event.text() in JOIN_KEYS:
            self.join_by(index, JOIN_KEYS[event.text()])
        elif event.text() and event.text() in TYPED:
            self.open_edit(index, event.text())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event) -> None:
        index = self.row_at(event.pos().y())
        if index is not None:
            self.focus_row(index)
            open_row_menu(self, self._model, index, event.globalPos())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and (
            event.text() in TYPED or event.text() in JOIN_KEYS or event.key() in OWN_KEYS
        ):
            event.accept()  # digits, arrows and Delete belong to the slider while it has the focus
            return True
        if event.type() == QEvent.Type.ToolTip:
            index = self.row_at(event.pos().y())
            if index is not None:
                spec = self.specs[index]
                why = f"{spec.description.rstrip('.')}. " if spec.description else ""
                words = f"{spec.label}  {spec.name}. {why}{self.words(index)}."
                QToolTip.showText(event.globalPos(), self._model.basis_strip.tip(spec.name, words), self)
            return True
        return super().event(event)

    def leaveEvent(self, event) -> None:
        self._hover(None, "")

    def focusInEvent(self, event) -> None:
        self._touch(self.focused)
        if len(self.specs):
            self.focus_row(self.focused)
        super().focusInEvent(event)

    def focusOutEvent(self, event) -> None:
        self._touch(self.focused)
        super().focusOutEvent(event)

    def _hover(self, index: int | None, part: str) -> None:
        hovered = (index if index is not None else -1, part)
        if hovered != self._hovered:
            before, self._hovered = self._hovered[0], hovered
            self._touch(before, hovered[0])

    def _walk(self, way: int, event) -> None:
        """Moves the keyboard's row; at either end the next group takes over."""
        row = self._shown.index(self.focused) if self.focused in self._shown else 0
        if 0 <= row + way < len(self._shown):
            self.focus_row(self._shown[row + way])
            self.moved.emit(self.specs[self.focused].name)
        elif not self.focusNextPrevChild(way > 0):
            event.ignore()

    def _keep(self, spec: ControlSpec, value: float) -> None:
        self._model.change(f"Set {spec.label}", {spec.name: value})

    def _on_model_changed(self) -> None:
        if not self.specs:
            return
        keys = self._model.keys(self.specs)
        moved = [i for i, (now, before) in enumerate(zip(keys, self._keys, strict=True)) if now != before]
        if moved:
            self._keys = keys
            self._touch(*moved)
            self._refresh_marks()

    def _on_specs_changed(self) -> None:
        self.specs = tuple(self._model.spec(spec.name) for spec in self._drive_specs)
        self._adds = np.array([s.combine is Combine.ADD for s in self.specs], bool)
        self._stale = set(range(len(self.specs)))
        self._looks = [self._look(i) for i in range(len(self.specs))]
        self.edit.hide()
        self.update()

    def _on_theme_changed(self) -> None:
        self._palette = RowPalette(self._theme)
        self._static = None
        self.update()
