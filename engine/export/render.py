"""Renders an order into a clip: the avatar speaks a sound or performs a take, picture and sound in sync."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine import __version__
from engine.avatar import load_avatar
from engine.camera import Camera, Orbit, camera_path
from engine.edits import Edits
from engine.errors import OutputError
from engine.export import tables
from engine.export.order import Order, file_hash
from engine.export.pictures import Drawn, Painter
from engine.export.provenance import Statement, mark, xmp_packet
from engine.export.script import Material, Script, open_material, write_script
from engine.export.sinks import DEPTH_STEP_MM, open_sink
from engine.export.sound import FileSound
from engine.export.video import SOUND_RATE_HZ
from engine.export.writing_thread import WritingThread
from engine.head_motion import HeadMotionChoice, load_head_motion
from engine.methods.base import Avatar
from engine.paths import atomic_file, atomic_folder
from engine.performance.clips import source_times
from engine.performer import Performer
from engine.progress import Progress
from engine.raster import device_of, pick_rasterizer

HEAD_HEIGHT_MM = 240.0


def render_clip(order: Order, avatar: Avatar | None = None) -> Iterator[Progress]:
    """Renders the clip an order asks for; the file or folder appears under its name only when it is whole.

    Args:
        avatar: the order's avatar where it is open already.

    Raises:
        AvatarError, AudioError, TakeError, CameraError, ControlError, OutputError: one sentence each, nothing written.
    """
    yield Progress("Opening", 0, 1)
    _check_folder(order)
    performer = open_performer(order, avatar)
    material = open_material(order, performer)
    n_frames = _n_frames(order, material)
    cameras = _cameras(order, performer, material, n_frames)
    started = time.monotonic()
    script: Script | None = None
    for step in write_script(order, performer, material, n_frames):
        if isinstance(step, Script):
            script = step
        else:
            yield step
    statement = Statement.of(order, performer.avatar.manifest)
    target = atomic_file if order.format.suffix else atomic_folder
    with target(order.output) as temporary:
        yield from _write(order, performer, material, script, cameras, statement, temporary)
        marked = mark(temporary, order, statement)
        if marked.sidecar is not None:
            _write_sidecar(order.output, marked.sidecar)
    seconds = time.monotonic() - started
    values = {"clip": order.output, "frames": n_frames, "seconds": seconds, "fps": n_frames / seconds}
    yield Progress("Done", 1, 1, values={**values, "provenance": marked.words})


def open_performer(order: Order, avatar: Avatar | None = None) -> Performer:
    """The avatar of an order on stage, with everything but its sound."""
    rasterizer = pick_rasterizer(None if order.backend == "auto" else order.backend)
    avatar = avatar or load_avatar(order.avatar, device_of(rasterizer))
    if order.avatar_hash and file_hash(order.avatar) != order.avatar_hash:
        raise OutputError(f"{order.avatar}: has changed since this order was made; make the order again.")
    performer = Performer(avatar, rasterizer, seed=order.seed)
    performer.mixer.look_ahead_ms = order.look_ahead_ms
    performer.mixer.is_idle = order.idle
    performer.mixer.set_user(order.controls)
    if order.head_motion is not None:
        choice = HeadMotionChoice(strength=order.head_strength, seed=order.head_seed)
        performer.set_head_motion(load_head_motion(order.head_motion), choice)
    if order.splat_edits is not None:
        performer.edits = Edits.from_json(order.splat_edits)
    for name, value in order.settings.items():
        performer.set_setting(name, value)
    return performer


def _write(
    order: Order, performer: Performer, material: Material, script: Script, cameras: list[Camera],
    statement: Statement, temporary: Path,
) -> Iterator[Progress]:  # fmt: skip
    is_drawn = order.format.kind != "tables"
    painter = Painter(order, performer, has_depth=order.format.name == "depth") if is_drawn else None
    heard = FileSound(material.sound, order.start) if order.is_heard else None
    xmp = xmp_packet(statement) if order.says_synthetic else ""
    head_mm = performer.avatar.manifest.units.get("head_height_mm", HEAD_HEIGHT_MM)
    metadata = {"title": order.title or order.output.stem, "encoder": f"Mouthpiece {__version__}"}
    if order.author:
        metadata["artist"] = order.author
    if order.says_synthetic:
        metadata |= {"comment": statement.sentence, "digital_source_type": statement.source_type}
    with open_sink(order, temporary, metadata, xmp, head_mm) as sink:

        def write(frame: tuple[int, Drawn | None, np.ndarray | None]) -> None:
            index, drawn, sound = frame
            sink.write(index, painter.finish(drawn) if drawn is not None else None, sound)

        with WritingThread(write) as writing:
            for i, camera in enumerate(cameras):
                sound = heard.next_samples(_samples_of_frame(i, order.fps)) if heard is not None else None
                drawn = painter.draw(script.values[i], script.times[i], camera) if painter is not None else None
                writing.put((i, drawn, sound))
                yield Progress("Rendering", i + 1, len(cameras))
    if not order.format.suffix:
        _write_tables(order, performer, script, cameras, statement, temporary, head_mm)


def _write_tables(order, performer, script, cameras, statement, folder: Path, head_mm: float) -> None:
    schema, fit = performer.avatar.schema, getattr(performer.avatar, "fit", None)
    tables.write_controls(folder / "controls.csv", schema, script.times, script.values)
    tables.write_controls(folder / "driven.csv", schema, script.times, script.driven)
    has_arkit = tables.write_arkit(folder / "arkit52.csv", schema, fit, script.times, script.values)
    tables.write_cameras(folder / "cameras.json", cameras, script.times)
    fields = {
        "made_with": f"Mouthpiece {__version__}", "format": order.format.detail, "frames": len(cameras),
        "fps": order.fps, "size": [order.width, order.height], "start": order.start, "statement": statement.to_json(),
        "controls": [{"name": s.name, "label": s.label, "unit": s.unit} for s in schema], "has_arkit52": has_arkit,
        "head_height_mm": head_mm,
    }  # fmt: skip
    if order.format.name == "depth":
        fields["depth"] = f"16 bit, {DEPTH_STEP_MM} mm a step along the camera's axis, 0 where nothing is"
    tables.write_manifest(folder / "manifest.json", fields)


def _n_frames(order: Order, material: Material) -> int:
    seconds = material.sound.seconds
    end = seconds if order.end is None else min(order.end, seconds)
    if end <= order.start:
        raise OutputError(f"{order.start:g} s to {end:g} s is no length; the sound is {seconds:.2f} s long.")
    return max(1, round((end - order.start) * order.fps))


def _samples_of_frame(index: int, fps: float) -> int:
    return round((index + 1) / fps * SOUND_RATE_HZ) - round(index / fps * SOUND_RATE_HZ)


def _cameras(order: Order, performer: Performer, material: Material, n_frames: int) -> list[Camera]:
    width, height = order.width, order.height
    base = Orbit.from_json(order.orbit) if order.orbit else performer.avatar.manifest.orbit
    times = order.start + np.arange(n_frames) / order.fps
    if order.view != "take":
        return camera_path(order.view, base, n_frames, width, height, times)
    take, edit = material.take, material.edit
    if len(edit.camera):
        return [edit.camera.at(moment).camera(width, height) for moment in times]
    if take is None:
        return [base.camera(width, height)] * n_frames
    source = source_times(edit.clips, times, take.seconds)
    held = np.where(np.isnan(source), -1, np.arange(len(source)))
    source = source[np.maximum(np.maximum.accumulate(held), 0)]  # in a gap the camera stays where it was
    return [(take.orbit_at(0.0 if np.isnan(t) else t) or base).camera(width, height) for t in source]


def _check_folder(order: Order) -> None:
    """A sequence goes to a folder of its own: nothing that lies in one is ever replaced."""
    if not order.format.suffix and order.output.is_dir() and any(order.output.iterdir()):
        raise OutputError(f"{order.output}: is not empty; choose a new folder for the sequence.")


def _write_sidecar(output: Path, sidecar: tuple[str, bytes]) -> None:
    suffix, data = sidecar
    with atomic_file(output.with_name(output.name + suffix)) as temporary:
        temporary.write_bytes(data)
