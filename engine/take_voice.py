"""The voice of a take, read from its file in pieces: an hour of it never lies in memory."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from engine.errors import MouthpieceError, TakeError
from engine.manifest import check_extents, read_header


class TakeVoice:
    """Random and ordered access to a take's voice, mono float32.

    Attributes:
        rate_hz: of the voice.

    Raises:
        TakeError: if the file is no take or its voice is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            header, n_bytes = read_header(self.path)
            check_extents(self.path, header, n_bytes)
            first, last = (int(v) for v in header["voice"]["data_offsets"])
            base = os.path.getsize(self.path) - n_bytes
            self._file = soundfile.SoundFile(_Part(self.path, base + first, base + last))
        except (OSError, KeyError, TypeError, ValueError, MouthpieceError, soundfile.LibsndfileError) as error:
            raise TakeError(f"{path}: its voice cannot be read ({str(error).splitlines()[0]}).") from error
        if self._file.channels != 1:
            raise TakeError(f"{path}: its voice has {self._file.channels} channels, a take's has one.")
        self.rate_hz = self._file.samplerate

    @property
    def seconds(self) -> float:
        return self._file.frames / self.rate_hz

    def read(self, start: int, n: int) -> np.ndarray:
        """Samples from `start` on, fewer than `n` at the end. Raises TakeError where they are damaged."""
        start = min(max(0, start), self._file.frames)
        try:
            self._file.seek(start)
            return self._file.read(max(0, min(n, self._file.frames - start)), dtype="float32")
        except soundfile.LibsndfileError as error:
            at = start / self.rate_hz
            raise TakeError(f"{self.path}: its voice is damaged at {at:.2f} s ({error.error_string}).") from error

    def blocks(self, n: int | None = None) -> Iterator[np.ndarray]:
        """The whole voice in order, in pieces of `n`, a second each by default."""
        n = n or self.rate_hz
        for start in range(0, self._file.frames, n):
            yield self.read(start, n)

    def close(self) -> None:
        self._file.close()


class _Part(io.RawIOBase):
    """A stretch of a file as a file of its own."""

    def __init__(self, path: Path, first: int, last: int) -> None:
        super().__init__()
        self._file = open(path, "rb")  # noqa: SIM115  (closed with this)
        self._first, self._size, self._at = first, last - first, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = min(max(0, base + offset), self._size)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer) -> int:
        self._file.seek(self._first + self._at)
        data = self._file.read(min(len(buffer), self._size - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
