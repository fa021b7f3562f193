"""Points of skin and hair that are found again all over a clip: they tell head motion better than landmarks do.

Features are picked in a few key frames that show the head from different sides. In every other frame each is looked
for where the poses known so far expect it: the frame is first laid over the key frame (rotation, scale and
foreshortening taken out), so that a small shift remains, and that is measured (Lucas-Kanade, forwards and back).
Nothing drifts, because every frame is compared with key frames and not with its neighbour.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from engine.camera import Camera
from engine.capture.bundle import Sightings
from engine.capture.face_shape import FACE_OVAL, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from engine.capture.head_surface import lift, project

WINDOW = 19
LEVELS = 2
BACK_PX = 0.7
"""A feature counts when looking back finds it within so many pixels of where it was picked, pictures of 512."""
MOVED_PX = 12.0
"""Nor may it lie further than this from where it is expected."""
CONTRAST = 0.008
NOSE_TIP, UPPER_LIP = 1, 0


@dataclass(frozen=True)
class KeyFrame:
    """Features of one frame: pixels `[F, 2]`, world points `[F, 3]`, which are on the face `[F]`, and the picture."""

    index: int
    gray: np.ndarray
    pixels: np.ndarray
    points: np.ndarray
    on_face: np.ndarray


def key_frames(turns: np.ndarray, found: np.ndarray, count: int) -> np.ndarray:
    """Frames whose head rotations `[T, 3]` (rotation vectors) lie as far apart as can be, the middle one first."""
    usable = np.nonzero(found)[0]
    chosen = [int(usable[np.argmin(np.linalg.norm(turns[usable] - np.median(turns[usable], axis=0), axis=1))])]
    distance = np.linalg.norm(turns[usable] - turns[chosen[0]], axis=1)
    while len(chosen) < min(count, len(usable)):
        chosen.append(int(usable[np.argmax(distance)]))
        distance = np.minimum(distance, np.linalg.norm(turns[usable] - turns[chosen[-1]], axis=1))
    return np.array(chosen)


def pick_features(
    index: int, rgb: np.ndarray, masks: np.ndarray, landmarks: np.ndarray, camera: Camera, shape: np.ndarray, count: int
) -> KeyFrame:
    """Picks well-textured points of the rigid part of the head, spread evenly."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    area = rigid_area(masks, landmarks)
    apart = max(4, rgb.shape[0] // 70)
    found = cv2.goodFeaturesToTrack(gray, count, CONTRAST, apart, mask=area, blockSize=7)
    pixels = np.zeros((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)
    if len(pixels) == 0:
        return KeyFrame(index, gray, pixels, np.zeros((0, 3)), np.zeros(0, bool))
    points, on_face = lift(pixels, masks, camera, shape)
    return KeyFrame(index, gray, pixels, points, on_face)


def rigid_area(masks: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The head without eyes, brows, mouth, jaw, rim and the hair below the chin: 255 there, uint8 `[H, W]`."""
    size = masks.shape[0]
    area = cv2.erode((masks[..., 0] > 230).astype(np.uint8), np.ones((size // 50, size // 50), np.uint8))
    xy = landmarks[:, :2]
    for ring, grow in ((LEFT_EYE, 1.6), (RIGHT_EYE, 1.6), (LEFT_BROW, 1.3), (RIGHT_BROW, 1.3), (OUTER_LIPS, 1.5)):
        hull = cv2.convexHull(xy[list(ring)].astype(np.float32))[:, 0]
        cv2.fillConvexPoly(area, np.round((hull - hull.mean(0)) * grow + hull.mean(0)).astype(np.int32), 0)
    jaw = np.zeros_like(area)
    cv2.fillPoly(jaw, [np.round(xy[list(FACE_OVAL)]).astype(np.int32)], 1)
    y, x = np.mgrid[:size, :size]
    down = xy[152] - xy[10]
    down = down / np.linalg.norm(down)
    below = (x - xy[2, 0]) * down[0] + (y - xy[2, 1]) * down[1]
    chin = float((xy[152] - xy[2]) @ down)
    area[(below > 0) & (jaw > 0)] = 0
    area[below > 0.8 * chin] = 0
    return area * 255


def find_features(key: KeyFrame, rgb: np.ndarray, camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Looks for a key frame's features in another frame.

    Args:
        key: the key frame.
        rgb: the other frame.
        camera: its camera as known so far.
        points: where the features are in the world as known so far, `[F, 3]`.

    Returns:
        Indices of the features found, and their pixels `[N, 2]`.
    """
    expected = project(points, camera)
    inside = ((expected > 0) & (expected < rgb.shape[0])).all(axis=1)
    if inside.sum() < 8:
        return np.zeros(0, int), np.zeros((0, 2))
    over, _ = cv2.estimateAffine2D(expected[inside], key.pixels[inside], method=cv2.LMEDS)
    if over is None or abs(np.linalg.det(over[:, :2])) < 0.2:
        return np.zeros(0, int), np.zeros((0, 2))
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    laid = cv2.warpAffine(gray, over, gray.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    start = (expected @ over[:, :2].T + over[:, 2]).astype(np.float32)
    origin = key.pixels.astype(np.float32)
    options = {
        "winSize": (WINDOW, WINDOW), "maxLevel": LEVELS, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
        "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01),
    }  # fmt: skip
    there, ok, _ = cv2.calcOpticalFlowPyrLK(key.gray, laid, origin[:, None], start[:, None].copy(), **options)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(laid, key.gray, there, origin[:, None].copy(), **options)
    there, back = there[:, 0], back[:, 0]
    unit = rgb.shape[0] / 512
    good = (ok[:, 0] > 0) & (ok_back[:, 0] > 0) & inside
    good &= np.linalg.norm(back - origin, axis=1) < BACK_PX * unit
    good &= np.linalg.norm(there - start, axis=1) < MOVED_PX * unit
    inverse = cv2.invertAffineTransform(over)
    return np.nonzero(good)[0], there[good].astype(np.float64) @ inverse[:, :2].T + inverse[:, 2]


def sight(
    keys: list[KeyFrame], offsets: np.ndarray, points: np.ndarray, frame: int, near: np.ndarray,
    read: Callable[[int], np.ndarray], camera: Camera, sigma: np.ndarray,
) -> Sightings:  # fmt: skip
    """Sightings in one frame of the features of the key frames `near` (indices into `keys`).

    Args:
        keys: all key frames; feature i of key k is point `offsets[k] + i`.
        points, sigma: of all features, in the world `[P, 3]` and in pixels `[P]`.
        frame: the frame, `read` gives its picture, `camera` its camera as known so far.
    """
    rows, where = [np.zeros(0, int)], [np.zeros((0, 2))]
    for i in near:
        own = slice(offsets[i], offsets[i] + len(keys[i].pixels))
        if keys[i].index == frame:
            found, xy = np.arange(len(keys[i].pixels)), keys[i].pixels
        else:
            found, xy = find_features(keys[i], read(frame), camera, points[own])
        rows.append(found + offsets[i])
        where.append(xy)
    rows, where = np.concatenate(rows), np.concatenate(where)
    return Sightings(np.full(len(rows), frame), rows, where, sigma[rows])
