"""Workspaces: one window, one history, one picture; only what stands round it differs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.theme.tokens import SIZES

if TYPE_CHECKING:
    from app.windows.main_window import MainWindow

PERFORM = "perform"


@dataclass(frozen=True)
class Panes:
    """What stands where in a workspace.

    Attributes:
        left: in place of the library; None keeps it. `has_left` False leaves the whole column out.
        pages: title and page of the right panel's tabs.
        strip: a tool strip 40 px high above the picture.
        stage: in place of the viewport. right: in place of the tabs.
        bottom: in place of the timeline; None keeps it.
        bottom_height: its first height; `bottom_spans` says how far it goes: below the `centre` only, below the
            `left` panel too, or below `all`.
        has_live_bar, has_bottom: whether the live bar and what stands at the bottom stay.
        left_width, right_width: their first widths; left_narrow: what the left gives way to.
    """

    pages: Sequence[tuple[str, QWidget]] = ()
    left: QWidget | None = None
    strip: QWidget | None = None
    stage: QWidget | None = None
    right: QWidget | None = None
    bottom: QWidget | None = None
    bottom_height: int = SIZES.timeline
    bottom_spans: str = "left"
    has_left: bool = True
    has_live_bar: bool = True
    has_bottom: bool = True
    left_width: int = SIZES.library
    left_narrow: int = SIZES.library_narrow
    right_width: int = SIZES.right


@dataclass
class Workspace:
    """One entry of the switch in the top bar, or where `in_switch` is False one that has a button of its own.

    Attributes:
        build: makes the panes when the workspace is first shown.
        entered, left: called whenever it is shown and when another takes its place.
    """

    name: str
    title: str
    build: Callable[[], Panes]
    entered: Callable[[], object] = field(default=lambda: None)
    left: Callable[[], object] = field(default=lambda: None)
    in_switch: bool = True


class Workspaces(QObject):
    """The window's workspaces and which of them is shown; camera, take and selection stay as they are.

    Attributes:
        current: the one that is shown. before: the one that was shown before it.

    Signals:
        changed: the name of the workspace now shown.
    """

    changed = Signal(str)

    def __init__(self, window: "MainWindow", perform: Panes) -> None:
        super().__init__(window)
        self._window = window
        self._known: dict[str, Workspace] = {PERFORM: Workspace(PERFORM, "Perform", lambda: perform)}
        self._panes: dict[str, Panes] = {}
        self.current = self.before = PERFORM
        self._apply(PERFORM)

    def add(self, workspace: Workspace) -> None:
        """Makes a workspace known; the switch shows all in the order of `ORDER`."""
        self._known[workspace.name] = workspace
        ordered = sorted((w for w in self._known.values() if w.in_switch), key=lambda w: ORDER.index(w.name))
        self._window.top_bar.set_workspaces([(w.name, w.title) for w in ordered], self.current)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def show(self, name: str) -> None:
        """Puts a workspace's panels round the picture."""
        if name == self.current or name not in self._known:
            return
        self._known[self.current].left()
        self.before, self.current = self.current, name
        self._apply(name)
        self._window.top_bar.show_workspace(name if self._known[name].in_switch else "")
        self._known[name].entered()
        self.changed.emit(name)

    def panes(self, name: str) -> Panes:
        """The panes of a workspace, built if it was never shown."""
        if name not in self._panes:
            self._panes[name] = self._known[name].build()
        return self._panes[name]

    def stage(self, name: str) -> QWidget:
        """What stands in the middle of a workspace."""
        return self.panes(name).stage or self._window.viewport

    def _apply(self, name: str) -> None:
        panes = self.panes(name)
        if panes.right is None:
            self._window.right.set_pages(panes.pages)
        self._window.area.set_panes(name, panes)


ORDER = (PERFORM, "edit", "inspect", "compare", "jobs")
