"""What the user hid or deleted of an avatar: packed bits keyed by the avatar's hash, kept beside it, never in it."""

import base64
import binascii
from dataclasses import replace
from typing import Any

import numpy as np

from engine.errors import ProjectError

MAX_GAUSSIANS = 10_000_000


class Edits:
    """Which Gaussians of one avatar are hidden (for now) or deleted (for good, but only here).

    Gaussians are numbered through an avatar's layers in the order `deform` gives them. This file knows no torch: the
    layers' own tensors do the work.

    Attributes:
        avatar_hash: the SHA-256 of the avatar these belong to; edits of another avatar are not applied.
        hidden, deleted: bool `[N]`.
    """

    def __init__(self, avatar_hash: str, n_gaussians: int) -> None:
        self.avatar_hash = avatar_hash
        self.hidden = np.zeros(n_gaussians, dtype=bool)
        self.deleted = np.zeros(n_gaussians, dtype=bool)

    def __len__(self) -> int:
        return len(self.hidden)

    @property
    def is_empty(self) -> bool:
        return not (self.hidden.any() or self.deleted.any())

    def apply(self, layers: list) -> list:
        """Layers without what is hidden or deleted; the very same list when nothing is.

        Args:
            layers: `engine.gaussians.Gaussians`, back to front, N in all.
        """
        if self.is_empty:
            return layers
        if sum(len(layer) for layer in layers) != len(self):
            raise ProjectError(f"edits of {len(self):,} splats do not fit an avatar of another size; reset them.")
        kept, start = [], 0
        shown = ~(self.hidden | self.deleted)
        for layer in layers:
            part = shown[start : start + len(layer)]
            start += len(layer)
            mask = layer.opacities.new_tensor(part)
            kept.append(replace(layer, opacities=layer.opacities * mask))
        return kept

    def to_json(self) -> dict[str, Any]:
        return {
            "avatar_hash": self.avatar_hash,
            "n_gaussians": len(self),
            "hidden": _packed(self.hidden),
            "deleted": _packed(self.deleted),
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Edits":
        """Reads what `to_json` gave. Raises ProjectError if it is damaged."""
        try:
            n = int(row["n_gaussians"])
            if not 0 <= n <= MAX_GAUSSIANS:
                raise ValueError(f"{n:,} splats")
            edits = cls(str(row["avatar_hash"]), n)
            edits.hidden, edits.deleted = (_unpacked(row[name], n) for name in ("hidden", "deleted"))
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise ProjectError(f"the edits of an avatar cannot be read ({error}); reset them.") from error
        return edits


def _packed(bits: np.ndarray) -> str:
    return base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")


def _unpacked(text: str, n: int) -> np.ndarray:
    packed = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    if len(packed) != -(-n // 8):
        raise ValueError(f"{len(packed)} bytes for {n:,} splats")
    return np.unpackbits(packed, count=n).astype(bool)
