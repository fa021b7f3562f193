"""Bundle adjustment of one rigid head seen by one camera: a pose for each frame and a place for each point.

Gauss-Newton over all poses and points at once. Points are eliminated (Schur complement). The reduced pose system of a
few frames is solved exactly, which a lens needs: what it changes is nearly made good by flatter points and wider turns.
That of many is solved by conjugate gradients whose preconditioner is the banded Cholesky factor of the poses' own part,
so that time and memory grow with the number of observations and not with the square of the number of frames.

Minimised: sum of rho(|projected - seen| / sigma) over observations, + |point - prior|^2 / sigma_point^2,
+ rho of the second differences of rotation and translation (a head has mass).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cho_solve_banded, cholesky_banded
from scipy.sparse import bsr_matrix, csr_matrix
from scipy.spatial.transform import Rotation

ROBUST = 2.5
"""Residuals beyond this many sigmas count less and less (Cauchy)."""
FEW_FRAMES = 200
"""Up to so many the pose system is solved exactly."""


@dataclass(frozen=True)
class Sightings:
    """Points seen in frames, all arrays of length O.

    Attributes:
        frames, points: indices of the frame and of the point.
        xy: where it was seen, pixels `[O, 2]`.
        sigma: expected error in pixels `[O]`.
    """

    frames: np.ndarray
    points: np.ndarray
    xy: np.ndarray
    sigma: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)

    def by_frame(self) -> "Sightings":
        order = np.argsort(self.frames, kind="stable")
        return Sightings(self.frames[order], self.points[order], self.xy[order], self.sigma[order])

    def where(self, keep: np.ndarray) -> "Sightings":
        return Sightings(self.frames[keep], self.points[keep], self.xy[keep], self.sigma[keep])


@dataclass(frozen=True)
class Solution:
    """Poses and points.

    Attributes:
        rotations, translations: head to camera (OpenCV axes), `[T, 3, 3]` and `[T, 3]`.
        points: `[P, 3]` in the head's frame.
        focal: pixels.
        center: principal point, pixels.
    """

    rotations: np.ndarray
    translations: np.ndarray
    points: np.ndarray
    focal: float
    center: tuple[float, float]

    def project(self, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Pixels `[O, 2]` of points (indices) in frames (indices)."""
        seen = np.einsum("oij,oj->oi", self.rotations[frames], self.points[points]) + self.translations[frames]
        return self.focal * seen[:, :2] / seen[:, 2:] + np.array(self.center)

    def errors(self, sightings: Sightings) -> np.ndarray:
        """Reprojection error of each sighting in pixels, `[O]`."""
        return np.linalg.norm(self.project(sightings.frames, sightings.points) - sightings.xy, axis=1)


@dataclass(frozen=True)
class Priors:
    """What is believed before looking.

    Attributes:
        points, sigma: expected places `[P, 3]` and their spread `[P]`, or `[P, 3]` along each axis; they also fix the
            frame (scale, axes, origin).
        turn, shift: expected second difference a frame, radians and the points' unit; 0 turns smoothing off.
    """

    points: np.ndarray
    sigma: np.ndarray
    turn: float = 0.0
    shift: float = 0.0


def adjust(start: Solution, sightings: Sightings, priors: Priors, iterations: int = 15) -> Solution:
    """Improves `start`; stops early when the cost no longer falls.

    Args:
        start: first guess; its focal length and principal point stay.
        sightings: what was seen; frames without any are filled in by smoothness.
        priors: see `Priors`.
        iterations: Gauss-Newton steps at most.
    """
    sightings = sightings.by_frame()
    problem = _Problem(sightings, priors, len(start.translations))
    best, cost, damping = start, problem.cost(start), 1e-4
    for _ in range(iterations):
        system = problem.linearize(best)
        for _ in range(5):
            trial = _moved(best, *system.solve(damping))
            trial_cost = problem.cost(trial)
            if trial_cost < cost:
                break
            damping *= 10
        else:
            break
        gain = (cost - trial_cost) / cost
        best, cost, damping = trial, trial_cost, max(damping / 10, 1e-8)
        if gain < 1e-5:
            break
    return best


def triangulate(at: Solution, sightings: Sightings, priors: Priors, iterations: int = 6) -> Solution:
    """Improves the points alone; poses stay."""
    problem = _Problem(sightings.by_frame(), priors, len(at.translations))
    for _ in range(iterations):
        system = problem.linearize(at)
        at = replace(at, points=at.points - np.einsum("pij,pj->pi", np.linalg.inv(system.v), system.g_point))
    return at


def fit_focal(
    start: Solution, sightings: Sightings, priors: Priors, focals: np.ndarray, iterations: int = 8
) -> tuple[Solution, np.ndarray]:
    """Adjusts once for each focal length; returns the best solution and the cost of each.

    The depth of the head follows the focal length, so that each start projects to about the same size.
    """
    problem = _Problem(sightings.by_frame(), priors, len(start.translations))
    solutions = []
    for focal in focals:
        shift = start.translations * np.array([1.0, 1.0, focal / start.focal])
        solutions.append(adjust(replace(start, focal=float(focal), translations=shift), sightings, priors, iterations))
    costs = np.array([problem.cost(solution) for solution in solutions])
    return solutions[int(np.argmin(costs))], costs


@dataclass
class _System:
    """Normal equations with the points still in: U poses, V points, W between them."""

    u: np.ndarray  # [T, 6, 6]
    v: np.ndarray  # [P, 3, 3]
    w: bsr_matrix  # [6T, 3P]
    g_pose: np.ndarray  # [T, 6]
    g_point: np.ndarray  # [P, 3]
    smooth: np.ndarray  # banded [3, T] of the second-difference penalty for turn, and for shift

    def solve(self, damping: float) -> tuple[np.ndarray, np.ndarray]:
        """Steps of poses `[T, 6]` and points `[P, 3]`."""
        n_frames = len(self.u)
        u = self.u + damping * np.einsum("tii->ti", self.u)[:, :, None] * np.eye(6) + 1e-9 * np.eye(6)
        v_inverse = np.linalg.inv(self.v * (1 + damping * np.eye(3)))
        right = -self.g_pose.ravel() + self.w @ np.einsum("pij,pj->pi", v_inverse, self.g_point).ravel()
        solved = self._exactly if n_frames <= FEW_FRAMES else self._by_gradients
        poses = solved(u, v_inverse, right)
        points = -np.einsum("pij,pj->pi", v_inverse, self.g_point + (self.w.T @ poses).reshape(-1, 3))
        return poses.reshape(n_frames, 6), points

    def _exactly(self, u: np.ndarray, v_inverse: np.ndarray, right: np.ndarray) -> np.ndarray:
        band = self._banded(u)
        n = band.shape[1]
        offset = np.arange(len(band))[:, None]
        rows, columns = np.broadcast_arrays(np.arange(n) + offset, np.arange(n))
        inside = rows < n
        whole = np.zeros((n, n))
        whole[rows[inside], columns[inside]] = band[inside]
        whole = whole + np.tril(whole, -1).T
        each = np.arange(len(v_inverse) + 1)
        through = bsr_matrix((v_inverse, each[:-1], each), shape=(3 * len(v_inverse), 3 * len(v_inverse)))
        try:
            factor = cho_factor(whole - (self.w @ through @ self.w.T).toarray())
        except LinAlgError:  # a frame that hardly anything holds
            return self._by_gradients(u, v_inverse, right)
        return cho_solve(factor, right)

    def _by_gradients(self, u: np.ndarray, v_inverse: np.ndarray, right: np.ndarray) -> np.ndarray:
        factor = cholesky_banded(self._banded(u), lower=True)

        def through_points(x: np.ndarray) -> np.ndarray:
            return self.w @ np.einsum("pij,pj->pi", v_inverse, (self.w.T @ x).reshape(-1, 3)).ravel()

        def matvec(x: np.ndarray) -> np.ndarray:
            own = np.einsum("tij,tj->ti", u, x.reshape(-1, 6)) + self._smoothed(x.reshape(-1, 6))
            return own.ravel() - through_points(x)

        return _conjugate_gradients(matvec, right, lambda r: cho_solve_banded((factor, True), r))

    def _smoothed(self, x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        for part, band in zip((slice(0, 3), slice(3, 6)), self.smooth, strict=True):
            y = band[0][:, None] * x[:, part]
            for k in (1, 2):
                y[:-k] += band[k][:-k, None] * x[k:, part]
                y[k:] += band[k][:-k, None] * x[:-k, part]
            out[:, part] = y
        return out

    def _banded(self, u: np.ndarray) -> np.ndarray:
        """Lower banded form of U + smoothness, bandwidth 12."""
        n_frames = len(u)
        band = np.zeros((13, 6 * n_frames))
        for i in range(6):
            for j in range(i + 1):
                band[i - j, j::6] += u[:, i, j]
            part = self.smooth[0 if i < 3 else 1]
            for k in (0, 1, 2):
                band[6 * k, i::6] += part[k]
        return band


class _Problem:
    """Observations and priors, ready to be linearised at any solution."""

    def __init__(self, sightings: Sightings, priors: Priors, n_frames: int) -> None:
        self.sightings, self.priors, self.n_frames = sightings, priors, n_frames
        n = len(sightings)
        ones, each = np.ones(n), np.arange(n)
        self.to_frames = csr_matrix((ones, (sightings.frames, each)), shape=(n_frames, n))
        self.to_points = csr_matrix((ones, (sightings.points, each)), shape=(len(priors.points), n))
        self.starts = np.searchsorted(sightings.frames, np.arange(n_frames + 1))
        self.inverse_sigma = 1 / sightings.sigma

        self.trust = 1 / (
            priors.sigma**2 if priors.sigma.ndim == 2 else np.repeat(priors.sigma[:, None] ** 2, 3, axis=1)
        )

    def cost(self, solution: Solution) -> float:
        errors = (solution.errors(self.sightings) * self.inverse_sigma) ** 2
        prior = (solution.points - self.priors.points) ** 2 * self.trust
        total = _rho(errors).sum() + prior.sum()
        for values, spread in self._second_differences(solution):
            total += _rho((values**2).sum(1) / spread**2).sum()
        return float(total)

    def linearize(self, at: Solution) -> _System:
        s = self.sightings
        rotations = at.rotations[s.frames]
        turned = np.einsum("oij,oj->oi", rotations, at.points[s.points])
        x, y, z = (turned + at.translations[s.frames]).T
        residual = np.stack([x / z, y / z], 1) * at.focal + np.array(at.center) - s.xy
        weight = _irls((residual**2).sum(1) * self.inverse_sigma**2) * self.inverse_sigma**2
        to_pixels = np.zeros((len(s), 2, 3))
        to_pixels[:, 0, 0] = to_pixels[:, 1, 1] = at.focal / z
        to_pixels[:, 0, 2], to_pixels[:, 1, 2] = -at.focal * x / z**2, -at.focal * y / z**2
        j_pose = np.concatenate([np.cross(turned[:, None, :], to_pixels), to_pixels], axis=2)  # d(w x r) = w x r
        j_point = to_pixels @ rotations
        weighted = j_pose * weight[:, None, None]
        u = (self.to_frames @ np.einsum("oki,okj->oij", weighted, j_pose).reshape(-1, 36)).reshape(-1, 6, 6)
        w = np.einsum("oki,okj->oij", weighted, j_point)
        heavy = j_point * weight[:, None, None]
        v = (self.to_points @ np.einsum("oki,okj->oij", heavy, j_point).reshape(-1, 9)).reshape(-1, 3, 3)
        g_pose = self.to_frames @ np.einsum("oki,ok->oi", weighted, residual)
        g_point = self.to_points @ np.einsum("oki,ok->oi", heavy, residual)
        v = v + self.trust[:, :, None] * np.eye(3)
        g_point = g_point + self.trust * (at.points - self.priors.points)
        blocks = bsr_matrix((w, s.points, self.starts), shape=(6 * self.n_frames, 3 * len(at.points)))
        bands, g_smooth = self._smoothness(at)
        return _System(u, v, blocks, g_pose + g_smooth, g_point, bands)

    def _second_differences(self, at: Solution) -> list[tuple[np.ndarray, float]]:
        if self.n_frames < 3:
            return []
        mean = Rotation.from_matrix(at.rotations[self.n_frames // 2])
        turns = (Rotation.from_matrix(at.rotations) * mean.inv()).as_rotvec()
        rows = [(turns, self.priors.turn), (at.translations, self.priors.shift)]
        return [(v[:-2] - 2 * v[1:-1] + v[2:], spread) for v, spread in rows if spread > 0]

    def _smoothness(self, at: Solution) -> tuple[np.ndarray, np.ndarray]:
        """Penalty of the second differences as bands `[2, 3, T]` and its gradient `[T, 6]`."""
        bands, gradient = np.zeros((2, 3, self.n_frames)), np.zeros((self.n_frames, 6))
        stencil = np.array([1.0, -2.0, 1.0])
        for part, (values, spread) in enumerate(self._second_differences(at)):
            weight = _irls((values**2).sum(1) / spread**2) / spread**2
            for i in range(3):
                rows = slice(i, self.n_frames - 2 + i)
                gradient[rows, 3 * part : 3 * part + 3] += stencil[i] * weight[:, None] * values
                for j in range(i + 1):  # entry (i, j) of the outer product lies i - j below the diagonal, at column j
                    bands[part, i - j, j : self.n_frames - 2 + j] += stencil[i] * stencil[j] * weight
        return bands, gradient


def _rho(squared: np.ndarray) -> np.ndarray:
    """Cauchy's loss of a squared, normalised residual."""
    return ROBUST**2 * np.log1p(squared / ROBUST**2)


def _irls(squared: np.ndarray) -> np.ndarray:
    return 1 / (1 + squared / ROBUST**2)


def _moved(at: Solution, poses: np.ndarray, points: np.ndarray) -> Solution:
    turned = Rotation.from_rotvec(poses[:, :3]).as_matrix() @ at.rotations
    return replace(at, rotations=turned, translations=at.translations + poses[:, 3:], points=at.points + points)


def _conjugate_gradients(matvec, right, precondition, steps: int = 60, tolerance: float = 1e-3) -> np.ndarray:
    x = np.zeros_like(right)
    residual = right.copy()
    z = precondition(residual)
    direction, product = z, residual @ z
    least = tolerance * np.sqrt(max(product, 0))
    for _ in range(steps):
        image = matvec(direction)
        length = product / (direction @ image)
        x += length * direction
        residual -= length * image
        z = precondition(residual)
        previous, product = product, residual @ z
        if np.sqrt(max(product, 0)) <= least:
            break
        direction = z + product / previous * direction
    return x
