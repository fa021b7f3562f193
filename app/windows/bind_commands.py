"""Which part carries out which action of the table."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtGui import QAction, QUndoStack
from shiboken6 import isValid

from app.crash import log_dir
from app.windows.file_tasks import show_file
from app.windows.library_wiring import LibraryWiring
from app.windows.main_window import MainWindow
from app.windows.session_wiring import SessionWiring
from app.windows.sheets import Sheets
from app.windows.workspaces import ORDER


def bind_commands(
    window: MainWindow, session, wiring: SessionWiring, library: LibraryWiring, sheets: Sheets, parts: Sequence = ()
) -> None:
    """Binds every action that exists; the parts' own `commands()` come first."""
    bind = window.commands.bind
    known = {spec.name for spec in window.commands.specs}
    for part in (window.viewport, window.face, *parts):
        offered = part.commands() if hasattr(part, "commands") else {}
        for name, run in offered.items():
            if name in known:
                bind(name, run)
    bind("file.open", library.choose_avatar)
    bind("file.sound", library.choose_sound)
    bind("file.make", library.choose_video)
    bind("file.export", sheets.open_export)
    bind("file.preferences", sheets.open_preferences)
    bind("file.quit", window.close)
    _bind_undo(window, window.undo_stack)
    bind("view.latency", lambda: window.show_stage_panel(not window.stage_panel.isVisible()))
    bind("view.panels", lambda: window.area.set_panels_hidden(not window.area.panels_hidden))
    bind("view.virtual_camera", wiring.toggle_virtual_camera)
    bind("view.camera_voice", partial(sheets.open_preferences, "camera"))
    bind("view.fullscreen", lambda: window.set_fullscreen(not window.isFullScreen()))
    bind("sound.microphone", wiring.toggle_microphone)
    for name, milliseconds in (("fast", 0.0), ("live", 40.0), ("broadcast", 160.0)):
        bind(f"sound.{name}", partial(wiring.set_look_ahead, milliseconds))
    bind("take.record", wiring.toggle_recording)
    bind("take.save_last", wiring.save_last)
    bind("window.library", lambda: window.area.set_railed(not window.area.is_railed))
    bind("window.timeline", lambda: window.area.set_timeline_folded(not window.timeline.is_folded))
    for name in ORDER:
        if name in window.workspaces:
            bind(f"window.{name}", partial(window.workspaces.show, name))
    for mode in ("dark", "light", "system"):
        bind(f"window.{mode}", partial(sheets.set_theme, mode))
    bind("window.reset", window.area.reset)
    bind("window.next_area", window.next_area)
    bind("help.search", sheets.open_search)
    bind("help.keys", sheets.open_keys)
    bind("help.log", lambda: show_file(log_dir()))
    bind("help.about", sheets.open_about)
    window.timeline.fold_wanted.connect(window.area.set_timeline_folded)
    window.top_bar.fill()
    _follow_states(window, session)


def _bind_undo(window: MainWindow, stack: QUndoStack) -> None:
    undo = window.commands.bind("edit.undo", stack.undo)
    redo = window.commands.bind("edit.redo", stack.redo)
    for action, changed, can, words, text in (
        (undo, stack.canUndoChanged, stack.canUndo, stack.undoTextChanged, "Undo"),
        (redo, stack.canRedoChanged, stack.canRedo, stack.redoTextChanged, "Redo"),
    ):
        action.setEnabled(can())
        changed.connect(action.setEnabled)
        words.connect(_namer(action, text))


def _namer(action: QAction, text: str):
    """Says what would be undone; the stack may outlive the window's actions."""

    def name(what: str) -> None:
        if isValid(action):
            action.setText(f"{text}: {what}" if what else text)

    return name


def _follow_states(window: MainWindow, session) -> None:
    """Actions that need an avatar wait for one; what is on is ticked."""
    needing = [spec.name for spec, _ in window.commands
               if spec.name.startswith(("take.", "face.")) or spec.name in ("file.export", "edit.search_controls")
               or (spec.name.startswith("view.") and spec.section in ("View",))]  # fmt: skip

    def show(has_avatar: bool) -> None:
        for name in needing:
            window.commands.set_enabled(name, has_avatar)

    show(session.manifest is not None)
    session.avatar_opened.connect(lambda _: show(True))
    window.area.layout_changed.connect(lambda: _tick(window))
    window.commands.ran.connect(lambda _: _tick(window))
    _tick(window)


def _tick(window: MainWindow) -> None:
    for name, on in (
        ("view.panels", window.area.panels_hidden),
        ("view.fullscreen", window.isFullScreen()),
        ("view.latency", window.stage_panel.isVisible()),
        ("window.library", not window.area.is_railed),
        ("window.timeline", window.timeline.is_folded),
    ):
        window.commands.set_checked(name, on)
