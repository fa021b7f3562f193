"""A multi-resolution triplane: three feature planes whose lookups are multiplied, at several resolutions side by side.

Of GaussianTalker's supplement A.1.1; sampled as its code does: bilinear, corners aligned, clamped at the border.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PLANES = ((0, 1), (0, 2), (1, 2))
"""The axes of each plane: xy, xz, yz; the first runs along a plane's width."""

START = (0.1, 0.5)  # uniform: products of three stay positive and alive
WAVELENGTHS = (0.15, 0.8)  # of a plane's side
WAVE_HEIGHT = 0.5


class TriPlane(nn.Module):
    """Features of places in a box.

    Args:
        n_channels: of each plane; the features are `len(resolutions)` times as wide.
        resolutions: side of the planes, one set of three for each.
        low, high: corners of the box `[3]`; what lies outside sees the border.
        near: a smaller box inside it and its share of each plane's side (ours: finer where a face moves); None spreads
            the whole box evenly.
        has_waves: starts from waves round 1 in place of uniform noise (ours: neighbours are alike and distant places
            different from the first iteration on, which noise takes thousands of iterations to become).
    """

    def __init__(
        self, n_channels: int, resolutions: tuple[int, ...], low: Tensor, high: Tensor, has_waves: bool = False,
        near: tuple[Tensor, Tensor, float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        start = _waves if has_waves else _noise
        self.planes = nn.ParameterList(nn.Parameter(start(n_channels, side)) for side in resolutions)
        self.register_buffer("low", low.float().clone())
        self.register_buffer("high", high.float().clone())
        self.near_share = near[2] if near else 0.0
        if near:
            self.register_buffer("near_low", near[0].float().clone())
            self.register_buffer("near_high", near[1].float().clone())

    @property
    def width(self) -> int:
        return sum(planes.shape[1] for planes in self.planes)

    @property
    def edges(self) -> tuple[Tensor, ...]:
        """Where the boxes begin and end, from the lowest corner to the highest, `[3]` each."""
        return (self.low, self.near_low, self.near_high, self.high) if self.near_share else (self.low, self.high)

    def forward(self, points: Tensor) -> Tensor:
        """Places `[N, 3]` -> features `[N, width]`; differentiable in both the planes and the places."""
        unit = self._unit(points)
        where = torch.stack([unit[:, axes] for axes in PLANES])[:, None]  # [3, 1, N, 2]
        features = []
        for planes in self.planes:
            looked_up = F.grid_sample(planes, where, mode="bilinear", padding_mode="border", align_corners=True)
            features.append(looked_up[:, :, 0].prod(dim=0).t())  # [N, C]
        return torch.cat(features, dim=1)

    def _unit(self, points: Tensor) -> Tensor:
        """Where on the planes places lie, -1 to 1 `[N, 3]`."""
        if not self.near_share:
            return 2 * (points - self.low) / (self.high - self.low) - 1
        below, inside, above = (((points - a) / (b - a)).clamp(0, 1) for a, b in pairwise(self.edges))
        return 2 * self.near_share * inside + (1 - self.near_share) * (below + above) - 1


def _noise(n_channels: int, side: int) -> Tensor:
    return torch.empty(3, n_channels, side, side).uniform_(*START)


def _waves(n_channels: int, side: int) -> Tensor:
    """`1 + h sin(k . x + phase)`, a wave for each plane and channel, `[3, C, side, side]`."""
    length = WAVELENGTHS[0] * (WAVELENGTHS[1] / WAVELENGTHS[0]) ** torch.rand(3, n_channels, 1, 1)
    angle, phase = (2 * torch.pi * torch.rand(3, n_channels, 1, 1) for _ in range(2))
    at = torch.linspace(0, 1, side)
    along = torch.cos(angle) * at + torch.sin(angle) * at[:, None]
    return 1 + WAVE_HEIGHT * torch.sin(2 * torch.pi * along / length + phase)


def plane_pictures(planes: list[Tensor]) -> Tensor:
    """The planes as a picture to look at, `[H, W, 3]`, 0 to 1: a column for each plane (xy, xz, yz), a row for each
    resolution, enlarged to the finest; colours are the three principal components of a row's features.

    Args:
        planes: `[3, C, R, R]` for each resolution.
    """
    from engine.raster.views import feature_colors

    side = max(p.shape[-1] for p in planes)
    rows = []
    for one in planes:
        n_channels, resolution = one.shape[1:3]
        colors = feature_colors(one.permute(0, 2, 3, 1).reshape(-1, n_channels)).reshape(3, resolution, resolution, 3)
        large = F.interpolate(colors.permute(0, 3, 1, 2), size=(side, side), mode="nearest").permute(0, 2, 3, 1)
        rows.append(torch.cat(list(large.flip(1)), dim=1))  # up is up
    return torch.cat(rows, dim=0)
