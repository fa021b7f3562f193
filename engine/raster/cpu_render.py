"""The live line's rasterizer for machines without a GPU: from Gaussians straight to a picture, without gradients."""

import sys
import time
from collections.abc import Sequence

import numba
import numpy as np

from engine.camera import Camera
from engine.gaussians import Gaussians
from engine.raster.base import Rendered
from engine.raster.kernels import blend, projection, spherical, tiles

NEAR, FAR, EPS_2D = 0.01, 1e10, 0.3
BATCH_ENTRIES = 2**22
"""Splats times tiles binned at a time; nearer batches finish tiles that later ones then skip."""


class CpuRasterizer:
    """Renders layers of Gaussians on the cores that `engine.device.set_thread_budget` allows.

    Buffers are kept from frame to frame, pictures too: one is used again once nobody else holds it. Use an instance
    from one thread at a time.
    """

    name = "cpu"

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray] = {}
        self._pictures: list[np.ndarray] = []

    def render(self, layers: Sequence[Gaussians], camera: Camera, *, antialiased: bool = False) -> Rendered:
        """Renders layers back to front, each sorted within itself; see `engine.raster.base.Rasterizer`."""
        clock = _Clock()
        width, height = camera.width, camera.height
        n = sum(len(layer) for layer in layers)
        splats, keys = self._buffer("splats", (n, tiles.SPLAT_WIDTH)), self._buffer("keys", (n,), np.uint32)
        boxes = self._buffer("boxes", (n,), np.int32)
        skipped = np.zeros(projection.GRADIENT_CHUNKS, np.int64)
        n_skipped = 0
        view = projection.camera_vector(camera.viewmat, camera.k, width, height, NEAR, FAR)
        colors = self._colors(layers, n)
        first = 0
        for layer in layers:
            part = slice(first, first + len(layer))
            self._project(
                layer, camera, view, antialiased, colors[part], splats[part], keys[part], boxes[part], skipped
            )
            n_skipped += int(skipped.sum())
            first += len(layer)
        clock.lap("project")

        order, n_visible = self._sorted(layers, keys)
        clock.lap("sort")
        color, alpha = self._picture((height, width, colors.shape[1])), self._picture((height, width))
        if n_visible == 0:
            color[:], alpha[:] = 0, 0
        else:
            self._blend(order, n_visible, splats, boxes, colors, color, alpha, clock)
        return Rendered(color, alpha, clock.times_ms, n_skipped)

    def _project(self, layer, camera, view, antialiased, colors, splats, keys, boxes, skipped) -> None:
        arrays = [_array(t) for t in (layer.means, layer.quats, layer.scales, layer.opacities)]
        shaded = layer.sh_degree is not None
        projection.project_splats(
            *arrays, colors[:, :0] if shaded else colors, view, camera.width, camera.height, np.float32(EPS_2D),
            antialiased, splats, keys, boxes, skipped,
        )  # fmt: skip
        if shaded:
            position = np.linalg.inv(camera.viewmat)[:3, 3].astype(np.float32)
            spherical.shade_splats(layer.sh_degree, _array(layer.colors), arrays[0], position, keys, colors, skipped)

    def _colors(self, layers: Sequence[Gaussians], n: int) -> np.ndarray:
        """All layers' channels `[N, D]`; those from spherical harmonics are still to be filled in."""
        widths = {3 if layer.sh_degree is not None else layer.colors.shape[1] for layer in layers} or {3}
        if len(widths) > 1:
            raise ValueError(f"layers with {sorted(widths)} channels cannot be one picture.")
        if len(layers) == 1 and layers[0].sh_degree is None:
            return _array(layers[0].colors)
        colors = self._buffer("colors", (n, widths.pop()))
        first = 0
        for layer in layers:
            if layer.sh_degree is None:
                colors[first : first + len(layer)] = _array(layer.colors)
            first += len(layer)
        return colors

    def _sorted(self, layers: Sequence[Gaussians], keys: np.ndarray) -> tuple[np.ndarray, int]:
        """Indices of the visible splats: the front layer first, nearest first within each."""
        order, spare = self._buffer("order", keys.shape, np.int32), self._buffer("spare", keys.shape, np.int32)
        histogram = self._buffer("histogram", (tiles.SORT_BUCKETS,), np.int64)
        n_visible, last = 0, len(keys)
        for layer in reversed(layers):
            first = last - len(layer)
            n_visible += tiles.sort_by_depth(keys[first:last], first, order[n_visible:], spare, histogram)
            last = first
        return order, n_visible

    def _blend(self, order, n_visible, splats, boxes, colors, color, alpha, clock) -> None:
        height, width = alpha.shape
        n_columns, n_rows = -(-width // tiles.TILE), -(-height // tiles.TILE)
        n_tiles, n_chunks = n_columns * n_rows, numba.get_num_threads()
        forward = blend.forward_rgb if colors.shape[1] == 3 else blend.forward_any
        counts, done = self._buffer("counts", (n_chunks, n_tiles), np.int64), np.zeros(n_tiles, np.int64)
        starts, bounds = self._buffer("starts", (n_tiles + 1,), np.int64), np.empty(n_chunks + 1, np.int64)
        offsets, entry_counts = self._buffer("offsets", order.shape, np.int64), self._buffer("n", order.shape, np.int32)
        passed, chunk_counts = self._buffer("passed", (height, width)), np.empty(n_chunks, np.int64)
        begin = 0
        while begin < n_visible and not (begin > 0 and done.all()):
            end = tiles.next_batch(order, begin, n_visible, boxes, BATCH_ENTRIES, bounds)
            entries = [self._buffer(f"entries {i}", (int(bounds[-1]),), np.int32) for i in range(3)]
            tiles.bin_splats(
                order, begin, end, splats, n_columns, -(-width // tiles.BLOCK), -(-height // tiles.BLOCK), bounds,
                done, counts, *entries, offsets, entry_counts, chunk_counts,
            )  # fmt: skip
            n_entries = tiles.place_tiles(counts, starts)
            ids, masks = (self._buffer(name, (n_entries,), np.int32) for name in ("ids", "masks"))
            tiles.fill_tiles(bounds, chunk_counts, *entries, counts, ids, masks, entries[0][:0])
            clock.lap("bin")
            forward(
                starts, ids, masks, splats, colors, width, height, n_columns, np.zeros(1, np.int64), n_chunks,
                begin > 0, color, passed, alpha, done,
            )  # fmt: skip
            clock.lap("raster")
            begin = end

    def _buffer(self, name: str, shape: tuple[int, ...], dtype=np.float32) -> np.ndarray:
        """A kept array of at least this length along its first axis, cut to it; what it holds is left over."""
        kept = self._buffers.get(name)
        if kept is None or len(kept) < shape[0] or kept.shape[1:] != shape[1:]:
            kept = np.empty((shape[0] + shape[0] // 4, *shape[1:]), dtype)
            self._buffers[name] = kept
        return kept[: shape[0]]

    def _picture(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array to give away: one from earlier frames that nobody holds any more, else a new one."""
        for kept in self._pictures:
            # held by the list, by `kept` and by the call itself
            if kept.shape == shape and sys.getrefcount(kept) <= 3:
                return kept
        picture = np.empty(shape, np.float32)
        self._pictures = [*self._pictures[-7:], picture]
        return picture


class _Clock:
    """Adds up milliseconds by stage."""

    def __init__(self) -> None:
        self.times_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.times_ms[stage] = self.times_ms.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now


def _array(tensor) -> np.ndarray:
    """A contiguous float32 array of a tensor, without a copy where it is one already."""
    tensor = tensor.detach()
    if tensor.device.type != "cpu":
        tensor = tensor.cpu()
    return tensor.float().contiguous().numpy()
