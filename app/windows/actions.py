"""The one table of actions: it feeds the shortcuts, the menus, the tooltips, the command search and the keys sheet."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.theme.buttons import tooltip
from app.viewport.view_menus import VIEW_MODES
from app.windows.key_presets import PRESETS


@dataclass(frozen=True)
class ActionSpec:
    """One thing a person can ask the window for.

    Attributes:
        name: unique and stable, such as `take.record`; the part before the dot is where it belongs.
        text: what menus and the command search say; ends in "…" when more is asked.
        keys: the Standard key sequences, portable form; empty for none.
        why: one line for the tooltip.
        section: the heading in the keys sheet.
        menu: the menu it stands in, empty for none.
        is_toggle: whether it is on or off.
    """

    name: str
    text: str
    keys: tuple[str, ...] = ()
    why: str = ""
    section: str = "Program"
    menu: str = ""
    is_toggle: bool = False


MENUS = ("File", "Edit", "View", "Avatar", "Take", "Window", "Help")
SECTIONS = ("Performing", "View", "Display", "Editing", "Inspect", "Files", "Program")

ACTIONS = (
    ActionSpec("file.open", "Open an avatar…", ("Ctrl+O",), "Puts an avatar file on stage.", "Files", "File"),
    ActionSpec("file.make", "Make an avatar from a video…", ("Ctrl+Shift+N",), "One to five minutes of a person.",
               "Files", "File"),
    ActionSpec("file.sound", "Use a sound file…", ("Ctrl+Shift+O",), "The face speaks a recording instead of you.",
               "Files", "File"),
    ActionSpec("file.export", "Export…", ("Ctrl+E",), "Renders a take or a sound file to a video.", "Files", "File"),
    ActionSpec("file.preferences", "Preferences…", ("Ctrl+,",), "Sound, performance, keys and look.", "Files", "File"),
    ActionSpec("file.quit", "Quit", ("Ctrl+Q",), "", "Files", "File"),
    ActionSpec("edit.undo", "Undo", ("Ctrl+Z",), "Takes the last move back.", "Program", "Edit"),
    ActionSpec("edit.redo", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "Does it again after all.", "Program", "Edit"),
    ActionSpec("edit.search_controls", "Search controls", ("Ctrl+F",), "Finds a slider by what the face does.",
               "Program", "Edit"),
    ActionSpec("face.neutral", "Back to neutral", ("N",), "Every control returns to its neutral place.", "Performing",
               "Edit"),
    ActionSpec("face.reset", "Reset all controls", (), "Locked ones stay.", "Performing", "Edit"),
    ActionSpec("face.random", "Random face", (), "Within the training range; each seed gives the same face again.",
               "Performing", "Edit"),
    ActionSpec("face.blink", "Blink", ("B",), "Closes both lids for a moment.", "Performing", "Avatar"),
    ActionSpec("view.frame_face", "Frame the face", ("F",), "Puts the whole head in the picture.", "View", "View"),
    ActionSpec("view.frame_eyes", "Frame eyes and mouth", ("Shift+F",), "", "View", "View"),
    ActionSpec("view.reset", "Reset the camera", ("Home",), "Back to the avatar's own front view.", "View", "View"),
    ActionSpec("view.mode_next", "Next view mode", ("Z",), "Colour, alpha, depth, points and the others.", "Display",
               "View"),
    ActionSpec("view.grid", "Grid", ("G",), "Thirds over the picture.", "Display", "View"),
    ActionSpec("view.safe_area", "Safe area", (), "What every screen shows.", "Display", "View"),
    ActionSpec("view.front", "Front view", ("Num+1",), "", "View", "View"),
    ActionSpec("view.back", "Back view", ("Ctrl+Num+1",), "", "View"),
    ActionSpec("view.bottom", "View from below", ("Ctrl+Num+7",), "", "View"),
    ActionSpec("view.left", "Left view", ("Num+3",), "", "View", "View"),
    ActionSpec("view.right", "Right view", ("Ctrl+Num+3",), "", "View", "View"),
    ActionSpec("view.top", "Top view", ("Num+7",), "", "View", "View"),
    ActionSpec("view.ortho", "Orthographic", ("Num+5",), "Without perspective.", "View", "View"),
    ActionSpec("view.training", "Training camera", ("Num+0",), "Where the avatar was filmed from.", "View", "View"),
    *(ActionSpec(f"view.mode_{mode.name}", f"View: {mode.title}", (), mode.why, "Display") for mode in VIEW_MODES),
    ActionSpec("view.turntable", "Turntable", (), "Goes round the head until you move the camera.", "View", "View"),
    ActionSpec("view.spiral", "Spiral", (), "A slow figure round the face, as in papers.", "View"),
    ActionSpec("view.left_20", "20° to the left", (), "An angle the training may not have seen.", "View"),
    ActionSpec("view.right_20", "20° to the right", (), "", "View"),
    ActionSpec("view.left_30", "30° to the left", (), "", "View"),
    ActionSpec("view.right_30", "30° to the right", (), "", "View"),
    ActionSpec("view.picture", "Save a picture…", (), "What the viewport shows, as a PNG.", "View", "View"),
    ActionSpec("view.latency", "Latency by stage", ("H",), "Where the milliseconds from microphone to picture go.",
               "Display", "View", True),
    ActionSpec("view.panels", "Hide panels", ("Tab",), "Leaves the picture and the live bar.", "Display", "View", True),
    ActionSpec("view.virtual_camera", "Virtual camera", (), "The picture as a webcam for other programs.", "Display",
               "View", True),
    ActionSpec("view.camera_voice", "Virtual camera's voice…", (), "Sent by a virtual cable, as late as the picture.",
               "Display", "View"),
    ActionSpec("view.fullscreen", "Full screen", ("F11",), "", "Display", "View", True),
    ActionSpec("sound.microphone", "Microphone on or off", ("M",), "Off is immediate; the face falls silent.",
               "Performing", "Avatar", True),
    ActionSpec("sound.fast", "Look-ahead: Fast", (), "0 ms. The quickest answer, the roughest lips.", "Performing",
               "Avatar"),
    ActionSpec("sound.live", "Look-ahead: Live", (), "40 ms. For talking with people.", "Performing", "Avatar"),
    ActionSpec("sound.broadcast", "Look-ahead: Broadcast", (), "160 ms. The best lips; delay the voice to match.",
               "Performing", "Avatar"),
    ActionSpec("take.record", "Record or stop", ("R",), "Keeps voice, moves and camera as a take.", "Performing",
               "Take"),
    ActionSpec("take.save_last", "Save the last 30 s", ("Shift+R",), "Keeps what was just said, after the fact.",
               "Performing", "Take"),
    ActionSpec("take.speak", "Speak a sound file into a take…", (), "With the whole look-ahead, however long it is.",
               "Editing", "Take"),
    ActionSpec("take.edit", "Edit the take", ("Ctrl+Return",), "On its line of time.", "Editing", "Take"),
    ActionSpec("project.new", "New project", ("Ctrl+N",), "", "Files", "File"),
    ActionSpec("project.open", "Open a project…", ("Ctrl+Alt+O",), "A folder that ends in .mouthpiece.", "Files",
               "File"),
    ActionSpec("project.save", "Save the project", ("Ctrl+S",), "Everything but the raw takes, which never change.",
               "Files", "File"),
    ActionSpec("project.save_as", "Save the project as…", ("Ctrl+Shift+S",), "", "Files", "File"),
    ActionSpec("project.share", "Share the project…", (), "One zip with its takes.", "Files", "File"),
    ActionSpec("take.rename", "Rename the take", ("F2",), "When the takes list has the focus.", "Performing"),
    ActionSpec("window.perform", "Perform", ("Alt+1",), "Talk, and shape the face.", "Display", "Window"),
    ActionSpec("window.edit", "Edit", ("Alt+2",), "Take by take, on the timeline.", "Display", "Window"),
    ActionSpec("window.inspect", "Inspect", ("Alt+3",), "Splat by splat, while the face talks.", "Display", "Window"),
    ActionSpec("window.compare", "Compare", ("Alt+4",), "Two avatars on one drive and camera.", "Display", "Window"),
    ActionSpec("window.jobs", "Jobs", ("Alt+5",), "What is being made: captures, trainings, exports.", "Display",
               "Window"),
    ActionSpec("compare.wipe", "Compare wipe", ("O",), "Two avatars wiped over each other; O again goes back.",
               "Display", "View"),
    ActionSpec("inspect.rectangle", "Select a rectangle", ("Shift+B",), "Of splats, in the Inspect workspace.",
               "Inspect"),
    ActionSpec("inspect.lasso", "Select with the lasso", ("Shift+L",), "",
               "Inspect"),
    ActionSpec("inspect.brush", "Select with the brush", ("Shift+C",), "Ctrl and the wheel change its size.",
               "Inspect"),
    ActionSpec("inspect.invert", "Invert the selection", ("Ctrl+I",), "",
               "Inspect"),
    ActionSpec("inspect.hide", "Hide the selection", ("Shift+H",), "In every pose; the file stays as it is.",
               "Inspect"),
    ActionSpec("inspect.delete", "Delete the selection", ("Del",), "In every pose; the file stays as it is.",
               "Inspect"),
    ActionSpec("inspect.show_all", "Show everything hidden", ("Alt+H",), "What was deleted stays away.",
               "Inspect"),
    ActionSpec("window.library", "Library", (), "Avatars and takes on the left.", "Display", "Window", True),
    ActionSpec("window.timeline", "Fold the timeline", ("Ctrl+T",), "Leaves the transport and the waveform.",
               "Display", "Window", True),
    ActionSpec("window.dark", "Dark theme", (), "", "Display", "Window"),
    ActionSpec("window.light", "Light theme", (), "", "Display", "Window"),
    ActionSpec("window.system", "Theme of the system", (), "", "Display", "Window"),
    ActionSpec("window.reset", "Reset the layout", (), "Every panel back to its first size.", "Display", "Window"),
    ActionSpec("window.next_area", "Next area", ("Ctrl+F6",), "Moves the focus from panel to panel.", "Program",
               "Window"),
    ActionSpec("edit.play", "Play or pause", ("Space",), "The take that is being edited.", "Editing"),
    ActionSpec("edit.shuttle_back", "Shuttle backwards", ("J",), "Faster with each press.", "Editing"),
    ActionSpec("edit.shuttle_stop", "Stop", ("K",), "", "Editing"),
    ActionSpec("edit.shuttle_on", "Shuttle forwards", ("L",), "Faster with each press.", "Editing"),
    ActionSpec("edit.frame_back", "A frame back", ("Left",), "", "Editing"),
    ActionSpec("edit.frame_on", "A frame on", ("Right",), "", "Editing"),
    ActionSpec("edit.second_back", "A second back", ("Shift+Left",), "", "Editing"),
    ActionSpec("edit.second_on", "A second on", ("Shift+Right",), "", "Editing"),
    ActionSpec("edit.start", "To the start", ("Ctrl+Home",), "", "Editing"),
    ActionSpec("edit.end", "To the end", ("End",), "", "Editing"),
    ActionSpec("edit.in", "In point here", ("[",), "What lies before it is not exported.", "Editing"),
    ActionSpec("edit.out", "Out point here", ("]",), "What lies after it is not exported.", "Editing"),
    ActionSpec("edit.key", "Key the selected control", ("I",), "On its value at the playhead.", "Editing"),
    ActionSpec("edit.camera_key", "Key the camera", ("Shift+I",), "The viewport's camera becomes a key.", "Editing"),
    ActionSpec("edit.split", "Split at the playhead", ("S",), "The raw take stays as it is.", "Editing"),
    ActionSpec("edit.delete", "Delete what is selected", ("Backspace",), "A stretch is cut and the gap closed.",
               "Editing"),
    ActionSpec("edit.lift", "Silence the stretch", ("Shift+Backspace",), "The rest keeps its time.", "Editing"),
    ActionSpec("help.search", "Search commands", ("Ctrl+K",), "Runs anything by its name.", "Program", "Help"),
    ActionSpec("help.keys", "Keys", ("F1",), "All keys and mouse moves on one sheet.", "Program", "Help"),
    ActionSpec("help.log", "Show the log folder", (), "", "Program", "Help"),
    ActionSpec("help.about", "About and diagnostics", (), "What this machine has, to copy.", "Program", "Help"),
)  # fmt: skip

MOUSE = (
    ("Fly", "Right drag with W A S D, E up, Q down"),
    ("Slider, fine steps", "Shift+drag"), ("Slider, snap", "Ctrl+drag"), ("Slider, reset", "Double-click"),
    ("Mute a control", "Alt+click"), ("Solo a control", "Ctrl+click"), ("Lock a control", "Ctrl+Shift+click"),
)  # fmt: skip
"""Mouse moves for the keys sheet; the viewport and the sliders carry them out."""


class Commands(QObject):
    """The actions that some part of the window carries out; what nobody carries out does not exist.

    One `QAction` each, owned by the window, so that shortcut, menu entry, tooltip and command search agree.
    """

    ran = Signal(str)

    def __init__(
        self, window: QWidget, overrides: dict[str, list[str]] | None = None, preset: str = "standard"
    ) -> None:
        super().__init__(window)
        self.preset = preset
        self._window = window
        self._overrides = overrides or {}
        self._specs = {spec.name: spec for spec in ACTIONS}
        self._actions: dict[str, QAction] = {}
        self._blocked = False

    def bind(self, name: str, run: Callable[[], object]) -> QAction:
        """Lets `run` carry out an action of the table."""
        spec = self._specs[name]
        action = QAction(spec.text, self._window)
        action.setShortcuts([QKeySequence(keys) for keys in self.keys(name)])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setCheckable(spec.is_toggle)
        action.setAutoRepeat(name in ("edit.undo", "edit.redo"))
        action.triggered.connect(lambda *_: self._run(name, run))
        self._window.addAction(action)
        self._actions[name] = action
        return action

    @property
    def specs(self) -> tuple[ActionSpec, ...]:
        """The whole table, also what nobody carries out."""
        return tuple(self._specs.values())

    def __contains__(self, name: str) -> bool:
        return name in self._actions

    def __iter__(self) -> Iterator[tuple[ActionSpec, QAction]]:
        """Every action that can be asked for, in the table's order."""
        return ((self._specs[name], self._actions[name]) for name in self._specs if name in self._actions)

    def action(self, name: str) -> QAction:
        return self._actions[name]

    def spec(self, name: str) -> ActionSpec:
        return self._specs[name]

    def keys(self, name: str) -> tuple[str, ...]:
        """The key sequences of an action: the user's, else the preset's."""
        return tuple(self._overrides.get(name, self.preset_keys(name)))

    def preset_keys(self, name: str) -> tuple[str, ...]:
        """The key sequences an action has in the preset, whatever the user changed."""
        return PRESETS[self.preset].keys.get(name, self._specs[name].keys)

    def set_preset(self, preset: str, overrides: dict[str, list[str]] | None = None) -> None:
        """Takes another preset's keys at once, and with `overrides` other changes of the user's."""
        self.preset = preset
        if overrides is not None:
            self._overrides = dict(overrides)
        self.set_blocked(self._blocked)

    def tip(self, name: str, text: str = "") -> str:
        """Tooltip of a button for this action: name, key, why."""
        spec = self._specs[name]
        keys = self.keys(name)
        return tooltip(text or spec.text.removesuffix("…"), keys[0] if keys else "", spec.why)

    def run(self, name: str) -> None:
        self._actions[name].trigger()

    def set_enabled(self, name: str, on: bool) -> None:
        if name in self._actions:
            self._actions[name].setEnabled(on)

    def set_checked(self, name: str, on: bool) -> None:
        if name in self._actions:
            self._actions[name].setChecked(on)

    def set_keys(self, name: str, keys: list[str]) -> None:
        """Gives an action other keys at once; the preset's own are no change."""
        if tuple(keys) == self.preset_keys(name):
            self._overrides.pop(name, None)
        else:
            self._overrides[name] = list(keys)
        if name in self._actions:
            self._actions[name].setShortcuts([QKeySequence(key) for key in keys])

    def clashes(self) -> dict[str, list[str]]:
        """Key sequence to the actions that share it, where more than one does."""
        users: dict[str, list[str]] = {}
        for name in self._actions:
            for key in self.keys(name):
                users.setdefault(QKeySequence(key).toString(), []).append(name)
        return {key: names for key, names in users.items() if len(names) > 1}

    def set_blocked(self, blocked: bool) -> None:
        """While a sheet covers the window no shortcut reaches what lies under it."""
        self._blocked = blocked
        for name, action in self._actions.items():
            action.setShortcuts([] if blocked else [QKeySequence(key) for key in self.keys(name)])

    def _run(self, name: str, run: Callable[[], object]) -> None:
        run()
        self.ran.emit(name)
