"""Which Gaussians each tile of a picture draws, in what order, without asking the GPU how many they are.

What gsplat's `isect_tiles` does, in as much memory as is given for it beforehand: such a frame can be recorded as a
CUDA graph, and no processor waits in the middle of it.
"""

import torch
from torch import Tensor


def tile_lists(
    means2d: Tensor, radii: Tensor, depths: Tensor, tile: int, columns: int, rows: int, room: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Lists for gsplat's `rasterize_to_pixels`, with a row of tiles below the picture that takes what is left of them.

    Args:
        means2d: `[N, 2]` pixels; radii: `[N, 2]`, 0 for what is not seen; depths: `[N]`.
        tile: pixels a side.
        room: crossings of a Gaussian and a tile that the lists hold.

    Returns:
        Offsets int32 `[1, rows + 1, columns]`, Gaussians int32 `[room]`, nearest first within each tile, and how many
        crossings there are (of more than `room` the farthest are left out), `[]`.
    """
    order = torch.argsort(depths)
    means2d, radii = means2d[order] / tile, radii[order] / tile
    ends = torch.tensor([columns, rows], device=means2d.device)
    low = (means2d - radii).floor().clamp_(min=0).minimum(ends)
    high = (means2d + radii).ceil().clamp_(min=0).minimum(ends)
    sides = torch.where((radii > 0).all(dim=1, keepdim=True), high - low, 0.0).nan_to_num(0.0).long()
    crossed = sides[:, 0] * sides[:, 1]
    last = crossed.cumsum(0)
    slots = torch.arange(room, device=means2d.device)
    owner = torch.searchsorted(last, slots, right=True).clamp_(max=len(order) - 1)
    boxes = torch.cat([low.long(), sides[:, :1].clamp(min=1), (last - crossed)[:, None]], dim=1)[owner]
    within = slots - boxes[:, 3]
    tiles = (boxes[:, 1] + within // boxes[:, 2]) * columns + boxes[:, 0] + within % boxes[:, 2]
    n_tiles = columns * rows
    kind = torch.int16 if n_tiles < 2**15 - columns else torch.int32
    tiles = torch.where(slots < last[-1], tiles, n_tiles).to(kind)
    tiles, places = torch.sort(tiles, stable=True)  # what is nearer stays before what is farther
    starts = torch.arange(n_tiles + columns, device=means2d.device, dtype=kind)
    offsets = torch.searchsorted(tiles, starts, out_int32=True)
    return offsets.view(1, rows + 1, columns), order[owner[places]].int(), last[-1]
