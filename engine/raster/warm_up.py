"""Compiles the CPU rasterizer before its first picture; from the second start on it is only read from the cache."""

from collections.abc import Iterator

from numba.core.sigutils import normalize_signature

from engine.progress import Progress
from engine.raster.kernels.signatures import DISPLAY, TRAINING

STAGE = "Preparing the CPU renderer"


def warm_up(training: bool = False) -> Iterator[Progress]:
    """Compiles, or loads from the cache, every loop that `CpuRasterizer` (and with `training` the gradients) calls.

    After it nothing is compiled at run time. The first time takes half a minute, with `training` a bit over a
    minute; later ones a second.
    """
    kernels = DISPLAY + TRAINING if training else DISPLAY
    for number, (kernel, signature) in enumerate(kernels):
        yield Progress(STAGE, number, len(kernels), "compiled once, at the first start")
        kernel.compile(normalize_signature(signature)[0])  # the cache is asked for types by a call, not for a string
    yield Progress(STAGE, len(kernels), len(kernels))
