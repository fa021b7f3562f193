"""How two pictures of one moment differ: PSNR of the frame, mouth and eyes, and a heat picture of the difference."""

from dataclasses import dataclass

import numpy as np

from app.theme.tokens import HEAT
from engine.camera import Orbit
from engine.inspection.regions import FacePlan

PEAK_DB = 60.0
"""Identical pictures are shown as this: the decibels of no difference are infinite."""
HEAT_GROUND = "#0B0F22"
MOUTH_BOX, EYES_BOX = (0.17, 0.12), (0.30, 0.10)
MOUTH_Z, EYES_Z = 0.38, 0.33


@dataclass(frozen=True)
class Difference:
    """Figures of one pair of pictures; None where a part is not in the picture.

    Attributes:
        frame_db, mouth_db, eyes_db: PSNR in dB, at most `PEAK_DB`.
        mouth, eyes, rest: mean absolute difference, 0 to 255.
    """

    frame_db: float
    mouth_db: float | None
    eyes_db: float | None
    mouth: float | None
    eyes: float | None
    rest: float


def opaque(image: np.ndarray) -> np.ndarray:
    """`[H, W, 4]` uint8, straight alpha, over black: float32 `[H, W, 3]`, 0 to 255."""
    return image[..., :3] * (image[..., 3:].astype(np.float32) / 255)


def measured(a: np.ndarray, b: np.ndarray, orbit: Orbit) -> Difference | None:
    """Compares two pictures `[H, W, 4]` uint8 of one size; None if the sizes differ."""
    if a.shape != b.shape:
        return None
    apart = np.abs(opaque(a) - opaque(b))
    boxes = face_boxes(orbit, a.shape[1], a.shape[0])
    parts = {name: None if box is None else apart[box[1] : box[3], box[0] : box[2]] for name, box in boxes.items()}
    mouth, eyes = parts["mouth"], parts["eyes"]
    return Difference(
        psnr(apart), None if mouth is None else psnr(mouth), None if eyes is None else psnr(eyes),
        None if mouth is None else float(mouth.mean()), None if eyes is None else float(eyes.mean()),
        float(apart.mean()),
    )  # fmt: skip


def psnr(apart: np.ndarray) -> float:
    """Peak signal to noise ratio of absolute differences on a scale of 255, in dB."""
    error = float(np.mean(np.square(apart)))
    return PEAK_DB if error <= 0 else min(PEAK_DB, 10 * np.log10(255.0**2 / error))


def face_boxes(orbit: Orbit, width: int, height: int) -> dict[str, tuple[int, int, int, int] | None]:
    """Pixels of mouth and eyes as (left, top, right, bottom), where an average head has them."""
    camera, plan = orbit.camera(width, height), FacePlan()
    eyes = (0.0, plan.eye[1])
    spots = {"mouth": (*plan.mouth, MOUTH_Z, *MOUTH_BOX), "eyes": (*eyes, EYES_Z, *EYES_BOX)}
    boxes: dict[str, tuple[int, int, int, int] | None] = {}
    for name, (x, y, z, half_w, half_h) in spots.items():
        corners = np.array([[x + sx * half_w, y + sy * half_h, z] for sx in (-1, 1) for sy in (-1, 1)])
        seen = corners @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        pixels = (seen / np.maximum(seen[:, 2:], 1e-6)) @ camera.k.T
        low, high = pixels[:, :2].min(axis=0), pixels[:, :2].max(axis=0)
        left, top = (int(max(0, v)) for v in low)
        right, bottom = int(min(width, high[0])), int(min(height, high[1]))
        boxes[name] = (left, top, right, bottom) if right - left > 2 and bottom - top > 2 else None
    return boxes


def heat_picture(a: np.ndarray, b: np.ndarray, gain: float) -> np.ndarray | None:
    """The absolute difference, mean of the channels, times `gain`, on the heat map: uint8 `[H, W, 3]`."""
    if a.shape != b.shape:
        return None
    apart = np.abs(opaque(a) - opaque(b)).mean(axis=2) * gain
    return HEAT_TABLE[np.clip(apart, 0, 255).astype(np.uint8)]


def _heat_table() -> np.ndarray:
    stops = [HEAT_GROUND, *HEAT]
    colors = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in stops], float)
    place = np.linspace(0, len(stops) - 1, 256)
    return np.stack([np.interp(place, np.arange(len(stops)), colors[:, c]) for c in range(3)], axis=1).astype(np.uint8)


HEAT_TABLE = _heat_table()
