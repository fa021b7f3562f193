"""The viewport's menus: view modes, backgrounds, axis views and lenses, novel views; and their words and icons."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from app.theme.theme import Theme


@dataclass(frozen=True)
class ViewMode:
    name: str
    title: str
    icon: str
    why: str


VIEW_MODES = (
    ViewMode("color", "Colour", "palette-outline", "The face as it is."),
    ViewMode("alpha", "Alpha", "checkerboard", "How opaque the picture is."),
    ViewMode("depth", "Depth", "gradient-horizontal", "Near is light, far is dark."),
    ViewMode("normals", "Normals", "axis-arrow", "Where each splat's thin side points."),
    ViewMode("points", "Points", "dots-grid", "The centre of every splat."),
    ViewMode("ellipsoids", "Ellipsoids", "ellipse-outline", "Every splat as a solid body."),
    ViewMode("opacity", "Opacity", "blur", "How opaque each splat is."),
    ViewMode("embedding", "Embedding", "brain", "What the network knows each splat by, as colours."),
    ViewMode(
        "attention",
        "Attention",
        "eye-circle-outline",
        "What each splat listens to: voice red, blink green, view blue, nothing dark.",
    ),
    ViewMode("attention_audio", "Attention: voice", "account-voice", "How much each splat listens to the voice."),
    ViewMode("attention_eye", "Attention: blink", "eye-outline", "How much each splat listens to the blink."),
    ViewMode("attention_view", "Attention: view", "video-outline", "How much each splat listens to the camera."),
    ViewMode("attention_null", "Attention: nothing", "circle-off-outline", "How much each splat listens to nothing."),
    ViewMode("regions", "Regions", "face-recognition", "Where the expression moves the face: red its own, blue not."),
    ViewMode("motion", "Motion", "motion-outline", "How far each splat moves now."),
    ViewMode("reach", "Slider reach", "tune-variant", "Which splats the slider you drag moves, and how far."),
    ViewMode("coverage", "Coverage", "target", "How many training views saw each splat."),
)

LENSES = (("Long", 12.0), ("Portrait", 20.0), ("Normal", 35.0), ("Wide", 50.0))
AXES = (("Front", "front", "Num 1"), ("Back", "back", "Ctrl+Num 1"), ("Left side", "left", "Num 3"),
        ("Right side", "right", "Ctrl+Num 3"), ("Top", "top", "Num 7"), ("Below", "bottom", "Ctrl+Num 7"))  # fmt: skip
NOVEL = (("20° left", 20.0, 0.0), ("20° right", -20.0, 0.0), ("30° left", 30.0, 0.0), ("30° right", -30.0, 0.0),
         ("20° above", 0.0, 20.0), ("20° below", 0.0, -20.0))  # fmt: skip
GROUNDS = (("studio", "Studio grey", "image-outline"), ("checker", "Checker", "checkerboard"),
           ("plate", "Avatar's own", "face-man-outline"))  # fmt: skip


def exclusive_menu(
    parent: QWidget, theme: Theme, rows: list[tuple[str, str, str]], choose: Callable[[str], None]
) -> tuple[QMenu, dict[str, QAction]]:
    """A menu of which one entry is on; rows are (name, title, icon)."""
    menu, group = QMenu(parent), QActionGroup(parent)
    group.setExclusive(True)
    actions = {}
    for name, title, icon in rows:
        action = menu.addAction(theme.icon(icon), title)
        action.setCheckable(True)
        action.triggered.connect(lambda _=False, name=name: choose(name))
        group.addAction(action)
        actions[name] = action
    return menu, actions


def axis_menu(parent: QWidget, look: Callable[[str], None], lens: Callable[[float], None], ortho: QAction) -> QMenu:
    menu = QMenu(parent)
    for title, name, key in AXES:
        menu.addAction(f"{title}\t{key}", lambda name=name: look(name))
    menu.addSeparator()
    menu.addAction(ortho)
    lenses = menu.addMenu("Lens")
    for title, fov in LENSES:
        lenses.addAction(f"{title}, {fov:.0f}°", lambda fov=fov: lens(fov))
    return menu


def novel_menu(parent: QWidget, look: Callable[[float, float], None], spiral: Callable[[], None]) -> QMenu:
    menu = QMenu(parent)
    for title, azimuth, elevation in NOVEL:
        menu.addAction(title, lambda a=azimuth, e=elevation: look(a, e))
    menu.addSeparator()
    menu.addAction("Spiral", spiral)
    return menu
