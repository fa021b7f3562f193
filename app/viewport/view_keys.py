"""The viewport's own keys: what a key press asks of the camera where the window's table of actions has not bound it."""

from PySide6.QtCore import Qt

PLAIN = {
    Qt.Key.Key_F: "view.frame_face",
    Qt.Key.Key_Home: "view.reset",
    Qt.Key.Key_Z: "view.mode_next",
    Qt.Key.Key_G: "view.grid",
}
KEYPAD = {Qt.Key.Key_1: "view.front", Qt.Key.Key_3: "view.left", Qt.Key.Key_7: "view.top",
          Qt.Key.Key_5: "view.ortho", Qt.Key.Key_0: "view.training"}  # fmt: skip
KEYPAD_CTRL = {Qt.Key.Key_1: "view.back", Qt.Key.Key_3: "view.right", Qt.Key.Key_7: "view.bottom"}
# With NumLock off a numeric pad sends these instead of digits.
WITHOUT_NUMLOCK = {Qt.Key.Key_End: Qt.Key.Key_1, Qt.Key.Key_PageDown: Qt.Key.Key_3, Qt.Key.Key_Home: Qt.Key.Key_7,
                   Qt.Key.Key_Clear: Qt.Key.Key_5, Qt.Key.Key_Insert: Qt.Key.Key_0}  # fmt: skip


def camera_command(key: int, modifiers: Qt.KeyboardModifier) -> str | None:
    """The command id a key press stands for, or None."""
    shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
    ctrl = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
    if modifiers & Qt.KeyboardModifier.KeypadModifier:
        key = WITHOUT_NUMLOCK.get(key, key)
        return (KEYPAD_CTRL if ctrl else KEYPAD).get(key)
    if Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
        return f"view.{'store' if ctrl else 'bookmark'}_{key - Qt.Key.Key_0}"
    if ctrl:
        return None
    if key == Qt.Key.Key_F and shift:
        return "view.frame_eyes"
    return None if shift else PLAIN.get(key)
