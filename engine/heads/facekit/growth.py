"""Hair, beard, brows and lashes of ICT-FaceKit: the house's styles grown on its skull, lashes on its lash cards."""

import numpy as np
from scipy.interpolate import CubicSpline, LinearNDInterpolator
from scipy.spatial import cKDTree

from engine.heads.base import Strands
from engine.heads.facekit.kit import FACE, LASHES, SKIN
from engine.heads.sculpt import appearance
from engine.heads.sculpt.appearance import pick
from engine.heads.sculpt.brows import brows
from engine.heads.sculpt.hair import STYLES
from engine.heads.sculpt.identity import Look
from engine.heads.sculpt.scalp import Grown, MeshScalp
from engine.heads.sculpt.short_hair import stubble

WORLD_SCALE_MM = np.array([186.0, 215.0, 203.0])
WORLD_ORIGIN = np.array([0.0, 0.02, -0.070])
"""The kit's skull is wider and deeper than the sculpt's; these lay it over the sculpt, where the styles are defined."""

EAR_HEIGHTS = (-0.25, -0.20, -0.15, -0.10, -0.05, 0.0, 0.035)
SKULL_HALF_WIDTHS = (0.292, 0.300, 0.322, 0.332, 0.341, 0.350, 0.356)
"""World heights along the ear, and how far out the neutral kit's skull reaches there; the ear stands out farther."""

LEFT_BROW = (22, 23, 24, 25, 26)
BROW_DROP_MM, BROW_SHARE, BROW_WEIGHT = 3.4, 0.86, 1.5
CARD_COLUMNS, CARD_ROWS, LASHES_A_CARD = 19, 6, 30
LASH_SHARE = {True: 0.62, False: 0.42}
"""How much of a card's length the lashes fill, upper and lower."""


def to_sculpt(points: np.ndarray) -> np.ndarray:
    """World points as the sculpt's millimetres."""
    return (points - WORLD_ORIGIN) * WORLD_SCALE_MM


def to_world(points: np.ndarray) -> np.ndarray:
    """The sculpt's millimetres as world points."""
    return points / WORLD_SCALE_MM + WORLD_ORIGIN


def on_ear(points: np.ndarray) -> np.ndarray:
    """Which vertices of the neutral kit `[V, 3]` (world) are an ear's."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    skull = np.interp(
        y, [-0.25, -0.20, -0.15, -0.10, -0.05, 0.0, 0.035], [0.292, 0.300, 0.322, 0.332, 0.341, 0.350, 0.356]
    )
    return (np.arange(len(points)) < SKIN.stop) & (x > skull) & (y > -0.27) & (y < 0.035) & (z > -0.24) & (z < -0.02)


def grow(vertices, faces, marks, uv, ear, look: Look, units_mm: float) -> tuple[Strands, ...]:
    """All bundles of a head at rest: vertices `[V, 3]` (world), faces of the skin, 68 landmarks, the kit's uv,
    which vertices are an ear's."""
    skin = vertices[SKIN]
    scalp = MeshScalp(to_sculpt(skin), faces, growing=~ear[faces].any(1))
    color = pick(appearance.HAIR_COLORS, look.hair_color)
    nearest = cKDTree(vertices[FACE])

    def bundle(name: str, grown: Grown, color: np.ndarray, to_skin: int, slack: float = 0.0) -> Strands:
        n, k, _ = grown.points.shape
        placed = to_world(grown.points.reshape(-1, 3)).reshape(n, k, 3)
        rows = weights = None
        if to_skin:
            gap, rows = nearest.query(placed, to_skin)
            weights = 1 / (gap * units_mm + 0.5) ** 2
            weights = weights / weights.sum(-1, keepdims=True)
        tinted = np.clip(color * grown.tint[..., None], 0, 1)
        return Strands(
            name, placed, grown.shell, tinted, grown.width / units_mm, grown.opacity, grown.gloss, rows, weights, slack
        )

    bundles = []
    style = STYLES[look.hair_style]
    if style is not None:
        bundles.append(bundle("hair", style(scalp, length=look.hair_length), color, to_skin=0))
    if look.stubble > 0.05:
        bundles.append(bundle("beard", stubble(scalp, look.stubble), color * 0.8, to_skin=4, slack=0.003))
    brow = color * 0.55 + appearance.BROW_SHADE * 0.30
    grown = brows(
        BROW_WEIGHT * look.brow_thickness, arc=_arc(to_sculpt(marks[list(LEFT_BROW)])), front=_front(to_sculpt(skin))
    )
    bundles.append(bundle("brows", grown, brow, to_skin=4, slack=0.0035))
    bundles.append(_lashes(vertices, uv, units_mm))
    return tuple(bundles)


def _arc(points: np.ndarray):
    """The brow's middle line through its landmarks (mm), from the inner end."""
    t = np.linspace(0, 1, len(points))
    line = CubicSpline(t, points[:, :2])

    def arc(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = line(np.clip(0.03 + BROW_SHARE * at, 0, 1)).T
        return x, y - BROW_DROP_MM

    return arc


def _front(skin: np.ndarray):
    """z of the front of the face over x and y, from the vertices that face forward."""
    near = skin[: FACE.stop]
    near = near[(near[:, 2] > 25) & (near[:, 1] > 4) & (near[:, 1] < 60)]
    surface = LinearNDInterpolator(near[:, :2], near[:, 2])

    def front(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        z = surface(x, y)
        nearest = near[cKDTree(near[:, :2]).query(np.stack([x, y], 1))[1], 2]
        return np.where(np.isfinite(z), z, nearest)

    return front


def _lashes(vertices: np.ndarray, uv: np.ndarray, units_mm: float) -> Strands:
    """Lashes along the columns of the kit's twelve cards, carried by the cards' own blendshapes."""
    rng = np.random.default_rng(7)
    size = CARD_COLUMNS * CARD_ROWS
    bound, weights, upper = [], [], []
    for card in np.arange(LASHES.start, LASHES.stop).reshape(-1, size):
        grid = card[np.lexsort((-uv[card, 1], uv[card, 0].round(2)))].reshape(CARD_COLUMNS, CARD_ROWS)
        above = vertices[grid[:, -1], 1].mean() > vertices[grid[:, 0], 1].mean()
        n = LASHES_A_CARD if above else LASHES_A_CARD // 2
        at = np.sort(rng.uniform(0.6, CARD_COLUMNS - 1.6, n))
        low, share = at.astype(int), at % 1
        down = np.linspace(0, 1, CARD_ROWS) * (CARD_ROWS - 1) * LASH_SHARE[above]
        down = down[None] * (0.75 + 0.35 * rng.random(n))[:, None]
        row, part = np.minimum(down.astype(int), CARD_ROWS - 2), np.minimum(down - down.astype(int), 1.0)
        corners = [grid[low[:, None] + i, row + j] for i in (0, 1) for j in (0, 1)]
        shares = [(1 - share if i == 0 else share)[:, None] * (1 - part if j == 0 else part)
                  for i in (0, 1) for j in (0, 1)]  # fmt: skip
        bound.append(np.stack(corners, -1))
        weights.append(np.stack(shares, -1))
        upper.append(np.full(n, above))
    bound, weights, upper = np.concatenate(bound), np.concatenate(weights), np.concatenate(upper)[:, None]
    points = np.einsum("nkj,nkjc->nkc", weights, vertices[bound])
    n, k, _ = points.shape
    s = np.linspace(0, 1, k)[None]
    width = np.where(upper, 0.42, 0.20) * np.clip(1.1 - s, 0.25, 1) / units_mm
    opacity = np.where(upper, 0.85, 0.30) * np.clip(1.2 - 0.7 * s, 0.3, 1)
    shell = np.tile(np.array([0.0, 0.2, 0.98]), (n, k, 1))
    return Strands("lashes", points, shell, np.tile(appearance.LASH, (n, k, 1)), width, opacity, np.full(n, 0.1),
                   bound, weights, slack=0.002)  # fmt: skip
