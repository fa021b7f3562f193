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
DARKEN = 0.985
"""Each row of that extension is darker than the one below it, as under a chin."""


def background_plate(
    read: Callable[[int], np.ndarray], read_masks: Callable[[int], np.ndarray], frames: np.ndarray
) -> tuple[np.ndarray, float]:
    """The scene without the person.

    Args:
        read, read_masks: give frame i and its masks (R head, G torso, B person), uint8 `[H, W, 3]`.
        frames: which to use; some 50 spread over the clip are enough.

    Returns:
        uint8 `[H, W, 3]`, and the part of it (0 to 1) that was never seen and is filled in.
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
    return filled(plate, seen.astype(np.float32)).round().astype(np.uint8), float(1 - seen.mean())


def torso_layer(rgb: np.ndarray, masks: np.ndarray, plate: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The frame without the head: torso over plate, the neck carried on upwards; uint8 `[H, W, 3]`.

    Args:
        rgb, masks, plate: uint8 `[H, W, 3]`; masks as R head, G torso, B person.
        landmarks: `[478, 3]` pixels.
    """
    head, torso = masks[..., 0] / np.float32(255), masks[..., 1] / np.float32(255)
    sure = (torso > 0.9) & (head < 0.1)
    if not sure.any():
        return plate
    color = filled(rgb.astype(np.float32), sure.astype(np.float32))
    alpha = np.where(head < 0.95, torso / np.maximum(1 - head, 0.05), 0)
    shade, extended = _extension(sure, head, head_axes(landmarks)[2])
    color, alpha = _carried_up(color, sure, shade, extended), np.maximum(alpha, extended)
    alpha = np.clip(alpha, 0, 1)[..., None]
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
    """Rows above the torso's top in each column where the head covers it: rows up, and opacity `[H, W]`."""
    height, width = sure.shape
    top = np.where(sure.any(axis=0), sure.argmax(axis=0), height)
    probe = np.clip(top - max(2, height // 100), 0, height - 1)
    touches = (top < height) & (head[probe, np.arange(width)] > 0.5)
    rows_up = top[None, :] - np.arange(height)[:, None]
    reach = EXTEND * face_height
    opacity = np.clip((reach - rows_up) / (0.3 * reach), 0, 1) * (rows_up > 0) * touches[None, :] * (head > 0.02)
    soft = cv2.GaussianBlur(opacity.astype(np.float32), (0, 0), height / 200)
    return np.maximum(rows_up, 0) * touches[None, :], np.where(rows_up > 0, soft * (head > 0.02), 0)


def _carried_up(color: np.ndarray, sure: np.ndarray, rows_up: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Takes the colour a little below the torso's top upwards, darker row by row."""
    height, width = sure.shape
    top = np.where(sure.any(axis=0), sure.argmax(axis=0), height - 1)
    source = color[np.clip(top + max(4, height // 128), 0, height - 1), np.arange(width)]
    carried = source[None] * (DARKEN ** (rows_up * 512 / height))[..., None]
    carried = cv2.GaussianBlur(carried.astype(np.float32), (0, 0), height / 170)
    return np.where((opacity > 0)[..., None], carried, color)
