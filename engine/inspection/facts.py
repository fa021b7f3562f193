"""What is known of each splat of an avatar at rest, as a file that the window reads without torch."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from engine.array_file import save_file
from engine.errors import ProjectError
from engine.paths import atomic_file

REGIONS = (
    "Head/Mouth/Lips", "Head/Mouth/Teeth and tongue", "Head/Mouth/Corners", "Head/Eyes/Left eye",
    "Head/Eyes/Right eye", "Head/Brows", "Head/Skin", "Head/Hair", "Torso/Neck", "Torso/Shoulders", "Loose",
)  # fmt: skip
"""Leaves of the tree of regions, outermost first; every splat lies in exactly one."""

LOOSE = REGIONS.index("Loose")


@dataclass(frozen=True)
class FloaterGroup:
    """Splats that hang together but touch nothing else.

    Attributes:
        place: where it is, in words, such as "left of the ear".
        n_splats: how many; distance_mm: from the nearest splat of the head.
        n_views: in how many of the sampled training views any of it is in sight (median over its splats).
    """

    place: str
    n_splats: int
    distance_mm: float
    n_views: int


@dataclass(frozen=True)
class SplatFacts:
    """Facts of N splats, in the order `deform` gives them.

    Attributes:
        regions: index into `REGIONS`, uint8 `[N]`.
        groups: index into `floaters`, -1 for what belongs to the head or torso, int32 `[N]`.
        sizes_mm: largest standard deviation, float32 `[N]`; opacities: float32 `[N]`.
        seen: in how many of `n_views` sampled training views the splat is in sight, uint16 `[N]`.
    """

    regions: np.ndarray
    groups: np.ndarray
    sizes_mm: np.ndarray
    opacities: np.ndarray
    seen: np.ndarray
    n_views: int
    floaters: tuple[FloaterGroup, ...]

    def __len__(self) -> int:
        return len(self.regions)

    def in_region(self, path: str) -> np.ndarray:
        """Splats of a leaf, or of all leaves below a branch such as `Head/Mouth`, bool `[N]`."""
        leaves = [i for i, leaf in enumerate(REGIONS) if leaf == path or leaf.startswith(f"{path}/")]
        return np.isin(self.regions, leaves)

    def save(self, path: Path) -> None:
        """Writes the file in one step."""
        words = [[g.place, g.n_splats, g.distance_mm, g.n_views] for g in self.floaters]
        arrays = {name: np.ascontiguousarray(getattr(self, name))
                  for name in ("regions", "groups", "sizes_mm", "opacities", "seen")}  # fmt: skip
        with atomic_file(path) as temporary:
            save_file(arrays, temporary, {"n_views": str(self.n_views), "floaters": json.dumps(words)})

    @classmethod
    def load(cls, path: Path) -> "SplatFacts":
        """Reads what `save` wrote. Raises ProjectError if the file is not whole."""
        try:
            arrays = load_file(path)
            with safe_open(path, "np") as file:
                words = file.metadata()
            floaters = tuple(FloaterGroup(str(p), int(n), float(d), int(v)) for p, n, d, v in
                             json.loads(words["floaters"]))  # fmt: skip
            facts = cls(n_views=int(words["n_views"]), floaters=floaters, **arrays)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise ProjectError(f"{path}: what was found about the splats cannot be read ({error}).") from error
        if len({len(a) for a in arrays.values()}) != 1:
            raise ProjectError(f"{path}: what was found about the splats is of several lengths.")
        return facts
