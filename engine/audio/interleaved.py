"""One encoder heard twice, half a step apart: its features at 100 Hz, so that a new sound waits half as long for one.

Every feature is one the encoder gives for the same sound begun 10 ms later, of which training heard many.
"""

from typing import Any

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ, SAMPLES_PER_FEATURE, AudioEncoder, Block, Features
from engine.audio.encoders import encoder_row, make_encoder

N_PHASES = 2
_HALF = SAMPLES_PER_FEATURE // N_PHASES
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

    Sound comes in blocks, mostly of 10 ms. The features' grid is laid so that the end of the first block completes one,
    its encoder's look-ahead included; then every block of 10 ms does, and none waits for a part of the block after it.
    For that the stream's first moments, less than 10 ms, are not heard.

    Args:
        first, second: new encoders, equal to each other; `second` hears everything but the first 10 ms.
    """

    def __init__(self, first: AudioEncoder, second: AudioEncoder) -> None:
        self._phases = first, second
        self.name, self.n_features, self.look_ahead_ms = first.name, first.n_features, first.look_ahead_ms
        self._n_unheard = [0, 0]  # samples that each has still to leave out
        self._has_begun = False

    def row(self) -> dict[str, Any]:
        return encoder_row(self._phases[0])

    def push(self, block: Block) -> Features:
        """Takes the next sound; gives the features of both that became final, in the order of their times."""
        if not self._has_begun and len(block.samples):
            self._has_begun = True
            n_ahead = round(self.look_ahead_ms * 1e-3 * SAMPLE_RATE_HZ)
            n_left_out = (len(block.samples) - n_ahead) % _HALF
            self._n_unheard = [n_left_out, n_left_out + _HALF]
        first, second = (self._push(phase, block) for phase in range(N_PHASES))
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
        self._has_begun = False

    def _push(self, phase: int, block: Block) -> Features:
        n = min(self._n_unheard[phase], len(block.samples))
        self._n_unheard[phase] -= n
        return self._phases[phase].push(Block(block.samples[n:], block.time + n / SAMPLE_RATE_HZ))
