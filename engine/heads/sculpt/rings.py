"""Structured rings of vertices round an eye and round half a mouth, laid on the sculpt."""

import enum
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from engine.heads.sculpt.curves import (
    CREASE,
    EYE_WEIGHTS,
    MOUTH_HALF_WIDTH,
    N_EYE,
    N_MOUTH,
    eye_angles,
    eye_opening,
    eye_outer,
    lip_border,
    lip_line,
    mouth_parameters,
    outward,
)  # fmt: skip
from engine.heads.sculpt.surface import EYE, EYE_R, direction, front_hit


class Label(enum.IntEnum):
    """What a vertex belongs to."""

    SKIN = 0
    LIP = 1
    LID = 2
    MOUTH = 3
    LID_INNER = 4
    NECK = 5
    SCALP = 6


class Hold(enum.IntEnum):
    """How relaxing may move a vertex."""

    FREE = 0
    FIXED = 1
    MIDLINE = 2


@dataclass
class Draft:
    """A mesh being put together."""

    vertices: list = field(default_factory=list)
    faces: list = field(default_factory=list)
    labels: list = field(default_factory=list)
    holds: list = field(default_factory=list)

    def add(self, points: np.ndarray, label: Label, hold: Hold) -> np.ndarray:
        """Appends points `[N, 3]`; returns their indices."""
        start = len(self.vertices)
        self.vertices.extend(points)
        self.labels.extend([int(label)] * len(points))
        self.holds.extend([int(hold)] * len(points))
        return np.arange(start, start + len(points))

    def bridge(self, inner: np.ndarray, outer: np.ndarray, closed: bool) -> None:
        """Triangles between two rings of equal length."""
        n = len(inner)
        for i in range(n if closed else n - 1):
            j = (i + 1) % n
            self.faces += [(inner[i], outer[j], outer[i]), (inner[i], inner[j], outer[j])]


def _on_eyeball(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    depth = np.maximum(radius * radius - (x - EYE[0]) ** 2 - (y - EYE[1]) ** 2, 4.0)
    return np.stack([x, y, EYE[2] + np.sqrt(depth)], 1)


def eye_rings(draft: Draft) -> tuple[np.ndarray, np.ndarray]:
    """Lid rings `[11, N_EYE]` from the edge outwards, and the three rings `[3, N_EYE]` tucked behind the edge."""
    angle = eye_angles()
    open_x, open_y = eye_opening(angle)
    out_x, out_y = eye_outer(angle)
    fold = np.clip(np.sin(angle + 0.12) * 1.3 + 0.12, 0, 1) ** 0.8  # the crease runs past the outer corner
    dx, dy = out_x - open_x, out_y - open_y
    tucked = [
        draft.add(
            _on_eyeball(open_x + dx * 0.10, open_y + dy * 0.10, EYE_R + 0.15) - [0, 0, 1.5], Label.LID_INNER, Hold.FIXED
        ),
        draft.add(_on_eyeball(open_x, open_y, EYE_R + 0.25), Label.LID_INNER, Hold.FIXED),
        draft.add(_on_eyeball(open_x - dx * 0.008, open_y - dy * 0.008, EYE_R + 0.9), Label.LID, Hold.FIXED),
    ]
    rings = []
    for ring, weight in enumerate(EYE_WEIGHTS):
        x, y = open_x + dx * weight, open_y + dy * weight
        points = np.stack([x, y, front_hit(x, y)], 1) if ring else _on_eyeball(x, y, EYE_R + 1.35)
        normal = direction(points)
        push, drop = {
            CREASE: (-1.5, 0.0),
            CREASE + 1: (0.45, -1.0),
            CREASE + 2: (0.7, -0.6),
            CREASE + 3: (0.5, 0.0),
        }.get(ring, (0.0, 0.0))
        points = points + normal * (push * fold)[:, None] + np.array([0, drop, 0]) * fold[:, None]
        rings.append(draft.add(points, Label.LID if ring <= CREASE else Label.SKIN, Hold.FIXED))
    chain = tucked + rings
    for inner, outer in pairwise(chain):
        draft.bridge(inner[::-1], outer[::-1], closed=True)
    return np.array(rings), np.array(tucked)


SKIN_RINGS_MM = (11.0, 7.6, 4.8, 2.6, 1.1)
LIP_RINGS = (0, 0.16, 0.36, 0.58, 0.8, 1.0)
INSIDE_RINGS = (
    (-1.8, 0.25, 1.0),
    (-4.0, 1.6, 1.0),
    (-6.0, 6.0, 1.0),
    (-9, 11, 1.05),
    (-20, 13, 1.10),
    (-34, 11, 1.0),
    (-44, 5, 0.6),
)
"""Depth behind the contact line, half opening and width of the rings inside the mouth."""
LIP_BORDER_RING, CONTACT_RING = len(SKIN_RINGS_MM), len(SKIN_RINGS_MM) + len(LIP_RINGS) - 1


def mouth_rings(draft: Draft) -> np.ndarray:
    """Rings of half a mouth `[18, N_MOUTH]`: skin, the red to the contact line (ring 10), the inside."""
    t, up = mouth_parameters()
    contact_x, contact_y = MOUTH_HALF_WIDTH * t, lip_line(t)
    border_x, border_y = lip_border(t, up)
    normal = outward(border_x, border_y)
    rings = []
    for away, rounds in zip(SKIN_RINGS_MM, (10, 6, 3, 1, 0)):
        x = border_x + normal[:, 0] * away
        y = border_y + normal[:, 1] * away * np.where(up > 0, 0.62, 0.78)
        x, y = _smoothed(x, rounds), _smoothed(y, rounds)
        x[0] = x[-1] = 0
        rings.append(draft.add(np.stack([x, y, front_hit(x, y)], 1), Label.SKIN, Hold.FIXED))
    full = np.clip(1 - t**3.0, 0, 1)
    for tau in LIP_RINGS:
        x = border_x + (contact_x - border_x) * tau
        y = border_y + (contact_y - border_y) * tau
        z = front_hit(x, y) + _lip_bulge(t, up, tau, full)
        if tau == 1:  # the lower lip tucks a hair's breadth behind the upper, so that no gap shows between them
            overlap = 1 - t**12
            y, z = y - 0.12 * up * overlap, z - 0.35 * (up < 0) * overlap
        rings.append(draft.add(np.stack([x, y, z], 1), Label.LIP, Hold.FIXED))
    z_contact = np.array([draft.vertices[i][2] for i in rings[-1]])
    for depth, half_open, width in INSIDE_RINGS:
        z = z_contact + depth
        if depth <= -9:  # the sock behind the lips: flat rings, bowed back at the sides
            z = np.broadcast_to(z_contact.max() + depth - 12 * t**3 * max(0, 1 + depth / 44), z_contact.shape)
        points = np.stack([contact_x * width, lip_line(t) + up * half_open * (1 - t**4 * 0.55), z], 1)
        rings.append(draft.add(points, Label.LIP if depth > -2 else Label.MOUTH, Hold.FIXED))
    for outer, inner in pairwise(rings):
        draft.bridge(inner, outer, closed=False)
    _cap(draft, rings[-1])
    return np.array(rings)


def _smoothed(values: np.ndarray, rounds: int) -> np.ndarray:
    """Takes the kink out of a ring where it turns round the corner of the mouth."""
    out = values.copy()
    for _ in range(rounds):
        out[1:-1] = 0.5 * out[1:-1] + 0.25 * (out[:-2] + out[2:])
    return out


def _lip_bulge(t: np.ndarray, up: np.ndarray, tau: float, full: np.ndarray) -> np.ndarray:
    """How far the red of the lips stands out of the sculpt, tau 0 at the border, 1 at the contact line."""
    upper = 2.7 * np.sin(np.pi * tau**0.95 * 0.93) ** 0.9
    lower = 4.3 * np.sin(np.pi * min(tau * 0.93, 1)) ** 0.8
    tubercle = 1 + 0.16 * np.exp(-((t / 0.2) ** 2)) * (up > 0)
    rim = 0.55 * np.exp(-((tau / 0.12) ** 2)) * full * (up > 0)
    return np.where(up > 0, upper, lower) * full * tubercle - 1.6 * tau**5 - 1.6 * t**8 * tau + rim


def _cap(draft: Draft, last: np.ndarray) -> None:
    """Closes the back of the mouth: the upper half of the last ring to the lower."""
    for i in range(16):
        a, b, c, d = last[i], last[i + 1], last[N_MOUTH - 1 - i], last[N_MOUTH - 2 - i]
        draft.faces += [(a, d, b), (a, c, d)] if b != d else [(a, c, b)]


assert N_EYE % 4 == 0
