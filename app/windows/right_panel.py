"""The right panel: a head with tabs, and the page of the chosen one."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme.buttons import Words
from app.theme.icons import draw_glyph
from app.theme.tabs import TabbedPanel
from app.theme.theme import Theme
from app.theme.tokens import SEMIBOLD, TYPE


class RightPanel(TabbedPanel):
    """Full height; without an avatar it says what will be here."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Face", parent)
        self._shown: list[QWidget] = []
        self._chosen: dict[QWidget, int] = {}  # by the first page of a set: the tab last chosen there
        self._empty = EmptyFace(theme)
        self.pages.addWidget(self._empty)
        self.tabs.currentChanged.connect(self._show)
        self._has_avatar = False
        self._show()

    def set_pages(self, pages: Sequence[tuple[str, QWidget]]) -> None:
        """Shows another set of tabs, with the one chosen that was chosen there last; pages stay alive."""
        if self._shown:
            self._chosen[self._shown[0]] = self.tabs.currentIndex()
        self.tabs.blockSignals(True)
        while self.tabs.count():
            self.tabs.removeTab(0)
        self._shown = [page for _, page in pages]
        for title, page in pages:
            self.tabs.addTab(title)
            if self.pages.indexOf(page) < 0:
                self.pages.addWidget(page)
        if self._shown:
            self.tabs.setCurrentIndex(self._chosen.get(self._shown[0], 0))
        self.tabs.blockSignals(False)
        self._show()

    def show_page(self, page: QWidget) -> None:
        """Brings one of the pages to the front."""
        if page in self._shown:
            self.tabs.setCurrentIndex(self._shown.index(page))

    def show_avatar(self, has_avatar: bool) -> None:
        self._has_avatar = has_avatar
        self._show()

    def _show(self, _index: int = 0) -> None:
        if self._has_avatar and self._shown:
            self.pages.setCurrentWidget(self._shown[max(0, self.tabs.currentIndex())])
        else:
            self.pages.setCurrentWidget(self._empty)


class EmptyFace(QWidget):
    """What goes here, before there is a face."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(48, 0, 48, 0)
        column.setSpacing(6)
        column.addStretch(5)
        column.addWidget(_Sliders(theme), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(4)
        title = Words(theme, "No face to move yet", TYPE.card_title, SEMIBOLD)
        column.addWidget(title, 0, Qt.AlignmentFlag.AlignHCenter)
        words = (
            "The sliders of an avatar appear here: lips, expression, blinks and head pose, each with the value your "
            "voice gives it."
        )
        sentence = Words(theme, words, tone="t2", wrap=True)
        sentence.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(sentence)
        column.addStretch(6)


class _Sliders(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedSize(30, 30)

    def paintEvent(self, event) -> None:
        draw_glyph(QPainter(self), QRectF(self.rect()), "tune-variant", self._theme.color("t3"))
