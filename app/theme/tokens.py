"""The token table: every colour, size and font of the window in one place, for the dark and the light theme.

Colours are `#RRGGBB`; lengths are pixels at 1x. Nothing here knows Qt.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Tokens:
    """The colours of one theme.

    Attributes:
        app: gaps and window ground; panel, head: panels, and rows, footers and cards on them.
        raised, hover, press: buttons at rest, hovered, pressed; chosen, on_chosen: the chosen segment and its text.
        field: inputs, plots, meters; line, line2: dividers and input edges, button edges and ticks.
        t1, t2, t3, dis: main text, labels, hints, disabled.
        acc, fill, fill_hover, on_fill: you, links and focus; primary buttons, switches, checks; text on them.
        soft, soft_text: selected row and its text.
        voice, voice_soft, take, take_soft, ext: who moves the face: microphone, take, outside data.
        voice_bar, acc_bar: the same as bars and meters.
        rec, rec_fill, rec_soft: recording only; warn, warn_soft, err: needs a look, failed.
        solo, on_solo, star: solo and its text; rating.
        rail, hull, knob, knob_edge: slider rail, training range, handle.
        wave, plot_1, plot_2, plot_3: waveform, measured curves that belong to no source.
        ground_centre, ground_edge: the viewport's radial ground, centre at 50 % 42 %.
    """

    name: str
    app: str
    panel: str
    head: str
    raised: str
    hover: str
    press: str
    chosen: str
    on_chosen: str
    field: str
    line: str
    line2: str
    t1: str
    t2: str
    t3: str
    dis: str
    acc: str
    fill: str
    fill_hover: str
    on_fill: str
    soft: str
    soft_text: str
    voice: str
    voice_soft: str
    voice_bar: str
    acc_bar: str
    take: str
    take_soft: str
    ext: str
    rec: str
    rec_fill: str
    rec_soft: str
    warn: str
    warn_soft: str
    err: str
    solo: str
    on_solo: str
    star: str
    rail: str
    hull: str
    knob: str
    knob_edge: str
    wave: str
    plot_1: str
    plot_2: str
    plot_3: str
    ground_centre: str
    ground_edge: str

    def to_dict(self) -> dict[str, str]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


DARK = Tokens(
    name="dark",
    app="#0F1114", panel="#1A1D22", head="#1F2329", raised="#282D35", hover="#323843", press="#3B424E",
    chosen="#3B424E", on_chosen="#E9EBEF", field="#121519", line="#2A2F37", line2="#3D444F",
    t1="#E9EBEF", t2="#B3BAC5", t3="#929AA7", dis="#5D6572",
    acc="#8AA0FF", fill="#4660E2", fill_hover="#5570F0", on_fill="#FFFFFF", soft="#252D4C", soft_text="#C3CEFF",
    voice="#3AD1AE", voice_soft="#13352F", voice_bar="#3AD1AE", acc_bar="#8AA0FF",
    take="#BE9BFA", take_soft="#2F2745", ext="#63BDF7",
    rec="#FF5A69", rec_fill="#D32F43", rec_soft="#40191F", warn="#F3B54E", warn_soft="#3A2C13", err="#FF7B7B",
    solo="#F5CB4F", on_solo="#201800", star="#E9B04C",
    rail="#343A44", hull="#4A525F", knob="#E6E9EF", knob_edge="#E6E9EF", wave="#5E6878",
    plot_1="#E9EBEF", plot_2="#F0A37A", plot_3="#A5C979", ground_centre="#2B2D31", ground_edge="#17181B",
)  # fmt: skip

LIGHT = Tokens(
    name="light",
    app="#CDD1D8", panel="#F3F4F7", head="#EBEDF1", raised="#FFFFFF", hover="#E1E4EA", press="#D4D8E0",
    chosen="#3450CF", on_chosen="#FFFFFF", field="#FFFFFF", line="#DADDE3", line2="#B6BCC7",
    t1="#191C22", t2="#454C58", t3="#5B6370", dis="#9AA1AD",
    acc="#3450CF", fill="#3450CF", fill_hover="#2A43B8", on_fill="#FFFFFF", soft="#DFE5FD", soft_text="#25399B",
    voice="#08776A", voice_soft="#DDF4EE", voice_bar="#0C9C80", acc_bar="#4A66E6",
    take="#6F45C4", take_soft="#E9E0FB", ext="#0D6AAE",
    rec="#C4263A", rec_fill="#C4263A", rec_soft="#FBDFE2", warn="#8A5200", warn_soft="#FBEBCB", err="#B3261E",
    solo="#E8B528", on_solo="#201800", star="#8F6400",
    rail="#CFD4DB", hull="#AEB5C0", knob="#FFFFFF", knob_edge="#6B7484", wave="#8A93A2",
    plot_1="#191C22", plot_2="#B4531F", plot_3="#4C7A1E", ground_centre="#D3D6DB", ground_edge="#AFB4BC",
)  # fmt: skip

THEMES = {"dark": DARK, "light": LIGHT}

STAGE_COLORS = {
    "capture": "#7F8CA3",
    "look_ahead": "#5C7FD6",
    "features": "#4FA6C9",
    "drive": "#3AB795",
    "deform": "#8DB554",
    "raster": "#C9A547",
    "present": "#C17A52",
}
"""Latency stages in the order sound passes them; the same in both themes."""

STAGE_LABELS = {
    "capture": "Capture",
    "look_ahead": "Look-ahead",
    "features": "Features",
    "drive": "Drive",
    "deform": "Deform",
    "raster": "Raster",
    "present": "Present",
}

HEAT = ("#2F6FB5", "#3CB8BD", "#E9CF52", "#F2542A")
"""Heat map, cold to hot; the same in both themes."""

TEXT_PAIRS = (
    *((text, ground) for text in ("t1", "t2", "t3") for ground in ("panel", "head", "field")),
    *((text, "raised") for text in ("t1", "t2", "t3")),
    ("t1", "hover"), ("t1", "press"), ("on_chosen", "chosen"), ("on_fill", "fill"),
    ("soft_text", "soft"), ("acc", "panel"), ("acc", "head"), ("acc", "field"), ("voice", "panel"),
    ("voice", "voice_soft"), ("take", "panel"), ("take", "take_soft"), ("ext", "panel"), ("rec", "panel"),
    ("rec", "rec_soft"), ("warn", "panel"), ("warn", "warn_soft"), ("t1", "warn_soft"), ("err", "panel"),
    ("err", "head"), ("on_solo", "solo"), ("t1", "soft"),
)  # fmt: skip
"""Text and the ground it stands on: at least 4.5:1 in both themes."""

MARK_PAIRS = (
    ("t2", "raised"), ("t2", "hover"), ("acc", "soft"), ("star", "panel"), ("on_fill", "rec_fill"),
    ("on_fill", "fill_hover"), ("voice_bar", "panel"), ("acc_bar", "panel"), ("knob_edge", "rail"),
)  # fmt: skip
"""Icons, bars and handles and their ground: at least 3:1 in both themes."""


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours as WCAG 2.2 defines it, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@dataclass(frozen=True)
class Sizes:
    """Lengths, pixels at 1x."""

    gap: int = 4
    radius_bar: int = 2
    radius_field: int = 4
    radius_icon_button: int = 5
    radius: int = 6
    radius_toast: int = 8
    radius_dialog: int = 10
    padding: int = 12
    form_gap_x: int = 12
    form_gap_y: int = 8
    top_bar: int = 44
    status_bar: int = 24
    live_bar: int = 64
    panel_head: int = 36
    tool_strip: int = 40
    dialog_head: int = 48
    button: int = 28
    small: int = 24
    large: int = 36
    row: int = 26
    row_large: int = 32
    slider_row: int = 28
    library: int = 240
    library_narrow: int = 200
    library_max: int = 360
    library_collapse: int = 160
    rail: int = 44
    viewport_width: int = 480
    viewport_height: int = 320
    right: int = 376
    right_narrow: int = 344
    right_min: int = 320
    right_max: int = 520
    timeline: int = 150
    timeline_min: int = 36
    window_width: int = 1120
    window_height: int = 640
    narrow_below: int = 1360
    rail_below: int = 1200
    low_below: int = 820
    terse_below: int = 700


SIZES = Sizes()

SANS_FAMILIES = ("Inter", "Inter Variable")
MONO_FAMILIES = ("JetBrains Mono", "DejaVu Sans Mono", "Consolas", "Menlo")


@dataclass(frozen=True)
class TypeScale:
    """Font sizes in pixels at 1x: base text, secondary, captions, card, dialog and empty-state titles, figures."""

    base: int = 12
    secondary: int = 11
    caption: int = 10
    card_title: int = 13
    dialog_title: int = 15
    empty_title: int = 20
    figure: int = 24


TYPE = TypeScale()

REGULAR, MEDIUM, SEMIBOLD, BOLD = 400, 500, 600, 700
"""Text, labels and buttons, headings and chosen, the view cube."""

MOTION_MS = {"hover": 80, "fold": 120, "view": 200, "toast_in": 160, "toast_out": 120, "damping": 90}
