"""Which of the starting points may move, and which lie in the upper face and round the mouth, told by the landmarks."""

import numpy as np
from scipy.spatial import Delaunay

from engine.training.clip import Clip

N_FRAMES = 6
HULL_GROWTH = {True: 1.18, False: 1.05}  # of the landmarks' hull, for cheeks, chin and hairline
NECK = {True: 0.45, False: 0.15}  # of the face's height, how far the hull reaches down
SHARE = {True: 0.0, False: 0.5}  # of the looked-at frames that must see a moving point inside the hull
LEAST_LOOSE = -8.0  # logit of a point that follows the head entirely
BEHIND = 0.2  # head heights behind the head's centre where the moving part of the surface ends


def face_zones(clip: Clip, points: np.ndarray) -> dict[str, np.ndarray]:
    """Bool `[P]` each: `active` may move with the face, `upper` lies above the nose's root, `lower` round the lips.

    Where a studio knows what moved each frame, hair and neck round the face may move with it. A filmed clip is short,
    and the inputs of each frame are one of a kind: hair that could follow them would learn the frames by heart.
    """
    ids = _frames_facing(clip)
    exact = clip.info.exact
    inside = np.zeros(len(points))
    upper, lower = np.zeros(len(points)), np.zeros(len(points))
    for index in ids:
        camera = clip.camera(int(index))
        seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        pixels = seen @ camera.k.T
        xy = pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-6)
        near = seen[:, 2] < camera.viewmat[2, 3] + BEHIND
        inside += near & (_hull(clip.tracks["landmarks"][index, :, :2], exact).find_simplex(xy) >= 0)
        y0, y1, x0, x1 = clip.tracks["lip_boxes"][index]
        side = max(y1 - y0, x1 - x0)
        upper += xy[:, 1] < y0 - 0.35 * side
        lower += (np.abs(xy[:, 1] - (y0 + y1) / 2) < 0.6 * side) & (np.abs(xy[:, 0] - (x0 + x1) / 2) < 0.6 * side)
    active = inside > SHARE[exact] * len(ids)
    if not active.any():
        active[:] = True
    return {"active": active, "upper": active & (upper > len(ids) / 2), "lower": active & (lower > len(ids) / 2)}


def loose_start(clip: Clip, points: np.ndarray) -> np.ndarray:
    """Logits `[P]` of how little each point follows the head, to start from: the face and what lies above the eyes is
    rigid (`LEAST_LOOSE`), hair and neck beside and below it ever looser towards the picture's lower edge."""
    index = int(_frames_facing(clip)[0])
    camera = clip.camera(index)
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = seen @ camera.k.T
    xy = pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-6)
    y0, y1, x0, x1 = clip.tracks["lip_boxes"][index]
    eyes = y0 - 1.2 * max(y1 - y0, x1 - x0)
    face = Delaunay(clip.tracks["landmarks"][index, :, :2]).find_simplex(xy) >= 0
    down = np.clip((xy[:, 1] - eyes) / max(camera.height - eyes, 1.0), 0, 1)
    logits = np.where(face | (down <= 0), LEAST_LOOSE, -3.0 + 4.0 * down)
    return logits.astype(np.float32)


def _frames_facing(clip: Clip) -> np.ndarray:
    """Training frames that see the face most from the front."""
    forward = clip.tracks["viewmats"][: clip.n_train, 2, 2]  # the camera's axis along the world's z: -1 is frontal
    tracked = clip.tracks["tracked"][: clip.n_train] > 0.5
    order = np.argsort(np.where(tracked, forward, 2.0), kind="stable")
    best = order[: max(N_FRAMES, clip.n_train // 3)]
    return best[np.linspace(0, len(best) - 1, N_FRAMES).astype(int)]


def _hull(landmarks: np.ndarray, exact: bool) -> Delaunay:
    centre = landmarks.mean(axis=0)
    grown = centre + (landmarks - centre) * HULL_GROWTH[exact]
    lower = grown + np.array([0.0, NECK[exact] * np.ptp(landmarks[:, 1])])
    return Delaunay(np.concatenate([grown, lower]))
