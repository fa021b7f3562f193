"""How the mesh carries the Gaussians on it: what the mesh stage taught the deformation before it saw a picture.

The published mesh stage learns its motion by gradient and hands its weights to the Gaussians' deformation, which learns
on. A fitted head model knows that motion (ours): it is added up from the frame's coefficients, exactly and without a
step, and the six heads learn what it lacks. Heads that learned it anew still had lips at 1.5 pixels and lids at rest
after 900 steps, and a coefficient of the lips moved whatever they had not told apart from them.
"""

import numpy as np
import torch
from torch import Tensor, nn

N_CARRIED = 64
"""Most directions of motion kept: of three times the coefficients, those that move the film's face most."""
LEAST_REACH = 0.05


class Carry(nn.Module):
    """A code of every Gaussian, and what a face makes of the codes; nothing of it is learned by gradient.

    Attributes:
        code: `[N, K]`; weight: `[3 K, E + 2]` and bias `[3 K]`, over expression and eye aspect ratios.
    """

    def __init__(self, n: int, n_expression: int, n_carried: int = 1) -> None:
        super().__init__()
        self.register_buffer("code", torch.zeros(n, n_carried))
        self.register_buffer("weight", torch.zeros(3 * n_carried, n_expression + 2))
        self.register_buffer("bias", torch.zeros(3 * n_carried))

    def directions(self, expression: Tensor, ear: Tensor) -> Tensor:
        """What a unit of each code is shifted by in a frame, head heights `[K, 3]`."""
        return (self.weight @ torch.cat([expression, ear]) + self.bias).view(-1, 3)

    def forward(self, expression: Tensor, ear: Tensor) -> Tensor:
        """Shifts of all Gaussians from rest in a frame, head heights `[N, 3]`.

        Args:
            expression: `[E]`; ear: `[2]`.
        """
        return self.code @ self.directions(expression, ear)


def carried_by(
    moves: np.ndarray, weight: np.ndarray, bias: np.ndarray, expression: np.ndarray, n_carried: int = N_CARRIED
) -> Carry:
    """The principal directions of a mesh's motion over a clip.

    Args:
        moves: what a unit of each of the model's coefficients adds to each Gaussian `[A, N, 3]`.
        weight: `[A, E + 2]` and bias `[A]`: the model's coefficients from expression and eye aspect ratios.
        expression: the model's coefficients over the clip `[T, A]`.
    """
    n_model, n = moves.shape[:2]
    reach = np.maximum(expression.std(axis=0), LEAST_REACH)
    rows = (moves * reach[:, None, None]).transpose(1, 0, 2).reshape(n, 3 * n_model).astype(np.float64)
    size, axes = np.linalg.eigh(rows.T @ rows)
    n_carried = min(n_carried, 3 * n_model)
    axes = axes[:, np.argsort(-size)[:n_carried]]
    code = rows @ axes
    unit = np.maximum(np.sqrt(np.square(code).mean(axis=0)), 1e-12)
    per_unit = (axes.T * unit[:, None]).reshape(n_carried, n_model, 3) / reach[None, :, None]  # [K, A, 3]
    carry = Carry(n, weight.shape[1] - 2, n_carried)
    carry.code.copy_(torch.from_numpy(code / unit))
    carry.weight.copy_(torch.from_numpy(np.einsum("kac,ae->kce", per_unit, weight).reshape(3 * n_carried, -1)))
    carry.bias.copy_(torch.from_numpy(np.einsum("kac,a->kc", per_unit, bias).reshape(-1)))
    return carry
