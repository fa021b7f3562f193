"""How alike two pictures are: PSNR, SSIM, MS-SSIM, LPIPS, and the distance of mouth landmarks."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from engine.capture.landmarks import FaceLandmarker
from engine.training.losses import ssim_parts

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MOUTH_LANDMARKS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178)
"""The twenty mouth points of the 68-point scheme (outer, then inner lips) in MediaPipe's numbering."""

UPPER_LIP, LOWER_LIP, FOREHEAD, CHIN = 13, 14, 10, 152
N_POINTS = 478


def psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """`-10 log10` of the mean squared error, dB.

    Args:
        a, b: `[H, W, 3]`, 0 to 1.
        mask: `[H, W]` weights of the pixels that count; None counts all.
    """
    error = np.square(a.astype(np.float64) - b).mean(axis=-1)
    mse = error.mean() if mask is None else (error * mask).sum() / max(mask.sum(), 1e-9)
    return float(-10 * np.log10(max(mse, 1e-10)))


def on_white(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture cut out by a mask `[H, W]`, on white."""
    return picture * mask[..., None] + (1 - mask[..., None])


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity with an 11x11 Gaussian window, mean over the picture."""
    return float(ssim_parts(*_tensors(a, b))[0].mean())


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Multi-scale SSIM over five halvings (fewer where the picture is under 176 pixels, weights rescaled)."""
    a, b = _tensors(a, b)
    n_scales = max(1, min(len(MS_SSIM_WEIGHTS), int(np.log2(min(a.shape[:2]) / 11)) + 1))
    weights = np.array(MS_SSIM_WEIGHTS[:n_scales]) / sum(MS_SSIM_WEIGHTS[:n_scales])
    total = 1.0
    for scale, weight in enumerate(weights):
        whole, structure = ssim_parts(a, b)
        last = scale == n_scales - 1
        total *= float((whole if last else structure).mean().clamp(min=0)) ** weight
        a, b = (F.avg_pool2d(x.movedim(-1, 0)[None], 2)[0].movedim(0, -1) for x in (a, b))
    return float(total)


class MouthDistance:
    """Landmark distance: MediaPipe's mouth points on both pictures, each less its own mean, mean distance in pixels.

    Not divided by the size of the face, so it depends on the picture's size: evaluate at 512. Use it in a `with`.
    """

    def __init__(self, model: Path) -> None:
        self._landmarker = FaceLandmarker(model, is_video=False)

    def __enter__(self) -> "MouthDistance":
        self._landmarker.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._landmarker.__exit__(*error)

    def __call__(self, a: np.ndarray, b: np.ndarray) -> float:
        """Pixels, NaN where a face is not found in both `[H, W, 3]`."""
        return mouth_distance(self.points(a), self.points(b))

    def points(self, picture: np.ndarray) -> np.ndarray:
        """MediaPipe's points in pixels `[478, 2]` of a picture `[H, W, 3]`, NaN where no face is found."""
        faces = self._landmarker.faces(_bytes(picture), 0)
        return faces[0].points[:, :2] if faces else np.full((N_POINTS, 2), np.nan)


def mouth_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance of the mouth points of two faces `[478, 2]`, each less its own mean."""
    mouths = [points[list(MOUTH_LANDMARKS)] for points in (a, b)]
    one, two = (mouth - mouth.mean(axis=0) for mouth in mouths)
    return float(np.linalg.norm(one - two, axis=1).mean())


def mouth_opening(points: np.ndarray) -> np.ndarray:
    """Gap between the inner lips over the height of the face, of points `[T, 478, 2]`: `[T]`."""
    gap = np.linalg.norm(points[:, UPPER_LIP] - points[:, LOWER_LIP], axis=-1)
    return gap / np.linalg.norm(points[:, FOREHEAD] - points[:, CHIN], axis=-1)


def correlation(made: np.ndarray, truth: np.ndarray, least: float) -> float:
    """Pearson's r of two curves where both are known; NaN for under 20 places or a truth that hardly moves.

    Args:
        least: standard deviation of the truth from which on there is a motion to follow.
    """
    known = np.isfinite(made) & np.isfinite(truth)
    if known.sum() < 20 or truth[known].std() < least:
        return float("nan")
    if made[known].std() < 1e-9:
        return 0.0
    return float(np.corrcoef(made[known], truth[known])[0, 1])


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))


def _tensors(a: np.ndarray, b: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)) for x in (a, b))
