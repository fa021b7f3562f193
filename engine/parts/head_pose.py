"""Head pose as controls: a blended rigid motion of the Gaussians about the neck, the same for every method.

Each Gaussian has a pose weight: 1 on the head, easing to 0 through the neck to the shoulders of a whole bust. An
avatar over a plate has weight 1 everywhere, which is an inverse camera. Only geometry moves: means and rotations.
"""

import math

import numba as nb
import numpy as np
import torch
from torch import Tensor

from engine.camera import pose_matrix
from engine.controls import ControlSpec
from engine.vocabulary import POSE_NAMES

CHUNKS = 32
POSE_LABELS = {
    "pose.yaw": ("Turn", "Turns the head to the person's left", "deg", 40.0),
    "pose.pitch": ("Nod", "Tips the head up", "deg", 25.0),
    "pose.roll": ("Tilt", "Tilts the head to the person's right shoulder", "deg", 25.0),
    "pose.x": ("Sideways", "Moves the head to the picture's right", "head heights", 0.3),
    "pose.y": ("Up and down", "Moves the head up", "head heights", 0.3),
    "pose.z": ("Forward", "Moves the head towards the viewer", "head heights", 0.3),
}


def pose_specs(spread: np.ndarray | None = None) -> list[ControlSpec]:
    """The six pose controls.

    Args:
        spread: range of each in training, `[6, 2]`, in `POSE_NAMES` order; None where the head never moved.
    """
    specs = []
    for i, name in enumerate(POSE_NAMES):
        label, words, unit, limit = POSE_LABELS[name]
        low, high = (-limit / 4, limit / 4) if spread is None else (float(spread[i, 0]), float(spread[i, 1]))
        low, high = max(low, -limit), min(high, limit)
        specs.append(ControlSpec(name, "pose", label, words, -limit, limit, unit=unit, low=low, high=max(high, low)))
    return specs


def pose_numbers(matrix: np.ndarray) -> np.ndarray:
    """The inverse of `engine.camera.pose_matrix`: yaw, pitch, roll in degrees, then x, y, z; `[6]`."""
    r = matrix[:3, :3]
    yaw = np.arctan2(r[0, 2], r[2, 2])
    pitch = np.arcsin(np.clip(-r[1, 2], -1, 1))
    roll = np.arctan2(r[1, 0], r[1, 1])
    return np.array([*np.degrees([yaw, -pitch, roll]), *matrix[:3, 3]])


def head_motion(pose: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Six pose controls as (unit axis `[3]`, angle in radians, translation `[3]`)."""
    matrix = pose_matrix(*(float(v) for v in pose))
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = matrix[:3, :3].tolist()
    angle = math.acos(min(1.0, max(-1.0, (r00 + r11 + r22 - 1) / 2)))
    axis = (r21 - r12, r02 - r20, r10 - r01)
    length = math.hypot(*axis)
    axis = [part / length for part in axis] if length > 1e-12 else [0.0, 1.0, 0.0]
    return np.array(axis), angle, matrix[:3, 3]


def posed_camera_position(position: np.ndarray, pose: np.ndarray, pivot: np.ndarray) -> np.ndarray:
    """Where the camera stands in the world of the unmoved head, `[3]`: what a head of weight 1 sees of it."""
    matrix = pose_matrix(*(float(v) for v in pose))
    return matrix[:3, :3].T @ (position - matrix[:3, 3] - pivot) + pivot


def apply_pose(means, quats, weights, pose: np.ndarray, pivot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moves Gaussians with the head: rotation by `weight * angle` about the pivot, translation by `weight`.

    Args:
        means: float32 `[N, 3]`; quats: float32 `[N, 4]` (w, x, y, z); weights: float32 `[N]`, 0 to 1.
        pose: six controls in `POSE_NAMES` order; pivot: `[3]`.

    Returns:
        New means and quats; the given ones are untouched.
    """
    axis, angle, move = head_motion(pose)
    return _move(means, quats, weights, axis.astype(np.float32), np.float32(angle), move.astype(np.float32),
                 pivot.astype(np.float32))  # fmt: skip


def pose_weights(means: np.ndarray, chin_y: float, shoulder_y: float) -> np.ndarray:
    """Weights of a whole bust by height: 1 above the chin, a smooth step down to 0 at the shoulders, `[N]`."""
    s = np.clip((means[:, 1] - shoulder_y) / max(chin_y - shoulder_y, 1e-6), 0, 1)
    return (s * s * (3 - 2 * s)).astype(np.float32)


def held_back(means: Tensor, quats: Tensor, looseness: Tensor, pose: np.ndarray) -> tuple[Tensor, Tensor]:
    """Where Gaussians lie in the world of the head when they follow it only in part: the inverse view of `apply_pose`.

    Training moves the camera, not the head. Seen from that camera, Gaussians held back by `looseness` (1 less their
    pose weight) are where `apply_pose` with pivot 0 puts them before a camera that stays. Differentiable.

    Args:
        means: `[M, 3]`; quats: `[M, 4]`; looseness: `[M]`, 0 rigid with the head, 1 left behind.
        pose: the head's pose, six numbers in `POSE_NAMES` order.
    """
    axis, angle, move = head_motion(pose)
    back = -pose_matrix(*(float(v) for v in pose))[:3, :3].T @ move
    return moved_by(means, quats, looseness, means.new_tensor(motion_numbers(axis, -angle, back)))


def motion_numbers(axis: np.ndarray, angle: float, move: np.ndarray) -> np.ndarray:
    """A rigid motion as `moved_by` takes it, `[38]`: products with the axis, the angle and the translation."""
    x, y, z = axis.tolist()
    cross = (0, z, -y, -z, 0, x, y, -x, 0)  # p @ cross: axis x p
    xx, yy, zz, xy, xz, yz = x * x, y * y, z * z, x * y, x * z, y * z
    twice = (-yy - zz, xy, xz, xy, -xx - zz, yz, xz, yz, -xx - yy)
    left = (0, x, y, z, -x, 0, z, -y, -y, -z, 0, x, -z, y, -x, 0)  # q @ left: (0, axis) * q
    return np.array((*cross, *twice, *left, angle, *move))


def moved_by(means: Tensor, quats: Tensor, weights: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """As `apply_pose` with pivot 0, on any device and differentiable: Rodrigues' turn by `weight * angle`.

    Args:
        means: `[N, 3]`; quats: `[N, 4]`; weights: `[N]`.
        numbers: of `motion_numbers`, on the same device.
    """
    weights = weights[:, None]
    turn = weights * numbers[34]
    half = turn / 2
    around = _products(means, numbers[:18].view(2, 3, 3).movedim(0, 1).reshape(3, 6))
    turned = means + torch.sin(turn) * around[:, :3] + (1 - torch.cos(turn)) * around[:, 3:]
    quats = torch.cos(half) * quats + torch.sin(half) * _products(quats, numbers[18:34].view(4, 4))
    return turned + weights * numbers[35:38], quats


def _products(rows: Tensor, matrix: Tensor) -> Tensor:
    """`rows @ matrix`; a GPU's own product of a matrix that thin takes longer than twice over memory."""
    return rows @ matrix if rows.device.type == "cpu" else (rows[:, None] * matrix.t()).sum(dim=2)


@nb.njit(parallel=True, cache=True, fastmath=True)
def _move(means, quats, weights, axis, angle, move, pivot):
    moved = np.empty_like(means)
    turned = np.empty_like(quats)
    n = means.shape[0]
    for chunk in nb.prange(CHUNKS):
        weight, w, s = np.float32(-1), np.float32(1), np.float32(0)
        for i in range(chunk * n // CHUNKS, (chunk + 1) * n // CHUNKS):
            if weights[i] != weight:  # most follow the head in full
                weight = weights[i]
                half = np.float32(0.5) * weight * angle
                w = np.float32(math.cos(half))
                s = np.float32(math.sin(half))
            x, y, z = s * axis[0], s * axis[1], s * axis[2]
            px, py, pz = means[i, 0] - pivot[0], means[i, 1] - pivot[1], means[i, 2] - pivot[2]
            tx = np.float32(2) * (y * pz - z * py)
            ty = np.float32(2) * (z * px - x * pz)
            tz = np.float32(2) * (x * py - y * px)
            moved[i, 0] = px + w * tx + (y * tz - z * ty) + pivot[0] + weight * move[0]
            moved[i, 1] = py + w * ty + (z * tx - x * tz) + pivot[1] + weight * move[1]
            moved[i, 2] = pz + w * tz + (x * ty - y * tx) + pivot[2] + weight * move[2]
            a, b, c, d = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
            turned[i, 0] = w * a - x * b - y * c - z * d
            turned[i, 1] = w * b + x * a + y * d - z * c
            turned[i, 2] = w * c - x * d + y * a + z * b
            turned[i, 3] = w * d + x * c - y * b + z * a
    return moved, turned
