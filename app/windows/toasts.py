"""Toasts: what happened, in one sentence, with a way out; at most two, lower left of the viewport."""

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QEasingCurve, QEvent, QObject, QPropertyAnimation, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QGraphicsOpacityEffect, QHBoxLayout, QVBoxLayout, QWidget

from app.theme.buttons import IconButton, TextButton, Words
from app.theme.icons import draw_glyph
from app.theme.theme import Theme
from app.theme.tokens import MOTION_MS, SEMIBOLD

WIDTH, STAY_MS, MOST = 392, 6000, 2
ICONS = {
    "info": ("information-outline", "acc"),
    "good": ("check-circle-outline", "voice"),
    "warn": ("alert", "warn"),
    "err": ("alert-circle-outline", "err"),
}


@dataclass(frozen=True)
class ToastAction:
    """A way out: the words of its button and what it does."""

    text: str
    run: Callable[[], object]
    icon: str = ""


@dataclass(frozen=True)
class Notice:
    """What a toast says."""

    level: str
    title: str
    sentence: str = ""
    actions: tuple[ToastAction, ...] = ()
    icon: str = ""
    key: str = field(default="")

    @property
    def stays(self) -> bool:
        return bool(self.actions)


class Toast(QWidget):
    """One notice: icon 20, title, sentence, up to two buttons, close."""

    closed = Signal(object)

    def __init__(self, theme: Theme, notice: Notice, parent: QWidget) -> None:
        super().__init__(parent)
        self.notice = notice
        self._theme = theme
        icon, self._tone = ICONS.get(notice.level, ICONS["info"])
        self._icon = notice.icon or icon
        self.setFixedWidth(min(WIDTH, max(240, parent.width() - 24)))
        self.setAccessibleName(f"{notice.title}. {notice.sentence}".strip())
        row = QHBoxLayout(self)
        row.setContentsMargins(46, 14, 10, 14)
        row.setSpacing(8)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(Words(theme, notice.title, weight=SEMIBOLD, wrap=True))
        if notice.sentence:
            column.addWidget(Words(theme, notice.sentence, tone="t2", wrap=True))
        if notice.actions:
            buttons = QHBoxLayout()
            buttons.setContentsMargins(0, 6, 0, 0)
            buttons.setSpacing(6)
            for action in notice.actions[:2]:
                button = TextButton(theme, action.text, action.icon, kind="small")
                button.clicked.connect(lambda _=False, act=action: self._run(act))
                buttons.addWidget(button)
            buttons.addStretch()
            column.addLayout(buttons)
        row.addLayout(column, 1)
        close = IconButton(theme, "close", "Close this note", size=24, icon_size=16)
        close.clicked.connect(self.dismiss)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self, singleShot=True, interval=STAY_MS)
        self._timer.timeout.connect(self.dismiss)
        if not notice.stays:
            self._timer.start()
        self.adjustSize()

    def dismiss(self) -> None:
        self.closed.emit(self)

    def _run(self, action: ToastAction) -> None:
        self.dismiss()
        action.run()

    def enterEvent(self, event) -> None:
        self._timer.stop()

    def leaveEvent(self, event) -> None:
        if not self.notice.stays:
            self._timer.start()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("line2"), 1))
        painter.setBrush(self._theme.color("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        draw_glyph(painter, QRectF(14, 13, 20, 20), self._icon, self._theme.color(self._tone))


class Toasts(QObject):
    """Stacks toasts over the lower left of a widget and keeps what no toast had room for.

    Signals:
        kept_changed: how many notices wait in the list of the status bar.
    """

    kept_changed = Signal(int)

    def __init__(self, theme: Theme, over: QWidget, reduce_motion: bool = False) -> None:
        super().__init__(over.window())
        self._theme, self._over = theme, over
        self._reduce_motion = reduce_motion
        self._shown: list[Toast] = []
        self._beside: QWidget | None = None
        self.kept: list[Notice] = []
        over.installEventFilter(self)

    def set_reduce_motion(self, on: bool) -> None:
        self._reduce_motion = on

    def stand_over(self, widget: QWidget) -> None:
        """From now on over another widget; what is shown comes along."""
        if widget is self._over:
            return
        self._over.removeEventFilter(self)
        self._over = widget
        widget.installEventFilter(self)
        for toast in self._shown:
            toast.setParent(widget)
            toast.show()
            toast.raise_()
        self._place()

    def keep_beside(self, widget: QWidget) -> None:
        """Leaves room for a widget at the left, while it is visible."""
        self._beside = widget
        widget.installEventFilter(self)

    @property
    def shown(self) -> list[Toast]:
        return list(self._shown)

    def show(self, notice: Notice) -> None:
        """Shows a notice; one with the same key is replaced, the oldest beyond two moves to the list."""
        for toast in list(self._shown):
            if (notice.key and toast.notice.key == notice.key) or toast.notice == notice:
                self._remove(toast)
        while len(self._shown) >= MOST:
            oldest = self._shown[0]
            self._keep(oldest.notice)
            self._remove(oldest)
        toast = Toast(self._theme, notice, self._over)
        toast.closed.connect(self._remove)
        self._shown.append(toast)
        self._place()
        toast.show()
        toast.raise_()
        self._fade_in(toast)

    def dismiss(self, key: str) -> None:
        """Takes away the toast of this key: what it said is no longer so."""
        for toast in list(self._shown):
            if toast.notice.key == key:
                self._remove(toast)
        self.kept = [notice for notice in self.kept if notice.key != key]
        self.kept_changed.emit(len(self.kept))

    def clear_kept(self) -> list[Notice]:
        """The notices of the list, which is empty afterwards."""
        kept, self.kept = self.kept, []
        self.kept_changed.emit(0)
        return kept

    def eventFilter(self, watched, event) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide):
            self._place()
        return False

    def _keep(self, notice: Notice) -> None:
        self.kept = [*self.kept, notice][-20:]
        self.kept_changed.emit(len(self.kept))

    def _remove(self, toast: Toast) -> None:
        if toast in self._shown:
            self._shown.remove(toast)
            toast.hide()
            toast.deleteLater()
            self._place()

    def _place(self) -> None:
        bottom, left = self._over.height() - 10, 10
        if self._beside is not None and self._beside.isVisible():
            left = self._beside.geometry().right() + 9
        for toast in reversed(self._shown):
            toast.setFixedWidth(min(WIDTH, max(240, self._over.width() - left - 10)))
            toast.setFixedHeight(max(toast.heightForWidth(toast.width()), 48))
            bottom -= toast.height()
            toast.move(left, bottom)
            bottom -= 8

    def _fade_in(self, toast: Toast) -> None:
        if self._reduce_motion:
            return
        effect = QGraphicsOpacityEffect(toast)
        toast.setGraphicsEffect(effect)
        fade = QPropertyAnimation(effect, b"opacity", toast)
        fade.setDuration(MOTION_MS["toast_in"])
        fade.setStartValue(0.0)
        fade.setEndValue(1.0)
        fade.setEasingCurve(QEasingCurve.Type.OutCubic)
        fade.finished.connect(lambda: toast.setGraphicsEffect(None))
        fade.start(QPropertyAnimation.DeletionPolicy.DeleteWhenStopped)
