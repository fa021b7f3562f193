"""The phones of a take's voice, as the `phones` encoder hears them: stretches of one viseme class each."""

import itertools
from pathlib import Path

import numpy as np

from engine.audio.block import FEATURE_RATE_HZ, SAMPLE_RATE_HZ, Block
from engine.audio.phones import PhonesEncoder
from engine.audio.phones_net import VISEMES
from engine.audio.resample import Resampler
from engine.performance.lip_check import Phone
from engine.take_voice import TakeVoice

SHORTEST = 2
"""Hops of 20 ms; shorter stretches join the one before."""

QUIET = ("sil",)


def phones_of(take: Path) -> list[Phone]:
    """The phones of a take's raw voice; silence is left out.

    Raises:
        ModelMissingError: if the encoder's weights are not there. TakeError: if the take cannot be read.
    """
    encoder, voice = PhonesEncoder(), TakeVoice(take)
    resampler, heard, time = Resampler(voice.rate_hz, SAMPLE_RATE_HZ), [], -0.0
    skip = round(resampler.delay_ms * 1e-3 * SAMPLE_RATE_HZ)
    for piece in voice.blocks():
        samples = resampler.push(piece)
        samples, skip = samples[skip:], max(0, skip - len(samples))
        if len(samples):
            heard.append(encoder.push(Block(samples, time)).values[:, : len(VISEMES)])
            time += len(samples) / SAMPLE_RATE_HZ
    classes = np.concatenate(heard).argmax(axis=1) if heard else np.zeros(0, dtype=int)
    return grouped(classes)


def grouped(classes: np.ndarray) -> list[Phone]:
    """Runs of one class as phones, seconds."""
    edges = np.flatnonzero(np.diff(classes, prepend=-1, append=-1))
    made: list[Phone] = []
    for first, last in itertools.pairwise(edges):
        name, start, end = VISEMES[classes[first]].lower(), first / FEATURE_RATE_HZ, last / FEATURE_RATE_HZ
        if made and last - first < SHORTEST:
            made[-1] = Phone(made[-1].start, float(end), made[-1].name)
        else:
            made.append(Phone(float(start), float(end), name))
    return [phone for phone in made if phone.name not in QUIET]
