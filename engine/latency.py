"""Where the time from a sample to a picture goes: stages of each frame, and their p50 and p95 over the last seconds."""

import time
from contextlib import contextmanager

import numpy as np

STAGES = ("capture", "look_ahead", "features", "drive", "deform", "raster", "present")
"""In the order sound passes them: the first three are waiting for sound, the others are work on the frame."""


class LatencyLog:
    """The newest `n_frames` frames' stages in milliseconds."""

    def __init__(self, n_frames: int = 240) -> None:
        self._rows = np.zeros((n_frames, len(STAGES)), dtype=np.float32)
        self._n = 0

    def __len__(self) -> int:
        return min(self._n, len(self._rows))

    def add(self, stages_ms: dict[str, float]) -> None:
        self._rows[self._n % len(self._rows)] = [stages_ms.get(stage, 0.0) for stage in STAGES]
        self._n += 1

    def clear(self) -> None:
        self._n = 0

    def percentiles(self) -> tuple[dict[str, float], dict[str, float], float, float]:
        """p50 and p95 by stage, then p50 and p95 of the frames' totals; zeros when empty."""
        rows = self._rows[: len(self)]
        if not len(rows):
            nothing = dict.fromkeys(STAGES, 0.0)
            return nothing, dict(nothing), 0.0, 0.0
        p50, p95 = np.percentile(rows, (50, 95), axis=0)
        total = np.percentile(rows.sum(axis=1), (50, 95))
        return (
            dict(zip(STAGES, p50.tolist(), strict=True)),
            dict(zip(STAGES, p95.tolist(), strict=True)),
            float(total[0]),
            float(total[1]),
        )


class StageClock:
    """Milliseconds spent in named stages: `with clock("raster"): ...`."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str):
        start = time.perf_counter()
        yield
        self.ms[stage] = self.ms.get(stage, 0.0) + (time.perf_counter() - start) * 1e3
