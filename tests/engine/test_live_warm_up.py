"""After the warm-up the live line compiles nothing."""

import numpy as np

from engine.audio.block import Block
from engine.audio.encoders import make_encoder
from engine.bench_live import babble, random_avatar
from engine.live_warm_up import warm_live_line
from engine.methods.embedtalk import live
from engine.parts import compositing, harmonics, head_pose, live_coder
from engine.performer import Performer
from engine.pixels import _round
from engine.raster.cpu_render import CpuRasterizer

LOOPS = (
    live._displaced, head_pose._move, harmonics._colors, compositing._straight, compositing._over_color,
    compositing._over_picture, live_coder._code, _round,
)  # fmt: skip


def test_a_performance_calls_nothing_that_is_not_compiled_by_then() -> None:
    steps = list(warm_live_line())
    assert [step.done for step in steps] == [0, 1, 2]
    before = [set(loop.signatures) for loop in LOOPS]
    assert all(before)
    performer = Performer(random_avatar(300), CpuRasterizer(), is_live=True)
    performer.push(Block(babble(0.4), 0.0))
    make_encoder({"name": "phones"}).push(Block(babble(0.4), 0.0))
    camera = performer.avatar.manifest.orbit.camera(24, 20)
    for i, background in enumerate((None, np.ones(3, np.float32), np.ones((20, 24, 3), np.float32))):
        performer.background = background
        performer.frame(0.4 + i / 60, camera, np.empty((20, 24, 4), np.uint8))
    assert [set(loop.signatures) for loop in LOOPS] == before
