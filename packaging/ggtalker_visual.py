"""Trains GGTalker's visual prior: films people of the population in the studio, then the generator over all of them.

    python packaging/ggtalker_visual.py [--people 160] [--minutes 40] [--work out/ggtalker_visual] [--films FOLDER]

All parts go on where they stopped; the length of the run (`--minutes`, over all calls) sets its schedule. A folder
of `--films` that are there already (as DGTalker's prior leaves them) is taken as it is. At the end, and with `--export`
at once, the prior is written to assets/priors/ggtalker_visual.safetensors.
"""

import argparse
import time
from pathlib import Path

from PIL import Image

from engine.array_file import save_file
from engine.methods.ggtalker.generator import SMALL, GeneratorSize
from engine.methods.ggtalker.visual_prior import HOUSE, save_prior
from engine.methods.ggtalker.visual_training import FilmedPerson, VisualTraining, rig_portraits
from engine.paths import atomic_file
from engine.synth.portraits import film_portraits, portrait_head
from engine.training.memory import keep_freed_memory

FIRST_SEED = 1000  # the people of the default avatars and of the tests are others
SAVE_EVERY_S = 120.0
REPORT_EVERY_S = 30.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--people", type=int, default=160)
    options.add_argument("--held", type=int, default=8, help="of them, who are only judged by")
    options.add_argument("--moments", type=int, default=12, help="expressions of each")
    options.add_argument("--views", type=int, default=2, help="cameras of each expression")
    options.add_argument("--size", type=int, default=192, help="side of the pictures in pixels")
    options.add_argument("--side", type=int, default=128, help="of the map, a power of two")
    options.add_argument("--minutes", type=float, default=40.0, help="of training")
    options.add_argument("--work", type=Path, default=Path("out/ggtalker_visual"))
    options.add_argument("--films", type=Path, help="films that are there already")
    options.add_argument("--out", type=Path, default=HOUSE)
    options.add_argument("--export", action="store_true", help="write the prior as it stands and stop")
    chosen = options.parse_args()
    keep_freed_memory()
    chosen.work.mkdir(parents=True, exist_ok=True)
    films = sorted(chosen.films.glob("*.safetensors"))[: chosen.people] if chosen.films else filmed(chosen)
    training = VisualTraining(rigged(chosen, films), generator_size(chosen.side), n_held=chosen.held)
    checkpoint, clock = chosen.work / "checkpoint.safetensors", chosen.work / "seconds.txt"
    if checkpoint.is_file():
        training.restore(checkpoint)
        print(f"goes on from step {training.iteration}", flush=True)
    if not chosen.export:
        train(training, chosen, checkpoint, clock)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    save_prior(chosen.out, training.prior)
    print(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.1f} MB, {training.judged()}", flush=True)


def generator_size(side: int) -> GeneratorSize:
    """The small generator of a side."""
    n_levels = (side // 4).bit_length()
    return GeneratorSize(side, **(SMALL | {"channels": SMALL["channels"][:n_levels]}))


def filmed(chosen: argparse.Namespace) -> list[Path]:
    """The films of all people, made where they are missing."""
    folder = chosen.work / f"films-{chosen.size}-{chosen.moments}x{chosen.views}"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{FIRST_SEED + i}.safetensors" for i in range(chosen.people)]
    for done, file in enumerate(files, 1):
        if not file.is_file():
            seed = int(file.stem)
            film = film_portraits(portrait_head(seed), seed, chosen.moments, chosen.views, chosen.size)
            with atomic_file(file) as temporary:
                save_file(film, temporary)
            print(f"filmed {done} of {len(files)}", flush=True)
    return files


def rigged(chosen: argparse.Namespace, films: list[Path]) -> list[FilmedPerson]:
    """The people of all films with their meshes, which are worked out where they are missing."""
    folder = chosen.work / "meshes"
    folder.mkdir(exist_ok=True)
    for film in films:
        if not (folder / film.name).is_file():
            rig_portraits(film, folder / film.name)
    print(f"{len(films)} people", flush=True)
    return [FilmedPerson(film, folder / film.name) for film in films]


def train(training: VisualTraining, chosen: argparse.Namespace, checkpoint: Path, clock: Path) -> None:
    """Steps until the minutes are over; checkpoint and preview every two minutes, figures more often."""
    seconds = float(clock.read_text()) if clock.is_file() else 0.0
    whole = chosen.minutes * 60
    last = saved = told = time.monotonic()
    sums: dict[str, float] = {}
    count = 0
    while seconds < whole:
        for name, value in training.step(seconds / whole).items():
            sums[name] = sums.get(name, 0.0) + value
        count += 1
        now = time.monotonic()
        seconds, last = seconds + now - last, now
        is_over = seconds >= whole
        if now - told > REPORT_EVERY_S or is_over:
            means = ", ".join(f"{name} {value / count:.4f}" for name, value in sums.items())
            print(f"step {training.iteration}, {seconds / 60:.1f} of {chosen.minutes:g} min: {means}", flush=True)
            sums, count, told = {}, 0, now
        if now - saved > SAVE_EVERY_S or is_over:
            training.save(checkpoint)
            with atomic_file(clock) as temporary:
                temporary.write_text(f"{seconds:.1f}")
            with atomic_file(chosen.work / "preview.png") as temporary:
                Image.fromarray(training.preview()).save(temporary, "PNG")
            print(f"people never seen: {training.judged()}", flush=True)
            saved = time.monotonic()


if __name__ == "__main__":
    main()
