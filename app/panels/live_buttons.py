"""The two large buttons of the live bar: microphone and record, and the button that names what is heard."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QToolButton, QWidget

from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, TYPE

LARGE = 44


class MicrophoneButton(QAbstractButton):
    """44 x 44: mint while the microphone is on, grey and struck through while it is off or gone."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = "microphone"
        self.setCheckable(True)
        self.setFixedSize(LARGE, LARGE)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Microphone")
        theme.changed.connect(self.update)

    def set_icon(self, icon: str) -> None:
        self._icon = icon
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked() and self.isEnabled()
        edge = "acc" if self.hasFocus() else "voice" if on else "line2"
        painter.setPen(QPen(theme.color(edge), 2 if self.hasFocus() else 1))
        ground = "voice_soft" if on else "hover" if self.underMouse() and self.isEnabled() else "raised"
        painter.setBrush(theme.color(ground))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        color = theme.color("voice" if on else "t2" if self.isEnabled() else "t3")
        draw_glyph(painter, QRectF(11, 11, 22, 22), self._icon, color)

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)


class RecordButton(QAbstractButton):
    """44 x 44 with a 2-px ring: a dot of 20 that becomes a square of 16 while recording."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._is_recording = False
        self.setFixedSize(LARGE, LARGE)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Record")
        theme.changed.connect(self.update)

    def show_recording(self, is_recording: bool) -> None:
        self._is_recording = is_recording
        self.setAccessibleName("Stop recording" if is_recording else "Record")
        self.update()

    def paintEvent(self, event) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        enabled = self.isEnabled()
        edge = "acc" if self.hasFocus() else "rec" if enabled else "line2"
        painter.setPen(QPen(theme.color(edge), 2))
        hovered = self.underMouse() and enabled
        ground = "rec_fill" if self._is_recording else "hover" if hovered else "panel"
        painter.setBrush(theme.color(ground))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        if self._is_recording:
            painter.setBrush(theme.color("on_fill"))
            painter.drawRoundedRect(QRectF(14, 14, 16, 16), 3, 3)
        else:
            painter.setBrush(theme.color("rec" if enabled else "dis"))
            painter.drawEllipse(QPointF(22, 22), 10, 10)

    def enterEvent(self, event) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event) -> None:
        self.update()
        super().leaveEvent(event)


class SourceButton(QToolButton):
    """What is heard, with a chevron: opens the menu of microphones and sound files."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._tone = theme, "t1"
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFont(theme.font(TYPE.base, MEDIUM))
        self.setFixedHeight(20)
        self.setMinimumWidth(80)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self.update)

    def show_source(self, words: str, tone: str) -> None:
        self.setText(words)
        self._tone = tone
        self.setAccessibleName(f"Sound source, {words}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(172, 20)

    def paintEvent(self, event) -> None:
        theme, painter, flags = self._theme, QPainter(self), Qt.AlignmentFlag
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("acc"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        hovered = self.underMouse() and self.isEnabled()
        painter.setFont(self.font())
        painter.setPen(theme.color(self._tone))
        width = self.width() - 20
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, width)
        self.setToolTip(self.text() if text != self.text() else "What the face listens to")
        painter.drawText(QRectF(0, 0, width, self.height()), flags.AlignLeft | flags.AlignVCenter, text)
        chevron = QRectF(self.width() - 17, (self.height() - 16) / 2, 16, 16)
        draw_glyph(painter, chevron, "chevron-down", theme.color("t1" if hovered else "t2"))
