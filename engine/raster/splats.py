"""From layers of Gaussians to sorted 2D splats on the CPU: the first half of the `cpu` and `opengl` rasterizers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from engine.camera import Camera
from engine.gaussians import Gaussians
from engine.raster.kernels import projection, spherical, tiles

NEAR, FAR, EPS_2D = 0.01, 1e10, 0.3


@dataclass
class SortedSplats:
    """What one camera sees.

    Attributes:
        splats: `[N, 8]`; see `engine.raster.kernels.tiles`.
        colors: `[N, D]`.
        boxes: `[N]`, tiles in the bounding box.
        order: indices of the visible splats, the front layer first, nearest first within each; `n_visible` count.
        n_skipped: Gaussians with NaN or infinite values.
    """

    splats: np.ndarray
    colors: np.ndarray
    boxes: np.ndarray
    order: np.ndarray
    n_visible: int
    n_skipped: int


class Buffers:
    """Arrays kept from frame to frame by name, grown when needed."""

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def get(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        """An array of this shape whose contents are left over from the last use."""
        kept = self._kept.get(name)
        if kept is None or len(kept) < shape[0] or kept.shape[1:] != shape[1:]:
            kept = np.empty((shape[0] + shape[0] // 4, *shape[1:]), dtype)
            self._kept[name] = kept
        return kept[: shape[0]]


class Clock:
    """Adds up milliseconds by stage."""

    def __init__(self) -> None:
        self.times_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.times_ms[stage] = self.times_ms.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now


class SplatProjector:
    """Projects and sorts; its results are good until its next call."""

    def __init__(self) -> None:
        self._buffers = Buffers()

    def project(
        self, layers: Sequence[Gaussians], camera: Camera, antialiased: bool, hard_edged: bool, clock: Clock
    ) -> SortedSplats:
        """All layers' splats in one list and their order; times `project` and `sort`."""
        n = sum(len(layer) for layer in layers)
        splats = self._buffers.get("splats", (n, tiles.SPLAT_WIDTH))
        keys, boxes = self._buffers.get("keys", (n,), np.uint32), self._buffers.get("boxes", (n,), np.int32)
        colors = self._colors(layers, n)
        view = projection.camera_vector(camera.viewmat, camera.k, camera.width, camera.height, NEAR, FAR)
        skipped = np.zeros(projection.GRADIENT_CHUNKS, np.int64)
        n_skipped, first = 0, 0
        for layer in layers:
            part = slice(first, first + len(layer))
            shaded = layer.sh_degree is not None
            means = contiguous(layer.means)
            projection.project_splats(
                means, contiguous(layer.quats), contiguous(layer.scales), contiguous(layer.opacities),
                colors[part, :0] if shaded else colors[part], view, camera.width, camera.height, np.float32(EPS_2D),
                antialiased, hard_edged, splats[part], keys[part], boxes[part], skipped,
            )  # fmt: skip
            if shaded:
                position = np.linalg.inv(camera.viewmat)[:3, 3].astype(np.float32)
                coefficients = contiguous(layer.colors)
                spherical.shade_splats(
                    layer.sh_degree, coefficients, means, position, keys[part], colors[part], skipped
                )
            n_skipped += int(skipped.sum())
            first += len(layer)
        clock.lap("project")
        order, n_visible = self._sorted(layers, keys)
        clock.lap("sort")
        return SortedSplats(splats, colors, boxes, order, n_visible, n_skipped)

    def _colors(self, layers: Sequence[Gaussians], n: int) -> np.ndarray:
        """All layers' channels `[N, D]`; those from spherical harmonics are still to be filled in."""
        widths = {3 if layer.sh_degree is not None else layer.colors.shape[1] for layer in layers} or {3}
        if len(widths) > 1:
            raise ValueError(f"layers with {sorted(widths)} channels cannot be one picture.")
        if len(layers) == 1 and layers[0].sh_degree is None:
            return contiguous(layers[0].colors)
        colors = self._buffers.get("colors", (n, widths.pop()))
        first = 0
        for layer in layers:
            if layer.sh_degree is None:
                colors[first : first + len(layer)] = contiguous(layer.colors)
            first += len(layer)
        return colors

    def _sorted(self, layers: Sequence[Gaussians], keys: np.ndarray) -> tuple[np.ndarray, int]:
        order = self._buffers.get("order", keys.shape, np.int32)
        spare = self._buffers.get("spare", keys.shape, np.int32)
        histogram = self._buffers.get("histogram", (tiles.SORT_BUCKETS,), np.int64)
        n_visible, last = 0, len(keys)
        for layer in reversed(layers):
            first = last - len(layer)
            n_visible += tiles.sort_by_depth(keys[first:last], first, order[n_visible:], spare, histogram)
            last = first
        return order, n_visible


def contiguous(tensor: Tensor) -> np.ndarray:
    """A contiguous float32 array of a tensor, without a copy where it is one already."""
    tensor = tensor.detach()
    if tensor.device.type != "cpu":
        tensor = tensor.cpu()
    return tensor.float().contiguous().numpy()
