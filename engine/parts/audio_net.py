"""The audio encoder this family of methods shares: AudioNet on pairs of feature steps, AudioAttNet over eight pairs.

A window is 16 steps of 50 Hz features, from 160 ms before the shown moment to 160 ms after it, read as eight pairs
(one pair for each 40 ms). Steps that are not known (beyond the look-ahead, before the sound began) are zero, and one
more channel says which are known.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

N_STEPS = 16
N_PAIRS = N_STEPS // 2
STEP_S = 0.02
HALF_WINDOW_S = 0.16
MAX_LOOK_AHEAD_MS = 160.0


class AudioNet(nn.Module):
    """One code for each pair of steps: four strided convolutions, then two linear layers."""

    def __init__(self, n_features: int, n_code: int = 32) -> None:
        super().__init__()
        widths = (n_features, 32, 32, 64, 64)
        layers: list[nn.Module] = []
        for wide, narrow in pairwise(widths):
            layers += [nn.Conv1d(wide, narrow, 3, stride=2, padding=1), nn.LeakyReLU(0.02)]
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.02), nn.Linear(64, n_code))
        self._start()

    def forward(self, pairs: Tensor) -> Tensor:
        """`[B, F, 2]` -> `[B, n_code]`."""
        return self.linear(self.convolutions(pairs).squeeze(-1))

    def _start(self) -> None:
        """Starts so that what varies in the sound still varies in the code; PyTorch's own start loses nearly all of it.

        Of a pair the first convolution sees two steps with its three taps, the further ones see a single step.
        """
        layers = [layer for layer in (*self.convolutions, *self.linear) if hasattr(layer, "weight")]
        for i, layer in enumerate(layers):
            nn.init.kaiming_normal_(layer.weight, a=0.02)
            nn.init.zeros_(layer.bias)
            if isinstance(layer, nn.Conv1d):
                layer.weight.data.mul_((3 / 2) ** 0.5 if i == 0 else 3**0.5)


class AudioAttention(nn.Module):
    """Weighs the eight codes of a window and sums them."""

    def __init__(self, n_code: int = 32) -> None:
        super().__init__()
        widths = (n_code, 16, 8, 4, 2, 1)
        layers: list[nn.Module] = []
        for wide, narrow in pairwise(widths):
            layers += [nn.Conv1d(wide, narrow, 3, padding=1), nn.LeakyReLU(0.02)]
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Linear(N_PAIRS, N_PAIRS)

    def forward(self, codes: Tensor) -> Tensor:
        """`[B, 8, n_code]` -> `[B, n_code]`."""
        scores = self.convolutions(codes.transpose(1, 2)).squeeze(1)
        weights = torch.softmax(self.linear(scores), dim=1)
        return (weights[..., None] * codes).sum(dim=1)


class AudioCoder(nn.Module):
    """A window of features in, the audio code out; features are normalised with the training clip's statistics.

    Attributes:
        head: what a subclass puts behind the code, linear layers with ReLUs between; None hands out the code itself.
    """

    head: nn.Sequential | None

    def __init__(self, n_features: int, n_code: int = 32) -> None:
        super().__init__()
        self.n_features = n_features
        self.net = AudioNet(n_features + 1, n_code)
        self.attention = AudioAttention(n_code)
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_scale", torch.ones(n_features))
        self.head = None

    def forward(self, windows: Tensor, known: Tensor) -> Tensor:
        """`windows [B, 16, F]` raw features, `known [B, 16]` -> codes `[B, n_code]`, or what the head makes of them."""
        known = known.to(windows.dtype)[..., None]
        steps = (windows - self.feature_mean) * self.feature_scale * known
        steps = torch.cat([steps, known], dim=-1)  # [B, 16, F + 1]
        n_batch = steps.shape[0]
        pairs = steps.reshape(n_batch * N_PAIRS, 2, -1).transpose(1, 2)
        codes = self.attention(self.net(pairs).reshape(n_batch, N_PAIRS, -1))
        return codes if self.head is None else self.head(codes)


def window_start(time: float) -> float:
    """Time of the first step of the window round a shown moment."""
    return time - HALF_WINDOW_S


def heard_until(look_ahead_ms: float) -> Tensor:
    """Which of the 16 steps end within the look-ahead, bool `[16]`; 0 ms hears eight, 160 ms all."""
    return torch.arange(N_STEPS) < n_heard(look_ahead_ms)


def n_heard(look_ahead_ms: float) -> int:
    """How many of the 16 steps end within the look-ahead."""
    return min(N_STEPS, max(0, int((HALF_WINDOW_S * 1e3 + look_ahead_ms + 1e-3) // (STEP_S * 1e3))))
