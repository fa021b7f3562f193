"""The parts beside the skin, as separate grids in millimetres: ears, eyeballs, teeth and gums, tongue, clothes."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from engine.heads.sculpt.fields import ramp

CORNEA_BULGE = 0.055
EAR_TURN_DEG, EAR_TILT_DEG = 24.0, -9.0
EAR_PLACE = np.array([66.5, -13.0, 9.0])


def grid_faces(n_rows: int, n_columns: int, closed: bool) -> np.ndarray:
    """Triangles `[F, 3]` of a grid stored row by row; `closed` joins the last column to the first."""
    rows, columns = np.meshgrid(np.arange(n_rows - 1), np.arange(n_columns if closed else n_columns - 1), indexing="ij")
    a = (rows * n_columns + columns).ravel()
    b = (rows * n_columns + (columns + 1) % n_columns).ravel()
    return np.concatenate([np.stack([a, a + n_columns, b], 1), np.stack([b, a + n_columns, b + n_columns], 1)])


def sphere(n_rows: int = 30, n_columns: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere with its pole on +z, rows denser round the pole: vertices `[V, 3]`, faces `[F, 3]`."""
    polar = np.pi * np.linspace(0, 1, n_rows) ** 1.25
    around = np.arange(n_columns) / n_columns * 2 * np.pi
    a, b = np.meshgrid(polar, around, indexing="ij")
    points = np.stack([np.sin(a) * np.cos(b), np.sin(a) * np.sin(b), np.cos(a)], -1).reshape(-1, 3)
    return points, grid_faces(n_rows, n_columns, closed=True)


def eyeball(sine_of_iris: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit eyeball with the cornea's bulge: vertices, faces and the plain sphere's points the shader anchors to."""
    points, faces = sphere()
    rho = np.hypot(points[:, 0], points[:, 1])
    bulge = np.where(points[:, 2] > 0, CORNEA_BULGE * np.clip(1 - (rho / sine_of_iris) ** 2, 0, 1), 0)
    return points * (1 + bulge)[:, None], faces, points


def ear() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The left ear: vertices `[V, 3]`, faces, and occlusion per vertex."""
    n_round = 48
    around = np.arange(n_round) / n_round * 2 * np.pi
    cos, sin = np.cos(around), np.sin(around)
    knots = [0, 40, 80, 110, 150, 200, 235, 258, 285, 320, 360]
    reach = np.interp(np.degrees(around), knots, [17.5, 22, 27, 26, 17, 12.5, 17, 26, 26, 19, 17.5])
    for _ in range(4):
        reach = 0.5 * reach + 0.25 * np.roll(reach, 1) + 0.25 * np.roll(reach, -1)
    towards_face = ramp(0.1, 0.75, -cos) * ramp(-0.95, -0.2, sin)
    lobe = ramp(0.45, 0.95, -sin)
    rows, shade = [], []
    for r in np.linspace(0.015, 1, 22) ** 0.9:
        u, v = reach * r * cos, reach * r * sin
        helix = 3.6 * np.exp(-(((r - 0.92) / 0.085) ** 2)) * (1 - lobe * 0.85) * (1 - towards_face * 0.5)
        scapha = -1.9 * np.exp(-(((r - 0.76) / 0.085) ** 2)) * (1 - lobe) * (1 - towards_face)
        antihelix = 2.8 * np.exp(-(((r - 0.57) / 0.11) ** 2)) * (1 - lobe * 0.5) * (1 - towards_face)
        concha = -6.5 * np.exp(-((u + 3) ** 2 / 46 + (v + 3) ** 2 / 74))
        tragus = 3.8 * np.exp(-((u + 9.5) ** 2 / 10 + (v + 3) ** 2 / 20))
        antitragus = 2.4 * np.exp(-((u - 1) ** 2 / 14 + (v + 13.5) ** 2 / 10))
        w = helix + scapha + antihelix + concha + tragus + antitragus
        w = w + 1.6 * lobe * np.exp(-(((r - 0.6) / 0.32) ** 2)) - 2.2 * (r > 0.985)
        rows.append(np.stack([u, v, w], 1))
        depth = np.clip(-concha / 6.5, 0, 1) * 0.55 + np.clip(-scapha / 1.9, 0, 1) * 0.28
        shade.append(np.clip(1 - depth, 0.3, 1))
    for r, w in ((1.0, -3.2), (0.95, -4.8), (0.80, -6.5), (0.62, -10), (0.5, -17)):
        rows.append(np.stack([reach * r * cos, reach * r * sin, np.full(n_round, w)], 1))
        shade.append(np.full(n_round, 0.6))
    local = np.concatenate(rows)
    turn, tilt = np.radians(EAR_TURN_DEG), np.radians(EAR_TILT_DEG)
    back, out = local[:, 0] + 13, local[:, 2]
    x = out * np.cos(turn) + back * np.sin(turn)
    z = -(back * np.cos(turn) - out * np.sin(turn))
    y = local[:, 1] * np.cos(tilt) + z * np.sin(tilt)
    z = -local[:, 1] * np.sin(tilt) + z * np.cos(tilt)
    placed = np.stack([x, y, z], 1) * 0.92 + EAR_PLACE
    return placed, grid_faces(len(rows), n_round, closed=True), np.concatenate(shade)


TOOTH_WIDTHS = {"upper": (8.6, 6.9, 7.6, 6.8, 6.6, 8.0), "lower": (5.6, 6.0, 6.9, 6.8, 6.8, 8.5)}
TOOTH_HEIGHTS = (9.8, 9.3, 9.6, 9.0, 8.5, 8.0)


def teeth() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Both rows: vertices, faces, 1 where it is gum, 1 where it belongs to the lower jaw."""
    vertices, faces, gum, lower = [], [], [], []

    def add(points: np.ndarray, triangles: np.ndarray, is_gum: bool, is_lower: bool) -> None:
        start = sum(len(v) for v in vertices)
        flip = np.cross(
            points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
        )
        centre = points[triangles].mean(1)
        if (flip * (centre - np.array([0, 0, 50]) * [1, 0, 1] - centre * [0, 1, 0])).sum() < 0:
            triangles = triangles[:, ::-1]
        vertices.append(points)
        faces.append(triangles + start)
        gum.append(np.full(len(points), float(is_gum)))
        lower.append(np.full(len(points), float(is_lower)))

    for row in ("upper", "lower"):
        is_lower = row == "lower"
        radius = 24.0 if is_lower else 26.5
        z0 = 84.0 - radius * 1.12 - (2.2 if is_lower else 0)
        for side in (1, -1):
            at = 0.0
            for tooth, width in enumerate(TOOTH_WIDTHS[row]):
                points = _tooth(
                    at, width * 0.985, TOOTH_HEIGHTS[tooth] * (0.85 if is_lower else 1), tooth, radius, z0, is_lower
                )
                add(points * [side, 1, 1], grid_faces(9, 8, closed=False), False, is_lower)
                at += width
        add(_gum(radius, z0, is_lower), grid_faces(85, 7, closed=False), True, is_lower)
    return np.concatenate(vertices), np.concatenate(faces), np.concatenate(gum), np.concatenate(lower)


def _arch(length: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    angle = length / radius
    return radius * np.sin(angle) * 0.92, radius * np.cos(angle) * 1.12, angle


def _tooth(at: float, width: float, height: float, tooth: int, radius: float, z0: float, is_lower: bool) -> np.ndarray:
    across, down = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(0, 1, 8), indexing="ij")
    taper = 1 - 0.05 * (1 - down) ** 2 - 0.05 * (down > 0.9)
    x, z, angle = _arch(at + width / 2 + across * width / 2 * taper, radius)
    depth = (
        1.6 * (1 - np.abs(across) ** 4) * (1 - 0.35 * down**3) - 3.0 * (down >= 0.999) - 2.2 * (np.abs(across) >= 0.999)
    )
    tip = (0.55 if tooth == 2 else 0.12) * (1 - np.abs(across)) if tooth <= 2 else 0 * across
    rounding = 0.9 * np.abs(across) ** 5 * down**4
    if is_lower:
        y = -78.6 + height * down + tip * down - rounding
    else:
        y = -58.8 - height * down - tip * down + rounding
    return np.stack([x + np.sin(angle) * depth, y, z0 + z + np.cos(angle) * depth], -1).reshape(-1, 3)


def _gum(radius: float, z0: float, is_lower: bool) -> np.ndarray:
    along, down = np.meshgrid(np.linspace(-42, 42, 85), np.linspace(0, 1, 7), indexing="ij")
    x, z, angle = _arch(np.abs(along), radius - 1.0)
    scallop = 0.9 * np.abs(np.sin(np.pi * np.abs(along) / 7.4))
    depth = 3.1 * np.sin(np.pi * down**0.8) - 0.6
    y = -85 + 9.0 * down + scallop * down if is_lower else -51.5 - 9.0 * down - scallop * down
    return np.stack([np.sign(along) * (x + np.sin(angle) * depth), y, z0 + z + np.cos(angle) * depth], -1).reshape(
        -1, 3
    )


def tongue() -> tuple[np.ndarray, np.ndarray]:
    """A tongue lying behind the lower teeth: vertices, faces."""
    points, faces = sphere(16, 22)
    points = points * [18.0, 7.5, 26.0]
    points[:, 1] -= 2.0 * np.exp(-((points[:, 0] / 3.0) ** 2)) * (points[:, 1] > 0)
    return points + [0, -77.0, 53.0], faces


RAISED = 9.0  # how far the whole garment is lifted, mm
COLLAR = (
    (-134.0, 46.0, 44.0, -26.0), (-131.0, 50.0, 48.0, -25.5), (-131.5, 54.0, 51.5, -25.0), (-135.5, 56.5, 53.5, -25.0),
    (-143.0, 57.0, 54.0, -25.0),
)  # fmt: skip
BODY = (
    (-148.0, 59.0, 55.0, -25.5), (-156.0, 70.0, 59.5, -27.0), (-167.0, 90.0, 66.0, -28.5), (-178.0, 118.0, 74.0, -30.0),
    (-193.0, 146.0, 83.0, -31.0), (-212.0, 168.0, 91.0, -30.0), (-240.0, 185.0, 99.0, -28.0),
    (-280.0, 198.0, 106.0, -25.0), (-340.0, 206.0, 112.0, -20.0), (-420.0, 212.0, 116.0, -18.0),
)  # fmt: skip
"""Rings of the garment: height, half width, half depth, z of the middle (mm)."""


def torso(n_round: int = 88) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A knitted crew neck over shoulders and chest: vertices, faces, occlusion."""
    profile = np.array(COLLAR + BODY) + [RAISED, 0, 0, 0]
    stations = np.arange(len(profile), dtype=float)
    fine = np.unique(np.concatenate([np.linspace(i, i + 1, 4) for i in range(len(profile) - 1)]))
    y, width, depth, z = (PchipInterpolator(stations, profile[:, k])(fine) for k in range(4))
    around = np.arange(n_round) / n_round * 2 * np.pi
    cos, sin = np.cos(around), np.sin(around)
    squared = 0.92
    rows = []
    for k in range(len(fine)):
        near_collar = np.exp(-(((y[k] + 136 - RAISED) / 26) ** 2))
        dip = -9.0 * np.clip(sin, 0, 1) ** 2 * near_collar + 5.0 * (1 - np.clip(sin, 0, 1) ** 2) * near_collar
        chest = (
            7.0
            * np.exp(-(((y[k] + 250 - RAISED) / 50) ** 2))
            * np.clip(sin, 0, 1)
            * np.exp(-(((np.abs(cos) - 0.45) / 0.35) ** 2))
        )
        shoulder_round = np.abs(cos) ** squared
        rows.append(
            np.stack(
                [
                    width[k] * np.sign(cos) * shoulder_round,
                    y[k] + dip,
                    z[k] + (depth[k] + chest) * np.sign(sin) * np.abs(sin) ** squared,
                ],
                1,
            )
        )
    vertices = np.concatenate(rows)
    shade = np.ones((len(fine), n_round))
    shade[fine < 1.0] = 0.45
    shade[(fine >= 4.0) & (fine < 5.4)] = 0.62
    return vertices, grid_faces(len(fine), n_round, closed=True)[:, ::-1], shade.ravel()
