"""What is known of motion beside the pictures: how each start point moves with the face, and with it every Gaussian.

A picture tells a deformation only where it is wrong near an edge; a mesh tells every Gaussian where to go, in every
frame: the one a studio filmed, or a head model fitted to any other film. So that motion may lead at first while the
networks learn it, and is then handed over (ours: the papers learn motion from pictures alone, which takes their tens of
thousands of iterations).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from engine.training.clip import Clip
from engine.training.hearing import Hearing

ORIGIN = "origin"
"""The tag that names each Gaussian's start point; clones and halves keep their parent's."""

ROWS, FRAMES = 2048, 3  # Gaussians and frames whose motion is compared with the mesh's in one iteration
FAIR_ROWS, FAIR_FRAMES = 512, 12  # as many products, but four times the expressions
FAIR_SHARE = 0.5  # of what is drawn; the other half is drawn evenly
REST = 0.1  # share of the weight of the mesh's motion that stays to the end
LEAST_PX = 1.0  # a shape that moves nothing so far has no say in what is drawn
LEAST_RANGE_PX = 10.0  # what moves less counts in pixels: else holding all still wins where most places rest
PIXELS_OF_RANGE = 10.0  # a distance of a whole range weighs as so many pixels


@dataclass(frozen=True)
class PointMotion:
    """How points move with the shapes of a face.

    Attributes:
        points: at rest, `[P, 3]`.
        shapes: what a unit of each shape adds, head heights `[C, P, 3]`.
        tracks: each shape's weight in every frame of the clip, `[T, C]`.
    """

    points: np.ndarray
    shapes: np.ndarray
    tracks: np.ndarray

    @classmethod
    def filmed(cls, tracks: Mapping[str, np.ndarray]) -> "PointMotion | None":
        """What a dataset's tracks say of its own start points; None where they do not say it."""
        if "point_shapes" not in tracks or "points" not in tracks:
            return None
        return cls(tracks["points"], tracks["point_shapes"], tracks["arkit"])


class MeshMotion:
    """The known motion of start points, which leads until the networks have learnt it.

    Args:
        motion: what is known.
        points: where the Gaussians start, `[N, 3]`, on or between the points whose motion is known.
        least: head heights a point must move to count as moving.
        until: iteration until which the mesh leads: wholly for half of it, then fading.
        weight: of the networks' distance from the mesh's motion in pixels of a 512 picture; a tenth stays to the end.
        round_px: distances far under it count squared, far over it as they are. Where 0 every distance pulls alike, and
            as most places rest in most frames, a network that cannot tell them apart yet learns to hold all still.
        is_fair: every shape of the face has the same say, however few points it moves, however little and however
            seldom: half of what is compared is drawn so, and what moves far counts in tenths of its own range. Else
            Gaussians and frames are drawn evenly and distances are pixels: a jaw outweighs lids two hundredfold.

    Attributes:
        origins: the start point each of `points` belongs to, int64 `[N]`.
        moves: bool `[N]`, points that move by more than `least` somewhere in the training frames.
    """

    def __init__(
        self, clip: Clip, motion: PointMotion, points: np.ndarray, device: torch.device, least: float, until: float,
        weight: float, round_px: float = 0.0, is_fair: bool = False,
    ) -> None:  # fmt: skip
        self._clip, self._until, self._weight, self._round = clip, until, weight, max(round_px, 1e-3)
        shapes = torch.from_numpy(motion.shapes).to(device).float()
        self._n_points = shapes.shape[1]
        self._shapes = shapes.permute(1, 2, 0).contiguous()  # [P, 3, C]
        self._tracks = torch.from_numpy(motion.tracks).to(device).float()
        origins = cKDTree(motion.points).query(points)[1]
        self.origins = torch.from_numpy(origins).to(device)
        farthest = torch.zeros(self._n_points, device=device)
        for index in np.unique(np.linspace(0, clip.n_train - 1, 200).astype(int)):
            farthest = torch.maximum(farthest, (self._shapes @ self._tracks[index]).norm(dim=-1))
        self.moves = (farthest > least)[self.origins]
        self._units = torch.full_like(farthest, clip.pixel())  # what a distance counts in, head heights
        self._say = self._chances = None
        if is_fair:
            self._units *= (farthest / clip.pixel()).clamp(min=LEAST_RANGE_PX) / PIXELS_OF_RANGE
            self._say, self._chances = self._shares()

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
        rows, ids = self._drawn(tags, rng)
        codes = hearing.by_chance_at(self._clip.tracks["times"][ids])
        origins = tags[ORIGIN][rows]
        wanted = torch.stack([self.shift(origins, index) for index in ids])
        apart = (moved(rows, codes, ids) - wanted) / self._units[origins, None]
        squared = apart.square().sum(dim=-1)
        apart = (squared + self._round**2).sqrt().mean() - self._round
        return self._weight * max(REST, self.lead(at)) * apart

    def _drawn(self, tags: dict[str, Tensor], rng: np.random.Generator) -> tuple[Tensor, np.ndarray]:
        """Active Gaussians and training frames to compare."""
        active, n_train = tags["active"].nonzero()[:, 0], self._clip.n_train
        if self._say is None:
            rows = active[torch.randint(len(active), (ROWS,), device=active.device)]
            return rows, rng.integers(n_train, size=FRAMES)
        say = self._say[tags[ORIGIN][active]]
        rows = active[torch.multinomial(_mixed(say), FAIR_ROWS, replacement=True)]
        return rows, rng.choice(n_train, size=FAIR_FRAMES, p=self._chances)

    def _shares(self) -> tuple[Tensor, np.ndarray]:
        """How much say each start point has `[P]`, and the chance of each training frame to be drawn `[n_train]`.

        A point's is its part of the squared motion of each shape, mean over the shapes. A frame's is its leverage in
        telling the shapes apart: the diagonal of the projection onto their centred tracks, so that a blink of a few
        frames has as much to say as the jaw of them all.
        """
        tracks = self._tracks[: self._clip.n_train]
        moves = self._shapes.norm(dim=1) * tracks.abs().amax(dim=0)  # [P, C]
        told = moves.amax(dim=0) > LEAST_PX * self._clip.pixel()
        parts = moves[:, told].square()
        say = (parts / parts.sum(dim=0)).mean(dim=1) if told.any() else torch.ones_like(moves[:, 0])
        centred = tracks[:, told] - tracks[:, told].mean(dim=0)
        left, values, _ = torch.linalg.svd(centred.double(), full_matrices=False)
        leverage = left[:, values > 1e-2 * values.max()].square().sum(dim=1) if told.any() else tracks.new_zeros(0)
        chances = _mixed(leverage if len(leverage) else torch.ones(len(tracks), dtype=torch.float64))
        return say, chances.cpu().numpy()


def told_apart(
    clip: Clip, hearing: Hearing, tags: dict[str, Tensor], rows: Tensor, codes: Tensor, ids: np.ndarray,
    units_of: Callable[[int], Tensor], rng: np.random.Generator,
) -> list[tuple[Tensor, Tensor, Tensor]]:  # fmt: skip
    """Which of some Gaussians hear what, where a mesh teaches them.

    A captured film's units tell its frames apart, and a mouth that may hear them learns it by heart from lids and gaze.
    So there the mouth hears the units of other frames, the upper face other voices, and what lies between the units of
    others every other time. In a studio's film all hear the frame's own.

    Args:
        tags: `upper` and `lower` of all Gaussians; rows: the Gaussians `[M]`.
        codes: of the frames `ids [F]`, `[F, D]`; units_of: the units `[U]` told of a frame.

    Returns:
        Parts that together are `rows`: places in `rows`, codes and units of each; none is empty.
    """
    units = torch.stack([units_of(index) for index in ids])
    if clip.info.exact:
        return [(torch.arange(len(rows), device=rows.device), codes, units)]
    others = rng.integers(clip.n_train, size=len(ids))
    other_units = torch.stack([units_of(index) for index in others])
    is_upper = tags["upper"][rows]
    is_mouth = tags["lower"][rows] | (~is_upper & bool(rng.random() < 0.5))
    parts = [
        (is_upper, hearing.codes(clip.tracks["times"][others]), units),
        (is_mouth, codes, other_units),
        (~is_upper & ~is_mouth, codes, units),
    ]
    return [(chosen.nonzero()[:, 0], heard, told) for chosen, heard, told in parts if chosen.any()]


def _mixed(say: Tensor) -> Tensor:
    """Chances `[N]`, of which `FAIR_SHARE` goes by the say of each and the rest evenly."""
    say = say.double()
    chances = (1 - FAIR_SHARE) / len(say) + FAIR_SHARE * say / say.sum().clamp(min=1e-12)
    return chances / chances.sum()
