"""Front-to-back blending of each tile's splats, and its gradient: the inner loops of the CPU rasterizer.

Every loop over the 16 columns of a tile is written without branches, so that the compiler turns it into vectors. One
scratch array holds a tile's pixels by rows: transmittance first, then the channels. A pixel that is finished keeps
its transmittance with the sign turned.
"""

import math

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic

from engine.raster.kernels.tiles import LOG2_255, LOG2_E, SLACK_PX, TILE

PIXELS = TILE * TILE
LOG2_ALPHA_MAX = np.float32(math.log2(0.999))
ALPHA_MAX = np.float32(0.999)
TRANSMITTANCE_MIN = np.float32(1e-4)
CHECK_EVERY = 16
"""Splats between looks at whether a whole tile is finished."""
EXP2 = tuple(np.float32(c) for c in (0.999997385, 0.693029973, 0.239340391, 0.0530732687, 0.00676675812))
GEOMETRY_GRADIENTS = 6


@intrinsic
def float_bits(typing_context, value):
    """The bits of a float32 as an int32."""
    return types.int32(types.float32), lambda _c, builder, _s, args: builder.bitcast(args[0], ir.IntType(32))


@intrinsic
def float_of_bits(typing_context, value):
    """The float32 of an int32's bits."""
    return types.float32(types.int32), lambda _c, builder, _s, args: builder.bitcast(args[0], ir.FloatType())


@intrinsic
def next_number(typing_context, counter):
    """Adds one to the first entry of an int64 array, atomically, and returns what it was: threads share work by it."""

    def generate(context, builder, signature, args):
        array = context.make_array(counter)(context, builder, args[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), generate


@njit(cache=True, fastmath={"nsz", "arcp", "contract", "afn", "reassoc"}, inline="always")
def exp2_below_one(x):
    """2 ** x for -126 < x <= 0, within 4e-6 of its value: a quartic for the fraction, the exponent by addition."""
    whole = np.int32(x)
    part = x - np.float32(whole)
    power = EXP2[0] + part * (EXP2[1] + part * (EXP2[2] + part * (EXP2[3] + part * EXP2[4])))
    return float_of_bits(float_bits(power) + (whole << np.int32(23)))


@njit(cache=True, fastmath={"nsz", "arcp", "contract", "afn", "reassoc"}, inline="always")
def tile_span(a, b, c, room, reach, lean, left, top):
    """First and one past the last row of a tile that the ellipse reaches within the tile's columns.

    `left` and `top` are the tile's first pixel centre from the splat's centre.
    """
    right, four, zero = left + np.float32(TILE - 1), np.float32(4), np.float32(0)
    dx = min(max(lean * reach, left), right)
    low = -b * dx - math.sqrt(max(b * b * dx * dx - four * c * (a * dx * dx + room), zero))
    dx = min(max(-lean * reach, left), right)
    high = -b * dx + math.sqrt(max(b * b * dx * dx - four * c * (a * dx * dx + room), zero))
    scale, size = np.float32(0.5) / c, np.float32(TILE)
    first = math.ceil(min(max(high * scale - top - SLACK_PX, zero), size))
    last = math.floor(max(min(low * scale - top + SLACK_PX, size - np.float32(1)), np.float32(-1)))
    return np.int32(first), np.int32(last) + np.int32(1)


def _make_forward(n_fixed: int, keeps_stops: bool):
    """The forward loop for `n_fixed` channels (0: any number), with or without what the gradient needs."""

    @njit(cache=True, parallel=True, error_model="numpy", fastmath={"nsz", "arcp", "contract", "afn", "reassoc"})
    def forward(starts, ids, splats, colors, width, height, n_columns, counter, n_workers, image, passed, stops, ends):
        n_channels = n_fixed if n_fixed > 0 else colors.shape[1]
        n_tiles = starts.shape[0] - 1
        zero, one, lowest = np.float32(0), np.float32(1), np.float32(-30)
        log2_alpha_min = -LOG2_255
        for _worker in prange(n_workers):
            pixels = np.empty((1 + n_channels) * PIXELS, np.float32)
            weights = np.empty(TILE, np.float32)
            stopped = np.empty(PIXELS, np.float32)
            while True:
                tile = next_number(counter)
                if tile >= n_tiles:
                    break
                row = tile // n_columns
                column = tile - row * n_columns
                start, end = starts[tile], starts[tile + 1]
                pixels[:PIXELS] = one
                pixels[PIXELS:] = zero
                if keeps_stops:
                    stopped[:] = np.float32(3e38)
                first_x = np.float32(column * TILE) + np.float32(0.5)
                first_y = np.float32(row * TILE) + np.float32(0.5)
                last = end
                for entry in range(start, end):
                    i = ids[entry]
                    a, b, c, log2_opacity = splats[i, 2], splats[i, 3], splats[i, 4], splats[i, 5]
                    left, top = first_x - splats[i, 0], first_y - splats[i, 1]
                    begin, finish = tile_span(a, b, c, log2_opacity + LOG2_255, splats[i, 6], splats[i, 7], left, top)
                    number = np.float32(entry - start)
                    for j in range(begin, finish):
                        dy = top + np.float32(j)
                        b_dy, c_dy = b * dy, c * dy * dy + log2_opacity
                        base = np.uint64(j) * np.uint64(TILE)
                        for q in range(TILE):
                            at = base + np.uint64(q)
                            dx = left + np.float32(q)
                            power = (a * dx + b_dy) * dx + c_dy
                            alpha = exp2_below_one(max(min(power, LOG2_ALPHA_MAX), lowest))
                            alpha = alpha if power >= log2_alpha_min else zero
                            light = pixels[at]
                            live = max(light, zero)
                            weight = alpha * live
                            after = light - weight
                            stop = after <= TRANSMITTANCE_MIN
                            weight = zero if stop else weight
                            pixels[at] = -abs(light) if stop else after
                            if keeps_stops:
                                newly = stop and live > zero
                                stopped[at] = number if newly else stopped[at]
                            if n_fixed > 0:
                                for d in range(n_fixed):
                                    pixels[at + np.uint64((d + 1) * PIXELS)] += weight * colors[i, d]
                            else:
                                weights[q] = weight
                        if n_fixed == 0:
                            for d in range(n_channels):
                                color = colors[i, d]
                                shifted = base + np.uint64(d + 1) * np.uint64(PIXELS)
                                for q in range(TILE):
                                    pixels[shifted + np.uint64(q)] += weights[q] * color
                    if (entry - start) % CHECK_EVERY == CHECK_EVERY - 1:
                        for q in range(TILE):
                            weights[q] = pixels[q]
                        for j in range(1, TILE):
                            for q in range(TILE):
                                weights[q] = max(weights[q], pixels[j * TILE + q])
                        most = weights[0]
                        for q in range(1, TILE):
                            most = max(most, weights[q])
                        if most <= zero:
                            last = entry + 1
                            break
                ends[tile] = last
                for j in range(min(TILE, height - row * TILE)):
                    y = row * TILE + j
                    for q in range(min(TILE, width - column * TILE)):
                        x = column * TILE + q
                        passed[y, x] = abs(pixels[j * TILE + q])
                        if keeps_stops:
                            stops[y, x] = stopped[j * TILE + q]
                        for d in range(n_channels):
                            image[y, x, d] = pixels[(d + 1) * PIXELS + j * TILE + q]

    return forward


def _make_backward(n_fixed: int, absolute: bool):
    """The gradient loop for `n_fixed` channels (0: any number), with or without absolute screen gradients.

    For each entry (a splat in a tile) it writes the gradients of x, y, conic xx, xy, yy, opacity, of the channels and,
    if `absolute`, the sums of absolute gradients of x and y. Derivation: Kerbl et al. 2023, appendix A; the moments by
    dx are taken once per splat, since a column's dx is the same in every row.
    """

    @njit(cache=True, parallel=True, error_model="numpy", fastmath={"nsz", "arcp", "contract", "afn", "reassoc"})
    def backward(
        starts, ends, ids, splats, colors, width, height, n_columns, counter, n_workers,
        passed, stops, v_image, v_alpha, entry_gradients,
    ):  # fmt: skip
        n_channels = n_fixed if n_fixed > 0 else colors.shape[1]
        n_tiles = starts.shape[0] - 1
        zero, one, lowest = np.float32(0), np.float32(1), np.float32(-30)
        log2_alpha_min = -LOG2_255
        # rows of a tile: transmittance, light gathered behind, where it stopped, gradient of each channel
        behind_at, stop_at, gradient_at = np.uint64(PIXELS), np.uint64(2 * PIXELS), np.uint64(3 * PIXELS)
        # rows of sums over a splat's rows: v, v dy, v dy², |x|, |y|, channels
        n_sums = 5 + n_channels
        sums_at = np.uint64((3 + n_channels) * PIXELS)
        for _worker in prange(n_workers):
            scratch = np.empty((3 + n_channels) * PIXELS + (n_sums + 2) * TILE, np.float32)
            while True:
                tile = next_number(counter)
                if tile >= n_tiles:
                    break
                row = tile // n_columns
                column = tile - row * n_columns
                start, end = starts[tile], ends[tile]
                for entry in range(end, starts[tile + 1]):
                    entry_gradients[entry, :] = zero
                if end == start:
                    continue
                scratch[:] = zero
                scratch[:PIXELS] = one
                for j in range(min(TILE, height - row * TILE)):
                    y = row * TILE + j
                    for q in range(min(TILE, width - column * TILE)):
                        x = column * TILE + q
                        at = j * TILE + q
                        scratch[at] = passed[y, x]
                        scratch[PIXELS + at] = -passed[y, x] * v_alpha[y, x]
                        scratch[2 * PIXELS + at] = stops[y, x]
                        for d in range(n_channels):
                            scratch[(3 + d) * PIXELS + at] = v_image[y, x, d]
                first_x = np.float32(column * TILE) + np.float32(0.5)
                first_y = np.float32(row * TILE) + np.float32(0.5)
                for entry in range(end - 1, start - 1, -1):
                    i = ids[entry]
                    a, b, c, log2_opacity = splats[i, 2], splats[i, 3], splats[i, 4], splats[i, 5]
                    left, top = first_x - splats[i, 0], first_y - splats[i, 1]
                    begin, finish = tile_span(a, b, c, log2_opacity + LOG2_255, splats[i, 6], splats[i, 7], left, top)
                    number = np.float32(entry - start)
                    for s in range(n_sums * TILE):
                        scratch[sums_at + np.uint64(s)] = zero
                    dot_at = sums_at + np.uint64(n_sums * TILE)
                    weight_at = dot_at + np.uint64(TILE)
                    to_x, to_y = np.float32(-2) / LOG2_E * a, -one / LOG2_E * b
                    to_yy = np.float32(-2) / LOG2_E * c
                    for j in range(begin, finish):
                        dy = top + np.float32(j)
                        b_dy, c_dy = b * dy, c * dy * dy + log2_opacity
                        base = np.uint64(j) * np.uint64(TILE)
                        if n_fixed == 0:
                            for q in range(TILE):
                                scratch[dot_at + np.uint64(q)] = zero
                            for d in range(n_channels):
                                color = colors[i, d]
                                shifted = gradient_at + np.uint64(d) * np.uint64(PIXELS) + base
                                for q in range(TILE):
                                    scratch[dot_at + np.uint64(q)] += color * scratch[shifted + np.uint64(q)]
                        for q in range(TILE):
                            at = base + np.uint64(q)
                            lane = np.uint64(q)
                            dx = left + np.float32(q)
                            power = (a * dx + b_dy) * dx + c_dy
                            alpha = exp2_below_one(max(min(power, LOG2_ALPHA_MAX), lowest))
                            shown = power >= log2_alpha_min and number < scratch[at + stop_at]
                            alpha = alpha if shown else zero
                            inverse = one / (one - alpha)
                            light = scratch[at] * inverse
                            weight = alpha * light
                            if n_fixed > 0:
                                dot = zero
                                for d in range(n_fixed):
                                    gradient = scratch[at + np.uint64((3 + d) * PIXELS)]
                                    dot += colors[i, d] * gradient
                                    scratch[sums_at + np.uint64((5 + d) * TILE) + lane] += weight * gradient
                            else:
                                dot = scratch[dot_at + lane]
                                scratch[weight_at + lane] = weight
                            behind = scratch[at + behind_at]
                            v = (dot * light - behind * inverse) * alpha
                            v = v if power < LOG2_ALPHA_MAX else zero
                            scratch[at + behind_at] = behind + weight * dot
                            scratch[at] = light
                            scratch[sums_at + lane] += v
                            scratch[sums_at + np.uint64(TILE) + lane] += v * dy
                            scratch[sums_at + np.uint64(2 * TILE) + lane] += v * dy * dy
                            if absolute:
                                scratch[sums_at + np.uint64(3 * TILE) + lane] += abs(v * (to_x * dx + to_y * dy))
                                scratch[sums_at + np.uint64(4 * TILE) + lane] += abs(v * (to_y * dx + to_yy * dy))
                        if n_fixed == 0:
                            for d in range(n_channels):
                                shifted = gradient_at + np.uint64(d) * np.uint64(PIXELS) + base
                                total_at = sums_at + np.uint64(5 + d) * np.uint64(TILE)
                                for q in range(TILE):
                                    lane = np.uint64(q)
                                    scratch[total_at + lane] += scratch[weight_at + lane] * scratch[shifted + lane]
                    s, sx, sxx, sy, sxy, syy = zero, zero, zero, zero, zero, zero
                    for q in range(TILE):
                        lane = np.uint64(q)
                        dx = left + np.float32(q)
                        v = scratch[sums_at + lane]
                        v_dy = scratch[sums_at + np.uint64(TILE) + lane]
                        s += v
                        sx += v * dx
                        sxx += v * dx * dx
                        sy += v_dy
                        sxy += v_dy * dx
                        syy += scratch[sums_at + np.uint64(2 * TILE) + lane]
                    entry_gradients[entry, 0] = to_x * sx + to_y * sy
                    entry_gradients[entry, 1] = to_y * sx + to_yy * sy
                    entry_gradients[entry, 2] = np.float32(-0.5) * sxx
                    entry_gradients[entry, 3] = -sxy
                    entry_gradients[entry, 4] = np.float32(-0.5) * syy
                    entry_gradients[entry, 5] = s
                    for d in range(n_channels):
                        total = zero
                        for q in range(TILE):
                            total += scratch[sums_at + np.uint64(5 + d) * np.uint64(TILE) + np.uint64(q)]
                        entry_gradients[entry, GEOMETRY_GRADIENTS + d] = total
                    if absolute:
                        for m in range(2):
                            total = zero
                            for q in range(TILE):
                                total += scratch[sums_at + np.uint64(3 + m) * np.uint64(TILE) + np.uint64(q)]
                            entry_gradients[entry, GEOMETRY_GRADIENTS + n_channels + m] = total

    return backward


forward_rgb = _make_forward(3, False)
forward_any = _make_forward(0, False)
forward_rgb_traced = _make_forward(3, True)
forward_any_traced = _make_forward(0, True)
backward_rgb = _make_backward(3, False)
backward_any = _make_backward(0, False)
backward_rgb_absolute = _make_backward(3, True)
backward_any_absolute = _make_backward(0, True)


@njit(cache=True, parallel=True, error_model="numpy", fastmath={"nsz", "arcp", "contract", "afn", "reassoc"})
def gather_gradients(
    order,
    n_visible,
    offsets,
    places,
    entry_gradients,
    opacities,
    v_means2d,
    v_absolute,
    v_conics,
    v_opacities,
    v_colors,
):
    """Sums the entries of each splat, always in the same order; `v_absolute` may be empty."""
    n_channels = v_colors.shape[1]
    for k in prange(n_visible):
        i = order[k]
        for place in range(offsets[k], offsets[k + 1]):
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
