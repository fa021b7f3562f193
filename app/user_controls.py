"""The user's own side of the mix: values, marks and strengths, by name, as panels show them and children get them."""

from dataclasses import dataclass, field
from typing import Any

from engine.controls import GROUPS


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
    """

    values: dict[str, float] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)
    soloed: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    strengths: dict[str, float] = field(default_factory=lambda: dict.fromkeys(GROUPS, 1.0))
    guard: float = 0.5
    lip_gain: float = 1.0
    smoothing_ms: float = 0.0

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
        }
