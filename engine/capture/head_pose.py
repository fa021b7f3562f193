"""Head pose as the six numbers people speak of, from cameras that hold it."""

import numpy as np

from engine.camera import WORLD_TO_FRONT


def pose_track(viewmats: np.ndarray) -> np.ndarray:
    """Yaw, pitch, roll in degrees and x, y, z in head heights (`POSE_NAMES`) for each frame, `[T, 6]` float32.

    The camera is thought of as standing still, straight in front of the head's mean place: `viewmats[t]` is that
    camera times `engine.camera.pose_matrix(*pose[t])`.
    """
    front = WORLD_TO_FRONT.copy()
    front[:3, 3] = viewmats[:, :3, 3].mean(axis=0)
    moved = np.linalg.inv(front) @ viewmats
    r = moved[:, :3, :3]  # Ry(yaw) Rx(-pitch) Rz(roll)
    yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
    pitch = np.arcsin(np.clip(r[:, 1, 2], -1, 1))
    roll = np.arctan2(r[:, 1, 0], r[:, 1, 1])
    return np.column_stack([np.degrees([yaw, pitch, roll]).T, moved[:, :3, 3]]).astype(np.float32)
