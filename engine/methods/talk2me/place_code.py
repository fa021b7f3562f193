"""Learnable positional encoding over a spatial order of the Gaussians (eq. 5 to 7)."""

import numpy as np
import torch
from torch import Tensor, nn

MORTON_BITS = 20
PUBLISHED_HEAD = 2.5
"""Units a head is tall in the published world; in head heights places would be drowned by the waves of the index."""
INDEX_SPAN = 512.0
"""Indices are rescaled to this many steps: raw ones, times their frequencies, would swamp the learned scale."""


def morton_order(points: np.ndarray) -> np.ndarray:
    """The order `[N]` along a Morton curve through points `[N, 3]`: neighbours in it are mostly neighbours in space."""
    low, high = points.min(axis=0), points.max(axis=0)
    cells = (points - low) / max(float((high - low).max()), 1e-12) * (2**MORTON_BITS - 1)
    code = np.zeros(len(points), np.uint64)
    cells = cells.astype(np.uint64)
    for bit in range(MORTON_BITS):
        for axis in range(3):
            code |= ((cells[:, axis] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(3 * bit + axis)
    return np.argsort(code, kind="stable")


class PlaceCode(nn.Module):
    """A code for each Gaussian from where it lies and which it is: `PC(x) + sigmoid(a) L(i) + (1 - sigmoid(a)) S(i)`.

    The number of Gaussians is fixed and index i is their place in Morton order, or S would mean nothing.

    Attributes:
        share: a, -2 at the start: 12 % of the table; table: L, zero at the start.
        rate, phase: g and phi of `S(i) = [sin(i g f + phi), cos(i g f + phi)]`, `f_k = 10000^(-k / 64)`.
    """

    def __init__(self, n: int, width: int = 128) -> None:
        super().__init__()
        self.project = nn.Linear(3, width)
        with torch.no_grad():
            self.project.weight.mul_(PUBLISHED_HEAD)
        self.table = nn.Parameter(torch.zeros(n, width))
        self.share = nn.Parameter(torch.tensor(-2.0))
        self.rate = nn.Parameter(torch.ones(()))
        self.phase = nn.Parameter(torch.zeros(width // 2))
        frequencies = torch.exp(torch.arange(width // 2) * (-np.log(1e4) / (width // 2)))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.register_buffer("index", torch.arange(n) * (INDEX_SPAN / n), persistent=False)

    def forward(self, means: Tensor, rows: Tensor | None = None) -> Tensor:
        """Codes of Gaussians at rest, `[N, 3]` -> `[N, width]`.

        Args:
            rows: of which Gaussians the means are, `[N]`; None for all.
        """
        share = torch.sigmoid(self.share)
        table = self.table if rows is None else self.table.index_select(0, rows)
        return self.project(means) + share * table + (1 - share) * self.waves(rows)

    def waves(self, rows: Tensor | None = None) -> Tensor:
        """S(i), `[N, width]`."""
        index = self.index if rows is None else self.index[rows]
        angles = index[:, None] * (self.rate * self.frequencies) + self.phase
        return torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
