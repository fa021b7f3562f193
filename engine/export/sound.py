"""A clip's sound as it is needed: 16 kHz for the face and 48 kHz for the file, from one reading of any length."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.audio.resample import Resampler
from engine.export.video import SOUND_RATE_HZ

TAIL_S = 1.0
"""Silence after the end, so that the last words are known as far ahead as all others."""


class Sound(Protocol):
    """What is read: its rate, its length and its samples in order."""

    rate_hz: int

    @property
    def seconds(self) -> float: ...

    def blocks(self, n: int | None = None) -> Iterator[np.ndarray]: ...


class HeldSound:
    """A sound already in memory, such as a take's voice."""

    def __init__(self, samples: np.ndarray, rate_hz: int) -> None:
        self._samples = samples
        self.rate_hz = rate_hz

    @property
    def seconds(self) -> float:
        return len(self._samples) / self.rate_hz

    def blocks(self, n: int | None = None) -> Iterator[np.ndarray]:
        n = n or self.rate_hz
        for start in range(0, len(self._samples), n):
            yield self._samples[start : start + n]


class ClipSound:
    """Reads a sound once and hands it out twice; holds no more of it than lies between the two readers.

    Args:
        sound: what is read.
        start: seconds into the sound at which the clip begins (the face hears two seconds before it, too).
    """

    def __init__(self, sound: Sound, start: float) -> None:
        self._pieces = sound.blocks(sound.rate_hz // 2)
        self._for_face = _Trimmed(sound.rate_hz, SAMPLE_RATE_HZ)
        self._for_file = _Trimmed(sound.rate_hz, SOUND_RATE_HZ)
        self._rate_hz = sound.rate_hz
        self._skip_face = round(max(0.0, start - 2.0) * SAMPLE_RATE_HZ)
        self._skip_file = round(start * SOUND_RATE_HZ)
        self._face_time = self._skip_face / SAMPLE_RATE_HZ
        self._blocks: list[Block] = []
        self._file = np.zeros(0, dtype=np.float32)
        self._is_read = False

    def heard_until(self, time: float) -> Iterator[Block]:
        """The next blocks for the face, up to a time of the sound; after its end comes silence."""
        while self._face_time < time:
            while not self._blocks and not self._is_read:
                self._read()
            if not self._blocks:
                self._face_block(np.zeros(SAMPLE_RATE_HZ // 2, dtype=np.float32))
            block = self._blocks.pop(0)
            self._face_time = block.end
            yield block

    def next_samples(self, n: int) -> np.ndarray:
        """The next `n` samples at 48 kHz for the file; silence after the end."""
        while len(self._file) < n and not self._is_read:
            self._read()
        samples, self._file = self._file[:n], self._file[n:]
        return np.pad(samples, (0, n - len(samples)))

    def _read(self) -> None:
        if self._is_read:
            return
        piece = next(self._pieces, None)
        if piece is None:
            self._is_read = True
            piece = np.zeros(round(TAIL_S * self._rate_hz), dtype=np.float32)
        face, self._skip_face = _skipped(self._for_face.push(piece), self._skip_face)
        file, self._skip_file = _skipped(self._for_file.push(piece), self._skip_file)
        self._file = np.concatenate([self._file, file])
        self._face_block(face)

    def _face_block(self, samples: np.ndarray) -> None:
        if len(samples):
            time = self._blocks[-1].end if self._blocks else self._face_time
            self._blocks.append(Block(samples, time))


class _Trimmed:
    """A streaming resampler whose output begins with the sound itself, its delay taken off."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._resampler = Resampler(from_hz, to_hz)
        self._skip = round(self._resampler.delay_ms * 1e-3 * to_hz)

    def push(self, samples: np.ndarray) -> np.ndarray:
        out, self._skip = _skipped(self._resampler.push(samples), self._skip)
        return out


def _skipped(samples: np.ndarray, skip: int) -> tuple[np.ndarray, int]:
    return samples[skip:], max(0, skip - len(samples))
