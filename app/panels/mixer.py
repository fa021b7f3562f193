"""The mixer: how much of the voice reaches each part of the face, how it is shaped, and whether the face idles."""

import time

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.panels.face_group import SOURCES, Chip
from app.panels.face_model import FaceModel
from app.panels.face_rows import ControlRows
from app.panels.mixer_head import HeadMotionBox
from app.panels.mixer_model import MixerModel
from app.panels.mixer_sources import SourceShapes
from app.panels.mixer_switch import Switch
from app.theme.buttons import ElidedWords, Words, rule
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE

SHOW_EVERY_S = 1 / 30
SHARE_H = 8


class MixerPanel(QWidget):
    """The page of the Mixer tab.

    Args:
        face: the Face panel's model, whose marks and undo history the mixer shares.
    """

    def __init__(self, session, theme: Theme, face: FaceModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._theme, self._face = session, theme, face
        self.setAccessibleName("Mixer")
        self.model = MixerModel(session, face, self)
        self._shown_at = 0.0
        self._build()
        session.frame_ready.connect(self._on_frame_ready)
        session.source_changed.connect(self._on_source_changed)
        self.model.schema_changed.connect(self._on_schema_changed)
        face.changed.connect(lambda: self.idle.setChecked(face.is_idle))
        if face.schema is not None:
            self._on_schema_changed()

    def _build(self) -> None:
        theme = self._theme
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        inside = QWidget()
        area.setWidget(inside)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(0)
        column.addLayout(self._make_source())
        column.addWidget(self._heading("Voice"))
        self.strengths = ControlRows(self.model, theme, "lip", title="Voice", has_numbers=False)
        column.addWidget(self.strengths)
        column.addWidget(self._sentence("Mint is what drives each part now, blue what you add."))
        column.addSpacing(8)
        column.addWidget(rule())
        column.addWidget(self._heading("Shaping"))
        self.shaping = ControlRows(
            self.model, theme, "motion", title="Shaping", has_numbers=False, has_marks=False, has_strips=False
        )
        column.addWidget(self.shaping)
        column.addSpacing(8)
        column.addWidget(rule())
        column.addWidget(self._heading("Sources"))
        self.sources = SourceShapes(self.model, theme)
        column.addWidget(self.sources)
        column.addSpacing(8)
        column.addWidget(rule())
        column.addWidget(self._heading("Who moves the face"))
        self.shares = ShareBar(theme)
        column.addWidget(self.shares)
        column.addSpacing(8)
        column.addWidget(rule())
        column.addLayout(self._make_idle())
        column.addWidget(rule())
        self.head = HeadMotionBox(self._session, self.model, theme)
        column.addWidget(self.head)
        column.addStretch()

    def _make_source(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setContentsMargins(10, 0, 10, 4)
        line.setSpacing(8)
        self.source_chip = Chip(self._theme)
        self.source_name = ElidedWords(self._theme, "", TYPE.base, middle=True)
        line.addWidget(self.source_chip)
        line.addWidget(self.source_name, 1)
        self._say_source("none", "")
        return line

    def _make_idle(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setContentsMargins(10, 10, 10, 6)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Words(self._theme, "Idle life", TYPE.base, SEMIBOLD))
        words.addWidget(
            Words(self._theme, "Blinks, small looks and breath while nobody drives", TYPE.secondary, tone="t2")
        )
        line.addLayout(words, 1)
        self.idle = Switch(self._theme, "Idle life", "Makes way as soon as something drives the same control.")
        self.idle.setChecked(self._face.is_idle)
        self.idle.clicked.connect(self._face.set_idle)
        line.addWidget(self.idle)
        return line

    def _heading(self, text: str) -> QWidget:
        words = Words(self._theme, text, TYPE.base, SEMIBOLD)
        words.setContentsMargins(10, 6, 10, 6)
        return words

    def _sentence(self, text: str) -> QWidget:
        words = Words(self._theme, text, TYPE.secondary, tone="t3", wrap=True)
        words.setContentsMargins(10, 4, 10, 0)
        return words

    def _say_source(self, kind: str, name: str) -> None:
        words, icon, ground, ink = SOURCES.get(kind, SOURCES["none"])
        self.source_chip.show_source(words, icon, ground, ink, None, "What drives the face.")
        self.source_name.setText(name)

    def _on_source_changed(self, source) -> None:
        self._say_source("none" if source.is_muted else source.kind, source.name)

    def _on_schema_changed(self) -> None:
        self.strengths.set_schema()
        self.shaping.set_schema()
        self.sources.set_schema()
        self.head.set_schema()

    def _on_frame_ready(self) -> None:
        now = time.perf_counter()
        schema = self._face.schema
        if not self.isVisible() or now - self._shown_at < SHOW_EVERY_S or schema is None:
            return
        view = self._session.frames.newest()
        if view is None or len(view.header.driven) != len(schema):
            return
        self._shown_at = now
        driven, result = np.asarray(view.header.driven), np.asarray(view.header.result)
        rows = self.model.activity(driven, result)
        self.strengths.show_frame(*rows)
        self.shaping.show_frame(*rows)
        reach = np.maximum(np.maximum(schema.column("high"), -schema.column("low")), 1e-6)
        voice = float(np.linalg.norm((driven - schema.column("neutral")) / reach))
        yours = float(np.linalg.norm((result - driven) / reach))
        self.shares.show_shares(voice, yours)


class ShareBar(QWidget):
    """How much of the face's movement comes from the drive and how much from the sliders, with figures."""

    TEXT_EVERY_S = 0.1

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._driven, self._percent, self._said_at = 0.0, (0, 0), 0.0
        self.setFixedHeight(34)
        self.setAccessibleName("Who moves the face")
        theme.changed.connect(self.update)

    def show_shares(self, driven: float, yours: float) -> None:
        total = driven + yours
        self._driven = driven / total if total > 1e-3 else 0.0
        now = time.perf_counter()
        if now - self._said_at >= self.TEXT_EVERY_S:
            self._said_at = now
            share = round(100 * self._driven)
            self._percent = (share, 100 - share) if total > 1e-3 else (0, 0)
            self.setAccessibleDescription(f"driven {self._percent[0]} percent, yours {self._percent[1]} percent")
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(10, 2, self.width() - 20, SHARE_H)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("rail"))
        painter.drawRoundedRect(bar, 2, 2)
        if any(self._percent):
            split = bar.width() * self._driven
            painter.fillRect(QRectF(bar.x(), bar.y(), max(0.0, split - 1), SHARE_H), theme.color("voice_bar"))
            painter.fillRect(QRectF(bar.x() + split, bar.y(), bar.width() - split, SHARE_H), theme.color("acc_bar"))
        painter.setFont(theme.font(TYPE.secondary))
        painter.setPen(theme.color("t2"))
        line = QRectF(10, 14, self.width() - 20, 16)
        painter.drawText(
            line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"Driven {self._percent[0]}%"
        )
        painter.drawText(
            line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"Yours {self._percent[1]}%"
        )
