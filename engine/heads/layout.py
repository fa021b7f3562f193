"""A UV layout for Gaussians on a head: every piece of the mesh in a place of its own, the face with the most texels.

Head models come with layouts made for painting: ICT-FaceKit's teeth, eyes and clothes lie over its skin, the house
head's face is small. Here the largest piece is warped row by row and column by column so that texels go where they are
wanted, and all other pieces are packed beside it.
"""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from engine.heads.base import HeadModel, Kind

BESIDE = 0.2  # of the square's width, for all pieces but the largest
GAP = 0.006  # between pieces
EVENNESS = 0.25  # how much of the warp leaves texels where they were
N_BINS = 64
LEAST_SHARE = 2e-4  # of the side strip that a piece gets at least
CLOTH = 0.2
WANTED = {Kind.SKIN: 1.0, Kind.WET: 1.0, Kind.EYE_LEFT: 2.5, Kind.EYE_RIGHT: 2.5}
FACE, LIPS_AND_EYES, BACK = 3.0, 2.0, 0.5
"""How many texels a square millimetre gets by what it is, against plain skin (clothes: an argument); of skin the front
of the face more, round lips and eyes more still, what lies behind less."""


def rig_layout(head: HeadModel, beside: float = BESIDE, cloth: float = CLOTH) -> np.ndarray:
    """UV coordinates `[V, 2]` of a head, 0 to 1, in which no piece of its mesh lies over another.

    Args:
        beside: share of the square's width that all pieces but the largest, the skin, have to themselves.
        cloth: texels of a square millimetre of clothes, against plain skin.
    """
    main_width = 1 - beside
    piece_of = _pieces(len(head.vertices), head.faces)
    corners = head.vertices[head.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    of_kind = np.array([WANTED.get(Kind(k), cloth) for k in head.kinds])
    weight = area * of_kind * _closeness(corners.mean(axis=1), head.kinds)
    of_face = piece_of[head.faces[:, 0]]
    wanted = np.bincount(of_face, weight, minlength=piece_of.max() + 1)
    skin = np.bincount(of_face, weight * (head.kinds == int(Kind.SKIN)), minlength=len(wanted))
    main = int(np.argmax(skin))
    uv = np.zeros((len(head.vertices), 2))
    own = np.asarray(head.uv, np.float64)
    rows = piece_of == main
    uv[rows] = _warped(_within(own[rows]), own, head.faces[of_face == main], weight[of_face == main], rows)
    uv[rows] *= [main_width, 1.0]
    others = [k for k in np.argsort(-wanted) if k != main and wanted[k] > 0]
    shares = np.maximum([wanted[k] for k in others], LEAST_SHARE * max(sum(wanted[k] for k in others), 1e-12))
    boxes = [_spread(own[piece_of == k], head.vertices[piece_of == k]) for k in others]
    strip = np.array([beside - GAP, 1.0])
    for k, box, (corner, size) in zip(others, boxes, _packed(shares, strip), strict=True):
        uv[piece_of == k] = box * size + corner + [main_width + GAP, 0.0]
    return uv.astype(np.float32)


def _pieces(n: int, faces: np.ndarray) -> np.ndarray:
    """The connected piece of the mesh each vertex is of, `[V]`."""
    a, b = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]]).T
    return connected_components(coo_matrix((np.ones(len(a)), (a, b)), (n, n)), directed=False)[1]


def _closeness(middles: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """How closely a viewer looks at places of the head, `[F]`."""
    x, y, z = middles.T
    front = (z > 0.1) & (np.abs(y) < 0.5)
    near_lips = (np.hypot(x / 1.4, y + 0.2) < 0.12) & (z > 0.2)
    near_eyes = (np.hypot((np.abs(x) - 0.14) / 1.3, y - 0.03) < 0.09) & (z > 0.15)
    out = np.where(front, FACE, np.where(z < -0.05, BACK, 1.0))
    out = np.where(near_lips | near_eyes, FACE * LIPS_AND_EYES, out)
    return np.where(kinds == int(Kind.SKIN), out, 1.0)


def _warped(
    flat: np.ndarray, own: np.ndarray, faces: np.ndarray, weight: np.ndarray, rows: np.ndarray
) -> np.ndarray:  # fmt: skip
    """The largest piece's places `[M, 2]`, rows and columns moved so that each holds what is wanted there."""
    middles = own[faces].mean(axis=1)
    low, high = own[rows].min(axis=0), own[rows].max(axis=0)
    middles = (middles - low) / np.maximum(high - low, 1e-9)
    out = flat.copy()
    edges = np.linspace(0, 1, N_BINS + 1)
    for axis in (0, 1):
        held = np.histogram(middles[:, axis], edges, weights=weight)[0]
        density = (1 - EVENNESS) * held / max(held.sum(), 1e-12) + EVENNESS / N_BINS
        out[:, axis] = np.interp(flat[:, axis], edges, np.concatenate([[0], np.cumsum(density)]))
    return out


def _spread(flat: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A piece's own layout filling the unit square; one that has none is laid flat by its two longest axes."""
    if (np.ptp(flat, axis=0) > 1e-6).all():
        return _within(flat)
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return _within(centred @ axes[:2].T)


def _within(flat: np.ndarray) -> np.ndarray:
    low = flat.min(axis=0)
    return (flat - low) / np.maximum(np.ptp(flat, axis=0), 1e-9)


def _packed(shares: np.ndarray, strip: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Corners and sizes of squares with areas in proportion to `shares`, in shelves within a strip, as large as fit."""
    if not len(shares):
        return []
    sides = np.sqrt(shares / shares.sum() * strip.prod())
    low, high = 0.0, 1.0
    best = _shelves(sides * 1e-3, strip)
    for _ in range(24):
        middle = (low + high) / 2
        found = _shelves(sides * middle, strip)
        if found is None:
            high = middle
        else:
            low, best = middle, found
    if best is None:
        raise ValueError(f"{len(shares)} pieces do not fit beside the skin")
    return best


def _shelves(sides: np.ndarray, strip: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Squares, the largest first, laid in rows; None where they do not fit."""
    x = y = shelf = 0.0
    placed = []
    for side in sides:
        if x + side > strip[0] and x > 0:
            x, y, shelf = 0.0, y + shelf + GAP, 0.0
        if side > strip[0] or y + side > strip[1]:
            return None
        placed.append((np.array([x, y]), np.array([side, side])))
        x, shelf = x + side + GAP, max(shelf, side)
    return placed
