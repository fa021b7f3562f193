"""Fits a linear landmark model to a clip: identity, expressions, poses, focal length and a static remainder.

Gauss-Newton, alternating between what changes from frame to frame (pose and expression, solved together) and what does
not (identity and focal length with the poses eliminated, then what is left of each landmark), as trackers of morphable
models do it (Thies et al. 2016, sec. 4; VHAP's static offsets). A head has mass: pose and expression are drawn to the
middle of their neighbours in time. Coefficients keep to their limits by an active set.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

CHUNK = 64
"""Frames solved at a time; bounds the memory of the Jacobians."""
PINNED = 1e7
N_PINS = 4
REPEATS = 0.5
"""How much a frame's landmarks repeat those of the frames before it: expectations weigh this much a frame."""
LANDMARK_PX = 1.0
"""Expected error of a landmark at 512 pixels."""


@dataclass(frozen=True)
class Landmarks:
    """A head as its landmarks see it, world units.

    Attributes:
        rest: `[L, 3]`; identity `[I, L, 3]` and expression `[E, L, 3]`: how they move for each unit.
        low, high: limits of the expression `[E]`; identity_sigma `[I]`.
    """

    rest: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    low: np.ndarray
    high: np.ndarray
    identity_sigma: np.ndarray


@dataclass(frozen=True)
class Observed:
    """What the tracker saw: landmarks in pixels `[T, L, 2]`, trust in each `[L]` and each frame `[T]`, the picture's
    middle in pixels and its side; expressions it suggests `[T, E]`."""

    pixels: np.ndarray
    trust: np.ndarray
    frames: np.ndarray
    middle: np.ndarray
    side: float
    suggested: np.ndarray


@dataclass(frozen=True)
class Priors:
    """How far things are expected to stray: expressions from what is suggested and from their neighbours' middle, poses
    from theirs (radians, head heights), landmarks from the model (head heights), the focal length's logarithm."""

    suggestion: float = 0.35
    expression_step: float = 0.05
    turn_step: float = 0.004
    shift_step: float = 0.003
    offset: float = 0.010
    log_focal: float = 0.08


@dataclass(frozen=True)
class Estimate:
    """The state of a fit: rotations `[T, 3, 3]` and translations `[T, 3]` (world to camera), focal length in pixels,
    identity `[I]`, expression `[T, E]`, offsets of the landmarks `[L, 3]`."""

    rotations: np.ndarray
    translations: np.ndarray
    focal: float
    identity: np.ndarray
    expression: np.ndarray
    offsets: np.ndarray
    start_focal: float = field(default=0.0)

    def points(self, model: Landmarks) -> np.ndarray:
        """Landmarks in the world, `[T, L, 3]`."""
        still = model.rest + self.offsets + np.tensordot(self.identity, model.identity, 1)
        return still + np.tensordot(self.expression, model.expression, 1)

    def pixels(self, points: np.ndarray, middle: np.ndarray) -> np.ndarray:
        """Where world points `[T, L, 3]` are seen, `[T, L, 2]`."""
        seen = np.einsum("tij,tlj->tli", self.rotations, points) + self.translations[:, None]
        return self.focal * seen[..., :2] / seen[..., 2:] + middle


def solve(
    model: Landmarks, observed: Observed, start: Estimate, priors: Priors, rounds: int, *,
    left_over: bool, around: np.ndarray,
) -> Iterator[Estimate]:  # fmt: skip
    """Improves an estimate; yields it after each round.

    Args:
        left_over: also find what the model leaves of each landmark.
        around: the identity that the model's moves are counted from, `[I]`; expected to be near zero.
    """
    now = replace(start, start_focal=start.start_focal or start.focal)
    for _ in range(rounds):
        now = _move_frames(model, observed, now, priors)
        now = _shape(model, observed, now, priors, around[: len(now.identity)])
        if left_over:
            now = _left_over(model, observed, now, priors)
        yield now


def error_px(observed: Observed, pixels: np.ndarray) -> float:
    """Mean distance of projected landmarks `[T, L, 2]` from the tracked ones over tracked frames, in pixels at 512."""
    gap = np.linalg.norm(pixels - observed.pixels, axis=-1)[observed.frames > 0.5]
    return float(gap.mean() * 512 / observed.side)


def _residuals(model: Landmarks, observed: Observed, now: Estimate, chunk: slice):
    """Weighted residuals `[t, L, 2]`, derivatives by camera-space points `[t, L, 2, 3]`, those points `[t, L, 3]`."""
    part = replace(now, rotations=now.rotations[chunk], translations=now.translations[chunk],
                   expression=now.expression[chunk])  # fmt: skip
    seen = np.einsum("tij,tlj->tli", part.rotations, part.points(model)) + part.translations[:, None]
    x, y, z = np.moveaxis(seen, -1, 0)
    weight = np.sqrt(observed.trust)[None] * np.sqrt(observed.frames[chunk])[:, None]
    weight = weight * 512 / (observed.side * LANDMARK_PX)
    gap = observed.pixels[chunk] - (now.focal * seen[..., :2] / z[..., None] + observed.middle)
    slope = np.zeros((*x.shape, 2, 3))
    slope[..., 0, 0] = slope[..., 1, 1] = now.focal / z
    slope[..., 0, 2], slope[..., 1, 2] = -now.focal * x / z**2, -now.focal * y / z**2
    return gap * weight[..., None], slope * weight[..., None, None], seen


def _pose_slope(slope: np.ndarray, seen: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """Derivative of the residuals' model by a turn (left of the rotation) and a shift, `[t, L, 2, 6]`."""
    arm = seen - translations[:, None]
    cross = np.zeros((*arm.shape[:2], 3, 3))  # of omega x arm by omega
    cross[..., 0, 1], cross[..., 0, 2] = arm[..., 2], -arm[..., 1]
    cross[..., 1, 0], cross[..., 1, 2] = -arm[..., 2], arm[..., 0]
    cross[..., 2, 0], cross[..., 2, 1] = arm[..., 1], -arm[..., 0]
    return np.concatenate([slope @ cross, slope], -1)


def _chunks(n: int) -> Iterator[slice]:
    for start in range(0, n, CHUNK):
        yield slice(start, min(start + CHUNK, n))


def _between(values: np.ndarray) -> np.ndarray:
    """The middle of each row's neighbours in time; the ends follow their one neighbour."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return (padded[:-2] + padded[2:]) / 2


def _move_frames(model: Landmarks, observed: Observed, now: Estimate, priors: Priors) -> Estimate:
    """Pose and expression of every frame, together."""
    n_frames, n_exp = now.expression.shape
    turns = Rotation.from_matrix(now.rotations)
    middle_turn = _middle_rotation(turns)
    to_middle = (middle_turn * turns.inv()).as_rotvec()
    to_neighbours = _between(now.translations) - now.translations
    between = _between(now.expression)
    pull = np.array([priors.turn_step**-2] * 3 + [priors.shift_step**-2] * 3)
    rotations, translations = np.empty_like(now.rotations), np.empty_like(now.translations)
    expression = np.empty_like(now.expression)
    for chunk in _chunks(n_frames):
        gap, slope, seen = _residuals(model, observed, now, chunk)
        by_pose = _pose_slope(slope, seen, now.translations[chunk])
        in_world = np.einsum("tlai,tij->tlaj", slope, now.rotations[chunk])
        by_exp = np.einsum("tlaj,elj->tlae", in_world, model.expression, optimize=True)
        n = len(gap)
        jacobian = np.concatenate([by_pose, by_exp], -1).reshape(n, -1, 6 + n_exp)
        system = jacobian.transpose(0, 2, 1) @ jacobian
        right = np.einsum("tra,tr->ta", jacobian, gap.reshape(n, -1))
        diagonal = np.arange(6 + n_exp)
        system[:, diagonal[:6], diagonal[:6]] += pull
        right[:, :3] += pull[:3] * to_middle[chunk]
        right[:, 3:6] += pull[3:] * to_neighbours[chunk]
        for target, sigma in ((observed.suggested[chunk], priors.suggestion), (between[chunk], priors.expression_step)):
            system[:, diagonal[6:], diagonal[6:]] += sigma**-2
            right[:, 6:] += (target - now.expression[chunk]) / sigma**2
        step = _within(system, right, now.expression[chunk], model.low, model.high)
        rotations[chunk] = (Rotation.from_rotvec(step[:, :3]) * turns[chunk]).as_matrix()
        translations[chunk] = now.translations[chunk] + step[:, 3:6]
        expression[chunk] = np.clip(now.expression[chunk] + step[:, 6:], model.low, model.high)
    return replace(now, rotations=rotations, translations=translations, expression=expression)


def _within(system: np.ndarray, right: np.ndarray, at: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Solves `[t, n, n]` systems whose last columns may not leave their limits: what would is pinned to the limit."""
    n_exp = at.shape[1]
    rows = np.arange(6, 6 + n_exp)
    pinned = np.zeros_like(at, bool)
    goal = np.zeros_like(at)
    for _ in range(N_PINS):
        held, wished = system.copy(), right.copy()
        held[:, rows, rows] += PINNED * pinned
        wished[:, 6:] += PINNED * pinned * goal
        step = np.linalg.solve(held, wished[..., None])[..., 0]
        after = at + step[:, 6:]
        under, over = after < low - 1e-6, after > high + 1e-6
        if not (under | over).any():
            break
        goal = np.where(under, low - at, np.where(over, high - at, goal))
        pinned |= under | over
    return step


def _middle_rotation(turns: Rotation) -> Rotation:
    n = len(turns)
    before, after = np.maximum(np.arange(n) - 1, 0), np.minimum(np.arange(n) + 1, n - 1)
    step = (turns[after] * turns[before].inv()).as_rotvec() / 2
    return Rotation.from_rotvec(step) * turns[before]


def _shape(model: Landmarks, observed: Observed, now: Estimate, priors: Priors, around: np.ndarray) -> Estimate:
    """Identity and focal length over the whole clip, the poses eliminated."""
    n = len(now.identity) + 1
    system, right = np.zeros((n, n)), np.zeros(n)
    for chunk in _chunks(len(now.expression)):
        gap, slope, seen = _residuals(model, observed, now, chunk)
        by_pose = _pose_slope(slope, seen, now.translations[chunk])
        in_world = np.einsum("tlai,tij->tlaj", slope, now.rotations[chunk])
        by_shape = np.einsum("tlaj,ilj->tlai", in_world, model.identity, optimize=True)
        by_focal = np.einsum("tlai,tli->tla", slope, seen * [1, 1, 0])[..., None]  # of the focal length's logarithm
        shape = np.concatenate([by_shape, by_focal], -1).reshape(len(gap), -1, n)
        pose = by_pose.reshape(len(gap), -1, 6)
        flat = gap.reshape(len(gap), -1)
        own = pose.transpose(0, 2, 1) @ pose + 1e-6 * np.eye(6)
        mixed = pose.transpose(0, 2, 1) @ shape
        solved = np.linalg.solve(own, mixed)
        system += np.einsum("tra,trb->ab", shape, shape, optimize=True) - np.einsum("tpa,tpb->ab", mixed, solved)
        right += np.einsum("tra,tr->a", shape, flat)
        right -= np.einsum("tpa,tp->a", solved, np.einsum("trp,tr->tp", pose, flat))
    prior = np.concatenate([model.identity_sigma**-2, [priors.log_focal**-2]])
    strength = REPEATS * len(now.expression)
    right -= strength * prior * np.concatenate([around + now.identity, [np.log(now.focal / now.start_focal)]])
    step = np.linalg.solve(system + strength * np.diag(prior), right)
    zoom = float(np.exp(np.clip(step[-1], -0.1, 0.1)))
    translations = now.translations * [1, 1, zoom]  # a longer lens stands farther away
    return replace(now, identity=now.identity + step[:-1], focal=now.focal * zoom, translations=translations)


def _left_over(model: Landmarks, observed: Observed, now: Estimate, priors: Priors) -> Estimate:
    """Where each landmark lies off the model for the whole clip."""
    n = len(model.rest)
    system, right = np.zeros((n, 3, 3)), np.zeros((n, 3))
    for chunk in _chunks(len(now.expression)):
        gap, slope, _ = _residuals(model, observed, now, chunk)
        in_world = np.einsum("tlai,tij->tlaj", slope, now.rotations[chunk])
        system += np.einsum("tlai,tlaj->lij", in_world, in_world, optimize=True)
        right += np.einsum("tlai,tla->li", in_world, gap)
    strength = REPEATS * len(now.expression) * priors.offset**-2
    step = np.linalg.solve(system + strength * np.eye(3), (right - strength * now.offsets)[..., None])[..., 0]
    return replace(now, offsets=now.offsets + step)
