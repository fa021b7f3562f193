"""Where the head's pose comes from when an avatar carries its own head motion: voice, the film's track, or the user."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.audio.history import FeatureHistory
from engine.controls import Controls, SettingSpec
from engine.head_motion import HeadMotion, HeadMotionChoice, HeadMotionDriver
from engine.methods.base import DriverInputs
from engine.methods.talk2me.driver import Talk2MeDriver

SOURCES = ("generated", "retrieved", "track", "user")
TEMPERATURES = ("0", "0.1", "0.3")
SEEDS = ("0", "1", "2", "3", "4")


@dataclass(frozen=True)
class OwnMotion:
    """What an avatar knows of how its person's head moves.

    Attributes:
        motion: made from the voice; track: the pose of every training frame `[T, 6]` (`POSE_NAMES`), `hz` a second.
    """

    motion: HeadMotion
    track: np.ndarray
    hz: float

    def filmed(self, time: float) -> np.ndarray:
        """The track's pose at a time `[6]`; after its end it runs back and forth, without a jump."""
        last = len(self.track) - 1
        place = (time * self.hz) % max(2 * last, 1)
        place = min(place, 2 * last - place) if last else 0.0
        low = min(int(place), max(last - 1, 0))
        after = min(low + 1, last)
        return self.track[low] + (place - low) * (self.track[after] - self.track[low])


def turning_settings(n_units: int) -> tuple[SettingSpec, ...]:
    """Settings of the head's motion; `n_units` in its database."""
    return (
        SettingSpec("pose_source", "choice", "generated", "Head moves",
                    "By the voice, refined or as retrieved from the film; as it was filmed; or not by itself.",
                    SOURCES, "driver"),
        SettingSpec("pose_seed", "choice", SEEDS[0], "Seed", "Another number, another motion that fits as well.",
                    SEEDS, "driver"),
        SettingSpec("pose_top_k", "integer", 5, "Choice of", "One of so many units that fit best is taken.", (),
                    "driver", 1, max(5, n_units)),
        SettingSpec("pose_temperature", "choice", "0.1", "Variety", "0 always takes the unit that fits best.",
                    TEMPERATURES, "driver"),
        SettingSpec("pose_unit", "integer", -1, "Unit", f"Always this unit of the film, 0 to {n_units - 1}; −1 for the "
                    "one that fits.", (), "driver", -1, n_units - 1),
    )  # fmt: skip


class TurningDriver:
    """An avatar's driver whose head moves; what moves it is a setting, `pose_source`.

    The refiner sees the expressions that the avatar's own generator makes (eq. 9).
    """

    def __init__(self, driver: Talk2MeDriver, own: OwnMotion, history: FeatureHistory) -> None:
        self.schema = driver.schema
        self._driver, self._own, self._history = driver, own, history
        self._choice = HeadMotionChoice()
        self._budget_ms = 0.0
        self._moved = self._begun()

    @property
    def least_look_ahead_ms(self) -> float:
        return self._moved.least_look_ahead_ms

    def advance(self, budget_ms: float) -> None:
        self._budget_ms = max(budget_ms, self._budget_ms)
        self._moved.advance(budget_ms)

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        source = inputs.settings.get("pose_source", "generated")
        if source == "user":
            return self._driver.at(time, inputs)
        if source == "track":
            controls = self._driver.at(time, inputs)
            columns = self.schema.indices("pose")
            controls.values[columns] = self._own.filmed(time)
            return replace(controls, values=self.schema.clamp(controls.values))
        choice = chosen(inputs.settings)
        if choice != self._choice:
            self._choice = choice
            self._moved = self._begun()
            self._moved.advance(self._budget_ms)
        return self._moved.at(time, inputs)

    def unit_at(self, time: float) -> int:
        """The database's unit shown at a time; -1 for none."""
        return self._moved.unit_at(time)

    def _begun(self) -> HeadMotionDriver:
        return HeadMotionDriver(self._driver, self._own.motion, self._history, self._choice, self._driver.arkit)


def chosen(settings: dict[str, Any]) -> HeadMotionChoice:
    """Settings as the generator of head motion has them."""
    unit = int(settings.get("pose_unit", -1))
    return HeadMotionChoice(
        seed=int(settings.get("pose_seed", 0)), top_k=max(1, int(settings.get("pose_top_k", 5))),
        temperature=float(settings.get("pose_temperature", "0.1")), pinned=unit if unit >= 0 else None,
        is_refined=settings.get("pose_source") != "retrieved",
    )  # fmt: skip
