"""Head motion of the avatar on stage: a `.motion` file opened on a thread, and the unit that is shown now."""

import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import MouthpieceError
from engine.head_motion import BLOCK_S, HeadMotionChoice, HeadMotionDriver, load_head_motion

if TYPE_CHECKING:
    from app.workers.stage import Stage
    from engine.performer import Moment


class HeadMoving:
    """Keeps the stage's look in line with what the window asks of head motion.

    Args:
        say: sends an event to the window: `head_motion` once a file is open or was refused (path, n_units, sentence),
            `head_unit` when another unit is shown (unit, -1 for none; film_s, where its film has it; time).
    """

    def __init__(self, stage: "Stage", say: Any) -> None:
        self._stage, self._say = stage, say
        self._path: Path | None = None
        self._motion: Any = None
        self._is_on = False
        self._choice: dict[str, Any] = {"strength": 1.0, "seed": 0}
        self._opening: _Opening | None = None
        self._shown = (-1, -1)

    def ask(self, request: dict[str, Any]) -> None:
        """Takes a path, is_on, strength and seed, each of them only if it is there."""
        if "strength" in request:
            self._choice["strength"] = min(2.0, max(0.0, float(request["strength"])))
        if "seed" in request:
            self._choice["seed"] = int(request["seed"])
        self._is_on = bool(request.get("is_on", self._is_on))
        if "path" in request:
            path = Path(request["path"]) if request["path"] else None
            if path != self._path:
                self._path, self._motion = path, None
                self._opening = None if path is None else _Opening(path)
        self._apply()

    def take_news(self) -> None:
        """Called each round: a file that has been opened is used from now on."""
        opening = self._opening
        if opening is None or opening.is_alive():
            return
        self._opening, self._motion = None, opening.motion
        self._say("head_motion", path=str(opening.path), sentence=opening.sentence,
                  n_units=len(opening.motion.units) if opening.motion is not None else 0)  # fmt: skip
        self._apply()

    def name_unit(self, moment: "Moment", wall_at: Any) -> None:
        """Says which unit moves the head at a moment, whenever it is another one."""
        driver = self._stage.performer.driver
        if not isinstance(driver, HeadMotionDriver):
            if self._shown[1] >= 0:
                self._shown = (-1, -1)
                self._say("head_unit", unit=-1, film_s=0.0, time=wall_at(moment.motion_time))
            return
        if not math.isfinite(moment.motion_time):
            return
        unit = driver.unit_at(moment.motion_time)
        shown = (math.floor(moment.motion_time / BLOCK_S), unit)
        if shown != self._shown:
            self._shown = shown
            film_s = self._motion.film_s(unit) if unit >= 0 and self._motion is not None else 0.0
            self._say("head_unit", unit=unit, film_s=film_s, time=wall_at(moment.motion_time))

    def _apply(self) -> None:
        look = self._stage.look
        look.head_motion = self._motion if self._is_on else None
        look.head_choice = HeadMotionChoice(**self._choice)
        self._stage.apply_look()


class _Opening(threading.Thread):
    """Reads a motion file; `sentence` says why there is none."""

    def __init__(self, path: Path) -> None:
        super().__init__(name="head motion", daemon=True)
        self.path, self.motion, self.sentence = path, None, ""
        self.start()

    def run(self) -> None:
        try:
            self.motion = load_head_motion(self.path)
        except MouthpieceError as error:
            self.sentence = str(error)
