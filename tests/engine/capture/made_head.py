"""A head whose truth is known: a textured ellipsoid before a still wall, over a neck and shoulders that stay."""

from dataclasses import dataclass

import cv2
import numpy as np

from engine.camera import WORLD_TO_FRONT, Camera, pose_matrix
from engine.capture.face_shape import FACE_OVAL, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from engine.capture.head_surface import project
from engine.capture.tracking import FaceTrack

RADII = np.array([0.34, 0.48, 0.4])  # head heights
SKIN = np.array([205, 160, 135.0])


@dataclass
class MadeClip:
    """Frames with everything known of them."""

    frames: np.ndarray  # [T, S, S, 3] uint8
    head: np.ndarray  # [T, S, S] booleans
    torso: np.ndarray
    wall: np.ndarray  # [S, S, 3] uint8
    cameras: list[Camera]
    shape: np.ndarray  # [468, 3]
    landmarks: np.ndarray  # [T, 478, 3] pixels, exact

    def read(self, index: int) -> np.ndarray:
        return self.frames[index]

    def read_masks(self, index: int) -> np.ndarray:
        head, torso = self.head[index], self.torso[index] & ~self.head[index]
        return np.stack([head, torso, head | torso], axis=2).astype(np.uint8) * 255

    @property
    def viewmats(self) -> np.ndarray:
        return np.array([camera.viewmat for camera in self.cameras])

    @property
    def k(self) -> np.ndarray:
        return self.cameras[0].k

    def track(self, noise_px: float = 0.0) -> FaceTrack:
        rng = np.random.default_rng(5)
        n = len(self.frames)
        shaken = self.landmarks + rng.normal(size=self.landmarks.shape) * noise_px
        return FaceTrack(shaken, np.zeros((n, 52)), np.tile(np.eye(4), (n, 1, 1)), np.ones(n, bool))


def made_clip(n_frames: int = 16, size: int = 192) -> MadeClip:
    """The head looks left and right, nods and sways."""
    wall = _wall(size)
    k = np.array([[1.9 * size, 0, size / 2], [0, 1.9 * size, 0.45 * size], [0, 0, 1.0]])
    front = WORLD_TO_FRONT.copy()
    front[2, 3] = 2.6
    t = np.linspace(0, 2 * np.pi, n_frames, endpoint=False)
    cameras, frames, heads, torsos = [], [], [], []
    for a in t:
        pose = pose_matrix(14 * np.sin(a), 5 * np.cos(2 * a), 4 * np.sin(a + 1), 0.12 * np.sin(a), 0.03 * np.cos(a))
        cameras.append(Camera(front @ pose, k, size, size))
        colors, head = _head(cameras[-1], size)
        torso = _torso(size)
        picture = np.where(torso[..., None], SKIN * [0.8, 0.75, 0.7], wall)
        picture = np.where(head[..., None], colors, picture)
        frames.append(np.clip(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.5), 0, 255).astype(np.uint8))
        heads.append(head)
        torsos.append(torso)
    shape = _shape()
    points = np.concatenate([shape, shape[:10]])
    landmarks = np.stack([np.column_stack([project(points, c), np.zeros(478)]) for c in cameras])
    return MadeClip(np.array(frames), np.array(heads), np.array(torsos), wall, cameras, shape, landmarks)


def _wall(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    wall = np.stack([90 + 60 * x, 120 + 40 * np.sin(6 * y), 150 - 50 * x * y], axis=2)
    wall[int(0.3 * size) : int(0.34 * size)] = (60, 50, 40)
    return wall.astype(np.uint8)


def _torso(size: int) -> np.ndarray:
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    return ((np.abs(x) < 0.085) & (y > 0.1)) | ((y > 0.36) & (np.abs(x) < 0.25 + (y - 0.36)))


def _head(camera: Camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Colours and outline of the ellipsoid, by one ray a pixel."""
    y, x = np.mgrid[:size, :size] + 0.5
    rays = np.stack([(x - camera.k[0, 2]) / camera.k[0, 0], (y - camera.k[1, 2]) / camera.k[1, 1], np.ones_like(x)], -1)
    rays = rays @ camera.viewmat[:3, :3] / RADII
    origin = camera.position / RADII
    a, b, c = (rays**2).sum(-1), (rays * origin).sum(-1), (origin**2).sum() - 1
    inside = b**2 - a * c
    depth = (-b - np.sqrt(np.maximum(inside, 0))) / a
    return _texture(origin + rays * depth[..., None]), inside > 0


def _texture(p: np.ndarray) -> np.ndarray:
    """Colours of points on the unit sphere: skin with spots in front, strands of hair above and behind."""
    rng = np.random.default_rng(7)
    waves = rng.normal(size=(24, 3)) * 9
    phases = rng.random(24) * 6
    spots = sum(np.sin(p @ w + f) for w, f in zip(waves, phases, strict=True)) / 5
    hair = (p[..., 1] > 0.55) | (p[..., 2] < 0.2)
    base = np.where(hair[..., None], [95.0, 60, 35], SKIN)
    return base * (1 + 0.22 * spots[..., None])


def _shape() -> np.ndarray:
    """468 points on the front of the ellipsoid, the named rings where a face has them."""
    rng = np.random.default_rng(3)
    xy = rng.uniform([-0.2, -0.38], [0.2, 0.3], size=(468, 2))
    turn = np.arange(len(FACE_OVAL)) / len(FACE_OVAL) * 2 * np.pi
    xy[list(FACE_OVAL)] = np.column_stack([0.26 * np.sin(turn), -0.05 + 0.37 * np.cos(turn)])
    for ring, (cx, cy), (rx, ry) in (
        (LEFT_EYE, (0.12, 0.04), (0.05, 0.02)), (RIGHT_EYE, (-0.12, 0.04), (0.05, 0.02)),
        (LEFT_BROW, (0.12, 0.1), (0.06, 0.02)), (RIGHT_BROW, (-0.12, 0.1), (0.06, 0.02)),
        (OUTER_LIPS, (0, -0.24), (0.08, 0.03)),
    ):  # fmt: skip
        turn = np.arange(len(ring)) / len(ring) * 2 * np.pi
        xy[list(ring)] = np.column_stack([cx + rx * np.cos(turn), cy + ry * np.sin(turn)])
    xy[1], xy[2] = (0, -0.1), (0, -0.15)
    z = RADII[2] * np.sqrt(np.maximum(1 - (xy[:, 0] / RADII[0]) ** 2 - (xy[:, 1] / RADII[1]) ** 2, 0))
    return np.column_stack([xy, z])
