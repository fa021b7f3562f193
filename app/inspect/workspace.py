"""The Inspect workspace: joins model, panels, strip and what lies over the picture."""

from typing import TYPE_CHECKING

from app.inspect.model import InspectModel
from app.theme.tokens import SIZES
from app.windows.main_window import MainWindow
from app.windows.workspaces import Panes, Workspace
from engine.errors import ProjectError

if TYPE_CHECKING:
    from app.inspect.stage import InspectStage


class InspectWorkspace:
    """Built when it is first shown; the model exists from the start, since a project may bring edits."""

    def __init__(self, window: MainWindow, session, face, mixer) -> None:
        self._window, self._session, self._face, self._mixer = window, session, face, mixer
        self.model = InspectModel(session, window.undo_stack, window)
        for group in face.groups.values():
            group.rows.moved.connect(self.model.set_control)
        self._mode_before = "color"
        self.stage: InspectStage | None = None

    def keep_in(self, document) -> None:
        """Edits live in the project: they come with it and with the avatar they belong to."""
        model, self._is_taking = self.model, False

        def take() -> None:
            if self._session.manifest is None:
                return
            self._is_taking = True
            try:
                model.from_json(document.state.edits.get(model.avatar_hash))
            except ProjectError as error:
                self._session.note.emit("warn", "Edits were left out", str(error))
            self._is_taking = False

        def keep() -> None:
            if not self._is_taking and model.avatar_hash:
                document.keep_edits(model.avatar_hash, model.to_json())

        document.replaced.connect(take)
        model.avatar_changed.connect(take)
        model.edits_changed.connect(keep)

    def entry(self) -> Workspace:
        return Workspace("inspect", "Inspect", self._build, self._enter, self._leave)

    def commands(self) -> dict:
        """What this part carries out of the table of actions."""
        model = self.model

        def tool(name: str):
            return lambda: self.stage.set_tool(name)

        return {
            "inspect.rectangle": tool("rectangle"),
            "inspect.lasso": tool("lasso"),
            "inspect.brush": tool("brush"),
            "inspect.hide": model.hide,
            "inspect.delete": lambda: model.delete(),
            "inspect.invert": model.invert,
            "inspect.show_all": model.show_all,
        }

    def follow_workspace(self) -> None:
        """The keys of Inspect belong to it alone."""
        for name in self.commands():
            self._window.commands.set_enabled(name, self.model.is_active)

    def _build(self) -> Panes:
        from app.inspect.panel import InspectPanel
        from app.inspect.side import InspectSide
        from app.inspect.stage import InspectStage
        from app.inspect.strip import ViewStrip

        window, theme, viewport = self._window, self._window.theme, self._window.viewport
        self.strip = ViewStrip(theme, self.model)
        self.side = InspectSide(self._session, theme, self.model, window.library)
        self.panel = InspectPanel(self._session, theme, self.model, self._face)
        self.stage = InspectStage(theme, viewport, self.model)
        self.strip.mode_chosen.connect(viewport.set_view_mode)
        viewport.view_mode_changed.connect(self.strip.show_mode)
        viewport.view_mode_changed.connect(self.stage.show_mode)
        viewport.camera_moved.connect(self.panel.follow)
        viewport.escape_pressed.connect(self._escape)
        pages = [("Inspect", self.panel), ("Face", self._face), ("Mixer", self._mixer)]
        return Panes(pages, left=self.side, strip=self.strip, bottom_height=SIZES.timeline_min, bottom_spans="centre",
                     has_live_bar=False)  # fmt: skip

    def _enter(self) -> None:
        viewport = self._window.viewport
        self._mode_before = viewport.view_mode
        self._window.timeline.set_folded(True)
        viewport.chrome.set_modes_shown(False)
        self.model.enter()
        if viewport.view_mode == "color":
            viewport.set_view_mode("reach")
        self.strip.show_mode(viewport.view_mode)
        self.stage.show_mode(viewport.view_mode)
        self.stage.set_shown(True)
        self.follow_workspace()

    def _leave(self) -> None:
        viewport = self._window.viewport
        self.stage.set_shown(False)
        self.model.leave()
        self.follow_workspace()
        viewport.chrome.set_modes_shown(True)
        viewport.set_view_mode(self._mode_before)

    def _escape(self) -> None:
        """First what is being drawn, then the tool, then the selection."""
        if self.stage is None or not self.model.is_active:
            return
        if self.stage.select.is_drawing:
            self.stage.select.cancel()
        elif self.stage.select.tool != "orbit":
            self.stage.set_tool("orbit")
        else:
            self.model.clear()
