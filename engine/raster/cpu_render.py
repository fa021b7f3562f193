"""The live line's rasterizer for machines without a GPU: from Gaussians straight to a picture, without gradients."""

from collections.abc import Sequence

import numba
import numpy as np

from engine.camera import Camera
from engine.gaussians import Gaussians
from engine.raster.base import Rendered
from engine.raster.kernels import blend, tiles
from engine.raster.pictures import PicturePool
from engine.raster.splats import Buffers, Clock, SortedSplats, SplatProjector

BATCH_ENTRIES = 2**22
"""Splats times tiles binned at a time; nearer batches finish tiles that later ones then skip."""


class CpuRasterizer:
    """Renders layers of Gaussians on the cores that `engine.device.set_thread_budget` allows.

    Buffers are kept from frame to frame, pictures too: one is used again once nobody else holds it. Use an instance
    from one thread at a time.
    """

    name = "cpu"

    def __init__(self) -> None:
        self._projector = SplatProjector()
        self._buffers = Buffers()
        self._pictures = PicturePool()

    def render(
        self, layers: Sequence[Gaussians], camera: Camera, *, antialiased: bool = False, hard_edged: bool = False
    ) -> Rendered:
        """Renders layers back to front, each sorted within itself; see `engine.raster.base.Rasterizer`."""
        clock = Clock()
        seen = self._projector.project(layers, camera, antialiased, hard_edged, clock)
        size = (camera.height, camera.width)
        color, alpha = self._pictures.get((*size, seen.colors.shape[1])), self._pictures.get(size)
        if seen.n_visible == 0:
            color[:], alpha[:] = 0, 0
        else:
            self._blend(seen, color, alpha, clock)
        return Rendered(color, alpha, clock.times_ms, seen.n_skipped)

    def close(self) -> None:
        """Nothing to give back; for whoever switches between rasterizers."""

    def _blend(self, seen: SortedSplats, color: np.ndarray, alpha: np.ndarray, clock: Clock) -> None:
        (height, width), get = alpha.shape, self._buffers.get
        n_columns, n_tiles = -(-width // tiles.TILE), -(-width // tiles.TILE) * -(-height // tiles.TILE)
        n_chunks = numba.get_num_threads()
        forward = blend.forward_rgb if color.shape[2] == 3 else blend.forward_any
        counts, starts = get("counts", (n_chunks, n_tiles), np.int64), get("starts", (n_tiles + 1,), np.int64)
        offsets, entry_counts = get("offsets", seen.order.shape, np.int64), get("n", seen.order.shape, np.int32)
        bounds, chunk_counts = np.empty(n_chunks + 1, np.int64), np.empty(n_chunks, np.int64)
        passed, done = get("passed", (height, width)), np.zeros(n_tiles, np.int64)
        begin = 0
        while begin < seen.n_visible and not (begin > 0 and done.all()):
            end = tiles.next_batch(seen.order, begin, seen.n_visible, seen.boxes, BATCH_ENTRIES, bounds)
            entries = [get(f"entries {i}", (int(bounds[-1]),), np.int32) for i in range(3)]
            tiles.bin_splats(
                seen.order, begin, end, seen.splats, n_columns, -(-width // tiles.BLOCK), -(-height // tiles.BLOCK),
                bounds, done, counts, *entries, offsets, entry_counts, chunk_counts,
            )  # fmt: skip
            n_entries = tiles.place_tiles(counts, starts)
            ids, masks = (get(name, (n_entries,), np.int32) for name in ("ids", "masks"))
            tiles.fill_tiles(bounds, chunk_counts, *entries, counts, ids, masks, ids[:0])
            clock.lap("bin")
            forward(
                starts, ids, masks, seen.splats, seen.colors, width, height, n_columns, np.zeros(1, np.int64), n_chunks,
                begin > 0, color, passed, alpha, done,
            )  # fmt: skip
            clock.lap("raster")
            begin = end
