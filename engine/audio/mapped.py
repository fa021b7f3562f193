"""A memory-mapped file with a checked header: how processes of one run share sound and records without copies."""

import contextlib
import mmap
import os
from pathlib import Path

import numpy as np

from engine.errors import AudioError, OutputError

HEADER_BYTES = 4096
MAX_BYTES = 1 << 32
_N_WORDS = HEADER_BYTES // 8
_MAGIC, _VERSION, _BYTES = 0, 1, 2  # header words of every mapped file
FIRST_WORD = 4  # the first header word that is the user's


class MappedFile:
    """A file of one header page and a body, mapped into memory; closing it leaves the file where it is.

    Header words are 8 bytes each and aligned, so that one is never seen half-written; `ints` and `floats` are two
    views of the same words. Whoever shares more than one word guards them with a sequence counter.

    Attributes:
        ints, floats: the header's words as int64 and as float64.
        body: the bytes behind the header, uint8.
    """

    def __init__(self, path: Path, mapping: mmap.mmap) -> None:
        self.path = path
        self._mapping = mapping
        self.ints = np.frombuffer(mapping, dtype=np.int64, count=_N_WORDS)
        self.floats = np.frombuffer(mapping, dtype=np.float64, count=_N_WORDS)
        self.body = np.frombuffer(mapping, dtype=np.uint8, offset=HEADER_BYTES)

    @classmethod
    def create(cls, path: Path, magic: int, version: int, n_bytes: int) -> "MappedFile":
        """Makes the file anew, all zero; `publish` must be called once its header is filled in.

        Raises:
            OutputError: if the file cannot be made there.
        """
        path = Path(path)
        try:
            path.unlink(missing_ok=True)  # whoever still maps the old one keeps it, and never sees half of each
            with open(path, "x+b") as file:
                _reserve(file.fileno(), HEADER_BYTES + n_bytes)
                made = cls(path, mmap.mmap(file.fileno(), HEADER_BYTES + n_bytes))
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror or error}; choose a folder you can write to.") from error
        made.ints[_VERSION] = version
        made.ints[_BYTES] = HEADER_BYTES + n_bytes
        made._magic = magic
        return made

    @classmethod
    def attach(cls, path: Path, magic: int, version: int, noun: str) -> "MappedFile":
        """Maps an existing file.

        Args:
            noun: what the file is called in the error ("a sample ring").

        Raises:
            AudioError: if it is missing, not published yet, foreign, of another version or of the wrong size.
        """
        path = Path(path)
        try:
            with open(path, "r+b") as file:
                size = os.fstat(file.fileno()).st_size
                if not HEADER_BYTES < size <= MAX_BYTES:
                    raise AudioError(f"{path}: is not {noun} ({size:,} bytes); start the program again.")
                found = cls(path, mmap.mmap(file.fileno(), size))
        except OSError as error:
            raise AudioError(f"{path}: {error.strerror or error}; is the process that writes it running?") from error
        if found.ints[_MAGIC] != magic or found.ints[_VERSION] != version or found.ints[_BYTES] != size:
            found.close()
            raise AudioError(f"{path}: is not {noun} of this program's version; start the program again.")
        return found

    def publish(self) -> None:
        """Writes the magic number: from here on others may attach."""
        self.ints[_MAGIC] = self._magic

    def view(self, dtype: type, count: int) -> np.ndarray:
        """The body as `count` items of `dtype`."""
        return self.body[: count * np.dtype(dtype).itemsize].view(dtype)

    def close(self) -> None:
        """Unmaps the file, or leaves that to the last view of it that someone still holds."""
        self.ints = self.floats = self.body = None
        with contextlib.suppress(BufferError):
            self._mapping.close()


def _reserve(handle: int, n_bytes: int) -> None:
    """Gives the file its size, blocks allocated, so that a full disk is an error here and not a signal later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, n_bytes)
    else:
        os.ftruncate(handle, n_bytes)
