"""What the audio net hears in training: the voice's features, altered copies of it, and kinds of silence."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import istft, lfilter, stft

from engine.audio.block import FEATURE_RATE_HZ, SAMPLE_RATE_HZ, AudioEncoder
from engine.audio.history import FeatureHistory

LEAD_S = 1.0  # silence put before and after the clip, so that its first and last windows are whole
QUIET_DB = (-120.0, -72.0, -60.0, -50.0)  # loudness of the noises that stand for silence
SILENCE_S = 2.0


@dataclass
class Voice:
    """Feature histories of one clip.

    Attributes:
        histories: the clean voice first, then its altered copies.
        silences: the same encoder on rooms without a voice.
        mean, scale: of the clean features over the clip, `[F]`; `(x - mean) * scale` is what the net sees.
    """

    histories: list[FeatureHistory]
    silences: list[FeatureHistory]
    mean: np.ndarray
    scale: np.ndarray

    @property
    def n_features(self) -> int:
        return self.histories[0].n_features

    def window(self, first: float, n_steps: int, variant: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Features `[n_steps, F]` from a time on and which are known; variant 0 is the voice as recorded."""
        return self.histories[variant].window(first, n_steps)

    def silence(self, rng: np.random.Generator, n_steps: int) -> np.ndarray:
        """A window `[n_steps, F]` of one of the silent rooms."""
        history = self.silences[rng.integers(len(self.silences))]
        first = rng.uniform(history.oldest + 0.2, history.newest - (n_steps + 1) / FEATURE_RATE_HZ - 0.2)
        return history.window(first, n_steps)[0]


def hear(encoder: AudioEncoder, samples: np.ndarray, n_variants: int, seed: int = 0) -> Voice:
    """Encodes a clip's voice `[n]` (16 kHz, time 0 at the first sample), altered copies of it, and silence."""
    rng = np.random.default_rng(seed)
    clean = _history(encoder, samples)
    values, known = clean.window(0.0, max(1, int(len(samples) / SAMPLE_RATE_HZ * FEATURE_RATE_HZ) - 1))
    values = values[known] if known.any() else values
    scale = 1 / np.maximum(values.std(axis=0), 0.1 * values.std() + 1e-6)
    variants = [_history(encoder, altered(samples, rng)) for _ in range(n_variants)]
    silences = [_history(encoder, _room(level, rng), lead=0.0) for level in QUIET_DB]
    return Voice([clean, *variants], silences, values.mean(axis=0).astype(np.float32), scale.astype(np.float32))


def altered(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same words as another speaker or room might give them: pitch and formants, tilt, gain and noise changed.

    Timing stays, so the pictures still fit.
    """
    sound = shifted_pitch(samples, float(np.exp(rng.uniform(np.log(0.78), np.log(1.35)))))
    tilt = rng.uniform(-0.5, 0.5)
    sound = lfilter([1.0, tilt], [1.0], sound) / (1 + abs(tilt))
    loudness = np.sqrt(np.mean(np.square(samples))) + 1e-9
    sound = sound * (loudness / (np.sqrt(np.mean(np.square(sound))) + 1e-9)) * 10 ** (rng.uniform(-9, 6) / 20)
    noise = rng.standard_normal(len(sound)) * loudness * 10 ** (rng.uniform(-45, -18) / 20)
    noise = lfilter([1.0], [1.0, -rng.uniform(0.0, 0.9)], noise)
    return np.clip(sound + noise, -1, 1).astype(np.float32)


def shifted_pitch(samples: np.ndarray, factor: float) -> np.ndarray:
    """The voice with pitch and formants times `factor`, its timing kept: a phase vocoder, then resampling."""
    stretched = _stretched(samples.astype(np.float64), factor)
    position = np.arange(len(samples)) * factor
    return np.interp(position, np.arange(len(stretched)), stretched).astype(np.float32)


def unspoken(tracks: np.ndarray, windows: np.ndarray, n_train: int, n_folds: int = 5, ridge: float = 0.3) -> np.ndarray:
    """The part of mouth tracks that the voice does not explain.

    A ridge regression from each frame's window of features predicts the tracks; every stretch of the training part is
    predicted by one fitted on the other stretches, the held-out part by one fitted on all training frames.

    Args:
        tracks: `[T, A]`; windows: features `[T, steps, F]`.

    Returns:
        `[T, A]`: tracks less prediction.
    """
    mean, spread = (getattr(windows[:n_train], name)(axis=(0, 1)) for name in ("mean", "std"))
    flat = ((windows - mean) / np.maximum(spread, 1e-3)).reshape(len(windows), -1).astype(np.float64)
    inputs = _leading_components(flat, n_train)
    left = np.empty(tracks.shape)
    folds = np.arange(n_train) * n_folds // max(n_train, 1)
    for fold in range(n_folds):
        own = folds == fold
        left[:n_train][own] = tracks[:n_train][own] - _ridge(inputs[:n_train][~own], tracks[:n_train][~own],
                                                            inputs[:n_train][own], ridge)  # fmt: skip
    if len(tracks) > n_train:
        left[n_train:] = tracks[n_train:] - _ridge(inputs[:n_train], tracks[:n_train], inputs[n_train:], ridge)
    return left.astype(np.float32)


def _history(encoder: AudioEncoder, samples: np.ndarray, lead: float = LEAD_S) -> FeatureHistory:
    quiet = np.zeros(int(lead * SAMPLE_RATE_HZ), dtype=np.float32)
    encoder.reset()
    features = encoder.encode(np.concatenate([quiet, samples.astype(np.float32), quiet]), -lead)
    history = FeatureHistory(encoder.n_features, seconds=len(features) / FEATURE_RATE_HZ + 1)
    history.extend(features)
    return history


def _room(level_db: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(int(SILENCE_S * SAMPLE_RATE_HZ))
    return (lfilter([1.0], [1.0, -0.9], noise) * 0.44 * 10 ** (level_db / 20)).astype(np.float32)


def _stretched(samples: np.ndarray, factor: float) -> np.ndarray:
    n_window, hop = 512, 128
    _, _, spectrum = stft(samples, nperseg=n_window, noverlap=n_window - hop, boundary="even")
    n_bins, n_frames = spectrum.shape
    position = np.arange(0, n_frames - 1, 1 / factor)
    low = position.astype(int)
    part = position - low
    magnitude = np.abs(spectrum[:, low]) * (1 - part) + np.abs(spectrum[:, np.minimum(low + 1, n_frames - 1)]) * part
    phase = np.angle(spectrum)
    expected = 2 * np.pi * hop * np.arange(n_bins)[:, None] / n_window
    advance = phase[:, np.minimum(low + 1, n_frames - 1)] - phase[:, low] - expected
    advance = expected + advance - 2 * np.pi * np.round(advance / (2 * np.pi))
    total = phase[:, :1] + np.cumsum(np.concatenate([np.zeros((n_bins, 1)), advance[:, :-1]], axis=1), axis=1)
    _, stretched = istft(magnitude * np.exp(1j * total), nperseg=n_window, noverlap=n_window - hop)
    return stretched


def _leading_components(flat: np.ndarray, n_train: int, n_components: int = 24) -> np.ndarray:
    mean = flat[:n_train].mean(axis=0)
    _, sizes, directions = np.linalg.svd(flat[:n_train] - mean, full_matrices=False)
    n_used = min(n_components, int((sizes > 1e-6 * max(sizes[0], 1e-12)).sum()), max(1, n_train // 4))
    return (flat - mean) @ directions[:n_used].T / np.maximum(sizes[:n_used] / np.sqrt(n_train), 1e-9)


def _ridge(inputs: np.ndarray, outputs: np.ndarray, asked: np.ndarray, ridge: float) -> np.ndarray:
    mean = outputs.mean(axis=0)
    gram = inputs.T @ inputs + ridge * len(inputs) * np.eye(inputs.shape[1])
    return mean + asked @ np.linalg.solve(gram, inputs.T @ (outputs - mean))
