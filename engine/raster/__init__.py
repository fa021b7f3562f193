"""Rasterizers: `reference` (obvious), `cpu` (numba), `cuda` (gsplat), `opengl`, behind one interface (`base`)."""

from collections.abc import Callable
from typing import Any

from engine.raster.base import Rasterizer


def rasterization_for(device: Any) -> Callable:
    """The differentiable `rasterization(...)` with gsplat's arguments for tensors on a device.

    On CUDA it is gsplat's, checked when it is first called.
    """
    kind = getattr(device, "type", str(device).split(":")[0])
    if kind == "cpu":
        from engine.raster.cpu import rasterization
    else:
        from engine.raster.cuda import rasterization
    return rasterization


def pick_rasterizer(name: str | None = None) -> Rasterizer:
    """The rasterizer of this name; with None or `auto` the fastest that runs here, by measuring.

    Raises:
        BackendError: if the one asked for cannot run here; see `engine.raster.pick`.
    """
    from engine.raster import pick

    return pick.pick_rasterizer(name)


def device_of(rasterizer: Rasterizer) -> Any:
    """Where an avatar should be for a rasterizer to draw it without moving anything."""
    return getattr(rasterizer, "device", "cpu")
