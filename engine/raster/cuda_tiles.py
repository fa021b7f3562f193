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
    reach = radii / tile  # whatever is a number below is one: none has to be sent to a GPU
    places = means2d / tile
    ends = means2d.new_full((2,), rows)
    ends[:1].fill_(columns)
    low = (places - reach).floor_().clamp_(min=0).minimum(ends).nan_to_num_(0.0)
    high = (places + reach).ceil_().clamp_(min=0).minimum(ends).nan_to_num_(0.0)
    left, top = low.int().unbind(1)
    wide, tall = ((high - low) * (radii > 0).all(dim=1, keepdim=True)).int().unbind(1)
    order = torch.argsort(depths)
    n_crossed = (wide * tall)[order]
    last = n_crossed.cumsum(0)
    first = (last - n_crossed).int()
    slots = torch.arange(room, device=means2d.device)
    owner = torch.searchsorted(last, slots, right=True).clamp_(max=len(order) - 1)
    within = slots.int() - first[owner]
    owner = order[owner]  # one number after the other: rows of four are gathered ten times as slowly
    side = wide[owner].clamp_(min=1)
    down = within // side
    tiles = (top[owner] + down) * columns + left[owner] + within - down * side
    n_tiles = columns * rows
    kind = torch.int16 if n_tiles < 2**15 - columns else torch.int32
    tiles = tiles.masked_fill_(slots >= last[-1], n_tiles).to(kind)
    tiles, places = torch.sort(tiles, stable=True)  # what is nearer stays before what is farther
    starts = torch.arange(n_tiles + columns, device=means2d.device, dtype=kind)
    offsets = torch.searchsorted(tiles, starts, out_int32=True)
    return offsets.view(1, rows + 1, columns), owner[places].int(), last[-1]
