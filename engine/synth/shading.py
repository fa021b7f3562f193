"""The look of skin, mouth, eyes and cloth: one sample's colour from the surface it sees, in display values.

Skin is a wrapped diffuse term, wider and softer in red (a cheap subsurface look after d'Eon and Luebke, GPU Gems 3
ch. 14), with two GGX lobes; eyes are a lit sclera and a concave iris under a glossy cornea.
"""

import numpy as np
from numba import njit

from engine.synth.light import SHADOW_REACH, SHADOW_SIDE

SKIN, WET, EYE_LEFT, EYE_RIGHT, CLOTH = range(5)
"""Kinds of face."""

TORSO = 1
"""The region of neck and clothes."""

OPAQUE = 0.012
"""What is left behind hair that counts as nothing."""

EYE_FIELDS = 20
"""Floats the shader reads per eye: centre 0:3, gaze 3:6, radius 6, iris radius 7, pupil 8, lid heights 9:11,
iris rim colour 11:14, iris inner colour 14:17, side 17, whiteness 18."""


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _hash(x, y, z):
    """A number 0 to 1 for a cell of the integer lattice (mixing after Wang, 2007)."""
    h = np.uint32(x) * np.uint32(374761393) + np.uint32(y) * np.uint32(668265263) + np.uint32(z) * np.uint32(2147483647)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
    return np.float64((h ^ (h >> np.uint32(16))) & np.uint32(0xFFFF)) * (1.0 / 65535.0)


@njit(nogil=True, fastmath=True, error_model="numpy")
def noise(x, y, z):
    """Smooth value noise, 0 to 1, one cell a unit."""
    floor_x, floor_y, floor_z = np.floor(x), np.floor(y), np.floor(z)
    fx, fy, fz = x - floor_x, y - floor_y, z - floor_z
    ix, iy, iz = np.int64(floor_x), np.int64(floor_y), np.int64(floor_z)
    fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
    a = _hash(ix, iy, iz) * (1 - fx) + _hash(ix + 1, iy, iz) * fx
    b = _hash(ix, iy + 1, iz) * (1 - fx) + _hash(ix + 1, iy + 1, iz) * fx
    c = _hash(ix, iy, iz + 1) * (1 - fx) + _hash(ix + 1, iy, iz + 1) * fx
    d = _hash(ix, iy + 1, iz + 1) * (1 - fx) + _hash(ix + 1, iy + 1, iz + 1) * fx
    return (a * (1 - fy) + b * fy) * (1 - fz) + (c * (1 - fy) + d * fy) * fz


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def smoothstep(low, high, x):
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


EXPOSURE = 0.50
TONE_TOP, TONE_STEPS = 8.0, 4096


def _tone_curve() -> np.ndarray:
    """Filmic shoulder and display gamma, tabled over the square root of light so that shadows keep their steps."""
    x = (np.linspace(0, 1, TONE_STEPS + 1) ** 2) * TONE_TOP * EXPOSURE
    return np.minimum((x * (2.2 * x + 0.05)) / (x * (2.05 * x + 0.55) + 0.14), 1.0) ** (1 / 2.2)


_TONE = _tone_curve()


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def tone(x):
    """Linear light as a display value 0 to 1."""
    at = np.sqrt(min(max(x, 0.0), TONE_TOP - 1e-3) / TONE_TOP) * TONE_STEPS
    i = int(at)
    return _TONE[i] + (_TONE[i + 1] - _TONE[i]) * (at - i)


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _reach(moments, u, v, height, softest):
    """Share of the light that passes a blurred height map at a point, by Chebyshev's inequality."""
    x, y = int(u), int(v)
    if x < 0 or y < 0 or x >= SHADOW_SIDE - 1 or y >= SHADOW_SIDE - 1:
        return 1.0
    fx, fy = u - x, v - y
    a, b = (1 - fx) * (1 - fy), fx * (1 - fy)
    c, d = (1 - fx) * fy, fx * fy
    mean = a * moments[y, x, 0] + b * moments[y, x + 1, 0] + c * moments[y + 1, x, 0] + d * moments[y + 1, x + 1, 0]
    square = a * moments[y, x, 1] + b * moments[y, x + 1, 1] + c * moments[y + 1, x, 1] + d * moments[y + 1, x + 1, 1]
    gap = mean - height
    if gap <= 0:
        return 1.0
    spread = max(square - mean * mean, softest)
    return smoothstep(0.18, 1.0, spread / (spread + gap * gap))


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def lit(shadow, hair_shadow, frame, px, py, pz, bias):
    """How much of the key light reaches a point, 0 to 1, past the solid parts and the hair (`light.moments`)."""
    half = SHADOW_SIDE / 2
    u = half + (frame[0, 0] * px + frame[0, 1] * py + frame[0, 2] * pz) * half / SHADOW_REACH - 0.5
    v = half - (frame[1, 0] * px + frame[1, 1] * py + frame[1, 2] * pz + 0.12) * half / SHADOW_REACH - 0.5
    height = frame[2, 0] * px + frame[2, 1] * py + frame[2, 2] * pz + bias
    body = _reach(shadow, u, v, height, 0.00012)
    if body <= 0.0:
        return 0.0
    return body * (0.2 + 0.8 * _reach(hair_shadow, u, v, height, 0.0004))


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _fifth(x):
    return x * x * x * x * x


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _ggx(nx, ny, nz, vx, vy, vz, lx, ly, lz, rough):
    hx, hy, hz = vx + lx, vy + ly, vz + lz
    length = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
    hx, hy, hz = hx / length, hy / length, hz / length
    nl = max(nx * lx + ny * ly + nz * lz, 0.0)
    nh = max(nx * hx + ny * hy + nz * hz, 0.0)
    nv = max(nx * vx + ny * vy + nz * vz, 0.08)
    vh = max(vx * hx + vy * hy + vz * hz, 0.0)
    a = rough * rough
    d = nh * nh * (a * a - 1) + 1
    k = (rough + 1) ** 2 / 8
    shape = 1 / ((nv * (1 - k) + k) * (nl * (1 - k) + k))
    return a * a / (3.1416 * d * d) * shape * 0.25 * nl * (0.04 + 0.96 * _fifth(1 - vh)) / 0.04


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _power(x, log_x, exponent):
    """`x ** exponent` for 0 <= x <= 1 with its logarithm at hand; most points are fully lit or not at all."""
    return x if x <= 0.0 or x >= 1.0 else np.exp(exponent * log_x)


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _surface(kind, p, n, s, v, base, param, rough, freckles, rest, light, shadow, hair_shadow, frame):
    """Skin, wet mouth parts and cloth: display colour from position, normals, view, albedo and parameters."""
    ao, gloss, warmth = param
    r, g, b = base[0], base[1], base[2]
    if kind == SKIN:
        patch = noise(rest[0] * 0.13, rest[1] * 0.13, rest[2] * 0.13) * 0.6
        patch += noise(rest[0] * 0.45, rest[1] * 0.45, rest[2] * 0.45) * 0.4 - 0.5
        pore = noise(rest[0] * 1.3, rest[1] * 1.3, rest[2] * 1.3) - 0.5
        amount = min(warmth, 1.0)
        r *= 1 + (0.05 * patch + 0.05 * pore) * amount
        g *= 1 + (-0.13 * patch + 0.07 * pore) * amount
        b *= 1 + (-0.11 * patch + 0.07 * pore) * amount
        gloss *= 1 + 0.5 * pore
        if freckles > 0.01:
            dot = noise(rest[0] * 0.62 + 9.0, rest[1] * 0.62, rest[2] * 0.62)
            dot = smoothstep(0.62, 0.78, dot) * min(freckles * 1.2, 1.0) * 0.5
            r, g, b = r * (1 - 0.28 * dot), g * (1 - 0.55 * dot), b * (1 - 0.66 * dot)
    elif kind == CLOTH:
        weave = 0.9 + 0.2 * noise(rest[0] * 0.9, rest[1] * 0.9, rest[2] * 0.9)
        r, g, b = r * weave, g * weave, b * weave
    visible = lit(shadow, hair_shadow, frame, p[0], p[1], p[2], 0.012)
    key = n[0] * light[0, 0] + n[1] * light[0, 1] + n[2] * light[0, 2]
    soft = s[0] * light[0, 0] + s[1] * light[0, 1] + s[2] * light[0, 2]
    fill = s[0] * light[1, 0] + s[1] * light[1, 1] + s[2] * light[1, 2]
    up = 0.5 + 0.5 * n[1]
    rim = max(n[0] * light[2, 0] + n[1] * light[2, 1] + n[2] * light[2, 2], 0.0)
    cool = max(n[0] * light[3, 0] + n[1] * light[3, 1] + n[2] * light[3, 2], 0.0)
    facing = max(n[0] * v[0] + n[1] * v[1] + n[2] * v[2], 0.0)
    edge = (1 - facing) * (1 - facing) * (1 - facing)
    grazing = (1 - smoothstep(-0.05, 0.3, key)) * 0.35 * warmth
    spec_key = _ggx(n[0], n[1], n[2], v[0], v[1], v[2], light[0, 0], light[0, 1], light[0, 2], rough) * visible
    spec_fill = _ggx(n[0], n[1], n[2], v[0], v[1], v[2], light[1, 0], light[1, 1], light[1, 2], rough)
    log_visible = np.log(visible) if 0.0 < visible < 1.0 else 0.0
    log_ao = np.log(ao) if 0.0 < ao < 1.0 else 0.0
    out_r, out_g, out_b = 0.0, 0.0, 0.0
    for c in range(3):
        wrap = (0.30 if c == 0 else (0.19 if c == 1 else 0.16)) * warmth + 0.02
        softness = (0.70 if c == 0 else (0.45 if c == 1 else 0.38)) * min(warmth, 1.0)
        albedo = r if c == 0 else (g if c == 1 else b)
        lambert = max((key * (1 - softness) + soft * softness + wrap) / (1 + wrap), 0.0)
        power = 1.0 - (0.45 if c == 0 else (0.12 if c == 1 else 0.0)) * min(warmth, 1.0)
        shade = visible if c == 2 else _power(visible, log_visible, power)
        shade = shade + (1 - shade) * grazing * (1.0 if c == 0 else (0.72 if c == 1 else 0.58))
        dimming = 1.0 - (0.38 if c == 0 else (0.1 if c == 1 else 0.0)) * min(warmth, 1.0)
        dim = ao if c == 2 else _power(ao, log_ao, dimming)
        value = albedo * light[4, c] * lambert * shade * (0.35 + 0.65 * ao)
        value += albedo * light[5, c] * max((fill + wrap * 1.3) / (1 + wrap * 1.3), 0.0) * (0.2 + 0.8 * ao)
        value += albedo * (light[9, c] * (1 - up) + light[8, c] * up) * 0.82 * dim
        value += albedo * light[6, c] * rim * 0.30 * ao + (albedo * 0.5 + 0.10) * light[6, c] * rim * edge * 0.5 * ao
        value += albedo * light[7, c] * cool * 0.25 * ao + (albedo * 0.4 + 0.08) * light[7, c] * cool * edge * 0.4 * ao
        value += (spec_key * light[4, c] + spec_fill * light[5, c]) * 0.028 * gloss * (0.4 + 0.6 * ao)
        value += edge * 0.05 * ao * gloss
        if c == 0:
            out_r = value
        elif c == 1:
            out_g = value
        else:
            out_b = value
    return out_r, out_g, out_b


@njit(nogil=True, fastmath=True, error_model="numpy")
def _eye(eye, p, n, v, local, light, shadow, hair_shadow, frame):
    """Eyeball: `local` is the point on the unit sphere before gaze (z through the pupil)."""
    sine = eye[7] / eye[6]
    rho = np.sqrt(local[0] ** 2 + local[1] ** 2)
    inside = 1 - smoothstep(sine * 0.95, sine * 1.06, rho)
    if local[2] < 0:
        inside = 0.0
    dx, dy = (p[0] - eye[0]) / eye[6], (p[1] - eye[1]) / eye[6]
    below = (eye[9] - eye[1]) / eye[6] - dy - 0.10 * abs(dx)
    above = dy - (eye[10] - eye[1]) / eye[6]
    shade_top = 0.34 + 0.66 * smoothstep(-0.02, 0.34, below)
    shade_low = 0.70 + 0.30 * smoothstep(-0.03, 0.14, above)
    corners = 1 - 0.5 * smoothstep(0.55, 0.92, abs(dx))
    hidden = shade_top * shade_low * corners
    seen = 0.35 + 0.65 * lit(shadow, hair_shadow, frame, p[0], p[1], p[2], 0.03)
    key = n[0] * light[0, 0] + n[1] * light[0, 1] + n[2] * light[0, 2]
    fill = n[0] * light[1, 0] + n[1] * light[1, 1] + n[2] * light[1, 2]
    # the iris is a shallow bowl: its normal leans the other way round the gaze
    along = n[0] * eye[3] + n[1] * eye[4] + n[2] * eye[5]
    bx, by, bz = 1.9 * along * eye[3] - n[0], 1.9 * along * eye[4] - n[1], 1.9 * along * eye[5] - n[2]
    bowl = max(bx * light[0, 0] + by * light[0, 1] + bz * light[0, 2], 0.0)
    ratio = rho / sine
    angle = np.arctan2(local[1], local[0])
    ca, sa = np.cos(angle), np.sin(angle)
    fibre = noise(ca * 9, sa * 9, ratio * 1.4) * 0.55 + noise(ca * 22, sa * 22, ratio * 2.2) * 0.45
    fibre = smoothstep(0.22, 0.78, fibre)
    ring = smoothstep(eye[8] * 0.95, 0.92, ratio + (fibre - 0.5) * 0.3)
    hole = smoothstep(eye[8] - 0.05, eye[8] + 0.06, ratio)
    limbus = 1 - 0.80 * smoothstep(0.76, 1.02, ratio)
    # cornea: normal of the bulge, a soft box of light mirrored in it
    k = 0.95 * inside
    cx, cy, cz = (
        n[0] * (1 + k) - eye[3] * k * along,
        n[1] * (1 + k) - eye[4] * k * along,
        n[2] * (1 + k) - eye[5] * k * along,
    )
    length = np.sqrt(cx * cx + cy * cy + cz * cz) + 1e-9
    cx, cy, cz = cx / length, cy / length, cz / length
    cv = cx * v[0] + cy * v[1] + cz * v[2]
    mx, my, mz = 2 * cv * cx - v[0], 2 * cv * cy - v[1], 2 * cv * cz - v[2]
    toward = mx * light[0, 0] + my * light[0, 1] + mz * light[0, 2]
    glint = smoothstep(0.955, 0.985, toward) * (0.3 + 0.7 * seen) * smoothstep(0.0, 0.12, below)
    toward = mx * light[1, 0] + my * light[1, 1] + mz * light[1, 2]
    glint_fill = smoothstep(0.93, 0.98, toward) * smoothstep(0.0, 0.10, below)
    fresnel = 0.04 + 0.96 * _fifth(1 - max(cv, 0.0))
    out_r, out_g, out_b = 0.0, 0.0, 0.0
    vein = smoothstep(0.45, 0.98, rho)
    for c in range(3):
        white = (0.70 if c == 0 else (0.685 if c == 1 else 0.68)) * eye[18]
        red = 0.55 if c == 0 else (0.40 if c == 1 else 0.36)
        sclera = white * (1 - 0.75 * vein) + red * 0.75 * vein
        wrap = 0.40 if c == 0 else 0.32
        ball = sclera * (light[4, c] * max((key + wrap) / (1 + wrap), 0.0) * seen * 0.60
                         + light[5, c] * max(fill * 0.6 + 0.4, 0.0) + light[8, c] * 0.75)  # fmt: skip
        color = eye[14 + c] * (1 - ring) + eye[11 + c] * ring
        color *= (0.40 + 1.15 * fibre * fibre + 0.15 * fibre) * limbus * hole
        iris = color * (light[4, c] * seen * (0.28 + 1.05 * bowl) + light[5, c] * 0.7 + light[8, c] * 0.9)
        value = (ball * (1 - inside) + iris * inside) * hidden
        value += light[4, c] * glint * (0.22 + 0.85 * inside) + light[5, c] * glint_fill * (0.05 + 0.25 * inside)
        value += fresnel * light[8, c] * 0.35 * hidden
        if c == 0:
            out_r = value
        elif c == 1:
            out_g = value
        else:
            out_b = value
    return out_r, out_g, out_b


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _between(values, a, b, c, w0, w1, w2):
    """The first three columns of three rows of `values`, weighted."""
    return (
        w0 * values[a, 0] + w1 * values[b, 0] + w2 * values[c, 0],
        w0 * values[a, 1] + w1 * values[b, 1] + w2 * values[c, 1],
        w0 * values[a, 2] + w1 * values[b, 2] + w2 * values[c, 2],
    )


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _unit(v):
    share = 1 / np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + 1e-12)
    return v[0] * share, v[1] * share, v[2] * share


@njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
def _seen_color(f, x, y, screen, faces, kinds, position, normal, soft, albedo, params, rest, eyes, light, shadow,
                hair_shadow, frame, eye_point):  # fmt: skip
    """Display colour of face `f` at the sample position x, y."""
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    x0, y0, x1, y1 = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
    x2, y2 = screen[c, 0], screen[c, 1]
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    w0 = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
    w1 = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
    w0, w1 = min(max(w0, 0.0), 1.0), min(max(w1, 0.0), 1.0)
    w2 = max(1 - w0 - w1, 0.0)
    w0, w1, w2 = w0 * screen[a, 2], w1 * screen[b, 2], w2 * screen[c, 2]
    total = w0 + w1 + w2
    w0, w1, w2 = w0 / total, w1 / total, w2 / total
    p, local = _between(position, a, b, c, w0, w1, w2), _between(rest, a, b, c, w0, w1, w2)
    n = _unit(_between(normal, a, b, c, w0, w1, w2))
    v = _unit((eye_point[0] - p[0], eye_point[1] - p[1], eye_point[2] - p[2]))
    kind = kinds[f]
    if kind in (EYE_LEFT, EYE_RIGHT):
        red, green, blue = _eye(eyes[kind - EYE_LEFT], p, n, v, local, light, shadow, hair_shadow, frame)
    else:
        s = _unit(_between(soft, a, b, c, w0, w1, w2))
        base, param = _between(albedo, a, b, c, w0, w1, w2), _between(params, a, b, c, w0, w1, w2)
        rough = w0 * params[a, 3] + w1 * params[b, 3] + w2 * params[c, 3]
        freckles = w0 * params[a, 4] + w1 * params[b, 4] + w2 * params[c, 4]
        red, green, blue = _surface(
            kind, p, n, s, v, base, param, rough, freckles, local, light, shadow, hair_shadow, frame
        )
    return tone(red), tone(green), tone(blue)


@njit(nogil=True, fastmath=True, error_model="numpy", cache=True)
def shade(color, planes, samples, ids, nearness, locks, through, deep, screen, faces, kinds, regions, fine, position,
          normal, soft, albedo, params, rest, eyes, light, shadow, hair_shadow, frame, eye_point):  # fmt: skip
    """Colours every sample that shows past the hair and averages samples, hair before them, to pixels.

    Args:
        color: display values premultiplied by alpha `[H, W, 3]`; planes: alpha, coverage by head, torso, mouth and
            hair, and the depth of the middle sample `[6, H, W]`; both are written whole.
        ids, nearness: what `visibility.rasterize` found, `[H * samples, W * samples]`.
        locks, through, deep: what `strands.draw_strands` left, as large.
        fine: faces whose look changes so fast that each sample is shaded by itself, `[F]`.
        screen, position, normal, soft, albedo, params, rest: per vertex; `params` = occlusion, gloss, warmth,
            roughness, freckles; `soft` = smoothed normals; `rest` = where the skin's pattern is anchored (mm), on the
            unit sphere for eyes.
        eyes: `[2, EYE_FIELDS]`; light: `Light.packed()`; frame: `light_frame`; eye_point: the camera, `[3]`.
    """
    height, width, _ = color.shape
    share = np.float32(1.0 / (samples * samples))
    solid = np.empty((samples, samples, 3), np.float32)
    for y in range(height):
        for x in range(width):
            py, px = y * samples, x * samples
            first = ids[py, px]
            same, covered, seen = first >= 0, False, False
            low, high = 1e9, 0.0
            for j in range(samples):
                for i in range(samples):
                    f, free = ids[py + j, px + i], through[py + j, px + i]
                    if f >= 0:
                        covered = True
                        seen = seen or free >= OPAQUE
                        near = nearness[py + j, px + i]
                        low, high = min(low, near), max(high, near)
                        if first < 0 or kinds[f] != kinds[first] or (f != first and (fine[f] or fine[first])):
                            same = False
                    else:
                        covered = covered or free < 1
                        same = False
            if not covered:
                for c in range(3):
                    color[y, x, c] = 0
                for c in range(6):
                    planes[c, y, x] = 0
                continue
            if same and ((high - low) > 0.004 * high or kinds[first] in (EYE_LEFT, EYE_RIGHT)):
                same = False
            if not seen:
                solid[:] = 0
            side = 0 if not seen else 1 if same else samples
            middle = samples * 0.5 if same else 0.5
            for j in range(side):
                for i in range(side):
                    f = ids[py + j, px + i]
                    if f >= 0:
                        solid[j, i, 0], solid[j, i, 1], solid[j, i, 2] = _seen_color(
                            f, px + i + middle, py + j + middle, screen, faces, kinds, position, normal, soft, albedo,
                            params, rest, eyes, light, shadow, hair_shadow, frame, eye_point,
                        )  # fmt: skip
            red, green, blue, alpha = 0.0, 0.0, 0.0, 0.0
            head, torso, mouth, hair = 0.0, 0.0, 0.0, 0.0
            for j in range(samples):
                for i in range(samples):
                    f, free = ids[py + j, px + i], through[py + j, px + i]
                    lock = 1 - free
                    hair += lock
                    head += lock
                    red += locks[py + j, px + i, 0]
                    green += locks[py + j, px + i, 1]
                    blue += locks[py + j, px + i, 2]
                    if f < 0:
                        alpha += lock
                        continue
                    alpha += 1
                    if regions[f] == TORSO:
                        torso += free
                    else:
                        head += free
                    if kinds[f] == WET:
                        mouth += free
                    jj, ii = (0, 0) if same else (j, i)
                    red += free * solid[jj, ii, 0]
                    green += free * solid[jj, ii, 1]
                    blue += free * solid[jj, ii, 2]
            color[y, x, 0], color[y, x, 1], color[y, x, 2] = red * share, green * share, blue * share
            planes[0, y, x], planes[1, y, x], planes[2, y, x] = alpha * share, head * share, torso * share
            planes[3, y, x], planes[4, y, x] = mouth * share, hair * share
            half = samples // 2
            near = max(nearness[py + half, px + half], deep[py + half, px + half])
            planes[5, y, x] = 1.0 / near if near > 0 else 0.0
