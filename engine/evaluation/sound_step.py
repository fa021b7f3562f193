"""A sound that begins at once, and when what answers to it has begun: numbers alone, so that the window may use it."""

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ

PART = 0.1
"""An answer has begun when it is this part of its lasting value."""

_FORMANTS_HZ = ((730.0, 90.0), (1_090.0, 110.0), (2_440.0, 160.0))  # of an open vowel, with their bandwidths


def vowel(seconds: float, rate_hz: int = SAMPLE_RATE_HZ, pitch_hz: float = 120.0) -> np.ndarray:
    """An open vowel (as in "father") that begins at once: `[n]` float32, RMS about -17 dB."""
    n = round(seconds * rate_hz)
    harmonics = np.arange(1, int(0.45 * min(rate_hz, 16_000) / pitch_hz))
    frequencies = harmonics * pitch_hz
    gains = sum(1 / (1 + ((frequencies - f) / width) ** 2) for f, width in _FORMANTS_HZ) / harmonics**0.5
    phases = 2 * np.pi * np.outer(np.arange(n) / rate_hz, frequencies)
    sound = np.sin(phases) @ gains
    return (0.14 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def crossing(
    times: np.ndarray, values: np.ndarray, start: float, settled: tuple[float, float], part: float = PART
) -> float:
    """When a track has gone `part` of the way from where it was to where it settles, less `start`; NaN if it never did.

    Args:
        times: `[T]`; values: `[T, D]` of any kind.
        start: when the sound began.
        settled: from when to when the value has arrived.
    """
    before = values[(times >= start - 0.25) & (times < start - 0.15)]
    after = values[(times >= settled[0]) & (times <= settled[1])]
    if not len(before) or not len(after):
        return float("nan")
    origin = before.mean(axis=0)
    way = after.mean(axis=0) - origin
    length = float(way @ way)
    if length < 1e-12:
        return float("nan")
    gone = (values - origin) @ way / length
    late = np.flatnonzero((gone >= part) & (times >= start - 0.15))
    return float(times[late[0]] - start) if len(late) else float("nan")
