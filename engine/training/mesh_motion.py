"""What a studio's film knows of motion: how each start point moves with the face, and with it every Gaussian.

A picture tells a deformation only where it is wrong near an edge; the filmed mesh tells every Gaussian where to go, in
every frame. So the true motion may lead at first while the networks learn it, and is then handed over (ours: the papers
learn motion from pictures alone, which takes their tens of thousands of iterations).
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from engine.training.clip import Clip
from engine.training.hearing import Hearing

ORIGIN = "origin"
"""The tag that names each Gaussian's start point; clones and halves keep their parent's."""

ROWS, FRAMES = 2048, 3  # Gaussians and frames whose motion is compared with the mesh's in one iteration
REST = 0.1  # share of the weight of the mesh's motion that stays to the end


class MeshMotion:
    """The filmed motion of a dataset's start points, which leads until the networks have learnt it.

    Args:
        points: where the Gaussians start, `[N, 3]`, on or between the dataset's start points.
        least: head heights a point must move to count as moving.
        until: iteration until which the mesh leads: wholly for half of it, then fading.
        weight: of the networks' distance from the mesh's motion in pixels of a 512 picture; a tenth stays to the end.
        round_px: distances far under it count squared, far over it as they are. Where 0 every distance pulls alike, and
            as most places rest in most frames, a network that cannot tell them apart yet learns to hold all still.

    Attributes:
        origins: the start point each of `points` belongs to, int64 `[N]`.
        moves: bool `[N]`, points that move by more than `least` somewhere in the training frames.
    """

    def __init__(
        self, clip: Clip, points: np.ndarray, device: torch.device, least: float, until: float, weight: float,
        round_px: float = 0.0,
    ) -> None:  # fmt: skip
        self._clip, self._until, self._weight, self._round = clip, until, weight, max(round_px, 1e-3)
        shapes = torch.from_numpy(clip.tracks["point_shapes"]).to(device).float()
        self._n_shapes, self._n_points = shapes.shape[:2]
        self._shapes = shapes.permute(1, 2, 0).contiguous()  # [P, 3, 52]
        self._tracks = torch.from_numpy(clip.tracks["arkit"]).to(device).float()
        origins = cKDTree(clip.tracks["points"]).query(points)[1]
        self.origins = torch.from_numpy(origins).to(device)
        farthest = torch.zeros(self._n_points, device=device)
        for index in np.unique(np.linspace(0, clip.n_train - 1, 200).astype(int)):
            farthest = torch.maximum(farthest, (self._shapes @ self._tracks[index]).norm(dim=-1))
        self.moves = (farthest > least)[self.origins]

    @staticmethod
    def known(clip: Clip) -> bool:
        return "point_shapes" in clip.tracks and "points" in clip.tracks

    def shift(self, origins: Tensor, index: int) -> Tensor:
        """How far Gaussians of these start points `[M]` are from rest in a frame, head heights `[M, 3]`."""
        return self._shapes[origins] @ self._tracks[index]

    def lead(self, at: float) -> float:
        """The share of the motion that is the mesh's own at a place of the schedule, 1 to 0."""
        return min(1.0, max(0.0, 2.0 * (1.0 - at / self._until)))

    def distance(
        self, at: float, tags: dict[str, Tensor], hearing: Hearing, rng: np.random.Generator,
        moved: Callable[[Tensor, Tensor, np.ndarray], Tensor],
    ) -> Tensor:  # fmt: skip
        """The weighted distance of the networks' motion from the mesh's, of some active Gaussians in some frames.

        Args:
            tags: `active` and `ORIGIN` of all Gaussians.
            moved: the networks' shifts in head heights `[F, M, 3]` of rows `[M]` at audio codes `[F, D]` in training
                frames `[F]`.
        """
        active = tags["active"].nonzero()[:, 0]
        rows = active[torch.randint(len(active), (ROWS,), device=active.device)]
        ids = rng.integers(self._clip.n_train, size=FRAMES)
        codes = hearing.by_chance_at(self._clip.tracks["times"][ids])
        wanted = torch.stack([self.shift(tags[ORIGIN][rows], index) for index in ids])
        squared = ((moved(rows, codes, ids) - wanted) / self._clip.pixel()).square().sum(dim=-1)
        apart = (squared + self._round**2).sqrt().mean() - self._round
        return self._weight * max(REST, self.lead(at)) * apart
