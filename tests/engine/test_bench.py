"""The rasterizer benchmark: what its rows hold, not how fast this machine is."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from engine import bench
from engine.avatar import load_avatar
from engine.errors import BackendError
from engine.raster.bench_scene import bench_camera, bench_gaussians, calibrate

NOA = Path(__file__).parents[2] / "assets" / "avatars" / "Noa.avatar"


def test_every_size_and_count_gets_a_row_that_agrees_with_the_reference() -> None:
    rows = bench.bench_raster(sizes=(32, 48), counts=(50, 200), backends=["cpu", "cpu"], repeats=3)
    assert [(row["size"], row["gaussians"]) for row in rows[::2]] == [(32, 50), (32, 200), (48, 50), (48, 200)]
    for row in rows:
        assert row["psnr_exact"] > 45 and row["error_exact"] < 1 and 0 < row["least_ms"] <= row["frame_ms"]
        assert row["frame_ms"] >= max(row[stage] for stage in ("sort", "bin")) and row["fps"] > 0
    assert all(row["psnr_first"] is None for row in rows[::2]) and all(row["psnr_first"] > 99 for row in rows[1::2])


@pytest.mark.parametrize("backend, decibels", [("cpu", 45), ("opengl", 40)])
def test_a_trained_avatar_looks_as_the_reference_says(backend: str, decibels: float) -> None:
    avatar = load_avatar(NOA)
    try:
        (row,) = bench.bench_avatar(avatar, backends=[backend], repeats=1)
    except BackendError as error:
        pytest.skip(str(error))
    assert row["gaussians"] > 10_000 and row["psnr_exact"] > decibels and row["error_exact"] < 1


def test_training_is_timed_forward_and_backward() -> None:
    (row,) = bench.bench_training(counts=(100,), size=32, repeats=3)
    assert row["forward_ms"] > 0 and row["backward_ms"] > 0
    assert row["least_ms"] <= row["both_ms"] + 1e-9


def test_a_backend_that_cannot_run_is_named() -> None:
    with pytest.raises(BackendError, match="vulkan"):
        bench.bench_raster(backends=["vulkan"])


def test_rows_are_printed_as_a_table() -> None:
    out = io.StringIO()
    bench.print_rows([{"backend": "cpu", "gaussians": 30000, "frame_ms": 9.876, "psnr_first": None}], "Speed",
                     Console(file=out, width=100))  # fmt: skip
    assert "30,000" in out.getvalue() and "9.88" in out.getvalue() and "None" not in out.getvalue()


def test_the_machine_is_described() -> None:
    facts = bench.machine()
    assert facts["calibration_ms"] > 0 and facts["threads"] >= 1


def test_the_bench_scene_is_always_the_same_shell() -> None:
    layer = bench_gaussians(1000)
    radii = np.linalg.norm(layer.means.numpy() / np.array([0.75, 1.0, 0.9]), axis=1)
    assert abs(radii.mean() - 1) < 0.01 and radii.std() < 0.03
    assert bench_gaussians(1000).means.equal(layer.means)
    assert bench_camera(256).k[0, 0] == 384 and calibrate(1) > 0
