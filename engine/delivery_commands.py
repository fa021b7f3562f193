"""Commands that deliver: speaking a sound file into a take, reading a clip's provenance, timing an export."""

from pathlib import Path
from typing import Annotated

import typer

from engine.console import follow, one_line_errors, say

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable lines.")]


def register(cli: typer.Typer, bench_cli: typer.Typer) -> None:
    """Adds the commands to the command line."""
    cli.command()(speak)
    cli.command(name="head-motion")(head_motion)
    cli.command()(verify)
    cli.command()(formats)
    cli.command(name="_phones", hidden=True)(phones)
    bench_cli.command("export")(bench_export)


def speak(
    avatar: Annotated[Path, typer.Argument(help="An .avatar file.")],
    voice: Annotated[Path, typer.Argument(help="WAV, MP3, M4A, FLAC or the sound of a video.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="The .take to make.")],
    look_ahead: Annotated[float, typer.Option(help="Milliseconds the face may hear ahead.")] = 160.0,
    idle: Annotated[bool, typer.Option(help="Blinks and small movements of their own.")] = True,
    name: Annotated[str, typer.Option(help="Of the take (default: the sound file's).")] = "",
    head_motion: Annotated[Path | None, typer.Option(help="A .motion file: the voice moves the head too.")] = None,
    head_strength: Annotated[float, typer.Option(help="Of the head's motion; 0 is none, 1 as filmed.")] = 1.0,
    head_seed: Annotated[int, typer.Option(help="Another number, another fitting motion.")] = 0,
    json: Json = False,
) -> None:
    """Make a take of a sound file, to be edited and exported; files of hours take no more memory than short ones."""
    with one_line_errors(json):
        from engine.export.speak import speak as speaking
        from engine.head_motion import HeadMotionChoice

        choice = HeadMotionChoice(strength=head_strength, seed=head_seed)
        work = speaking(avatar, voice, out, look_ahead_ms=look_ahead, idle=idle, name=name, head_motion=head_motion,
                        head_choice=choice)  # fmt: skip
        last = follow(work, json)
        say({**last.values, **({"note": last.message} if last.message else {})}, json)


def head_motion(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by capture or studio.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="The .motion file to make.")],
    encoder: Annotated[str, typer.Option(help="Which audio encoder hears the voice.")] = "phones",
    steps: Annotated[int, typer.Option(help="Training steps.", min=1)] = 800,
    seed: Annotated[int, typer.Option(help="Of the training's chance.")] = 0,
    json: Json = False,
) -> None:
    """Learn from a film how its person's head moves while talking; any avatar's head may then move so."""
    with one_line_errors(json):
        from engine.training.head_motion import HeadMotionConfig, train_head_motion

        work = train_head_motion(dataset, out, HeadMotionConfig(encoder=encoder, steps=steps), seed)
        say(follow(work, json).values, json, title=str(out))


def verify(
    file: Annotated[Path, typer.Argument(help="A clip, a picture or the folder of a sequence.")], json: Json = False
) -> None:
    """Say what a file tells about where it came from: synthetic or not, signed or not, changed since or not."""
    with one_line_errors(json):
        from engine.export.provenance import verify as verification

        found = verification(file)
        say({"synthetic": found.is_synthetic, "source_type": found.source_type, "signature": found.signature,
             "sidecar": found.sidecar, **found.details, "in words": found.words}, json, title=str(file))  # fmt: skip


def formats(json: Json = False) -> None:
    """List the formats a clip can have, and the export presets of yours."""
    with one_line_errors(json):
        from engine.export.formats import FORMATS
        from engine.export.presets import ExportPresets

        say({kind.name: f"{kind.label}: {kind.detail}" for kind in FORMATS.values()}, json, title="Formats")
        presets = {preset.name: preset.words for preset in ExportPresets()}
        if presets or json:
            say(presets, json, title="Your presets (render --preset NAME)")


def bench_export(
    avatar: Annotated[Path | None, typer.Argument(help="An .avatar (default: a made one of 30,000 splats).")] = None,
    size: Annotated[int, typer.Option(help="Side of the picture in pixels.")] = 512,
    seconds: Annotated[float, typer.Option(help="Of clip.")] = 8.0,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 25.0,
    format: Annotated[str, typer.Option(help="A clip format.")] = "mp4",
    backend: Annotated[str, typer.Option(help="auto, cpu, opengl or cuda.")] = "auto",
    json: Json = False,
) -> None:
    """Time an export from voice to file: frames a second, times real time, and where the milliseconds go."""
    with one_line_errors(json):
        from engine.bench_export import bench_export as benching
        from engine.raster.bench_scene import calibrate

        figures = follow(benching(avatar, size=size, seconds=seconds, fps=fps, kind=format, backend=backend), json)
        say({"calibration_ms": calibrate() * 1e3, **figures.values}, json, title="Export")


def phones(take: Annotated[Path, typer.Argument(help="A .take file.")], json: Json = False) -> None:
    """Say which phones a take's voice is heard as, for the lip check."""
    with one_line_errors(json):
        from engine.phone_track import phones_of

        rows = [{"start": p.start, "end": p.end, "name": p.name} for p in phones_of(take)]
        say({"phones": rows}, json, title=str(take))
