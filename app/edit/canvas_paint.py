"""Paints the lanes of the Edit timeline."""

import itertools

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen, QPolygonF

from app.edit.camera_pictures import CameraPictures
from app.edit.curve_paint import CurvePainter, draw_diamond
from app.edit.lanes import HEADER, RULER, Lane, LaneLayout
from app.edit.model import EditModel
from app.edit.track import PEAKS_HZ
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE
from app.timeline.strip import TICK_STEPS, ruler_text
from engine.performance.layers import EditLayer, LayerKind

TITLES = {
    "voice": ("Voice", "waveform"), "phones": ("Phones", "account-voice"),
    "lips": ("Lip check", "check-circle-outline"), "raw": ("Raw take", "record-circle-outline"),
    "blink": ("Blink", "eye-outline"), "gaze": ("Gaze", "eye-circle-outline"), "camera": ("Camera", "video-outline"),
}  # fmt: skip
LAYER_COLORS = {LayerKind.SMOOTH: ("take", "take_soft"), LayerKind.REGION: ("take", "take_soft")}
BAR_STEP = 3
FLAGS = Qt.AlignmentFlag


class LanePainter:
    """Draws one picture of the lanes; kept between pictures for its fonts only."""

    def __init__(self, theme: Theme, model: EditModel, layout: LaneLayout, pictures: CameraPictures) -> None:
        self._theme, self._model, self._layout, self._pictures = theme, model, layout, pictures
        self.curves = CurvePainter(theme, model, layout)

    def paint(self, p: QPainter, width: int, height: int) -> None:
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        for lane in self._layout.lanes():
            if lane.rect.bottom() > RULER and lane.rect.top() < height:
                self._paint_lane(p, lane, width)
        p.fillRect(QRectF(0, 0, width, RULER), self._theme.color("panel"))
        self._paint_ruler(p, width)
        self._paint_range(p, height)
        p.setPen(QPen(self._theme.color("line"), 1))
        p.drawLine(QPointF(HEADER - 0.5, 0), QPointF(HEADER - 0.5, height))
        self._paint_playhead(p, height)

    # Lanes

    def _paint_lane(self, p: QPainter, lane: Lane, width: int) -> None:
        theme = self._theme
        p.save()
        p.setClipRect(QRectF(0, max(RULER, lane.rect.top()), width, lane.rect.bottom() - max(RULER, lane.rect.top())))
        if lane.kind == "curves":
            p.fillRect(QRectF(HEADER, lane.rect.top(), width - HEADER, lane.rect.height()), theme.color("field"))
        p.setPen(QPen(theme.color("line"), 1))
        p.drawLine(QPointF(0, lane.rect.bottom() - 0.5), QPointF(width, lane.rect.bottom() - 0.5))
        self._paint_header(p, lane)
        p.setClipRect(QRectF(HEADER, max(RULER, lane.rect.top()), width - HEADER, lane.rect.height()))
        paint = self.curves.paint if lane.kind == "curves" else getattr(self, f"_paint_{lane.kind}")
        paint(p, lane)
        p.restore()

    def _paint_header(self, p: QPainter, lane: Lane) -> None:
        theme, rect = self._theme, lane.rect
        if lane.kind == "curves":
            self.curves.paint_names(p, rect)
            return
        layer = self._layer(lane) if lane.kind == "layer" else None
        title, icon = (layer.name, "layers-outline") if layer else TITLES[lane.kind]
        chosen = layer is not None and self._model.selected.layer == layer.id
        if chosen:
            p.fillRect(QRectF(0, rect.top(), HEADER - 1, rect.height() - 1), theme.color("soft"))
        token = "soft_text" if chosen else "t3" if layer and layer.is_muted else "t1"
        draw_glyph(p, QRectF(9, rect.center().y() - 8, 16, 16), icon, theme.color("t2"))
        font = theme.font(TYPE.base, MEDIUM)
        font.setStrikeOut(bool(layer and layer.is_muted))
        p.setFont(font)
        p.setPen(theme.color(token))
        room = HEADER - 84 if layer else HEADER - 60
        words = p.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, room)
        p.drawText(QRectF(31, rect.top(), room, rect.height()), FLAGS.AlignVCenter, words)
        if layer:
            for (x, letter, on, ground, ink) in ((158, "M", layer.is_muted, "line2", "t1"),
                                                 (181, "S", layer.is_soloed, "solo", "on_solo")):  # fmt: skip
                box = QRectF(x, rect.center().y() - 9, 19, 18)
                if on:
                    p.setPen(Qt.PenStyle.NoPen)
                    p.setBrush(theme.color(ground))
                    p.drawRoundedRect(box, 4, 4)
                p.setPen(theme.color(ink if on else "t3"))
                p.setFont(theme.font(TYPE.caption, MEDIUM))
                p.drawText(box, FLAGS.AlignCenter, letter)
        elif lane.kind in ("voice", "raw"):
            icon = (
                "lock-outline"
                if lane.kind == "raw"
                else "volume-high"
                if self._model.transport.volume > 0
                else "volume-off"
            )
            draw_glyph(p, QRectF(HEADER - 26, rect.center().y() - 8, 16, 16), icon, theme.color("t2"))

    def _paint_voice(self, p: QPainter, lane: Lane) -> None:
        performance, opened, layout = self._model.performance, self._model.opened, self._layout
        if performance is None or not len(opened.peaks):
            return
        x = np.arange(HEADER, layout.width, BAR_STEP)
        times = np.array([layout.time(v) for v in (HEADER, layout.width)])
        at = np.linspace(times[0], times[1], len(x) + 1)
        inside = (at[:-1] >= 0) & (at[:-1] < self._model.seconds)
        source = np.interp(at, performance.times, np.nan_to_num(performance.source, nan=-1.0))
        tops = opened.peaks
        first = np.clip((source[:-1] * PEAKS_HZ).astype(int), 0, len(tops) - 1)
        last = np.clip((source[1:] * PEAKS_HZ).astype(int), 0, len(tops) - 1)
        middle, reach = lane.rect.center().y(), lane.rect.height() / 2 - 4
        lines = []
        for i in np.flatnonzero(inside & (source[:-1] >= 0)):
            peak = float(tops[first[i] : max(first[i] + 1, last[i] + 1)].max())
            height = max(0.75, min(1.0, peak**0.5) * reach)
            lines.append(QLineF(x[i] + 1, middle - height, x[i] + 1, middle + height))
        p.setPen(QPen(self._theme.color("wave"), 2, c=Qt.PenCapStyle.FlatCap))
        p.drawLines(lines)
        p.setPen(QPen(self._theme.color("line2"), 1))
        begin = 0.0
        for clip in self._model.edit.clips[:-1]:
            begin += clip.seconds
            p.drawLine(QPointF(layout.x(begin), lane.rect.top()), QPointF(layout.x(begin), lane.rect.bottom()))

    def _paint_phones(self, p: QPainter, lane: Lane) -> None:
        theme, layout, marks = self._theme, self._layout, self._model.lips.phones
        if not marks:
            words = self._model.lips.words
            p.setFont(theme.font(TYPE.secondary))
            p.setPen(theme.color("t3"))
            p.drawText(QRectF(HEADER + 10, lane.rect.top(), 700, lane.rect.height()), FLAGS.AlignVCenter, words)
            return
        p.setFont(theme.font(TYPE.caption, MEDIUM))
        failed = {flag.phone_at for flag in self._model.lips.flags}
        for phone in marks:
            box = QRectF(
                layout.x(phone.start) + 0.5, lane.rect.top() + 3, (phone.end - phone.start) * layout.zoom - 1, 17
            )
            if box.right() < HEADER or box.left() > layout.width or not phone.name:
                continue
            closes = phone.closes_lips
            ground = "warn_soft" if phone.start in failed else "soft" if closes else "raised"
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(theme.color(ground))
            p.drawRoundedRect(box, 3, 3)
            if p.fontMetrics().horizontalAdvance(phone.name) + 2 <= box.width():
                p.setPen(theme.color("warn" if phone.start in failed else "soft_text" if closes else "t2"))
                p.drawText(box, FLAGS.AlignCenter, phone.name)

    def _paint_lips(self, p: QPainter, lane: Lane) -> None:
        theme, layout, flags = self._theme, self._layout, self._model.lips.flags
        p.setFont(theme.font(TYPE.secondary, MEDIUM))
        for at in self._model.lips.fine:
            if all(abs(layout.x(at) - layout.x(flag.at)) > 14 for flag in flags):
                draw_glyph(p, QRectF(layout.x(at) - 7, lane.rect.top() + 3, 14, 14), "check", theme.color("voice"))
        for i, flag in enumerate(flags):
            x, words = layout.x(flag.start), flag.words
            width = p.fontMetrics().horizontalAdvance(words) + 30
            others = [layout.x(flags[i + 1].start)] if i + 1 < len(flags) else []
            others += [layout.x(at) - 9 for at in self._model.lips.fine if at > flag.at]
            if any(x < other < x + width for other in others):
                width, words = 22, ""  # no room for words before the next mark
            box = QRectF(x, lane.rect.top() + 1, width, 17)
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(theme.color("warn_soft"))
            p.drawRoundedRect(box, 3, 3)
            draw_glyph(p, QRectF(box.left() + 5, box.top() + 2, 13, 13), "alert", theme.color("warn"))
            p.setPen(theme.color("warn"))
            p.drawText(box.adjusted(22, 0, 0, 0), FLAGS.AlignVCenter, words)

    def _paint_layer(self, p: QPainter, lane: Lane) -> None:
        layer, layout, theme = self._layer(lane), self._layout, self._theme
        edge, ground = LAYER_COLORS.get(layer.kind, ("acc", "soft"))
        box = QRectF(layout.x(layer.start), lane.rect.top() + 3.5, (layer.end - layer.start) * layout.zoom, 18)
        chosen = self._model.selected.layer == layer.id
        p.setPen(QPen(theme.color("t3" if layer.is_muted else edge), 2 if chosen else 1))
        p.setBrush(theme.color("head" if layer.is_muted else ground))
        p.drawRoundedRect(box, 3, 3)
        p.setPen(QPen(theme.color(edge, 0.6), 1))
        if layer.fade_in > 0:
            p.drawLine(box.bottomLeft(), QPointF(box.left() + layer.fade_in * layout.zoom, box.top()))
        if layer.fade_out > 0:
            p.drawLine(box.bottomRight(), QPointF(box.right() - layer.fade_out * layout.zoom, box.top()))
        p.setFont(theme.font(TYPE.secondary))
        p.setPen(theme.color("t3" if layer.is_muted else "t1"))
        inside = QRectF(max(box.left(), HEADER) + 7, box.top(), box.width() - 12, box.height())
        room = int(max(0, inside.width()))
        words = p.fontMetrics().elidedText(layer_words(layer), Qt.TextElideMode.ElideRight, room)
        p.drawText(inside, FLAGS.AlignVCenter, words)

    def _paint_raw(self, p: QPainter, lane: Lane) -> None:
        model, layout, theme = self._model, self._layout, self._theme
        if model.opened is None:
            return
        begin = 0.0
        clips = model.edit.clips
        spans = [(clip.seconds, clip.is_gap, clip.speed) for clip in clips] or [(model.seconds, False, 1.0)]
        for i, (seconds, is_gap, speed) in enumerate(spans):
            box = QRectF(layout.x(begin) + 0.5, lane.rect.top() + 3.5, seconds * layout.zoom - 1, 18)
            begin += seconds
            p.setPen(
                QPen(
                    theme.color("line2" if is_gap else "voice"),
                    1,
                    Qt.PenStyle.DashLine if is_gap else Qt.PenStyle.SolidLine,
                )
            )
            p.setBrush(theme.color("head" if is_gap else "voice_soft"))
            p.drawRoundedRect(box, 3, 3)
            words = "Silent" if is_gap else f"× {speed:g}" if speed != 1.0 else ""
            if i == 0 and not is_gap:
                words = f"{model.document.take.name}, recorded{' ' + words if words else ''}"
            p.setFont(theme.font(TYPE.secondary))
            p.setPen(theme.color("t1"))
            inside = QRectF(
                max(box.left(), HEADER) + 7, box.top(), box.right() - max(box.left(), HEADER) - 10, box.height()
            )
            if inside.width() > 12:
                p.drawText(
                    inside,
                    FLAGS.AlignVCenter,
                    p.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(inside.width())),
                )

    def _paint_blink(self, p: QPainter, lane: Lane) -> None:
        model = self._model
        token = "t2" if model.edit.blinks is not None else "t3"
        for blink in model.blinks():
            chosen = model.selected.kind == "blink" and abs(model.selected.time - blink.time) < 1e-3
            at = QPointF(self._layout.x(blink.time), lane.rect.center().y())
            draw_diamond(p, self._theme, at, 5.5 if chosen else 4.5, "t1" if chosen else token)

    def _paint_gaze(self, p: QPainter, lane: Lane) -> None:
        model, theme = self._model, self._theme
        for gaze in model.edit.gazes or ():
            chosen = model.selected.kind == "gaze" and abs(model.selected.time - gaze.time) < 1e-3
            at = QPointF(self._layout.x(gaze.time), lane.rect.center().y())
            draw_diamond(p, self._theme, at, 5.5 if chosen else 4.5, "t1" if chosen else "t2")
            p.setFont(theme.font(TYPE.secondary))
            p.setPen(theme.color("t1" if chosen else "t3"))
            p.drawText(QRectF(at.x() + 10, lane.rect.top(), 120, lane.rect.height()), FLAGS.AlignVCenter, gaze.words)
        if model.edit.gazes is None and model.opened is not None:
            self._hint(p, lane, "As performed. Double-click to set where the eyes look.")

    def _paint_camera(self, p: QPainter, lane: Lane) -> None:
        model, layout, theme = self._model, self._layout, self._theme
        keys, y = model.edit.camera.keys, lane.rect.center().y()
        if not keys:
            if model.opened is not None:
                self._hint(p, lane, "As performed. K+ keys the viewport's camera at the playhead.")
            return
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.setPen(QPen(theme.color("line2"), 1.5))
        for a, b in itertools.pairwise(keys):
            if a.is_hold:
                continue
            path = QPainterPath(QPointF(layout.x(a.time) + 24, y))
            third = (b.time - a.time) * layout.zoom / 3
            path.cubicTo(
                QPointF(layout.x(a.time) + third, y + 5),
                QPointF(layout.x(b.time) - third, y - 5),
                QPointF(layout.x(b.time) - 24, y),
            )
            p.drawPath(path)
        for index, key in enumerate(keys):
            box = layout.camera_box(key.time, lane.rect)
            self._paint_camera_key(p, box, key.orbit.azimuth_deg, self._pictures.picture(index))
            chosen = model.selected.kind == "camera" and abs(model.selected.time - key.time) < 1e-3
            p.setPen(QPen(theme.color("acc" if chosen else "line2"), 2 if chosen else 1))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(box, 3, 3)

    def _paint_camera_key(self, p: QPainter, box: QRectF, azimuth_deg: float, picture: QImage | None) -> None:
        """What the key looks at; its angle while there is no picture."""
        theme, path = self._theme, QPainterPath()
        path.addRoundedRect(box, 3, 3)
        p.fillPath(path, theme.color("raised" if theme.is_dark else "press"))
        if picture is None:
            draw_glyph(p, QRectF(box.left() + 4, box.center().y() - 7, 14, 14), "video-outline", theme.color("t2"))
            p.setFont(theme.font(TYPE.caption))
            p.setPen(theme.color("t1"))
            words = f"{round(azimuth_deg)}°".replace("-", "−")
            p.drawText(box.adjusted(18, 0, -3, 0), FLAGS.AlignCenter, words)
            return
        p.save()
        p.setClipPath(path, Qt.ClipOperation.IntersectClip)
        p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        p.drawImage(box, picture)
        p.restore()

    # Over all lanes

    def _paint_ruler(self, p: QPainter, width: int) -> None:
        theme, layout, model = self._theme, self._layout, self._model
        p.setClipRect(QRectF(HEADER, 0, width - HEADER, RULER))
        if model.opened is not None:
            first = model.edit.first or 0.0
            last = model.edit.last if model.edit.last is not None else model.seconds
            p.fillRect(QRectF(layout.x(first), 0, (last - first) * layout.zoom, 4), theme.color("acc_bar", 0.7))
        step = next((s for s in TICK_STEPS if s * layout.zoom >= 70), TICK_STEPS[-1])
        p.setFont(theme.font(TYPE.caption))
        index = max(0, int(layout.start / step))
        while (seconds := index * step) <= layout.time(width):
            x = round(layout.x(seconds)) + 0.5
            p.setPen(QPen(theme.color("line2"), 1))
            p.drawLine(QPointF(x, RULER - 8), QPointF(x, RULER - 1))
            half = round(layout.x(seconds + step / 2)) + 0.5
            p.drawLine(QPointF(half, RULER - 4), QPointF(half, RULER - 1))
            if not -46 < layout.x(model.transport.playhead) - x < 34:
                p.setPen(theme.color("t3"))
                p.drawText(QRectF(x + 4, 4, 60, RULER - 8), FLAGS.AlignVCenter, ruler_text(seconds))
            index += 1
        p.setClipping(False)
        p.setPen(QPen(theme.color("line"), 1))
        p.drawLine(QPointF(0, RULER - 0.5), QPointF(width, RULER - 0.5))

    def _paint_range(self, p: QPainter, height: int) -> None:
        if self._model.range is None:
            return
        left, right = (max(HEADER, self._layout.x(at)) for at in self._model.range)
        p.fillRect(QRectF(left, RULER, right - left, height - RULER), self._theme.color("acc", 0.12))
        p.setPen(QPen(self._theme.color("acc"), 1))
        for x in (left, right):
            p.drawLine(QPointF(x, RULER), QPointF(x, height))

    def _paint_playhead(self, p: QPainter, height: int) -> None:
        x = round(self._layout.x(self._model.transport.playhead)) + 0.5
        if x < HEADER or self._model.opened is None:
            return
        color = self._theme.color("t1")
        p.setPen(QPen(color, 1))
        p.drawLine(QPointF(x, 8), QPointF(x, height))
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(color)
        p.drawPolygon(QPolygonF([QPointF(x + dx, dy) for dx, dy in ((-6, 5), (6, 5), (6, 14), (0, 20), (-6, 14))]))
        p.setFont(self._theme.font(TYPE.caption, MEDIUM))
        p.setPen(color)
        p.drawText(QRectF(x + 9, 4, 60, RULER - 8), FLAGS.AlignVCenter, f"{self._model.transport.playhead:.2f}")

    def _hint(self, p: QPainter, lane: Lane, words: str) -> None:
        p.setFont(self._theme.font(TYPE.secondary))
        p.setPen(self._theme.color("t3"))
        p.drawText(QRectF(HEADER + 10, lane.rect.top(), 600, lane.rect.height()), FLAGS.AlignVCenter, words)

    def _layer(self, lane: Lane) -> EditLayer:
        return self._model.edit.layer(lane.layer)


def layer_words(layer: EditLayer) -> str:
    """What a layer does, in words: `Override, 2 controls`."""
    n = len(layer.curves)
    controls = f"{n} control" + ("s" if n != 1 else "")
    if layer.kind is LayerKind.SMOOTH:
        n = len(layer.controls)
        which = f"{n} control" + ("s" if n != 1 else "") if n else "all controls"
        return f"Smooth, {which}, {layer.smooth_ms:.0f} ms"
    if layer.kind is LayerKind.REGION:
        return f"{layer.region.capitalize()} from another take"
    return f"{layer.kind.capitalize()}, {controls}"
