"""From raw maps to Gaussians: GGHead's attribute decoding, exact, with its constants as the defaults."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.gaussians import Gaussians
from engine.parts.harmonics import C0, C1

FRONT_CAMERA = (0.0, 0.0, 2.7)  # GGHead's default camera, in the frame of its template


@dataclass(frozen=True)
class Decoding:
    """How raw channels become attributes: position 3, scale 3, rotation 3, colour 3 K, opacity 1, in this order.

    Attributes:
        position_range: farthest a Gaussian goes from its template point, along each axis.
        scale_start, scale_most: `log scale = most - softplus(most - start - raw)`.
        overshoot: of colour and opacity beyond 0 and 1, so that neither has to saturate.
        sh_degree: of the colours, 0 or 1: K = (degree + 1)^2.
        rolls_quaternions: GGHead's weights were trained with quaternions turned by one place, (z, w, x, y) handed to
            the rasterizer as (w, x, y, z); with them it has to be done again.
    """

    position_range: float = 0.25
    scale_start: float = -5.0
    scale_most: float = -3.0
    overshoot: float = 0.001
    sh_degree: int = 1
    rolls_quaternions: bool = True

    @property
    def n_bands(self) -> int:
        return (self.sh_degree + 1) ** 2

    @property
    def n_maps(self) -> int:
        return 10 + 3 * self.n_bands


def decoded(raw: Tensor, template: Tensor, decoding: Decoding) -> Gaussians:
    """Gaussians in the frame of the template, their colours as spherical harmonics.

    Args:
        raw: `[N, C]`; template: points `[N, 3]`.
    """
    d = decoding
    position, scale, rotation, color, opacity = raw.split([3, 3, 3, 3 * d.n_bands, 1], dim=1)
    log_scales = d.scale_most - F.softplus(d.scale_most - d.scale_start - scale)
    quats = quaternions(2 * torch.pi * torch.tanh(rotation))
    if d.rolls_quaternions:
        quats = torch.roll(quats, 1, dims=1)
    stretch = 1 + 2 * d.overshoot
    harmonics = (torch.tanh(color) * stretch - d.overshoot) * (0.5 / C0)
    return Gaussians(
        template + d.position_range * torch.tanh(position), quats, torch.exp(log_scales),
        torch.sigmoid(opacity[:, 0]) * stretch - d.overshoot, harmonics.view(len(raw), d.n_bands, 3), d.sh_degree,
    )  # fmt: skip


def quaternions(axis_angle: Tensor) -> Tensor:
    """Rotation vectors `[N, 3]` in radians as unit quaternions (w, x, y, z)."""
    angle = torch.sqrt(axis_angle.square().sum(dim=1, keepdim=True) + 1e-16)
    return torch.cat([torch.cos(angle / 2), axis_angle * (torch.sin(angle / 2) / angle)], dim=1)


def front_colors(splats: Gaussians) -> Tensor:
    """Colours `[N, 3]` as the fixed front camera sees them (eq. 1's pose conditioning, read literally): a clip of one
    camera cannot tell how a colour changes with the view."""
    bands = splats.colors
    color = C0 * bands[:, 0]
    if splats.sh_degree:
        x, y, z = F.normalize(splats.means - splats.means.new_tensor(FRONT_CAMERA), dim=1).split(1, dim=1)
        color = color + C1 * (-y * bands[:, 1] + z * bands[:, 2] - x * bands[:, 3])
    return torch.clamp(color + 0.5, min=0.0)
