"""How soon an avatar's mouth answers a sound that begins at once, in the sound's own time: no machine's delay in it."""

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ
from engine.evaluation.sound_step import crossing, vowel
from engine.methods.base import Avatar
from engine.performer import Performer
from engine.raster.base import Rasterizer

SILENCE_S, SOUND_S = 2.0, 0.5


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
