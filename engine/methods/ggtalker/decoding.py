"""What the 14 channels of GGTalker's UV map mean: one Gaussian a texel, in the frame of its triangle (section 3.3)."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.gaussians import Gaussians
from engine.heads.binding import Binding, follow

POSITION, SCALE, ROTATION, COLOR, OPACITY = slice(0, 3), slice(3, 6), slice(6, 10), slice(10, 13), slice(13, 14)
N_CHANNELS = 14
REACH = 0.5  # how far from its texel a Gaussian may go, sizes of its triangle
MOST_SCALE = 0.6  # standard deviation from which on a Gaussian is held back
START_SCALE = 0.35  # standard deviation at zero, sizes of its triangle
SPACING_SHARE, MOST_START = 0.6, 8.0
START_LOGIT = 2.0
HARMONIC = math.sqrt(math.pi)
"""The constant harmonic that makes a colour 0 or 1: 0.5 / C0."""


@dataclass(frozen=True)
class LocalGaussians:
    """Gaussians in their triangles' frames.

    Attributes:
        offsets: `[N, 3]`; quats: unit `[N, 4]`; scales: linear `[N, 3]`, both lengths in sizes of the triangle.
        opacities: `[N]`; harmonics: constant band `[N, 3]`.
    """

    offsets: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    harmonics: Tensor

    def with_harmonics(self, harmonics: Tensor) -> "LocalGaussians":
        return replace(self, harmonics=harmonics)

    def on(self, binding: Binding, vertices: Tensor) -> Gaussians:
        """In the world, on the posed mesh `[V, 3]` (eq. 7)."""
        means, quats, scales = follow(binding, vertices, self.offsets, self.quats, self.scales)
        return Gaussians(means, quats, scales, self.opacities, self.harmonics[:, None], sh_degree=0)


def decoded(
    raw: Tensor, base: Tensor, start_scales: Tensor | float = START_SCALE, reach: Tensor | float = REACH
) -> LocalGaussians:
    """Gaussians from the map's values `[N, 14]`; zeros are round ones of the start scale on the surface, grey.

    Args:
        base: where the texels lie in their triangles, `Binding.base` `[N, 3]`; start_scales: `[N, 1]`, see there.
        reach: how far from its texel each may go, sizes of its triangle, `[N, 1]`.
    """
    upright = raw.new_tensor([1.0, 0.0, 0.0, 0.0])
    return LocalGaussians(
        base + reach * torch.tanh(raw[:, POSITION]),
        F.normalize(raw[:, ROTATION] + upright, dim=1),
        start_scales * torch.exp(raw[:, SCALE]),
        torch.sigmoid(raw[:, OPACITY][:, 0] + START_LOGIT),
        HARMONIC * torch.tanh(raw[:, COLOR]),
    )


def start_scales(binding: Binding) -> Tensor:
    """Standard deviations at zero `[N, 1]`, in sizes of the triangle: `START_SCALE`, or what closes the surface between
    texels where a mesh finer than the map has them farther apart."""
    spacing = torch.from_numpy(binding.spacing)[:, None]
    return (SPACING_SHARE * spacing).clamp(START_SCALE, MOST_START)


def raw_colors(colors: Tensor) -> Tensor:
    """Channels `[N, 3]` that are decoded to colours 0 to 1; black and white are drawn in a little, for they are at
    infinity."""
    return torch.atanh((2 * colors - 1).clamp(-0.98, 0.98))


def shape_losses(
    local: LocalGaussians, base: Tensor, weight_offset: float = 0.01, most_scales: Tensor | float = MOST_SCALE,
    reach: Tensor | float = REACH,
) -> Tensor:  # fmt: skip
    """What holds Gaussians to their triangles in adaptation (section 5): squared distance from the texel, measured
    against how far they may go, and scales over `most_scales`, a number or `[N, 1]`: at least `start_scales`."""
    offset = (REACH * (local.offsets - base) / reach).square().sum(dim=1).mean()
    return weight_offset * offset + F.relu(local.scales - most_scales).mean()
