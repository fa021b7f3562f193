"""What a voice goes through before it is encoded: high-pass, gain, meter, gate, each block by block without delay."""

import math
from dataclasses import dataclass

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ
from engine.errors import AudioError

SILENCE_DB = -100.0
CLIP_LEVEL = 0.999


def to_db(amplitude: float) -> float:
    """Decibels of full scale, not below -100."""
    return 20 * float(np.log10(max(amplitude, 10 ** (SILENCE_DB / 20))))


class HighPass:
    """Second-order Butterworth high-pass: takes rumble, breath pops and a device's constant offset away.

    Designed by the bilinear transform, run in transposed direct form II (Oppenheim and Schafer, Discrete-Time Signal
    Processing, 7.2 and 6.3): as quick as scipy on blocks of 10 ms, which takes half a second to load.
    """

    def __init__(self, cut_off_hz: float = 80.0, rate_hz: float = SAMPLE_RATE_HZ) -> None:
        if not 0 < cut_off_hz < rate_hz / 2:
            raise AudioError(
                f"a high-pass at {cut_off_hz} Hz cannot be made; use more than 0 and below {rate_hz / 2:.0f}."
            )
        warped = math.tan(math.pi * cut_off_hz / rate_hz)
        self._gain = 1 / (1 + math.sqrt(2) * warped + warped**2)
        self._back = (2 * (warped**2 - 1) * self._gain, (1 - math.sqrt(2) * warped + warped**2) * self._gain)
        self._state: tuple[float, float] | None = None

    def push(self, samples: np.ndarray) -> np.ndarray:
        if not len(samples):
            return samples
        values = samples.tolist()
        if self._state is None:  # an offset that was always there makes no thump
            self._state = (-self._gain * values[0], self._gain * values[0])
        (first, second), gain, (back1, back2) = self._state, self._gain, self._back
        made = []
        for value in values:
            value *= gain
            out = value + first
            first = second - 2 * value - back1 * out
            second = value - back2 * out
            made.append(out)
        self._state = (first, second)
        return np.array(made, dtype=np.float32)


class Gain:
    """Amplification that moves to a new setting within one block, without a click."""

    def __init__(self, db: float = 0.0) -> None:
        self.db = db
        self._now = self._wanted

    @property
    def _wanted(self) -> float:
        return 10 ** (self.db / 20)

    def push(self, samples: np.ndarray) -> np.ndarray:
        if self._now == self._wanted:
            return samples if self._now == 1.0 else (samples * np.float32(self._now))
        ramp = np.linspace(self._now, self._wanted, len(samples) + 1, dtype=np.float32)[1:]
        if len(ramp):
            self._now = self._wanted
        return samples * ramp


@dataclass(frozen=True)
class Level:
    """What the meter shows: smoothed RMS and held peak in dB of full scale, and whether it clipped just now."""

    rms_db: float = SILENCE_DB
    peak_db: float = SILENCE_DB
    has_clipped: bool = False


class LevelMeter:
    """RMS over about 100 ms; the peak holds for a second and then falls 20 dB a second; clipping shows for two."""

    RMS_SECONDS = 0.1
    PEAK_HOLD_SECONDS = 1.0
    PEAK_FALL_DB = 20.0
    CLIP_SECONDS = 2.0

    def __init__(self, rate_hz: float = SAMPLE_RATE_HZ) -> None:
        self._rate_hz = rate_hz
        self._square = 0.0
        self._peak_db = SILENCE_DB
        self._since_peak = self._since_clip = np.inf

    def push(self, samples: np.ndarray) -> Level:
        if len(samples):
            seconds = len(samples) / self._rate_hz
            keep = np.exp(-seconds / self.RMS_SECONDS)
            self._square = keep * self._square + (1 - keep) * float(np.mean(np.square(samples, dtype=np.float64)))
            self._follow_peak(float(np.max(np.abs(samples))), seconds)
        return Level(to_db(np.sqrt(self._square)), self._peak_db, self._since_clip < self.CLIP_SECONDS)

    def _follow_peak(self, peak: float, seconds: float) -> None:
        self._since_peak += seconds
        self._since_clip += seconds
        if self._since_peak > self.PEAK_HOLD_SECONDS:
            self._peak_db = max(SILENCE_DB, self._peak_db - self.PEAK_FALL_DB * seconds)
        if to_db(peak) >= self._peak_db:
            self._peak_db, self._since_peak = to_db(peak), 0.0
        if peak >= CLIP_LEVEL:
            self._since_clip = 0.0


class Gate:
    """Silences what is quieter than a threshold, so that a still room leaves the face still.

    Opens within the very block that is louder than the threshold, stays open for `hold_ms` after the last one that is
    louder than 6 dB below it, then fades out. A threshold of None or -100 dB leaves the gate open.
    """

    HYSTERESIS_DB = 6.0
    RELEASE_SECONDS = 0.06
    OPEN_SECONDS = 0.005

    def __init__(
        self, threshold_db: float | None = None, hold_ms: float = 250.0, rate_hz: float = SAMPLE_RATE_HZ
    ) -> None:
        self.threshold_db = threshold_db
        self.hold_ms = hold_ms
        self._rate_hz = rate_hz
        self._since_loud = np.inf
        self._gain = 1.0

    @property
    def is_open(self) -> bool:
        return self._is_off or self._since_loud <= self.hold_ms / 1000

    @property
    def _is_off(self) -> bool:
        return self.threshold_db is None or self.threshold_db <= SILENCE_DB

    def push(self, samples: np.ndarray) -> np.ndarray:
        if not len(samples):
            return samples
        if not self._is_off:
            self._listen(samples)
        wanted = 1.0 if self.is_open else 0.0
        if self._gain == wanted:
            return samples if wanted else np.zeros_like(samples)
        seconds = self.OPEN_SECONDS if wanted > self._gain else self.RELEASE_SECONDS
        steps = np.arange(1, len(samples) + 1, dtype=np.float32) / (seconds * self._rate_hz)
        gains = np.clip(self._gain + np.sign(wanted - self._gain) * steps, 0, 1).astype(np.float32)
        self._gain = float(gains[-1])
        return samples * gains

    def _listen(self, samples: np.ndarray) -> None:
        level_db = to_db(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))
        needed_db = self.threshold_db - (self.HYSTERESIS_DB if self.is_open else 0.0)
        self._since_loud = 0.0 if level_db >= needed_db else self._since_loud + len(samples) / self._rate_hz


class Voice:
    """The whole chain: high-pass, gain, meter (of what the user sends), gate."""

    def __init__(self, rate_hz: float = SAMPLE_RATE_HZ) -> None:
        self.high_pass: HighPass | None = HighPass(rate_hz=rate_hz)
        self.gain = Gain()
        self.meter = LevelMeter(rate_hz)
        self.gate = Gate(rate_hz=rate_hz)
        self.level = Level()

    def push(self, samples: np.ndarray) -> np.ndarray:
        """A block in, the block to encode out; `level` is then the meter's newest reading."""
        if self.high_pass is not None:
            samples = self.high_pass.push(samples)
        samples = self.gain.push(samples)
        self.level = self.meter.push(samples)
        return self.gate.push(samples)
