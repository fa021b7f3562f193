"""Motion from a voice that goes on: overlapping windows of diffusion, each fitted to what was already shown.

A window gives `hop` new frames. It sees `history` frames before them, as they were given, and `ahead` frames of sound
after them. Its first frames are pinned to the history at every step of the sampling; what the network would still have
changed at the border is faded out over the new frames, so that no seam is left. With `ahead` 0 and `hop` 1 it is
causal: the sound of a frame is enough for its motion.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.methods.ggtalker.expression import ExpressionNet
from engine.parts.diffusion import Diffusion

FRAME_MS = 40.0
FADE = 6  # frames over which the gap at a border goes to zero


@dataclass(frozen=True)
class WindowPlan:
    """How a stream is cut and sampled; all lengths in frames of 40 ms.

    Attributes:
        hop: new frames a window; history: given frames before them; ahead: frames of sound after them.
        n_steps: of the sampling; guidance: its scale; eta: 0 deterministic, 1 DDPM.
        seed: the same voice with another seed moves another way; variety: what the noise it begins with is times, 1 as
            the network was taught, 0 the surest motion (ours).
    """

    hop: int = 10
    history: int = 10
    ahead: int = 10
    n_steps: int = 8
    guidance: float = 1.15
    eta: float = 0.0
    seed: int = 0
    variety: float = 1.0

    @property
    def delay_ms(self) -> float:
        """How much sound after the start of a frame must be heard, at most, before its motion is known."""
        return (self.hop + self.ahead) * FRAME_MS


OFFLINE = WindowPlan(hop=80, history=10, ahead=10, n_steps=50)
"""Clips of 100 frames with 10 frames of overlap, as files are rendered."""


def live_plan(look_ahead_ms: float, history: int = 20, **options) -> WindowPlan:
    """The plan for a setting of the dial: half of it is spent on waiting for a window to fill, the rest on sound ahead;
    below two frames everything is causal, frame by frame."""
    frames = int(look_ahead_ms // FRAME_MS)
    if frames < 2:
        return WindowPlan(hop=1, history=history, ahead=0, **options)
    hop = min((frames + 1) // 2, 10)
    return WindowPlan(hop=hop, history=history, ahead=min(frames - hop, 10), **options)


class MotionStream:
    """Coefficients for a voice as it comes; the same frames whatever the sizes it comes in.

    Args:
        net: in evaluation; speaker: embedding `[n_speaker]`.

    Raises:
        ValueError: if a window of the plan is longer than the network's clips.
    """

    def __init__(self, net: ExpressionNet, diffusion: Diffusion, speaker: Tensor, plan: WindowPlan) -> None:
        longest = plan.history + plan.hop + plan.ahead
        if plan.hop < 1 or longest > net.size.n_positions:
            raise ValueError(f"windows of {longest} frames are planned, the network takes 1 to {net.size.n_positions}.")
        self.net, self.diffusion, self.speaker, self.plan = net, diffusion, speaker, plan
        self._device = speaker.device
        self._audio = np.zeros((0, net.size.n_audio), np.float32)
        self._heard_from = 0  # frame of the first row of _audio
        self._given = torch.zeros(0, net.size.n_motion, device=self._device)  # whitened, the newest `history` frames
        self._n_given, self._is_over = 0, False
        self._pending: Iterator[Tensor] | None = None

    def under(self, plan: WindowPlan) -> "MotionStream":
        """The same stream going on under another plan; what was begun of a window is begun again."""
        other = MotionStream(self.net, self.diffusion, self.speaker, plan)
        other._audio, other._heard_from, other._is_over = self._audio, self._heard_from, self._is_over
        other._given, other._n_given = self._given[max(0, len(self._given) - plan.history) :], self._n_given
        return other

    @property
    def n_given(self) -> int:
        """How many frames of motion have been given."""
        return self._n_given

    def push(self, audio: np.ndarray) -> None:
        """More sound, `[T, n_audio]` at 25 frames a second."""
        self._audio = np.concatenate([self._audio, np.asarray(audio, np.float32)])

    def finish(self) -> None:
        """No more sound follows: the frames that waited for it are made without."""
        self._is_over = True

    def advance(self) -> np.ndarray | None:
        """One step of the sampling. New motion `[N, K]` where that completed a window, an empty one where it did not,
        None where there is nothing to do before more sound comes."""
        if self._pending is None:
            if not self._is_due():
                return None
            self._pending = self._window()
        with torch.no_grad():
            motion = next(self._pending)
        if motion is None:
            return np.zeros((0, self.net.size.n_motion), np.float32)
        self._pending = None
        return motion.cpu().numpy()

    def drain(self) -> np.ndarray:
        """All motion the sound so far allows, `[N, K]`."""
        made = [np.zeros((0, self.net.size.n_motion), np.float32)]
        while (motion := self.advance()) is not None:
            made.append(motion)
        return np.concatenate(made)

    def _heard_until(self) -> int:
        return self._heard_from + len(self._audio)

    def _is_due(self) -> bool:
        left = self._heard_until() - self._n_given
        return left >= self.plan.hop + self.plan.ahead or (self._is_over and left > 0)

    def _window(self) -> Iterator[Tensor | None]:
        """Samples the next window: None after each step, the new frames after the last."""
        plan, first = self.plan, self._n_given
        end = min(first + plan.hop + plan.ahead, self._heard_until())
        n_new = min(plan.hop, end - first)
        start = first - len(self._given)
        audio = torch.from_numpy(self._audio[start - self._heard_from : end - self._heard_from])[None].to(self._device)
        condition = self.net.condition(audio, self.speaker[None])
        noise = plan.variety * frame_noise(plan.seed, start, end, self.net.size.n_motion)[None].to(self._device)
        generator = torch.Generator().manual_seed(_seed(plan.seed, -1 - first))
        known, clean = self._given[None], noise
        steps = self.diffusion.sampling(
            self.net.predictor(condition, plan.guidance), noise, plan.n_steps, plan.eta, generator, known
        )
        for prediction in steps:
            clean = prediction
            yield None
        new = clean[0, first - start : first - start + n_new]
        if len(self._given) and plan.hop > 1:  # frame by frame the gap would never fade: motion came a frame late
            gap = self._given[-1] - clean[0, first - start - 1]
            new = new + _fade(n_new).to(gap)[:, None] * gap
        self._give(new)
        yield self.net.coloured(new)

    def _give(self, new: Tensor) -> None:
        n = self.plan.history
        joined = torch.cat([self._given, new])
        self._given = joined[len(joined) - min(n, len(joined)) :]
        self._n_given += len(new)
        spare = self._n_given - len(self._given) - self._heard_from
        self._audio, self._heard_from = self._audio[spare:], self._heard_from + spare


def frame_noise(seed: int, start: int, end: int, n_motion: int) -> Tensor:
    """Noise of frames `start` to `end`, `[T, K]`: a frame has the same noise in every window it is part of."""
    rows = []
    for frame in range(start, end):
        generator = torch.Generator().manual_seed(_seed(seed, frame))
        rows.append(torch.randn(n_motion, generator=generator))
    return torch.stack(rows)


def _fade(n: int) -> Tensor:
    """How much of the gap at the border is left in each of the n new frames, `[n]`."""
    at = (torch.arange(n) + 1) / (FADE + 1)
    return torch.cos(at.clamp(max=1) * torch.pi / 2).square()


def _seed(seed: int, frame: int) -> int:
    words = np.random.SeedSequence([seed & 0xFFFFFFFF, frame & 0xFFFFFFFF]).generate_state(2)
    return int(words[0]) << 31 | int(words[1]) >> 1
