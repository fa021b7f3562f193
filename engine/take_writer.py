"""Writing a take as it comes, of any length: rows and voice go to disk at once, the file is put together at the end."""

import json
import shutil
import struct
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from engine.errors import OutputError
from engine.paths import atomic_file
from engine.take import FORMAT, N_CAMERA, TakeInfo

TRACK_TYPES = {"times": ("F64", "<f8"), "driven": ("F32", "<f4"), "user": ("F32", "<f4"), "result": ("F32", "<f4"),
               "camera": ("F32", "<f4")}  # fmt: skip


class TakeWriter:
    """A take being written; use as a context manager. It appears under its name only on a clean exit.

    Args:
        path: of the `.take`.
        info: its description; the schema says how wide rows are.

    Raises:
        OutputError: from any method when the disk is full or the place unwritable; nothing is left behind.
    """

    def __init__(self, path: Path, info: TakeInfo) -> None:
        self._path, self._info = Path(path), info
        self._widths = {"times": 0, "camera": N_CAMERA}
        self._n_rows = self._n_samples = 0

    def __enter__(self) -> "TakeWriter":
        try:
            self._folder = Path(
                tempfile.mkdtemp(prefix=f".{self._path.stem}.", suffix=".partial", dir=self._path.parent)
            )
            self._files = {name: open(self._folder / name, "wb") for name in TRACK_TYPES}  # noqa: SIM115
            self._voice = soundfile.SoundFile(
                str(self._folder / "voice"), "w", self._info.rate_hz, 1, "PCM_24", format="FLAC"
            )
        except (OSError, soundfile.LibsndfileError) as error:
            raise OutputError(f"{self._path.parent}: {_reason(error)}; choose a folder you can write to.") from error
        return self

    def voice(self, samples: np.ndarray) -> None:
        """Appends mono float32 samples at the take's rate."""
        with self._one_sentence():
            self._voice.write(np.clip(samples, -1, 1))
            self._n_samples += len(samples)

    def row(self, time: float, driven: np.ndarray, user: np.ndarray, result: np.ndarray, camera: np.ndarray) -> None:
        """Appends a moment: seconds since the start, `[C]` three times, and `row_of_orbit`'s eight numbers."""
        values = {"times": np.array([time]), "driven": driven, "user": user, "result": result, "camera": camera}
        with self._one_sentence():
            for name, numbers in values.items():
                self._files[name].write(np.asarray(numbers, dtype=TRACK_TYPES[name][1]).tobytes())
        self._n_rows += 1

    def __exit__(self, kind, *_) -> None:
        try:
            with self._one_sentence():
                if kind is None and not self._n_samples:
                    self._voice.write(np.zeros(1, dtype=np.float32))
                for file in (*self._files.values(), self._voice):
                    file.close()
                if kind is None:
                    self._assemble()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _assemble(self) -> None:
        n_controls = len(self._info.schema_rows)
        header: dict = {"__metadata__": {"format": FORMAT, "take": self._info.model_dump_json()}}
        at = 0
        for name, (kind, _) in TRACK_TYPES.items():
            width = {"times": [], "camera": [N_CAMERA]}.get(name, [n_controls])
            size = (self._folder / name).stat().st_size
            header[name] = {"dtype": kind, "shape": [self._n_rows, *width], "data_offsets": [at, at + size]}
            at += size
        size = (self._folder / "voice").stat().st_size
        header["voice"] = {"dtype": "U8", "shape": [size], "data_offsets": [at, at + size]}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with atomic_file(self._path) as temporary, open(temporary, "wb") as whole:
            whole.write(struct.pack("<Q", len(text)) + text)
            for name in (*TRACK_TYPES, "voice"):
                with open(self._folder / name, "rb") as part:
                    shutil.copyfileobj(part, whole, 1 << 20)

    def _one_sentence(self):
        return _Sentence(self._path)


class _Sentence:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, OSError | soundfile.LibsndfileError):
            raise OutputError(f"{self._path}: {_reason(error)}; free some space and try again.") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or getattr(error, "error_string", None) or error)
