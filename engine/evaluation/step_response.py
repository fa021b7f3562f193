"""How soon an avatar's mouth answers a sound that begins at once, in the sound's own time: no machine's delay in it."""

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ
from engine.audio.history import FeatureHistory
from engine.evaluation.sound_step import crossing, vowel
from engine.methods.base import Avatar, DriverInputs
from engine.performer import Performer
from engine.raster.base import Rasterizer

SILENCE_S, SOUND_S = 2.0, 0.5


def lips_response_ms(avatar: Avatar, look_ahead_ms: float) -> dict[str, float]:
    """When the driven lips have gone 10, 25, 50 and 90 % of their way, in milliseconds after the vowel has begun."""
    samples = _silence_then_vowel()
    histories = []
    for encoder in avatar.encoders():
        histories.append(FeatureHistory(encoder.n_features, SILENCE_S + SOUND_S + 1))
        histories[-1].extend(encoder.encode(samples))
    driver = avatar.driver(histories)
    inputs = DriverInputs(look_ahead_ms, {setting.name: setting.default for setting in avatar.settings})
    times = np.arange(SILENCE_S - 0.3, SILENCE_S + 0.42, 0.005)
    lips = avatar.schema.indices("lip")
    values = np.stack([driver.at(float(time), inputs).values[lips] for time in times])
    settled = (SILENCE_S + 0.3, SILENCE_S + 0.4)
    return {
        f"{100 * part:.0f} %": 1e3 * crossing(times, values, SILENCE_S, settled, part) for part in (0.1, 0.25, 0.5, 0.9)
    }


def picture_response_ms(avatar: Avatar, rasterizer: Rasterizer, look_ahead_ms: float, size: int = 192) -> float:
    """When the picture has begun to answer a vowel after silence, in milliseconds after the vowel's first sample.

    Negative where the avatar opens its mouth ahead of the sound, as people do and as its look-ahead lets it.
    """
    performer = Performer(avatar, rasterizer)
    performer.mixer.is_idle = False
    performer.mixer.look_ahead_ms = look_ahead_ms
    performer.hear(_silence_then_vowel())
    camera = avatar.manifest.orbit.camera(size, size)
    times = np.arange(SILENCE_S - 0.3, SILENCE_S + 0.42, 0.005)
    pictures = [performer.frame(float(time), camera).image[..., :3].astype(np.float32).ravel() for time in times]
    return 1e3 * crossing(times, np.stack(pictures), SILENCE_S, (SILENCE_S + 0.3, SILENCE_S + 0.4))


def _silence_then_vowel() -> np.ndarray:
    samples = np.concatenate([np.zeros(round(SILENCE_S * SAMPLE_RATE_HZ), np.float32), vowel(SOUND_S)])
    return samples + 1e-4 * np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
