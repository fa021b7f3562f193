"""Pictures to judge a capture by: masks as tints, the tracked face mesh, landmarks and start points drawn on frames."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from engine.capture.dataset import write_picture
from engine.capture.face_shape import FACE_OVAL, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from engine.capture.poses import HeadPoses
from engine.capture.tracking import FaceTrack

N_OVERLAYS = 12
HEAD_TINT, TORSO_TINT, EMPTY_TINT = (255, 60, 60), (70, 110, 255), (40, 190, 60)


def write_overlays(
    folder: Path, read: Callable[[int], np.ndarray], read_masks: Callable[[int], np.ndarray], track: FaceTrack,
    poses: HeadPoses, points: np.ndarray,
) -> None:  # fmt: skip
    """Writes some twelve pictures `NNNNNN.jpg` spread over the clip: masks left, mesh and start points right."""
    for index in np.unique(np.linspace(0, len(track.found) - 1, N_OVERLAYS).round().astype(int)):
        rgb, masks = read(index), read_masks(index)
        tracked = _with_points(rgb, points, poses, index)
        tracked = _with_mesh(tracked, track.landmarks[index], poses, index)
        write_picture(folder / f"{index:06d}.jpg", np.concatenate([_tinted(rgb, masks), tracked], axis=1))


def _tinted(rgb: np.ndarray, masks: np.ndarray) -> np.ndarray:
    head, torso = masks[..., :1] / 255, masks[..., 1:2] / 255
    tint = head * HEAD_TINT + torso * TORSO_TINT + (1 - masks[..., 2:] / 255) * EMPTY_TINT
    return np.clip(rgb * 0.6 + tint * 0.4, 0, 255).astype(np.uint8)


def _with_points(rgb: np.ndarray, points: np.ndarray, poses: HeadPoses, index: int) -> np.ndarray:
    xy = _pixels(points[::7], poses, index)
    out = rgb.copy()
    inside = ((xy >= 0) & (xy < rgb.shape[0])).all(axis=1)
    out[xy[inside, 1].astype(int), xy[inside, 0].astype(int)] = (255, 255, 0)
    return out


def _with_mesh(rgb: np.ndarray, landmarks: np.ndarray, poses: HeadPoses, index: int) -> np.ndarray:
    """The rigid mean face in cyan, what was seen in white."""
    out = rgb.copy()
    rigid = _pixels(poses.shape, poses, index)
    for line in (FACE_OVAL, OUTER_LIPS, LEFT_EYE, RIGHT_EYE):
        for xy, color in ((rigid, (0, 255, 255)), (landmarks[:, :2], (255, 255, 255))):
            cv2.polylines(out, [np.round(xy[list(line)]).astype(np.int32)], True, color, 1, cv2.LINE_AA)
    return out


def _pixels(points: np.ndarray, poses: HeadPoses, index: int) -> np.ndarray:
    seen = points @ poses.viewmats[index, :3, :3].T + poses.viewmats[index, :3, 3]
    return seen[:, :2] / seen[:, 2:] * poses.k[0, 0] + poses.k[:2, 2]
