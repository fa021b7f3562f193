"""Everything between the rings: points thrown with a wished spacing and joined by Delaunay in a flat chart."""

import numpy as np
from numba import njit
from scipy.spatial import Delaunay

from engine.heads.sculpt.rings import Draft, Hold, Label
from engine.heads.sculpt.surface import Shape, axis_hit, axis_origin_z, front_hit

BOTTOM_Y = -205.0
N_THROWN = 36_000


def spacing(points: np.ndarray) -> np.ndarray:
    """Wished edge length (mm) at points `[N, 3]`: fine at nose and mouth, coarse at the back and the shoulders."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    front = np.clip((z - 5) / 50, 0, 1)
    face = front * np.clip((40 - y) / 15, 0, 1) * np.clip((y + 118) / 15, 0, 1)
    h = 8.0 - 1.0 * front - 3.3 * face
    nose = np.exp(-((x / 17) ** 2 + ((y + 32) / 26) ** 2)) * (z > 40)
    h = h * (1 - nose) + 1.3 * nose
    mouth = np.exp(-((x / 34) ** 2 + ((y + 66) / 24) ** 2)) * (z > 40)
    h = np.where(z > 40, np.minimum(h, 4.2 * (1 - mouth) + 2.5 * mouth), h)
    return np.where(y < -125, 8.5, h)


def fill(draft: Draft, eye: np.ndarray, mouth: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Adds the rest of half a head (x >= 0) to a draft that holds the eye's outer ring and the mouth's.

    Returns:
        The rows that were joined, those rings included, and where they lie in the flat chart `[N, 2]`.
    """
    rng = np.random.default_rng(seed)
    eye_xy = np.array([draft.vertices[i] for i in eye])[:, :2]
    mouth_xy = np.array([draft.vertices[i] for i in mouth])[:, :2]
    on_seed = [np.c_[ring, front_hit(ring[:, 0], ring[:, 1], Shape.SEED)] for ring in (eye_xy, mouth_xy)]
    middle, rim = _midline(mouth_xy), _rim()
    fixed = np.concatenate([middle, rim, *on_seed])
    fixed_h = np.concatenate(
        [spacing(middle) * 0.9, spacing(rim) * 0.9, _clear(on_seed[0], 2.2), _clear(on_seed[1], 2.0)]
    )
    points = axis_hit(rng.uniform(0, np.pi, N_THROWN), rng.uniform(BOTTOM_Y, 112, N_THROWN), Shape.SEED)
    points = points[points[:, 1] > BOTTOM_Y + 1]
    holes = _inside(points, eye_xy) | _inside(
        points, np.r_[mouth_xy, [[-1e-3, mouth_xy[-1, 1]], [-1e-3, mouth_xy[0, 1]]]]
    )
    points = points[~(holes & (points[:, 2] > 30))]
    h = spacing(points)
    off_middle = points[:, 0] > h * 0.45
    points, h = points[off_middle], h[off_middle]
    points = points[_throw(points, h, np.c_[fixed, fixed_h])]
    rows = np.concatenate([
        eye, mouth, draft.add(middle, Label.SKIN, Hold.MIDLINE), draft.add(rim, Label.NECK, Hold.FIXED),
        draft.add(points, Label.SKIN, Hold.FREE),
    ])  # fmt: skip
    laid = np.array(draft.vertices)[rows]
    laid[: len(eye)], laid[len(eye) : len(eye) + len(mouth)] = on_seed
    flat = _chart(laid)
    flat[np.abs(laid[:, 0]) < 1e-6, 0] = 0
    draft.faces += [tuple(t) for t in rows[_triangles(flat, len(eye), len(mouth))]]
    return rows, flat


def _clear(ring: np.ndarray, least: float) -> np.ndarray:
    """How far the fill keeps from each point of a ring: its longer edge, so that the ring's edges stay Delaunay."""
    step = np.linalg.norm(np.diff(ring, axis=0, append=ring[:1]), axis=1)
    step = np.minimum(step, 5.0)
    return np.maximum(least, np.maximum(step, np.roll(step, 1)))


def _midline(mouth_xy: np.ndarray) -> np.ndarray:
    """Points down the middle of the front (leaving out the mouth) and the back."""
    levels = np.linspace(BOTTOM_Y, 111, 900)
    front = axis_hit(np.zeros(900), levels, Shape.SEED)
    front = front[front[:, 1] < 112]
    above = _thinned(front[front[:, 1] > mouth_xy[0, 1] + 1.5])
    below = _thinned(front[front[:, 1] < mouth_xy[-1, 1] - 1.5][::-1])[::-1]
    middle = np.concatenate([above, below, _thinned(axis_hit(np.full(900, np.pi), levels, Shape.SEED))])
    middle[:, 0] = 0
    return middle


def _rim() -> np.ndarray:
    azimuth = np.linspace(0, np.pi, 56)[1:-1]
    return axis_hit(azimuth, np.full(len(azimuth), BOTTOM_Y), Shape.SEED)


def _thinned(curve: np.ndarray) -> np.ndarray:
    kept = [curve[0]]
    for point in curve[1:]:
        if np.linalg.norm(point - kept[-1]) > spacing(point[None])[0]:
            kept.append(point)
    return np.array(kept)


@njit(cache=True)
def _throw(points, h, fixed):
    """Dart throwing: keeps the points that are not nearer than their spacing to what is already there."""
    n, m = len(points), len(fixed)
    keep = np.zeros(n, np.bool_)
    taken, taken_h = np.empty((n + m, 3)), np.empty(n + m)
    taken[:m], taken_h[:m] = fixed[:, :3], fixed[:, 3]
    count = m
    for i in range(n):
        free = True
        for j in range(count):
            least = 0.5 * (h[i] + taken_h[j]) if j >= m else taken_h[j]
            gap = (
                (points[i, 0] - taken[j, 0]) ** 2
                + (points[i, 1] - taken[j, 1]) ** 2
                + (points[i, 2] - taken[j, 2]) ** 2
            )
            if gap < least * least:
                free = False
                break
        if free:
            keep[i] = True
            taken[count], taken_h[count] = points[i], h[i]
            count += 1
    return keep


def _chart(points: np.ndarray) -> np.ndarray:
    """A nearly conformal flat picture `[N, 2]` of half a head: the crown in the middle, the shoulders outside."""
    y = points[:, 1]
    azimuth = np.arctan2(points[:, 0], points[:, 2] - np.where(y < 20, axis_origin_z(y), 10))
    polar = np.arctan2(np.hypot(points[:, 0], points[:, 2] - 10), y - 20)
    rho = np.where(y < 20, np.exp((20 - y) / 70), np.tan(np.minimum(polar, np.pi / 2) / 2))
    return np.stack([rho * np.sin(azimuth), rho * np.cos(azimuth)], 1)


def _triangles(flat: np.ndarray, n_eye: int, n_mouth: int) -> np.ndarray:
    triangles = Delaunay(flat).simplices
    eye_hole = (triangles < n_eye).all(1)
    mouth_hole = ((triangles >= n_eye) & (triangles < n_eye + n_mouth)).all(1)
    a, b, c = flat[triangles[:, 0]], flat[triangles[:, 1]], flat[triangles[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    kept = ~eye_hole & ~mouth_hole & (np.abs(area) > 1e-9)
    triangles = np.where((area > 0)[:, None], triangles[:, [0, 2, 1]], triangles)
    return triangles[kept]


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points `[N, 2 or more]` lie inside a polygon `[M, 2]` by their first two coordinates (even-odd rule)."""
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0)):
        span = (y2 - y1) if y2 != y1 else 1e-9
        inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / span + x1)
    return inside
