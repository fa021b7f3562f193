"""What a studio's film knows of motion: how each start point moves with the face, and with it every Gaussian.

A picture tells a deformation only where it is wrong near an edge; the filmed mesh tells every Gaussian where to go, in
every frame. So the true motion may lead at first while the networks learn it, and is then handed over (ours: the papers
learn motion from pictures alone, which takes their tens of thousands of iterations).
"""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from engine.training.clip import Clip

ORIGIN = "origin"
"""The tag that names each Gaussian's start point; clones and halves keep their parent's."""


class MeshMotion:
    """The filmed motion of a dataset's start points.

    Args:
        points: where the Gaussians start, `[N, 3]`, on or between the dataset's start points.

    Attributes:
        origins: the start point each of `points` belongs to, int64 `[N]`.
        moves: bool `[N]`, points that move by more than `least` somewhere in the training frames.
    """

    def __init__(self, clip: Clip, points: np.ndarray, device: torch.device, least: float) -> None:
        shapes = torch.from_numpy(clip.tracks["point_shapes"]).to(device).float()
        self._n_shapes, self._n_points = shapes.shape[:2]
        self._shapes = shapes.permute(1, 2, 0).contiguous()  # [P, 3, 52]
        self._weights = torch.from_numpy(clip.tracks["arkit"]).to(device).float()
        origins = cKDTree(clip.tracks["points"]).query(points)[1]
        self.origins = torch.from_numpy(origins).to(device)
        farthest = torch.zeros(self._n_points, device=device)
        for index in np.unique(np.linspace(0, clip.n_train - 1, 200).astype(int)):
            farthest = torch.maximum(farthest, (self._shapes @ self._weights[index]).norm(dim=-1))
        self.moves = (farthest > least)[self.origins]

    @staticmethod
    def known(clip: Clip) -> bool:
        return "point_shapes" in clip.tracks and "points" in clip.tracks

    def shift(self, origins: Tensor, index: int) -> Tensor:
        """How far Gaussians of these start points `[M]` are from rest in a frame, head heights `[M, 3]`."""
        return self._shapes[origins] @ self._weights[index]
