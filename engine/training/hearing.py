"""How a method's audio coder hears a clip while it is trained: whole for statistics, by chance for learning."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from engine.parts.audio_net import N_STEPS, AudioCoder, heard_until, window_start
from engine.progress import Progress
from engine.training.clip import Clip

JITTER_S = 0.005
QUIET_SHARE = 0.12
CUT_SHARE = 0.05  # of windows that lose their first steps, as the first words after silence do


class Hearing:
    """The audio codes of one clip.

    Args:
        coder: its normalisation is set to the clip's statistics.
        rng: the method's generator.

    Attributes:
        resting: bool `[n_train]`, the frames whose mouth is at rest.
    """

    def __init__(self, clip: Clip, coder: AudioCoder, device: torch.device, rng: np.random.Generator) -> None:
        self._clip, self._coder, self._device, self._rng = clip, coder, device, rng
        coder.feature_mean.copy_(torch.from_numpy(clip.voice.mean))
        coder.feature_scale.copy_(torch.from_numpy(clip.voice.scale))
        self.resting = resting_frames(clip.opening()[: clip.n_train], clip.loudness()[: clip.n_train])

    def codes(self, times: np.ndarray, variant: int = 0) -> Tensor:
        """Audio codes at some moments with all context, `[T, D]`, no gradient."""
        windows, known = self._clip.windows(times, variant)
        with torch.no_grad():
            return self._coder(*(torch.from_numpy(a).to(self._device) for a in (windows, known)))

    def by_chance(self, time: float) -> Tensor:
        """The code `[D]` of a moment, heard as live sound may be: another voice, less context ahead, a little off in
        time."""
        return self.by_chance_at([time])[0]

    def by_chance_at(self, times: Sequence[float]) -> Tensor:
        """The codes `[B, D]` of some moments, each by its own chance."""
        pairs = [self._chance_window(float(time)) for time in times]
        windows, known = (torch.from_numpy(np.stack(column)).to(self._device) for column in zip(*pairs, strict=True))
        return self._coder(windows, known)

    def _chance_window(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        rng, voice = self._rng, self._clip.voice
        n_variants = len(voice.histories)
        variant = 0 if n_variants == 1 or rng.random() < 0.5 else int(rng.integers(1, n_variants))
        first = window_start(time) + rng.uniform(-JITTER_S, JITTER_S)
        window, known = voice.window(first, N_STEPS, variant)
        look_ahead = 160.0 if rng.random() < 0.4 else 20.0 * rng.integers(0, 9)
        known = known & heard_until(look_ahead).numpy()
        if rng.random() < CUT_SHARE:
            known = known & (np.arange(N_STEPS) >= rng.integers(0, 8))
        return window, known

    def learn(
        self, times: np.ndarray, codes: Tensor, steps: int, batch: int, rates: tuple[float, float]
    ) -> Iterator[Progress]:
        """Teaches the coder to say known codes `[T, D]` of moments `[T]`, however little of the sound ahead it hears.

        Args:
            rates: learning rate at the start and at the end; it falls by a constant factor a step.
        """
        spread = codes.std(dim=0).clamp(min=0.05 * float(codes.std()) + 1e-8)
        optimizer = torch.optim.Adam(self._coder.parameters(), lr=rates[0])
        for step in range(steps):
            ids = self._rng.integers(len(codes), size=batch)
            heard = self.by_chance_at(times[ids])
            loss = torch.nn.functional.smooth_l1_loss(heard / spread, codes[ids] / spread)
            optimizer.param_groups[0]["lr"] = rates[0] * (rates[1] / rates[0]) ** (step / steps)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if step % 50 == 0:
                yield Progress("Learning to hear", step, steps, values={"loss": round(float(loss.detach()), 4)})

    def at_rest(self) -> Tensor:
        """The mean code `[D]` of the resting mouth over the clip, no gradient."""
        return self.codes(self._clip.tracks["times"][: self._clip.n_train][self.resting]).mean(dim=0)

    def silence(self, moves_rest: bool = False) -> Tensor:
        """Silence should sound like the mouth at rest looks (ours): distance of a silent window's code, squared where
        small. The code at rest is made by the same weights, so with squares all the way a code that is far off once
        drives both away from each other, faster and faster.

        Args:
            moves_rest: the code at rest learns, too. Where pictures pull weakly the one that stands still is otherwise
                driven before the other without end; where they pull well, codes that learn from both ends are drawn
                together until the mouth no longer follows the voice.
        """
        ids = self._rng.choice(np.flatnonzero(self.resting), 6)
        windows, whole = (
            torch.from_numpy(a).to(self._device) for a in self._clip.windows(self._clip.tracks["times"][ids])
        )
        with torch.set_grad_enabled(moves_rest):
            rest = self._coder(windows, whole).mean(dim=0)
        window = torch.from_numpy(self._clip.voice.silence(self._rng, N_STEPS))[None].to(self._device)
        known = heard_until(20.0 * self._rng.integers(0, 9))[None].to(self._device)
        return 2 * ((self._coder(window, known)[0] - rest).square().mean().add(1).sqrt() - 1)


def resting_frames(opening: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """Frames with the mouth at rest, bool `[T]`: of the quietest the half that is least open.

    Shut lips alone are not rest: in p, b and m they are pressed together, and a face that rests so keeps them shut
    however far its jaw is told to drop. Who talks without a pause, though, is as open in quiet frames as in others, and
    would never close the mouth again: there the least open of the quieter half must do.
    """
    quiet = loudness <= np.quantile(loudness, QUIET_SHARE)
    middle = np.median(opening[quiet])
    if middle <= np.quantile(opening, 0.25):
        return quiet & (opening <= middle)
    quiet = loudness <= np.median(loudness)
    return quiet & (opening <= np.quantile(opening[quiet], QUIET_SHARE))


class FrameChoice:
    """Which training frame comes next: any, but open mouths and shut lids more often than a clip shows them (ours).

    Args:
        shut: bool `[n_train]`, frames with shut lids.
        every: one frame in so many is drawn from the fifth with the widest mouth, another from those with shut lids.
    """

    def __init__(self, clip: Clip, shut: np.ndarray, every: int) -> None:
        opening = clip.opening()[: clip.n_train]
        self._n_train, self._every = clip.n_train, every
        self._wide_open = np.flatnonzero(opening >= np.quantile(opening, 0.8))
        self._lids_shut = np.flatnonzero(shut)

    def pick(self, n_picked: int, rng: np.random.Generator) -> int:
        """The `n_picked`-th frame."""
        if n_picked % self._every == 0:
            return int(rng.choice(self._wide_open))
        if len(self._lids_shut) and n_picked % self._every == 3:
            return int(rng.choice(self._lids_shut))
        return int(rng.integers(self._n_train))
