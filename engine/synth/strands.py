"""Hair, brows and lashes as soft strand segments: lit, sorted front to back and composited over the solid picture."""

import numpy as np
from numba import njit

from engine.synth.light import FLOOR, SHADOW_REACH, SHADOW_SIDE
from engine.synth.shading import OPAQUE, smoothstep, tone


@njit(nogil=True, fastmath=True, inline="always")
def _lean(sine):
    """About the angle of a sine; exact enough where highlights sit."""
    square = sine * sine
    return sine * (1 + square * (0.1667 + square * 0.4))


@njit(nogil=True, fastmath=True, inline="always")
def _lobe(x):
    """A bell of width 1, cheaper than a Gaussian."""
    bell = 1 / (1 + 0.5 * x * x)
    return bell * bell


@njit(nogil=True, fastmath=True, cache=True)
def light_strands(points, shell, color, occlusion, gloss, light, eye_point, out):
    """Display colour of each strand point (two shifted Kajiya-Kay lobes, Marschner et al. 2003, after the root tint).

    Args:
        points: `[N, K, 3]` world; shell: normals of the hair's volume `[N, K, 3]`; color: linear `[N, K, 3]`.
        occlusion: how much key light and sky reaches the point, `[N, K, 2]`, 0 to 1; gloss: `[N]`.
        out: `[N, K, 3]`.
    """
    n_strands, n_points, _ = points.shape
    for i in range(n_strands):
        jitter = (i * 0.61803399) % 1.0 - 0.5
        for k in range(n_points):
            a, b = max(k - 1, 0), min(k + 1, n_points - 1)
            tx, ty, tz = (
                points[i, b, 0] - points[i, a, 0],
                points[i, b, 1] - points[i, a, 1],
                points[i, b, 2] - points[i, a, 2],
            )
            length = np.sqrt(tx * tx + ty * ty + tz * tz) + 1e-9
            tx, ty, tz = tx / length, ty / length, tz / length
            vx, vy, vz = eye_point[0] - points[i, k, 0], eye_point[1] - points[i, k, 1], eye_point[2] - points[i, k, 2]
            length = np.sqrt(vx * vx + vy * vy + vz * vz)
            vx, vy, vz = vx / length, vy / length, vz / length
            nx, ny, nz = shell[i, k, 0], shell[i, k, 1], shell[i, k, 2]
            seen, sky = occlusion[i, k, 0], occlusion[i, k, 1]
            tl = tx * light[0, 0] + ty * light[0, 1] + tz * light[0, 2]
            tv = tx * vx + ty * vy + tz * vz
            tf = tx * light[1, 0] + ty * light[1, 1] + tz * light[1, 2]
            nl = nx * light[0, 0] + ny * light[0, 1] + nz * light[0, 2]
            nf = nx * light[1, 0] + ny * light[1, 1] + nz * light[1, 2]
            nr = max(nx * light[2, 0] + ny * light[2, 1] + nz * light[2, 2], 0.0)
            nc = max(nx * light[3, 0] + ny * light[3, 1] + nz * light[3, 2], 0.0)
            edge = (1 - min(abs(nx * vx + ny * vy + nz * vz), 1.0)) ** 2
            front = min(max(nl * 0.65 + 0.40, 0.0), 1.0)
            diffuse = np.sqrt(max(1 - tl * tl, 0.0)) * front * (0.15 + 0.85 * seen)
            side = np.sqrt(max(1 - tf * tf, 0.0)) * min(max(nf * 0.6 + 0.4, 0.0), 1.0) * sky
            lean = _lean(tl) + _lean(tv)
            first = _lobe((lean - 0.10 + jitter * 0.25) / 0.16)
            second = _lobe((lean + 0.17 + jitter * 0.32) / 0.28)
            shine = min(max(nl * 1.2 + 0.1, 0.0), 1.0) * seen * gloss[i]
            up = 0.5 + 0.5 * ny
            for c in range(3):
                albedo = color[i, k, c]
                value = albedo * light[4, c] * diffuse * 0.85 + albedo * light[5, c] * side
                value += albedo * (light[9, c] * (1 - up) + light[8, c] * up) * sky * 0.95
                value += light[4, c] * shine * (0.045 * first + albedo * 0.60 * second)
                value += light[6, c] * (albedo * 0.7 + 0.05) * nr * (0.2 + 0.7 * edge) * sky
                value += light[7, c] * (albedo * 0.7 + 0.05) * nc * (0.15 + 0.6 * edge) * sky
                out[i, k, c] = tone(value)


PROBE = 7.0  # samples between the points at which a segment is looked for


@njit(nogil=True, fastmath=True, inline="always")
def _is_hidden(start, end, long, slack, nearness, through):
    """Whether nothing of a segment shows at points along it: most of thick hair lies behind other hair or the skull."""
    height, width = nearness.shape
    steps = 2 + int(long / PROBE)
    for k in range(steps + 1):
        t = k / steps
        x, y = int(start[0] * (1 - t) + end[0] * t), int(start[1] * (1 - t) + end[1] * t)
        if x < 0 or y < 0 or x >= width or y >= height or through[y, x] < OPAQUE:
            continue
        if (start[2] * (1 - t) + end[2] * t) * (1 + slack) >= nearness[y, x]:
            return False
    return True


@njit(nogil=True, fastmath=True, cache=True)
def draw_strands(order, ends, screen, color, width, opacity, nearness, slack, picture, through, deep):
    """Composites segments, nearest first, into `picture` (premultiplied) and `through` (what still shows behind).

    Args:
        order: segment indices, nearest first, `[S]`; ends: the two points of each segment, `[S, 2]`.
        screen: x, y in samples and 1 / depth, `[M, 3]`; color `[M, 3]` display; width in samples `[M]`;
        opacity: `[M]`; nearness: z-buffer of the solid parts `[H, W]`.
        slack: share of its depth a segment may lie behind them and still show, `[S]`.
        deep: 1 / depth of the point where the hair hides half of what is behind, 0 where it never does, `[H, W]`.
    """
    height, picture_width = nearness.shape
    for at in range(order.shape[0]):
        segment = order[at]
        a, b = ends[segment, 0], ends[segment, 1]
        x0, y0, x1, y1 = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        dx, dy = x1 - x0, y1 - y0
        square = dx * dx + dy * dy + 1e-6
        thick = max(width[a], width[b]) * 0.5
        reach = thick + 0.75
        left, right = max(0, int(min(x0, x1) - reach)), min(picture_width - 1, int(max(x0, x1) + reach))
        top, bottom = max(0, int(min(y0, y1) - reach)), min(height - 1, int(max(y0, y1) + reach))
        long = np.sqrt(square)
        if _is_hidden(screen[a], screen[b], long, slack[segment], nearness, through):
            continue
        for y in range(top, bottom + 1):
            ry = y + 0.5 - y0
            # the part of this row within the band and between the ends
            low, high = left + 0.5 - x0, right + 0.5 - x0
            if abs(dy) > 1e-3:
                m, w = ry * dx / dy, reach * long / abs(dy)
                low, high = max(low, m - w), min(high, m + w)
            elif abs(ry * dx) > reach * long:
                continue
            if abs(dx) > 1e-3:
                m, w = -ry * dy / dx, square / dx
                low, high = max(low, min(m, m + w)), min(high, max(m, m + w))
            for x in range(int(np.ceil(low + x0 - 0.5)), int(np.floor(high + x0 - 0.5)) + 1):
                free = through[y, x]
                if free < OPAQUE:
                    continue
                rx = x + 0.5 - x0
                t = (rx * dx + ry * dy) / square
                if t < 0.0 or t >= 1.0:
                    continue
                off = abs(rx * dy - ry * dx) / long
                half = (width[a] * (1 - t) + width[b] * t) * 0.5
                if off > half + 0.75:
                    continue
                near = screen[a, 2] * (1 - t) + screen[b, 2] * t
                if near * (1 + slack[segment]) < nearness[y, x]:
                    continue
                # coverage of a soft line thinner than a sample falls with its width
                cover = (1 - smoothstep(half * 0.55 - 0.5, half + 0.72, off)) * min(1.0, (half + 0.25) / 0.75)
                alpha = min(cover * (opacity[a] * (1 - t) + opacity[b] * t), 0.999)
                if alpha < 0.004:
                    continue
                gain = alpha * free
                for c in range(3):
                    picture[y, x, c] += gain * (color[a, c] * (1 - t) + color[b, c] * t)
                through[y, x] = free * (1 - alpha)
                if deep[y, x] == 0.0 and through[y, x] < 0.5:
                    deep[y, x] = near


@njit(nogil=True, fastmath=True, cache=True)
def shadow_of_strands(seen, ends, thickness):
    """Light-space heights of the strands' outer layer, as `light.shadow_map` gives for triangles."""
    out = np.full((SHADOW_SIDE, SHADOW_SIDE), FLOOR, np.float32)
    half = thickness * (SHADOW_SIDE / 2) / SHADOW_REACH
    for s in range(ends.shape[0]):
        a, b = ends[s, 0], ends[s, 1]
        steps = int(max(abs(seen[b, 0] - seen[a, 0]), abs(seen[b, 1] - seen[a, 1])) + 1)
        for k in range(steps + 1):
            t = k / steps
            x, y = seen[a, 0] * (1 - t) + seen[b, 0] * t, seen[a, 1] * (1 - t) + seen[b, 1] * t
            h = seen[a, 2] * (1 - t) + seen[b, 2] * t
            for yy in range(int(y - half), int(y + half) + 1):
                for xx in range(int(x - half), int(x + half) + 1):
                    if 0 <= xx < SHADOW_SIDE and 0 <= yy < SHADOW_SIDE and h > out[yy, xx]:
                        out[yy, xx] = h
    return out


@njit(nogil=True, fastmath=True, cache=True)
def bury(seen, outer, softness):
    """How much light reaches points below the outer layer of hair: `exp(-depth / softness)`, `[M]`."""
    out = np.ones(seen.shape[0], np.float32)
    for i in range(seen.shape[0]):
        x, y = int(seen[i, 0]), int(seen[i, 1])
        if 0 <= x < SHADOW_SIDE and 0 <= y < SHADOW_SIDE:
            out[i] = np.exp(-max(outer[y, x] - seen[i, 2] - 0.004, 0.0) / softness)
    return out
