"""Sound and what encoders make of it: blocks of samples and time-stamped features, and the encoder interface."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

SAMPLE_RATE_HZ = 16_000
FEATURE_RATE_HZ = 50
SAMPLES_PER_FEATURE = SAMPLE_RATE_HZ // FEATURE_RATE_HZ


@dataclass(frozen=True)
class Block:
    """Mono float32 samples at 16 kHz and the time of the first one, in seconds."""

    samples: np.ndarray  # [n] float32, -1 to 1
    time: float

    @property
    def end(self) -> float:
        return self.time + len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Features:
    """Audio features at 50 Hz: feature i stands for the 20 ms that start at `times[i]`."""

    times: np.ndarray  # [T] float64 seconds
    values: np.ndarray  # [T, F] float32

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def none(cls, n_features: int) -> "Features":
        return cls(np.zeros(0), np.zeros((0, n_features), dtype=np.float32))


class AudioEncoder(Protocol):
    """Turns sound into features; streaming and offline give the same numbers (to 1e-4) whatever the block sizes.

    Attributes:
        name: what the avatar file stores: `mel`, `phones`, `hubert`, `wav2vec2`.
        n_features: width F of the features.
        look_ahead_ms: how much sound after a feature's end the encoder must hear before it can give that feature.
    """

    name: str
    n_features: int
    look_ahead_ms: float

    def push(self, block: Block) -> Features:
        """Takes the next sound; gives the features that became final, none or several."""
        ...

    def encode(self, samples: np.ndarray, time: float = 0.0) -> Features:
        """All features of a whole sound: `floor(n / 320)` of them, the end padded with silence."""
        ...

    def reset(self) -> None:
        """Forgets the stream, as if nothing had been pushed."""
        ...
