"""What every rasterizer offers: layers of Gaussians and a camera in, colour and alpha out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from engine.camera import Camera
from engine.gaussians import Gaussians


@dataclass
class Rendered:
    """One rendered picture on the CPU.

    Attributes:
        color: `[H, W, D]` float32, premultiplied by alpha (nothing composited behind).
        alpha: `[H, W]` float32.
        times_ms: stage name to milliseconds (`project`, `sort`, `bin`, `raster`, `copy`).
        n_skipped: Gaussians left out because they hold NaN or infinite values.
    """

    color: np.ndarray
    alpha: np.ndarray
    times_ms: dict[str, float] = field(default_factory=dict)
    n_skipped: int = 0


class Rasterizer(Protocol):
    """A backend that turns Gaussians into a picture for display or export (no gradients).

    Layers are composited back to front, each sorted by depth within itself.
    """

    name: str

    def render(
        self, layers: Sequence[Gaussians], camera: Camera, *, antialiased: bool = False, hard_edged: bool = False
    ) -> Rendered:
        """Renders one picture.

        Args:
            antialiased: dims what is smaller than a pixel (Mip-Splatting's opacity compensation).
            hard_edged: every visible Gaussian as a solid ellipsoid of two standard deviations.
        """
        ...

    def close(self) -> None:
        """Gives back what it holds; called on the thread that made it, before another takes its place."""
        ...
