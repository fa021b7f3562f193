"""The ARKit-52 blendshapes of the house head as displacements of its template, millimetres."""

import numpy as np

from engine.heads.sculpt.curves import MOUTH_HALF_WIDTH, lip_line, mouth_parameters
from engine.heads.sculpt.fields import Fields, ramp
from engine.heads.sculpt.rings import CONTACT_RING, LIP_BORDER_RING

JAW_JOINT = np.array([0.0, -22.0, 4.0])
JAW_OPEN_DEG = 15.0
JAW_SLIDE_MM = 5.0
JAW_FORWARD_MM = 4.0

SIDES = (
    "eyeBlink", "eyeLookDown", "eyeLookUp", "eyeLookIn", "eyeLookOut", "eyeSquint", "eyeWide", "mouthSmile",
    "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown",
    "browOuterUp", "cheekSquint", "noseSneer",
)  # fmt: skip


def expressions(fields: Fields) -> dict[str, np.ndarray]:
    """ARKit name to displacements `[V, 3]`; `mouthClose` adds to `jawOpen`, `tongueOut` moves no skin."""
    whole = {
        **_jaw(fields),
        **_lips(fields),
        **_lip_rolls(fields),
        **_corners(fields),
        **_eyes(fields),
        **_brows(fields),
    }
    out = {"tongueOut": np.zeros_like(fields.vertices)}
    for name, moved in whole.items():
        if name in SIDES:
            out[name + "Left"] = moved * fields.left[:, None]
            out[name + "Right"] = moved * (1 - fields.left)[:, None]
        else:
            out[name] = moved
    return out


def _jaw(f: Fields) -> dict[str, np.ndarray]:
    angle = np.radians(JAW_OPEN_DEG)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    opened = (f.vertices - JAW_JOINT) @ turn.T + JAW_JOINT - f.vertices - [0, 0, 1.0]
    opened = opened * f.jaw[:, None] + f.push(f.bump((25, -65, 80), (13, 14, 18)), (-3.2, 0, -0.5))
    follow = f.jaw[:, None]
    return {
        "jawOpen": opened,
        "jawForward": follow * [0, 0, JAW_FORWARD_MM],
        "jawLeft": follow * [JAW_SLIDE_MM, 0, 0],
        "jawRight": follow * [-JAW_SLIDE_MM, 0, 0],
        "mouthClose": _close(f, opened),
    }


def _close(f: Fields, opened: np.ndarray) -> np.ndarray:
    """Brings the lips back together under an open jaw: both contact lines meet between where the jaw left them."""
    mouth = f.template.mouth
    upper, lower = mouth[:, :16], mouth[:, 17:][:, ::-1]
    apart = opened[lower[CONTACT_RING]] - opened[upper[CONTACT_RING]]
    values, fixed = np.zeros_like(f.vertices), np.zeros(len(f.vertices), bool)
    x, y, z = np.abs(f.vertices[:, 0]), f.vertices[:, 1], f.vertices[:, 2]
    fixed[(y > -42) | (y < -92) | (x > 45) | (z < 20)] = True
    for ring in range(LIP_BORDER_RING, len(mouth)):
        weight = 1.0 if ring <= 12 else max(0.0, 1 - (ring - 12) * 0.34)
        f.on_rings(upper[ring], 0.38 * apart * weight, values)
        f.on_rings(lower[ring], -0.62 * apart * weight, values)
        fixed[f.both(mouth[ring])] = True
        middle = f.both(mouth[ring, 16:17])
        values[middle] = 0
    free_corner = f.both(mouth[LIP_BORDER_RING:, 16])
    fixed[free_corner] = False
    return f.solve(values, fixed)


def _lips(f: Fields) -> dict[str, np.ndarray]:
    x, y = np.abs(f.vertices[:, 0]), f.vertices[:, 1]
    upper, lower = ramp(0.35, 0.75, f.upper), ramp(0.35, 0.75, 1 - f.upper)
    below = 1 - f.upper
    lips = f.bump((0, -66, 92), (20, 14, 24))
    funnel = f.push(f.bump((0, -66, 92), (21, 14, 26)), (0, 0, 5.5))
    funnel[:, 0] = -0.30 * f.vertices[:, 0] * f.bump((0, -66, 88), (30, 20, 32))
    funnel[:, 1] = lips * (upper * 4.2 - lower * 4.8) * np.clip(1 - (x / 23) ** 4, 0, 1)
    pucker = f.push(f.bump((0, -66, 92), (18, 13, 26)), (0, 0, 6.5))
    pucker[:, 0] = -0.44 * f.vertices[:, 0] * f.bump((0, -66, 88), (30, 17, 30))
    away = ramp(0, 1, np.abs(y - lip_line(np.clip(x / MOUTH_HALF_WIDTH, 0, 1))) / 6)
    pucker[:, 1] = lips * (upper * 1.2 - lower * 1.6) * away * np.clip(1 - (x / 23) ** 2, 0, 1)
    sideways = np.zeros_like(f.vertices)
    sideways[:, 0] = 6 * f.bump((0, -66, 90), (32, 18, 40))
    return {
        "mouthFunnel": funnel,
        "mouthPucker": pucker,
        "mouthLeft": sideways,
        "mouthRight": -sideways,
        "mouthUpperUp": f.push(upper * f.bump((0, -64, 92), (8, 8, 16)), (0, 1.8, 0))
        + f.push(upper * f.bump((6, -60, 92), (17, 12, 24)), (0.3, 5.0, 0.8))
        + f.push(f.bump((18, -46, 82), (10, 10, 18)), (0, 2.0, 0.8)),
        "mouthLowerDown": f.push(lower * f.bump((9, -72, 92), (15, 13, 24)), (0.3, -5.6, 0.5))
        + f.push(below * f.bump((12, -82, 86), (14, 8, 18)), (0, -1.2, 0)),
        "mouthShrugLower": f.push(below * f.bump((0, -78, 90), (22, 16, 30)), (0, 3.0, 2.0)),
        "mouthShrugUpper": f.push(f.upper * f.bump((0, -58, 92), (22, 10, 30)), (0, 2.4, 1.6)),
    }


ROLL = {4: 0.35, 5: 0.75, 6: 1.0, 7: 1.0, 8: 0.9, 9: 0.6, 10: 0.28, 11: 0.1}
"""How far each ring of the mouth turns in when the lips roll."""


def _lip_rolls(f: Fields) -> dict[str, np.ndarray]:
    mouth = f.template.mouth
    t, up = mouth_parameters()
    inward = np.clip(1 - t**4, 0, 1)[:, None]
    roll = {1: np.zeros_like(f.vertices), -1: np.zeros_like(f.vertices)}
    press = np.zeros_like(f.vertices)
    for ring, amount in ROLL.items():
        rows = mouth[ring]
        to_contact = f.vertices[mouth[CONTACT_RING], 1] - f.vertices[rows, 1]
        depth = np.full_like(t, -4.6 * amount * np.sin(min(1.0, amount) * np.pi / 2))
        rolled = np.stack([0 * t, to_contact * 0.75 * amount, depth], 1) * inward
        for side, moved in roll.items():
            f.on_rings(rows[up == side], rolled[up == side], moved)
        f.on_rings(
            rows, np.stack([0 * t, to_contact * 0.34 * amount, np.full_like(t, -1.6 * amount)], 1) * inward, press
        )
    upper, lower = ramp(0.35, 0.75, f.upper), ramp(0.35, 0.75, 1 - f.upper)
    return {
        "mouthRollUpper": roll[1] + f.push(upper * f.bump((0, -56, 90), (20, 7, 20)), (0, -1.2, -1)),
        "mouthRollLower": roll[-1] + f.push(lower * f.bump((0, -78, 90), (18, 6, 20)), (0, 2.0, -0.6)),
        "mouthPress": press + f.push(_corner(f), (1.2, 0.6, -1)),
    }


def _corner(f: Fields, size: tuple[float, float, float] = (17, 15, 26)) -> np.ndarray:
    z = f.vertices[f.template.mouth[CONTACT_RING, 16], 2]
    return f.bump((24.5, -64.5, z), size)


def _corners(f: Fields) -> dict[str, np.ndarray]:
    below = 1 - f.upper
    z = f.vertices[f.template.mouth[CONTACT_RING, 16], 2]
    smile = (
        f.push(_corner(f, (22, 15, 28)), (5.6, 4.6, -3.4))
        + f.push(_corner(f, (9, 8, 18)), (0.8, 0.6, -1.4))
        + f.push(f.bump((35, -33, 62), (15, 13, 22)), (1.2, 4.0, 3.2))
        + f.push(f.bump((30, -48, 72), (9, 12, 20)), (1.8, 2.0, 1.2))
        + f.push(f.bump((0, -62, 92), (14, 9, 20)), (0, 0.6, -1.0))
        + f.push(f.bump((33, -54, 74), (5, 13, 16)), (-0.4, 0.4, -1.5))  # the fold from the nose to the corner
        + 0.10 * f.lids(0.0, 1.0)
    )
    outwards = f.vertices - np.array([0, -50, 20])
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    return {
        "mouthSmile": smile,
        "mouthFrown": f.push(f.bump((24, -66, z), (14, 12, 24)), (1.0, -6.0, -1.0))
        + f.push(f.bump((14, -82, 84), (14, 8, 20)), (0, 1.2, 0.8)),
        "mouthStretch": f.push(_corner(f, (16, 15, 26)), (6.5, -2.0, -4.0))
        + f.push(below * f.bump((22, -76, 80), (14, 10, 22)), (2.0, -2.0, 0)),
        "mouthDimple": f.push(_corner(f, (9, 9, 20)), (3.0, 0.6, -4.0)),
        "cheekPuff": outwards * (9.5 * f.bump((41, -50, 54), (20, 20, 34)))[:, None]
        + f.push(f.bump((0, -66, 92), (24, 16, 26)), (0, 0, 1.8)),
        "noseSneer": f.push(f.bump((12, -38, 88), (9, 10, 16)), (1.2, 3.6, 0.8))
        + f.push(ramp(0.35, 0.75, f.upper) * f.bump((13, -54, 88), (11, 10, 20)), (0, 2.6, 0.6))
        + f.push(f.bump((9, 4, 84), (9, 10, 16)), (-0.8, -1.2, 0.8)),
    }


def _eyes(f: Fields) -> dict[str, np.ndarray]:
    still = np.zeros_like(f.vertices)
    return {
        "eyeBlink": f.lids(0.86, 0.14),
        "eyeWide": f.lids(-0.17, -0.05) + f.push(f.bump((32, 16, 74), (18, 7, 20)), (0, 1.0, 0)),
        "eyeSquint": f.lids(0.14, 0.27) + f.push(f.bump((34, -18, 72), (18, 11, 22)), (0.2, 2.6, 1.2)),
        "eyeLookDown": f.lids(0.40, -0.06),
        "eyeLookUp": f.lids(-0.14, 0.03),
        "eyeLookIn": still,
        "eyeLookOut": still,
        "cheekSquint": f.push(f.bump((34, -24, 68), (18, 14, 24)), (0.5, 3.6, 2.0)) + 0.5 * f.lids(0, 0.2),
    }


def _brows(f: Fields) -> dict[str, np.ndarray]:
    above = ramp(2, 16, f.vertices[:, 1]) * (f.vertices[:, 2] > 10)
    return {
        "browInnerUp": f.push(above * f.bump((10, 25, 80), (17, 17, 30)), (0.6, 6.0, 0.4))
        + f.push(f.bump((12, 46, 84), (22, 13, 30)), (0, 2, 0.5)),
        "browDown": f.push(above * f.bump((17, 20, 80), (17, 12, 30)), (-2.4, -5.2, 1.2))
        + f.push(above * f.bump((40, 22, 68), (16, 12, 30)), (-1.0, -2.6, 0.4)),
        "browOuterUp": f.push(above * f.bump((40, 26, 68), (17, 16, 30)), (0.5, 6.2, 0)),
    }
