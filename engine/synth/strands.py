"""Hair, brows and lashes as soft strand segments: sorted front to back, lit and composited over the solid picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from engine.heads.base import Strands
from engine.synth.light import FLOOR, SHADOW_REACH, SHADOW_SIDE
from engine.synth.shading import OPAQUE, smoothstep, tone


@dataclass(frozen=True)
class Bundles:
    """All bundles of a head in one row of points; what does not change from picture to picture.

    Attributes:
        ends: the two points of each segment `[S, 2]`; slack: share of its depth a segment may lie behind the solid
            parts and still show `[S]`.
        beside: the points before and after each point on its strand, itself at an end `[M, 2]`.
        color: linear `[M, 3]`; width: head heights `[M]`; opacity: `[M]`; gloss: `[M]`; jitter: of the highlights, one
            number a strand, -0.5 to 0.5 `[M]`.
    """

    ends: np.ndarray
    slack: np.ndarray
    beside: np.ndarray
    color: np.ndarray
    width: np.ndarray
    opacity: np.ndarray
    gloss: np.ndarray
    jitter: np.ndarray

    @classmethod
    def of(cls, bundles: Sequence[Strands]) -> "Bundles":
        """The bundles of a head, one after the other."""
        parts: list[tuple[np.ndarray, ...]] = [_NOTHING]
        start = 0
        for strands in bundles:
            n, k, _ = strands.points.shape
            points = np.arange(start, start + n * k, dtype=np.int32).reshape(n, k)
            before, after = (np.clip(np.arange(k) + step, 0, k - 1) for step in (-1, 1))
            parts.append((
                segments(n, k) + np.int32(start), np.full(n * (k - 1), strands.slack),
                np.stack([points[:, before], points[:, after]], -1).reshape(-1, 2), strands.color.reshape(-1, 3),
                strands.width.ravel(), strands.opacity.ravel(), np.repeat(strands.gloss, k),
                np.repeat((np.arange(n) * 0.61803399) % 1.0 - 0.5, k),
            ))  # fmt: skip
            start += n * k
        ends, slack, beside, color, width, opacity, gloss, jitter = (np.concatenate(part) for part in zip(*parts))
        return cls(ends, slack.astype(np.float32), beside, color, width, opacity.astype(np.float32), gloss, jitter)


_NOTHING = (np.empty((0, 2), np.int32), np.empty(0), np.empty((0, 2), np.int32), np.empty((0, 3)), *[np.empty(0)] * 4)


def segments(n: int, k: int) -> np.ndarray:
    """Ends `[N * (K - 1), 2]` of the segments of `n` strands of `k` points."""
    start = (np.arange(n)[:, None] * k + np.arange(k - 1)).ravel()
    return np.stack([start, start + 1], 1).astype(np.int32)


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _lean(sine):
    """About the angle of a sine; exact enough where highlights sit."""
    square = sine * sine
    return sine * (1 + square * (0.1667 + square * 0.4))


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _lobe(x):
    """A bell of width 1, cheaper than a Gaussian."""
    bell = 1 / (1 + 0.5 * x * x)
    return bell * bell


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def light_strands(shown, ends, points, shell, occlusion, beside, tint, gloss, jitter, light, eye_point):
    """Display colour `[M, 3]` of the points of segments (two shifted Kajiya-Kay lobes, Marschner et al. 2003).

    Args:
        shown: which segments are wanted; colours of other points mean nothing.
        ends, beside, gloss, jitter: see `Bundles`.
        points: `[M, 3]` world; shell: normals of the hair's volume `[M, 3]`; tint: linear colour `[M, 3]`.
        occlusion: how much key light and sky reaches the point, `[M, 2]`, 0 to 1.
        light: `Light.packed()`; eye_point: the camera `[3]`.
    """
    out, is_wanted = np.empty((len(points), 3), np.float32), np.zeros(len(points), np.bool_)
    for s in shown:
        is_wanted[ends[s, 0]] = is_wanted[ends[s, 1]] = True
    for m in range(len(points)):
        if not is_wanted[m]:
            continue
        a, b = beside[m, 0], beside[m, 1]
        tx, ty, tz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        length = np.sqrt(tx * tx + ty * ty + tz * tz) + 1e-9
        tx, ty, tz = tx / length, ty / length, tz / length
        vx, vy, vz = eye_point[0] - points[m, 0], eye_point[1] - points[m, 1], eye_point[2] - points[m, 2]
        length = np.sqrt(vx * vx + vy * vy + vz * vz)
        vx, vy, vz = vx / length, vy / length, vz / length
        nx, ny, nz = shell[m, 0], shell[m, 1], shell[m, 2]
        seen, sky = occlusion[m, 0], occlusion[m, 1]
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
        first = _lobe((lean - 0.10 + jitter[m] * 0.25) / 0.16)
        second = _lobe((lean + 0.17 + jitter[m] * 0.32) / 0.28)
        shine = min(max(nl * 1.2 + 0.1, 0.0), 1.0) * seen * gloss[m]
        up = 0.5 + 0.5 * ny
        for c in range(3):
            albedo = tint[m, c]
            value = albedo * light[4, c] * diffuse * 0.85 + albedo * light[5, c] * side
            value += albedo * (light[9, c] * (1 - up) + light[8, c] * up) * sky * 0.95
            value += light[4, c] * shine * (0.045 * first + albedo * 0.60 * second)
            value += light[6, c] * (albedo * 0.7 + 0.05) * nr * (0.2 + 0.7 * edge) * sky
            value += light[7, c] * (albedo * 0.7 + 0.05) * nc * (0.15 + 0.6 * edge) * sky
            out[m, c] = tone(value)
    return out


PROBE = 7.0  # samples between the points at which a segment is looked for
DIGIT_BITS = 11  # that one pass of the sort looks at
DIGITS = 1 << DIGIT_BITS


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _is_hidden(screen, a, b, slack, nearness, through):
    """Whether nothing of a segment shows at points along it: most of thick hair lies behind other hair or the skull."""
    height, width = nearness.shape
    x0, y0, z0, x1, y1, z1 = screen[a, 0], screen[a, 1], screen[a, 2], screen[b, 0], screen[b, 1], screen[b, 2]
    dx, dy = x1 - x0, y1 - y0
    steps = 2 + int(np.sqrt(dx * dx + dy * dy + 1e-6) / PROBE)
    for k in range(steps + 1):
        t = k / steps
        x, y = int(x0 * (1 - t) + x1 * t), int(y0 * (1 - t) + y1 * t)
        if x < 0 or y < 0 or x >= width or y >= height or through[y, x] < OPAQUE:
            continue
        if (z0 * (1 - t) + z1 * t) * (1 + slack) >= nearness[y, x]:
            return False
    return True


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def nearest_first(ends, slack, screen, nearness, through):
    """Indices of the segments that do not lie wholly behind the solid parts, nearest first, equals in their order.

    Args:
        screen, nearness, through: as for `draw_strands`, before anything is drawn.
    """
    kept, near = np.empty(len(ends), np.int32), np.empty(len(ends), np.float32)
    n = 0
    for s in range(len(ends)):
        a, b = ends[s, 0], ends[s, 1]
        if not _is_hidden(screen, a, b, slack[s], nearness, through):
            kept[n], near[n] = s, screen[a, 2] + screen[b, 2]
            n += 1
    # floats above 0 sort as their bits do: passes over digits of them, the lowest first
    kept, keys = kept[:n], near[:n].view(np.int32)
    low, high = np.int32(2**31 - 1), np.int32(0)
    for i in range(n):
        low, high = min(low, keys[i]), max(high, keys[i])
    other, other_keys = np.empty_like(kept), np.empty_like(keys)
    shift = 0
    while (high - low) >> shift > 0:
        starts = np.zeros(DIGITS + 1, np.int64)
        for i in range(n):
            starts[(((high - keys[i]) >> shift) & (DIGITS - 1)) + 1] += 1
        for i in range(DIGITS):
            starts[i + 1] += starts[i]
        for i in range(n):
            digit = ((high - keys[i]) >> shift) & (DIGITS - 1)
            other[starts[digit]], other_keys[starts[digit]] = kept[i], keys[i]
            starts[digit] += 1
        kept, other, keys, other_keys = other, kept, other_keys, keys
        shift += DIGIT_BITS
    return kept


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def draw_strands(order, ends, slack, screen, color, width, opacity, nearness, locks, through, deep):
    """Composites segments, nearest first, into `locks` and `through`.

    Args:
        order: segment indices, nearest first; ends, slack, opacity: see `Bundles`.
        screen: x, y in samples and 1 / depth, `[M, 3]`; color: display `[M, 3]`; width in samples `[M]`.
        nearness: z-buffer of the solid parts `[H, W]`.
        locks: premultiplied display colour `[H, W, 3]`; through: what still shows behind `[H, W]`.
        deep: 1 / depth of the point where the hair hides half of what is behind, 0 where it never does, `[H, W]`.
    """
    height, picture_width = nearness.shape
    for at in range(len(order)):
        segment = order[at]
        a, b = ends[segment, 0], ends[segment, 1]
        if _is_hidden(screen, a, b, slack[segment], nearness, through):
            continue
        x0, y0, x1, y1 = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        dx, dy = x1 - x0, y1 - y0
        square = dx * dx + dy * dy + 1e-6
        thick = max(width[a], width[b]) * 0.5
        reach = thick + 0.75
        left, right = max(0, int(min(x0, x1) - reach)), min(picture_width - 1, int(max(x0, x1) + reach))
        top, bottom = max(0, int(min(y0, y1) - reach)), min(height - 1, int(max(y0, y1) + reach))
        long = np.sqrt(square)
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
                    locks[y, x, c] += gain * (color[a, c] * (1 - t) + color[b, c] * t)
                through[y, x] = free * (1 - alpha)
                if free >= 0.5 and through[y, x] < 0.5:
                    deep[y, x] = near


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
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


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def bury(seen, outer, softness):
    """How much light reaches points below the outer layer of hair: `exp(-depth / softness)`, `[M]`."""
    out = np.ones(seen.shape[0], np.float32)
    for i in range(seen.shape[0]):
        x, y = int(seen[i, 0]), int(seen[i, 1])
        if 0 <= x < SHADOW_SIDE and 0 <= y < SHADOW_SIDE:
            out[i] = np.exp(-max(outer[y, x] - seen[i, 2] - 0.004, 0.0) / softness)
    return out
