"""The empty background of a clip, and for each frame what stands behind the head: neck and shoulders over it."""

from collections.abc import Callable

import cv2
import numpy as np

from engine.capture.face_shape import head_axes

MARGIN = 6
"""A background pixel counts when it lies further than this from the person, pixels at 512."""
BEST = 7
"""The plate is the median of this many frames in which a pixel lies furthest from the person."""
EXTEND = 0.3
"""Neck and shoulders go on upwards behind the head for this many face heights."""
DARKEN = 0.992
"""Each row of that extension is darker than the one below it, as under a chin."""


def background_plate(
    read: Callable[[int], np.ndarray], read_masks: Callable[[int], np.ndarray], frames: np.ndarray
) -> np.ndarray:
    """The scene without the person.

    Args:
        read, read_masks: give frame i and its masks (R head, G torso, B person), uint8 `[H, W, 3]`.
        frames: which to use; some 50 spread over the clip are enough.

    Returns:
        uint8 `[H, W, 3]`; what was never seen is filled in smoothly.
    """
    pictures, distances = [], []
    for index in frames:
        picture = read(index)
        margin = MARGIN * picture.shape[0] / 512
        free = (read_masks(index)[..., 2] < 13).astype(np.uint8)
        distance = cv2.distanceTransform(free, cv2.DIST_L2, 3)
        pictures.append(picture)
        distances.append(np.where(distance > margin, distance, 0).astype(np.float32))
    stack, far = np.array(pictures), np.array(distances)
    best = np.argsort(-far, axis=0, kind="stable")[: min(BEST, len(stack))]
    chosen = np.take_along_axis(stack, best[..., None], axis=0).astype(np.float32)
    weight = np.take_along_axis(far, best, axis=0) > 0
    chosen[~weight] = np.nan
    seen = weight.any(axis=0)
    plate = np.zeros(stack.shape[1:], np.float32)
    plate[seen] = np.nanmedian(chosen[:, seen], axis=0)
    return filled(plate, seen.astype(np.float32)).round().astype(np.uint8)


def torso_layer(rgb: np.ndarray, masks: np.ndarray, plate: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The frame without the head: torso over plate, the neck carried on upwards; uint8 `[H, W, 3]`.

    Args:
        rgb, masks, plate: uint8 `[H, W, 3]`; masks as R head, G torso, B person.
        landmarks: `[478, 3]` pixels.
    """
    head, torso = masks[..., 0] / np.float32(255), masks[..., 1] / np.float32(255)
    sure = (torso > 0.95) & (head < 0.05)
    sure = cv2.erode(sure.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # edges hold some of the head's colour
    if not sure.any():
        return plate
    color = filled(rgb.astype(np.float32), sure.astype(np.float32))
    rows_up, extended = _extension(sure, head, head_axes(landmarks)[2])
    color = color * (DARKEN ** (np.maximum(rows_up - 4, 0) * 512 / rgb.shape[0]))[..., None]
    own = np.where(head < 0.95, torso / np.maximum(1 - head, 0.05), 0) * (torso > 0.05)
    alpha = np.clip(np.maximum(own, extended), 0, 1)[..., None]
    return np.clip(color * alpha + plate * (1 - alpha) + 0.5, 0, 255).astype(np.uint8)


def filled(picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fills pixels of weight 0 smoothly from the others (pull down a pyramid, push back up).

    Args:
        picture: float32 `[H, W, C]`.
        weight: `[H, W]`, 0 to 1.
    """
    height, width = weight.shape
    if min(height, width) <= 2 or weight.min() >= 1:
        mean = (picture * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return picture * weight[..., None] + mean * (1 - weight[..., None])
    half = ((width + 1) // 2, (height + 1) // 2)
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture * weight[..., None], half, interpolation=cv2.INTER_AREA)
    small = small / np.maximum(small_weight[..., None], 1e-6)
    below = cv2.resize(filled(small, np.minimum(small_weight * 2, 1)), (width, height), interpolation=cv2.INTER_LINEAR)
    return picture * weight[..., None] + below * (1 - weight[..., None])


def _extension(sure: np.ndarray, head: np.ndarray, face_height: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows above the torso's top in each column where the head lies over it: rows up, and opacity `[H, W]`.

    The top is smoothed along the columns and drawn in towards the sides, as a neck is round.
    """
    height, width = sure.shape
    rows = np.arange(height)[:, None]
    filled_columns = sure.any(axis=0)
    top = np.where(filled_columns, sure.argmax(axis=0), height)
    probe = np.clip(top - max(4, height // 64), 0, height - 1)
    touches = filled_columns & (head[probe, np.arange(width)] > 0.5)
    rows_up = (top[None, :] - rows) * touches[None, :]
    inward = cv2.distanceTransform(np.pad(touches, 1)[None, :].astype(np.uint8).repeat(3, 0), cv2.DIST_L2, 3)[1, 1:-1]
    reach = EXTEND * face_height * np.clip(inward / (0.06 * face_height), 0, 1)[None, :]
    opacity = np.clip((reach - rows_up) / np.maximum(0.3 * reach, 1), 0, 1) * (rows_up > 0) * (head > 0.02)
    soft = cv2.GaussianBlur(opacity.astype(np.float32), (0, 0), height / 300)
    return np.maximum(rows_up, 0), np.where((rows_up > 0) | (opacity > 0), soft * (head > 0.02), 0)
