"""From the voice ring to blocks the performer hears: resampled to 16 kHz, filtered, gained, gated, timed by count."""

import math

import numpy as np

from app.workers.pace import Beat
from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.audio.resample import Resampler
from engine.audio.ring import SampleRing, SourceState
from engine.audio.voice import Voice
from engine.sound_clock import SoundClock

CATCH_UP_S = 1.0
"""Sound older than this is not worth hearing any more: after a long stall the face goes on with the present."""

TALKING_DB = -50.0


class VoiceLine:
    """Reads one ring of device-rate samples.

    Attributes:
        clock: the sound's time against the wall's.
        voice: gain, gate and meter, to be set at any time.
        beat: when blocks come.
        newest_wall: perf_counter seconds at which the newest sample read was in the air, -inf before the first.
        offset_ms: by how much pictures are dated later than the voice they stand for, as takes and whatever else goes
            out keep the two: the sound's clock against the ring's, 0 but for drift that is still being followed.
        n_streams: counts stretches of unbroken sound; another one has nothing to do with the one before.
    """

    def __init__(self, ring: SampleRing) -> None:
        self.clock = SoundClock()
        self.voice = Voice()
        self.beat = Beat()
        self.newest_wall = -np.inf
        self.offset_ms = 0.0
        self._ring = ring
        self._cursor = ring.written
        self._generation = ring.generation
        self._was_live = False
        self._n_blocks = ring.n_blocks
        self.n_streams = 0
        self._resampler: Resampler | None = None
        self._begin_time = 0.0  # sound time that the resampler's first output stands for
        self._n_out = 0

    @property
    def is_live(self) -> bool:
        """Whether a source stands behind the ring."""
        return self._ring.state == SourceState.LIVE

    @property
    def is_talking(self) -> bool:
        return self.is_live and self.voice.gate.is_open and self.voice.level.rms_db > TALKING_DB

    @property
    def lost_samples(self) -> int:
        return self._ring.lost_samples

    def is_awaited(self, now: float) -> bool:
        """Whether sound is about to come that a frame had better begin with."""
        return self.is_live and self.beat.is_awaited(now)

    def next_in_s(self, now: float) -> float:
        """Seconds until there is something to read, inf when nothing is expected."""
        return self.beat.next_in_s(now) if self.is_live else math.inf

    def read(self) -> Block | None:
        """All sound that is new since the last call, None when there is none."""
        rate = self._ring.rate_hz
        self._notice_another_source(rate)
        raw, first = self._ring.read(self._cursor, int(CATCH_UP_S * rate) + self._ring.written - self._cursor)
        if not len(raw):
            return None
        if first != self._cursor or len(raw) > CATCH_UP_S * rate:
            raw, first = raw[-int(CATCH_UP_S * rate) :], first + max(0, len(raw) - int(CATCH_UP_S * rate))
            self._resampler = None
        if self._resampler is not None and not self._is_on_time(first, len(raw), rate):
            self._resampler = None
        if self._resampler is None:
            self._begin(first, rate)
        self._cursor = first + len(raw)
        self._follow_beat(len(raw) / rate)
        self.newest_wall = self._ring.time_of(self._cursor)
        samples = self._resampler.push(raw)
        if not len(samples):
            return None
        block = Block(self.voice.push(samples), self._begin_time + self._n_out / SAMPLE_RATE_HZ)
        self._n_out += len(samples)
        counted = self._begin_time + (self._n_out + self._resampler.delay) / SAMPLE_RATE_HZ
        self.offset_ms = 1e3 * (self.clock.wall_at(counted) - self.newest_wall)
        return block

    def _notice_another_source(self, rate: float) -> None:
        if self._ring.generation != self._generation:
            self._generation = self._ring.generation
            self._cursor = max(self._cursor, self._ring.first_of_generation)
            self._resampler = None
        if self.is_live and not self._was_live:  # silence kept the time till now: the source's own blocks begin
            self._resampler = None
        self._was_live = self.is_live

    def _follow_beat(self, seconds: float) -> None:
        n_blocks = self._ring.n_blocks
        self.beat.came(self._ring.heartbeat_ns * 1e-9, seconds / max(1, n_blocks - self._n_blocks))
        self._n_blocks = n_blocks

    def _begin(self, first: int, rate: float) -> None:
        self.n_streams += 1
        self._resampler = Resampler(round(rate))
        self._n_out = 0
        started = self.clock.begin(self._ring.time_of(first))
        self._begin_time = started - self._resampler.delay / SAMPLE_RATE_HZ

    def _is_on_time(self, first: int, n: int, rate: float) -> bool:
        counted = self._begin_time + (self._n_out + self._resampler.delay) / SAMPLE_RATE_HZ
        return self.clock.follow(counted, self._ring.time_of(first), n / rate)
