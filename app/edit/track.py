"""What the performer plays while a take is edited, and what the lanes draw: the performance worked out, and peaks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.array_file import save_file
from engine.paths import atomic_file
from engine.performance.clips import source_times
from engine.performance.take_edit import TakeEdit
from engine.take import Take, load_take, row_of_orbit, rows_at
from engine.take_voice import TakeVoice

RATE_HZ = 60.0
PEAKS_HZ = 100


@dataclass(frozen=True)
class OpenTake:
    """A take as the workspace holds it: tracks in memory, of the voice only its peaks.

    Attributes:
        peaks: `[n]`, 0 to 1, `PEAKS_HZ` a second of the raw take.
    """

    key: str
    path: Path
    take: Take
    peaks: np.ndarray

    @property
    def seconds(self) -> float:
        return self.take.seconds


@dataclass(frozen=True)
class Performance:
    """A take with its edit, worked out over the edited line.

    Attributes:
        times: `[T]`; raw, values: `[T, C]` before and after the layers; orbits: `[T, 8]`.
        source: `[T]` moments of the raw take, NaN in gaps.
    """

    times: np.ndarray
    raw: np.ndarray
    values: np.ndarray
    orbits: np.ndarray
    source: np.ndarray


def open_take(key: str, path: Path) -> OpenTake:
    """Reads a take for editing; may take a moment, so not on the GUI thread. Raises TakeError."""
    take = load_take(path, with_voice=False)
    voice = TakeVoice(path)
    n_bin = max(1, voice.rate_hz // PEAKS_HZ)
    peaks = [np.abs(_whole_bins(block, n_bin)).max(axis=1) for block in voice.blocks(n_bin * PEAKS_HZ) if len(block)]
    voice.close()
    return OpenTake(key, path, take, np.concatenate(peaks) if peaks else np.zeros(0, dtype=np.float32))


def worked_out(opened: OpenTake, edit: TakeEdit, regions: dict[str, np.ndarray] | None = None) -> Performance:
    """What the face and the camera do, `RATE_HZ` times a second, as recorded and as edited."""
    take, schema = opened.take, opened.take.schema
    times = np.arange(0, edit.seconds(opened.seconds) + 1 / RATE_HZ, 1 / RATE_HZ)
    source = source_times(edit.clips, times, opened.seconds)
    raw = np.tile(schema.rest().values, (len(times), 1))
    there = ~np.isnan(source)
    orbits = np.zeros((0, 8), dtype=np.float32)
    if len(take.times):
        raw[there] = rows_at(take.times, take.result, source[there])
        held = np.maximum.accumulate(np.where(there, np.arange(len(source)), 0))
        orbits = rows_at(take.times, take.camera, np.nan_to_num(source[held]))
    if len(edit.camera):
        orbits = np.stack([row_of_orbit(edit.camera.at(float(t))) for t in times])
    return Performance(times, raw, edit.apply(schema, times, raw, regions), orbits, source)


def write_track(path: Path, performance: Performance, with_camera: bool) -> None:
    """Writes what `app.workers.take_player.Track` reads. Raises OutputError."""
    orbits = performance.orbits if with_camera else performance.orbits[:0]
    arrays = {"rate_hz": np.array([RATE_HZ]), "values": performance.values.astype(np.float32),
              "orbits": np.ascontiguousarray(orbits, dtype=np.float32).reshape(-1, 8)}  # fmt: skip
    with atomic_file(path) as temporary:
        save_file(arrays, temporary)


def _whole_bins(block: np.ndarray, n: int) -> np.ndarray:
    return np.pad(block, (0, -len(block) % n)).reshape(-1, n)
