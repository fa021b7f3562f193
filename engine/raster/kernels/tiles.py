"""Which Gaussians touch which 16x16 tile, nearest first: depth sort, exact ellipse-tile test, stable binning.

A splat is a row of eight float32: centre x, y; the exponent's polynomial a, b, c in powers of two
(alpha = 2 ** (a dx² + b dx dy + c dy² + log2 opacity)); log2 opacity; half the height of its visible ellipse; and
dx / dy where the ellipse is highest.
"""

import math

import numpy as np
from numba import njit, prange

TILE = 16
SPLAT_WIDTH = 8
INVISIBLE = np.uint32(0xFFFFFFFF)
LOG2_E = np.float32(math.log2(math.e))
LOG2_255 = np.float32(math.log2(255))
SLACK_PX = np.float32(0.01)
"""Bounds are widened by this much, more than their rounding."""
SORT_BITS = 11
SORT_BUCKETS = 1 << SORT_BITS


@njit(cache=True, fastmath={"nsz", "arcp", "contract", "afn", "reassoc"}, inline="always")
def write_splat(splats, i, x, y, conic_xx, conic_xy, conic_yy, opacity):
    """Fills row i. The ellipse is where alpha reaches 1/255."""
    a = np.float32(-0.5) * LOG2_E * conic_xx
    b = -LOG2_E * conic_xy
    c = np.float32(-0.5) * LOG2_E * conic_yy
    log2_opacity = np.float32(math.log2(opacity))
    room = log2_opacity + LOG2_255
    curve = c - b * b / (np.float32(4) * a)
    splats[i, 0], splats[i, 1], splats[i, 2], splats[i, 3], splats[i, 4] = x, y, a, b, c
    splats[i, 5] = log2_opacity
    splats[i, 6] = math.sqrt(max(-room / curve, np.float32(0))) if curve < np.float32(0) else np.float32(1e9)
    splats[i, 7] = -b / (np.float32(2) * a)


@njit(cache=True, parallel=True, error_model="numpy", fastmath={"nsz", "arcp", "contract", "afn", "reassoc"})
def pack(means2d, conics, opacities, depths, colors, radii, splats, keys):
    """Splats and depth keys of what `project` left visible; `INVISIBLE` for the rest and for colours not finite."""
    big = np.float32(3e38)
    bits = depths.view(np.uint32)
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
        keys[i] = bits[i]


@njit(cache=True)
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


@njit(cache=True, fastmath={"nsz", "arcp", "contract", "afn", "reassoc"}, inline="always")
def tile_rows(splats, i, n_rows):
    """First and one past the last row of tiles whose pixel centres the ellipse reaches."""
    y, reach = splats[i, 1], splats[i, 6] + SLACK_PX
    top, bottom = (y - reach - np.float32(0.5)) / np.float32(TILE), (y + reach - np.float32(0.5)) / np.float32(TILE)
    # a tile's last centre is 15 below its first
    most = np.float32(n_rows)
    first = math.ceil(min(max(top - np.float32((TILE - 1) / TILE), np.float32(0)), most))
    last = math.floor(max(min(bottom, most - np.float32(1)), np.float32(-1)))
    return np.int32(first), np.int32(last) + np.int32(1)


@njit(cache=True, fastmath={"nsz", "arcp", "contract", "afn", "reassoc"}, inline="always")
def tile_columns(splats, i, row, n_columns):
    """First and one past the last tile of a row of tiles that the ellipse reaches: its exact extent in that band."""
    x, y, a, b, c = splats[i, 0], splats[i, 1], splats[i, 2], splats[i, 3], splats[i, 4]
    room, zero, half = splats[i, 5] + LOG2_255, np.float32(0), np.float32(0.5)
    top = np.float32(row * TILE) + half - y
    bottom = top + np.float32(TILE - 1)
    square = np.float32(4) * a * c - b * b
    reach_x = math.sqrt(max(-room * np.float32(4) * c / square, zero)) if square > zero else np.float32(1e9)
    lean = -b / (np.float32(2) * c)
    dy = min(max(lean * reach_x, top), bottom)
    right = -b * dy - math.sqrt(max(b * b * dy * dy - np.float32(4) * a * (c * dy * dy + room), zero))
    dy = min(max(-lean * reach_x, top), bottom)
    left = -b * dy + math.sqrt(max(b * b * dy * dy - np.float32(4) * a * (c * dy * dy + room), zero))
    scale = half / a
    left, right = x + left * scale - SLACK_PX - half, x + right * scale + SLACK_PX - half
    size, most = np.float32(TILE), np.float32(n_columns)
    first = math.ceil(min(max((left - (size - np.float32(1))) / size, zero), most))
    last = math.floor(max(min(right / size, most - np.float32(1)), np.float32(-1)))
    return np.int32(first), np.int32(last) + np.int32(1)


@njit(cache=True, parallel=True, fastmath={"nsz", "arcp", "contract", "afn", "reassoc"})
def count_tiles(order, n_visible, splats, n_columns, n_rows, counts, per_splat):
    """How many splats of each chunk of the order touch each tile (`counts` `[chunks, tiles]`), and tiles per splat."""
    n_chunks = counts.shape[0]
    for chunk in prange(n_chunks):
        counts[chunk, :] = 0
        for k in range(chunk * n_visible // n_chunks, (chunk + 1) * n_visible // n_chunks):
            i = order[k]
            total = 0
            first_row, last_row = tile_rows(splats, i, n_rows)
            for row in range(first_row, last_row):
                first, last = tile_columns(splats, i, row, n_columns)
                for column in range(first, last):
                    counts[chunk, row * n_columns + column] += 1
                total += max(last - first, 0)
            per_splat[k] = total


@njit(cache=True)
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


@njit(cache=True, parallel=True, fastmath={"nsz", "arcp", "contract", "afn", "reassoc"})
def fill_tiles(order, n_visible, splats, n_columns, n_rows, counts, ids):
    """Writes the splats of every tile, nearest first; `counts` as left by `place_tiles`."""
    n_chunks = counts.shape[0]
    for chunk in prange(n_chunks):
        for k in range(chunk * n_visible // n_chunks, (chunk + 1) * n_visible // n_chunks):
            i = order[k]
            first_row, last_row = tile_rows(splats, i, n_rows)
            for row in range(first_row, last_row):
                first, last = tile_columns(splats, i, row, n_columns)
                for column in range(first, last):
                    tile = row * n_columns + column
                    ids[counts[chunk, tile]] = i
                    counts[chunk, tile] += 1


@njit(cache=True, parallel=True, fastmath={"nsz", "arcp", "contract", "afn", "reassoc"})
def fill_tiles_traced(order, n_visible, splats, n_columns, n_rows, counts, ids, offsets, places):
    """Like `fill_tiles`, and writes where each splat's entries went: `places[offsets[k]:offsets[k + 1]]`."""
    n_chunks = counts.shape[0]
    for chunk in prange(n_chunks):
        for k in range(chunk * n_visible // n_chunks, (chunk + 1) * n_visible // n_chunks):
            i = order[k]
            place = offsets[k]
            first_row, last_row = tile_rows(splats, i, n_rows)
            for row in range(first_row, last_row):
                first, last = tile_columns(splats, i, row, n_columns)
                for column in range(first, last):
                    tile = row * n_columns + column
                    entry = counts[chunk, tile]
                    ids[entry] = i
                    places[place] = entry
                    place += 1
                    counts[chunk, tile] = entry + 1
