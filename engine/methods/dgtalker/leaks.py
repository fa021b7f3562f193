"""Masked cross-view supervision of the Gaussians themselves (ours, beside eq. 4, which judges pictures).

A picture judges a leak only as far as it stands out of what the picture gets wrong anyway, and only where frames go.
The generator knows all faces: pushed along a lip coefficient, as far as its slider goes, it should leave the upper
face's Gaussians where they are, pushed along one of the expression the lower face's. Before there are directions the
same holds for what each known coefficient of the expression adds to the latents.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.gaussians import Gaussians
from engine.vocabulary import LIP_PARTS

if TYPE_CHECKING:
    from engine.methods.dgtalker.training import DGTalkerTraining

A_PIXEL, A_TURN, A_SIZE, AN_OPACITY = 0.02, 0.05, 0.05, 0.3
"""What a pixel of place, a unit of the quaternion, of the logarithm of a scale and of opacity weigh beside a unit of
colour: about what each changes of a picture."""


SLIDER_END, LEAST_PUSH = 2.0, 0.5  # standard deviations
LEAST_SPREAD = 1e-4
LOOK_EVERY, LOOK_FRAMES = 200, 48
FORGETS, ANY = 0.3, 0.2  # of a coefficient's change at each push of it; share of pushes that go to any one alike
FAINT, HARDLY, TINY = 1e-3, 3e-3, 1e-6
"""In units of colour: distances under the first pull ever less, means over a half round the second count half."""


class Halves:
    """Tells how much of what differs between two faces is in the half that should be the same. The halves are those of
    the frontal frame."""

    def __init__(self, training: "DGTalkerTraining") -> None:
        clip, net = training.clip, training.networks
        self._decode, self._pixel = net.gaussians, clip.pixel()
        sample = clip.sample(training.reference, divisor=2)
        viewmat, k = sample.viewmat.to(training.device), sample.k.to(training.device)
        with torch.no_grad():
            means = net.gaussians(net.generator(net.canonical[None])[0]).means
            seen = means @ viewmat[:3, :3].t() + viewmat[:3, 3]
            pixels = seen @ k.t()
            height, width = sample.size
            at = pixels[:, :2] / pixels[:, 2:].clamp(min=1e-6) * pixels.new_tensor([2 / width, 2 / height]) - 1
            self._shares = [
                F.grid_sample(
                    training.regions.mask(sample, is_upper).to(training.device)[None, None],
                    at[None, None],
                    align_corners=False,
                )[0, 0, 0]
                for is_upper in (False, True)
            ]  # [N] each

    def leak(self, one: Tensor, two: Tensor, is_upper: bool) -> tuple[Tensor, float]:
        """The share of what differs between raw attributes `[N, C]` that differs in the half where nothing should, 0 to
        1, and how much differs in both, in units of colour. Of a share nothing is won by moving less. A difference that
        is hardly there counts less, or a coefficient would be held down before it has learnt to move anything.
        Distances are not squared: a leak is faint and everywhere."""
        a, b = self._decode(one), self._decode(two)
        seen = torch.maximum(a.opacities, b.opacities).detach().clamp(0, 1)
        distance = (self._squared(a, b) + FAINT**2).sqrt() - FAINT
        lower, upper = ((distance * seen * share).sum() / (seen * share).sum().clamp(min=1.0) for share in self._shares)
        both = lower + upper
        differs = float(both.detach())
        return differs / (differs + HARDLY) * (upper if is_upper else lower) / (both + TINY), differs

    def _squared(self, a: Gaussians, b: Gaussians) -> Tensor:
        rows = (
            (a.means - b.means) * (A_PIXEL / self._pixel),
            a.colors - b.colors,
            (a.quats - b.quats) * A_TURN,
            (a.scales.log() - b.scales.log()) * A_SIZE,
            (a.opacities - b.opacities)[:, None] * AN_OPACITY,
        )
        return sum(row.square().sum(dim=1) for row in rows)


class Sliders:
    """Random pushes of a latent along single coefficients, as far as their sliders go; the oftener the more that
    coefficient changes, since what leaks in all is the sum over them.

    In the third stage along the directions, in units of how far the codes spread by then (`look`); before it along what
    each known coefficient of the expression adds.
    """

    def __init__(self, training: "DGTalkerTraining", has_directions: bool) -> None:
        self._training, self._has_directions = training, has_directions
        self._n_looks = 0
        self._changes: list[dict[int, float]] = [{}, {}]  # of a push by one standard deviation
        self._pushed: tuple[bool, int, float] | None = None
        net = training.networks
        is_lip = torch.tensor([name.startswith(LIP_PARTS) for name in training.names], device=training.device)
        self._known = [(~is_lip).nonzero()[:, 0], is_lip.nonzero()[:, 0]]
        spread = net.known.std(dim=0)
        self._spreads = [spread[rows] for rows in self._known]
        self.look()

    def look(self) -> None:
        """Measures the codes' spread, every `LOOK_EVERY` calls."""
        training = self._training
        if self._has_directions and self._n_looks % LOOK_EVERY == 0:
            frames = np.unique(np.linspace(0, training.clip.n_train - 1, LOOK_FRAMES).astype(int))
            lips, expressions = training.coefficients(frames)
            self._spreads = [expressions.std(dim=0), lips.std(dim=0)]
        self._n_looks += 1

    def push(self, lips: bool) -> Tensor:
        """What a push of one coefficient adds to a latent, `[1, n_style]`."""
        net, rng, spreads = self._training.networks, self._training.rng, self._spreads[lips]
        moving = (spreads > LEAST_SPREAD).nonzero()[:, 0].tolist()
        self._pushed = None
        if not moving:
            return torch.zeros_like(net.canonical)[None]
        k = int(rng.choice(moving, p=self._chances(lips, moving)))
        if self._has_directions:
            row = net.directions()[k if lips else net.directions.n_lip + k]
        else:
            row = net.shapes[self._known[lips][k]]
        size = float(rng.uniform(LEAST_PUSH, SLIDER_END) * rng.choice([-1, 1]))
        self._pushed = lips, k, abs(size)
        return (size * spreads[k] * row)[None]

    def changed(self, differs: float) -> None:
        """Takes down how much the last push changed."""
        if self._pushed is None:
            return
        lips, k, size = self._pushed
        seen = self._changes[lips]
        seen[k] = differs / size if k not in seen else seen[k] + FORGETS * (differs / size - seen[k])

    def _chances(self, lips: bool, moving: list[int]) -> np.ndarray:
        """How likely each coefficient is pushed; those not tried yet as the strongest."""
        seen = self._changes[lips]
        most = max(seen.values(), default=1.0)
        changes = np.array([seen.get(k, most) for k in moving]) + TINY
        return (1 - ANY) * changes / changes.sum() + ANY / len(moving)
