"""Density control in the manner of gsplat's DefaultStrategy: clone, split and prune, any parameter carried.

Gradients of the projected means are scaled to the picture (times half its width and height), so the published
thresholds hold at any size. Opacities are never reset.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.raster.reference import rotation_matrices

GROW_SCALE = 0.01  # of a head height: smaller Gaussians are cloned, larger ones split
SPLIT_SHRINK = 1.6
PRUNE_SCALE = 0.35  # head heights: nothing on a bust is a blob this large


@dataclass(frozen=True)
class Growth:
    """What one round of density control did."""

    n_cloned: int = 0
    n_split: int = 0
    n_pruned: int = 0


class DensityControl:
    """Gathers how much each Gaussian's place in the picture wants to move, and refines the set with it.

    Works in place on `splats`, a dict of leaf tensors with N rows (`means`, `scales` as logarithms, `quats`,
    `opacities` as logits and any others), on the optimizers of the same keys (one parameter each) and on `tags`,
    tensors with N rows that are not trained.
    """

    def __init__(self, n_gaussians: int, device: torch.device) -> None:
        self._moved = torch.zeros(n_gaussians, device=device)
        self._seen = torch.zeros(n_gaussians, device=device)
        self._radii = torch.zeros(n_gaussians, device=device)

    def state(self) -> dict[str, Tensor]:
        return {"moved": self._moved, "seen": self._seen, "radii": self._radii}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._moved, self._seen = state["moved"].clone(), state["seen"].clone()
        self._radii = state.get("radii", torch.zeros_like(self._seen)).clone()

    def observe(self, means2d: Tensor, radii: Tensor, width: int, height: int) -> None:
        """Adds one picture's gradients; call after backward.

        Args:
            means2d: `[1, N, 2]` with its gradient kept; radii: `[1, N]` or `[1, N, 2]`, 0 where not seen.
        """
        if means2d.grad is None:
            return
        gradient = means2d.grad[0] * means2d.new_tensor([width / 2, height / 2])
        radii = radii[0].float() if radii.dim() == 2 else radii[0].amin(dim=-1).float()
        seen = radii > 0
        self._radii = torch.maximum(self._radii, radii)
        self._moved += torch.where(seen, gradient.norm(dim=-1), torch.zeros_like(self._moved))
        self._seen += seen

    @torch.no_grad()
    def refine(
        self, splats: dict[str, Tensor], optimizers: dict[str, torch.optim.Optimizer], tags: dict[str, Tensor], *,
        gradient: float, prune_opacity: float, max_gaussians: int, grow: bool, generator: torch.Generator,
        prune_scale: float = PRUNE_SCALE, prune_radius_px: float = float("inf"),
    ) -> Growth:  # fmt: skip
        """One round: clones and splits where the mean gradient is over the threshold, then prunes the faint and the
        large. Sizes in a picture are those since the last round; what was split is judged anew."""
        n_cloned = n_split = 0
        n_before = len(splats["means"])
        tags["wide"] = self._radii > prune_radius_px
        if grow:
            n_cloned, n_split = self._grow(splats, optimizers, tags, gradient, max_gaussians, generator)
        wide = tags.pop("wide")
        wide[n_before - n_split :] = False
        sizes = torch.exp(splats["scales"]).amax(dim=-1)
        keep = (torch.sigmoid(splats["opacities"]) >= prune_opacity) & (sizes < prune_scale) & ~wide
        keep &= torch.isfinite(splats["means"]).all(dim=-1)
        n_pruned = int((~keep).sum())
        if n_pruned:
            rows = keep.nonzero()[:, 0]
            _carry(splats, optimizers, tags, rows, torch.zeros(len(rows), dtype=torch.bool, device=rows.device))
        n = len(splats["means"])
        self._moved, self._seen, self._radii = (torch.zeros(n, device=self._moved.device) for _ in range(3))
        return Growth(n_cloned, n_split, n_pruned)

    def _grow(self, splats, optimizers, tags, threshold, max_gaussians, generator) -> tuple[int, int]:
        mean_gradient = self._moved / self._seen.clamp(min=1)
        wanted = mean_gradient > threshold
        room = max(0, max_gaussians - len(wanted))
        if int(wanted.sum()) > room:  # only the neediest, up to the cap
            strongest = torch.where(wanted, mean_gradient, torch.zeros_like(mean_gradient)).topk(room).indices
            wanted = torch.zeros_like(wanted)
            wanted[strongest] = True
        small = torch.exp(splats["scales"]).amax(dim=-1) <= GROW_SCALE
        clones, splits = (wanted & small).nonzero()[:, 0], (wanted & ~small).nonzero()[:, 0]
        if not len(clones) + len(splits):
            return 0, 0
        stay = torch.ones(len(wanted), dtype=torch.bool, device=wanted.device)
        stay[splits] = False
        kept = stay.nonzero()[:, 0]
        rows = torch.cat([kept, clones, splits, splits])
        fresh = torch.arange(len(rows), device=rows.device) >= len(kept)
        first_child = len(kept) + len(clones)
        scales = torch.exp(splats["scales"][splits]).repeat(2, 1)
        turn = rotation_matrices(splats["quats"][splits]).repeat(2, 1, 1)
        noise = torch.randn(scales.shape, generator=generator).to(scales)
        offset = (turn @ (scales * noise)[..., None]).squeeze(-1)
        _carry(splats, optimizers, tags, rows, fresh)
        splats["means"][first_child:] += offset
        splats["scales"][first_child:] = torch.log(scales / SPLIT_SHRINK)
        return len(clones), len(splits)


def _carry(splats, optimizers, tags, rows: Tensor, fresh: Tensor) -> None:
    """Takes `rows` of every parameter, tag and optimizer state; the state of fresh rows starts at zero."""
    for name, old in splats.items():
        new = old.detach()[rows].clone().requires_grad_(old.requires_grad)
        splats[name] = new
        optimizer = optimizers.get(name)
        if optimizer is None:
            continue
        state = optimizer.state.pop(old, {})
        optimizer.state[new] = {
            key: _state_rows(value, len(old), rows, fresh) if isinstance(value, Tensor) else value
            for key, value in state.items()
        }
        optimizer.param_groups[0]["params"] = [new]
    for name, tag in tags.items():
        tags[name] = tag[rows]


def _state_rows(value: Tensor, n_old: int, rows: Tensor, fresh: Tensor) -> Tensor:
    if not value.dim() or len(value) != n_old:
        return value
    taken = value[rows]
    taken[fresh] = 0
    return taken
