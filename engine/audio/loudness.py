"""How loud a sound is at chosen moments, and where it pauses."""

import numpy as np

PAUSE_DB = -30.0
"""Quieter than the loudest tenth of the sound by this much, for `PAUSE_S` round a moment, is a pause."""

PAUSE_S = 0.16


def loudness(times: np.ndarray, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Loudness in dB, floored 45 dB under the loudest, of the 60 ms round each time."""
    return np.maximum(_level_db(times, samples, rate_hz, 0.06), -45.0)


def is_pause(times: np.ndarray, samples: np.ndarray, rate_hz: int, hold_s: float = PAUSE_S) -> np.ndarray:
    """Which times have no voice for `hold_s` before and after them."""
    around = [_level_db(times + offset, samples, rate_hz, 0.04) for offset in np.linspace(-hold_s, hold_s, 9)]
    return np.max(around, axis=0) < PAUSE_DB


def _level_db(times: np.ndarray, samples: np.ndarray, rate_hz: int, seconds: float) -> np.ndarray:
    """RMS level round each time in dB relative to the loudest tenth of the sound."""
    power = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    half = seconds / 2 * rate_hz

    def mean_power(at: np.ndarray) -> np.ndarray:
        first = np.clip((at * rate_hz - half).astype(int), 0, len(samples))
        last = np.clip((at * rate_hz + half).astype(int), 0, len(samples))
        return (power[last] - power[first]) / (2 * half)

    loud = np.percentile(mean_power(np.arange(0, len(samples) / rate_hz, 0.02)), 90)
    return 10 * np.log10(np.maximum(mean_power(times), 1e-12) / max(loud, 1e-12))
