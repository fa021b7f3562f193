"""The discriminator of the adversarial loss: a 70x70 PatchGAN with spectral norm and hinge loss."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class PatchCritic(nn.Module):
    """Judges patches of a picture: above 1 real, below -1 made."""

    def __init__(self, widths: tuple[int, ...] = (64, 128, 256, 512)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, (n_in, n_out) in enumerate(pairwise((3, *widths))):
            stride = 2 if i < len(widths) - 1 else 1
            layers += [spectral_norm(nn.Conv2d(n_in, n_out, 4, stride, 1)), nn.LeakyReLU(0.2)]
        layers.append(spectral_norm(nn.Conv2d(widths[-1], 1, 4, 1, 1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, picture: Tensor) -> Tensor:
        """A picture `[H, W, 3]` -> scores of its patches `[h, w]`; 70 pixels a side for each."""
        return self.layers(2 * picture.movedim(-1, 0)[None] - 1)[0, 0]

    def losses(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """What the maker minimises, and the critic's own hinge loss; each leaves the other's gradients alone."""
        self.requires_grad_(False)
        fools = -self(made).mean()
        self.requires_grad_(True)
        judged = torch.relu(1 - self(real)).mean() + torch.relu(1 + self(made.detach())).mean()
        return fools, judged
