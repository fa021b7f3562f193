"""Keys and mouse as in other programs: presets without clashes, one's own changes on top, files to share."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest

from app.viewport.camera_hand import drag_mode
from app.windows.key_presets import PRESETS, read_keys, write_keys
from engine.errors import MouthpieceError

ALT, CTRL, SHIFT, NONE = (
    Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.NoModifier,
)  # fmt: skip
LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton


@pytest.mark.parametrize("preset", PRESETS)
def test_no_two_actions_of_a_preset_share_a_key(studio, preset):
    commands = studio.window.commands
    commands.set_preset(preset, {})
    assert commands.clashes() == {}
    for name in PRESETS[preset].keys:
        assert commands.spec(name) and all(not QKeySequence(key).isEmpty() for key in commands.keys(name))


def test_a_preset_changes_keys_and_mouse_at_once_and_is_remembered(studio):
    studio.sheets.open_preferences("keys")
    page = studio.window.sheet.page
    page.presets.setFocus()
    QTest.keyClick(page.presets, Qt.Key.Key_Right)
    assert studio.settings.key_preset == "blender" and studio.window.viewport.hand.preset == "blender"
    assert studio.window.commands.keys("inspect.hide") == ("H",)
    assert "orbit Middle" in page._mouse.text()
    studio.window.sheet.close()
    window = studio.window
    window.viewport.setFocus()
    QTest.keyClick(window.viewport, Qt.Key.Key_H, CTRL | SHIFT)
    assert window.stage_panel.isVisible()


def test_ones_own_keys_stand_over_the_preset(studio):
    commands = studio.window.commands
    commands.set_keys("view.latency", ["Ctrl+L"])
    commands.set_preset("blender")
    assert commands.keys("view.latency") == ("Ctrl+L",)
    commands.set_keys("view.latency", list(commands.preset_keys("view.latency")))
    assert commands.keys("view.latency") == ("Ctrl+Shift+H",)


@pytest.mark.parametrize(
    ("preset", "button", "modifiers", "mode"),
    [
        ("standard", LEFT, NONE, "orbit"), ("standard", LEFT, SHIFT, "pan"), ("standard", MIDDLE, NONE, "pan"),
        ("standard", RIGHT, NONE, "fly"), ("blender", LEFT, NONE, None), ("blender", MIDDLE, NONE, "orbit"),
        ("blender", MIDDLE, SHIFT, "pan"), ("blender", MIDDLE, CTRL, "zoom"), ("maya", LEFT, NONE, None),
        ("maya", LEFT, ALT, "orbit"), ("maya", MIDDLE, ALT, "pan"), ("maya", RIGHT, ALT, "zoom"),
    ],
)  # fmt: skip
def test_each_preset_drags_the_camera_as_its_program_does(preset, button, modifiers, mode):
    assert drag_mode(preset, button, modifiers) == mode


def test_keys_are_shared_as_a_file_and_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "keys.json"
    write_keys(path, "maya", {"view.grid": ["Ctrl+G"], "gone.action": ["X"]})
    assert read_keys(path, {"view.grid"}) == ("maya", {"view.grid": ["Ctrl+G"]})
    for words in ("{}", "[1]", '{"format": "mouthpiece-keys", "preset": "maya", "keys": {"view.grid": 3}}', "no"):
        path.write_text(words)
        with pytest.raises(MouthpieceError, match="cannot be read as keys"):
            read_keys(path, {"view.grid"})
