"""`mouthpiece render`: a clip from the command line, by options, by a preset or by a frozen order."""

from pathlib import Path
from typing import Annotated, Any

import typer

from engine.console import follow, named_values, one_line_errors, say
from engine.errors import ControlError, OutputError

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable lines.")]


def register(cli: typer.Typer) -> None:
    """Adds the command to the command line."""
    cli.command()(render)


def render(
    context: typer.Context,
    avatar: Annotated[Path, typer.Argument(help="An .avatar, or a render order (JSON) that says everything.")],
    out: Annotated[Path | None, typer.Option("-o", "--output", help="The clip, or the folder of a sequence.")] = None,
    voice: Annotated[Path | None, typer.Option(help="A sound file to be spoken.")] = None,
    take: Annotated[Path | None, typer.Option(help="A take: its voice, moves and camera.")] = None,
    camera: Annotated[str, typer.Option(help="front, left, right, up, down, spiral, take, or a JSON file.")] = "",
    size: Annotated[str, typer.Option(help="Side in pixels, or WIDTHxHEIGHT.")] = "512",
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 25.0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A control held, such as au.45=0.8.")] = None,
    background: Annotated[str | None, typer.Option(help="#rrggbb or a picture (default: the avatar's own).")] = None,
    look_ahead: Annotated[float, typer.Option(help="Milliseconds the face may hear ahead.")] = 160.0,
    idle: Annotated[bool, typer.Option(help="Blinks and small movements of their own.")] = True,
    supersample: Annotated[int, typer.Option(help="Render this many times larger, then average.")] = 1,
    backend: Annotated[str, typer.Option(help="auto, cpu, opengl or cuda.")] = "auto",
    format: Annotated[str, typer.Option(help="See `mouthpiece formats` (default: what the file's ending means).")] = "",
    preset: Annotated[str, typer.Option(help="An export preset of yours; options given beside it come first.")] = "",
    start: Annotated[float, typer.Option(help="In point, seconds.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Out point, seconds.")] = None,
    head_motion: Annotated[Path | None, typer.Option(help="A .motion file: the voice moves the head too.")] = None,
    head_strength: Annotated[float, typer.Option(help="Of the head's motion; 0 is none, 1 as filmed.")] = 1.0,
    head_seed: Annotated[int, typer.Option(help="Another number, another fitting motion.")] = 0,
    as_recorded: Annotated[bool, typer.Option(help="Play what the take recorded instead of driving again.")] = False,
    crf: Annotated[int, typer.Option(help="Quality, 0 lossless, 18 looks it, 51 worst.")] = 18,
    label: Annotated[str, typer.Option(help="Words in a corner of the picture (default: none).")] = "",
    sign: Annotated[bool, typer.Option(help="Sign the file with your own key (C2PA).")] = True,
    say_synthetic: Annotated[bool, typer.Option(help="Say in its metadata that it is synthetic.")] = True,
    json: Json = False,
) -> None:
    """Render a clip of an avatar speaking, with its sound."""
    with one_line_errors(json):
        from engine.export.order import load_order, make_order
        from engine.export.render import render_clip

        if avatar.suffix.lower() in (".json", ".order"):
            order = load_order(avatar)
        else:
            if out is None:
                raise OutputError("name the clip to make with -o CLIP.mp4.")
            width, height = _size(size)
            look = {
                "width": width, "height": height, "fps": fps, "background": _background(background),
                "supersample": supersample, "kind": format, "crf": crf, "label": label, "is_signed": sign,
                "says_synthetic": say_synthetic,
            }  # fmt: skip
            if preset:
                look = _by_preset(preset, look, context)
            order = make_order(
                avatar=avatar, output=out, voice=voice, take=take, view=camera or ("take" if take else "front"),
                controls=_numbers(set_), head_motion=head_motion, head_strength=head_strength, head_seed=head_seed,
                look_ahead_ms=look_ahead, idle=idle, backend=backend, start=start, end=end,
                drive="take" if as_recorded else "voice", **look,
            )  # fmt: skip
        say({"clip": order.output, **follow(render_clip(order), json).values}, json)


def _numbers(items: list[str] | None) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in named_values(items).items()}
    except ValueError as error:
        raise ControlError(f"--set takes a number after the equals sign: {error}.") from error


def _by_preset(name: str, look: dict[str, Any], context: typer.Context) -> dict[str, Any]:
    """What an export preset says, but where an option was typed."""
    from engine.export.presets import ExportPresets

    options = {"width": "size", "height": "size", "kind": "format", "is_signed": "sign",
               "says_synthetic": "say_synthetic"}  # fmt: skip
    typed = {field for field in look if _is_typed(context, options.get(field, field))}
    return {**ExportPresets().named(name).fields, **{field: look[field] for field in typed}}


def _is_typed(context: typer.Context, option: str) -> bool:
    return context.get_parameter_source(option).name == "COMMANDLINE"


def _size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdigit() for side in sides):
        raise OutputError(f"{text!r}: a size is a number of pixels, or WIDTHxHEIGHT.")
    return int(sides[0]), int(sides[-1])


def _background(text: str | None) -> tuple[float, float, float] | Path | None:
    if text is None or not text.startswith("#"):
        return Path(text) if text else None
    try:
        value = bytes.fromhex(text[1:])
        red, green, blue = value
    except ValueError as error:
        raise OutputError(f"{text!r}: a colour is # and six hexadecimal digits, such as #20304f.") from error
    return red / 255, green / 255, blue / 255
