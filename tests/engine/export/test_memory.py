"""An export of half an hour holds no more memory at its end than soon after it began."""

import numpy as np
import psutil
import pytest
import soundfile

from engine.export import render
from engine.export.order import make_order
from tests.fakes import avatar as fake

MINUTES, FPS = 30, 25
GROWTH_MB = 8.0


@pytest.mark.long
def test_memory_is_flat_over_a_half_hour_export(tmp_path, monkeypatch):
    monkeypatch.setattr(render, "load_avatar", fake.load)
    avatar = fake.save(tmp_path / "a.avatar")
    piece = np.random.default_rng(0).normal(0, 0.1, 16_000 * 60).astype(np.float32)
    with soundfile.SoundFile(tmp_path / "v.wav", "w", 16_000, 1) as file:
        for _ in range(MINUTES):
            file.write(piece)
    order = make_order(avatar=avatar, voice=tmp_path / "v.wav", output=tmp_path / "clip.mp4", width=64, height=64,
                       fps=FPS, backend="cpu", is_signed=False)  # fmt: skip
    process, minutes = psutil.Process(), []
    for step in render.render_clip(order):
        if step.stage == "Rendering" and step.done % (60 * FPS) == 0:
            minutes.append(process.memory_info().rss / 1e6)
            print(f"minute {len(minutes)}: {minutes[-1]:.1f} MB", flush=True)
    assert step.values["frames"] == MINUTES * 60 * FPS
    quarter = len(minutes) // 4
    assert np.median(minutes[-quarter:]) - np.median(minutes[quarter : 2 * quarter]) < GROWTH_MB
