"""Trains DGTalker's house prior: films people of the population in the studio, then the generator over all of them.

    python packaging/dgtalker_prior.py [--people 300] [--hours 6] [--work out/dgtalker_prior]

Both parts go on where they stopped: people that are filmed are not filmed again, and the training keeps a checkpoint.
The length of the run (`--hours`, over all calls) sets its schedule. The maps do not depend on how many Gaussians are
read from them: a run may end with more than it began with (`--splats-grid 256`), as GGHead's did. At the end, and with
`--export` at once, the prior is written to assets/priors/dgtalker.safetensors.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from engine.methods.dgtalker.config import HOUSE
from engine.methods.dgtalker.house_prior import (
    HousePriorTraining,
    Population,
    film_person,
    house_template,
    standing_for,
)
from engine.methods.dgtalker.prior import save_prior
from engine.parts.stylegan import SynthesisSize
from engine.paths import atomic_file
from engine.training.memory import keep_freed_memory

FIRST_SEED = 1000  # the people of the default avatars and of the tests are others
SAVE_EVERY_S = 120.0
REPORT_EVERY = 200


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--people", type=int, default=300)
    options.add_argument("--moments", type=int, default=12, help="expressions of each")
    options.add_argument("--views", type=int, default=2, help="cameras of each expression")
    options.add_argument("--size", type=int, default=192, help="side of the pictures in pixels")
    options.add_argument("--grid", type=int, default=176, help="samples along a side of the maps")
    options.add_argument("--splats-grid", type=int, help="the same for the Gaussians (default: --grid)")
    options.add_argument("--resolution", type=int, default=128, help="side of the maps")
    options.add_argument("--channel-base", type=int, default=3072)
    options.add_argument("--channel-max", type=int, default=192)
    options.add_argument("--hours", type=float, default=6.0)
    options.add_argument("--processes", type=int, default=2, help="that film")
    options.add_argument("--work", type=Path, default=Path("out/dgtalker_prior"))
    options.add_argument("--out", type=Path, default=HOUSE)
    options.add_argument("--export", action="store_true", help="write the prior as it stands and stop")
    chosen = options.parse_args()
    keep_freed_memory()
    chosen.work.mkdir(parents=True, exist_ok=True)
    filmed_points = house_template(chosen.grid)
    files = filmed(chosen, filmed_points)
    house = house_template(chosen.splats_grid or chosen.grid)
    rows = standing_for(house, filmed_points) if len(house.template) != len(filmed_points.template) else None
    decoded_maps = 13  # position, scale, rotation, plain colour, opacity
    size = SynthesisSize(chosen.resolution, decoded_maps, channel_base=chosen.channel_base,
                         channel_max=chosen.channel_max)  # fmt: skip
    training = HousePriorTraining(Population(files, rows), house, size)
    checkpoint, clock = chosen.work / "checkpoint.safetensors", chosen.work / "seconds.txt"
    if checkpoint.is_file():
        training.restore(checkpoint)
        print(f"goes on from step {training.iteration}", flush=True)
    if not chosen.export:
        train(training, chosen, checkpoint, clock)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    save_prior(chosen.out, training.prior())
    print(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.1f} MB, {len(house.template):,} Gaussians", flush=True)


def filmed(chosen: argparse.Namespace, house) -> list[Path]:
    """The films of all people, made where they are missing."""
    folder = chosen.work / f"people-{chosen.grid}-{chosen.size}-{chosen.moments}x{chosen.views}"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{FIRST_SEED + i}.safetensors" for i in range(chosen.people)]
    missing = [file for file in files if not file.is_file()]
    film = partial(_film, house=house, moments=chosen.moments, views=chosen.views, size=chosen.size)
    started = time.monotonic()
    with ProcessPoolExecutor(chosen.processes, get_context("spawn")) as pool:
        for done, _ in enumerate(pool.map(film, missing), 1):
            each = (time.monotonic() - started) / done
            print(f"filmed {done} of {len(missing)}, {each * (len(missing) - done) / 60:.0f} min to go", flush=True)
    return files


def train(training: HousePriorTraining, chosen: argparse.Namespace, checkpoint: Path, clock: Path) -> None:
    """Steps until the hours are over; checkpoint, preview and figures every two minutes."""
    seconds = float(clock.read_text()) if clock.is_file() else 0.0
    whole = chosen.hours * 3600
    last = saved = time.monotonic()
    sums: dict[str, float] = {}
    count = 0
    while seconds < whole:
        for name, value in training.step(seconds / whole).items():
            sums[name] = sums.get(name, 0.0) + value
        count += 1
        now = time.monotonic()
        seconds, last = seconds + now - last, now
        is_over = seconds >= whole
        if now - saved > SAVE_EVERY_S or is_over:
            training.save(checkpoint)
            with atomic_file(clock) as temporary:
                temporary.write_text(f"{seconds:.1f}")
            with atomic_file(chosen.work / "preview.png") as temporary:
                Image.fromarray(training.preview()).save(temporary, "PNG")
            saved = time.monotonic()
        if count >= REPORT_EVERY or is_over:
            means = ", ".join(f"{name} {value / count:.4f}" for name, value in sums.items())
            print(f"step {training.iteration}, {seconds / 3600:.2f} of {chosen.hours:g} h: {means}", flush=True)
            sums, count = {}, 0


def _film(file: Path, house, moments: int, views: int, size: int) -> None:
    film_person(int(file.stem), file, house, moments, views, size)


if __name__ == "__main__":
    main()
