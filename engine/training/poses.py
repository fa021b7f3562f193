"""Small corrections of tracked cameras, learnt with the head: a free rigid motion for each training frame.

Held-out frames have their tracked camera only, so what the corrections have in common must be known for them too: their
mean is kept at zero, what follows the turn and place of the head (a tracker whose head is a little too deep or too flat
errs so) is a linear function of them that goes for any frame (`carried`), and what remains, a frame's own, fades.
"""

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

LIMIT = 0.05  # radians and head heights; a correction is never larger
KEEP = 0.998  # of a frame's own part of its correction, each step: what no picture asks for fades
RIDGE = 0.02  # of the number of frames


class PoseCorrections(nn.Module):
    """Six numbers a frame: a rotation vector about the camera's axes through the head, and a translation.

    Args:
        viewmats: the tracked cameras of the training frames, `[T, 4, 4]`.
    """

    def __init__(self, viewmats: np.ndarray) -> None:
        super().__init__()
        self.twists = nn.Parameter(torch.zeros(len(viewmats), 6))
        features = _features(viewmats, len(viewmats))
        self.register_buffer("common", torch.tensor(features @ _solver(features), dtype=torch.float32))

    def forward(self, index: int, viewmat: Tensor) -> Tensor:
        """The corrected world-to-camera matrix `[4, 4]` of a training frame."""
        twist = self.twists[index]
        rotation = _exponential(twist[:3]) @ viewmat[:3, :3]
        translation = viewmat[:3, 3] + twist[3:]
        bottom = viewmat.new_tensor([[0.0, 0.0, 0.0, 1.0]])
        return torch.cat([torch.cat([rotation, translation[:, None]], dim=1), bottom])

    @torch.no_grad()
    def settle(self) -> None:
        """Takes the mean out of corrections, lets what is a frame's own fade, and limits them; call after a step."""
        self.twists -= self.twists.mean(dim=0)
        shared = self.common @ self.twists
        self.twists.copy_(shared + KEEP * (self.twists - shared))
        self.twists.clamp_(-LIMIT, LIMIT)

    @torch.no_grad()
    def corrected(self, viewmats: Tensor) -> Tensor:
        """All training cameras, corrected: `[T, 4, 4]` -> `[T, 4, 4]`."""
        return torch.stack([self(i, viewmats[i]) for i in range(len(viewmats))])


def carried(tracked: np.ndarray, corrected: np.ndarray) -> np.ndarray:
    """What training found of its own frames' cameras, applied to all frames of the clip, `[T, 4, 4]`.

    Corrections are fitted by a linear function of the head's turn and place in training frames; nothing of the other
    frames but their tracked cameras goes into it, and none is taken beyond the range of training.

    Args:
        tracked: cameras of the clip, `[T, 4, 4]`, training frames first.
        corrected: those of the training frames as corrected, `[n, 4, 4]` with n <= T.
    """
    n = len(corrected)
    turns = Rotation.from_matrix(corrected[:, :3, :3] @ tracked[:n, :3, :3].transpose(0, 2, 1)).as_rotvec()
    twists = np.concatenate([turns, corrected[:, :3, 3] - tracked[:n, :3, 3]], axis=1)
    features = _features(tracked, n)
    twists = features @ (_solver(features[:n]) @ twists)
    cameras = tracked.astype(np.float64)
    cameras[:, :3, :3] = Rotation.from_rotvec(twists[:, :3]).as_matrix() @ cameras[:, :3, :3]
    cameras[:, :3, 3] += twists[:, 3:]
    return cameras


def _features(viewmats: np.ndarray, n: int) -> np.ndarray:
    """Turn and place of the head in sigmas of the first n frames and never outside their range, and a one: `[T, 7]`."""
    middle = Rotation.from_matrix(viewmats[:n, :3, :3]).mean()
    turns = (Rotation.from_matrix(viewmats[:, :3, :3]) * middle.inv()).as_rotvec()
    raw = np.concatenate([turns, viewmats[:, :3, 3]], axis=1).astype(np.float64)
    known = raw[:n]
    scaled = (np.clip(raw, known.min(axis=0), known.max(axis=0)) - known.mean(axis=0)) / known.std(axis=0).clip(1e-4)
    return np.column_stack([scaled, np.ones(len(raw))])


def _solver(features: np.ndarray) -> np.ndarray:
    """The matrix `[7, T]` that takes values of frames to the coefficients of their features (ridge regression)."""
    gram = features.T @ features + RIDGE * len(features) * np.eye(features.shape[1])
    return np.linalg.solve(gram, features.T)


def _exponential(vector: Tensor) -> Tensor:
    """Rotation matrix of a small rotation vector `[3]`; the series keeps the gradient finite at zero."""
    x, y, z = vector.unbind()
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    angle2 = vector.square().sum()
    sine = 1 - angle2 / 6 + angle2.square() / 120
    cosine = 0.5 - angle2 / 24 + angle2.square() / 720
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + sine * cross + cosine * cross @ cross
