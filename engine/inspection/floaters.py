"""Finds what floats: groups of splats that hang together but touch neither head nor torso."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

LEAST_OPACITY = 0.02  # what is fainter touches nothing and is nobody's floater
LEAST_GAP = 0.022  # head heights; nearer splats hang together whatever their size
MOST_GAP = 0.06
GROUP_SHARE = 0.02  # a larger part of all splats is a part of the avatar, not a floater
MOST_GROUPS = 40


def find_floaters(means: np.ndarray, sizes: np.ndarray, opacities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Groups of floating splats, largest first.

    Two splats hang together when their centres are no farther apart than both of them reach (two standard deviations),
    at least `LEAST_GAP`.

    Args:
        means: `[N, 3]`, head heights; sizes: largest standard deviation `[N]`; opacities: `[N]`.

    Returns:
        The group of each splat, int32 `[N]`, -1 for none; and each group's distance to the rest, `[G]` head heights.
    """
    groups = np.full(len(means), -1, np.int32)
    visible = np.flatnonzero(opacities >= LEAST_OPACITY)
    if len(visible) < 2:
        return groups, np.zeros(0)
    points, reach = means[visible], np.clip(2 * sizes[visible], LEAST_GAP / 2, MOST_GAP / 2)
    tree = cKDTree(points)
    distances, near = tree.query(points, k=min(9, len(points)), distance_upper_bound=MOST_GAP)
    rows = np.repeat(np.arange(len(points)), near.shape[1])
    columns, apart = near.ravel(), distances.ravel()
    touching = np.isfinite(apart) & (columns < len(points))
    rows, columns, apart = rows[touching], columns[touching], apart[touching]
    touching = apart <= reach[rows] + reach[columns]
    ones = np.ones(touching.sum(), np.int8)
    graph = coo_matrix((ones, (rows[touching], columns[touching])), shape=(len(points),) * 2)
    _, parts = connected_components(graph, directed=False)
    counts = np.bincount(parts)
    small = np.flatnonzero(counts < max(2, GROUP_SHARE * len(points)))
    if len(small) == len(counts):
        small = np.delete(np.arange(len(counts)), counts.argmax())
    is_body = ~np.isin(parts, small)
    body_reach, body = reach[is_body], cKDTree(points[is_body])
    gaps: list[float] = []
    for part in small[np.argsort(-counts[small], kind="stable")]:
        members = np.flatnonzero(parts == part)
        apart, nearest = body.query(points[members])
        touches = apart <= reach[members] + body_reach[nearest]  # a crowd's nearest are all of its own
        if not touches.any() and len(gaps) < MOST_GROUPS:
            groups[visible[members]] = len(gaps)
            gaps.append(float(apart.min()))
    return groups, np.array(gaps)


def place_in_words(middle: np.ndarray, chin_y: float) -> str:
    """Where a group is, for a person who looks at the face: sides are the picture's.

    Args:
        middle: `[3]`, head heights.
    """
    x, y, z = middle
    side = "right" if x > 0 else "left"
    if y > 0.48:
        return "Above the hair"
    if y < chin_y - 0.15:
        return f"By the {side} shoulder" if abs(x) > 0.2 else "Below the chin"
    if z < -0.3:
        return "Behind the head"
    if abs(x) > 0.3:
        return f"{side.capitalize()} of the ear" if abs(y) < 0.25 else f"{side.capitalize()} of the head"
    return "Before the face" if z > 0.3 else f"Inside the head, {side}"
