"""How the Expression Generator learns from a clip: weighted L1 over sequences, eyes weighing five times (eq. 11)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.methods.talk2me.expression import ExpressionGenerator, ExpressionSizes

N_EAR = 2
BLINK_CORRELATION = 0.5


@dataclass(frozen=True)
class ExpressionConfig:
    """Settings of the training; `rate` is the paper's, `eye_weight` of what eq. 11 weighs higher for the eyes."""

    n_frames: int = 100
    batch: int = 16
    rate: float = 1e-4
    eye_weight: float = 5.0


class ExpressionTraining:
    """One training on a clip.

    Args:
        phonetic, emotion: standardised features of frames at 25 a second, `[T, P]` and `[T, M]`.
        expression: `[T, E]`, the last two the eye aspect ratios.

    Raises:
        TrainingError: if the clip is shorter than a sequence.
    """

    def __init__(
        self, phonetic: np.ndarray, emotion: np.ndarray, expression: np.ndarray, sizes: ExpressionSizes,
        config: ExpressionConfig = ExpressionConfig(), seed: int = 0,
    ) -> None:  # fmt: skip
        if len(expression) < config.n_frames:
            raise TrainingError(
                f"{len(expression)} frames are too few to learn expressions from, at least {config.n_frames} are "
                "needed; capture a longer video."
            )
        self.config = config
        self.phonetic, self.emotion, self.expression = (
            torch.as_tensor(np.asarray(a), dtype=torch.float32) for a in (phonetic, emotion, expression)
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.generator = ExpressionGenerator(sizes)
        spread = self.expression.std(dim=0)
        self.generator.mean.copy_(self.expression.mean(dim=0))
        self.generator.scale.copy_(spread.clamp(min=0.02 * float(spread.max()) + 1e-6))
        self.weights = eye_weights(self.expression, config.eye_weight)
        self._optimizer = torch.optim.Adam(self.generator.parameters(), config.rate)
        self._rng = np.random.default_rng(seed)

    def step(self) -> float:
        """One step on random stretches; returns the loss."""
        loss = self.loss(*self.batch())
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Phonetic and emotional cues, styles and true expressions, `[B, T, .]`, styles `[B, E]`.

        The style is one frame of the stretch itself: a frame of elsewhere says nothing of its manner, and would be
        learned to be ignored.
        """
        n, config = len(self.expression), self.config
        starts = self._rng.integers(0, n - config.n_frames + 1, config.batch)
        rows = torch.from_numpy(starts[:, None] + np.arange(config.n_frames))
        styles = torch.from_numpy(starts + self._rng.integers(0, config.n_frames, config.batch))
        return self.phonetic[rows], self.emotion[rows], self.expression[styles], self.expression[rows]

    def loss(self, phonetic: Tensor, emotion: Tensor, style: Tensor, true: Tensor) -> Tensor:
        made = self.generator(phonetic, emotion, style)
        return (self.weights * ((made - true) / self.generator.scale).abs()).mean()


def eye_weights(expression: Tensor, weight: float) -> Tensor:
    """Weights of the coefficients `[E]`: `weight` for the eye aspect ratios and for those that blink with them, else 1.

    Args:
        expression: `[T, E]`, the last two the eye aspect ratios.
    """
    centred = expression - expression.mean(dim=0)
    unit = centred / centred.norm(dim=0).clamp(min=1e-9)
    blinks = (unit.T @ unit[:, -N_EAR:]).abs().amax(dim=1) > BLINK_CORRELATION
    blinks[-N_EAR:] = True
    return torch.where(blinks, weight, 1.0)
