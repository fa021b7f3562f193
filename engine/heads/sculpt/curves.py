"""The outlines the topology is hung on: the eye's opening and outer ring, the lips' contact line and border (mm)."""

import numpy as np

from engine.heads.sculpt.surface import EYE

N_EYE = 48
"""Points round an eye; 0 is the outer corner, a quarter the middle of the upper lid."""
N_MOUTH = 33
"""Points of half a mouth: upper midline (0) over the corner (16) to the lower midline (32)."""
EYE_WEIGHTS = np.array([0, 0.06, 0.13, 0.21, 0.28, 0.345, 0.42, 0.53, 0.68, 0.84, 1.0])
"""Where the eye's rings lie between the opening (0) and the outer ring (1)."""
CREASE = 5
"""The ring that lies in the fold of the upper lid."""
MOUTH_HALF_WIDTH = 22.3


def eye_angles() -> np.ndarray:
    """Ring parameter in radians; 0 = outer corner, pi / 2 = top."""
    return np.arange(N_EYE) / N_EYE * 2 * np.pi


def eye_opening(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x, y of the lids' edge: an almond whose upper arc peaks nasally and lower arc temporally."""
    u, s = np.cos(angle), np.sin(angle)
    upper = u + 0.10 * (1 - u * u)
    lower = u - 0.16 * (1 - u * u)
    y = np.where(s >= 0, 6.4 * (1 - np.abs(upper) ** 2.4), -5.7 * (1 - np.abs(lower) ** 2.2))
    return EYE[0] + 16.4 * u - 0.6 * (u < 0) * u * u, EYE[1] + y + 2.2 * u


def eye_outer(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x, y of the outermost ring round the eye."""
    u, s = np.cos(angle), np.sin(angle)
    x = EYE[0] + np.where(u > 0, 23.5, 20.5) * u
    return x, EYE[1] + 1 + np.where(s > 0, 15.5, 17.0) * s + 0.8 * u


def mouth_parameters() -> tuple[np.ndarray, np.ndarray]:
    """Distance from the midline 0..1 and +1 / -1 for upper / lower lip of the half mouth's points."""
    t = np.sin(np.linspace(0, 1, 17) * np.pi / 2) ** 0.92
    return np.concatenate([t, t[:-1][::-1]]), np.concatenate([np.ones(17), -np.ones(16)])


def lip_line(t: np.ndarray | float) -> np.ndarray | float:
    """Height of the line where the lips meet, with the upper lip's little peak in the middle."""
    return -66.0 + 1.5 * t**2.2 - 0.45 * np.exp(-((t / 0.22) ** 2)) + 0.7 * np.exp(-(((t - 0.38) / 0.22) ** 2))


def lip_border(t: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x, y of the red of the lips' outer edge, with the bow of the upper lip."""
    corner = lip_line(1.0)
    bow = -1.5 * np.exp(-((t / 0.13) ** 2))
    upper = corner + 7.6 * (1 - t**1.75) * (1 - 0.12 * t) + bow
    lower = corner - 10.2 * (1 - t**2.7)
    return (MOUTH_HALF_WIDTH + 1.6) * t, np.where(up > 0, upper, lower)


def outward(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Unit normals `[N, 2]` pointing out of an open half ring that runs from its top to its bottom."""
    normal = np.stack([-np.gradient(y), np.gradient(x)], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    normal[0], normal[-1] = (0, 1), (0, -1)
    return normal
