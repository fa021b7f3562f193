"""What a method keeps in maps, as pictures: a UV map with the face of the moment in it, planes of features."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

MOVED_FULL = 0.05
"""Head heights of movement that are painted brightest."""


@dataclass(frozen=True)
class MapPicture:
    """One map.

    Attributes:
        title: what it is called; words: one sentence on what it shows.
        image: uint8 `[H, W, 4]`, transparent where the map holds nothing.
    """

    title: str
    words: str
    image: np.ndarray


def laid_out(values: Tensor, rows: np.ndarray, columns: np.ndarray, side: int) -> np.ndarray:
    """Colours of Gaussians `[N, 3]`, 0 to 1, at their places in a map, row 0 above: uint8 `[H, W, 4]`, at most `side`
    wide and high and without empty margins."""
    out = np.zeros((side, side, 4), np.uint8)
    out[rows, columns, :3] = (values.detach().cpu().clamp(0, 1).numpy() * 255 + 0.5).astype(np.uint8)
    out[rows, columns, 3] = 255
    return out[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def moved_colors(offsets: Tensor) -> Tensor:
    """Movements `[N, 3]` in head heights as colours round grey: x reddens, y (up) greens, z (forward) blues."""
    return 0.5 + offsets / (2 * MOVED_FULL)


def gray(values: Tensor) -> Tensor:
    """Numbers `[N]`, 0 to 1, as greys `[N, 3]`."""
    return values[:, None].expand(-1, 3)
