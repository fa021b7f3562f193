"""Compiles what the live line calls besides the rasterizer, by running it once with next to nothing in it."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.audio.encoders import make_encoder
from engine.bench_live import babble, random_avatar
from engine.errors import ModelMissingError
from engine.performer import Performer
from engine.progress import Progress
from engine.raster.cpu_render import CpuRasterizer
from engine.raster.warm_up import warm_up

STAGE = "Preparing the live line"
WORDS = "compiled once, at the first start"
SPLATS, SIZE, BLOCK_S = 64, 16, 0.5


def warm_everything(training: bool = False) -> Iterator[Progress]:
    """The rasterizer (and with `training` its gradients), then the live line."""
    yield from warm_up(training)
    yield from warm_live_line()


def warm_live_line() -> Iterator[Progress]:
    """Voice, head pose, colours, backgrounds and bytes; the first time takes some twenty seconds, later ones two."""
    yield Progress(STAGE, 0, 2, WORDS)
    voice = Block(babble(BLOCK_S), 0.0)
    with suppress(ModelMissingError):
        make_encoder({"name": "phones"}).push(voice)
    yield Progress(STAGE, 1, 2, WORDS)
    performer = Performer(random_avatar(SPLATS), CpuRasterizer(), is_live=True)
    performer.push(voice)
    camera = performer.avatar.manifest.orbit.camera(SIZE, SIZE)
    picture = np.zeros((SIZE, SIZE, 3), np.float32)
    for i, background in enumerate((None, picture[0, 0], picture)):
        performer.background = background
        performer.frame(BLOCK_S + i / SAMPLE_RATE_HZ, camera)
    yield Progress(STAGE, 2, 2)
