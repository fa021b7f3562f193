"""A second avatar, or the same one by another rasterizer, performing the very moments of the one on stage."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.workers.stage import Stage

RIVAL_FRAMES = "rival.slots"  # name inside the per-run folder


class Rival:
    """Loads on a thread, listens to the same sound, is drawn right after the stage with its time, camera and size.

    Args:
        voice: the stage's line of sound; opening: makes the thread that opens an avatar from its path and number.
        make_rasterizer: by a backend's name.
        say: sends an event to the window.
    """

    def __init__(self, folder: Path, voice: Any, opening: Callable, make_rasterizer: Callable, say: Callable) -> None:
        self._folder, self._voice, self._opening, self._make = folder, voice, opening, make_rasterizer
        self._say = say
        self._stage: Stage | None = None
        self._frames: Any = None
        self._entering: Any = None
        self._asked: dict[str, Any] = {}
        self._own_rasterizer: Any = None
        self._is_stale = False

    def ask(self, request: dict[str, Any]) -> None:
        """A path (and a backend's name or None for the stage's) brings a rival; without a path it goes."""
        self._leave()
        self._asked = request
        if request.get("path"):
            self._entering = self._opening(Path(request["path"]), int(request["number"]))

    def let_enter(self, main: "Stage", rasterizer: Any) -> None:
        """Puts a loaded rival beside the stage; `rival_entered` or `rival_failed` is said."""
        entering = self._entering
        if entering is None or not entering.is_done or main.performer is None or rasterizer is None:
            return
        from app.workers.frames import FrameWriter
        from app.workers.stage import Stage
        from engine.errors import MouthpieceError
        from engine.performer import Performer

        self._entering = None
        try:
            if entering.failure is not None:
                raise entering.failure
            backend = self._asked.get("backend")
            if backend and backend != rasterizer.name:
                rasterizer = self._own_rasterizer = self._make(backend)
            performer = Performer(entering.avatar, rasterizer, is_live=True)
            self._frames = self._frames or FrameWriter(self._folder / RIVAL_FRAMES)
            self._stage = Stage(self._frames, self._voice)
            self._stage.look = self._look_like(main)
            self._stage.enter(performer, entering.number)
        except (MouthpieceError, OSError) as error:
            self._say("rival_failed", number=entering.number, sentence=str(error))
            return
        self.apply(main)
        self._say("rival_entered", number=entering.number, backend=rasterizer.name)

    def push(self, block: Any, is_fresh: bool) -> None:
        """The sound that the stage hears."""
        if self._stage is None:
            return
        if is_fresh:
            self._stage.performer.start_afresh()
        self._stage.performer.push(block)

    def apply(self, main: "Stage") -> None:
        """Takes over what the window asked of the stage: sliders by name, camera, view and background."""
        if self._stage is None:
            return
        from engine.errors import MouthpieceError

        self._stage.look = self._look_like(main)
        try:
            self._stage.apply_look()
            self._stage.apply_view()
        except MouthpieceError as error:
            print(f"the second avatar cannot show this: {error}", file=sys.stderr)
        self._is_stale = True

    def follow(self, main: "Stage", has_drawn: bool) -> None:
        """Draws what the stage drew last, if that is new."""
        if self._stage is not None and (has_drawn or self._is_stale):
            self._is_stale = False
            self._stage.draw_with(main)

    def _look_like(self, main: "Stage") -> Any:
        from engine.live_view import ViewOptions

        look = main.look
        is_same = self._asked.get("is_same_avatar", False)
        own_orbit = None if self._asked.get("has_same_camera", True) else self._stage and self._stage.look.orbit
        return replace(
            look, options=look.options if is_same else ViewOptions(), edits=look.edits if is_same else None,
            orbit=(look.orbit or main.orbit) if own_orbit is None else own_orbit,
        )  # fmt: skip

    def _leave(self) -> None:
        if self._own_rasterizer is not None:
            self._own_rasterizer.close()
        self._stage = self._own_rasterizer = None
