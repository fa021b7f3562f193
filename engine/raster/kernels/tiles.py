"""Which Gaussians touch which 16x16 tile, nearest first: depth sort, exact ellipse-block test, stable binning.

A splat is a row of eight float32: centre x, y; the exponent's polynomial a, b, c in powers of two
(alpha = 2 ** (a dx² + b dx dy + c dy² + log2 opacity)); log2 opacity; half the width and height of the ellipse in which
alpha reaches 1/255.
"""

import math

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from engine.raster.kernels import inlined, parallel, parallel_finite, serial
from engine.raster.kernels.lanes import (
    at_least,
    both,
    choose,
    fetch,
    lane_numbers,
    least,
    most,
    spread,
    square_root,
    store_block_bits,
)

TILE = 16
BLOCK = 4
"""Pixels a side: a tile is 16 blocks, a block is one vector of 16 pixels."""
SPLAT_WIDTH = 8
INVISIBLE = np.uint32(0xFFFFFFFF)
LOG2_E = np.float32(math.log2(math.e))
LOG2_255 = np.float32(math.log2(255))
SLACK_PX = np.float32(0.01)
"""Bounds are widened by this much, more than their rounding."""
AHEAD = 6
"""Splats are fetched into the cache this many before their turn."""
SORT_BITS = 11
SORT_BUCKETS = 1 << SORT_BITS


@inlined
def write_splat(splats, i, x, y, conic_xx, conic_xy, conic_yy, opacity):
    """Fills row i. The ellipse is where alpha reaches 1/255."""
    a = np.float32(-0.5) * LOG2_E * conic_xx
    b = -LOG2_E * conic_xy
    c = np.float32(-0.5) * LOG2_E * conic_yy
    log2_opacity = np.float32(math.log2(opacity))
    room = log2_opacity + LOG2_255
    splats[i, 0], splats[i, 1], splats[i, 2], splats[i, 3], splats[i, 4] = x, y, a, b, c
    splats[i, 5] = log2_opacity
    reach = np.float32(4) * room / max(np.float32(4) * a * c - b * b, np.float32(1e-30))
    splats[i, 6] = math.sqrt(max(-c * reach, np.float32(0)))
    splats[i, 7] = math.sqrt(max(-a * reach, np.float32(0)))


@intrinsic
def float_bits(typing_context, value):
    """The bits of a float32 as a uint32: for positive numbers in the same order."""
    return types.uint32(types.float32), lambda _c, builder, _s, args: builder.bitcast(args[0], ir.IntType(32))


@inlined
def rows_reached(splats, i, rows_px, n_rows):
    """First and one past the last band of `rows_px` rows whose pixel centres the ellipse reaches, of `n_rows`."""
    size, most_rows, zero = np.float32(rows_px), np.float32(n_rows), np.float32(0)
    y, reach = splats[i, 1] - np.float32(0.5), splats[i, 7] + SLACK_PX
    first = np.int32(min(max((y - reach + np.float32(1)) / size, zero), most_rows))
    last = np.int32(min(max((y + reach) / size + np.float32(1), zero), most_rows))
    return first, last


@inlined
def boxed_tiles(splats, i, n_columns, n_rows):
    """How many tiles the bounding box of the ellipse touches."""
    first_row, last_row = rows_reached(splats, i, TILE, n_rows)
    size, zero, x = np.float32(TILE), np.float32(0), splats[i, 0] - np.float32(0.5)
    reach, most_columns = splats[i, 6] + SLACK_PX, np.float32(n_columns)
    first = np.int32(min(max((x - reach + np.float32(1)) / size, zero), most_columns))
    last = np.int32(min(max((x + reach) / size + np.float32(1), zero), most_columns))
    return max(last_row - first_row, 0) * max(last - first, 0)


@parallel
def pack(means2d, conics, opacities, depths, colors, radii, n_columns, n_rows, splats, keys, boxes):
    """Splats, depth keys and boxed tiles of what `project` left visible.

    Keys are `INVISIBLE` for the rest and for colours that are not finite.
    """
    big = np.float32(3e38)
    for i in prange(means2d.shape[0]):
        keys[i] = INVISIBLE
        if radii[i, 0] <= 0 or not (opacities[i] * np.float32(255) >= np.float32(1)):
            continue
        finite = True
        for d in range(colors.shape[1]):
            if not (abs(colors[i, d]) < big):
                finite = False
        if not finite:
            continue
        write_splat(splats, i, means2d[i, 0], means2d[i, 1], conics[i, 0], conics[i, 1], conics[i, 2], opacities[i])
        boxes[i] = boxed_tiles(splats, i, n_columns, n_rows)
        if boxes[i] > 0:
            keys[i] = float_bits(depths[i])


@serial
def sort_by_depth(keys, first, order, spare, histogram):
    """Stable radix sort: writes the indices of visible keys, nearest first, to `order`; returns how many.

    Keys are the bits of positive floats, so they sort as integers. `first` is added to every index.
    """
    n_visible = 0
    least, most = INVISIBLE, np.uint32(0)
    for i in range(keys.shape[0]):
        key = keys[i]
        if key != INVISIBLE:
            order[n_visible] = np.int32(i)
            n_visible += 1
            least, most = min(least, key), max(most, key)
    if n_visible == 0:
        return 0
    span, shift = np.uint32(most - least), np.uint32(0)
    while (span >> shift) != np.uint32(0):
        histogram[:] = 0
        for i in range(n_visible):
            histogram[((keys[order[i]] - least) >> shift) & np.uint32(SORT_BUCKETS - 1)] += 1
        total = 0
        for bucket in range(SORT_BUCKETS):
            count = histogram[bucket]
            histogram[bucket] = total
            total += count
        for i in range(n_visible):
            index = order[i]
            bucket = ((keys[index] - least) >> shift) & np.uint32(SORT_BUCKETS - 1)
            spare[histogram[bucket]] = index
            histogram[bucket] += 1
        order[:n_visible] = spare[:n_visible]
        shift += np.uint32(SORT_BITS)
        if shift >= np.uint32(32):
            break
    if first != 0:
        for i in range(n_visible):
            order[i] += np.int32(first)
    return n_visible


@serial
def next_batch(order, begin, n_visible, boxes, most_entries, bounds):
    """How far in the order the next batch goes (at most `most_entries` boxed tiles, at least one splat).

    Fills `bounds` `[chunks + 1]`: the boxed tiles before each of the batch's chunks.
    """
    n_chunks = bounds.shape[0] - 1
    total, end = np.int64(0), begin
    while end < n_visible and (end == begin or total + boxes[order[end]] <= most_entries):
        total += boxes[order[end]]
        end += 1
    total, k = np.int64(0), begin
    for chunk in range(n_chunks):
        bounds[chunk] = total
        while k < begin + (chunk + 1) * (end - begin) // n_chunks:
            total += boxes[order[k]]
            k += 1
    bounds[n_chunks] = total
    return end


@parallel_finite
def bin_splats(
    order, begin, end, splats, n_columns, n_block_columns, n_block_rows, bounds, done,
    counts, entry_tiles, entry_ids, entry_masks, offsets, entry_counts, chunk_counts,
):  # fmt: skip
    """Finds the tiles each splat touches and, as 16 bits, the 4x4 blocks within each.

    Chunk c writes its entries from `bounds[c]` on, `chunk_counts[c]` of them, by splats in the order; the splat at
    place k of the order has `entry_counts[k]` from `offsets[k]` on. `counts` `[chunks, tiles]` gets each
    tile's. Tiles marked `done` are left out.
    """
    n_chunks = counts.shape[0]
    half, block, size, zero = np.float32(0.5), np.float32(BLOCK), np.float32(TILE), spread(np.float32(0))
    n_rows, most_columns = -(-n_block_rows // 4), np.float32(n_columns)
    for chunk in prange(n_chunks):
        counts[chunk, :] = 0
        tile_bits = np.empty(4, np.int32)
        position = bounds[chunk]
        for k in range(begin + chunk * (end - begin) // n_chunks, begin + (chunk + 1) * (end - begin) // n_chunks):
            i = order[k]
            fetch(splats, np.intp(order[min(k + AHEAD, end - 1)]) * SPLAT_WIDTH)
            offsets[k] = position
            x, y, a, b, c = splats[i, 0], splats[i, 1], splats[i, 2], splats[i, 3], splats[i, 4]
            room, reach_x, reach_y = splats[i, 5] + LOG2_255, splats[i, 6], splats[i, 7] + SLACK_PX
            first_column = np.int32(min(max((x - reach_x - SLACK_PX + half) / size, np.float32(0)), most_columns))
            last_column = np.int32(
                min(max((x + reach_x + SLACK_PX - half) / size + np.float32(1), np.float32(0)), most_columns)
            )
            first_row, last_row = rows_reached(splats, i, TILE, n_rows)
            lean = -b / (np.float32(2) * c) * reach_x
            scale = half / a / block
            minus_b, four_a_room = -b, np.float32(4) * a * room
            square = b * b - np.float32(4) * a * c
            left_end, right_end = (x - SLACK_PX + half) / block, (x + SLACK_PX - half + block) / block
            for group in range(first_row, last_row, 4):
                # the extent of the ellipse in sixteen bands of four rows at once
                top = lane_numbers() * block + (np.float32(group * TILE) + half - y)
                bottom = top + np.float32(BLOCK - 1)
                dy = least(most(spread(lean), top), bottom)
                right = (dy * minus_b - square_root(most(dy * dy * square - four_a_room, zero))) * scale + right_end
                dy = least(most(spread(-lean), top), bottom)
                left = (dy * minus_b + square_root(most(dy * dy * square - four_a_room, zero))) * scale + left_end
                reached = both(at_least(bottom, spread(-reach_y)), at_least(spread(reach_y), top))
                left = least(most(left, zero), spread(np.float32(n_block_columns)))
                right = least(most(choose(reached, right, zero), zero), spread(np.float32(n_block_columns)))
                n_group = min(last_row - group, 4)
                for column in range(first_column, last_column):
                    store_block_bits(tile_bits, left, right, np.int32(column))
                    for row in range(n_group):
                        tile = (group + row) * n_columns + column
                        if tile_bits[row] != 0 and done[tile] == 0:
                            entry_tiles[position] = tile
                            entry_ids[position] = i
                            entry_masks[position] = tile_bits[row]
                            counts[chunk, tile] += 1
                            position += 1
            entry_counts[k] = position - offsets[k]
        chunk_counts[chunk] = position - bounds[chunk]


@serial
def place_tiles(counts, starts):
    """Turns counts into where each chunk writes in each tile; fills `starts` `[tiles + 1]` and returns the total."""
    total = 0
    for tile in range(counts.shape[1]):
        starts[tile] = total
        for chunk in range(counts.shape[0]):
            count = counts[chunk, tile]
            counts[chunk, tile] = total
            total += count
    starts[counts.shape[1]] = total
    return total


@parallel
def fill_tiles(bounds, chunk_counts, entry_tiles, entry_ids, entry_masks, counts, ids, masks, places):
    """Moves the entries to their tiles, nearest first; `places`, if not empty, gets where each entry went."""
    for chunk in prange(counts.shape[0]):
        for position in range(bounds[chunk], bounds[chunk] + chunk_counts[chunk]):
            tile = entry_tiles[position]
            place = counts[chunk, tile]
            counts[chunk, tile] = place + 1
            ids[place] = entry_ids[position]
            masks[place] = entry_masks[position]
            if places.shape[0] > 0:
                places[position] = place
