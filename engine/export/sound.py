"""A clip's sound as it is needed: 16 kHz for the face, 48 kHz for the file, and the voice of a take cut and retimed."""

from collections.abc import Iterator
from typing import Protocol

import av
import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.audio.resample import Resampler
from engine.errors import AudioError
from engine.export.video import SOUND_RATE_HZ
from engine.performance.clips import Clip, Clips, total, whole

TAIL_S = 1.0
"""Silence after the end, so that the last words are known as far ahead as all others."""

HEARD_BEFORE_S = 2.0
"""The face hears this much before a clip that starts late."""

SEAM_S = 0.004
"""Cut edges of the voice are faded over this, so that a cut does not click."""

TEMPO_LOW, TEMPO_HIGH = 0.5, 2.0
"""What one tempo filter can do; beyond that two follow each other."""


class Sound(Protocol):
    """What is read: its rate, its length and its samples in order."""

    rate_hz: int

    @property
    def seconds(self) -> float: ...

    def blocks(self, n: int | None = None) -> Iterator[np.ndarray]: ...


class Samples(Protocol):
    """A sound of which any part can be read."""

    rate_hz: int

    @property
    def seconds(self) -> float: ...

    def read(self, start: int, n: int) -> np.ndarray: ...


class HeldSound:
    """A sound already in memory."""

    def __init__(self, samples: np.ndarray, rate_hz: int) -> None:
        self._samples = samples
        self.rate_hz = rate_hz

    @property
    def seconds(self) -> float:
        return len(self._samples) / self.rate_hz

    def read(self, start: int, n: int) -> np.ndarray:
        return self._samples[start : start + n]

    def blocks(self, n: int | None = None) -> Iterator[np.ndarray]:
        n = n or self.rate_hz
        for start in range(0, len(self._samples), n):
            yield self._samples[start : start + n]


class ArrangedSound:
    """A take's voice after cuts, in order; what is played faster or slower keeps its pitch.

    Args:
        samples: the raw voice.
        clips: which parts of it; empty for the whole.
        raw_seconds: the raw take's length; the voice may end earlier.
    """

    def __init__(self, samples: Samples, clips: Clips, raw_seconds: float) -> None:
        self._samples, self._clips, self._raw_seconds = samples, clips, raw_seconds
        self.rate_hz = samples.rate_hz

    @property
    def seconds(self) -> float:
        return total(self._clips, self._raw_seconds)

    def blocks(self, n: int | None = None) -> Iterator[np.ndarray]:
        n = n or self.rate_hz
        end = 0.0
        done = 0
        for clip in whole(self._clips, self._raw_seconds):
            end += clip.seconds
            length = round(end * self.rate_hz) - done  # rounding never adds up
            yield from self._clip(clip, length, n)
            done += length

    def _clip(self, clip: Clip, length: int, n: int) -> Iterator[np.ndarray]:
        if clip.is_gap:
            pieces = (np.zeros(n, np.float32) for _ in range(0, length, n))
        elif clip.speed == 1.0:
            pieces = self._raw(clip, n)
        else:
            pieces = at_tempo(self._raw(clip, n), clip.speed, self.rate_hz)
        fade = _seam(round(SEAM_S * self.rate_hz)) if self._clips else np.zeros(0, np.float32)
        done = 0
        for piece in pieces:
            piece = piece[: length - done].copy()
            if done < len(fade):
                head = min(len(piece), len(fade) - done)
                piece[:head] *= fade[done : done + head]
            left = length - done - np.arange(len(piece)) - 1
            tail = left < len(fade)
            piece[tail] *= fade[left[tail]]
            done += len(piece)
            if len(piece):
                yield piece
        if done < length:
            yield np.zeros(length - done, np.float32)

    def _raw(self, clip: Clip, n: int) -> Iterator[np.ndarray]:
        first, last = (round(at * self.rate_hz) for at in (clip.start, clip.end))
        for start in range(first, last, n):
            yield self._samples.read(start, min(n, last - start))


class FaceSound:
    """Reads a sound for the face: 16 kHz blocks in order, silence after the end.

    Args:
        start: seconds into the sound at which the clip begins.
    """

    def __init__(self, sound: Sound, start: float = 0.0) -> None:
        self._pieces = sound.blocks(sound.rate_hz // 2)
        self._rate_hz = sound.rate_hz
        self._resampled = _Trimmed(sound.rate_hz, SAMPLE_RATE_HZ)
        self._skip = round(max(0.0, start - HEARD_BEFORE_S) * SAMPLE_RATE_HZ)
        self._time = self._skip / SAMPLE_RATE_HZ
        self._is_read = False

    def heard_until(self, time: float) -> Iterator[Block]:
        """The next blocks, up to a time of the sound."""
        while self._time < time:
            samples = self._next()
            if len(samples):
                block = Block(samples, self._time)
                self._time = block.end
                yield block

    def _next(self) -> np.ndarray:
        piece = next(self._pieces, None)
        if piece is None:
            if self._is_read:
                return np.zeros(SAMPLE_RATE_HZ // 2, dtype=np.float32)
            self._is_read = True
            piece = np.zeros(round(TAIL_S * self._rate_hz), dtype=np.float32)
        samples, self._skip = _skipped(self._resampled.push(piece), self._skip)
        return samples


class FileSound:
    """Reads a sound for the file: as many samples at 48 kHz as are due, silence after the end."""

    def __init__(self, sound: Sound, start: float = 0.0) -> None:
        self._pieces = sound.blocks(sound.rate_hz // 2)
        self._rate_hz = sound.rate_hz
        self._resampled = _Trimmed(sound.rate_hz, SOUND_RATE_HZ)
        self._skip = round(start * SOUND_RATE_HZ)
        self._held = np.zeros(0, dtype=np.float32)
        self._is_read = False

    def next_samples(self, n: int) -> np.ndarray:
        """The next `n` samples, float32."""
        while len(self._held) < n and not self._is_read:
            piece = next(self._pieces, None)
            if piece is None:
                self._is_read = True
                piece = np.zeros(round(TAIL_S * self._rate_hz), dtype=np.float32)
            samples, self._skip = _skipped(self._resampled.push(piece), self._skip)
            self._held = np.concatenate([self._held, samples])
        samples, self._held = self._held[:n], self._held[n:]
        return np.pad(samples, (0, n - len(samples)))


def at_tempo(pieces: Iterator[np.ndarray], speed: float, rate_hz: int) -> Iterator[np.ndarray]:
    """A sound faster or slower at the same pitch (FFmpeg's `atempo`, a WSOLA)."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate_hz, format="flt", layout="mono")
    node = source
    for factor in _tempos(speed):
        tempo = graph.add("atempo", f"{factor:.6f}")
        node.link_to(tempo)
        node = tempo
    sink = graph.add("abuffersink")
    node.link_to(sink)
    graph.configure()
    at = 0
    try:
        for piece in pieces:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(piece[None], dtype=np.float32), format="flt", layout="mono"
            )
            frame.sample_rate, frame.pts = rate_hz, at
            at += len(piece)
            graph.push(frame)
            yield from _pulled(graph)
        graph.push(None)
        yield from _pulled(graph)
    except av.FFmpegError as error:
        raise AudioError(f"the voice cannot be played at {speed:g} times its speed ({error}).") from error


def _pulled(graph) -> Iterator[np.ndarray]:
    while True:
        try:
            yield graph.pull().to_ndarray()[0].astype(np.float32)
        except (av.BlockingIOError, av.EOFError):
            return


def _tempos(speed: float) -> list[float]:
    if TEMPO_LOW <= speed <= TEMPO_HIGH:
        return [speed]
    return [speed**0.5] * 2


def _seam(n: int) -> np.ndarray:
    return (np.arange(n, dtype=np.float32) + 1) / (n + 1)


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
