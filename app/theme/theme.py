"""The theme that is passed to every widget: its colours, fonts and icons, and the signal that they changed."""

import os
from functools import cached_property, lru_cache

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QWidget

from app.theme.icons import GlyphEngine, glyph_pixmap
from app.theme.qss import stylesheet
from app.theme.style import MouthpieceStyle
from app.theme.tokens import MONO_FAMILIES, REGULAR, SANS_FAMILIES, STAGE_COLORS, THEMES, TYPE, Tokens

MODES = ("dark", "light", "system")
PLAIN_STEMS = "cff:darkening-parameters=500,0,1000,0,2500,0,4000,0"


def prepare_fonts() -> None:
    """Before the first font is used: Qt on Linux thickens the stems of OpenType fonts, ours keep their weight."""
    os.environ.setdefault("FREETYPE_PROPERTIES", PLAIN_STEMS)


class Theme(QObject):
    """Colours, fonts and icons of the window; widgets repaint on `changed`.

    Widgets with a style sheet of their own are not needed: properties such as `kind="primary"` choose the look.
    """

    changed = Signal()

    def __init__(self, app: QApplication, mode: str = "dark") -> None:
        super().__init__(app)
        self._app = app
        self._colors: dict[str, QColor] = {}
        self.mode = ""
        self.tokens: Tokens = THEMES["dark"]
        self._style = MouthpieceStyle(self)
        app.setStyle(self._style)
        app.setFont(self.font())
        app.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)
        self.set_mode(mode)

    @property
    def is_dark(self) -> bool:
        return self.tokens.name == "dark"

    def set_mode(self, mode: str) -> None:
        """Takes `dark`, `light`, or `system` for what the desktop asks for."""
        if mode not in MODES:
            raise ValueError(f"{mode!r} is not a theme; use one of {', '.join(MODES)}.")
        self.mode = mode
        name = mode if mode != "system" else self._system_name()
        if THEMES[name] is self.tokens and self._colors:
            return
        self.tokens = THEMES[name]
        self._colors = {key: QColor(value) for key, value in self.tokens.to_dict().items() if key != "name"}
        self._colors |= {f"stage_{stage}": QColor(value) for stage, value in STAGE_COLORS.items()}
        self._app.setPalette(self._palette())
        self._app.setStyleSheet(stylesheet(self.tokens))
        self.changed.emit()

    def color(self, token: str, alpha: float = 1.0) -> QColor:
        """A token's colour by name, or a latency stage's as `stage_raster`; alpha 0 to 1."""
        color = QColor(self._colors[token])
        if alpha < 1.0:
            color.setAlphaF(alpha)
        return color

    def font(self, size: int = TYPE.base, weight: int = REGULAR) -> QFont:
        """The interface font with tabular figures, `size` in pixels at 1x."""
        return QFont(_font(self._sans, size, weight, self._hinting))

    def mono(self, size: int = TYPE.caption, weight: int = REGULAR) -> QFont:
        """The font of timecode, control numbers, keys and logs."""
        return QFont(_font(self._mono, size, weight, self._hinting))

    def icon(self, name: str, color: str = "t2", on: str = "acc", hover: str = "t1") -> QIcon:
        """An icon of the set in the theme's colours; make it anew on `changed`."""
        return QIcon(GlyphEngine(name, self.color(color), self.color(hover), self.color(on), self.color("dis")))

    def pixmap(self, name: str, size: int, color: str = "t2", widget: QWidget | None = None) -> QPixmap:
        """An icon as a pixmap of `size` logical pixels, at the scale of the widget's screen."""
        scale = widget.devicePixelRatioF() if widget is not None else self._app.devicePixelRatio()
        return glyph_pixmap(name, size, self.color(color), scale)

    @cached_property
    def _hinting(self) -> QFont.HintingPreference:
        # Whole pixels make small text crisp on a coarse screen; on a fine one they only spoil the spacing.
        fine = self._app.devicePixelRatio() > 1.0
        return QFont.HintingPreference.PreferNoHinting if fine else QFont.HintingPreference.PreferFullHinting

    @cached_property
    def _sans(self) -> tuple[str, ...]:
        system = QFontInfo(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)).family()
        return (*_installed(SANS_FAMILIES), system)

    @cached_property
    def _mono(self) -> tuple[str, ...]:
        system = QFontInfo(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)).family()
        return (*_installed(MONO_FAMILIES), system)

    def _system_name(self) -> str:
        return "light" if self._app.styleHints().colorScheme() == Qt.ColorScheme.Light else "dark"

    def _on_scheme_changed(self) -> None:
        if self.mode == "system":
            self.set_mode("system")

    def _palette(self) -> QPalette:
        role, group = QPalette.ColorRole, QPalette.ColorGroup
        palette = QPalette()
        for which, token in (
            (role.Window, "panel"), (role.WindowText, "t1"), (role.Base, "field"), (role.AlternateBase, "head"),
            (role.Text, "t1"), (role.Button, "raised"), (role.ButtonText, "t1"), (role.BrightText, "on_fill"),
            (role.ToolTipBase, "raised"), (role.ToolTipText, "t1"), (role.PlaceholderText, "t3"),
            (role.Highlight, "soft"), (role.HighlightedText, "soft_text"), (role.Link, "acc"), (role.Accent, "acc"),
            (role.LinkVisited, "acc"), (role.Light, "hover"), (role.Midlight, "raised"), (role.Mid, "line2"),
            (role.Dark, "line"), (role.Shadow, "app"),
        ):  # fmt: skip
            palette.setColor(which, self.color(token))
        for which in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(group.Disabled, which, self.color("dis"))
        return palette


def _installed(families: tuple[str, ...]) -> list[str]:
    there = set(QFontDatabase.families())
    return [family for family in families if family in there]


@lru_cache(maxsize=128)
def _font(families: tuple[str, ...], size: int, weight: int, hinting: QFont.HintingPreference) -> QFont:
    """Copies of one font share what Qt finds out about it."""
    font = QFont(families)
    font.setPixelSize(size)
    font.setWeight(QFont.Weight(weight))
    font.setHintingPreference(hinting)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font
