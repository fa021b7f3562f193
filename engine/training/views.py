"""What the training cameras saw: the avatar's own front view, head poses between cameras, and view coverage."""

import numpy as np

from engine.camera import Camera, Orbit
from engine.parts.head_pose import pose_numbers

AZIMUTH_EDGES_DEG = np.arange(-180, 181, 15)
ELEVATION_EDGES_DEG = np.arange(-90, 91, 15)


def frontal_index(viewmats: np.ndarray) -> int:
    """The training frame whose camera lies nearest to the middle of all cameras, `viewmats [T, 4, 4]`."""
    features = np.concatenate([viewmats[:, :3, :3].reshape(-1, 9), viewmats[:, :3, 3]], axis=1)
    azimuth, elevation = view_angles(viewmats)
    if np.ptp(azimuth) > 60:  # a camera that walks round the head: the most frontal one
        return int(np.argmin(np.abs(azimuth) + np.abs(elevation)))
    return int(np.argmin(np.linalg.norm(features - np.median(features, axis=0), axis=1)))


def view_angles(viewmats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and elevation in degrees from which each camera looks at the head's centre, `[T]` each."""
    positions = -np.einsum("tji,tj->ti", viewmats[:, :3, :3], viewmats[:, :3, 3])
    azimuth = np.degrees(np.arctan2(positions[:, 0], positions[:, 2]))
    return azimuth, np.degrees(np.arctan2(positions[:, 1], np.hypot(positions[:, 0], positions[:, 2])))


def view_coverage(viewmats: np.ndarray) -> dict[str, list]:
    """How many training frames saw the head from each direction, for the manifest."""
    azimuth, elevation = view_angles(viewmats)
    frames, _, _ = np.histogram2d(elevation, azimuth, bins=(ELEVATION_EDGES_DEG, AZIMUTH_EDGES_DEG))
    middles = [((e[:-1] + e[1:]) / 2).tolist() for e in (AZIMUTH_EDGES_DEG, ELEVATION_EDGES_DEG)]
    return {"azimuth_deg": middles[0], "elevation_deg": middles[1], "frames": frames.astype(int).tolist()}


def orbit_of(camera: Camera) -> Orbit:
    """The orbit that shows what a camera shows; an off-centre picture becomes a look at what is in its middle."""
    rotation, position = camera.viewmat[:3, :3], camera.position
    middle = np.linalg.inv(camera.k) @ np.array([camera.width / 2, camera.height / 2, 1.0])
    forward = rotation.T @ (middle / np.linalg.norm(middle))
    distance = float(-position @ forward)  # to the point of the ray nearest to the head's centre
    target = position + forward * distance
    azimuth = np.arctan2(-forward[0], -forward[2])
    elevation = np.arcsin(np.clip(-forward[1], -1, 1))
    right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
    up = np.cross(-forward, right)
    own_right = rotation[0] - forward * (rotation[0] @ forward)
    roll = np.arctan2(own_right @ up, own_right @ right)
    return Orbit(
        tuple(float(v) for v in target), float(np.degrees(azimuth)), float(np.degrees(elevation)), distance,
        camera.fov_deg, float(np.degrees(roll)),
    )  # fmt: skip


def poses_between(viewmats: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Head pose that makes the reference camera show what each camera shows, `[T, 6]` in `POSE_NAMES` order."""
    return np.stack([pose_numbers(np.linalg.inv(reference) @ v) for v in viewmats])
