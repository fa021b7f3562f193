"""The live bench: an avatar nobody trained runs the whole line, and every stage is told."""

import numpy as np
import pytest

from engine.bench_live import babble, bench_live, random_avatar
from tests.fakes.avatar import FakeAvatar
from tests.fakes.rasterizer import DotRasterizer


def test_the_bench_tells_every_stage_and_they_add_up():
    result = bench_live(FakeAvatar(), DotRasterizer(), seconds=0.5, size=32)
    assert {"sound", "drive", "deform", "raster", "present", "overhead", "frame", "frame_p95", "fps"} <= set(result)
    assert result["frame"] >= result["raster"] and result["frame_p95"] >= result["frame"] and result["fps"] > 0


def test_an_untrained_avatar_of_real_sizes_runs_the_line():
    avatar = random_avatar(n_gaussians=400, active_share=0.5)
    assert len(avatar.schema.indices("lip")) == 32 and len(avatar.active) == 200
    assert bench_live(avatar, DotRasterizer(), seconds=0.1, size=32)["fps"] > 0


def test_the_babble_is_voice_like_and_pauses():
    voice = babble(6.0)
    loudness = np.sqrt((voice[: 96_000 - 96_000 % 320].reshape(-1, 320) ** 2).mean(axis=1))
    assert loudness.max() > 0.05 and (loudness < 0.005).mean() > 0.2 and np.abs(voice).max() <= 1.0
    assert np.array_equal(voice, babble(6.0)) and voice.dtype == np.float32
    assert len(babble(1.5)) == pytest.approx(24_000)
