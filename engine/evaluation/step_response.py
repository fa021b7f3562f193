"""How soon an avatar's mouth answers a sound that begins at once, in the sound's own time: no machine's delay in it."""

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ
from engine.methods.base import Avatar
from engine.performer import Performer
from engine.raster.base import Rasterizer

PART = 0.1
"""An answer has begun when it is this part of its lasting value."""

SILENCE_S, SOUND_S = 2.0, 0.5
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


def crossing(times: np.ndarray, values: np.ndarray, start: float, settled: tuple[float, float]) -> float:
    """When a track has gone `PART` of the way from where it was to where it settles, less `start`; NaN if it never did.

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
    late = np.flatnonzero((gone >= PART) & (times >= start - 0.15))
    return float(times[late[0]] - start) if len(late) else float("nan")


def picture_response_ms(avatar: Avatar, rasterizer: Rasterizer, look_ahead_ms: float, size: int = 192) -> float:
    """When the picture has begun to answer a vowel after silence, in milliseconds after the vowel's first sample.

    Negative where the avatar opens its mouth ahead of the sound, as people do and as its look-ahead lets it.
    """
    rng = np.random.default_rng(0)
    samples = np.concatenate([np.zeros(round(SILENCE_S * SAMPLE_RATE_HZ), np.float32), vowel(SOUND_S)])
    samples = samples + 1e-4 * rng.standard_normal(len(samples)).astype(np.float32)
    performer = Performer(avatar, rasterizer)
    performer.mixer.is_idle = False
    performer.mixer.look_ahead_ms = look_ahead_ms
    performer.hear(samples)
    camera = avatar.manifest.orbit.camera(size, size)
    times = np.arange(SILENCE_S - 0.3, SILENCE_S + 0.42, 0.005)
    pictures = [performer.frame(float(time), camera).image[..., :3].astype(np.float32).ravel() for time in times]
    return 1e3 * crossing(times, np.stack(pictures), SILENCE_S, (SILENCE_S + 0.3, SILENCE_S + 0.4))
