"""The `mel` encoder: what the ear hears as an image, two log-mel columns for every 20 ms, without any weights."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.audio.block import SAMPLE_RATE_HZ, SAMPLES_PER_FEATURE, Block, Features
from engine.audio.stream import SampleStream
from engine.errors import AudioError

HOP = 160  # samples: 10 ms
WINDOW = 400  # samples: 25 ms, Hann
N_FFT = 512
COLUMNS_PER_FEATURE = SAMPLES_PER_FEATURE // HOP
_BEFORE = (WINDOW - HOP) // 2  # each window is centred on its hop: it starts 7.5 ms before it and ends 7.5 ms after
_SILENCE_POWER = 1e-13  # in one band: below the rounding noise of 16 bits
_ENCODE_SAMPLES = 60 * SAMPLE_RATE_HZ  # a whole sound is encoded in pieces of a minute, to bound memory


@dataclass(frozen=True)
class MelConfig:
    """How the log-mel columns are made; stored with an avatar.

    Attributes:
        n_mels: bands, equally spaced on the mel scale (HTK formula) between `low_hz` and `high_hz`.
        range_db: what lies this far below the speaker's level counts as silence.
        centre_db, scale_db: the fixed affine map to about zero mean and unit deviation on speech: values are
            `(level below the speaker's in dB - centre_db) / scale_db`.
    """

    n_mels: int = 64
    low_hz: float = 50.0
    high_hz: float = 7_600.0
    range_db: float = 70.0
    centre_db: float = -36.0
    scale_db: float = 20.0

    def __post_init__(self) -> None:
        if not 1 <= self.n_mels <= 256:
            raise AudioError(f"{self.n_mels} mel bands cannot be made; use 1 to 256.")
        if not 0 <= self.low_hz < self.high_hz <= SAMPLE_RATE_HZ / 2:
            raise AudioError(
                f"mel bands from {self.low_hz} to {self.high_hz} Hz cannot be made; stay within 0 to 8000."
            )
        if not (self.range_db > 0 and self.scale_db > 0):
            raise AudioError(f"mel range {self.range_db} dB and scale {self.scale_db} dB must both be positive.")


STANDARD_MEL = MelConfig()


class LevelTracker:
    """A causal estimate of how loud the speaker speaks (not of how loud it is), one value for every 10 ms.

    Rises within about 100 ms towards louder sound and falls by 5 dB a second while there is sound well above the
    noise (by up to 30 in the first two seconds of it, to find a quiet microphone's level soon); in pauses it stays,
    so that silence stays silent. Levels are RMS in dB of full scale.
    """

    START_DB = -26.0
    NOISE_START_DB = -60.0
    NOISE_LEAST_DB = -75.0
    LEAST_DB = -60.0
    FALL_DB = 0.05  # for each 10 ms
    FIRST_FALL_DB = 0.3
    N_FIRST = 200

    def __init__(self) -> None:
        self._level = self.START_DB
        self._noise = self.NOISE_START_DB
        self._n_active = 0  # hops well above the noise so far

    def push(self, hop_db: np.ndarray) -> np.ndarray:
        """Levels `[n]` of the next hops in, the speaker's level `[n]` at each of them out."""
        levels = np.empty(len(hop_db))
        level, noise = self._level, self._noise
        for i, now in enumerate(hop_db.tolist()):
            noise = max(self.NOISE_LEAST_DB, min(now, noise + 0.03))  # 3 dB a second up, at once down
            is_active = now > noise + 12.0
            self._n_active += is_active
            if now > level:
                level += 0.1 * (now - level)
            elif is_active:
                hurry = max(0.0, 1 - self._n_active / self.N_FIRST)
                level = max(self.LEAST_DB, level - self.FALL_DB - hurry * (self.FIRST_FALL_DB - self.FALL_DB))
            levels[i] = level
        self._level, self._noise = level, noise
        return levels


class MelColumns:
    """Streams samples into normalised log-mel columns `[n, n_mels]`, one for every 10 ms."""

    def __init__(self, config: MelConfig = MelConfig()) -> None:
        self.config = config
        self._bank = mel_bank(config.n_mels, config.low_hz, config.high_hz)
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        self._level = LevelTracker()

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Columns of samples `[n HOP + WINDOW - HOP]`, which must go on by whole hops from one call to the next."""
        frames = sliding_window_view(samples, WINDOW)[::HOP] * self._window  # [n, WINDOW]
        power = np.abs(np.fft.rfft(frames, N_FFT)) ** 2  # [n, N_FFT / 2 + 1]
        bands = power.astype(np.float32, copy=False) @ self._bank  # mean square in each band, [n, n_mels]
        loudness = 10 * np.log10(bands.sum(axis=1, dtype=np.float64) + _SILENCE_POWER)
        level = self._level.push(loudness)[:, None]
        below = 10 * np.log10(bands + _SILENCE_POWER) - level
        config = self.config
        columns = (np.maximum(below, -config.range_db) - config.centre_db) / config.scale_db
        return columns.astype(np.float32)


class MelEncoder:
    """Log-mel features at 50 Hz: feature i holds the columns of its first and its second 10 ms, side by side.

    The second column's window reaches 7.5 ms beyond the feature's end; that is the whole look-ahead.
    """

    name = "mel"
    look_ahead_ms = 1000 * (WINDOW - HOP) / 2 / SAMPLE_RATE_HZ

    def __init__(self, config: MelConfig = MelConfig()) -> None:
        self.config = config
        self.n_features = COLUMNS_PER_FEATURE * config.n_mels
        self.reset()

    def row(self) -> dict[str, Any]:
        """What an avatar's manifest stores to make this encoder again."""
        return {"name": self.name, **asdict(self.config)}

    def reset(self) -> None:
        self._stream = SampleStream()
        self._columns = MelColumns(self.config)
        self._n_done = 0

    def push(self, block: Block) -> Features:
        self._stream.push(block)
        n_ready = (self._stream.n - _BEFORE) // SAMPLES_PER_FEATURE
        return self._take(max(0, n_ready - self._n_done))

    def encode(self, samples: np.ndarray, time: float = 0.0) -> Features:
        encoder = MelEncoder(self.config)
        n_features = len(samples) // SAMPLES_PER_FEATURE
        made = [Features.none(self.n_features)]
        for start in range(0, len(samples), _ENCODE_SAMPLES):
            made.append(encoder.push(Block(samples[start : start + _ENCODE_SAMPLES], time + start / SAMPLE_RATE_HZ)))
        made.append(encoder._take(n_features - encoder._n_done))  # the end is padded with silence
        return Features(np.concatenate([f.times for f in made]), np.concatenate([f.values for f in made]))

    def _take(self, n: int) -> Features:
        if n <= 0:
            return Features.none(self.n_features)
        start = self._n_done * SAMPLES_PER_FEATURE
        self._n_done += n
        end = self._n_done * SAMPLES_PER_FEATURE
        columns = self._columns.push(self._stream.between(start - _BEFORE, end + _BEFORE))
        times = self._stream.time_of(start) + np.arange(n) * (SAMPLES_PER_FEATURE / SAMPLE_RATE_HZ)
        self._stream.forget_before(end - _BEFORE)
        return Features(times, columns.reshape(n, self.n_features))


@cache
def mel_bank(n_mels: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Triangular filters `[N_FFT / 2 + 1, n_mels]` that sum a Hann-windowed frame's power spectrum to mean squares."""
    edges = _from_mel(np.linspace(_to_mel(low_hz), _to_mel(high_hz), n_mels + 2))
    bins = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE_HZ / N_FFT
    rising = (bins[:, None] - edges[None, :-2]) / np.maximum(edges[1:-1] - edges[:-2], SAMPLE_RATE_HZ / N_FFT)
    falling = (edges[None, 2:] - bins[:, None]) / np.maximum(edges[2:] - edges[1:-1], SAMPLE_RATE_HZ / N_FFT)
    bank = np.clip(np.minimum(rising, falling), 0, None)
    hann_energy = 0.375 * WINDOW
    return (bank * 2 / (N_FFT * hann_energy)).astype(np.float32)  # Parseval; 2 for the negative frequencies


def _to_mel(hz: float) -> float:
    return 2595 * np.log10(1 + hz / 700)


def _from_mel(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)
