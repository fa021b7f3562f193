"""The newest minute of sound, shared between processes: one writes samples as they come, any number read them."""

import time
from enum import IntEnum
from pathlib import Path

import numpy as np

from engine.audio.mapped import FIRST_WORD, MappedFile
from engine.errors import AudioError

VOICE_RING = "voice.ring"  # names inside the per-run folder
OUTPUT_RING = "output.ring"
RING_SECONDS = 60.0

_MAGIC = 0x474E4952_504D4153  # "SAMPRING"
_VERSION = 1
_WORDS = (
    "capacity",
    "reserved",  # one past the newest sample that may be half-written
    "written",  # one past the newest finished sample, since the ring was made
    "anchor_sequence",  # odd while the anchor changes
    "anchor_count",
    "anchor_ns",
    "heartbeat_ns",
    "generation",
    "first_of_generation",
    "state",
    "is_muted",
    "lost_samples",
    "n_blocks",
)
_WORD = {name: FIRST_WORD + i for i, name in enumerate(_WORDS)}
_RATE, _LATENCY = (FIRST_WORD + len(_WORDS) + i for i in range(2))  # float64 words

_JUMP_NS = 100_000_000  # a block this far from where it was expected starts the clock afresh
_ANCHOR_TRIES = 10_000  # a writer killed between two words must not hang its readers
_LATE_GAIN = 0.002  # how fast the clock follows blocks that come late: slow drift, never jitter
_FIRST_LATE_GAIN = 0.03  # the same for the first blocks: devices may begin with a burst of older sound
_N_FIRST_BLOCKS = 200


class SourceState(IntEnum):
    """What stands behind the samples being written."""

    NONE = 0  # nothing yet
    LIVE = 1  # a device or a file
    LOST = 2  # a device that is gone or silent: the samples are silence that keeps time


class SampleRing:
    """A memory-mapped ring of mono float32 samples with one writer and any number of readers.

    Samples are counted from 0 since the ring was made and never renumbered. A reader copies first and then looks how
    far the writer has announced to overwrite, so it never takes torn sound for good. When the sampling rate changes
    (another device) `generation` goes up, and samples from `first_of_generation` on have the new `rate_hz`.

    Time: the writer keeps an anchor, the moment the newest sample arrived. Blocks come late by chance but never
    early, so the anchor follows the earliest arrivals at once and late ones slowly: a clock without their jitter.
    """

    def __init__(self, mapped: MappedFile) -> None:
        self._file = mapped
        self._ints, self._floats = mapped.ints, mapped.floats
        self.path = mapped.path
        self.capacity = int(self._ints[_WORD["capacity"]])
        self._samples = mapped.view(np.float32, self.capacity)
        self._n_timed = 0  # blocks this writer has timed since the clock started afresh

    @classmethod
    def create(cls, path: Path, rate_hz: float, seconds: float = RING_SECONDS) -> "SampleRing":
        """Makes the file, all silence; `seconds` hold at `rate_hz` (a later, higher rate holds fewer).

        Raises:
            AudioError: if the rate or the length makes no sense.
            OutputError: if the file cannot be made.
        """
        if not (1_000 <= rate_hz <= 768_000 and 0.01 <= seconds <= 3_600):
            raise AudioError(
                f"{path}: {seconds} s at {rate_hz} Hz is no ring of sound; use 1 to 768 kHz, up to an hour."
            )
        capacity = int(np.ceil(rate_hz * seconds))
        mapped = MappedFile.create(path, _MAGIC, _VERSION, 4 * capacity)
        mapped.ints[_WORD["capacity"]] = capacity
        mapped.floats[_RATE] = rate_hz
        mapped.publish()
        return cls(mapped)

    @classmethod
    def attach(cls, path: Path) -> "SampleRing":
        """Maps a ring that another process made.

        Raises:
            AudioError: if it is missing, foreign or damaged.
        """
        mapped = MappedFile.attach(path, _MAGIC, _VERSION, "a sample ring")
        if not 0 < int(mapped.ints[_WORD["capacity"]]) <= len(mapped.body) // 4:
            mapped.close()
            raise AudioError(f"{path}: its size and its header disagree; start the program again.")
        return cls(mapped)

    # For the writer

    def write(self, samples: np.ndarray, now_ns: int | None = None) -> None:
        """Appends mono samples `[n]`; `now_ns` (perf_counter_ns) is when they arrived, by default now."""
        n = len(samples)
        if n > self.capacity:
            raise AudioError(f"{n} samples at once do not fit a ring of {self.capacity}; write smaller blocks.")
        now_ns = time.perf_counter_ns() if now_ns is None else now_ns
        written = int(self._ints[_WORD["written"]])
        self._ints[_WORD["reserved"]] = written + n
        begin = written % self.capacity
        before_end = min(n, self.capacity - begin)
        self._samples[begin : begin + before_end] = samples[:before_end]
        if before_end < n:
            self._samples[: n - before_end] = samples[before_end:]
        self._set_anchor(written + n, now_ns)
        self._ints[_WORD["written"]] = written + n
        self._ints[_WORD["heartbeat_ns"]] = now_ns
        self._ints[_WORD["n_blocks"]] += 1

    def lateness(self, n: int, now_ns: int) -> float:
        """Seconds by which a block of `n` samples that arrives now is behind the clock; steady lateness is loss."""
        if not self._ints[_WORD["anchor_ns"]]:
            return 0.0
        return (now_ns - self._expected_ns(self.written + n)) * 1e-9

    def start_generation(self, rate_hz: float, latency_ms: float) -> None:
        """Says that another device follows: its rate, its latency, and a clock that starts afresh."""
        self._floats[_RATE] = rate_hz
        self._floats[_LATENCY] = latency_ms
        self._ints[_WORD["first_of_generation"]] = self.written
        self._ints[_WORD["anchor_ns"]] = 0
        self._ints[_WORD["generation"]] += 1
        self._n_timed = 0

    # For everyone

    @property
    def written(self) -> int:
        """One past the newest sample, counted since the ring was made."""
        return int(self._ints[_WORD["written"]])

    @property
    def oldest(self) -> int:
        """The first sample that is still whole."""
        return max(0, int(self._ints[_WORD["reserved"]]) - self.capacity)

    @property
    def rate_hz(self) -> float:
        return float(self._floats[_RATE])

    @property
    def latency_ms(self) -> float:
        """What the device says lies between the air and the arrival of a sample."""
        return float(self._floats[_LATENCY])

    @latency_ms.setter
    def latency_ms(self, latency_ms: float) -> None:
        self._floats[_LATENCY] = latency_ms

    @property
    def generation(self) -> int:
        return int(self._ints[_WORD["generation"]])

    @property
    def first_of_generation(self) -> int:
        return int(self._ints[_WORD["first_of_generation"]])

    @property
    def heartbeat_ns(self) -> int:
        """perf_counter_ns of the last write, 0 before the first."""
        return int(self._ints[_WORD["heartbeat_ns"]])

    @property
    def n_blocks(self) -> int:
        return int(self._ints[_WORD["n_blocks"]])

    @property
    def state(self) -> SourceState:
        return SourceState(int(self._ints[_WORD["state"]]))

    @state.setter
    def state(self, state: SourceState) -> None:
        self._ints[_WORD["state"]] = int(state)

    @property
    def is_muted(self) -> bool:
        """Whoever writes a microphone into this ring writes silence while this is set; anyone may set it."""
        return bool(self._ints[_WORD["is_muted"]])

    @is_muted.setter
    def is_muted(self, is_muted: bool) -> None:
        self._ints[_WORD["is_muted"]] = int(is_muted)

    @property
    def lost_samples(self) -> int:
        """Samples the device should have given by the clock and did not; silence stands in their place."""
        return int(self._ints[_WORD["lost_samples"]])

    def add_lost(self, n: int) -> None:
        self._ints[_WORD["lost_samples"]] += n

    def read(self, start: int, n: int) -> tuple[np.ndarray, int]:
        """Copies up to `n` samples from number `start` on.

        Returns:
            The samples `[m]` float32, m <= n, and the number of the first one: larger than `start` when what was asked
            for has been overwritten (then the sound from `start` to it is lost to this reader).
        """
        end = min(start + n, self.written)
        first = min(max(start, self.oldest), end)
        begin = first % self.capacity
        count = end - first
        if begin + count <= self.capacity:
            samples = self._samples[begin : begin + count].copy()
        else:
            split = self.capacity - begin
            samples = np.concatenate([self._samples[begin:], self._samples[: count - split]])
        whole = min(max(first, self.oldest), end)  # the writer may have passed while we copied
        return samples[whole - first :], whole

    def time_of(self, index: float) -> float:
        """perf_counter seconds at which sample `index` was in the air: its arrival less the device's latency.

        Meaningful for samples of the present generation; -inf before anything was written.
        """
        if not self._ints[_WORD["anchor_ns"]]:
            return -np.inf
        return self._expected_ns(index) * 1e-9 - self.latency_ms * 1e-3

    def index_at(self, seconds: float) -> float:
        """The (fractional) sample number in the air at a perf_counter time; the inverse of `time_of`."""
        count, anchor_ns = self._anchor()
        return count + (seconds + self.latency_ms * 1e-3 - anchor_ns * 1e-9) * self.rate_hz

    def close(self) -> None:
        """Unmaps the ring; the file stays."""
        self._samples = self._ints = self._floats = None
        self._file.close()

    def _expected_ns(self, index: float) -> float:
        count, anchor_ns = self._anchor()
        return anchor_ns + (index - count) * 1e9 / self.rate_hz

    def _anchor(self) -> tuple[int, int]:
        ints = self._ints
        for _ in range(_ANCHOR_TRIES):
            before = int(ints[_WORD["anchor_sequence"]])
            count, anchor_ns = int(ints[_WORD["anchor_count"]]), int(ints[_WORD["anchor_ns"]])
            if before % 2 == 0 and int(ints[_WORD["anchor_sequence"]]) == before:
                break
        return count, anchor_ns

    def _set_anchor(self, count: int, now_ns: int) -> None:
        ints = self._ints
        if ints[_WORD["anchor_ns"]]:
            expected_ns = self._expected_ns(count)
            late_ns = now_ns - expected_ns
            if late_ns >= _JUMP_NS:
                self._n_timed = 0
            elif late_ns > 0:
                gain = _FIRST_LATE_GAIN if self._n_timed < _N_FIRST_BLOCKS else _LATE_GAIN
                now_ns = int(expected_ns + gain * late_ns)
        self._n_timed += 1
        ints[_WORD["anchor_sequence"]] += 1
        ints[_WORD["anchor_count"]] = count
        ints[_WORD["anchor_ns"]] = now_ns
        ints[_WORD["anchor_sequence"]] += 1
