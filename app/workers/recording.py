"""One recording in progress: new sound and control rows go from the rings to the journal a few times a second."""

import time
from pathlib import Path

import numpy as np

from engine.audio.record_ring import RecordRing
from engine.audio.resample import Resampler
from engine.audio.ring import SampleRing
from engine.journal import JournalWriter
from engine.take import TakeInfo

LINGER_S = 0.5
"""After stop, rows for the last sound are still on their way: motion is behind the sound by the look-ahead."""

PIECE = 1 << 20
"""Samples in one journal record at most."""

SAME_ROW_S = 1e-3
"""A row that is read again after a resumption comes out at another time by what the sound's clock was fitted since."""


class Recording:
    """Follows the rings from a moment on.

    The voice keeps the rate it had at the start; a source with another rate is resampled to it, and what lies between
    two sources stays silent, so that sound and controls stay on one line of time.

    Args:
        ring: the voice ring.
        records: the control ring of the avatar on stage, None when there is none.
        path: the journal to make.
        info: its header; the rate is filled in here.
        seconds_back: how much of the past to begin with.
    """

    def __init__(
        self, ring: SampleRing, records: RecordRing | None, path: Path, info: TakeInfo, seconds_back: float = 0.0
    ) -> None:
        rate = round(ring.rate_hz)
        begin = _past_index(ring, seconds_back)
        begin_time = ring.time_of(begin)
        if not np.isfinite(begin_time):
            begin_time = time.perf_counter() - seconds_back
        self._set(ring, records, path, info.model_copy(update={"rate_hz": rate}), begin_time, begin)
        self._writer = JournalWriter(path, self.info, begin_time, begin)
        if records is not None and seconds_back > 0:
            self._row_cursor = records.oldest

    @classmethod
    def resumed(cls, ring: SampleRing, records: RecordRing | None, path: Path) -> "Recording":
        """Goes on with a journal whose recorder died: the rings still know what was missed.

        Raises:
            TakeError: if not even the journal's beginning can be read.
        """
        recording = cls.__new__(cls)
        recording._writer, state = JournalWriter.reopened(path)
        recording._set(ring, records, path, state.info, state.origin_time, state.origin_index)
        recording._cursor, recording._last_row_time = state.next_index, state.last_row_time + SAME_ROW_S
        if records is not None:
            recording._row_cursor = records.oldest
        return recording

    def _set(
        self, ring: SampleRing, records: RecordRing | None, path: Path, info: TakeInfo, origin_time: float, origin: int
    ) -> None:
        self.path, self.info = Path(path), info
        self._ring, self._records = ring, records
        self._origin_time, self._origin = origin_time, origin
        self._cursor, self._row_cursor = origin, records.written if records is not None else 0
        self._last_row_time = origin_time
        self._generation = ring.generation if np.isfinite(ring.time_of(0)) else None
        self._resampler: Resampler | None = None  # only for a source of another rate
        self._shift = 0  # journal index less ring index, for the present source
        self._lost_before = ring.lost_samples
        self._stop_index: int | None = None
        self._stop_time = np.inf

    @property
    def seconds(self) -> float:
        return max(0.0, min(time.perf_counter(), self._stop_time) - self._origin_time)

    @property
    def lost_samples(self) -> int:
        return self._ring.lost_samples - self._lost_before

    @property
    def is_complete(self) -> bool:
        """Whether, after `stop`, everything up to that moment has been written."""
        if self._stop_index is None:
            return False
        is_too_late = time.perf_counter() - self._stop_time > LINGER_S
        return is_too_late or self._records is None or self._last_row_time >= self._stop_time

    def pump(self) -> None:
        """Writes what is new. Raises OutputError when the disk is full; all before it is safe."""
        self._pump_voice()
        self._pump_rows()

    def stop(self, at: float | None = None) -> None:
        """The take ends at a `perf_counter` time, by default now; `pump` goes on until `is_complete`."""
        now = time.perf_counter()
        self._stop_time = now if at is None else at
        late = round(max(0.0, now - self._stop_time) * self._ring.rate_hz)
        self._stop_index = max(self._cursor, self._ring.written - late)

    def close(self) -> None:
        """Completes the journal."""
        self._writer.close()

    def _pump_voice(self) -> None:
        ring = self._ring
        if ring.generation != self._generation:
            self._follow_other_source()
        end = ring.written if self._stop_index is None else min(ring.written, self._stop_index)
        samples, first = ring.read(self._cursor, max(0, end - self._cursor))
        if not len(samples):
            return
        self._cursor = first + len(samples)
        if self._resampler is None:
            self._write_voice(samples, first + self._shift)
        else:
            made = self._resampler.push(samples)
            self._write_voice(made, self._next_index)
            self._next_index += len(made)

    def _follow_other_source(self) -> None:
        """Lays the first sample of another source where its time belongs."""
        ring, rate = self._ring, self.info.rate_hz
        begin_time = ring.time_of(ring.first_of_generation)
        if not np.isfinite(begin_time):
            return  # it has not given any sound yet
        self._generation = ring.generation
        self._cursor = max(self._cursor, ring.first_of_generation)
        at = self._origin + round((begin_time - self._origin_time) * rate)
        self._shift = at - ring.first_of_generation
        self._resampler = None
        if round(ring.rate_hz) != rate:
            self._resampler = Resampler(ring.rate_hz, rate)
            self._next_index = at - self._resampler.delay

    def _write_voice(self, samples: np.ndarray, index: int) -> None:
        for start in range(0, len(samples), PIECE):
            self._writer.voice(samples[start : start + PIECE], index + start)

    def _pump_rows(self) -> None:
        if self._records is None:
            return
        rows, self._row_cursor = self._records.read_new(self._row_cursor)
        if not len(rows):
            return
        rows = rows.copy()
        rows[:, 0] = self._on_the_sounds_time(rows[:, 0])
        rows = rows[rows[:, 0] > self._last_row_time]
        kept = rows[rows[:, 0] <= self._stop_time]
        if len(kept):
            self._writer.controls(kept)
        if len(rows):
            self._last_row_time = float(rows[-1, 0])

    def _on_the_sounds_time(self, times: np.ndarray) -> np.ndarray:
        """Moves times from the wall's clock to the samples', so that an hour of drift does not part voice and face."""
        ring = self._ring
        if ring.generation != self._generation or self._resampler is not None or not np.isfinite(ring.time_of(0)):
            return times
        return self._origin_time + (ring.index_at(times) + self._shift - self._origin) / self.info.rate_hz


def _past_index(ring: SampleRing, seconds_back: float) -> int:
    """The sample of so many seconds ago, as far as the ring and its present source reach back."""
    oldest = max(ring.oldest, ring.first_of_generation)
    return max(min(oldest, ring.written), ring.written - round(seconds_back * ring.rate_hz))
