"""How fast a clip is exported on this machine, from voice to finished file, and how memory behaves meanwhile."""

import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import soundfile

from engine.audio.block import SAMPLE_RATE_HZ
from engine.avatar import load_avatar
from engine.bench_live import babble, random_avatar
from engine.export.formats import format_of
from engine.export.order import make_order
from engine.export.render import render_clip

WARM_UP_SECONDS = 1.0


def bench_export(
    avatar: Path | None = None, *, size: int = 512, seconds: float = 8.0, fps: float = 25.0, kind: str = "mp4",
    backend: str = "auto", supersample: int = 1,
) -> dict[str, float | str]:  # fmt: skip
    """Exports a babbling clip twice, a short one to warm up.

    Args:
        avatar: a file; None makes one of 30,000 splats that nobody trained.

    Returns:
        `fps` of the whole export, `times_real_time` (1 is as long as the clip lasts), `speak_ms` and `draw_ms` (drive,
        and drawing and encoding, a frame), `file_mb`, `memory_mb` at the end and `growth_mb` over the second half.
    """
    subject = load_avatar(avatar) if avatar else random_avatar()
    with tempfile.TemporaryDirectory() as folder:
        voice = Path(folder) / "voice.wav"
        soundfile.write(voice, np.clip(babble(seconds), -1, 1), SAMPLE_RATE_HZ)
        fields = {"avatar": avatar or Path("made.avatar"), "voice": voice, "width": size, "height": size, "fps": fps,
                  "kind": kind, "backend": backend, "supersample": supersample}  # fmt: skip
        suffix = format_of(kind).suffix
        for _ in render_clip(make_order(output=Path(folder) / f"warm{suffix}", end=WARM_UP_SECONDS, **fields), subject):
            pass
        order = make_order(output=Path(folder) / f"clip{suffix}", **fields)
        return _timed(order, subject)


def _timed(order, subject) -> dict[str, float | str]:
    process, began = psutil.Process(), time.perf_counter()
    stages: dict[str, list[float]] = {}
    memory: list[float] = []
    before = began
    last = None
    for last in render_clip(order, subject):
        now = time.perf_counter()
        stages.setdefault(last.stage, []).append(now - before)
        if last.stage == "Rendering" and last.done % 25 == 0:
            memory.append(process.memory_info().rss / 1e6)
        before = now
    seconds = time.perf_counter() - began
    n = last.values["frames"]
    half = memory[len(memory) // 2 :] or [0.0]
    path = order.output
    size = path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.iterdir())
    return {
        "format": order.format.detail, "frames": n, "fps": n / seconds, "times_real_time": n / seconds / order.fps,
        "speak_ms": 1e3 * float(np.median(stages["Speaking"])), "draw_ms": 1e3 * float(np.median(stages["Rendering"])),
        "file_mb": size / 1e6, "memory_mb": half[-1], "growth_mb": half[-1] - half[0],
    }  # fmt: skip
