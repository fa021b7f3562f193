"""What every method's avatar offers to the live line, to renders and to training."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from engine.audio.block import AudioEncoder
from engine.audio.history import FeatureHistory
from engine.camera import Camera
from engine.controls import Controls, ControlSchema, SettingSpec
from engine.gaussians import Gaussians
from engine.manifest import Manifest
from engine.parts.map_pictures import MapPicture
from engine.raster.base import Rendered


@dataclass(frozen=True)
class DriverInputs:
    """What a driver itself listens to besides sound.

    Attributes:
        look_ahead_ms: sound after the shown moment that the driver may use (the dial).
        settings: typed settings by name (seed, speaker, style frame, switches).
    """

    look_ahead_ms: float = 40.0
    settings: dict[str, Any] = field(default_factory=dict)


class Driver(Protocol):
    """Turns a history of features into controls over time.

    Attributes:
        schema: the avatar's schema; driven controls are a vector over it, 0 (add) or neutral where it has no say.
        least_look_ahead_ms: what it needs at least; the dial says so.
    """

    schema: ControlSchema
    least_look_ahead_ms: float

    def advance(self, budget_ms: float) -> None:
        """Does a bounded slice of pending window work; drivers that work frame by frame have none."""
        ...

    def at(self, time: float, inputs: DriverInputs) -> Controls:
        """The driven controls at a time of the sound; never blocks."""
        ...


class Avatar(Protocol):
    """A trained model behind one interface; pure functions of their inputs and the seed.

    `animate` does the motion-rate work and gives a state that `deform` turns into layers of Gaussians, back to front.
    """

    manifest: Manifest
    schema: ControlSchema
    settings: tuple[SettingSpec, ...]
    motion_hz: float

    def encoders(self) -> list[AudioEncoder]: ...

    def driver(self, histories: list[FeatureHistory]) -> Driver: ...

    def animate(self, controls: Controls, settings: dict[str, Any] | None = None) -> Any: ...

    def deform(self, state: Any, camera: Camera) -> list[Gaussians]: ...

    def maps(self, state: Any) -> list[MapPicture]:
        """Pictures of the maps the method works with, at a moment that `animate` gave."""
        ...

    def compose(
        self, rendered: Rendered, controls: Controls, camera: Camera, time: float,
        background: np.ndarray | None = None, settings: dict[str, Any] | None = None,
    ) -> np.ndarray:  # fmt: skip
        """The finished picture `[H, W, 4]` float32, straight alpha 0 to 1.

        Args:
            background: None keeps the avatar's own (plate, else transparent); a colour `[3]` or picture `[H, W, 3]`.
        """
        ...

    def behind(self, camera: Camera, background: np.ndarray | None = None) -> np.ndarray | None:
        """What stands behind the head: the background given, else the avatar's own; None for nothing."""
        ...

    def lays_over(self, background: np.ndarray | None, settings: dict[str, Any] | None = None) -> bool:
        """Whether `compose` does nothing but lay the picture over what is `behind`."""
        ...
