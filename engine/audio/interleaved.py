"""One encoder heard twice, half a step apart: its features at 100 Hz, so that a new sound waits half as long for one.

Every feature is one the encoder gives for the same sound begun 10 ms later, of which training heard many.
"""

from typing import Any

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ, SAMPLES_PER_FEATURE, AudioEncoder, Block, Features
from engine.audio.encoders import encoder_row, make_encoder

N_PHASES = 2
LIGHT = ("mel", "phones")
"""Encoders of which a second one costs next to nothing."""


def interleaved(encoder: AudioEncoder) -> AudioEncoder:
    """A new encoder's interleaved kind where a second one is light enough, else itself."""
    return InterleavedEncoder(encoder, make_encoder(encoder_row(encoder))) if encoder.name in LIGHT else encoder


def n_phases(encoder: AudioEncoder) -> int:
    """How often within 20 ms an encoder gives a feature."""
    return N_PHASES if isinstance(encoder, InterleavedEncoder) else 1


class InterleavedEncoder:
    """Two encoders of a kind on one stream, for `FeatureHistory(..., n_phases=2)`.

    Args:
        first, second: new encoders, equal to each other; `second` hears everything but the first 10 ms.
    """

    def __init__(self, first: AudioEncoder, second: AudioEncoder) -> None:
        self._phases = first, second
        self.name, self.n_features, self.look_ahead_ms = first.name, first.n_features, first.look_ahead_ms
        self._n_skipped = 0

    def row(self) -> dict[str, Any]:
        return encoder_row(self._phases[0])

    def push(self, block: Block) -> Features:
        """Takes the next sound; gives the features of both that became final, in the order of their times."""
        skipped = min(SAMPLES_PER_FEATURE // N_PHASES - self._n_skipped, len(block.samples))
        self._n_skipped += skipped
        rest = Block(block.samples[skipped:], block.time + skipped / SAMPLE_RATE_HZ)
        first, second = self._phases[0].push(block), self._phases[1].push(rest)
        if not len(first) or not len(second):
            return first if len(first) else second
        times = np.concatenate([first.times, second.times])
        order = np.argsort(times)
        return Features(times[order], np.concatenate([first.values, second.values])[order])

    def encode(self, samples: np.ndarray, time: float = 0.0) -> Features:
        """The features of a whole sound at 50 Hz: where all is known there is nothing to wait for."""
        return self._phases[0].encode(samples, time)

    def reset(self) -> None:
        for phase in self._phases:
            phase.reset()
        self._n_skipped = 0
