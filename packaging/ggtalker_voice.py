"""Trains GGTalker's voice prior from films acted out by the studio: sound and shapes only, no pictures.

    python packaging/ggtalker_voice.py [--films 240] [--minutes 60] [--work out/ggtalker_voice]

Films are kept and not made again; the training is one run of `--minutes`. The prior is written to
assets/priors/ggtalker_voice.safetensors, about 3 MB in the size of the `cpu` preset.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from engine.array_file import save_file
from engine.audio.encoders import encoder_row, make_encoder
from engine.methods.ggtalker.config import PRESETS, GGTalkerConfig
from engine.methods.ggtalker.voice_prior import (
    HOUSE,
    STYLES,
    PriorTraining,
    SpokenFilm,
    acted_film,
    prior_names,
    save_prior,
)
from engine.paths import atomic_file

FIRST_SEED = 50_000  # the films of the default avatars and of the tests are others
STEPS_AT_ONCE = 50
REPORT_EVERY_S = 30.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--films", type=int, default=240, help="a minute each")
    options.add_argument("--seconds", type=float, default=60.0, help="of a film")
    options.add_argument("--minutes", type=float, default=60.0, help="of training")
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--preset", default="cpu", help="whose sizes the network has")
    options.add_argument("--work", type=Path, default=Path("out/ggtalker_voice"))
    options.add_argument("--out", type=Path, default=HOUSE)
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    encoder = make_encoder({"name": "phones"})
    films = [_film(chosen, encoder, FIRST_SEED + i) for i in range(chosen.films)]
    config = GGTalkerConfig(**PRESETS.get(chosen.preset, {}))
    size = config.expression_size(encoder.n_features, len(prior_names()), len(STYLES))
    training = PriorTraining(films, prior_names(), size, encoder_row(encoder), n_steps=config.n_steps)
    begun, told, part = time.monotonic(), 0.0, 0.0
    while part < 1:
        *_, progress = training.steps(STEPS_AT_ONCE, chosen.batch, part, part)
        part = (time.monotonic() - begun) / (60 * chosen.minutes)
        if time.monotonic() - told > REPORT_EVERY_S:
            told = time.monotonic()
            print(f"{100 * min(part, 1):.0f} %  {progress.values}", flush=True)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    save_prior(chosen.out, training.prior)
    print(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.1f} MB", flush=True)


def _film(chosen: argparse.Namespace, encoder, seed: int) -> SpokenFilm:
    path = chosen.work / f"{seed}.safetensors"
    if not path.is_file():
        film = acted_film(encoder, chosen.seconds, seed)
        with atomic_file(path) as temporary:
            save_file({"audio": film.audio.astype(np.float16), "motion": film.motion.astype(np.float16)}, temporary)
        print(f"acted {path.name}", flush=True)
    arrays = {name: array.astype(np.float32) for name, array in load_file(path).items()}
    return SpokenFilm(arrays["audio"], arrays["motion"], seed % len(STYLES))


if __name__ == "__main__":
    main()
