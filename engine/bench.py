"""How fast the rasterizers run on this machine, and how far their pictures are from each other and from exact."""

import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from engine.camera import Camera
from engine.errors import BackendError
from engine.gaussians import Gaussians
from engine.methods.base import Avatar
from engine.raster import device_of, rasterization_for, reference
from engine.raster.base import Rasterizer, Rendered
from engine.raster.bench_scene import bench_camera, bench_gaussians, calibrate
from engine.raster.pick import BACKENDS, make_rasterizer

COUNTS = (10_000, 30_000, 50_000, 100_000, 300_000)
SIZES = (256, 512, 1024)
STAGES = ("project", "sort", "bin", "raster", "copy")
EXACT_PIXELS = 512
EXACT_PIXELS_OF_AVATAR = 4096
EXACT_PRODUCTS = 2**22
TURN_DEG = 15.0
LEAST_WIDTH = 150
"""Columns of text that the widest table needs; a narrower terminal breaks its lines, which keeps every figure whole."""
SLOW_FRAME_S = 0.25
"""Frames slower than this are repeated five times only."""

Row = dict[str, Any]


def bench_raster(
    sizes: Sequence[int] = SIZES,
    counts: Sequence[int] = COUNTS,
    backends: Sequence[str] | None = None,
    repeats: int = 30,
    is_exact: bool = True,
) -> list[Row]:
    """Renders the bench scene at every size and count with every backend; see `raster_rows`."""
    return list(raster_rows(sizes, counts, backends, repeats, is_exact))


def raster_rows(
    sizes: Sequence[int] = SIZES,
    counts: Sequence[int] = COUNTS,
    backends: Sequence[str] | None = None,
    repeats: int = 30,
    is_exact: bool = True,
) -> Iterator[Row]:
    """One row after the other, each as soon as it is measured.

    Args:
        backends: None takes those that run here.
        repeats: frames timed, after two that are not.
        is_exact: also compares with the reference at `EXACT_PIXELS` random pixels (seconds for the largest scenes).

    Yields:
        `backend`, `gaussians`, `size`, milliseconds of each stage (medians), `frame_ms` (median) and `least_ms`,
        `busy_ms` (processor time of all threads, which a busy machine disturbs less: by the threads it is the frame
        of an idle one), `fps` (of the median), `psnr_exact` and `psnr_first`: decibels to the reference and to the
        first backend, and `error_exact`: mean absolute difference to the reference in steps of 1/255.

    Raises:
        BackendError: if a backend asked for cannot run here.
    """
    rasterizers = _rasterizers(backends)
    for size in sizes:
        for count in counts:
            n_pixels = EXACT_PIXELS if is_exact else 0
            yield from _scene_rows([bench_gaussians(count)], bench_camera(size), rasterizers, repeats, n_pixels)


def bench_avatar(
    avatar: Avatar,
    sizes: Sequence[int] = (512,),
    backends: Sequence[str] | None = None,
    repeats: int = 30,
    n_pixels: int = EXACT_PIXELS_OF_AVATAR,
) -> list[Row]:
    """The same rows for a trained avatar at rest, seen a little from the side, beside the reference.

    Args:
        n_pixels: random pixels at which the reference is evaluated; the dense picture would not fit memory.
    """
    rows, rasterizers = [], _rasterizers(backends)
    for size in sizes:
        orbit = avatar.manifest.orbit
        camera = replace(orbit, azimuth_deg=orbit.azimuth_deg + TURN_DEG).camera(size, size)
        layers = avatar.deform(avatar.animate(avatar.schema.rest()), camera)
        rows += _scene_rows(layers, camera, rasterizers, repeats, n_pixels)
    return rows


def _scene_rows(
    layers: list[Gaussians], camera: Camera, rasterizers: Sequence[Rasterizer], repeats: int, n_pixels: int
) -> Iterator[Row]:
    exact = _exact(layers, camera, n_pixels) if n_pixels else None
    first: Rendered | None = None
    for rasterizer in rasterizers:
        own = [layer.to(device_of(rasterizer)) for layer in layers]
        rendered, frames, busy, stages = _timed(rasterizer, own, camera, repeats)
        frame = float(np.median(frames))
        row: Row = {"backend": rasterizer.name, "gaussians": sum(map(len, layers)), "size": camera.width}
        row |= {name: float(np.median([stage.get(name, 0.0) for stage in stages])) for name in STAGES}
        row |= {"frame_ms": frame * 1e3, "least_ms": min(frames) * 1e3}
        row |= {"busy_ms": float(np.median(busy)) * 1e3, "fps": 1 / frame}
        row["psnr_exact"] = _psnr_at(rendered, *exact) if exact else None
        row["psnr_first"] = _psnr(rendered.color, first.color) if first else None
        row["error_exact"] = _error_at(rendered, *exact) if exact else None
        first = first or rendered
        yield row


def bench_training(
    counts: Sequence[int] = (30_000,), size: int = 512, repeats: int = 15, device: str = "cpu"
) -> list[Row]:
    """Milliseconds of the differentiable rasterizer, forward and backward, medians and least."""
    rasterize = rasterization_for(torch.device(device))
    camera, rows = bench_camera(size), []
    viewmats = torch.from_numpy(camera.viewmat)[None].float().to(device)
    ks = torch.from_numpy(camera.k)[None].float().to(device)
    for count in counts:
        layer = bench_gaussians(count).to(device)
        inputs = [layer.means, layer.quats, layer.scales, layer.opacities, layer.colors]
        inputs = [t.requires_grad_() for t in inputs]
        times = []
        for _ in range(repeats + 2):
            start = _now(device)
            colors, alphas, _ = rasterize(*inputs, viewmats, ks, size, size)
            between = _now(device)
            torch.autograd.backward([colors, alphas], [torch.ones_like(colors), torch.ones_like(alphas)])
            times.append((between - start, _now(device) - between))
        forward, backward = np.array(times[2:]).T * 1e3
        rows.append(
            {
                "gaussians": count, "size": size,
                "forward_ms": float(np.median(forward)), "backward_ms": float(np.median(backward)),
                "both_ms": float(np.median(forward + backward)), "least_ms": float((forward + backward).min()),
            }
        )  # fmt: skip
    return rows


def machine() -> Row:
    """What the figures were measured on: to print beside them."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": numba.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "calibration_ms": calibrate() * 1e3,
        "load": load,
    }


def print_rows(rows: Sequence[Row], title: str, console: Console | None = None) -> None:
    """Any rows of figures as a table; numbers to two places, what is None left empty."""
    table = Table(title=title)
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    (console or Console(width=max(Console().width, LEAST_WIDTH))).print(table)


def _rasterizers(names: Sequence[str] | None) -> list[Rasterizer]:
    if names:
        return [make_rasterizer(name) for name in names]
    found = []
    for name in sorted(BACKENDS, key=lambda name: name != "cpu"):  # the CPU first: the others are compared with it
        try:
            found.append(make_rasterizer(name))
        except BackendError:
            continue
    return found


def _timed(
    rasterizer: Rasterizer, layers: list[Gaussians], camera: Camera, repeats: int
) -> tuple[Rendered, list[float], list[float], list[dict[str, float]]]:
    """The last picture, and of each frame but the first two: seconds, processor seconds, milliseconds by stage."""
    frames, busy, stages = [], [], []
    while len(frames) < repeats + 2 and not (len(frames) >= 7 and np.median(frames) > SLOW_FRAME_S):
        start, busy_start = time.perf_counter(), time.process_time()
        rendered = rasterizer.render(layers, camera)
        frames.append(time.perf_counter() - start)
        busy.append(time.process_time() - busy_start)
        stages.append(rendered.times_ms)
    return rendered, frames[2:], busy[2:], stages[2:]


def _exact(layers: list[Gaussians], camera: Camera, n_pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels `[P, 2]` and the reference's colours there `[P, D]`, layers laid over one another from the back."""
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, camera.width, (n_pixels, 2), generator=rng)
    total = None
    for layer in layers:
        colors, alphas, _ = reference.rasterization(
            layer.means, layer.quats, layer.scales, layer.opacities, layer.colors,
            torch.from_numpy(camera.viewmat)[None], torch.from_numpy(camera.k)[None], camera.width, camera.height,
            sh_degree=layer.sh_degree, pixels=pixels, products_at_once=EXACT_PRODUCTS,
        )  # fmt: skip
        total = colors[0] if total is None else colors[0] + (1 - alphas[0]) * total
    return pixels.numpy(), total.numpy()


def _psnr_at(rendered: Rendered, pixels: np.ndarray, colors: np.ndarray) -> float:
    return _psnr(rendered.color[pixels[:, 1], pixels[:, 0]], colors)


def _error_at(rendered: Rendered, pixels: np.ndarray, colors: np.ndarray) -> float:
    return float(np.abs(rendered.color[pixels[:, 1], pixels[:, 0]] - colors).mean()) * 255


def _psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(-10 * np.log10(max(float(np.mean((first - second) ** 2)), 1e-12)))


def _now(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
