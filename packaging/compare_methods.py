"""The methods beside one another on one unseen person: filmed in the studio on ICT-FaceKit, captured as any video is.

    python packaging/compare_methods.py [--minutes 30] [--seconds 60] [--work out/compare] [METHOD ...]
    python packaging/compare_methods.py --clip CLIP.mp4 ...     the same on a filmed person, without true new angles

The person is a face of ICT-FaceKit that no shipped prior was trained on; the camera hardly leaves the front, so that 20
and 30 degrees are new to every method. The film becomes a video, the video a dataset with tracked cameras, and each
method trains its `cpu` preset on it for the same time. Every step is skipped when its result lies in the work folder
already, so the command can be stopped and given again. Needs the shared data folder (MOUTHPIECE_SHARED, or ../shared
beside the checkout) for the kit and MediaPipe's landmarker.

On two quiet cores a run of three methods takes about three hours: filming 60 s 20 minutes, capture 15, each method 30
to train and 12 to evaluate. WORK/table.md holds the table, WORK/METHOD.html the pages, WORK/results.json the numbers.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from results import Results

from engine.audio.wav import read_sound
from engine.capture.dataset import Dataset
from engine.console import follow
from engine.export.video import SOUND_RATE_HZ, VideoWriter
from engine.manifest import read_header
from engine.methods import METHODS
from engine.paths import atomic_file
from engine.progress import Progress
from engine.synth.studio import CameraMotion, studio

CHECKOUT = Path(__file__).resolve().parent.parent
PERSON = "4711"  # a seed of the population of ICT-FaceKit; the priors are of house heads
MOTION = CameraMotion(azimuth_deg=12.0, elevation_deg=6.0, distance_swing=0.05)


@dataclass(frozen=True)
class Column:
    """One column of the table: where its number lies in a method's results."""

    title: str
    path: tuple[str, ...]
    digits: int


COLUMNS = (
    Column("PSNR, picture", ("evaluate", "held_out", "psnr_full"), 2),
    Column("PSNR, head", ("evaluate", "held_out", "psnr_head"), 2),
    Column("SSIM", ("evaluate", "held_out", "ssim"), 3),
    Column("LMD, px", ("evaluate", "held_out", "lmd_px"), 2),
    Column("mouth r", ("evaluate", "held_out", "mouth_correlation"), 2),
    Column("mouth r, voice alone", ("evaluate", "held_out_voice_only", "mouth_correlation"), 2),
    Column("blink r", ("evaluate", "held_out", "blink_correlation"), 2),
    Column("head at -45°", ("evaluate", "novel_views", "-45", "psnr_head"), 2),
    Column("-30°", ("evaluate", "novel_views", "-30", "psnr_head"), 2),
    Column("-20°", ("evaluate", "novel_views", "-20", "psnr_head"), 2),
    Column("+20°", ("evaluate", "novel_views", "+20", "psnr_head"), 2),
    Column("+30°", ("evaluate", "novel_views", "+30", "psnr_head"), 2),
    Column("+45°", ("evaluate", "novel_views", "+45", "psnr_head"), 2),
    Column("lips: upper / lower", ("evaluate", "disentanglement", "lip_upper_over_lower"), 3),
    Column("expression: lower / upper", ("evaluate", "disentanglement", "expression_lower_over_upper"), 3),
    Column("splats", ("train", "splats"), 0),
    Column("network, thousands", ("size", "network_thousands"), 0),
    Column("file, MB", ("size", "file_mb"), 1),
    Column("training, min", ("train", "minutes"), 0),
    Column("frames/s", ("bench", "fps"), 1),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("methods", nargs="*", help=f"which methods (default: all of {', '.join(METHODS)})")
    options.add_argument("--minutes", type=float, default=30, help="training time of each method")
    options.add_argument("--seconds", type=float, default=60, help="length of the film")
    options.add_argument("--clip", type=Path, help="a filmed person in place of the studio's")
    options.add_argument("--work", type=Path, default=Path("out/compare"))
    chosen = options.parse_args()
    unknown = [name for name in chosen.methods if name not in METHODS]
    if unknown:
        sys.exit(f"{unknown[0]}: there is no such method; choose of {', '.join(METHODS)}.")
    shared = Path(os.environ.get("MOUTHPIECE_SHARED", CHECKOUT.parent / "shared")) / "data"
    landmarker = shared / "models" / "face_landmarker.task"
    if not landmarker.is_file():
        sys.exit(f"{landmarker} is not here; set MOUTHPIECE_SHARED to the folder that holds data/.")
    work = chosen.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    film, dataset, video = work / "film.dataset", work / "tracked.dataset", chosen.clip and chosen.clip.resolve()
    os.environ.setdefault("MOUTHPIECE_ICT_FACEKIT", str(shared / "ict-facekit"))  # methods on a head model fit it
    new_angles = []
    if video is None:
        video, kit = work / "film.mp4", shared / "ict-facekit"
        if not film.is_dir():
            follow(studio(PERSON, chosen.seconds, film, head="ict", kit=kit, motion=MOTION), as_json=False)
        if not video.is_file():
            follow(_video(Dataset(film), video), as_json=False)
        new_angles = ["--film", film, "--kit", kit]
    results = Results(work / "results.json")
    results.run("capture", dataset, "capture", video, "-o", dataset, "--face-landmarker", landmarker)
    for method in chosen.methods or METHODS:
        avatar = work / f"{method}.avatar"
        results.run(f"{method} train", avatar, "train", dataset, "--method", method, "--preset", "cpu",
                    "--minutes", chosen.minutes, "-o", avatar)  # fmt: skip
        results.run(f"{method} evaluate", None, "evaluate", avatar, dataset, "--face-landmarker", landmarker,
                    *new_angles, "--report", work / f"{method}.html")  # fmt: skip
        results.run(f"{method} bench", None, "bench", "live", avatar, "--backend", "cpu", "--seconds", "5")
        results.keep(f"{method} size", _sizes(avatar))
    text = table(results.rows, [m for m in METHODS if f"{m} evaluate" in results.rows])
    (work / "table.md").write_text(text, encoding="utf-8")
    print(text)


def table(rows: dict, methods: list[str]) -> str:
    """A Markdown table, a row for each method; the best number of a column is not marked: read it."""
    lines = ["| method | " + " | ".join(column.title for column in COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for method in methods:
        own = {step: dict(rows.get(f"{method} {step}", {})) for step in ("train", "evaluate", "bench", "size")}
        own["train"]["minutes"] = own["train"].get("seconds", float("nan")) / 60
        cells = []
        for column in COLUMNS:
            value = own
            for name in column.path:
                value = value.get(name, {}) if isinstance(value, dict) else {}
            cells.append(f"{value:.{column.digits}f}" if isinstance(value, int | float) else "")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _sizes(avatar: Path) -> dict[str, float]:
    """Numbers in an avatar's networks, and the size of its file."""
    header, _ = read_header(avatar)
    numbers = [int(np.prod(row["shape"])) for name, row in header.items() if name.startswith("network.")]
    return {"network_thousands": round(sum(numbers) / 1e3, 1), "file_mb": round(avatar.stat().st_size / 1e6, 2)}


def _video(film: Dataset, out: Path):
    """The film as a video with its sound, as a camera would have written it."""
    sound, _ = read_sound(film.audio_path, SOUND_RATE_HZ)
    info = film.info
    with atomic_file(out) as temporary, VideoWriter(temporary, (info.width, info.height), info.fps, crf=14) as writer:
        for index in range(info.n_frames):
            first, last = (round(i * SOUND_RATE_HZ / info.fps) for i in (index, index + 1))
            writer.write(film.frame(index), np.asarray(sound[first:last], dtype=np.float32))
            yield Progress("Writing the video", index + 1, info.n_frames)


if __name__ == "__main__":
    main()
