"""Keys and mouse as in other programs: what each preset changes of the Standard table, and files of one's own keys."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtGui import QKeySequence

from engine.errors import MouthpieceError
from engine.paths import atomic_file

FORMAT = "mouthpiece-keys"
MAX_BYTES = 1 << 18


@dataclass(frozen=True)
class KeyPreset:
    """One preset.

    Attributes:
        keys: action name to its key sequences, where they differ from the Standard ones.
        mouse: what the viewport's buttons do, for people; the hand on the camera knows the preset by its name.
    """

    title: str
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mouse: tuple[tuple[str, str], ...] = ()


PRESETS = {
    "standard": KeyPreset(
        "Standard", {}, (("Orbit", "Left"), ("Pan", "Middle"), ("Zoom", "Wheel"), ("Set pivot", "Double click"))
    ),
    "blender": KeyPreset(
        "Blender",
        {
            "view.frame_face": ("Num+.",), "view.reset": ("Home",), "view.latency": ("Ctrl+Shift+H",),
            "inspect.hide": ("H",), "inspect.delete": ("X", "Del"), "inspect.rectangle": ("Shift+B",),
            "edit.redo": ("Ctrl+Shift+Z",), "view.fullscreen": ("Ctrl+Space",), "view.panels": ("Ctrl+Alt+Space",),
            "help.search": ("F3", "Ctrl+K"), "face.neutral": ("Alt+G",),
        },
        (("Orbit", "Middle"), ("Pan", "Shift Middle"), ("Zoom", "Wheel, Ctrl Middle"), ("Set pivot", "Double click")),
    ),
    "maya": KeyPreset(
        "Maya",
        {
            "view.frame_face": ("F",), "view.reset": ("A",), "view.latency": ("Shift+L",), "inspect.lasso": ("Ctrl+L",),
            "inspect.hide": ("Ctrl+H",), "inspect.show_all": ("Ctrl+Shift+H",), "edit.redo": ("Ctrl+Y", "Shift+Z"),
            "view.panels": ("Ctrl+Space",), "inspect.rectangle": ("Q",),
        },
        (("Orbit", "Alt Left"), ("Pan", "Alt Middle"), ("Zoom", "Wheel, Alt Right"), ("Set pivot", "Double click")),
    ),
}  # fmt: skip


def write_keys(path: Path, preset: str, keys: dict[str, list[str]]) -> None:
    """Keeps a preset and one's own changes as a file to share. Raises OutputError if it cannot be written."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps({"format": FORMAT, "version": 1, "preset": preset, "keys": keys}, indent=2))


def read_keys(path: Path, known: set[str]) -> tuple[str, dict[str, list[str]]]:
    """Reads a file of keys: the preset and the changes of actions that exist. Raises MouthpieceError if it is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        row = json.loads(path.read_text(encoding="utf-8"))
        if row.get("format") != FORMAT or row.get("preset") not in PRESETS:
            raise ValueError("it holds no keys of this program")
        keys = {}
        for name, sequences in row["keys"].items():
            if not isinstance(sequences, list) or not all(isinstance(s, str) and len(s) < 60 for s in sequences):
                raise ValueError(f"{name} has no list of keys")
            if any(s and QKeySequence(s).isEmpty() for s in sequences):
                raise ValueError(f"{name} has a key that does not exist")
            if name in known:
                keys[name] = sequences[:4]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MouthpieceError(f"{path}: cannot be read as keys ({error}); choose a file made with Share.") from error
    return row["preset"], keys
