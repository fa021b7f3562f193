"""Front-to-back blending of each tile's splats, and its gradient: the inner loops of the CPU rasterizer.

A tile's pixels lie in a scratch array by 4x4 blocks, one vector each: transmittance first, then the channels. A pixel
that is finished keeps its transmittance with the sign turned; a block whose pixels are all finished is struck from
the masks, and a tile without a live block is left.
"""

import math

import numpy as np
from numba import prange

from engine.raster.kernels import inlined, parallel, parallel_finite, serial
from engine.raster.kernels.lanes import (
    any_set,
    at_least,
    below,
    both,
    choose,
    exp2_below_one,
    fetch,
    least,
    load,
    lowest_bit,
    most,
    negative,
    next_number,
    size,
    spread,
    store,
    total,
)
from engine.raster.kernels.tiles import AHEAD, BLOCK, LOG2_255, LOG2_E, SPLAT_WIDTH, TILE

PIXELS = TILE * TILE
LANES = BLOCK * BLOCK
LOG2_ALPHA_MAX = np.float32(math.log2(0.999))
LOG2_LEAST = np.float32(-30)
TRANSMITTANCE_MIN = np.float32(1e-4)
NEVER = np.float32(3e38)
GEOMETRY_GRADIENTS = 6


@inlined
def blocks_inside(row, column, width, height):
    """The bits of a tile's blocks that hold at least one pixel of the picture."""
    columns = min(4, (width - column * TILE + BLOCK - 1) // BLOCK)
    rows = min(4, (height - row * TILE + BLOCK - 1) // BLOCK)
    bits = 0
    for j in range(rows):
        bits |= ((1 << columns) - 1) << (4 * j)
    return bits


@serial
def block_offsets():
    """For each block of a tile, each lane's columns and rows from the tile's first pixel centre: `[256]` each."""
    columns, rows = np.empty(PIXELS, np.float32), np.empty(PIXELS, np.float32)
    for at in range(PIXELS):
        columns[at] = at // LANES % 4 * BLOCK + at % BLOCK
        rows[at] = at // LANES // 4 * BLOCK + at % LANES // BLOCK
    return columns, rows


def _make_forward(rgb: bool, traced: bool):
    """The forward loop for three channels (`rgb`) or any number, with or without what the gradient needs.

    With `traced`, the masks lose the blocks that were finished and `marks` `[H, W]` gets the number within its tile of
    the entry that finished each pixel. Without it, `marks` gets the alpha, `ends` is 1 where a tile is finished, and
    `resumed` goes on from a picture half done.
    """

    @parallel_finite
    def forward(
        starts, ids, masks, splats, colors, width, height, n_columns, counter, n_workers, resumed,
        image, passed, marks, ends,
    ):  # fmt: skip
        n_channels = 3 if rgb else colors.shape[1]
        n_tiles = starts.shape[0] - 1
        log2_alpha_min = -LOG2_255
        for _worker in prange(n_workers):
            pixels = np.empty((1 + n_channels) * PIXELS, np.float32)
            stopped = np.empty(PIXELS if traced else 0, np.float32)
            columns, rows = block_offsets()
            while True:
                tile = next_number(counter)
                if tile >= n_tiles:
                    break
                row = tile // n_columns
                column = tile - row * n_columns
                first_x, first_y = column * TILE, row * TILE
                start, end = starts[tile], starts[tile + 1]
                if traced:
                    ends[tile] = end
                if resumed:
                    if start == end:
                        continue
                    for at in range(PIXELS):
                        x, y = first_x + (at // 16 % 4) * 4 + at % 4, first_y + (at // 64) * 4 + at % 16 // 4
                        inside = x < width and y < height
                        pixels[at] = passed[y, x] if inside else np.float32(-1)
                        for d in range(n_channels):
                            pixels[(d + 1) * PIXELS + at] = image[y, x, d] if inside else np.float32(0)
                elif start == end:
                    marks[first_y : first_y + TILE, first_x : first_x + TILE] = NEVER if traced else np.float32(0)
                    passed[first_y : first_y + TILE, first_x : first_x + TILE] = np.float32(1)
                    image[first_y : first_y + TILE, first_x : first_x + TILE] = np.float32(0)
                    continue
                else:
                    pixels[:PIXELS] = np.float32(1)
                    pixels[PIXELS:] = np.float32(0)
                if traced:
                    stopped[:] = NEVER
                alive = blocks_inside(row, column, width, height)
                if resumed:
                    for block in range(16):
                        if not any_set(below(spread(np.float32(0)), load(pixels, block * LANES))):
                            alive &= ~(1 << block)
                for entry in range(start, end):
                    bits = masks[entry] & alive
                    soon = np.intp(ids[min(entry + AHEAD, end - 1)])
                    fetch(splats, soon * SPLAT_WIDTH)
                    fetch(colors, soon * n_channels)
                    if traced:
                        masks[entry] = bits
                    if bits == 0:
                        continue
                    i = ids[entry]
                    a, b, c = spread(splats[i, 2]), spread(splats[i, 3]), spread(splats[i, 4])
                    log2_opacity = spread(splats[i, 5])
                    left = spread(np.float32(first_x) + np.float32(0.5) - splats[i, 0])
                    top = spread(np.float32(first_y) + np.float32(0.5) - splats[i, 1])
                    if rgb:
                        red, green, blue = spread(colors[i, 0]), spread(colors[i, 1]), spread(colors[i, 2])
                    while bits != 0:
                        bit = lowest_bit(np.int32(bits))
                        bits &= bits - 1
                        at = np.intp(bit) * LANES
                        dx, dy = left + load(columns, at), top + load(rows, at)
                        power = (a * dx + b * dy) * dx + (c * dy * dy + log2_opacity)
                        alpha = exp2_below_one(most(least(power, spread(LOG2_ALPHA_MAX)), spread(LOG2_LEAST)))
                        alpha = choose(at_least(power, spread(log2_alpha_min)), alpha, spread(np.float32(0)))
                        light = load(pixels, at)
                        weight = alpha * most(light, spread(np.float32(0)))
                        after = light - weight
                        goes_on = below(spread(TRANSMITTANCE_MIN), after)
                        weight = choose(goes_on, weight, spread(np.float32(0)))
                        after = choose(goes_on, after, negative(light))
                        store(pixels, at, after)
                        if traced:
                            number = choose(goes_on, spread(NEVER), spread(np.float32(entry - start)))
                            store(stopped, at, least(load(stopped, at), number))
                        if rgb:
                            store(pixels, at + PIXELS, load(pixels, at + PIXELS) + weight * red)
                            store(pixels, at + 2 * PIXELS, load(pixels, at + 2 * PIXELS) + weight * green)
                            store(pixels, at + 3 * PIXELS, load(pixels, at + 3 * PIXELS) + weight * blue)
                        else:
                            for d in range(n_channels):
                                at += PIXELS
                                store(pixels, at, load(pixels, at) + weight * colors[i, d])
                        if not any_set(goes_on):
                            alive &= ~(1 << bit)
                    if alive == 0:
                        ends[tile] = entry + 1 if traced else 1
                        break
                for j in range(min(TILE, height - first_y)):
                    for q in range(min(TILE, width - first_x)):
                        at = (j // 4 * 4 + q // 4) * LANES + j % 4 * 4 + q % 4
                        passed[first_y + j, first_x + q] = abs(pixels[at]) if traced else pixels[at]
                        marks[first_y + j, first_x + q] = stopped[at] if traced else np.float32(1) - abs(pixels[at])
                        for d in range(n_channels):
                            image[first_y + j, first_x + q, d] = pixels[(d + 1) * PIXELS + at]

    return forward


def _make_backward(rgb: bool, absolute: bool):
    """The gradient loop for three channels (`rgb`) or any number, with or without absolute screen gradients.

    For each entry (a splat in a tile) it writes the gradients of x, y, conic xx, xy, yy, opacity (times the opacity),
    of the channels and, if `absolute`, the sums of the absolute gradients of x and y. It goes back to front, undoing
    the blending: Kerbl et al. 2023, appendix A.
    """

    @parallel_finite
    def backward(
        starts, ends, ids, masks, splats, colors, width, height, n_columns, counter, n_workers,
        passed, stops, v_image, v_alpha, entry_gradients,
    ):  # fmt: skip
        n_channels = 3 if rgb else colors.shape[1]
        n_tiles = starts.shape[0] - 1
        log2_alpha_min = -LOG2_255
        # rows of a tile: transmittance, light gathered behind, where it stopped, gradient of each channel
        for _worker in prange(n_workers):
            pixels = np.empty((3 + n_channels) * PIXELS, np.float32)
            sums = np.empty(n_channels * LANES, np.float32)
            columns, rows = block_offsets()
            while True:
                tile = next_number(counter)
                if tile >= n_tiles:
                    break
                row = tile // n_columns
                column = tile - row * n_columns
                first_x, first_y = column * TILE, row * TILE
                start, end = starts[tile], ends[tile]
                for entry in range(end, starts[tile + 1]):
                    entry_gradients[entry, :] = np.float32(0)
                if end == start:
                    continue
                pixels[:] = np.float32(0)
                pixels[:PIXELS] = np.float32(1)
                for j in range(min(TILE, height - first_y)):
                    for q in range(min(TILE, width - first_x)):
                        at = (j // 4 * 4 + q // 4) * LANES + j % 4 * 4 + q % 4
                        pixels[at] = passed[first_y + j, first_x + q]
                        pixels[at + PIXELS] = -passed[first_y + j, first_x + q] * v_alpha[first_y + j, first_x + q]
                        pixels[at + 2 * PIXELS] = stops[first_y + j, first_x + q]
                        for d in range(n_channels):
                            pixels[at + (3 + d) * PIXELS] = v_image[first_y + j, first_x + q, d]
                for entry in range(end - 1, start - 1, -1):
                    bits = masks[entry]
                    if bits == 0:
                        entry_gradients[entry, :] = np.float32(0)
                        continue
                    i = ids[entry]
                    a, b, c = spread(splats[i, 2]), spread(splats[i, 3]), spread(splats[i, 4])
                    log2_opacity = spread(splats[i, 5])
                    left = spread(np.float32(first_x) + np.float32(0.5) - splats[i, 0])
                    top = spread(np.float32(first_y) + np.float32(0.5) - splats[i, 1])
                    number = spread(np.float32(entry - start))
                    conic_xx = np.float32(-2) / LOG2_E * splats[i, 2]
                    conic_xy = np.float32(-1) / LOG2_E * splats[i, 3]
                    conic_yy = np.float32(-2) / LOG2_E * splats[i, 4]
                    zero = spread(np.float32(0))
                    s, s_x, s_y, s_xx, s_xy, s_yy = zero, zero, zero, zero, zero, zero
                    if rgb:
                        red, green, blue = spread(colors[i, 0]), spread(colors[i, 1]), spread(colors[i, 2])
                        s_red, s_green, s_blue = zero, zero, zero
                    else:
                        sums[:] = np.float32(0)
                    if absolute:
                        size_x, size_y = zero, zero
                    while bits != 0:
                        bit = lowest_bit(np.int32(bits))
                        bits &= bits - 1
                        at = np.intp(bit) * LANES
                        dx, dy = left + load(columns, at), top + load(rows, at)
                        power = (a * dx + b * dy) * dx + (c * dy * dy + log2_opacity)
                        alpha = exp2_below_one(most(least(power, spread(LOG2_ALPHA_MAX)), spread(LOG2_LEAST)))
                        shown = both(
                            at_least(power, spread(log2_alpha_min)), below(number, load(pixels, at + 2 * PIXELS))
                        )
                        alpha = choose(shown, alpha, zero)
                        inverse = spread(np.float32(1)) / (spread(np.float32(1)) - alpha)
                        light = load(pixels, at) * inverse
                        weight = alpha * light
                        if rgb:
                            v_red, v_green = load(pixels, at + 3 * PIXELS), load(pixels, at + 4 * PIXELS)
                            v_blue = load(pixels, at + 5 * PIXELS)
                            dot = red * v_red + green * v_green + blue * v_blue
                            s_red, s_green = s_red + weight * v_red, s_green + weight * v_green
                            s_blue = s_blue + weight * v_blue
                        else:
                            dot = zero
                            for d in range(n_channels):
                                v_channel = load(pixels, at + (3 + d) * PIXELS)
                                dot = dot + v_channel * colors[i, d]
                                store(sums, d * LANES, load(sums, d * LANES) + weight * v_channel)
                        behind = load(pixels, at + PIXELS)
                        v = (dot * light - behind * inverse) * alpha
                        v = choose(below(power, spread(LOG2_ALPHA_MAX)), v, zero)
                        store(pixels, at + PIXELS, behind + weight * dot)
                        store(pixels, at, light)
                        v_dx, v_dy = v * dx, v * dy
                        s, s_x, s_y = s + v, s_x + v_dx, s_y + v_dy
                        s_xx, s_xy, s_yy = s_xx + v_dx * dx, s_xy + v_dx * dy, s_yy + v_dy * dy
                        if absolute:
                            size_x = size_x + size(v_dx * conic_xx + v_dy * conic_xy)
                            size_y = size_y + size(v_dx * conic_xy + v_dy * conic_yy)
                    sum_x, sum_y = total(s_x), total(s_y)
                    entry_gradients[entry, 0] = conic_xx * sum_x + conic_xy * sum_y
                    entry_gradients[entry, 1] = conic_xy * sum_x + conic_yy * sum_y
                    entry_gradients[entry, 2] = np.float32(-0.5) * total(s_xx)
                    entry_gradients[entry, 3] = -total(s_xy)
                    entry_gradients[entry, 4] = np.float32(-0.5) * total(s_yy)
                    entry_gradients[entry, 5] = total(s)
                    if rgb:
                        entry_gradients[entry, 6] = total(s_red)
                        entry_gradients[entry, 7] = total(s_green)
                        entry_gradients[entry, 8] = total(s_blue)
                    else:
                        for d in range(n_channels):
                            entry_gradients[entry, GEOMETRY_GRADIENTS + d] = total(load(sums, d * LANES))
                    if absolute:
                        entry_gradients[entry, GEOMETRY_GRADIENTS + n_channels] = total(size_x)
                        entry_gradients[entry, GEOMETRY_GRADIENTS + n_channels + 1] = total(size_y)

    return backward


forward_rgb = _make_forward(True, False)
forward_any = _make_forward(False, False)
forward_rgb_traced = _make_forward(True, True)
forward_any_traced = _make_forward(False, True)
backward_rgb = _make_backward(True, False)
backward_any = _make_backward(False, False)
backward_rgb_absolute = _make_backward(True, True)
backward_any_absolute = _make_backward(False, True)


@parallel
def gather_gradients(
    order, n_visible, offsets, entry_counts, places, entry_gradients, opacities,
    v_means2d, v_absolute, v_conics, v_opacities, v_colors,
):  # fmt: skip
    """Sums the entries of each splat, always in the same order; `v_absolute` may be empty."""
    n_channels = v_colors.shape[1]
    for k in prange(n_visible):
        i = order[k]
        soon = min(k + AHEAD, n_visible - 1)
        for place in range(offsets[soon], offsets[soon] + entry_counts[soon]):
            fetch(entry_gradients, np.intp(places[place]) * entry_gradients.shape[1])
        for place in range(offsets[k], offsets[k] + entry_counts[k]):
            entry = places[place]
            v_means2d[i, 0] += entry_gradients[entry, 0]
            v_means2d[i, 1] += entry_gradients[entry, 1]
            v_conics[i, 0] += entry_gradients[entry, 2]
            v_conics[i, 1] += entry_gradients[entry, 3]
            v_conics[i, 2] += entry_gradients[entry, 4]
            v_opacities[i] += entry_gradients[entry, 5]
            for d in range(n_channels):
                v_colors[i, d] += entry_gradients[entry, GEOMETRY_GRADIENTS + d]
            if v_absolute.shape[0] > 0:
                v_absolute[i, 0] += entry_gradients[entry, GEOMETRY_GRADIENTS + n_channels]
                v_absolute[i, 1] += entry_gradients[entry, GEOMETRY_GRADIENTS + n_channels + 1]
        v_opacities[i] /= opacities[i]
