"""Other mouths, rooms, microphones and lines for the same speech, so that the `phones` encoder minds none of them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.signal import butter, fftconvolve, resample, sosfilt

from engine.audio.block import SAMPLE_RATE_HZ
from engine.audio.mel import HOP, N_FFT, STANDARD_MEL, WINDOW, LevelTracker, MelConfig, mel_bank

COLUMNS_PER_STEP = 2
_N_WARPS = 25
_LEAST_POWER = 1e-13


def altered_sound(samples: np.ndarray, rng: np.random.Generator, others: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Speech `[n]` at another speed and pitch, in a room, among others' voices, over a poor line: each by chance.

    Args:
        others: voices for a murmur in the background.

    Returns:
        The new samples and by how much faster they run.
    """
    speed = float(np.exp(rng.uniform(np.log(0.8), np.log(1.25))))
    made = resample(samples, round(len(samples) / speed)).astype(np.float32)
    if rng.random() < 0.35:
        made = in_room(made, rng)
    if rng.random() < 0.3:
        made = made + _murmur(len(made), rng, others) * _scale(made, rng.uniform(6, 25))
    if rng.random() < 0.3:
        made = over_line(made, rng)
    return made, speed


def in_room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Speech in a small room: direct sound, then noise that dies away in 0.1 to 0.6 s."""
    seconds = rng.uniform(0.1, 0.6)
    n = int(seconds * SAMPLE_RATE_HZ)
    tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    tail[: int(rng.uniform(0.001, 0.01) * SAMPLE_RATE_HZ)] = 0
    tail *= 10 ** (-rng.uniform(2, 16) / 20) / np.sqrt(np.sum(tail**2) + 1e-9)
    tail[0] = 1.0
    return fftconvolve(samples, tail)[: len(samples)].astype(np.float32)


def over_line(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Speech over a telephone or a cheap headset: a narrow band, and eight bits on a logarithmic scale."""
    low, high = rng.uniform(80, 320), rng.uniform(2_800, 5_000)
    made = sosfilt(butter(3, [low, high], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), samples)
    peak = np.abs(made).max() + 1e-9
    coded = np.sign(made) * np.log1p(255 * np.abs(made) / peak) / np.log(256)
    coded = np.round(coded * 127) / 127
    return (peak * np.sign(coded) * (256 ** np.abs(coded) - 1) / 255).astype(np.float32)


def power_columns(samples: np.ndarray) -> np.ndarray:
    """Power spectra `[n, 257]` of whole 20 ms steps, framed as `engine.audio.mel` frames them."""
    n_columns = len(samples) // (HOP * COLUMNS_PER_STEP) * COLUMNS_PER_STEP
    before = (WINDOW - HOP) // 2
    padded = np.pad(samples[: n_columns * HOP + before], (before, WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: n_columns * HOP : HOP]
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    return (np.abs(np.fft.rfft(frames * window, N_FFT)) ** 2).astype(np.float32)


@dataclass(frozen=True)
class SpectralAlterations:
    """Turns batches of power spectra into the encoder's inputs, by chance altered.

    Attributes:
        warp: greatest change of the vocal tract's length, as a factor.
        equaliser_db: deviation of the random colouring of the sound.
        strength: 0 leaves the sound as it is, as for tests.
    """

    mel: MelConfig = STANDARD_MEL
    warp: float = 1.2
    equaliser_db: float = 5.0
    strength: float = 1.0

    def inputs(self, power: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """`[B, 2 T, 257]` power spectra -> `[B, T, 2 n_mels]` float32, what `MelEncoder` would give."""
        n_batch, n_columns, _ = power.shape
        bands = np.stack([spectra @ self._bank(rng) for spectra in power])
        start_db = np.full(n_batch, LevelTracker.START_DB)
        if self.strength:
            bands = self._coloured(bands, rng)
            bands, start_db = self._at_some_level(self._among_noise(bands, rng), rng, start_db)
        level = _levels(10 * np.log10(bands.sum(axis=2) + _LEAST_POWER), start_db)[:, :, None]
        below = np.maximum(10 * np.log10(bands + _LEAST_POWER) - level, -self.mel.range_db)
        columns = ((below - self.mel.centre_db) / self.mel.scale_db).astype(np.float32)
        return columns.reshape(n_batch, n_columns // COLUMNS_PER_STEP, -1)

    def _bank(self, rng: np.random.Generator) -> np.ndarray:
        if not self.strength:
            return mel_bank(self.mel.n_mels, self.mel.low_hz, self.mel.high_hz)
        factors = np.exp(np.linspace(-1, 1, _N_WARPS) * np.log(self.warp))
        return _warped_bank(self.mel, float(rng.choice(factors)))

    def _coloured(self, bands: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Random smooth frequency responses, band edges, and narrow gaps."""
        n_batch, _, n_mels = bands.shape
        place = np.linspace(0, np.pi, n_mels)
        waves = np.cos(np.arange(1, 6)[:, None] * place)  # [5, n_mels]
        weights = rng.standard_normal((n_batch, 5)) * self.equaliser_db * self.strength / np.arange(1, 6) ** 0.5
        response_db = weights @ waves
        for row in response_db:
            if rng.random() < 0.25:
                row[rng.integers(n_mels * 2 // 3, n_mels) :] -= 50
            if rng.random() < 0.15:
                row[: rng.integers(1, 8)] -= 30
            if rng.random() < 0.3:
                gap = rng.integers(0, n_mels - 6)
                row[gap : gap + rng.integers(2, 7)] -= 25
        return bands * 10 ** (response_db[:, None] / 10)

    def _among_noise(self, bands: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Steady and wandering noise, 0 to 45 dB below the speech."""
        n_batch, n_columns, n_mels = bands.shape
        speech = np.quantile(bands.sum(axis=2), 0.8, axis=1)[:, None, None]
        ratio_db = rng.uniform(3, 45, (n_batch, 1, 1)) + np.where(rng.random((n_batch, 1, 1)) < 0.4, 25, 0)
        slope = rng.uniform(-12, 3, (n_batch, 1, 1)) * np.linspace(0, 1, n_mels)
        bumps = 3 * rng.standard_normal((n_batch, 1, n_mels))
        shape = 10 ** ((slope * 2 + bumps) / 10)
        wander_db = np.cumsum(rng.standard_normal((n_batch, n_columns, 1)) * 0.15, axis=1)
        grain = rng.gamma(3.0, 1 / 3.0, bands.shape)
        noise = shape / shape.sum(axis=2, keepdims=True) * 10 ** (wander_db / 10) * grain
        return bands + speech * 10 ** (-ratio_db / 10) * noise

    def _at_some_level(
        self, bands: np.ndarray, rng: np.random.Generator, start_db: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Microphones of any sensitivity; half the time the level is already known, as later in a stream."""
        wanted_db = rng.uniform(-48, -12, len(bands))
        loud_db = 10 * np.log10(np.quantile(bands.sum(axis=2), 0.9, axis=1) + _LEAST_POWER)
        bands = bands * 10 ** ((wanted_db - loud_db)[:, None, None] / 10)
        is_known = rng.random(len(bands)) < 0.7
        return bands, np.where(is_known, wanted_db + rng.uniform(-4, 2, len(bands)), start_db)


def _levels(hop_db: np.ndarray, start_db: np.ndarray) -> np.ndarray:
    """`LevelTracker` for many sounds `[B, n]` at once."""
    level, noise = start_db.astype(float).copy(), np.full(len(hop_db), LevelTracker.NOISE_START_DB)
    n_active = np.zeros(len(hop_db))
    levels = np.empty_like(hop_db)
    for i, now in enumerate(hop_db.T):
        noise = np.maximum(LevelTracker.NOISE_LEAST_DB, np.minimum(now, noise + 0.03))
        is_active = now > noise + 12.0
        n_active += is_active
        hurry = np.maximum(0.0, 1 - n_active / LevelTracker.N_FIRST)
        fall = LevelTracker.FALL_DB + hurry * (LevelTracker.FIRST_FALL_DB - LevelTracker.FALL_DB)
        fallen = np.where(is_active, np.maximum(LevelTracker.LEAST_DB, level - fall), level)
        level = np.where(now > level, level + 0.1 * (now - level), fallen)
        levels[:, i] = level
    return levels


@cache
def _warped_bank(mel: MelConfig, factor: float) -> np.ndarray:
    """A mel bank that hears every frequency as `factor` times itself."""
    bank = mel_bank(mel.n_mels, mel.low_hz, mel.high_hz)
    source = np.arange(len(bank)) * factor  # the bin that bin i is heard as
    rows = np.stack([np.interp(source, np.arange(len(bank)), bank[:, k], right=0.0) for k in range(mel.n_mels)])
    return rows.T.astype(np.float32)


def _murmur(n: int, rng: np.random.Generator, others: list[np.ndarray]) -> np.ndarray:
    made = np.zeros(n, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        voice = others[rng.integers(len(others))]
        repeated = np.resize(np.roll(voice, int(rng.integers(len(voice)))), n)
        made += repeated / (np.sqrt(np.mean(repeated**2)) + 1e-6)
    return made / (np.sqrt(np.mean(made**2)) + 1e-6)


def _scale(speech: np.ndarray, ratio_db: float) -> float:
    return float(np.sqrt(np.mean(speech**2)) * 10 ** (-ratio_db / 20))
