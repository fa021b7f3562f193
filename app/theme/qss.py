"""The style sheet, filled in from the token table: everything that is a box with an edge.

What needs an icon or a keyboard-only focus ring is drawn by `app.theme.style`. Fonts are set on widgets, never here,
because a style sheet's font loses the tabular figures. Dynamic properties choose a look:
`role` of a frame (panel, card, field, dialog, foot), `kind` of a button (primary, danger, quiet, link, large, small),
`tone` of a label (t2, t3, acc, voice, warn, err).
"""

from string import Template

from app.theme.tokens import Tokens

SHEET = Template("""
QMainWindow, QWidget[role="ground"] { background: $app; }
QFrame[role="panel"] { background: $panel; border: none; border-radius: 6px; }
QFrame[role="bar"] { background: $panel; border: none; }
QFrame[role="card"] { background: $head; border: none; border-radius: 6px; }
QFrame[role="foot"] { background: $panel; border: none; border-top: 1px solid $line;
    border-bottom-left-radius: 6px; border-bottom-right-radius: 6px; }
QFrame[role="rule"] { background: $line; border: none; max-height: 1px; min-height: 1px; }
QFrame[role="rule-v"] { background: $line; border: none; max-width: 1px; min-width: 1px; }
QFrame[role="note-warn"] { background: $warn_soft; border: none; border-radius: 6px; }
QDialog { background: $panel; }

QLabel { background: transparent; color: $t1; }
QLabel:disabled { color: $dis; }
QLabel[tone="t2"] { color: $t2; }
QLabel[tone="t3"] { color: $t3; }
QLabel[tone="acc"] { color: $acc; }
QLabel[tone="voice"] { color: $voice; }
QLabel[tone="take"] { color: $take; }
QLabel[tone="warn"] { color: $warn; }
QLabel[tone="err"] { color: $err; }
QLabel[tone="rec"] { color: $rec; }
QLabel[kind="rec-chip"] { background: $rec_soft; color: $rec; border-radius: 4px; padding: 2px 6px; }
QLabel[kind="chip"] { background: $raised; color: $t1; border-radius: 4px; padding: 2px 6px; }
QLabel[kind="chip-soft"] { background: $soft; color: $soft_text; border-radius: 4px; padding: 2px 6px; }
QFrame[role="field"] { background: $field; border: 1px solid $line; border-radius: 4px; }
QLabel[kind="key"] { background: $raised; color: $t1; border: 1px solid $line2; border-radius: 3px; padding: 0px 4px; }

QPushButton { background: $raised; color: $t1; border: 1px solid $line2; border-radius: 6px;
    padding: 0px 11px; min-height: 26px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $press; }
QPushButton:checked { background: $soft; color: $soft_text; border-color: $soft; }
QPushButton:disabled { color: $dis; background: $panel; border-color: $line; }
QPushButton:focus { border: 2px solid $acc; padding: 0px 10px; min-height: 24px; }
QPushButton[kind="primary"] { background: $fill; color: $on_fill; border-color: $fill; }
QPushButton[kind="primary"]:hover { background: $fill_hover; border-color: $fill_hover; }
QPushButton[kind="primary"]:pressed { background: $fill; }
QPushButton[kind="primary"]:disabled { background: $raised; color: $dis; border-color: $raised; }
QPushButton[kind="primary"]:focus { border: 2px solid $t1; }
QPushButton[kind="quiet"] { background: transparent; border-color: transparent; color: $t2; }
QPushButton[kind="quiet"]:hover { background: $hover; color: $t1; }
QPushButton[kind="quiet"]:checked { background: $soft; color: $soft_text; }
QPushButton[kind="quiet"]:disabled { color: $dis; }
QPushButton[kind="quiet"]:focus { border: 2px solid $acc; }
QPushButton[kind="link"] { background: transparent; border: none; color: $acc; padding: 0px; min-height: 20px; }
QPushButton[kind="link"]:hover { text-decoration: underline; }
QPushButton[kind="link"]:focus { border: 2px solid $acc; border-radius: 4px; }
QPushButton[kind="small"] { min-height: 22px; padding: 0px 8px; border-radius: 4px; }
QPushButton[kind="small"]:focus { min-height: 20px; padding: 0px 7px; }

QToolButton { background: transparent; color: $t2; border: none; border-radius: 5px; padding: 0px; }
QToolButton:hover { background: $hover; color: $t1; }
QToolButton:pressed, QToolButton:open { background: $press; color: $t1; }
QToolButton:checked { background: $soft; color: $soft_text; }
QToolButton:disabled { background: transparent; color: $dis; }
QToolButton:focus { border: 2px solid $acc; }
QToolButton::menu-indicator { image: none; width: 0px; }

QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox { background: $field; color: $t1; border: 1px solid $line;
    border-radius: 4px; padding: 0px 7px; min-height: 26px; selection-background-color: $fill;
    selection-color: $on_fill; placeholder-text-color: $t3; }
QPlainTextEdit, QTextEdit { padding: 4px 6px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus { border: 2px solid $acc;
    padding: 0px 6px; min-height: 24px; }
QLineEdit:disabled, QAbstractSpinBox:disabled { color: $dis; background: $panel; }
QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus { background: transparent; border: none; padding: 0px;
    min-height: 0px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { subcontrol-origin: border; width: 0px; border: none; }
QLineEdit[invalid="true"] { border-color: $err; }

QTabBar { background: transparent; border: none; }
QTabBar::tab { background: transparent; color: $t2; border: none; border-bottom: 2px solid transparent;
    padding: 0px 0px; margin: 0px 20px 0px 0px; min-height: 34px; }
QTabBar::tab:hover { color: $t1; }
QTabBar::tab:selected { color: $t1; border-bottom: 2px solid $acc; }
QTabBar::tab:disabled { color: $dis; }
QTabBar::tab:focus { border: 2px solid $acc; }
QTabWidget::pane { border: none; border-top: 1px solid $line; }

QMenuBar { background: transparent; color: $t2; border: none; spacing: 0px; }
QMenuBar::item { background: transparent; padding: 5px 8px; border-radius: 5px; }
QMenuBar::item:selected { background: $hover; color: $t1; }
QMenuBar::item:pressed { background: $press; color: $t1; }
QMenu { background: $raised; color: $t1; border: 1px solid $line2; border-radius: 6px; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 8px; border-radius: 4px; min-height: 16px; }
QMenu::item:selected { background: $soft; color: $soft_text; }
QMenu::item:disabled { color: $dis; background: transparent; }
QMenu::separator { height: 1px; background: $line2; margin: 4px 6px; }
QMenu::icon { padding-left: 8px; }

QToolTip { background: $raised; color: $t1; border: 1px solid $line2; padding: 4px 6px; }

QScrollArea { background: transparent; border: none; }
QScrollArea > QWidget > QWidget { background: transparent; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0px; }
QScrollBar::handle { background: $press; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $hull; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none;
    width: 0px; height: 0px; }

QSplitter::handle { background: transparent; }
QSplitter { background: transparent; }

QAbstractItemView { background: $field; color: $t1; border: 1px solid $line; border-radius: 6px; outline: none;
    selection-background-color: $soft; selection-color: $soft_text; }
QAbstractItemView::item { min-height: 26px; border: none; padding: 0px 8px; }
QAbstractItemView::item:hover { background: $head; }
QAbstractItemView::item:selected { background: $soft; color: $soft_text; }
QComboBoxPrivateContainer { background: $raised; border: 1px solid $line2; border-radius: 6px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $line2; border-radius: 0px; padding: 4px; }
QListView[role="list"], QListWidget[role="list"], QTreeView[role="list"] { background: transparent; border: none; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section { background: $head; color: $t2; border: none; border-bottom: 1px solid $line; padding: 4px 10px; }

QProgressBar { background: $rail; border: none; border-radius: 2px; min-height: 4px; max-height: 4px; }
QProgressBar::chunk { background: $acc_bar; border-radius: 2px; }

QSlider::groove:horizontal { background: $rail; height: 4px; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $acc_bar; height: 4px; border-radius: 2px; }
QSlider::handle:horizontal { background: $knob; border: 1px solid $knob_edge; width: 6px; margin: -5px 0px;
    border-radius: 3px; }
QSlider::handle:horizontal:focus { border: 2px solid $acc; }
QSlider[kind="quiet"]::sub-page:horizontal { background: $t2; }
QSlider[kind="quiet"]::handle:horizontal { background: transparent; border: none; }
QSlider[kind="quiet"]::handle:horizontal:hover, QSlider[kind="quiet"]::handle:horizontal:focus { background: $knob;
    border: 1px solid $knob_edge; }
""")


def stylesheet(tokens: Tokens) -> str:
    """The whole style sheet of one theme."""
    return SHEET.substitute(tokens.to_dict())
