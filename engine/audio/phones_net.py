"""The network of the `phones` encoder: log-mel in, what the mouth says out, causal but for a chosen look-ahead."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
LOOK_AHEAD_STEPS = (0, 1, 2, 4)  # steps of 20 ms; one head for each
ARTICULATORS = (
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthStretchLeft", "mouthSmileLeft", "mouthLowerDownLeft",
    "mouthUpperUpLeft", "mouthRollLower", "mouthPressLeft", "tongueOut", "shut",
)  # fmt: skip
_KERNEL = 3
_REACHES = (_KERNEL - 1, 2 * (_KERNEL - 1))  # rows before the present that each convolution sees


@dataclass
class PhonesState:
    """What the network remembers between steps: the inputs its convolutions still see, and its recurrent state."""

    first: Tensor  # [B, 2, F]
    second: Tensor  # [B, 4, width]
    recurrent: Tensor  # [layers, B, hidden]


class PhonesNet(nn.Module):
    """Two causal convolutions and two recurrent layers shared by all look-aheads, then a head for each.

    The head for k steps reads the shared state k steps after the one it speaks of, so a longer look-ahead is paid by
    waiting and by nothing else. Each head passes an embedding on to its viseme logits; in training the embedding must
    also tell where jaw, lips and tongue are.
    """

    def __init__(self, n_inputs: int = 128, width: int = 192, hidden: int = 256, n_embedding: int = 48) -> None:
        super().__init__()
        self.n_inputs, self.width, self.hidden, self.n_embedding = n_inputs, width, hidden, n_embedding
        self.first = nn.Linear(_KERNEL * n_inputs, width)
        self.second = nn.Linear(_KERNEL * width, width)
        self.norm = nn.LayerNorm(width)
        self.recurrent = nn.GRU(width, hidden, num_layers=2, batch_first=True)
        self.embed = nn.ModuleList(nn.Linear(hidden, n_embedding) for _ in LOOK_AHEAD_STEPS)
        self.classify = nn.ModuleList(nn.Linear(n_embedding, len(VISEMES)) for _ in LOOK_AHEAD_STEPS)
        self.articulate = nn.ModuleList(nn.Linear(n_embedding, len(ARTICULATORS)) for _ in LOOK_AHEAD_STEPS)

    def start(self, n_batch: int = 1) -> PhonesState:
        """The state before any sound."""
        weight = self.first.weight
        return PhonesState(
            weight.new_zeros(n_batch, _REACHES[0], self.n_inputs),
            weight.new_zeros(n_batch, _REACHES[1], self.width),
            weight.new_zeros(2, n_batch, self.hidden),
        )

    def forward(self, features: Tensor, state: PhonesState | None = None) -> tuple[Tensor, PhonesState]:
        """Features `[B, T, n_inputs]` -> shared states `[B, T, hidden]` and what to remember.

        Any split of the features into calls gives the same states.
        """
        state = state or self.start(len(features))
        n = features.shape[1]
        inputs = torch.cat([state.first, features], dim=1)
        seen = functional.gelu(self.first(_taps(inputs, n, 1)))
        middle = torch.cat([state.second, seen], dim=1)
        seen = self.norm(seen + functional.gelu(self.second(_taps(middle, n, 2))))
        states, recurrent = self.recurrent(seen, state.recurrent)
        return states, PhonesState(inputs[:, -_REACHES[0] :], middle[:, -_REACHES[1] :], recurrent)

    def speak(self, states: Tensor, head: int) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the visemes `[..., 15]` and the embedding `[..., n_embedding]`, -1 to 1.

        Args:
            states: shared states, each for the moment `LOOK_AHEAD_STEPS[head]` steps before it.
        """
        embedding = torch.tanh(self.embed[head](states))
        return torch.log_softmax(self.classify[head](embedding), dim=-1), embedding


def _taps(rows: Tensor, n: int, dilation: int) -> Tensor:
    """For each of the last `n` rows of `[B, T, F]` it and its two predecessors side by side: `[B, n, 3 F]`."""
    return torch.cat([rows[:, step * dilation : step * dilation + n] for step in range(_KERNEL)], dim=2)
