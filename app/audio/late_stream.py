"""One opened loudspeaker or virtual cable that plays the voice late, by as much as the picture that stands for it."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from app.audio.devices import AudioDevice, SoundSystem
from engine.audio.ring import SampleRing

BLOCKS_PER_SECOND = 100
_BUFFER_SECONDS = 0.04  # there is time enough, and with less a busy machine leaves gaps
USUAL_OUTPUT_S = 0.06  # what a played take's voice is given for its way to a loudspeaker that is not open
_WRITER_SECONDS = 0.015  # the writer's block and what it may come late by: sound that may not be there yet
_BEGIN_S, _END_S = 0.003, 0.0003  # healing begins when this far off and ends when this near
_FAR_S = 0.05
_STRETCH, _FAR_STRETCH = 0.004, 0.01  # seven and seventeen hundredths of a semitone: nobody hears that in speech
_HEAL_S = 1.0  # time constant of the last milliseconds
_LOST_S = 0.6  # farther off than this, the sound's time itself has jumped
_CHUNK_S = 0.005
_QUIET, _LOUDEST_QUIET = 0.0015, 0.01  # -56 and -40 dBFS
_FLOOR_RISE = 1.002  # a block; about 2 dB a second
_N_BEGINNINGS = 60  # blocks; a device that stopped for a moment is noticed after as many
_REPORT_SMOOTHING = 0.05


class LateStream:
    """Plays a ring so that each sample leaves `delay_s` after it was in the air; starts as soon as it is made.

    Where to play is reckoned from clocks: the ring's own time of each sample, and the time at which a block that is
    given to the device now will leave it. When the two drift apart, or the wanted delay changes, the distance is
    healed without dropping voice: in pauses at once, by skipping or repeating what is quiet, while somebody speaks by
    resampling up to one in a hundred.

    Attributes:
        delay_s: how late the voice is wanted; it may be set at any time.
        last_ns: perf_counter_ns of the newest callback, 0 before the first.
        has_ended: PortAudio gave the stream up.
        n_underruns: how often the ring had not the sound that was due.
        offset_ms: what leaves against what is wanted; + is sound early.
        latency_ms: from giving a sample to the device to its leaving, as PortAudio promises unless one knows better.

    Raises:
        AudioError: if the device cannot be opened or started.
    """

    def __init__(
        self, system: SoundSystem, device: AudioDevice, ring: SampleRing, delay_s: float = 0.0, is_played: bool = False,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:  # fmt: skip
        """`is_played` says that the ring holds what is played, not what was heard: its time is when it is heard."""
        self.device = device
        self.rate_hz = round(ring.rate_hz)
        self.generation = ring.generation
        self.delay_s = delay_s
        self.last_ns = 0
        self.has_ended = False
        self.n_underruns = 0
        self.offset_ms = 0.0
        self._system, self._ring, self._is_played, self._clock_ns = system, ring, is_played, clock_ns
        self._cursor: float | None = None
        self._is_healing = self._is_short = False
        self._floor = _LOUDEST_QUIET
        self._n_given = 0
        self._began_s = np.full(_N_BEGINNINGS, np.inf)  # when sample 0 was given, by each of the newest blocks
        self._stream = system.open(
            device,
            samplerate=self.rate_hz,
            channels=min(2, device.channels),
            blocksize=self.rate_hz // BLOCKS_PER_SECOND,
            latency=_BUFFER_SECONDS,
            callback=self._on_block,
            finished_callback=self._on_end,
        )
        self.latency_ms = 1000 * float(self._stream.latency)
        system.start(self._stream, device)

    def close(self) -> None:
        self._system.close(self._stream)

    def _on_block(self, out: np.ndarray, n: int, times: Any, status: Any) -> None:
        now_ns = self._clock_ns()
        self.last_ns = now_ns
        given_s = self._n_given / self.rate_hz
        self._began_s[(self._n_given // n) % _N_BEGINNINGS] = now_ns * 1e-9 - given_s
        out[:] = self._next(n, self._began_s.min() + given_s)[:, None]  # blocks are asked for late by chance, not early
        self._n_given += n

    def _next(self, n: int, now: float) -> np.ndarray:
        """The `n` samples that are given to the device at `now`."""
        ring = self._ring
        if ring.time_of(0) == -np.inf or ring.generation != self.generation:
            return np.zeros(n, dtype=np.float32)
        wanted = self._index_leaving_at(now + 1e-3 * self.latency_ms - self.delay_s)
        written = ring.index_at(now - 1e-3 * ring.latency_ms)  # by the clock, so without the writer's jitter
        target = min(wanted, written - n - _WRITER_SECONDS * self.rate_hz)
        is_fresh = self._cursor is None or abs(self._cursor - target) > _LOST_S * self.rate_hz
        if is_fresh or ring.is_muted:
            self._cursor = float(round(target))
            self._is_healing = False
        self.offset_ms += _REPORT_SMOOTHING * (1e3 * (self._cursor - wanted) / self.rate_hz - self.offset_ms)
        if ring.is_muted:
            self._cursor += n
            return np.zeros(n, dtype=np.float32)
        early = self._cursor - target
        limit = _END_S if self._is_healing else _BEGIN_S
        self._is_healing = abs(early) > limit * self.rate_hz
        if not self._is_healing:
            whole = float(round(self._cursor + n))  # from a whole place on nothing need be interpolated
            samples = self._take(n, (whole - self._cursor) / n)
            self._cursor = whole
            return samples * np.linspace(0, 1, n, dtype=np.float32) if is_fresh else samples
        moved = self._quiet_move(early, n)
        if moved:
            before = self._samples(self._cursor, n, 1.0)
            self._cursor = float(round(self._cursor + moved))
            fade = np.linspace(0, 1, n, dtype=np.float32)
            return before * (1 - fade) + self._take(n) * fade
        most = _FAR_STRETCH if abs(early) > _FAR_S * self.rate_hz else _STRETCH
        return self._take(n, 1.0 - float(np.clip(early / (_HEAL_S * self.rate_hz), -most, most)))

    def _index_leaving_at(self, seconds: float) -> float:
        if not self._is_played:
            return self._ring.index_at(seconds)
        to_loudspeaker = 1e-3 * self._ring.latency_ms
        # `time_of` takes the way off the arrival, as for a microphone; what is played comes later by it instead
        return self._ring.index_at(seconds - (2 * to_loudspeaker or USUAL_OUTPUT_S))

    def _take(self, n: int, step: float = 1.0) -> np.ndarray:
        samples = self._samples(self._cursor, n, step)
        is_short = self._cursor + n * step > self._ring.written and self._ring.written > 0
        self.n_underruns += is_short and not self._is_short
        self._is_short = is_short
        self._cursor += n * step
        rms = float(np.sqrt(np.mean(np.square(samples))))
        self._floor = max(min(rms, self._floor * _FLOOR_RISE), 1e-5)
        return samples

    def _samples(self, start: float, n: int, step: float) -> np.ndarray:
        """`n` samples from place `start` on, `step` apart; silence where there are none."""
        first = int(np.floor(start)) - 1
        length = int(np.ceil(n * step)) + 4
        near = np.zeros(length, dtype=np.float32)
        read, begin = self._ring.read(max(first, 0), length + min(first, 0))
        near[begin - first : begin - first + len(read)] = read
        places = start - first + step * np.arange(n)
        whole = places.astype(int)
        if step == 1.0 and start == np.floor(start):
            return near[whole[0] : whole[0] + n]
        return _between(near, whole, (places - whole).astype(np.float32))

    def _quiet_move(self, early: float, n: int) -> float:
        """By how much to move the cursor now: as far towards the target as everything on the way is quiet."""
        chunk = round(_CHUNK_S * self.rate_hz)
        here = int(self._cursor)
        ahead = int(-early) if early < 0 else 0
        back = int(early) if early > 0 else 0
        first = here - back
        sound, begin = self._ring.read(max(first, 0), back + n + ahead + n)
        if begin > first or len(sound) < back + n:
            return 0.0
        whole = sound[: len(sound) // chunk * chunk].reshape(-1, chunk)
        is_quiet = np.sqrt(np.mean(np.square(whole), axis=1)) < self._quiet_below
        at = back // chunk
        if not is_quiet[at : at + -(-n // chunk)].all():
            return 0.0
        if back:
            loud = np.flatnonzero(~is_quiet[:at])
            return -float(back if not len(loud) else max(0, back - (loud[-1] + 1) * chunk))
        loud = np.flatnonzero(~is_quiet)
        reach = loud[0] * chunk if len(loud) else len(is_quiet) * chunk
        return float(min(ahead, max(0, reach - n)))

    @property
    def _quiet_below(self) -> float:
        return min(max(_QUIET, 2 * self._floor), _LOUDEST_QUIET)

    def _on_end(self) -> None:
        self.has_ended = True


def _between(samples: np.ndarray, whole: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Catmull-Rom interpolation between sample `whole` and the next."""
    a, b, c, d = (samples[whole + i] for i in (-1, 0, 1, 2))
    return b + 0.5 * part * (c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)))
