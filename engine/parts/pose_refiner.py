"""What fits a retrieved head motion to the sound, and the discriminator that judges it (Talk2Me, 4.3.2 and A.3)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.parts.kronecker import kronecker, sinusoids
from engine.parts.pose_units import N_SPAN

N_POSE = 6
N_COSINES = 8
"""The residual is a sum of so many cosines over a unit, 3 Hz at most: heads are heavy and networks are noisy."""


class PoseRefiner(nn.Module):
    """Adds a residual to retrieved poses; it starts at zero, so that an untrained refiner returns what was retrieved.

    Args:
        n_features, n_expression: widths of the features and of the expression.
        width: of the transformer; the paper's figure 128. n_factor: of each factor of the Kronecker product.
    """

    def __init__(self, n_features: int, n_expression: int, width: int = 128, n_factor: int = 32) -> None:
        super().__init__()
        self.pose_in = nn.Linear(N_POSE, width)
        self.expression_in = nn.Linear(n_expression, width)
        self.sound_in = nn.Linear(n_features, width)
        self.pose_factor, self.expression_factor = nn.Linear(width, n_factor), nn.Linear(width, n_factor)
        self.fuse = nn.Sequential(nn.Linear(n_factor**2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                                  nn.Linear(width, width))  # fmt: skip
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        layer = nn.TransformerDecoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, 2)
        self.out = nn.Linear(width, N_POSE)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("slow", _slow_part(N_SPAN, N_COSINES), persistent=False)
        self.register_buffer("places", sinusoids(N_SPAN, width), persistent=False)

    def forward(self, pose: Tensor, expression: Tensor, sound: Tensor) -> Tensor:
        """Refined poses.

        Args:
            pose: retrieved, standardised `[B, T, 6]` with T = `N_SPAN`.
            expression: `[B, T, E]`; sound: standardised features `[B, T, F]`.
        """
        posed, shown = self.pose_in(pose), self.expression_in(expression)
        fused = self.fuse(kronecker(self.pose_factor(posed), self.expression_factor(shown)))  # eq. 9
        fused = fused + posed + self.places
        sound = self.sound_in(sound) + self.places
        fused = fused + self.attention(fused, sound, sound, need_weights=False)[0]
        return pose + self.slow @ self.out(self.decoder(fused, sound))


class MotionDiscriminator(nn.Module):
    """Judges a motion as a whole and in patches: sees poses and their velocities, twelve channels."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((2 * N_POSE, width, 2 * width, 4 * width)):
            layers += [nn.Conv1d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.whole = nn.Sequential(*layers)
        self.verdict = nn.Linear(4 * width, 1)
        self.patches = nn.Sequential(
            nn.Conv1d(2 * N_POSE, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv1d(width, 2 * width, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv1d(2 * width, 1, 3, padding=1),
        )  # fmt: skip

    def forward(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Poses `[B, T, 6]` -> a score for each motion `[B]` and for each of its patches `[B, P]`."""
        seen = torch.cat([pose, velocity(pose)], dim=-1).transpose(1, 2)
        return self.verdict(self.whole(seen).mean(dim=-1))[:, 0], self.patches(seen)[:, 0]


def velocity(pose: Tensor) -> Tensor:
    """First differences of `[B, T, 6]`, zero at the first frame, of the same length."""
    return torch.diff(pose, dim=1, prepend=pose[:, :1])


def _slow_part(n: int, n_cosines: int) -> Tensor:
    """The projection `[n, n]` of a motion of n frames on its first cosines."""
    waves = torch.cos(math.pi / n * (torch.arange(n)[:, None] + 0.5) * torch.arange(n_cosines))
    waves = waves / waves.norm(dim=0)
    return waves @ waves.T
