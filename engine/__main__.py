"""Mouthpiece's command line: capture, fit, train, render, info, evaluate, studio, bench, doctor."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from engine import delivery_commands, render_command
from engine.console import follow, named_values, one_line_errors, say
from engine.errors import AvatarError, ControlError, OutputError

cli = typer.Typer(
    name="mouthpiece", no_args_is_help=False, add_completion=False, pretty_exceptions_enable=False,
    help="Audio-driven 3D Gaussian head avatars. Called without a command, it opens the window.",
)  # fmt: skip
bench_cli = typer.Typer(help="Measure this machine.", no_args_is_help=True)
cli.add_typer(bench_cli, name="bench")

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable lines.")]


@cli.command()
def capture(
    video: Annotated[Path, typer.Argument(help="A video of one person talking.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="The dataset folder to make.")],
    face_landmarker: Annotated[Path | None, typer.Option(help="MediaPipe's face_landmarker.task.")] = None,
    masks: Annotated[Path | None, typer.Option(help="A folder of ready masks instead of our own.")] = None,
    size: Annotated[int, typer.Option(help="Picture side in pixels.")] = 512,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 25.0,
    sound_delay: Annotated[
        float, typer.Option(help="Seconds by which the sound is laid later than in the video.")
    ] = 0.0,
    json: Json = False,
) -> None:
    """Make a dataset of a video: tracked faces, masks, plate, cameras and sound."""
    with one_line_errors(json):
        from engine.capture.capture import capture_video

        work = capture_video(
            video, out, face_landmarker=face_landmarker, masks=masks, size=size, fps=fps, sound_delay_s=sound_delay
        )
        say({"dataset": out, **follow(work, json).values}, json)


@cli.command()
def train(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by capture or studio.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="The .avatar file to make.")],
    method: Annotated[str, typer.Option(help="Which published method.")] = "embedtalk",
    iterations: Annotated[int | None, typer.Option(help="Training steps (default: the method's own).")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after this long, schedules fitted to it.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda (default: the best there is).")] = None,
    fresh: Annotated[bool, typer.Option(help="Forget an earlier, unfinished training of this output.")] = False,
    preset: Annotated[str | None, typer.Option(help="paper, or cpu: half an hour on two cores.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of the method, name=value.")] = None,
    json: Json = False,
) -> None:
    """Train an avatar from a dataset; run it again to go on after an interruption."""
    with one_line_errors(json):
        from engine.training.trainer import train as training

        work = training(
            dataset, method, out, iterations=iterations, max_seconds=minutes * 60 if minutes else None, device=device,
            resume=not fresh, preset=preset, config=named_values(set_),
        )  # fmt: skip
        say({"avatar": out, **follow(work, json).values}, json)


@cli.command()
def methods(json: Json = False) -> None:
    """Say which methods can be trained, what each needs and about how long it takes."""
    with one_line_errors(json):
        from engine.methods.catalog import catalog

        entries = list(catalog())
        if json:
            say({"methods": [entry.to_json() for entry in entries]}, json)
            return
        for entry in entries:
            rows = {"": entry.summary}
            for preset in entry.presets:
                hours = f"about {preset.hours:g} h on two cores" if preset.hours else "not timed yet"
                words = " ".join(need.words for need in preset.needs)
                rows[f"--preset {preset.name}"] = f"{preset.iterations:,} steps, {hours}. {words}".rstrip()
            say(rows, json, title=f"{entry.title} (--method {entry.name})")


@cli.command()
def refit(
    avatar: Annotated[Path, typer.Argument(help="An .avatar file.")],
    dataset: Annotated[Path, typer.Argument(help="The dataset it was made from.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="The .avatar file to make.")],
    encoder: Annotated[str | None, typer.Option(help="Hear with this audio encoder from now on.")] = None,
    steps: Annotated[int, typer.Option(help="Training steps.", min=1)] = 4000,
    json: Json = False,
) -> None:
    """Give a trained avatar a new ear: its mouth learns to answer sooner, or to hear with another encoder."""
    with one_line_errors(json):
        from engine.training.refit import refit_voice

        say(follow(refit_voice(avatar, dataset, out, encoder=encoder, steps=steps), json).values, json, title=str(out))


@cli.command(name="import")
def import_(
    model: Annotated[Path, typer.Argument(help="A model of the public GaussianTalker or GaussianAvatars code.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="The .avatar file to make.")],
    data: Annotated[Path | None, typer.Option(help="GaussianTalker: the data folder it was trained on.")] = None,
    name: Annotated[str | None, typer.Option(help="What the avatar is called.")] = None,
    json: Json = False,
) -> None:
    """Make an avatar of a model trained with the public GaussianTalker or GaussianAvatars code (which needs FLAME)."""
    with one_line_errors(json):
        from engine.methods.ggtalker.flame_import import find_splats, import_gaussian_avatar

        if find_splats(model) is not None:
            work = import_gaussian_avatar(model, out, name)
        elif data is None:
            raise AvatarError(
                f"{model}: holds no point_cloud.ply with flame_param.npz beside it, as GaussianAvatars leaves them; "
                "for a model of GaussianTalker name with --data the folder it was trained on."
            )
        else:
            from engine.methods.gaussiantalker.importing import import_released

            work = import_released(model, data, out, name)
        say({"avatar": out, **follow(work, json).values}, json, title=str(out))


@cli.command()
def studio(
    out: Annotated[Path, typer.Option("-o", "--output", help="The dataset folder to make.")],
    identity: Annotated[str, typer.Option(help="A seed, or the name of one of the cast (noa, iris, ...).")] = "0",
    seconds: Annotated[float, typer.Option(help="Length of each film.")] = 60.0,
    population: Annotated[int | None, typer.Option(help="Film this many people, from the seed on, into OUT.")] = None,
    head: Annotated[str, typer.Option(help="house, or ict (ICT-FaceKit).")] = "house",
    kit: Annotated[Path | None, typer.Option(help="ICT-FaceKit's folder.")] = None,
    size: Annotated[int, typer.Option(help="Picture side in pixels.")] = 512,
    json: Json = False,
) -> None:
    """Film a made head speaking: a dataset with exact ground truth."""
    with one_line_errors(json):
        from engine.synth.studio import population as filming_many
        from engine.synth.studio import studio as filming

        if population is None:
            work = filming(identity, seconds, out, head=head, kit=kit, size=size)
        elif identity.isdigit():
            work = filming_many(population, seconds, out, first=int(identity), head=head, kit=kit, size=size)
        else:
            raise OutputError(f"{identity!r} is one person; a population starts from a seed, such as --identity 0.")
        say({"dataset": out, **follow(work, json).values}, json)


@cli.command()
def fit(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by capture or studio.")],
    head: Annotated[str, typer.Option(help="house, ict (ICT-FaceKit) or flame.")] = "house",
    model: Annotated[Path | None, typer.Option(help="ICT-FaceKit's folder, or FLAME's model file.")] = None,
    overlay: Annotated[bool, typer.Option(help="Film the fitted mesh over the pictures.")] = True,
    json: Json = False,
) -> None:
    """Fit a head model to a dataset: shape, expression, pose and lens over the whole clip."""
    with one_line_errors(json):
        from engine.fitting.fit import fit as fitting

        say({"dataset": dataset, **follow(fitting(dataset, head, model, overlay=overlay), json).values}, json)


@cli.command()
def info(
    avatar: Annotated[Path, typer.Argument(help="An .avatar file.")],
    planes: Annotated[Path | None, typer.Option(help="Write its triplane as a picture, .png.")] = None,
    json: Json = False,
) -> None:
    """Say what an avatar file holds; its tensors are not read, unless its planes are asked for."""
    with one_line_errors(json):
        from engine.manifest import read_manifest

        manifest = read_manifest(avatar)
        if planes is not None:
            from engine.inspection.planes import write_planes

            write_planes(avatar, planes)
        rows = {
            "name": manifest.name, "method": manifest.method, "splats": manifest.n_gaussians,
            "hears": [row["name"] for row in manifest.encoders], "look-ahead ms": manifest.look_ahead_ms,
            "controls": len(manifest.schema), "background": manifest.background,
            "size MB": round(avatar.stat().st_size / 1e6, 2), "licence": manifest.licence, "consent": manifest.consent,
            "provenance": manifest.provenance,
        }  # fmt: skip
        if json:
            rows["schema"] = manifest.schema_rows
        say(rows, json, title=str(avatar))
        if not json:
            say({spec.name: f"{spec.label}  {spec.minimum:g} to {spec.maximum:g} {spec.unit}"
                 for spec in manifest.schema}, json, title="Controls")  # fmt: skip


@cli.command()
def evaluate(
    avatar: Annotated[Path, typer.Argument(help="An .avatar file.")],
    dataset: Annotated[Path, typer.Argument(help="The dataset it is compared with.")],
    face_landmarker: Annotated[Path | None, typer.Option(help="MediaPipe's model, for landmark distance.")] = None,
    openface: Annotated[Path | None, typer.Option(help="OpenFace's FeatureExtraction, for AUE.")] = None,
    film: Annotated[Path | None, typer.Option(help="The studio's film behind the dataset, for new angles.")] = None,
    kit: Annotated[Path | None, typer.Option(help="ICT-FaceKit's folder, if the film's head is of it.")] = None,
    report: Annotated[Path | None, typer.Option(help="An HTML file with figures, pictures and curves.")] = None,
    json: Json = False,
) -> None:
    """Compare an avatar with a dataset by the papers' figures, on training and held-out frames, and report it."""
    with one_line_errors(json):
        from engine.evaluation.report import evaluate as evaluation

        work = evaluation(
            avatar, dataset, face_landmarker=face_landmarker, openface=openface, film=film, kit=kit, page=report
        )
        say(follow(work, json).values, json, title=str(avatar))


@cli.command("evaluate-voice")
def evaluate_voice(
    avatar: Annotated[Path | None, typer.Argument(help="An .avatar (default: the phones encoder by itself).")] = None,
    clip: Annotated[Path | None, typer.Option(help="A filmed speaker whose jaw is compared.")] = None,
    speech: Annotated[list[Path] | None, typer.Option(help="Sounds whose pauses are looked at.")] = None,
    face_landmarker: Annotated[Path | None, typer.Option(help="MediaPipe's face_landmarker.task.")] = None,
    look_ahead: Annotated[float, typer.Option(help="Milliseconds the drive may hear ahead.")] = 40.0,
    json: Json = False,
) -> None:
    """Compare the jaw a voice drives with the speaker's own, and look whether pauses keep it shut."""
    with one_line_errors(json):
        from engine.avatar import load_avatar
        from engine.evaluation.voice import evaluate_voice as evaluation
        from engine.evaluation.voice import jaw_of_avatar, jaw_of_encoder
        from engine.paths import find_face_landmarker

        jaw = jaw_of_avatar(load_avatar(avatar), look_ahead) if avatar else jaw_of_encoder(look_ahead)
        model = find_face_landmarker(face_landmarker) if clip is not None else None
        values = follow(evaluation(jaw, clip, model, speech or []), json).values
        if json:
            say(values, json)
            return
        for name, row in {"clip": values.get("clip", {}), **values["silence"]}.items():
            say(row, json, title=name)


@cli.command()
def doctor(json: Json = False) -> None:
    """Say what this machine has, and what to do about what it lacks."""
    with one_line_errors(json):
        from engine.doctor import examine, show

        findings = examine()
        if json:
            say({finding.name: finding.to_json() for finding in findings}, json)
        else:
            show(findings)


@cli.command(name="_step-response", hidden=True)
def step_response(avatar: Path, look_ahead_ms: float) -> None:
    """Say when an avatar's mouth begins to answer a sudden vowel, in the sound's own time."""
    with one_line_errors(as_json=True):
        from engine.avatar import load_avatar
        from engine.evaluation.step_response import lips_response_ms, picture_response_ms
        from engine.raster import pick_rasterizer

        subject = load_avatar(avatar)
        begun_ms = picture_response_ms(subject, pick_rasterizer(), look_ahead_ms)
        say({"ms": begun_ms, "lips_ms": lips_response_ms(subject, look_ahead_ms)}, as_json=True)


@cli.command(name="_warm", hidden=True)
def warm(training: bool = False, json: Json = False) -> None:
    """Compile what compiles on first use, so that the first picture does not wait for it."""
    with one_line_errors(json):
        from engine.live_warm_up import warm_everything

        follow(warm_everything(training), json)


@bench_cli.command("raster")
def bench_rasterizers(
    training: Annotated[bool, typer.Option("--training", help="Forward and backward in place of display.")] = False,
    avatar: Annotated[Path | None, typer.Option(help="An .avatar in place of the bench scene.")] = None,
    gaussians: Annotated[list[int] | None, typer.Option(help="Sizes of the scene (default: 10k to 300k).")] = None,
    size: Annotated[list[int] | None, typer.Option(help="Picture sides (default: 256, 512, 1024).")] = None,
    backend: Annotated[list[str] | None, typer.Option(help="cpu, opengl, cuda (default: all that run here).")] = None,
    json: Json = False,
) -> None:
    """Time the rasterizers, on the bench scene or on an avatar, and say how far their pictures are from exact."""
    with one_line_errors(json):
        from engine.avatar import load_avatar
        from engine.bench import COUNTS, SIZES, bench_avatar, bench_raster, bench_training, machine, print_rows

        if avatar and training:
            raise ControlError("--avatar and --training: training is timed on the bench scene; leave one of the two.")
        if training:
            device = backend[0] if backend else "cpu"
            rows = [
                row for side in size or [512] for row in bench_training(gaussians or (30_000,), side, device=device)
            ]
        elif avatar:
            rows = bench_avatar(load_avatar(avatar), size or (512,), backend)
        else:
            rows = bench_raster(size or SIZES, gaussians or COUNTS, backend)
        if json:
            say({"machine": machine(), "rows": rows}, json)
            return
        print_rows([machine()], "Machine")
        print_rows(rows, "Training" if training else "Rasterizers")


@bench_cli.command("live")
def bench_live_line(
    avatar: Annotated[Path | None, typer.Argument(help="An .avatar (default: a made one of 30,000 splats).")] = None,
    size: Annotated[int, typer.Option(help="Side of the picture in pixels.")] = 512,
    seconds: Annotated[float, typer.Option(help="Of sound.")] = 10.0,
    backend: Annotated[str, typer.Option(help="auto, cpu, opengl or cuda.")] = "auto",
    rate: Annotated[float, typer.Option(help="Frames for each second of sound.")] = 60.0,
    in_flight: Annotated[int, typer.Option(help="Frames a GPU may be at work on when the next is begun.")] = 0,
    json: Json = False,
) -> None:
    """Time the live line in process: voice in, finished pictures out, medians by stage."""
    with one_line_errors(json):
        from engine.avatar import load_avatar
        from engine.bench_live import bench_live, random_avatar
        from engine.raster import device_of, pick_rasterizer
        from engine.raster.bench_scene import calibrate

        rasterizer = pick_rasterizer(None if backend == "auto" else backend)
        device = device_of(rasterizer)
        subject = load_avatar(avatar, device) if avatar else random_avatar(device=device)
        figures = bench_live(subject, rasterizer, seconds, size, rate_hz=rate, in_flight=in_flight)
        rows = {"calibration_ms": calibrate() * 1e3, "backend": rasterizer.name, **figures}
        say(rows, json, title="The live line (milliseconds, medians)")


render_command.register(cli)
delivery_commands.register(cli, bench_cli)


if __name__ == "__main__":
    sys.exit(cli())
