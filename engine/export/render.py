"""Renders an order into a clip: the avatar speaks a sound or performs a take, picture and sound in sync."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from engine import __version__
from engine.audio.wav import SoundReader
from engine.avatar import load_avatar
from engine.camera import Camera, Orbit, camera_path
from engine.errors import OutputError
from engine.export.order import Order, file_hash
from engine.export.sound import ClipSound, HeldSound, Sound
from engine.export.video import SOUND_RATE_HZ, VideoWriter
from engine.mixer import take_layers
from engine.paths import atomic_file
from engine.performer import Performer
from engine.progress import Progress
from engine.raster import pick_rasterizer
from engine.take import Take, load_take

KNOWN_AHEAD_S = 0.4
"""Sound the face must know beyond the shown moment: the widest look-ahead, the encoder's own, and some to spare."""

STUDIO_GREY = (0.169, 0.176, 0.192)
"""What an avatar without a background of its own stands before in a clip that has no alpha."""


def render_clip(order: Order) -> Iterator[Progress]:
    """Renders the clip an order asks for; the file appears under its name only when it is whole.

    Raises:
        AvatarError, AudioError, TakeError, CameraError, ControlError, OutputError: one sentence each, nothing written.
    """
    yield Progress("Opening", 0, 1)
    performer, sound, take = _prepare(order)
    cameras = _cameras(order, performer, take, _n_frames(order, sound))
    clip_sound = ClipSound(sound, order.start)
    started = time.monotonic()
    with atomic_file(order.output) as temporary:
        metadata = {"title": order.output.stem, "encoder": f"Mouthpiece {__version__}", "comment": "Synthetic speaker"}
        writer = VideoWriter(temporary, (order.width, order.height), order.fps, crf=order.crf, metadata=metadata)
        with writer:
            for i, camera in enumerate(cameras):
                moment = order.start + i / order.fps
                for block in clip_sound.heard_until(moment + KNOWN_AHEAD_S):
                    performer.push(block)
                picture = _picture(performer, moment, camera, order)
                writer.write(picture, clip_sound.next_samples(_samples_of_frame(i, order.fps)))
                yield Progress("Rendering", i + 1, len(cameras))
    seconds = time.monotonic() - started
    values = {"clip": order.output, "frames": len(cameras), "seconds": seconds, "fps": len(cameras) / seconds}
    yield Progress("Done", 1, 1, values=values)


def _prepare(order: Order) -> tuple[Performer, Sound, Take | None]:
    avatar = load_avatar(order.avatar)
    if order.avatar_hash and file_hash(order.avatar) != order.avatar_hash:
        raise OutputError(f"{order.avatar}: has changed since this order was made; make the order again.")
    take = load_take(order.take) if order.take else None
    sound = HeldSound(take.voice, take.info.rate_hz) if take else SoundReader(order.voice)
    performer = Performer(avatar, pick_rasterizer(None if order.backend == "auto" else order.backend), seed=order.seed)
    performer.mixer.look_ahead_ms = order.look_ahead_ms
    performer.mixer.is_idle = order.idle
    performer.mixer.set_user(order.controls)
    if take is not None:
        performer.mixer.layers = take_layers(take, avatar.schema)
    for name, value in order.settings.items():
        performer.set_setting(name, value)
    performer.background = _background(order, performer)
    return performer, sound, take


def _n_frames(order: Order, sound: Sound) -> int:
    end = sound.seconds if order.end is None else min(order.end, sound.seconds)
    if end <= order.start:
        raise OutputError(f"{order.start:g} s to {end:g} s is no length; the sound is {sound.seconds:.2f} s long.")
    return max(1, round((end - order.start) * order.fps))


def _samples_of_frame(index: int, fps: float) -> int:
    return round((index + 1) / fps * SOUND_RATE_HZ) - round(index / fps * SOUND_RATE_HZ)


def _cameras(order: Order, performer: Performer, take: Take | None, n_frames: int) -> list[Camera]:
    width, height = order.width * order.supersample, order.height * order.supersample
    base = Orbit.from_json(order.orbit) if order.orbit else performer.avatar.manifest.orbit
    if order.view != "take":
        return camera_path(order.view, base, n_frames, width, height)
    moments = order.start + np.arange(n_frames) / order.fps
    orbits = [take.orbit_at(moment) if take else None for moment in moments]
    return [(orbit or base).camera(width, height) for orbit in orbits]


def _background(order: Order, performer: Performer) -> np.ndarray | None:
    width, height = order.width * order.supersample, order.height * order.supersample
    if isinstance(order.background, Path):
        return _fitted_picture(order.background, width, height)
    if order.background is not None:
        return np.array(order.background, dtype=np.float32)
    has_own = performer.avatar.manifest.background != "none"
    return None if has_own else np.array(STUDIO_GREY, dtype=np.float32)


def _fitted_picture(path: Path, width: int, height: int) -> np.ndarray:
    """A picture that fills the frame, its middle kept, float32 `[H, W, 3]`."""
    try:
        with Image.open(path) as image:
            scale = max(width / image.width, height / image.height)
            size = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
            filled = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise OutputError(f"{path}: is not a picture that can be read ({error}).") from error
    left, top = (filled.width - width) // 2, (filled.height - height) // 2
    return np.asarray(filled.crop((left, top, left + width, top + height)), dtype=np.float32) / 255


def _picture(performer: Performer, moment: float, camera: Camera, order: Order) -> np.ndarray:
    image = performer.frame(moment, camera).image
    rgb, alpha = image[..., :3], image[..., 3:]
    if (alpha < 255).any():
        rgb = (rgb.astype(np.uint16) * alpha // 255).astype(np.uint8)
    s = order.supersample
    if s == 1:
        return np.ascontiguousarray(rgb)
    return rgb.reshape(order.height, s, order.width, s, 3).mean(axis=(1, 3)).round().astype(np.uint8)
