"""Turns a laid-out half head into an even mesh on the sculpt: smoothing, edge flips, refinement at the nose."""

import numpy as np
import scipy.sparse as sp

from engine.heads.sculpt.curves import CREASE, N_EYE
from engine.heads.sculpt.rings import Hold, Label
from engine.heads.sculpt.surface import direction, distance

NOSE = np.array([6, -42, 93.0])


def neighbour_mean(faces: np.ndarray, n_vertices: int) -> sp.csr_matrix:
    """Matrix `[V, V]` that replaces each vertex by the mean of its neighbours."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    rows, columns = np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]])
    joined = sp.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n_vertices, n_vertices)).tocsr()
    joined.data[:] = 1
    return (sp.diags(1 / np.maximum(np.asarray(joined.sum(1)).ravel(), 1)) @ joined).tocsr()


def relax(vertices: np.ndarray, faces: np.ndarray, holds: np.ndarray, rounds: int) -> np.ndarray:
    """Evens out the free vertices within the surface and puts them back on the sculpt."""
    mean = neighbour_mean(faces, len(vertices))
    free, middle = holds != Hold.FIXED, holds == Hold.MIDLINE
    vertices = vertices.copy()
    for _ in range(rounds):
        step = mean @ vertices - vertices
        normal = direction(vertices)
        step -= normal * (step * normal).sum(1, keepdims=True)
        step *= np.where(free, 0.55, 0)[:, None]
        step[middle] *= [0, 0.6, 0.6]
        vertices = vertices + step
        lift = np.where(free, np.clip(distance(vertices), -4, 4) * 0.9, 0)
        vertices = vertices - lift[:, None] * direction(vertices)
        vertices[middle, 0] = 0
    return vertices


def soften(
    vertices: np.ndarray, faces: np.ndarray, holds: np.ndarray, eye: np.ndarray, mouth: np.ndarray, rounds: int = 7
):
    """Plain smoothing of the broad planes, not of nose, lips and lids."""
    mean = neighbour_mean(faces, len(vertices))
    x, y, z = vertices.T
    amount = np.where(holds != Hold.FIXED, 0.6, 0) * (1 - np.exp(-(((x / 20) ** 2 + ((y + 36) / 19) ** 2) ** 1.5)))
    amount = amount * (1 - 0.85 * np.exp(-((np.abs(y + 88) / 38) ** 3)) * np.clip((z + 5) / 20, 0, 1))
    low = np.sin(np.arange(N_EYE) / N_EYE * 2 * np.pi) < 0.1
    amount[eye[7:].ravel()] = 0.45
    amount[eye[6]] = np.where(low, 0.45, 0.15)
    for ring, value in ((3, 0.12), (4, 0.28), (CREASE, 0.38)):
        amount[eye[ring][low]] = value
    amount[mouth[:3].ravel()] = 0.4
    amount[mouth[3]] = 0.2
    middle = (holds == Hold.MIDLINE) | (np.abs(vertices[:, 0]) < 1e-6)
    for _ in range(rounds):
        step = mean @ vertices - vertices
        step[middle, 0] = 0
        vertices = vertices + amount[:, None] * step
    return vertices


def flip_edges(vertices: np.ndarray, faces: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Flips edges whose opposite angles add up to more than a half turn (Delaunay in three dimensions)."""
    faces = faces.copy()
    for _ in range(rounds):
        sides: dict[tuple[int, int], list] = {}
        for f, (a, b, c) in enumerate(faces):
            for u, v, w in ((a, b, c), (b, c, a), (c, a, b)):
                sides.setdefault((min(u, v), max(u, v)), []).append((f, w, u, v))
        touched, existing, flipped = set(), set(sides), 0
        for pair in sides.values():
            if len(pair) != 2 or pair[0][0] in touched or pair[1][0] in touched:
                continue
            (f1, w1, u, v), (f2, w2, _, _) = pair
            new_edge = (min(w1, w2), max(w1, w2))
            if w1 == w2 or new_edge in existing or not _should_flip(vertices, w1, w2, u, v):
                continue
            faces[f1], faces[f2] = (w1, u, w2), (w2, v, w1)
            touched |= {f1, f2}
            existing.add(new_edge)
            flipped += 1
        if not flipped:
            break
    return faces


def _should_flip(vertices: np.ndarray, w1: int, w2: int, u: int, v: int) -> bool:
    if _angle(vertices, w1, u, v) + _angle(vertices, w2, u, v) <= np.pi + 0.05:
        return False
    facing = np.cross(vertices[v] - vertices[u], vertices[w1] - vertices[u])
    first = np.cross(vertices[u] - vertices[w1], vertices[w2] - vertices[w1])
    second = np.cross(vertices[w2] - vertices[w1], vertices[v] - vertices[w1])
    return bool((facing @ first > 0) == (facing @ second > 0))


def _angle(vertices: np.ndarray, p: int, q: int, r: int) -> float:
    s, t = vertices[q] - vertices[p], vertices[r] - vertices[p]
    return float(np.arccos(np.clip(s @ t / (np.linalg.norm(s) * np.linalg.norm(t) + 1e-12), -1, 1)))


def detail_nose(vertices, faces, labels, holds, uv):
    """Splits the faces at the nose's tip and nostrils twice and fits them to the sculpt; returns all five, grown."""
    for centre, radius in ((NOSE, 17.0), (NOSE + [0, -3, -2], 9.5)):
        vertices, faces, labels, holds, uv = _split_near(vertices, faces, labels, holds, uv, centre, radius)
    local = np.where(np.linalg.norm(vertices - NOSE, axis=1) < 17, holds, Hold.FIXED)
    free, middle = (local != Hold.FIXED)[:, None], local == Hold.MIDLINE
    mean = neighbour_mean(faces, len(vertices))
    for _ in range(14):
        step = mean @ vertices - vertices
        normal = direction(vertices)
        step -= normal * (step * normal).sum(1, keepdims=True)
        step[middle, 0] = 0
        vertices = vertices + np.where(free, 0.4, 0) * step
        lift = np.where(free[:, 0], np.clip(distance(vertices), -1.5, 1.5) * 0.8, 0)
        vertices = vertices - lift[:, None] * direction(vertices)
        vertices[middle, 0] = 0
    faces = flip_edges(vertices, faces, 2)
    mean = neighbour_mean(faces, len(vertices))
    for _ in range(2):
        step = mean @ vertices - vertices
        step[middle, 0] = 0
        vertices = vertices + np.where(free, 0.35, 0) * step
    return vertices, faces, labels, holds, uv


def _split_near(vertices, faces, labels, holds, uv, centre, radius):
    """Conforming one-to-four split of the faces whose corners are all free and within `radius` of `centre`."""
    near = (np.linalg.norm(vertices - centre, axis=1) < radius) & (holds != Hold.FIXED)
    chosen = near[faces].all(1)
    middles: dict[tuple[int, int], int] = {}
    points, new_holds, new_uv = [], [], []
    for t in faces[chosen]:
        for a, b in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0])):
            key = (min(a, b), max(a, b))
            if key not in middles:
                middles[key] = len(vertices) + len(points)
                points.append((vertices[a] + vertices[b]) / 2)
                new_uv.append((uv[a] + uv[b]) / 2)
                on_middle = holds[a] == Hold.MIDLINE and holds[b] == Hold.MIDLINE
                new_holds.append(Hold.MIDLINE if on_middle else Hold.FREE)
    out = []
    for t in faces:
        out += _split(t, middles)
    vertices = np.concatenate([vertices, np.array(points)])
    labels = np.concatenate([labels, np.full(len(points), int(Label.SKIN))])
    holds = np.concatenate([holds, np.array(new_holds, dtype=int)])
    return vertices, np.array(out), labels, holds, np.concatenate([uv, np.array(new_uv)])


def _split(t: np.ndarray, middles: dict[tuple[int, int], int]) -> list[tuple[int, int, int]]:
    a, b, c = t
    m = [middles.get((min(p, q), max(p, q))) for p, q in ((a, b), (b, c), (c, a))]
    count = sum(v is not None for v in m)
    if count == 0:
        return [(a, b, c)]
    if count == 3:
        return [(a, m[0], m[2]), (m[0], b, m[1]), (m[2], m[1], c), (m[0], m[1], m[2])]
    while m[0] is None or (count == 2 and m[1] is None):
        a, b, c = b, c, a
        m = m[1:] + m[:1]
    if count == 1:
        return [(a, m[0], c), (m[0], b, c)]
    return [(m[0], b, m[1]), (a, m[0], m[1]), (a, m[1], c)]
