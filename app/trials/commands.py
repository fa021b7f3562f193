"""The commands that try out the whole program: they open the real window on a virtual microphone."""

from pathlib import Path
from typing import Annotated

import typer

from engine.console import follow, one_line_errors, say
from engine.errors import AvatarError

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable lines.")]
AvatarFile = Annotated[Path | None, typer.Argument(help="An .avatar (default: one that came along).")]


def register(cli: typer.Typer, bench_cli: typer.Typer) -> None:
    """Adds the window's commands to the engine's."""
    bench_cli.command("latency")(latency)
    bench_cli.command("window")(window)
    cli.command("soak")(soak)


def latency(
    avatar: AvatarFile = None,
    look_ahead: Annotated[list[float] | None, typer.Option(help="Milliseconds (default: 0 and 40).")] = None,
    steps: Annotated[int, typer.Option(help="Vowels at each look-ahead.")] = 40,
    json: Json = False,
) -> None:
    """Measure microphone to changed pixel: a virtual microphone, the real window, the screen read back."""
    with one_line_errors(json):
        from app.trials.latency import measure_latency

        values = follow(measure_latency(_avatar(avatar), tuple(look_ahead or (0.0, 40.0)), steps), json).values
        if json:
            say(values, json)
            return
        for name, row in values.items():
            say(row, json, title=f"Look-ahead {name} ms")


def window(
    avatar: AvatarFile = None,
    seconds: Annotated[float, typer.Option(help="How long the event loop is watched.")] = 15.0,
    json: Json = False,
) -> None:
    """Measure the window: start, slider to frame, frames shown, and how long its event loop was held up."""
    with one_line_errors(json):
        from app.trials.window_speed import measure_window

        say(follow(measure_window(_avatar(avatar), seconds), json).values, json, title="Window")


def soak(
    avatar: AvatarFile = None,
    minutes: Annotated[float, typer.Option(help="Of live driving in all; a run that was stopped goes on.")] = 10.0,
    report: Annotated[Path, typer.Option(help="File to which a line is added every ten seconds.")] = Path("soak.jsonl"),
    voice: Annotated[Path | None, typer.Option(help="What is said over and over (default: the sample voice).")] = None,
    json: Json = False,
) -> None:
    """Drive the real window for minutes or hours, dragged about and its sliders moved: nothing may be lost or grow."""
    with one_line_errors(json):
        from app.trials.soak import default_voice
        from app.trials.soak import soak as soaking

        work = soaking(_avatar(avatar), minutes, report, voice or default_voice())
        say(follow(work, json).values, json, title=str(report))


def _avatar(given: Path | None) -> Path:
    from app.application import first_avatar

    found = first_avatar(given, None)
    if found is None or not found.is_file():
        raise AvatarError(f"{found or 'no avatar'}: is not here; name an .avatar file.")
    return found
