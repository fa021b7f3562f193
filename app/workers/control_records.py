"""What the face did, row by row, from the performer to the recorder: one ring for each avatar that was on stage."""

from pathlib import Path

import numpy as np

from engine.audio.record_ring import CONTROLS_RING, RecordRing
from engine.camera import Orbit
from engine.controls import ControlSchema
from engine.errors import AudioError
from engine.journal import row_width
from engine.take import row_of_orbit

SECONDS, RATE_HZ = 60, 70
"""How much a ring holds, and at how many rows a second."""


def records_path(folder: Path, avatar_number: int) -> Path:
    """The ring of one avatar; another avatar has other controls and so a ring of its own."""
    return Path(folder) / f"{CONTROLS_RING}.{avatar_number}"


class ControlRecords:
    """The writing end. A restarted performer goes on in the same ring."""

    def __init__(self, folder: Path, avatar_number: int, schema: ControlSchema) -> None:
        self._n = len(schema)
        path, width = records_path(folder, avatar_number), row_width(self._n)
        self._ring = _attached(path, width) or RecordRing.create(path, width, SECONDS * RATE_HZ)
        self._row = np.zeros(width)

    def append(self, time: float, driven: np.ndarray, user: np.ndarray, result: np.ndarray, orbit: Orbit) -> None:
        """Adds the moment whose motion stands for the sound of `time` (perf_counter seconds)."""
        n, row = self._n, self._row
        row[0] = time
        row[1 : 1 + n] = driven
        row[1 + n : 1 + 2 * n] = user
        row[1 + 2 * n : 1 + 3 * n] = result
        row[1 + 3 * n :] = row_of_orbit(orbit)
        self._ring.append(row)


def _attached(path: Path, width: int) -> RecordRing | None:
    try:
        ring = RecordRing.attach(path)
    except AudioError:
        return None
    return ring if ring.n_fields == width else None
