"""GGTalker's colour network (eq. 16): how expression and pose change the colour of every Gaussian."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

N_CODE, WIDTH, GAIN = 16, 64, 0.1


class ColorNet(nn.Module):
    """An MLP that adds to each Gaussian's constant harmonic; at its start it adds nothing.

    Beside the harmonic and the face's coefficients it sees a learned code of the Gaussian, since colour alone cannot
    tell a brow from a cheek.

    Args:
        n_gaussians: N; n_driven: coefficients of expression and pose together.
    """

    def __init__(self, n_gaussians: int, n_driven: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.zeros(n_gaussians, N_CODE))
        self.first = nn.Linear(3 + N_CODE + n_driven, WIDTH)
        self.second, self.last = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def still(self, harmonics: Tensor) -> Tensor:
        """The first layer's part that no movement changes, `[N, 64]` from harmonics `[N, 3]`: worked out once alive."""
        inputs = torch.cat([harmonics, self.codes], dim=1)
        return F.linear(inputs, self.first.weight[:, : inputs.shape[1]], self.first.bias)

    def forward(self, harmonics: Tensor, driven: Tensor, still: Tensor | None = None) -> Tensor:
        """Harmonics `[N, 3]` of the moment.

        Args:
            driven: expression and pose `[n_driven]`; still: of `still(harmonics)`, where it is known.
        """
        still = self.still(harmonics) if still is None else still
        hidden = F.relu(still + F.linear(driven, self.first.weight[:, 3 + N_CODE :]))
        return harmonics + GAIN * self.last(F.relu(self.second(hidden)))
