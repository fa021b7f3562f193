"""The phones of a take's voice, as the `phones` encoder hears them: stretches of one viseme class each."""

import itertools
from pathlib import Path

import numpy as np

from engine.audio.block import FEATURE_RATE_HZ, SAMPLE_RATE_HZ, Block
from engine.audio.phones import PhonesConfig, PhonesEncoder, viseme_probabilities
from engine.audio.phones_net import VISEMES
from engine.audio.resample import Resampler
from engine.performance.lip_check import Phone
from engine.take_voice import TakeVoice

SHORTEST = 2
"""Hops of 20 ms; shorter stretches join the one before."""

QUIET = ("sil",)

LOOK_AHEAD_MS = 40
CLEAR = 0.6
"""A p, b or m that is nowhere heard with this probability is taken for what else it could be.

With the head that hears ahead this halves what is found in vain and finds as many (docs/results.md, Takes and export).
"""


def phones_of(take: Path) -> list[Phone]:
    """The phones of a take's raw voice; silence is left out.

    Raises:
        ModelMissingError: if the encoder's weights are not there. TakeError: if the take cannot be read.
    """
    encoder, voice = PhonesEncoder(PhonesConfig(LOOK_AHEAD_MS)), TakeVoice(take)
    resampler, heard, time = Resampler(voice.rate_hz, SAMPLE_RATE_HZ), [], 0.0
    skip = round(resampler.delay_ms * 1e-3 * SAMPLE_RATE_HZ)
    silence = np.zeros(voice.rate_hz // 5, dtype=np.float32)  # the last phone, too, has something after it
    for piece in itertools.chain(voice.blocks(), (silence,)):
        samples = resampler.push(piece)
        samples, skip = samples[skip:], max(0, skip - len(samples))
        if len(samples):
            heard.append(encoder.push(Block(samples, time)).values[:, : len(VISEMES)])
            time += len(samples) / SAMPLE_RATE_HZ
    n = int(time * FEATURE_RATE_HZ - len(silence) / voice.rate_hz * FEATURE_RATE_HZ)
    return grouped(clear_classes(np.concatenate(heard)[:n])) if heard else []


def clear_classes(features: np.ndarray) -> np.ndarray:
    """The likeliest viseme of each hop `[T]`, by features `[T, 15]` of the encoder; closures only where they are clear.

    A closure that is not there is a fault to look for in vain, one that is missed is none the user was promised.
    """
    closes = VISEMES.index("PP")
    classes, closure = features.argmax(axis=1), viseme_probabilities(features)[:, closes]
    others = np.where(np.arange(features.shape[1]) == closes, -np.inf, features).argmax(axis=1)
    edges = np.flatnonzero(np.diff(classes, prepend=-1, append=-1))
    for first, last in itertools.pairwise(edges):
        if classes[first] == closes and closure[first:last].max() < CLEAR:
            classes[first:last] = others[first:last]
    return classes


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
