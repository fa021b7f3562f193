"""What every audio encoder must keep: streaming gives the offline numbers, each feature as soon as it may."""

from itertools import pairwise

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ, SAMPLES_PER_FEATURE, AudioEncoder, Block


def speech_like(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise with the syllables and pauses of speech, at a level that wanders."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    syllables = np.clip(np.sin(2 * np.pi * 4 * time) + 0.3 * np.sin(2 * np.pi * 0.7 * time + seed), 0, None)
    voice = np.sign(np.sin(2 * np.pi * 120 * time)) + 0.5 * random.standard_normal(len(time))
    return (0.2 * syllables * voice + 1e-4 * random.standard_normal(len(time))).astype(np.float32)


def assert_streaming_equals_offline(
    encoder: AudioEncoder, sound: np.ndarray, cuts: list[int], time: float = 3.25
) -> None:
    """Pushes `sound` cut at the sample numbers `cuts`; every value and time must be that of `encode`."""
    encoder.reset()
    offline = encoder.encode(sound, time)
    assert len(offline) == len(sound) // SAMPLES_PER_FEATURE
    assert offline.values.dtype == np.float32 and offline.values.shape[1] == encoder.n_features
    n_done = 0
    edges = [0, *sorted(min(cut, len(sound)) for cut in cuts), len(sound)]
    for start, end in pairwise(edges):
        made = encoder.push(Block(sound[start:end], time + start / SAMPLE_RATE_HZ))
        np.testing.assert_allclose(made.values, offline.values[n_done : n_done + len(made)], atol=1e-4)
        np.testing.assert_allclose(made.times, offline.times[n_done : n_done + len(made)], atol=1e-9)
        n_done += len(made)
        heard_ms = 1000 * end / SAMPLE_RATE_HZ
        assert n_done >= min(len(offline), int((heard_ms - encoder.look_ahead_ms) // 20)), "a feature came late"
    encoder.reset()
