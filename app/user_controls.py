"""The user's own side of the mix: values, marks and strengths, by name, as panels show them and children get them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.controls import GROUPS


@dataclass(frozen=True)
class HeadMoves:
    """What the voice does to the head: a `.motion` file, whether it is on, how strong, and its chance."""

    path: Path | None = None
    is_on: bool = False
    strength: float = 1.0
    seed: int = 0

    def request(self) -> dict[str, Any]:
        """The fields of the performer's `head_motion` request."""
        return {
            "path": str(self.path) if self.path else None, "is_on": self.is_on, "strength": self.strength,
            "seed": self.seed,
        }  # fmt: skip


@dataclass
class UserControls:
    """What the user set; a control that is not named stands at neutral.

    Attributes:
        values: the user's values by control name.
        muted, soloed, locked: control names; a locked control is left alone by resets and by chance.
        strengths: of the drive, 0 to 1, by group.
        guard: strength of the range guard, 0 to 1.
        lip_gain: factor on the driven lips.
        smoothing_ms: time constant of the drive's smoothing.
        joins: how values join the drive (`add`, `scale`, `replace`) where it is not the avatar's own way.
        shapes: gain, delay in milliseconds and curve by place, see `engine.source_shape.place`.
        head: head motion from the voice.
    """

    values: dict[str, float] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)
    soloed: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    strengths: dict[str, float] = field(default_factory=lambda: dict.fromkeys(GROUPS, 1.0))
    guard: float = 0.5
    lip_gain: float = 1.0
    smoothing_ms: float = 0.0
    joins: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    head: HeadMoves = HeadMoves()

    def request(self) -> dict[str, Any]:
        """The fields of the performer's `look` request."""
        return {
            "values": self.values,
            "muted": sorted(self.muted),
            "soloed": sorted(self.soloed),
            "strengths": self.strengths,
            "guard": self.guard,
            "lip_gain": self.lip_gain,
            "smoothing_ms": self.smoothing_ms,
            "joins": self.joins,
            "shapes": self.shapes,
        }
