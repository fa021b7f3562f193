"""How fast a clip is exported on this machine, from voice to finished file, and how memory behaves meanwhile."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import soundfile

from engine.audio.block import SAMPLE_RATE_HZ
from engine.avatar import load_avatar
from engine.bench_live import babble, random_avatar
from engine.export.formats import format_of
from engine.export.order import Order, make_order
from engine.export.render import render_clip
from engine.methods.base import Avatar
from engine.progress import Progress
from engine.raster import device_of, pick_rasterizer

WARM_UP_SECONDS = 1.0
VOICE_PIECE_SECONDS = 20.0
"""Babble is made and written in pieces, so that an hour of it takes no memory."""


def bench_export(
    avatar: Path | None = None, *, size: int = 512, seconds: float = 8.0, fps: float = 25.0, kind: str = "mp4",
    backend: str = "auto", supersample: int = 1,
) -> Iterator[Progress]:  # fmt: skip
    """Exports a babbling clip twice, a short one to warm up; a message tells the memory after each minute of clip.

    Args:
        avatar: a file; None makes one of 30,000 splats that nobody trained.

    Yields:
        The steps of the export, the last with `fps` of the whole export, `times_real_time` (1 is as long as the clip
        lasts), `speak_ms` and `draw_ms` (drive, and drawing with encoding beside it, a frame, medians), `processor_ms`
        (of all threads, a frame, of the whole export), `file_mb`, `memory_mb` at the end, `growth_mb` (the last quarter
        of the frames against the second, medians) and `memory_by_minute_mb`.
    """
    rasterizer = pick_rasterizer(backend)
    device = device_of(rasterizer)
    rasterizer.close()
    subject = load_avatar(avatar, device) if avatar else random_avatar(device=device)
    with tempfile.TemporaryDirectory() as folder:
        voice = Path(folder) / "voice.wav"
        _write_babble(voice, seconds)
        fields = {"avatar": avatar or Path("made.avatar"), "voice": voice, "width": size, "height": size, "fps": fps,
                  "kind": kind, "backend": backend, "supersample": supersample}  # fmt: skip
        suffix = format_of(kind).suffix
        for _ in render_clip(make_order(output=Path(folder) / f"warm{suffix}", end=WARM_UP_SECONDS, **fields), subject):
            pass
        yield from _timed(make_order(output=Path(folder) / f"clip{suffix}", **fields), subject)


def _write_babble(path: Path, seconds: float) -> None:
    with soundfile.SoundFile(path, "w", SAMPLE_RATE_HZ, 1) as file:
        piece = babble(min(seconds, VOICE_PIECE_SECONDS))
        left = round(seconds * SAMPLE_RATE_HZ)
        while left > 0:
            file.write(np.clip(piece[:left], -1, 1))
            left -= len(piece)


def _timed(order: Order, subject: Avatar) -> Iterator[Progress]:
    process, began, processor = psutil.Process(), time.perf_counter(), time.process_time()
    stages: dict[str, list[float]] = {}
    memory: list[float] = []
    minutes: list[float] = []
    before = began
    last = None
    for last in render_clip(order, subject):
        now = time.perf_counter()
        stages.setdefault(last.stage, []).append(now - before)
        message = ""
        if last.stage == "Rendering":
            if last.done % 25 == 0:
                memory.append(process.memory_info().rss / 1e6)
            if last.done % round(60 * order.fps) == 0:
                minutes.append(process.memory_info().rss / 1e6)
                message = f"minute {len(minutes)}: {minutes[-1]:.1f} MB"
        if last.stage != "Done":
            yield replace(last, message=message or last.message)
        before = time.perf_counter()
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    n = last.values["frames"]
    quarter = max(1, len(memory) // 4)
    path = order.output
    size = path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.iterdir())
    figures = {
        "format": order.format.detail, "frames": n, "fps": n / seconds, "times_real_time": n / seconds / order.fps,
        "speak_ms": 1e3 * float(np.median(stages["Speaking"])), "draw_ms": 1e3 * float(np.median(stages["Rendering"])),
        "processor_ms": 1e3 * processor / n, "file_mb": size / 1e6,
        "memory_mb": float(np.median(memory[-quarter:] or [0.0])),
        "growth_mb": float(np.median(memory[-quarter:] or [0.0]) - np.median(memory[quarter : 2 * quarter] or [0.0])),
        "memory_by_minute_mb": minutes,
    }  # fmt: skip
    yield Progress("Done", 1, 1, values=figures)
