"""What the user hid or deleted of an avatar: packed bits keyed by the avatar's hash, kept beside it, never in it."""

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.errors import ProjectError

MAX_GAUSSIANS = 10_000_000
MAX_LAYERS = 200
MAX_NAME = 80


@dataclass(frozen=True)
class EditLayer:
    """A named step of cleaning up that can be switched on and off.

    Attributes:
        hidden, deleted: bool `[N]`; deleted ones do not come back when everything hidden is shown again.
    """

    name: str
    hidden: np.ndarray
    deleted: np.ndarray
    is_on: bool = True

    @property
    def gone(self) -> np.ndarray:
        """What the layer takes out of the picture, bool `[N]`."""
        return self.hidden | self.deleted


class Edits:
    """Which Gaussians of one avatar are hidden (for now) or deleted (for good, but only here).

    Gaussians are numbered through an avatar's layers in the order `deform` gives them. This file knows no torch: the
    layers' own tensors do the work.

    Attributes:
        avatar_hash: the SHA-256 of the avatar these belong to; edits of another avatar are not applied.
        hidden, deleted: bool `[N]`.
        layers: further, named ones; those that are on count as well.
    """

    def __init__(self, avatar_hash: str, n_gaussians: int) -> None:
        self.avatar_hash = avatar_hash
        self.hidden = np.zeros(n_gaussians, dtype=bool)
        self.deleted = np.zeros(n_gaussians, dtype=bool)
        self.layers: tuple[EditLayer, ...] = ()

    def __len__(self) -> int:
        return len(self.hidden)

    @property
    def is_empty(self) -> bool:
        return not self.gone.any()

    @property
    def gone(self) -> np.ndarray:
        """Everything that is hidden or deleted, bool `[N]`."""
        gone = self.hidden | self.deleted
        for layer in self.layers:
            if layer.is_on:
                gone |= layer.gone
        return gone

    def apply(self, layers: list) -> list:
        """Layers without what is hidden or deleted; the very same list when nothing is.

        Args:
            layers: `engine.gaussians.Gaussians`, back to front, N in all.
        """
        gone = self.gone
        if not gone.any():
            return layers
        if sum(len(layer) for layer in layers) != len(self):
            raise ProjectError(f"edits of {len(self):,} splats do not fit an avatar of another size; reset them.")
        kept, start = [], 0
        shown = ~gone
        for layer in layers:
            part = shown[start : start + len(layer)]
            start += len(layer)
            mask = layer.opacities.new_tensor(part)
            kept.append(replace(layer, opacities=layer.opacities * mask))
        return kept

    def to_json(self) -> dict[str, Any]:
        row = {
            "avatar_hash": self.avatar_hash,
            "n_gaussians": len(self),
            "hidden": _packed(self.hidden),
            "deleted": _packed(self.deleted),
        }
        if self.layers:
            row["layers"] = [
                {"name": a.name, "is_on": a.is_on, "hidden": _packed(a.hidden), "deleted": _packed(a.deleted)}
                for a in self.layers
            ]
        return row

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Edits":
        """Reads what `to_json` gave. Raises ProjectError if it is damaged."""
        try:
            n = int(row["n_gaussians"])
            if not 0 <= n <= MAX_GAUSSIANS:
                raise ValueError(f"{n:,} splats")
            edits = cls(str(row["avatar_hash"]), n)
            edits.hidden, edits.deleted = (_unpacked(row[name], n) for name in ("hidden", "deleted"))
            layers = row.get("layers", [])
            if len(layers) > MAX_LAYERS:
                raise ValueError(f"{len(layers)} layers")
            edits.layers = tuple(
                EditLayer(
                    str(a["name"])[:MAX_NAME], _unpacked(a["hidden"], n), _unpacked(a["deleted"], n), bool(a["is_on"])
                )
                for a in layers
            )
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            raise ProjectError(f"the edits of an avatar cannot be read ({error}); reset them.") from error
        return edits


def _packed(bits: np.ndarray) -> str:
    return base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")


def _unpacked(text: str, n: int) -> np.ndarray:
    packed = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    if len(packed) != -(-n // 8):
        raise ValueError(f"{len(packed)} bytes for {n:,} splats")
    return np.unpackbits(packed, count=n).astype(bool)
