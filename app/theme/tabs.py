"""A panel whose head is a row of tabs, each with a page."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from app.theme.buttons import rule
from app.theme.theme import Theme
from app.theme.tokens import MEDIUM, SIZES, TYPE


class TabbedPanel(QFrame):
    """Tabs above, pages below; which page belongs to which tab is its user's to say.

    Attributes:
        tabs: the tab bar. pages: the stack of pages.
    """

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAccessibleName(name)
        self.tabs = QTabBar()
        self.tabs.setFont(theme.font(TYPE.card_title, MEDIUM))
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        head = QWidget()
        head.setFixedHeight(SIZES.panel_head)
        line = QHBoxLayout(head)
        line.setContentsMargins(14, 0, 8, 0)
        line.addWidget(self.tabs, 0, Qt.AlignmentFlag.AlignBottom)
        line.addStretch()
        self.pages = QStackedWidget()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(rule())
        column.addWidget(self.pages, 1)
