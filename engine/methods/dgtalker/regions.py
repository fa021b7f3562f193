"""Upper and lower face of a frame: the landmarks' line through the base of the nose, parallel to the eyes."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.training.clip import Clip, Sample

N_MEDIAPIPE = 478
NOSE_BASE, CHIN = (2, 97, 326), (152,)
EYES = ((33, 133), (362, 263))  # corners in the picture's left and right
FEATHER_PX = 4.0  # of a picture 512 pixels wide
BELOW_CHIN = 0.25  # of the way from nose to chin; what lies lower is neck and shoulders
BOX_NOSE = 0.25  # of the lip box's side above it, where a dataset has other landmarks


@dataclass(frozen=True)
class FaceRegions:
    """For every training frame: a point of the dividing line, the unit vector down the face, how far down it reaches.

    Attributes:
        bases: pixels `[T, 2]`; downs: `[T, 2]`; reaches: pixels `[T]`; width: of the picture.
    """

    bases: np.ndarray
    downs: np.ndarray
    reaches: np.ndarray
    width: int

    def mask(self, sample: Sample, is_upper: bool) -> Tensor:
        """How much each pixel of a sample belongs to the upper or the lower face, `[H, W]`; neck and shoulders to
        neither."""
        height, width = sample.size
        divisor = self.width / width
        feather = FEATHER_PX * width / 512
        device = sample.target.device
        y = (torch.arange(height, device=device) + 0.5)[:, None]
        x = (torch.arange(width, device=device) + 0.5)[None]
        (bx, by), (dx, dy) = self.bases[sample.index] / divisor, self.downs[sample.index]
        below = (x - float(bx)) * float(dx) + (y - float(by)) * float(dy)
        lower = torch.clamp(below / feather + 0.5, 0, 1)
        if is_upper:
            return 1 - lower
        reach = float(self.reaches[sample.index] / divisor)
        return lower * torch.clamp((reach - below) / feather + 0.5, 0, 1)


def face_regions(clip: Clip) -> FaceRegions:
    """The regions of a clip, from MediaPipe's landmarks, else from its lip boxes."""
    landmarks = clip.tracks["landmarks"][: clip.n_train, :, :2].astype(np.float64)
    if landmarks.shape[1] == N_MEDIAPIPE:
        left, right = (landmarks[:, pair].mean(axis=1) for pair in EYES)
        along = right - left
        along /= np.linalg.norm(along, axis=1, keepdims=True).clip(1e-6)
        downs = np.stack([-along[:, 1], along[:, 0]], axis=1)
        bases = landmarks[:, NOSE_BASE].mean(axis=1)
        chin = ((landmarks[:, CHIN].mean(axis=1) - bases) * downs).sum(axis=1)
        return FaceRegions(bases, downs, chin * (1 + BELOW_CHIN), clip.info.width)
    y0, y1, x0, x1 = clip.tracks["lip_boxes"][: clip.n_train].astype(np.float64).T
    side = np.maximum(y1 - y0, x1 - x0)
    bases = np.stack([(x0 + x1) / 2, (y0 + y1) / 2 - (0.5 + BOX_NOSE) * side], axis=1)
    return FaceRegions(bases, np.tile([0.0, 1.0], (len(bases), 1)), 1.75 * side, clip.info.width)
