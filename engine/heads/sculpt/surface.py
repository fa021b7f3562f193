"""The sculpt: a head as a signed distance field of smoothly blended primitives, millimetres.

x to the person's left, y up with 0 at the pupils, z forward with 0 at the ear canals. Primitives and smooth minima
after Quilez (iquilezles.org/articles/distfunctions, /smin).
"""

import enum

import numpy as np
from numba import njit, prange

EYE = np.array([31.8, 0.0, 60.5])
"""Centre of the left eyeball."""
EYE_R = 18.0


class Shape(enum.IntEnum):
    """Which sculpt to evaluate."""

    FULL = 0
    SEED = 1  # no features, a monotone profile from chin to neck: the topology is laid out on it
    HAIR = 2  # what hair must not enter: with ears, without lips and lids


_FULL, _SEED, _HAIR = 0, 1, 2


@njit(fastmath=True, inline="always")
def _join(a, b, k):
    """Smooth minimum over a blend width k."""
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * h * k / 6.0


@njit(fastmath=True, inline="always")
def _carve(a, b, k):
    """Smooth difference: a without b."""
    return -_join(-a, b, k)


@njit(fastmath=True, inline="always")
def _ellipsoid(x, y, z, cx, cy, cz, rx, ry, rz):
    x, y, z = x - cx, y - cy, z - cz
    k0 = np.sqrt((x / rx) ** 2 + (y / ry) ** 2 + (z / rz) ** 2)
    k1 = np.sqrt((x / rx / rx) ** 2 + (y / ry / ry) ** 2 + (z / rz / rz) ** 2) + 1e-9
    return k0 * (k0 - 1.0) / k1


@njit(fastmath=True, inline="always")
def _ball(x, y, z, cx, cy, cz, r):
    return np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) - r


@njit(fastmath=True, inline="always")
def _bone(x, y, z, ax, ay, az, bx, by, bz, ra, rb):
    """Capsule from a to b whose radius goes from ra to rb."""
    px, py, pz = x - ax, y - ay, z - az
    dx, dy, dz = bx - ax, by - ay, bz - az
    h = min(max((px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz), 0.0), 1.0)
    return np.sqrt((px - dx * h) ** 2 + (py - dy * h) ** 2 + (pz - dz * h) ** 2) - (ra + (rb - ra) * h)


@njit(fastmath=True)
def _skull(x, y, z):
    """Cranium, cheekbones, cheeks, jaw and chin."""
    d = _ellipsoid(x, y, z, 0, 30, -12, 69.5, 77, 86)
    d = _join(d, _ellipsoid(x, y, z, 0, 40, 26, 59, 50, 57), 26)  # forehead
    d = _join(d, _ellipsoid(x, y, z, 26, 36, 46, 22, 24, 36), 24)  # frontal eminence
    d = _join(d, _ellipsoid(x, y, z, 0, -28, 26, 57, 66, 55), 24)
    d = _join(d, _ball(x, y, z, 43, -17, 46, 19.0), 26)  # cheekbone
    d = _join(d, _bone(x, y, z, 49, 8, 52, 55, -12, 26, 9, 11), 22)  # outer orbit and arch
    d = _join(d, _ball(x, y, z, 28, -33, 59, 19.5), 26)  # apple of the cheek
    d = _join(d, _ball(x, y, z, 26, -47, 44, 20.5), 26)
    d = _join(d, _ellipsoid(x, y, z, 0, -64, 62, 27.5, 28, 30), 24)  # muzzle
    d = _join(d, _ellipsoid(x, y, z, 0, -91, 74, 15.0, 11.5, 12.5), 22)  # chin
    d = _join(d, _bone(x, y, z, 10, -89, 68, 25, -79, 48, 11.0, 10.5), 28)  # jaw
    d = _join(d, _bone(x, y, z, 25, -79, 48, 40, -58, 13, 10.5, 9.5), 28)
    return _join(d, _bone(x, y, z, 40, -58, 13, 51, -18, 2, 9.5, 12.5), 26)


@njit(fastmath=True)
def _trunk(x, y, z, plain):
    """Neck, shoulders and chest."""
    d = _bone(x, y, z, 0, -40, -22, 0, -150, -33, 42, 39.5)
    d = _join(d, _bone(x, y, z, 0, -170, -30, 0, -215, -30, 44, 64), 30)
    d = _join(d, _bone(x, y, z, 16, -136, -50, 112, -196, -40, 20, 28), 34)  # trapezius
    d = _join(d, _bone(x, y, z, 118, -205, -30, 150, -250, -28, 42, 44), 30)
    d = _join(d, _ellipsoid(x, y, z, 0, -262, -14, 130, 72, 58), 40)
    if not plain:
        d = _join(d, _bone(x, y, z, 46, -62, -12, 10, -180, 12, 8, 7), 16)  # sternomastoid
        d = _join(d, _bone(x, y, z, 12, -187, 24, 110, -182, -8, 4, 5), 18)  # collarbone
        d = _carve(d, _ball(x, y, z, 0, -184, 34, 9), 14)
    return d


@njit(fastmath=True)
def _nose(x, y, z):
    d = _bone(x, y, z, 0, 8, 78.5, 0, -29, 92.0, 4.4, 5.6)
    d = _join(d, _bone(x, y, z, 0, 4, 71, 0, -40, 84, 7.5, 10), 10)
    d = _join(d, _ellipsoid(x, y, z, 0, -35.0, 94.5, 9.0, 7.6, 9.0), 9)  # tip
    d = _join(d, _ellipsoid(x, y, z, 9.6, -39.0, 87, 6.2, 6.3, 9.0), 6)  # wings
    d = _join(d, _bone(x, y, z, 0, -41.5, 95.5, 0, -45.0, 86, 3.4, 4.5), 4)  # columella
    return _join(d, _bone(x, y, z, 6.5, -6, 74, 12.5, -38, 79, 5.2, 8), 14)


@njit(fastmath=True)
def _distance(x, y, z, shape):
    x = np.sqrt(x * x + 0.25)  # symmetric, and smooth at the midline
    d = _join(_skull(x, y, z), _trunk(x, y, z, shape == _SEED), 15)
    if shape == _SEED:
        d = _join(d, _bone(x, y, z, 0, -96, 46, 0, -180, -6, 30, 40), 40)
        return _join(d, _bone(x, y, z, 0, 5, 72, 0, -42, 88, 9, 13), 16) - 1.0
    if shape == _HAIR:
        d = _join(d, _bone(x, y, z, 0, 0, 84, 0, -42, 100, 8, 10), 12)
        d = _join(d, _ellipsoid(x, y, z, 68, -14, -8, 13, 40, 28), 26)
        return _join(d, _ball(x, y, z, EYE[0], EYE[1], EYE[2], EYE_R + 2), 8)
    d = _carve(d, _ellipsoid(x, y, z, 32.5, 3.0, 90, 20, 12, 15), 20)  # eye socket
    d = _carve(d, _ellipsoid(x, y, z, 86, 22, 38, 18, 26, 26), 26)  # temple
    d = _join(d, _bone(x, y, z, 10, 20.0, 76, 44, 21, 66, 5.5, 5.0), 24)  # brow
    d = _join(d, _nose(x, y, z), 9)
    d = _carve(d, _ellipsoid(x, y, z, 5.5, -45.4, 90.4, 3.2, 4.6, 5.6), 3.0)  # nostril
    d = _carve(d, _ball(x, y, z, 18.4, -37.0, 89.5, 4.4), 6)  # groove beside the wing
    d = _carve(d, _bone(x, y, z, 0, -50, 97.0, 0, -57, 99.5, 2.0, 2.4), 6)  # philtrum
    d = _carve(d, _ellipsoid(x, y, z, 0, -82.0, 101, 17, 4.0, 10), 13)  # fold under the lower lip
    return _join(d, _ball(x, y, z, EYE[0], EYE[1], EYE[2], EYE_R + 1.5), 6.5)  # lids


@njit(parallel=True, fastmath=True, cache=True)
def _distances(points, shape):
    out = np.empty(len(points))
    for i in prange(len(points)):
        out[i] = _distance(points[i, 0], points[i, 1], points[i, 2], shape)
    return out


def distance(points: np.ndarray, shape: Shape = Shape.FULL) -> np.ndarray:
    """Signed distance (mm, negative inside) of points `[N, 3]`."""
    return _distances(np.ascontiguousarray(points, np.float64), int(shape))


def direction(points: np.ndarray, shape: Shape = Shape.FULL, step: float = 0.15) -> np.ndarray:
    """Unit gradient of the field `[N, 3]`: the outward normal on the surface."""
    out = np.empty_like(points, dtype=np.float64)
    for axis in range(3):
        nudge = np.zeros(3)
        nudge[axis] = step
        out[:, axis] = distance(points + nudge, shape) - distance(points - nudge, shape)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


def front_hit(x: np.ndarray, y: np.ndarray, shape: Shape = Shape.FULL) -> np.ndarray:
    """z where a ray from the front, along -z, meets the surface, `[N]`."""
    z = np.full(len(x), 140.0)
    for _ in range(90):
        z = np.maximum(z - distance(np.stack([x, y, z], 1), shape) * 0.7, 0.0)
    return z


def axis_origin_z(y: np.ndarray) -> np.ndarray:
    """z of the head's vertical axis at height y: it leans back below the chin."""
    return 10.0 - np.clip((-110 - y) / 40, 0, 1) * 30


def axis_hit(azimuth: np.ndarray, y: np.ndarray, shape: Shape) -> np.ndarray:
    """Outer surface points `[N, 3]` seen from the head's axis; above y = 20 rays fan out from the crown's centre."""
    low = y < 20
    origin = np.zeros((len(azimuth), 3))
    origin[:, 1] = np.where(low, y, 20)
    origin[:, 2] = np.where(low, axis_origin_z(y), 10)
    polar = np.where(low, np.pi / 2, np.pi / 2 - (y - 20) / 92.0 * np.pi / 2)
    ray = np.stack([np.sin(azimuth) * np.sin(polar), np.cos(polar), np.cos(azimuth) * np.sin(polar)], 1)
    t = np.full(len(azimuth), 260.0)
    for _ in range(80):
        t -= np.maximum(distance(origin + ray * t[:, None], shape), -2) * 0.7
    return origin + ray * t[:, None]
