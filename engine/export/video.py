"""Writing a clip: picture and sound interleaved, so that the file can be cut off anywhere; colours tagged bt709."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from engine.errors import OutputError
from engine.export.formats import FORMATS, ClipFormat
from engine.export.palette import Palette

os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder says only what is wrong

SOUND_RATE_HZ = 48_000
SOUND_FRAME = 1_024
BT709, LIMITED_RANGE = 1, 1
SOURCES = {3: "rgb24", 4: "rgba"}
"""Pixel formats of pictures by their number of channels."""

QUALITY_SHIFT = {"libsvtav1": 12, "libvpx-vp9": 6}
"""H.264's quality number to the one that looks alike, by encoder."""


class VideoWriter:
    """A video file being written: pictures in order, sound as it is due. Use as a context manager.

    Args:
        path: where; the caller renames it when everything went well.
        size: width and height in pixels, even.
        fps: pictures a second.
        kind: container and codecs.
        has_sound: whether `write` gets sound with every picture.
        crf: quality as H.264 counts it, 18 looks lossless; ProRes has its own.

    Raises:
        OutputError: when the encoder is missing, the file cannot be written or the disk is full.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], fps: float, *, kind: ClipFormat = FORMATS["mp4"],
        has_sound: bool = True, crf: int = 18, metadata: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._path, self._kind = path, kind
        self._waiting = np.zeros(0, dtype=np.float32)  # sound not yet encoded
        self._samples_done = 0
        self._frames_done = 0
        self._converter = VideoReformatter()
        self._rate = Fraction(fps).limit_denominator(1001)
        try:
            self._file = av.open(str(path), "w", format=kind.container, options=dict(kind.file_options))
            self._file.metadata.update(metadata or {})
            self._add_video(size, crf)
            self._sound = self._add_sound() if has_sound and kind.can_sound else None
            self._palette = Palette(size, self._rate) if kind.pixels == "pal8" else None
            self._file.start_encoding()
        except (OSError, ValueError, av.FFmpegError) as error:
            raise OutputError(f"{path}: {kind.detail} cannot be written here ({_reason(error)}).") from error

    def _add_video(self, size: tuple[int, int], crf: int) -> None:
        kind = self._kind
        qualities = {"{crf}": str(min(63, crf + QUALITY_SHIFT.get(kind.video, 0))), "{quality}": str(100 - crf)}
        options = {name: qualities.get(value, value) for name, value in kind.options.items()}
        self._video = self._file.add_stream(kind.video, rate=self._rate, options=options)
        self._video.width, self._video.height = size
        self._video.pix_fmt = kind.pixels
        self._video.time_base = 1 / self._rate
        if kind.has_alpha and kind.container == "webm":
            self._video.metadata["alpha_mode"] = "1"
        if kind.is_yuv:
            context = self._video.codec_context
            context.color_primaries = context.color_trc = context.colorspace = BT709
            context.color_range = LIMITED_RANGE

    def _add_sound(self):
        sound = self._file.add_stream(self._kind.sound, rate=SOUND_RATE_HZ, layout="mono")
        if self._kind.sound_bit_rate:
            sound.bit_rate = self._kind.sound_bit_rate
        return sound

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self.close()
            return
        try:
            self._file.close()
        except (OSError, av.FFmpegError):
            return  # what went wrong first is already on its way

    def write(self, pixels: np.ndarray, sound: np.ndarray | None = None) -> None:
        """Adds a picture and the sound that is heard while it stands.

        Args:
            pixels: uint8 `[H, W, 3]`, or `[H, W, 4]` with straight alpha, which formats without it leave out.
            sound: mono float32 at 48 kHz.
        """
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=SOURCES[pixels.shape[2]])
        frame.pts, frame.time_base = self._frames_done, 1 / self._rate
        self._frames_done += 1
        for converted in self._converted(frame):
            self._mux(self._video, converted)
        if sound is not None:
            self._waiting = np.concatenate([self._waiting, sound])
            self._write_sound(SOUND_FRAME)

    def close(self) -> None:
        """Writes what is left of the sound and finishes the file."""
        self._write_sound(1)
        for frame in self._palette.push(None) if self._palette is not None else ():
            self._mux(self._video, frame)
        for stream in filter(None, (self._video, self._sound)):
            self._mux(stream, None)
        try:
            self._file.close()
        except (OSError, av.FFmpegError) as error:
            raise OutputError(f"{self._path}: {_reason(error)}; free some space and export again.") from error

    def _converted(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """The picture as the encoder takes it; a palette may hold one back."""
        kind = self._kind
        if self._palette is not None:
            yield from self._palette.push(frame.reformat(format="rgba"))
        elif not kind.is_yuv:
            yield self._converter.reformat(frame, format=kind.pixels, threads=1)
        else:
            made = self._converter.reformat(
                frame, format=kind.pixels, dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG",
                threads=1,
            )  # fmt: skip
            made.color_primaries = made.color_trc = BT709
            made.pts, made.time_base = frame.pts, frame.time_base
            yield made

    def _write_sound(self, least: int) -> None:
        """Encodes the waiting sound in whole codec frames, down to a last one of at least `least` samples."""
        while self._sound is not None and len(self._waiting) >= least:
            piece, self._waiting = self._waiting[:SOUND_FRAME], self._waiting[SOUND_FRAME:]
            self._mux(self._sound, self._sound_frame(piece))
            self._samples_done += len(piece)

    def _sound_frame(self, piece: np.ndarray) -> av.AudioFrame:
        planar = np.ascontiguousarray(piece[None], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout="mono")  # the encoder's own format follows
        frame.sample_rate = SOUND_RATE_HZ
        frame.pts = self._samples_done
        frame.time_base = Fraction(1, SOUND_RATE_HZ)
        return frame

    def _mux(self, stream, frame) -> None:
        try:
            for packet in stream.encode(frame):
                self._file.mux(packet)
        except (OSError, av.FFmpegError) as error:
            raise OutputError(f"{self._path}: {_reason(error)}; free some space and export again.") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
