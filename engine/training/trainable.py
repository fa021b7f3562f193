"""What a method gives the trainer: its Gaussians, its networks, its losses and rates; the trainer knows nothing else.

Every `at` is a place in the schedule, in iterations of the method's full run (`config.iterations`), whatever the
length of the run at hand.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from engine.gaussians import Gaussians
from engine.manifest import Manifest
from engine.methods.catalog import Need
from engine.training.clip import Clip, Sample
from engine.training.densify import PRUNE_SCALE


@dataclass(frozen=True)
class DensityPlan:
    """Density control at one place of the schedule; None in its place means none.

    Attributes:
        prune_scale: head heights, prune_radius_px: pixels of a picture; what is larger is pruned.
    """

    every: int
    gradient: float
    prune_opacity: float
    max_gaussians: int
    grow: bool
    prune_scale: float = PRUNE_SCALE
    prune_radius_px: float = float("inf")


@dataclass(frozen=True)
class Finished:
    """A trained avatar, ready to be saved."""

    manifest: Manifest
    tensors: dict[str, Tensor]


class Trainable(Protocol):
    """A method in training; a class that inherits from it has one stage and one frame a step unless it says otherwise.

    Attributes:
        iterations: length of the full run.
        splats: leaf tensors with a row for each Gaussian: `means`, `quats`, `scales` (logarithms), `opacities`
            (logits) and the method's own; density control replaces them. Empty where a network makes the Gaussians.
        tags: tensors with a row for each Gaussian that are not trained.
        networks: everything else that is trained.
        reference: the training frame whose camera is the one that stays when the head is posed.
        rng: the generator behind every chance the method takes, kept in checkpoints as is `n_picked`, the number of
            frames picked so far.
    """

    iterations: int
    splats: dict[str, Tensor]
    tags: dict[str, Tensor]
    networks: nn.Module
    reference: int
    rng: np.random.Generator
    n_picked: int

    @property
    def n_gaussians(self) -> int:
        return len(self.splats["means"])

    def stage(self, at: float) -> int:
        """Which stage of the training this is, from 0 on; methods that train in one sweep have one."""
        return 0

    def enter(self, stage: int) -> None:
        """A stage begins: what one stage worked out may become what the next one trains. The trainer then builds its
        optimizers anew, from the parameters `splats` and `network_groups` name for the stage."""

    def blind(self, at: float) -> dict[str, Tensor] | None:
        """The weighted loss terms of a step that looks at no picture, where a network only hears; None for one that
        looks at pictures, as all steps do unless a method says otherwise."""
        return None

    def batch(self, at: float) -> int:
        """How many frames one step takes the mean gradient of."""
        return 1

    def splat_rates(self, at: float) -> dict[str, float]:
        """Learning rate of each entry of `splats`."""
        ...

    def network_groups(self, at: float) -> list[dict[str, Any]]:
        """Optimizer groups of the `networks` trained in the stage entered last (0 at first), in an order that stays
        within a stage: `params`, `lr`, `weight_decay`."""
        ...

    def pose_rate(self, at: float) -> float:
        """Learning rate of the camera corrections; 0 holds them."""
        ...

    def pick(self, at: float) -> tuple[int, int]:
        """Which training frame comes next and at which size divisor."""
        ...

    def gaussians(self, sample: Sample, at: float) -> Gaussians:
        """The Gaussians of a frame, with gradients."""
        ...

    def also_seen(self, at: float) -> list[tuple[int, int]]:
        """Further training frames (index and size divisor) the Gaussians made last are rendered in and compared with in
        the same step."""
        return []

    def losses(self, image: Tensor, sample: Sample, at: float) -> dict[str, Tensor]:
        """Weighted terms whose sum is minimised; `image` `[H, W, 3]` is the composited picture."""
        ...

    def density(self, at: float) -> DensityPlan | None: ...

    def tidy(self, at: float) -> None:
        """Housekeeping between iterations: neighbour lists, lists of what moves."""
        ...

    def shown(self, sample: Sample) -> Gaussians:
        """The Gaussians of a frame as the avatar will show them, for previews: no chance, no gradient."""
        ...

    def finish(self, viewmats: Tensor) -> Finished:
        """The avatar, from the training cameras as corrected `[T, 4, 4]`."""
        ...


class TrainingModule(Protocol):
    """What the package of a method offers to the trainer.

    Attributes:
        PRESETS: optional: settings by preset, such as `cpu`; without one the method has the paper's settings only.
        SUMMARY: optional: what it is good for, one line for a person who chooses; else the package's first line.
        HOURS: optional: about how long a whole run of a preset (`paper` among them) takes two cores.
        needs: optional: what a training with a config needs beside the film (`engine.methods.catalog.Need`).
    """

    Config: type
    PRESETS: dict[str, dict[str, Any]]
    SUMMARY: str
    HOURS: dict[str, float]

    def needs(self, config: Any) -> tuple[Need, ...]: ...

    def begin(self, clip: Clip, config: Any, device: torch.device, seed: int) -> Trainable: ...
