"""The splats themselves: one layer of 3D Gaussians, as the rasterizers take them."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass
class Gaussians:
    """N anisotropic 3D Gaussians in world units (head heights).

    Attributes:
        means: `[N, 3]`.
        quats: `[N, 4]`, w x y z, need not be unit.
        scales: `[N, 3]`, linear standard deviations.
        opacities: `[N]`, 0 to 1.
        colors: `[N, D]` channels, or spherical-harmonic coefficients `[N, K, 3]` when `sh_degree` is set.
        sh_degree: None for plain channels, else 0 to 3 with K >= (degree + 1) ** 2.
    """

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor
    sh_degree: int | None = None

    def __len__(self) -> int:
        return self.means.shape[0]

    def __getitem__(self, keep: Tensor) -> "Gaussians":
        return self._mapped(lambda tensor: tensor[keep])

    def to(self, *args, **kwargs) -> "Gaussians":
        return self._mapped(lambda tensor: tensor.to(*args, **kwargs))

    def detach(self) -> "Gaussians":
        return self._mapped(Tensor.detach)

    def _mapped(self, function) -> "Gaussians":
        changed = {f.name: function(getattr(self, f.name)) for f in fields(self) if f.name != "sh_degree"}
        return replace(self, **changed)

    @staticmethod
    def joined(layers: list["Gaussians"]) -> "Gaussians":
        """Several layers as one set, sorted together by depth when rendered. All must hold plain channels."""
        first = layers[0]
        names = [f.name for f in fields(first) if f.name != "sh_degree"]
        return replace(first, **{name: torch.cat([getattr(layer, name) for layer in layers]) for name in names})
