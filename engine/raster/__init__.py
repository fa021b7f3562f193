"""Rasterizers: `reference` (obvious), `cpu` (numba), `cuda` (gsplat), `opengl`, behind one interface (`base`)."""

from collections.abc import Callable
from typing import Any

from engine.errors import BackendError


def rasterization_for(device: Any) -> Callable:
    """The differentiable `rasterization(...)` with gsplat's arguments for tensors on a device.

    Raises:
        BackendError: if the tensors are on CUDA and gsplat is not installed.
    """
    kind = getattr(device, "type", str(device).split(":")[0])
    if kind == "cpu":
        from engine.raster.cpu import rasterization

        return rasterization
    try:
        from gsplat import rasterization
    except ImportError as error:
        raise BackendError("gsplat is not installed; pip install 'mouthpiece[cuda]', or use the CPU.") from error
    return rasterization
