"""What the small presets of GGTalker and Talk2Me save and lose against the sizes of their papers.

    python packaging/preset_sizes.py DATASET [--steps 600] [--work out/sizes] [METHOD ...]

Both sizes of a method see the same frames in the same order for as many steps, with the preset's rates; only networks,
Gaussians and sampling differ. The table has products of the networks in billions (GMAC) in a frame at 512, without the
sound's encoder and the rasterizer, milliseconds and frames a second, and figures of held-out frames. Fitting a head
model is part of the first training, unless the dataset has its fit. Every step is skipped when its result lies in
WORK.
"""

import argparse
import os
from dataclasses import fields
from pathlib import Path

import numpy as np
from results import Results
from torch.utils.flop_counter import FlopCounterMode

from engine.audio.block import SAMPLE_RATE_HZ, Block
from engine.avatar import load_avatar
from engine.bench_live import babble
from engine.methods import method_module
from engine.performer import Performer
from engine.raster import pick_rasterizer

SIZES = {
    "ggtalker": ("side", "beside", "cloth", "sparsest", "width", "n_layers", "n_heads", "n_hidden", "n_encoder_layers",
                 "n_positions", "history", "live_steps", "inpainter_base", "inpainter_shrink"),
    "talk2me": ("n_points", "n_mouth", "n_code", "width", "pose_width", "n_behind", "n_hidden", "n_sound_code",
                "n_factor", "n_fused"),
}  # fmt: skip
"""Settings of each method that say how large it is."""
ALONE = {"ggtalker": {"prior": "none", "visual_prior": "none"}, "talk2me": {}}
"""A prior brings sizes of its own: neither has one."""
MOTION_FRAMES, RATE_HZ = 50, 25


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("dataset", type=Path)
    options.add_argument("methods", nargs="*", default=list(SIZES))
    options.add_argument("--steps", type=int, default=600)
    options.add_argument("--work", type=Path, default=Path("out/sizes"))
    chosen = options.parse_args()
    work, dataset = chosen.work.resolve(), chosen.dataset.resolve()
    work.mkdir(parents=True, exist_ok=True)
    results = Results(work / "results.json")
    landmarker = Path(os.environ.get("MOUTHPIECE_SHARED", "../shared")) / "data/models/face_landmarker.task"
    for method in chosen.methods:
        config = method_module(method).Config()
        paper = {f.name: getattr(config, f.name) for f in fields(config) if f.name in SIZES[method]}
        for size, settings in (("cpu", {}), ("paper", paper)):
            avatar, name = work / f"{method}-{size}.avatar", f"{method} {size}"
            given = [option for pair in (settings | ALONE[method]).items()
                     for option in ("--set", f"{pair[0]}={pair[1]}")]  # fmt: skip
            results.run(f"{name} train", avatar, "train", dataset, "--method", method, "--preset", "cpu",
                        "--iterations", chosen.steps, *given, "-o", avatar)  # fmt: skip
            results.run(f"{name} evaluate", None, "evaluate", avatar, dataset, "--face-landmarker", landmarker)
            results.run(f"{name} bench", None, "bench", "live", avatar, "--backend", "cpu", "--seconds", "5")
            if f"{name} products" not in results.rows:
                results.keep(f"{name} products", {"gmac": products(avatar) / 1e9})
    print(table(results.rows))


def products(path: Path) -> float:
    """Multiply-adds of the networks in one frame at 512: a mean over two seconds of speech, 25 frames each."""
    avatar = load_avatar(path)
    performer = Performer(avatar, pick_rasterizer("cpu"))
    camera = avatar.manifest.orbit.camera(512, 512)
    voice, step = babble(MOTION_FRAMES / RATE_HZ + 1), SAMPLE_RATE_HZ // RATE_HZ
    blocks = [Block(voice[i * step : (i + 1) * step], i / RATE_HZ) for i in range(MOTION_FRAMES)]
    with FlopCounterMode(display=False) as whole:
        for block in blocks:
            performer.push(block)
            performer.frame(block.end, camera)
    with FlopCounterMode(display=False) as hearing:
        for encoder in avatar.encoders():
            for block in blocks:
                encoder.push(block)
    return (whole.get_total_flops() - hearing.get_total_flops()) / 2 / MOTION_FRAMES


def table(rows: dict) -> str:
    """A Markdown table, a row for each size of each method."""
    lines = ["| sizes | GMAC | deform, ms | frames/s | PSNR, head | SSIM | LMD, px | mouth r | training, s a step |",
             "|---" * 9 + "|"]  # fmt: skip
    for name in (f"{method} {size}" for method in SIZES for size in ("cpu", "paper")):
        if f"{name} products" not in rows:
            continue
        held, bench = rows[f"{name} evaluate"]["held_out"], rows[f"{name} bench"]
        seconds = rows[f"{name} train"]["seconds"] / max(rows[f"{name} train"].get("iterations", np.nan), 1)
        lines.append(
            f"| {name} | {rows[f'{name} products']['gmac']:.2f} | {bench['deform']:.1f} | {bench['fps']:.1f} | "
            f"{held['psnr_head']:.2f} | {held['ssim']:.3f} | {held['lmd_px']:.2f} | {held['mouth_correlation']:.2f} | "
            f"{seconds:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
