"""Makes the figures of docs/results.md again; every step is skipped when its result lies in the work folder already.

    python packaging/results.py [--minutes 40] [--work out/results] [--sound-delay 0.2] [--set NAME=VALUE]

Needs the shared data folder (MOUTHPIECE_SHARED, or ../shared beside the checkout): a real clip, real speech and
MediaPipe's face landmarker. Prints the commands it runs; the numbers end up in WORK/results.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from engine.console import follow
from engine.evaluation.speech import mouth_and_sound
from engine.paths import ASSETS

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=40, help="training time on the real clip")
    options.add_argument("--work", type=Path, default=Path("out/results"))
    options.add_argument("--sound-delay", type=float, default=0.0, help="lay the clip's sound so many seconds later")
    options.add_argument("--set", action="append", default=[], help="a setting of the training, NAME=VALUE")
    chosen = options.parse_args()
    shared = Path(os.environ.get("MOUTHPIECE_SHARED", CHECKOUT.parent / "shared")) / "data"
    clip, model = shared / "clips" / "WDA_KatieHill_000.mp4", shared / "models" / "face_landmarker.task"
    if not clip.is_file():
        sys.exit(f"{clip} is not here; set MOUTHPIECE_SHARED to the folder that holds data/.")
    work = chosen.work
    work.mkdir(parents=True, exist_ok=True)
    results = Results(work / "results.json")
    dataset, avatar, spoken = work / "real.dataset", work / "real.avatar", work / "real.mp4"

    results.run("capture", dataset, "capture", clip, "-o", dataset, "--face-landmarker", model,
                "--sound-delay", chosen.sound_delay)  # fmt: skip
    settings = [option for one in chosen.set for option in ("--set", one)]
    results.run("train", avatar, "train", dataset, "--method", "embedtalk", "--preset", "cpu", "-o", avatar,
                "--minutes", chosen.minutes, *settings)  # fmt: skip
    results.run("evaluate", None, "evaluate", avatar, dataset, "--face-landmarker", model)
    results.run("render", spoken, "render", avatar, "--voice", shared / "speech" / "deyu.wav", "-o", spoken)
    sounds = [option for sound in sorted((shared / "speech").glob("*.wav")) for option in ("--speech", sound)]
    heard = ("--clip", clip, "--face-landmarker", model, *sounds)
    results.run("voice, encoder", None, "evaluate-voice", *heard)
    for one in sorted((ASSETS / "avatars").glob("*.avatar")):
        results.run(f"voice, {one.stem}", None, "evaluate-voice", one, *heard)
    if "mouth" not in results.rows:
        results.keep("mouth", follow(mouth_and_sound(spoken, model), as_json=False).values)
    print(json.dumps(results.rows, indent=2))


class Results:
    """Numbers by step, kept in a file so that a run goes on where another stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows = json.loads(path.read_text()) if path.is_file() else {}

    def run(self, step: str, made: Path | None, *arguments) -> None:
        """Runs one command of the command line unless its result is there, and keeps its last line of numbers."""
        if step in self.rows and (made is None or made.exists()):
            return
        command = ["mouthpiece", *map(str, arguments)]
        print("$", " ".join(command), flush=True)
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "app", *command[1:], "--json"], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            sys.exit(done.returncode)
        numbers = json.loads(done.stdout.strip().splitlines()[-1])
        self.keep(step, {**numbers, "seconds": round(time.monotonic() - started, 1), "command": " ".join(command)})

    def keep(self, step: str, numbers: dict) -> None:
        self.rows[step] = numbers
        self._path.write_text(json.dumps(self.rows, indent=2))


if __name__ == "__main__":
    main()
