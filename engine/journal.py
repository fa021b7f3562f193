"""The recording journal: append-only and checksummed, so that a crash or a full disk loses under a second of a take.

Layout: the magic `MPJ1`, then records of `kind u8, length u32, crc32 u32, payload` (little endian). Kinds: header (JSON
of `TakeInfo` fields), voice (int64 index of the first sample, then float32 samples), controls (float64 rows of
`[time, driven C, user C, result C, camera 8]`, times on the performer's clock), origin (float64 time and int64 sample
index of the take's start), end (nothing). A reader stops at the first record that is short or fails its checksum.
"""

import json
import os
import struct
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from engine.errors import MouthpieceError, OutputError, TakeError
from engine.take import N_CAMERA, Take, TakeInfo, save_take

MAGIC = b"MPJ1"
RECORD = struct.Struct("<BII")
HEADER, VOICE, CONTROLS, ORIGIN, END = range(1, 6)
SYNC_SECONDS = 0.5
MAX_RECORD_BYTES = 64 << 20


def row_width(n_controls: int) -> int:
    """Numbers in one control record: time, driven, user, result, camera."""
    return 1 + 3 * n_controls + N_CAMERA


class JournalWriter:
    """Writes a journal; every call reaches the file at once, the disk at least every half second.

    Raises:
        OutputError: from any method when the disk is full or gone; what was written before stays readable.
    """

    def __init__(self, path: Path, info: TakeInfo, origin_time: float, origin_index: int) -> None:
        self._open(path, "xb")
        self._file.write(MAGIC)
        self._append(HEADER, info.model_dump_json().encode())
        self._append(ORIGIN, struct.pack("<dq", origin_time, origin_index))

    @classmethod
    def reopened(cls, path: Path) -> tuple["JournalWriter", "JournalState"]:
        """Goes on with a journal whose writer died: what is not whole at its end is cut off.

        Raises:
            TakeError: if not even its beginning can be read.
        """
        state = _state_of(Path(path))
        writer = cls.__new__(cls)
        writer._open(path, "r+b")
        writer._file.truncate(state.n_bytes)
        writer._file.seek(state.n_bytes)
        return writer, state

    def voice(self, samples: np.ndarray, first_index: int) -> None:
        """Appends float32 samples at the device's rate; `first_index` counts from the stream's start, so gaps show."""
        self._append(VOICE, struct.pack("<q", first_index) + np.asarray(samples, dtype="<f4").tobytes())

    def controls(self, rows: np.ndarray) -> None:
        """Appends control records, float64 `[n, row_width(C)]`."""
        self._append(CONTROLS, np.asarray(rows, dtype="<f8").tobytes())

    def close(self) -> None:
        if not self._file.closed:
            try:
                self._append(END, b"")
                os.fsync(self._file.fileno())
            finally:
                self._file.close()

    def _open(self, path: Path, mode: str) -> None:
        self.path = Path(path)
        self._synced = time.monotonic()
        try:
            self._file = open(self.path, mode, buffering=0)  # noqa: SIM115  (lives as long as the recording)
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror or error}; the take cannot be recorded there.") from error

    def _append(self, kind: int, payload: bytes) -> None:
        try:
            self._file.write(RECORD.pack(kind, len(payload), zlib.crc32(payload)) + payload)
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise OutputError(
                f"{self.path}: {error.strerror or error}; the take is safe up to here. Free some space, then go on."
            ) from error


@dataclass(frozen=True)
class JournalState:
    """How far a journal got: its header, its origin, the next voice index, the newest row's time, its whole bytes."""

    info: TakeInfo
    origin_time: float
    origin_index: int
    next_index: int
    last_row_time: float
    n_bytes: int


def take_of_journal(path: Path) -> Take:
    """Reads a journal, whole or cut short, into a take. Raises TakeError if not even its beginning can be read."""
    info, origin_time, origin_index, voice, rows = None, 0.0, 0, [], []
    for kind, payload in _records(Path(path)):
        if kind == HEADER:
            info = _info(path, payload)
        elif kind == ORIGIN and len(payload) == 16:
            origin_time, origin_index = struct.unpack("<dq", payload)
        elif kind == VOICE and len(payload) >= 8:
            voice.append((struct.unpack_from("<q", payload)[0], np.frombuffer(payload, dtype="<f4", offset=8)))
        elif kind == CONTROLS and info is not None:
            width = row_width(len(info.schema_rows))
            if len(payload) % (8 * width) == 0:
                rows.append(np.frombuffer(payload, dtype="<f8").reshape(-1, width))
    if info is None:
        raise TakeError(f"{path}: is not a recording journal, or its beginning is lost.")
    table = np.concatenate(rows) if rows else np.zeros((0, row_width(len(info.schema_rows))))
    return _take(info, origin_time, _laid_out(voice, origin_index), table)


def finish_journal(path: Path, take_path: Path) -> Take:
    """Turns a journal into a `.take` and removes the journal once the take is safely on disk."""
    take = take_of_journal(path)
    save_take(take_path, take)
    Path(path).unlink()
    return take


def recover_journals(folder: Path) -> list[Path]:
    """Turns every journal left in a folder (after a crash) into a take beside it; returns the takes made.

    A journal that cannot be read stays where it is, renamed to `.damaged`, so that nothing of the user's is deleted.
    """
    made = []
    for journal in sorted(Path(folder).glob("*.journal")):
        take_path = journal.with_suffix(".take")
        try:
            finish_journal(journal, take_path)
            made.append(take_path)
        except TakeError:
            journal.rename(journal.with_suffix(".damaged"))
    return made


def _records(path: Path):
    try:
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return
            while len(head := file.read(RECORD.size)) == RECORD.size:
                kind, length, checksum = RECORD.unpack(head)
                if length > MAX_RECORD_BYTES:
                    return
                payload = file.read(length)
                if len(payload) < length or zlib.crc32(payload) != checksum or kind == END:
                    return
                yield kind, payload
    except OSError as error:
        raise TakeError(f"{path}: {error.strerror or error}.") from error


def _state_of(path: Path) -> JournalState:
    info, origin_time, origin_index, next_index, last_row_time, n_bytes = None, 0.0, 0, None, None, len(MAGIC)
    for kind, payload in _records(path):
        n_bytes += RECORD.size + len(payload)
        if kind == HEADER:
            info = _info(path, payload)
        elif kind == ORIGIN and len(payload) == 16:
            origin_time, origin_index = struct.unpack("<dq", payload)
        elif kind == VOICE and len(payload) >= 8:
            next_index = struct.unpack_from("<q", payload)[0] + (len(payload) - 8) // 4
        elif kind == CONTROLS and info is not None and len(payload) >= 8 * row_width(len(info.schema_rows)):
            last_row_time = struct.unpack_from("<d", payload, len(payload) - 8 * row_width(len(info.schema_rows)))[0]
    if info is None:
        raise TakeError(f"{path}: is not a recording journal, or its beginning is lost.")
    return JournalState(
        info, origin_time, origin_index, origin_index if next_index is None else next_index,
        origin_time if last_row_time is None else last_row_time, n_bytes,
    )  # fmt: skip


def _info(path: Path, payload: bytes) -> TakeInfo:
    try:
        info = TakeInfo(**json.loads(payload))
        assert info.rate_hz > 0
        return info
    except (ValueError, TypeError, AssertionError, ValidationError, MouthpieceError) as error:
        raise TakeError(f"{path}: the journal's header cannot be read ({str(error).splitlines()[0]}).") from error


def _laid_out(pieces: list[tuple[int, np.ndarray]], origin: int) -> np.ndarray:
    """Voice samples on one line; what is missing between pieces stays silent, so later sound keeps its time."""
    pieces = [(first - origin, samples) for first, samples in pieces]
    end = max((first + len(samples) for first, samples in pieces), default=0)
    end = min(
        end, max(0, sum(len(s) for _, s in pieces) * 4 + 48_000 * 60)
    )  # a damaged index must not ask for terabytes
    voice = np.zeros(max(0, end), dtype=np.float32)
    for first, samples in pieces:
        skip = max(0, -first)
        stop = min(first + len(samples), end)
        if stop > max(first, 0):
            voice[max(first, 0) : stop] = samples[skip : skip + stop - max(first, 0)]
    return np.nan_to_num(voice)


def _take(info: TakeInfo, origin_time: float, voice: np.ndarray, table: np.ndarray) -> Take:
    n = len(info.schema_rows)
    table = table[np.isfinite(table).all(axis=1)]
    table = table[np.argsort(table[:, 0], kind="stable")] if len(table) else table
    values = table[:, 1:].astype(np.float32)
    return Take(
        info=info,
        times=table[:, 0] - origin_time,
        driven=values[:, :n],
        user=values[:, n : 2 * n],
        result=values[:, 2 * n : 3 * n],
        camera=values[:, 3 * n :],
        voice=voice,
    )
