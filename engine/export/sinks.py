"""Where the frames of a clip go: a video, a folder of pictures, of splats, or of tables."""

from pathlib import Path
from typing import Protocol

import av
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.errors import OutputError
from engine.export.order import Order
from engine.export.pictures import Picture
from engine.export.ply import write_ply
from engine.export.video import SOUND_RATE_HZ, VideoWriter
from engine.export.xmp import PNG_KEY
from engine.gaussians import Gaussians

DEPTH_STEP_MM = 0.05
"""Millimetres of one step of a 16-bit depth picture: the farthest is 3.3 m; 0 is where nothing is."""

PNG_LEVEL = 3


class Sink(Protocol):
    """Takes frames in order; a context manager that finishes its files on a clean exit."""

    def __enter__(self) -> "Sink": ...

    def __exit__(self, kind, value, trace) -> None: ...

    def write(self, index: int, picture: Picture | None, sound: np.ndarray | None) -> None: ...


def open_sink(order: Order, path: Path, metadata: dict[str, str], xmp: str, head_height_mm: float) -> Sink:
    """The sink of an order, writing to a temporary path that the caller renames."""
    kind = order.format
    if kind.kind == "video":
        return _VideoSink(order, path, metadata)
    if kind.name == "depth":
        return _DepthSink(order, path, xmp, head_height_mm)
    if kind.kind == "pictures":
        return _PictureSink(order, path, xmp)
    if kind.kind == "splats":
        return _SplatSink(order, path)
    return _SoundSink(order, path)


class _VideoSink:
    def __init__(self, order: Order, path: Path, metadata: dict[str, str]) -> None:
        size = (order.width, order.height)
        self._writer = VideoWriter(path, size, order.fps, kind=order.format, has_sound=order.is_heard, crf=order.crf,
                                   metadata=metadata)  # fmt: skip

    def __enter__(self):
        self._writer.__enter__()
        return self

    def __exit__(self, kind, value, trace) -> None:
        self._writer.__exit__(kind, value, trace)

    def write(self, index: int, picture: Picture, sound: np.ndarray | None) -> None:
        self._writer.write(picture.pixels, sound)


class _SoundSink:
    """A folder with the clip's voice; the other folders add their frames to it."""

    def __init__(self, order: Order, path: Path) -> None:
        self._folder, self._has_sound = path, order.is_heard
        self._sound = None

    def __enter__(self):
        if self._has_sound:
            try:
                self._sound = av.open(str(self._folder / "voice.wav"), "w", format="wav")
                self._stream = self._sound.add_stream("pcm_s24le", rate=SOUND_RATE_HZ, layout="mono")
            except (OSError, av.FFmpegError) as error:
                raise OutputError(f"{self._folder}: {error.strerror or error}.") from error
        return self

    def __exit__(self, kind, value, trace) -> None:
        if self._sound is None:
            return
        try:
            if kind is None:
                self._sound.mux(self._stream.encode(None))
            self._sound.close()
        except (OSError, av.FFmpegError) as error:
            if kind is None:
                raise OutputError(f"{self._folder}: {error.strerror or error}; free some space.") from error

    def write(self, index: int, picture: Picture | None, sound: np.ndarray | None) -> None:
        try:
            if self._sound is not None and sound is not None and len(sound):
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None]), format="fltp", layout="mono")
                frame.sample_rate = SOUND_RATE_HZ
                self._sound.mux(self._stream.encode(frame))
            self._write_frame(index, picture)
        except (OSError, av.FFmpegError) as error:
            raise OutputError(
                f"{self._folder}: {error.strerror or error}; free some space and export again."
            ) from error

    def _write_frame(self, index: int, picture: Picture | None) -> None:
        """Tables are written whole at the end."""


class _PictureSink(_SoundSink):
    def __init__(self, order: Order, path: Path, xmp: str) -> None:
        super().__init__(order, path)
        self._keeps_alpha = order.is_transparent
        self._info = PngInfo()
        if xmp:
            self._info.add_itxt(PNG_KEY, xmp)

    def _write_frame(self, index: int, picture: Picture) -> None:
        pixels = picture.pixels if self._keeps_alpha else picture.pixels[..., :3]
        name = self._folder / f"frame_{index:06}.png"
        Image.fromarray(np.ascontiguousarray(pixels)).save(name, compress_level=PNG_LEVEL, pnginfo=self._info)


class _DepthSink(_PictureSink):
    def __init__(self, order: Order, path: Path, xmp: str, head_height_mm: float) -> None:
        super().__init__(order, path, xmp)
        self._steps_per_unit = head_height_mm / DEPTH_STEP_MM

    def _write_frame(self, index: int, picture: Picture) -> None:
        super()._write_frame(index, picture)
        steps = np.clip(np.round(picture.depth * self._steps_per_unit), 0, 65_535).astype(np.uint16)
        Image.fromarray(steps).save(self._folder / f"depth_{index:06}.png", compress_level=PNG_LEVEL)


class _SplatSink(_SoundSink):
    def _write_frame(self, index: int, picture: Picture) -> None:
        write_ply(self._folder / f"frame_{index:06}.ply", _one_layer(picture.layers))


def _one_layer(layers: list[Gaussians]) -> Gaussians:
    """All layers as one cloud; layers with harmonics stay as they are when they are alone."""
    import torch

    if len(layers) == 1:
        return layers[0]
    if len({(layer.sh_degree, tuple(layer.colors.shape[1:])) for layer in layers}) > 1:
        raise OutputError("the avatar's layers have colours of different kinds; they cannot go into one .ply file.")
    parts = {name: torch.cat([getattr(layer, name) for layer in layers])
             for name in ("means", "quats", "scales", "opacities", "colors")}  # fmt: skip
    return Gaussians(**parts, sh_degree=layers[0].sh_degree)
