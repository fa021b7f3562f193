"""Which rasterizer this machine should use: asked for by name, or the one that measures fastest."""

import time

from engine.camera import Camera
from engine.errors import BackendError
from engine.gaussians import Gaussians
from engine.raster.base import Rasterizer
from engine.raster.bench_scene import bench_camera, bench_gaussians
from engine.raster.cpu_render import CpuRasterizer

BACKENDS = ("cuda", "opengl", "cpu")
TRIAL_GAUSSIANS, TRIAL_SIZE, TRIAL_FRAMES = 20_000, 512, 5


def make_rasterizer(name: str) -> Rasterizer:
    """The rasterizer of this name, made on the calling thread, which must be the one that uses it.

    Raises:
        BackendError: if it cannot run here or there is none of that name.
    """
    if name == "cuda":
        from engine.raster.cuda import CudaRasterizer  # gsplat and CUDA only when asked for

        return CudaRasterizer()
    if name == "opengl":
        from engine.raster.opengl import OpenGLRasterizer

        return OpenGLRasterizer()
    if name == "cpu":
        return CpuRasterizer()
    raise BackendError(f"{name}: no such rasterizer; use {', '.join(BACKENDS)} or auto.")


def pick_rasterizer(name: str | None = None) -> Rasterizer:
    """The rasterizer asked for; with None or `auto` the fastest here of cuda, opengl and cpu.

    A GPU backend is only taken where it measured faster than `cpu`; software OpenGL is not tried. Without any usable
    GPU nothing is measured.

    Raises:
        BackendError: if the one asked for cannot run here.
    """
    if name not in (None, "auto"):
        return make_rasterizer(name)
    candidates = available_rasterizers()
    if len(candidates) == 1:
        return candidates[0]
    fastest = min(candidates, key=frame_seconds)
    for other in candidates:
        if other is not fastest:
            other.close()
    return fastest


def available_rasterizers() -> list[Rasterizer]:
    """Those worth measuring here, `cpu` always among them."""
    found: list[Rasterizer] = []
    for name in BACKENDS:
        try:
            rasterizer = make_rasterizer(name)
        except BackendError:
            continue
        if getattr(rasterizer, "is_software", False):
            rasterizer.close()
        else:
            found.append(rasterizer)
    return found


def frame_seconds(
    rasterizer: Rasterizer, layer: Gaussians | None = None, camera: Camera | None = None, frames: int = TRIAL_FRAMES
) -> float:
    """The shortest of a few frames, after two to get going (one may compile)."""
    layer = bench_gaussians(TRIAL_GAUSSIANS) if layer is None else layer
    camera = bench_camera(TRIAL_SIZE) if camera is None else camera
    best = float("inf")
    for frame in range(frames + 2):
        start = time.perf_counter()
        rasterizer.render([layer], camera)
        if frame >= 2:
            best = min(best, time.perf_counter() - start)
    return best
