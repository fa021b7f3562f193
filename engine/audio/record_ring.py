"""Fixed-size records shared between processes: what the performer knew at each frame, for the recorder to read."""

from pathlib import Path

import numpy as np

from engine.audio.mapped import FIRST_WORD, MappedFile
from engine.errors import AudioError

CONTROLS_RING = "controls.ring"  # name inside the per-run folder

_MAGIC = 0x474E4952_44524352  # "RCRDRING"
_VERSION = 1
_FIELDS, _CAPACITY, _ITEM_BYTES, _RESERVED, _WRITTEN = (FIRST_WORD + i for i in range(5))


class RecordRing:
    """A memory-mapped ring of rows of numbers with one writer and any number of readers.

    Each reader keeps its own cursor (the number of the next row it wants), so that none waits for another.
    """

    def __init__(self, mapped: MappedFile) -> None:
        self._file = mapped
        self._ints = mapped.ints
        self.path = mapped.path
        self.n_fields = int(self._ints[_FIELDS])
        self.capacity = int(self._ints[_CAPACITY])
        dtype = np.float64 if self._ints[_ITEM_BYTES] == 8 else np.float32
        self._rows = mapped.view(dtype, self.capacity * self.n_fields).reshape(self.capacity, self.n_fields)

    @classmethod
    def create(cls, path: Path, n_fields: int, capacity: int, dtype: type = np.float64) -> "RecordRing":
        """Makes the file for rows of `n_fields` float64 (or float32) numbers.

        Raises:
            AudioError: if the sizes or the type make no sense.
            OutputError: if the file cannot be made.
        """
        if np.dtype(dtype) not in (np.float64, np.float32):
            raise AudioError(f"{path}: records of {np.dtype(dtype).name} are not known; use float64 or float32.")
        if not (0 < n_fields <= 100_000 and 0 < capacity <= 10_000_000):
            raise AudioError(f"{path}: {capacity} records of {n_fields} numbers make no ring; both must be positive.")
        item_bytes = np.dtype(dtype).itemsize
        mapped = MappedFile.create(path, _MAGIC, _VERSION, item_bytes * n_fields * capacity)
        mapped.ints[_FIELDS], mapped.ints[_CAPACITY], mapped.ints[_ITEM_BYTES] = n_fields, capacity, item_bytes
        mapped.publish()
        return cls(mapped)

    @classmethod
    def attach(cls, path: Path) -> "RecordRing":
        """Maps a ring that another process made.

        Raises:
            AudioError: if it is missing, foreign or damaged.
        """
        mapped = MappedFile.attach(path, _MAGIC, _VERSION, "a record ring")
        n_fields, capacity, item_bytes = (int(mapped.ints[word]) for word in (_FIELDS, _CAPACITY, _ITEM_BYTES))
        is_whole = n_fields > 0 and capacity > 0 and n_fields * capacity * item_bytes == len(mapped.body)
        if item_bytes not in (4, 8) or not is_whole:
            mapped.close()
            raise AudioError(f"{path}: its size and its header disagree; start the program again.")
        return cls(mapped)

    @property
    def written(self) -> int:
        """One past the newest row, counted since the ring was made."""
        return int(self._ints[_WRITTEN])

    @property
    def oldest(self) -> int:
        """The first row that is still whole."""
        return max(0, int(self._ints[_RESERVED]) - self.capacity)

    def append(self, row: np.ndarray) -> None:
        """Adds one row `[n_fields]`."""
        written = self.written
        self._ints[_RESERVED] = written + 1
        self._rows[written % self.capacity] = row
        self._ints[_WRITTEN] = written + 1

    def read_new(self, cursor: int = 0) -> tuple[np.ndarray, int]:
        """All rows from number `cursor` on that are still there.

        Returns:
            The rows `[m, n_fields]` and the next cursor; `next cursor - m > cursor` when rows were overwritten unread.
        """
        end = self.written
        first = min(max(cursor, self.oldest), end)
        rows = self._rows[np.arange(first, end) % self.capacity]
        whole = min(max(first, self.oldest), end)  # the writer may have passed while we copied
        return rows[whole - first :], end

    def newest(self) -> np.ndarray | None:
        """The newest whole row, None before the first."""
        while self.written:
            rows, _ = self.read_new(self.written - 1)
            if len(rows):
                return rows[-1]
        return None

    def close(self) -> None:
        """Unmaps the ring; the file stays."""
        self._rows = self._ints = None
        self._file.close()
