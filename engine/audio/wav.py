"""Sound files in and out: any format to mono float32, whole or in blocks, and WAV files written."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from engine.audio.block import SAMPLE_RATE_HZ
from engine.audio.resample import resample
from engine.errors import AudioError
from engine.paths import atomic_file

MAX_SECONDS = 4 * 3600.0  # what is read whole; longer files are read in blocks
_RIFF_UNKNOWN = (0, 0xFFFFFFFF)  # the data size in WAV files that were written to a pipe
_SUBTYPES = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}


class SoundReader:
    """A sound file, or the sound of a video file, read in order as mono float32 blocks at its own rate.

    Attributes:
        rate_hz, n_channels: of the file.
        n_samples: length as the file states it; 0 where only reading it through tells.
        start_s: when the sound starts on the file's own clock (videos may start it late).

    Raises:
        AudioError: if the file is missing, empty, not a sound, without a sound track, or truncated (one sentence).
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.start_s = 0.0
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise AudioError(f"{path}: {error.strerror or error}; choose a sound file.") from error
        if self.path.is_dir():
            raise AudioError(f"{path}: is a folder; choose a sound file.")
        if not size:
            raise AudioError(f"{path}: is empty (0 bytes); record or copy it again.")
        _check_riff_is_whole(self.path, size)
        try:
            info = soundfile.info(str(self.path))
        except soundfile.LibsndfileError:
            self._open_container()
        else:
            if info.format == "MP3":  # soundfile seeks after each read, and MP3 frames after a seek begin with a gap
                self._open_container()
                return
            self._is_container = False
            self.rate_hz, self.n_channels, self.n_samples = info.samplerate, info.channels, info.frames
            if not self.n_samples:
                raise AudioError(f"{path}: holds no sound (0 samples); record or copy it again.")

    @property
    def seconds(self) -> float:
        return self.n_samples / self.rate_hz

    def blocks(self, n: int | None = None) -> Iterator[np.ndarray]:
        """Mono blocks `[<= n]` from the start, a second each by default; the last is shorter.

        Raises:
            AudioError: if the sound stops before its stated end, is damaged, or has samples that are not numbers.
        """
        n = n or self.rate_hz
        total = 0
        pieces = self._decoded() if self._is_container else self._read(n)
        for block in _regrouped(pieces, n):
            if not np.isfinite(block).all():
                at = (total + int(np.argmin(np.isfinite(block)))) / self.rate_hz
                raise AudioError(
                    f"{self.path}: has samples that are not numbers at {at:.2f} s; export the sound again."
                )
            total += len(block)
            yield block
        if not total:
            raise AudioError(f"{self.path}: holds no sound (0 samples); record or copy it again.")
        if total < self.n_samples and not self._is_container:
            raise AudioError(
                f"{self.path}: stops after {total / self.rate_hz:.2f} of {self.seconds:.2f} s; "
                "the file is incomplete. Copy it again."
            )

    def _read(self, n: int) -> Iterator[np.ndarray]:
        try:
            with soundfile.SoundFile(str(self.path)) as file:
                while len(samples := file.read(n, dtype="float32", always_2d=True)):
                    yield samples.mean(axis=1)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{self.path}: is damaged ({error.error_string}); copy or export it again.") from error

    def _open_container(self) -> None:
        import av  # only for what soundfile does not read: m4a, the sound of videos

        self._is_container = True
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.audio:
                    raise AudioError(f"{self.path}: has no sound track; choose a file with sound.")
                stream = container.streams.audio[0]
                self.rate_hz, self.n_channels = stream.rate, stream.channels
                self.n_samples = int((stream.duration or 0) * stream.time_base * stream.rate)
                self.start_s = float((stream.start_time or 0) * stream.time_base)
        except (av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AudioError(f"{self.path}: is not a sound file ({reason}); use WAV, FLAC, MP3 or M4A.") from error
        if not self.rate_hz or not self.n_channels:
            raise AudioError(f"{self.path}: its sound has no rate or no channels; export it again.")

    def _decoded(self) -> Iterator[np.ndarray]:
        import av

        planar = av.AudioResampler(format="fltp", rate=self.rate_hz)
        try:
            with av.open(str(self.path)) as container:
                for frame in container.decode(container.streams.audio[0]):
                    for made in planar.resample(frame):
                        yield made.to_ndarray().mean(axis=0)
                for made in planar.resample(None):
                    yield made.to_ndarray().mean(axis=0)
        except (av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AudioError(f"{self.path}: is damaged ({reason}); copy or export it again.") from error


def read_sound(path: Path, rate_hz: float | None = SAMPLE_RATE_HZ) -> tuple[np.ndarray, int]:
    """A whole sound file as mono float32 `[n]` and its rate; `rate_hz` None keeps the file's own.

    Raises:
        AudioError: see `SoundReader`; also if it is longer than four hours.
    """
    reader = SoundReader(path)
    if reader.seconds > MAX_SECONDS:
        raise AudioError(f"{path}: is {reader.seconds / 3600:.1f} hours long, at most 4 can be used; cut it.")
    samples = np.concatenate(list(reader.blocks())).astype(np.float32, copy=False)
    if rate_hz is None or rate_hz == reader.rate_hz:
        return samples, reader.rate_hz
    return resample(samples, reader.rate_hz, rate_hz), round(rate_hz)


def write_wav(path: Path, samples: np.ndarray, rate_hz: float, bits: int = 16) -> None:
    """Writes mono `[n]` or interleaved `[n, channels]` samples as a WAV file of 16, 24 or 32 (float) bits.

    Raises:
        OutputError: if it cannot be written; nothing is left behind.
    """
    with atomic_file(Path(path)) as temporary:
        soundfile.write(str(temporary), samples, round(rate_hz), subtype=_SUBTYPES[bits], format="WAV")


def _regrouped(pieces: Iterator[np.ndarray], n: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of exactly `n`, the last one shorter."""
    waiting: list[np.ndarray] = []
    n_waiting = 0
    for piece in pieces:
        waiting.append(piece)
        n_waiting += len(piece)
        if n_waiting >= n:
            whole = np.concatenate(waiting)
            for start in range(0, n_waiting - n + 1, n):
                yield whole[start : start + n]
            waiting = [whole[n_waiting - n_waiting % n :]]
            n_waiting %= n
    if n_waiting:
        yield np.concatenate(waiting)


def _check_riff_is_whole(path: Path, size: int) -> None:
    """Sees whether a WAV file's data chunk lies inside the file; libsndfile would shorten it without a word."""
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        at = 12
        while len(chunk := file.read(8)) == 8:
            n_bytes = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                end = at + 8 + n_bytes
                if n_bytes not in _RIFF_UNKNOWN and end > size:
                    raise AudioError(
                        f"{path}: stops at byte {size:,} of {end:,}; the file is incomplete. Copy it again."
                    )
                return
            at += 8 + n_bytes + n_bytes % 2
            if at >= size:
                break
            file.seek(at)
    raise AudioError(f"{path}: has no sound in it (no data chunk); record or copy it again.")
