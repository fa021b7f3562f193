"""A rasterizer of small squares: enough to see whether a picture changed, and how, without compiling anything."""

from collections.abc import Sequence

import numpy as np

from engine.camera import Camera
from engine.errors import BackendError
from engine.gaussians import Gaussians
from engine.raster.base import Rendered

HALF_SIDE_PX = 2


class DotRasterizer:
    """Paints each Gaussian as an opaque square at its centre, far ones first."""

    name = "dots"

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            if name != "smaller dots":
                raise BackendError(f"{name}: cannot run here.")
            self.name = name
        self.n_rendered = 0

    def render(
        self, layers: Sequence[Gaussians], camera: Camera, *, antialiased: bool = False, hard_edged: bool = False
    ) -> Rendered:
        self.n_rendered += 1
        n_channels = layers[0].colors.shape[1]
        color = np.zeros((camera.height, camera.width, n_channels), dtype=np.float32)
        alpha = np.zeros((camera.height, camera.width), dtype=np.float32)
        for layer in layers:
            means = layer.means.numpy().astype(np.float64) @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
            pixels = means @ camera.k.T
            places = np.rint(pixels[:, :2] / pixels[:, 2:]).astype(int)
            for i in np.argsort(-means[:, 2]):
                if float(layer.opacities[i]) <= 0:
                    continue
                x, y = places[i]
                rows = slice(max(0, y - HALF_SIDE_PX), max(0, y + HALF_SIDE_PX + 1))
                columns = slice(max(0, x - HALF_SIDE_PX), max(0, x + HALF_SIDE_PX + 1))
                color[rows, columns] = layer.colors[i].numpy()
                alpha[rows, columns] = 1.0
        return Rendered(color, alpha)
