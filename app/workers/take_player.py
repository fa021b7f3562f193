"""A take being played in the performer: controls and camera at the playhead, its voice heard in time with them."""

import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from engine.audio.resample import Resampler
from engine.audio.ring import SampleRing
from engine.camera import Orbit
from engine.errors import MouthpieceError, TakeError
from engine.export.sound import ArrangedSound
from engine.performance.take_edit import TakeEdit
from engine.take import load_take, orbit_of_row
from engine.take_voice import TakeVoice

BLOCK_S = 0.01
SCRUB_S = 0.07
"""How much is heard at a place the playhead is dragged to."""

USUAL_OUTPUT_S = 0.06
MAX_HELD_S = 600.0
"""Of the voice that is kept ready to be played from anywhere; longer takes are silent beyond it."""


@dataclass(frozen=True)
class Playhead:
    """Where the playhead was at a `perf_counter` time and how fast it goes (0 stands, -1 backwards)."""

    time: float = 0.0
    speed: float = 0.0
    at: float = 0.0
    first: float = 0.0
    last: float = 0.0
    is_loop: bool = False

    def where(self, now: float) -> float:
        """Seconds of the edited line at a `perf_counter` time."""
        there = self.time + self.speed * (now - self.at)
        if self.is_loop and self.speed > 0 and self.last > self.first and there > self.last:
            return self.first + (there - self.first) % (self.last - self.first)
        return min(max(there, 0.0), self.last) if self.last > 0 else max(there, 0.0)


@dataclass
class Track:
    """A performance as the window worked it out: evenly spaced rows over the edited line.

    Attributes:
        values: `[T, C]`; orbits: `[T, 8]`, empty where the viewport's own camera is kept.
    """

    rate_hz: float
    values: np.ndarray
    orbits: np.ndarray

    @classmethod
    def read(cls, path: Path, n_controls: int) -> "Track":
        """Reads what `write_track` wrote. Raises TakeError if it does not fit the avatar."""
        try:
            with safe_open(path, framework="np") as file:
                track = cls(float(file.get_tensor("rate_hz")[0]), file.get_tensor("values"), file.get_tensor("orbits"))
        except (OSError, SafetensorError, IndexError) as error:
            raise TakeError(f"{path}: the take cannot be played ({error}).") from error
        if track.values.ndim != 2 or track.values.shape[1] != n_controls or not len(track.values):
            raise TakeError("the take cannot be played by this avatar; drive it again from its voice.")
        return track

    def values_at(self, time: float) -> np.ndarray:
        return _between(self.values, time * self.rate_hz)

    def orbit_at(self, time: float) -> Orbit | None:
        return orbit_of_row(_between(self.orbits, time * self.rate_hz)) if len(self.orbits) else None


class TakePlayer:
    """Holds a track and a voice; a thread of its own keeps the output ring filled.

    Args:
        output: the ring that is played, None for silence.
    """

    def __init__(self, output: SampleRing | None) -> None:
        self.track: Track | None = None
        self.playhead = Playhead()
        self._output = output
        self._voice = np.zeros(0, dtype=np.float32)
        self._loading: threading.Thread | None = None
        self._wanted_voice: tuple = ()
        self._is_stopped = threading.Event()
        self._scrub_until = 0.0
        self._volume = 1.0
        self._thread = threading.Thread(target=self._run, name="take player", daemon=True)
        self._thread.start()

    def use_voice(self, path: Path, edit: dict) -> None:
        """Loads a take's voice with its cuts; until it is there nothing is heard."""
        wanted = (str(path), repr(edit.get("clips")))
        if wanted == self._wanted_voice:
            return
        self._wanted_voice = wanted
        self._loading = threading.Thread(target=self._load, args=(Path(path), edit, wanted), daemon=True)
        self._loading.start()

    def move(self, playhead: Playhead, volume: float = 1.0) -> None:
        """The playhead jumps, starts or stops; a jump while it stands is heard for a moment."""
        is_scrub = playhead.speed == 0 and abs(playhead.time - self.playhead.where(playhead.at)) > 1e-3
        self.playhead, self._volume = playhead, volume
        if is_scrub:
            self._scrub_until = time.perf_counter() + SCRUB_S

    def stop(self) -> None:
        self._is_stopped.set()
        self._thread.join(2.0)

    def _load(self, path: Path, edit: dict, wanted: tuple) -> None:
        try:
            voice, raw = TakeVoice(path), load_take(path, with_voice=False)
            arranged = ArrangedSound(voice, TakeEdit.from_json(edit).clips, raw.seconds)
            rate = round(self._output.rate_hz) if self._output is not None else 48_000
            resampler, pieces, n = Resampler(voice.rate_hz, rate), [], 0
            skip = round(resampler.delay_ms * 1e-3 * rate)
            for piece in arranged.blocks():
                pieces.append(resampler.push(piece))
                n += len(pieces[-1])
                if n > MAX_HELD_S * rate or self._wanted_voice != wanted:
                    break
            if self._wanted_voice == wanted:
                self._voice = np.concatenate(pieces)[skip:] if pieces else np.zeros(0, dtype=np.float32)
        except MouthpieceError as error:
            print(error, file=sys.stderr)

    def _run(self) -> None:
        if self._output is None:
            return
        rate = self._output.rate_hz
        n_block = round(BLOCK_S * rate)
        begun, n_done = time.perf_counter(), 0
        while not self._is_stopped.is_set():
            due = begun + n_done / rate
            late = time.perf_counter() - due
            if late > 0.5:  # the machine slept
                begun, n_done = time.perf_counter(), 0
                continue
            if self._is_stopped.wait(max(0.0, -late)):
                return
            heard = due + (self._output.latency_ms * 1e-3 or USUAL_OUTPUT_S)
            self._output.write(self._block(heard, n_block, rate))
            n_done += n_block

    def _block(self, heard: float, n: int, rate: float) -> np.ndarray:
        playhead = self.playhead
        speed = playhead.speed
        if speed == 0:
            if time.perf_counter() > self._scrub_until:
                return np.zeros(n, dtype=np.float32)
            start = playhead.time + SCRUB_S - (self._scrub_until - time.perf_counter())
            speed = 1.0
        else:
            start = playhead.where(heard)
        places = start * rate + speed * np.arange(n)
        if not len(self._voice):
            return np.zeros(n, dtype=np.float32)
        if speed == 1.0:
            samples = _slice(self._voice, round(places[0]), n)
        else:
            first, last = (int(f(places)) for f in (np.min, np.max))
            near = _slice(self._voice, first, last - first + 2)
            samples = np.interp(places - first, np.arange(len(near)), near)
        return (self._volume * samples).astype(np.float32)


def _slice(voice: np.ndarray, first: int, n: int) -> np.ndarray:
    made = np.zeros(n, dtype=np.float32)
    start, end = max(0, first), min(len(voice), first + n)
    if end > start:
        made[start - first : end - first] = voice[start:end]
    return made


def _between(rows: np.ndarray, place: float) -> np.ndarray:
    place = min(max(place, 0.0), len(rows) - 1.0)
    before = int(place)
    after = min(before + 1, len(rows) - 1)
    part = np.float32(place - before)
    return rows[before] * (1 - part) + rows[after] * part
