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
    seen = torch.cat([means2d, radii], dim=1)[order] / tile  # whatever is a number here is one: none is sent to a GPU
    ends = means2d.new_full((2,), rows)
    ends[:1].fill_(columns)
    low = (seen[:, :2] - seen[:, 2:]).floor_().clamp_(min=0).minimum(ends)
    high = (seen[:, :2] + seen[:, 2:]).ceil_().clamp_(min=0).minimum(ends)
    hidden = (seen[:, 2:] <= 0).any(dim=1, keepdim=True)
    sides = (high - low).masked_fill_(hidden, 0.0).nan_to_num_(0.0).int()
    last = sides.prod(dim=1).cumsum(0)
    slots = torch.arange(room, device=means2d.device)
    owner = torch.searchsorted(last, slots, right=True).clamp_(max=len(order) - 1)
    boxes = torch.cat([low.nan_to_num_(0.0).int(), sides], dim=1)[owner]
    after = (last[owner] - slots).int()  # counts down to 1 within each box
    wide = boxes[:, 2].clamp(min=1)
    within = wide * boxes[:, 3] - after
    down = within // wide
    tiles = (boxes[:, 1] + down) * columns + boxes[:, 0] + within - down * wide
    n_tiles = columns * rows
    kind = torch.int16 if n_tiles < 2**15 - columns else torch.int32
    tiles = tiles.masked_fill_(slots >= last[-1], n_tiles).to(kind)
    tiles, places = torch.sort(tiles, stable=True)  # what is nearer stays before what is farther
    starts = torch.arange(n_tiles + columns, device=means2d.device, dtype=kind)
    offsets = torch.searchsorted(tiles, starts, out_int32=True)
    return offsets.view(1, rows + 1, columns), order[owner[places]].int(), last[-1]
