"""The one style under the style sheet: what needs an icon, a focus ring for the keyboard only, or a hint to Qt."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QProxyStyle,
    QStyle,
    QStyleOption,
    QStyleOptionComboBox,
    QWidget,
)  # fmt: skip

from app.theme.icons import draw_glyph

if TYPE_CHECKING:
    from app.theme.theme import Theme

STANDARD_ICONS = {
    QStyle.StandardPixmap.SP_DirIcon: "folder-outline",
    QStyle.StandardPixmap.SP_DirClosedIcon: "folder-outline",
    QStyle.StandardPixmap.SP_DirOpenIcon: "folder-open-outline",
    QStyle.StandardPixmap.SP_DirHomeIcon: "folder-outline",
    QStyle.StandardPixmap.SP_FileIcon: "file-import-outline",
    QStyle.StandardPixmap.SP_FileDialogBack: "chevron-left",
    QStyle.StandardPixmap.SP_ArrowBack: "chevron-left",
    QStyle.StandardPixmap.SP_ArrowForward: "chevron-right",
    QStyle.StandardPixmap.SP_FileDialogToParent: "chevron-up",
    QStyle.StandardPixmap.SP_FileDialogNewFolder: "folder-outline",
    QStyle.StandardPixmap.SP_FileDialogListView: "format-list-bulleted",
    QStyle.StandardPixmap.SP_FileDialogDetailedView: "table-large",
    QStyle.StandardPixmap.SP_LineEditClearButton: "close",
    QStyle.StandardPixmap.SP_MessageBoxInformation: "information-outline",
    QStyle.StandardPixmap.SP_MessageBoxWarning: "alert",
    QStyle.StandardPixmap.SP_MessageBoxCritical: "alert-circle-outline",
    QStyle.StandardPixmap.SP_MessageBoxQuestion: "help-circle-outline",
    QStyle.StandardPixmap.SP_DialogCloseButton: "close",
    QStyle.StandardPixmap.SP_BrowserReload: "restart",
}

HINTS = {
    QStyle.StyleHint.SH_ComboBox_Popup: 0,
    QStyle.StyleHint.SH_EtchDisabledText: 0,
    QStyle.StyleHint.SH_DitherDisabledText: 0,
    QStyle.StyleHint.SH_UnderlineShortcut: 0,
    QStyle.StyleHint.SH_ToolTip_WakeUpDelay: 500,
    QStyle.StyleHint.SH_DialogButtonBox_ButtonsHaveIcons: 0,
    QStyle.StyleHint.SH_Menu_MouseTracking: 1,
    QStyle.StyleHint.SH_MenuBar_MouseTracking: 1,
    QStyle.StyleHint.SH_MenuBar_AltKeyNavigation: 1,
    QStyle.StyleHint.SH_ScrollBar_LeftClickAbsolutePosition: 0,
    QStyle.StyleHint.SH_Slider_AbsoluteSetButtons: 0,
    QStyle.StyleHint.SH_ItemView_ActivateItemOnSingleClick: 0,
    QStyle.StyleHint.SH_TabBar_PreferNoArrows: 1,
    QStyle.StyleHint.SH_TabBar_Alignment: int(Qt.AlignmentFlag.AlignLeft.value),
}

METRICS = {
    QStyle.PixelMetric.PM_SmallIconSize: 16,
    QStyle.PixelMetric.PM_ButtonIconSize: 16,
    QStyle.PixelMetric.PM_ToolBarIconSize: 18,
    QStyle.PixelMetric.PM_SplitterWidth: 4,
    QStyle.PixelMetric.PM_IndicatorWidth: 16,
    QStyle.PixelMetric.PM_IndicatorHeight: 16,
    QStyle.PixelMetric.PM_ExclusiveIndicatorWidth: 16,
    QStyle.PixelMetric.PM_ExclusiveIndicatorHeight: 16,
    QStyle.PixelMetric.PM_CheckBoxLabelSpacing: 8,
    QStyle.PixelMetric.PM_RadioButtonLabelSpacing: 8,
    QStyle.PixelMetric.PM_ButtonShiftHorizontal: 0,
    QStyle.PixelMetric.PM_ButtonShiftVertical: 0,
    QStyle.PixelMetric.PM_LayoutHorizontalSpacing: 12,
    QStyle.PixelMetric.PM_LayoutVerticalSpacing: 8,
}


class MouthpieceStyle(QProxyStyle):
    """Fusion underneath; combo boxes, checks, radios and focus rings drawn from the tokens."""

    def __init__(self, theme: "Theme") -> None:
        super().__init__("Fusion")
        self._theme = theme

    def polish(self, target):
        super().polish(target)
        # A click is not a wish to see the focus ring: buttons take the focus from the keyboard only.
        if isinstance(target, QAbstractButton) and target.focusPolicy() == Qt.FocusPolicy.StrongFocus:
            target.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if isinstance(target, QComboBox):
            target.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def styleHint(self, hint, option=None, widget=None, data=None):
        return HINTS[hint] if hint in HINTS else super().styleHint(hint, option, widget, data)

    def pixelMetric(self, metric, option=None, widget=None):
        return METRICS[metric] if metric in METRICS else super().pixelMetric(metric, option, widget)

    def standardIcon(self, which, option=None, widget=None) -> QIcon:
        name = STANDARD_ICONS.get(which)
        return self._theme.icon(name) if name else super().standardIcon(which, option, widget)

    def sizeFromContents(self, kind, option, size, widget=None) -> QSize:
        if kind == QStyle.ContentsType.CT_ComboBox:
            return QSize(size.width() + 10 + 26, 28)
        return super().sizeFromContents(kind, option, size, widget)

    def subControlRect(self, control, option, which, widget=None) -> QRect:
        if control == QStyle.ComplexControl.CC_ComboBox:
            if which == QStyle.SubControl.SC_ComboBoxEditField:
                return option.rect.adjusted(9, 1, -26, -1)
            if which == QStyle.SubControl.SC_ComboBoxArrow:
                return QRect(option.rect.right() - 25, option.rect.top(), 26, option.rect.height())
        return super().subControlRect(control, option, which, widget)

    def drawComplexControl(self, control, option, painter, widget=None) -> None:
        if control == QStyle.ComplexControl.CC_ComboBox and isinstance(option, QStyleOptionComboBox):
            self._draw_combo(option, painter)
            return
        super().drawComplexControl(control, option, painter, widget)

    def drawPrimitive(self, element, option, painter, widget=None) -> None:
        primitive = QStyle.PrimitiveElement
        if element == primitive.PE_IndicatorCheckBox:
            self._draw_check(option, painter)
        elif element == primitive.PE_IndicatorRadioButton:
            self._draw_radio(option, painter)
        elif element == primitive.PE_FrameFocusRect:
            self._draw_focus(option, painter)
        else:
            super().drawPrimitive(element, option, painter, widget)

    def _draw_combo(self, option: QStyleOptionComboBox, painter: QPainter) -> None:
        theme, state = self._theme, option.state
        enabled = bool(state & QStyle.StateFlag.State_Enabled)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver) and enabled
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = 2 if focused else 1
        edge = theme.color("acc" if focused else "line2" if hovered else "line")
        painter.setPen(QPen(edge, width))
        painter.setBrush(theme.color("field" if enabled else "panel"))
        inset = width / 2
        painter.drawRoundedRect(QRectF(option.rect).adjusted(inset, inset, -inset, -inset), 4, 4)
        arrow = QRectF(option.rect.right() - 24, option.rect.center().y() - 7, 16, 16)
        draw_glyph(painter, arrow, "chevron-down", theme.color("t2" if enabled else "dis"))
        painter.restore()

    def _draw_check(self, option: QStyleOption, painter: QPainter) -> None:
        theme, state = self._theme, option.state
        enabled = bool(state & QStyle.StateFlag.State_Enabled)
        on = bool(state & QStyle.StateFlag.State_On)
        half = bool(state & QStyle.StateFlag.State_NoChange)
        box = QRectF(option.rect).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        filled = (on or half) and enabled
        painter.setPen(QPen(theme.color("fill" if filled else "line2"), 1))
        painter.setBrush(theme.color("fill" if filled else "field"))
        painter.drawRoundedRect(box, 4, 4)
        if on or half:
            mark = "check" if on else "minus"
            draw_glyph(painter, QRectF(option.rect), mark, theme.color("on_fill" if enabled else "dis"))
        painter.restore()

    def _draw_radio(self, option: QStyleOption, painter: QPainter) -> None:
        theme, state = self._theme, option.state
        enabled = bool(state & QStyle.StateFlag.State_Enabled)
        on = bool(state & QStyle.StateFlag.State_On)
        box = QRectF(option.rect).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("fill" if on and enabled else "line2"), 1))
        painter.setBrush(theme.color("fill" if on and enabled else "field"))
        painter.drawEllipse(box)
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("on_fill" if enabled else "dis"))
            painter.drawEllipse(box.center(), 3, 3)
        painter.restore()

    def _draw_focus(self, option: QStyleOption, painter: QPainter) -> None:
        if not option.state & QStyle.StateFlag.State_KeyboardFocusChange:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("acc"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(option.rect).adjusted(1, 1, -1, -1), 4, 4)
        painter.restore()


def repolish(widget: QWidget) -> None:
    """Applies the style sheet again after a dynamic property changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()
