"""Moves carried to another avatar: by name where the name means the same, else through the common vocabulary."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from engine.controls import Combine, ControlSchema
from engine.parts.common_fit import CommonFit

OWN_GROUPS = ("lip", "expression")
"""Groups whose controls are learned: their numbers mean something else in every avatar."""


@dataclass(frozen=True)
class Carrier:
    """Carries values between two avatars.

    Args:
        source, target: their control schemas.
        source_fit, target_fit: their fits with the common vocabulary, None where one has none; learned directions are
            then left behind.
        is_same: whether both are one avatar, so that every control means the same.
    """

    source: ControlSchema
    target: ControlSchema
    source_fit: CommonFit | None = None
    target_fit: CommonFit | None = None
    is_same: bool = False

    def moves(self, deltas: np.ndarray) -> np.ndarray:
        """Moves away from what would be, `[T, C]` over the source, as moves over the target `[T, D]`."""
        carried = np.zeros((len(deltas), len(self.target)), dtype=np.float32)
        shared = self._shared()
        for there, here in shared:
            carried[:, there] = deltas[:, here]
        if self.is_same or self.source_fit is None or self.target_fit is None:
            return carried
        learned = np.array([spec.group in OWN_GROUPS and spec.combine is Combine.ADD for spec in self.source])
        if not learned.any() or not deltas[:, learned].any():
            return carried
        common = (deltas * learned) @ self.source_fit.to_common[:-1]
        own = common @ self.target_fit.from_common[:-1]
        takes = np.array([spec.group in OWN_GROUPS for spec in self.target])
        carried[:, takes] += own[:, takes].astype(np.float32)
        return carried

    def values(self, values: np.ndarray) -> np.ndarray:
        """Whole values `[T, C]` of the source as values of the target; what cannot be carried rests at neutral."""
        neutral, rest = self.source.column("neutral"), self.target.column("neutral")
        return (rest + self.moves(values - neutral)).astype(np.float32)

    def _shared(self) -> list[tuple[int, int]]:
        """Target and source columns that mean the same."""
        names = self.source.names
        return [(self.target.index(name), i) for i, name in enumerate(names) if name in self.target
                and (self.is_same or self.source.specs[i].group not in OWN_GROUPS)]  # fmt: skip


def read_fit(path: Path) -> CommonFit | None:
    """An avatar file's fit with the common vocabulary; None if the file is gone or has none."""
    try:
        with safe_open(path, framework="np") as file:
            names = ("fit.to_common", "fit.from_common", "fit.explained")
            if not set(names) <= set(file.keys()):
                return None
            return CommonFit(*(file.get_tensor(name).astype(np.float32) for name in names))
    except (OSError, SafetensorError):
        return None
