"""Learns head motion from a dataset's track: the database of units, the refiner against its discriminator, the gain."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from engine.audio.encoders import encoder_row, make_encoder
from engine.audio.history import FeatureHistory
from engine.audio.wav import read_sound
from engine.capture.dataset import Dataset
from engine.capture.head_pose import pose_track
from engine.errors import OutputError, TrainingError
from engine.evaluation.head_motion import motion_ratios
from engine.head_motion import HeadMotion, HeadMotionChoice, frame_features, generated
from engine.parts.frame_sound import FPS
from engine.parts.pose_refiner import MotionDiscriminator, PoseRefiner, velocity
from engine.parts.pose_units import N_FRAMES, N_SPAN, build_units, laid_from, sound_key
from engine.progress import Progress
from engine.vocabulary import ARKIT_52

LEAST_S = 12.0
LEAST_TURN_DEG = 0.2
TREMBLE_FRAMES = 1.0
"""Sigma of the smoothing that takes tracking's trembling out of the units: heads nod at 3 Hz at most."""
RIDGE = 0.1
GAIN_LIMITS = (0.5, 2.0)


@dataclass(frozen=True)
class HeadMotionConfig:
    """Settings of the training.

    Attributes:
        encoder: whose features are heard.
        lead: see `build_units`; 0 as in the paper hears the motion's own second and so needs 1.2 s of sound ahead.
        rate: of the refiner, 1e-4 in the paper's 2,000 epochs; rate_discriminator 1e-3 as there.
        weight_adversarial, weight_pose, weight_velocity: of eq. 12: 1.0, 10 and 1.0.
        top_k, temperature: how training draws units, as the live line does.
    """

    encoder: str = "phones"
    lead: int = N_SPAN
    steps: int = 800
    batch: int = 16
    rate: float = 3e-4
    rate_discriminator: float = 1e-3
    weight_adversarial: float = 1.0
    weight_pose: float = 10.0
    weight_velocity: float = 1.0
    top_k: int = 5
    temperature: float = 0.1


def train_head_motion(
    dataset: Path, out: Path, config: HeadMotionConfig = HeadMotionConfig(), seed: int = 0
) -> Iterator[Progress]:
    """Trains on a dataset's training frames and writes `out`; the default 800 steps take about a minute of one core.

    Raises:
        DatasetError, TrainingError, OutputError: one sentence each, before anything is written.
    """
    out = Path(out)
    if not out.parent.is_dir():
        raise OutputError(f"{out.parent}: there is no such folder; make it first or choose another place.")
    source = Dataset(dataset)
    yield Progress("Listening to the voice")
    heard, pose, arkit, encoder = heard_frames(source, config.encoder)
    training = HeadMotionTraining(heard, pose, arkit, config, seed)
    training.motion.encoder = encoder
    for step in range(config.steps):
        values = training.step()
        if step % 50 == 0:
            yield Progress("Learning head motion", step, config.steps, values=values)
    yield Progress("Measuring the motion")
    figures = training.finish()
    training.motion.about |= {"dataset": source.info.name, "seconds": round(len(pose) / FPS, 1)}
    training.motion.save(out)
    yield Progress("Head motion written", config.steps, config.steps, values=figures | {"head_motion": str(out)})


class HeadMotionTraining:
    """One training on frames at 25 a second.

    Args:
        features: raw features `[T, F]`; pose `[T, 6]`; arkit `[T, 52]`.
        made: ARKit-52 scores that an avatar makes of the same sound `[T, 52]`, in place of those heard in the features.

    Attributes:
        motion: what is being trained.
        track: the head's pose as given; pose: without trembling, what is learned from.
    """

    def __init__(
        self, features: np.ndarray, pose: np.ndarray, arkit: np.ndarray, config: HeadMotionConfig, seed: int = 0,
        made: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        if len(pose) < LEAST_S * FPS:
            raise TrainingError(
                f"{len(pose) / FPS:.0f} s of head motion are too few to learn from, at least {LEAST_S:.0f} s are "
                "needed; capture a longer video."
            )
        if pose[:, :3].std(axis=0).max() < LEAST_TURN_DEG:
            raise TrainingError(
                f"the head turns by {pose[:, :3].std(axis=0).max():.2f} degrees in this film, at least "
                f"{LEAST_TURN_DEG} are needed to learn from; choose a film whose head moves."
            )
        self.config, self.track = config, pose.astype(np.float32)
        self.pose = gaussian_filter1d(self.track, TREMBLE_FRAMES, axis=0, mode="nearest")
        mean = features.mean(axis=0)
        scale = 1 / np.maximum(features.std(axis=0), 0.1 * features.std() + 1e-6)
        self.heard = ((features - mean) * scale).astype(np.float32)
        spread = pose.std(axis=0)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            refiner = PoseRefiner(features.shape[1], len(ARKIT_52))
            self.discriminator = MotionDiscriminator()
        self.motion = HeadMotion(
            build_units(self.heard, self.pose, config.lead), refiner, mean.astype(np.float32),
            scale.astype(np.float32), _heard_expression(self.heard, arkit), pose.mean(axis=0).astype(np.float32),
            np.maximum(spread, 0.02 * spread.max() + 1e-4).astype(np.float32), np.ones(6, np.float32), config.lead,
            {"name": config.encoder},
        )  # fmt: skip
        self._rng = np.random.default_rng(seed)
        self._made = made
        self._expression = self.motion.expression(self.heard) if made is None else made
        self._optimizer = torch.optim.Adam(refiner.parameters(), config.rate, betas=(0.5, 0.99))
        self._critic = torch.optim.Adam(self.discriminator.parameters(), config.rate_discriminator, betas=(0.5, 0.99))

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Retrieved poses, expressions, features and true poses, standardised, `[B, N_SPAN, .]` each."""
        starts = self._rng.integers(self.config.lead, len(self.pose) - N_SPAN + 1, self.config.batch)
        return self.rows(starts, self._rng)

    def rows(self, starts: np.ndarray, rng: np.random.Generator | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What `batch` gives, for chosen first frames; without chance the best units that are allowed."""
        motion, lead, rows = self.motion, self.config.lead, []
        for start in starts:
            listened = slice(start - lead, start - lead + N_SPAN)
            unit = motion.units.retrieve(
                sound_key(self.heard[listened][:N_FRAMES]), top_k=self.config.top_k,
                temperature=self.config.temperature, rng=rng, allowed=motion.units.away_from(int(start)),
            )  # fmt: skip
            retrieved = laid_from(self.pose[start], motion.units.values[unit], motion.pose_mean)
            rows.append((self._standard(retrieved), self._expression[listened], self.heard[listened],
                         self._standard(self.pose[start : start + N_SPAN])))  # fmt: skip
        retrieved, expression, heard, true = (
            torch.from_numpy(np.stack(column).astype(np.float32)) for column in zip(*rows, strict=True)
        )
        return retrieved, expression, heard, true

    def step(self) -> dict[str, float]:
        """One step of the discriminator and one of the refiner; returns the terms of eq. 12."""
        config = self.config
        retrieved, expression, heard, true = self.batch()
        refined = self.motion.refiner(retrieved, expression, heard)
        critic_loss = self.critic_loss(refined.detach(), true)
        self._critic.zero_grad(set_to_none=True)
        critic_loss.backward()
        self._critic.step()
        adversarial = sum(((score - 1) ** 2).mean() for score in self.discriminator(refined))
        distance = (refined - true).abs().mean()
        speed = velocity(refined).abs().mean()
        loss = config.weight_adversarial * adversarial + config.weight_pose * distance + config.weight_velocity * speed
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return {"adversarial": adversarial.item(), "pose": distance.item(), "velocity": speed.item()}

    def critic_loss(self, refined: Tensor, true: Tensor) -> Tensor:
        """Least squares: true motion is 1, refined is 0, in both branches."""
        real, made = self.discriminator(true), self.discriminator(refined)
        return sum(((r - 1) ** 2).mean() + (m**2).mean() for r, m in zip(real, made, strict=True))

    def finish(self) -> dict[str, float]:
        """Measures motion generated for the clip's own sound, its own units left out, and sets the gain."""
        self.motion.refiner.eval()
        for parameter in self.motion.refiner.parameters():
            parameter.requires_grad_(False)
        spread = np.sqrt(np.mean([
            self._generated(seed).std(axis=0) ** 2
            for seed in range(3)
        ], axis=0))  # fmt: skip
        gain = self.track.std(axis=0) / np.maximum(spread, 1e-6)
        self.motion.gain = np.clip(gain, *GAIN_LIMITS).astype(np.float32)
        figures = {name: round(value, 3) for name, value in motion_ratios(self._generated(3), self.track).items()}
        self.motion.about["ratios"] = figures
        return figures

    def _generated(self, seed: int) -> np.ndarray:
        """Motion for the clip's own sound, its own units left out, `[T, 6]`."""
        return generated(self.motion, self.heard, HeadMotionChoice(seed=seed), excludes=True, expression=self._made)

    def _standard(self, pose: np.ndarray) -> np.ndarray:
        return (pose - self.motion.pose_mean) / self.motion.pose_scale


def head_track(dataset: Dataset) -> np.ndarray:
    """Head pose of every frame, `[T, 6]` in `POSE_NAMES` order.

    Raises:
        TrainingError: for a film round which the camera moved and that does not say how the head did.
    """
    if "pose" in dataset.tracks:
        return dataset.tracks["pose"]
    if dataset.info.background != "plate":
        raise TrainingError(
            f"{dataset.path.name}: the camera moved round this film, so its cameras tell no head motion; film it with "
            "a fixed camera or capture a real video."
        )
    return pose_track(dataset.tracks["viewmats"])


def heard_frames(dataset: Dataset, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
    """Features, head pose and ARKit scores of the training frames at 25 a second, and the encoder's row.

    Raises:
        TrainingError: see `head_track`.
    """
    n = dataset.info.n_train
    pose, arkit, times = head_track(dataset)[:n], dataset.tracks["arkit"][:n], dataset.times[:n]
    encoder = make_encoder({"name": name})
    samples, _ = read_sound(dataset.audio_path)
    features = encoder.encode(samples)
    history = FeatureHistory(encoder.n_features, len(features) / 50 + 1)
    history.extend(features)
    n_frames = int(min(times[-1] - times[0], history.newest - times[0]) * FPS)
    grid = times[0] + np.arange(max(n_frames, 0)) / FPS
    values, known = frame_features(history, float(times[0]), len(grid))
    values, grid = values[known], grid[known]
    pose, arkit = (np.stack([np.interp(grid, times, c) for c in rows.T], axis=1) for rows in (pose, arkit))
    return values, pose, arkit, encoder_row(encoder)


def _heard_expression(heard: np.ndarray, arkit: np.ndarray) -> np.ndarray:
    """Ridge regression of ARKit scores from standardised features, `[F + 1, 52]`: the expression any avatar shares."""
    x = np.concatenate([heard, np.ones((len(heard), 1), np.float32)], axis=1).astype(np.float64)
    penalty = RIDGE * len(x) * np.eye(x.shape[1])
    penalty[-1, -1] = 0
    return np.linalg.solve(x.T @ x + penalty, x.T @ arkit).astype(np.float32)
