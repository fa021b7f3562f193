"""How the Expression Generator learns from a clip: weighted L1 over windows of sound, eyes weighing five times."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.methods.talk2me.expression import AHEAD_FRAMES, ExpressionGenerator, ExpressionSizes

N_EAR = 2
BLINK_CORRELATION = 0.5
SHOWN_SHARE = 0.5
"""Of a window's loss, what the shown frame has: the others are context that another window shows."""


@dataclass(frozen=True)
class Heard:
    """A voice, or an altered copy of it, with the face that went with it, at 25 frames a second.

    Attributes:
        phonetic: `[T, P]`; emotion: `[T, M]`: raw features of the 40 ms before each frame.
        expression: `[T, E]`, the last two the eye aspect ratios.
    """

    phonetic: Tensor
    emotion: Tensor
    expression: Tensor

    def __len__(self) -> int:
        return len(self.expression)


class ExpressionTraining:
    """What the generator of one clip learns from; the trainer takes the steps.

    Args:
        voices: the voice as recorded, then its altered copies.
        silence: of silent rooms with the resting face (ours: pauses stay still); None for none.
        rng: behind every chance.

    Raises:
        TrainingError: if the clip is shorter than a window.
    """

    def __init__(
        self, voices: list[Heard], sizes: ExpressionSizes, rng: np.random.Generator, batch: int = 16,
        eye_weight: float = 5.0, silence: Heard | None = None, silent_share: float = 0.0,
    ) -> None:  # fmt: skip
        clean = voices[0]
        if len(clean) < sizes.n_frames:
            raise TrainingError(
                f"{len(clean)} frames are too few to learn expressions from, at least {sizes.n_frames} are needed; "
                "capture a longer video."
            )
        self.clean = clean
        self._voices, self._rng, self._n = voices, rng, batch
        self._silence, self._silent_share = silence, silent_share
        self.generator = ExpressionGenerator(sizes)
        spread = clean.expression.std(dim=0)
        self.generator.mean.copy_(clean.expression.mean(dim=0))
        self.generator.scale.copy_(spread.clamp(min=0.02 * float(spread.max()) + 1e-6))
        for cue in ("phonetic", "emotion"):
            values = getattr(clean, cue)
            deviation = values.std(dim=0)
            getattr(self.generator, f"{cue}_mean").copy_(values.mean(dim=0))
            getattr(self.generator, f"{cue}_scale").copy_(1 / deviation.clamp(min=0.1 * float(values.std()) + 1e-6))
        self.weights = eye_weights(clean.expression, eye_weight)

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
        """Phonetic and emotional cues, styles and true expressions, `[B, T, .]`, styles `[B, E]`, and the place of the
        first frame; T is as long as some moment of a stream would have it.

        The style is one frame of the stretch itself: a frame of elsewhere says nothing of its manner, and would be
        learned to be ignored.
        """
        rng, behind = self._rng, self.generator.sizes.n_behind
        first = 0 if rng.random() < 0.8 else int(rng.integers(behind))  # the beginnings of sounds
        n_frames = behind - first + 1 + int(rng.integers(AHEAD_FRAMES + 1))
        rows = []
        for _ in range(self._n):
            voice = self._voices[0 if rng.random() < 0.5 else int(rng.integers(len(self._voices)))]
            if self._silence is not None and rng.random() < self._silent_share:
                voice = self._silence
            start = int(rng.integers(len(voice) - n_frames + 1))
            part = slice(start, start + n_frames)
            style = self._voices[0].expression[rng.integers(len(self._voices[0]))]
            if voice is not self._silence:
                style = voice.expression[start + int(rng.integers(n_frames))]
            rows.append((voice.phonetic[part], voice.emotion[part], style, voice.expression[part]))
        phonetic, emotion, styles, true = (torch.stack(column) for column in zip(*rows, strict=True))
        return phonetic, emotion, styles, true, first

    def loss(self) -> Tensor:
        """Of a batch (eq. 11)."""
        *given, true, first = self.batch()
        device = self.generator.mean.device
        made = self.generator(*(cue.to(device) for cue in given), first)
        error = (self.weights.to(device) * ((made - true.to(device)) / self.generator.scale).abs()).mean(dim=(0, 2))
        shown = self.generator.sizes.n_behind - first
        return SHOWN_SHARE * error[shown] + (1 - SHOWN_SHARE) * error.mean()


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
