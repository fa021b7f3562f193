"""GGTalker's stage A1: the voice network, with a prior or none, learns one film and keeps what did best on its end."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from engine.audio.encoders import encoder_row
from engine.errors import TrainingError
from engine.methods.ggtalker.config import GGTalkerConfig
from engine.methods.ggtalker.expression import ExpressionLoss, ExpressionNet, expression_loss
from engine.methods.ggtalker.voice_prior import prior_of
from engine.parts.diffusion import Diffusion
from engine.parts.frame_sound import FRAME_S, frame_features
from engine.parts.running_mean import RunningMean
from engine.training.clip import Clip

HELD_SHARE, LEAST_HELD = 0.1, 10  # of the training frames, their last ones judge the network
CHECK_EVERY = 50  # steps
MEAN_DECAY = 0.99  # of the weights' running mean, which is judged and kept (ours, as diffusion models have it)
N_JUDGED = 16  # clips a judgement is the mean of
LEAST_SPREAD = 0.01  # standard deviation from which on a coefficient counts as moving
SHORTEST = 10  # frames of a clip
FINAL_RATE = 0.05  # of the rate, at the end of the stage


def heard_names(names: tuple[str, ...], tracks: np.ndarray) -> tuple[str, ...]:
    """The coefficients that the voice moves: all that vary in the film `[T, E]` but the gaze, which is the user's."""
    spread = tracks.std(axis=0)
    varying = tuple(n for n, s in zip(names, spread, strict=True) if s > LEAST_SPREAD and not n.startswith("eyeLook"))
    if not varying:
        raise TrainingError("the face does not move in this film; film somebody who talks.")
    return varying


class VoiceTraining:
    """Clips of random length from the film's voice, or an altered copy of it, and the coefficients that go with them.

    A frame of motion hears the 40 ms of sound that end at its moment.

    Args:
        expression: fitted coefficients of every frame `[T, E]`; names: theirs.

    Attributes:
        names: of the coefficients that the voice moves; speakers: whose ways of moving the network knows, this film's
            first, then its prior's.

    Raises:
        TrainingError: if none of them varies.
    """

    def __init__(
        self, clip: Clip, config: GGTalkerConfig, expression: np.ndarray, names: tuple[str, ...], device: torch.device,
        seed: int,
    ) -> None:  # fmt: skip
        self.config, self.device, self._seed = config, device, seed
        prior = prior_of(config.prior, encoder_row(clip.encoder), names)
        self.names = prior.names if prior else heard_names(names, expression[: clip.n_train])
        self.speakers = ("own", *(prior.speakers if prior else ()))
        columns = [names.index(name) for name in self.names]
        times = clip.tracks["times"][: clip.n_train].astype(np.float64)
        n = int((times[-1] - times[0]) / FRAME_S + 1.5)  # frames of motion, whatever the rate of the film
        tracks = expression[: clip.n_train, columns].T
        motion = np.stack([np.interp(times[0] + FRAME_S * np.arange(n), times, track) for track in tracks], axis=1)
        heard = [frame_features(history, float(times[0]) - FRAME_S, n)[0] for history in clip.voice.histories]
        self._audio = torch.from_numpy(np.stack(heard)).to(device)  # [variants, T, F]
        self._motion = torch.from_numpy(motion.astype(np.float32)).to(device)
        self._n_learned = n - max(LEAST_HELD, int(HELD_SHARE * n))
        if prior is None:
            self.net = ExpressionNet(config.expression_size(clip.voice.n_features, len(columns)))
            self.net.normalise(self._audio.flatten(0, 1).cpu(), self._motion.cpu())
        else:
            self.net = with_own_speaker(prior.net)
        self.mean = RunningMean(self.net, MEAN_DECAY)
        self.best = Best(self.net)
        self.has_prior = prior is not None
        self.diffusion = Diffusion(prior.n_steps if prior else config.n_steps)
        self._loss = ExpressionLoss(lambda_temporal=config.lambda_temporal, drop=config.drop)
        self._n_steps = 0

    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Weighted terms of one batch of clips (eq. 5)."""
        self._n_steps += 1
        n, longest = self._n_learned, min(self.net.size.n_positions, self._n_learned)
        length = int(rng.integers(min(SHORTEST, longest), longest + 1))
        starts = rng.integers(0, n - length + 1, self.config.voice_batch)
        variants = rng.integers(0, len(self._audio), self.config.voice_batch)
        variants[::2] = 0  # half of them the voice as it was recorded
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        return self._terms(starts, length, variants, self._loss, generator)

    def check(self) -> None:
        """Judges the mean of the network's last steps, every `CHECK_EVERY` steps, by the end of the film, which it does
        not learn from; to be called after every step.

        What counts is what it makes of the sound alone, out of pure noise: among less noisy steps a network that copies
        its neighbours looks the better the longer it trains, whatever it hears.
        """
        self.mean.see(self.net)
        if self._n_steps % CHECK_EVERY:
            return
        judged = deepcopy(self.net).eval()
        self.mean.put_into(judged)
        n = len(self._motion)
        length = min(self.net.size.n_positions, n - self._n_learned)
        starts = np.linspace(self._n_learned, n - length, N_JUDGED).astype(int)
        generator = torch.Generator().manual_seed(self._seed)
        rows = torch.from_numpy(starts)[:, None] + torch.arange(length)
        clean = judged.whitened(self._motion[rows.to(self.device)])
        noise = torch.randn(clean.shape, generator=generator).to(self.device)
        steps = torch.full((N_JUDGED,), self.diffusion.n_steps - 1, device=self.device)
        with torch.no_grad():
            speaker = judged.speakers[:1].expand(N_JUDGED, -1)
            condition = judged.condition(self._audio[0][rows.to(self.device)], speaker)
            error = (judged(noise, steps, condition) - clean).square().mean()
        self.best.see(judged, float(error))

    def keep_best(self) -> None:
        """Ends the stage: the network that did best, if any was judged, is the one that is kept."""
        self.best.put(self.net)

    def rate(self, at: float) -> float:
        """The learning rate at a place of the schedule: falls along half a cosine."""
        part = min(1.0, at / self.config.voice_until)
        top = self.config.rate_adapted if self.has_prior else self.config.rate_voice
        return top * (FINAL_RATE + (1 - FINAL_RATE) * (1 + np.cos(np.pi * part)) / 2)

    def _terms(
        self, starts: np.ndarray, length: int, variants: np.ndarray, loss: ExpressionLoss, generator: torch.Generator
    ) -> dict[str, Tensor]:
        rows = torch.from_numpy(starts)[:, None] + torch.arange(length)
        rows = rows.to(self.device)
        audio = self._audio[torch.from_numpy(variants).to(self.device)[:, None], rows]
        speaker = self.net.speakers[:1].expand(len(rows), -1)
        return expression_loss(self.net, self.diffusion, audio, self._motion[rows], speaker, loss, generator)


def with_own_speaker(net: ExpressionNet) -> ExpressionNet:
    """A copy of a network that knows one speaker more, the first, who begins as the mean of the others."""
    own = ExpressionNet(replace(net.size, n_speakers=net.size.n_speakers + 1))
    speakers = torch.cat([net.speakers.mean(dim=0, keepdim=True), net.speakers]).detach()
    own.load_state_dict(net.state_dict() | {"speakers": speakers})
    return own


class Best(nn.Module):
    """A copy of a network as it was when it was judged best, kept in checkpoints beside it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        for name, value in net.state_dict().items():
            self.register_buffer(_key(name), value.clone())
        self.register_buffer("loss", torch.tensor(float("inf")))

    def see(self, net: nn.Module, loss: float) -> None:
        if not loss < float(self.loss):
            return
        self.loss.fill_(loss)
        for name, value in net.state_dict().items():
            getattr(self, _key(name)).copy_(value)

    def put(self, net: nn.Module) -> None:
        if torch.isfinite(self.loss):
            net.load_state_dict({name: getattr(self, _key(name)) for name in net.state_dict()})


def _key(name: str) -> str:
    return "of_" + name.replace(".", "__")
