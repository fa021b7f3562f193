"""Reads a video of any container, rate and orientation as pictures at even times, and its voice as one channel.

Pictures come as they are meant to be seen: rotation metadata applied, pixels square. Times count from the first
picture; a variable or other frame rate is resampled by time (the nearest picture wins), so sound and lips agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile

from engine.errors import VideoError

SHORTEST_SECONDS = 2.0
MOST_PIXELS = 8192 * 8192


@dataclass(frozen=True)
class VideoInfo:
    """What the container says, before anything is decoded.

    Attributes:
        width, height: size in pixels as shown (rotated, square pixels).
        rate: mean frames a second, 0 when unknown.
        seconds: length, 0 when unknown.
    """

    width: int
    height: int
    rate: float
    seconds: float
    codec: str
    sound_codec: str
    sound_rate_hz: int


def inspect_video(path: Path) -> VideoInfo:
    """Opens a video and decodes its first picture.

    Raises:
        VideoError: not a file, not a video, no pictures, no sound track, or plainly too short.
    """
    with _opened(path) as container:
        stream = _picture_stream(container, path)
        if not container.streams.audio:
            raise VideoError(f"{path}: has no sound track; an avatar learns its lips from the voice.")
        sound = container.streams.audio[0]
        try:
            first = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise VideoError(f"{path}: its pictures cannot be decoded ({error.strerror}).") from error
        if first is None:
            raise VideoError(f"{path}: holds no picture.")
        if first.width * first.height > MOST_PIXELS:
            raise VideoError(f"{path}: {first.width}x{first.height} is too large; scale it down first.")
        height, width = upright(first, _pixel_aspect(stream)).shape[:2]
        seconds = float(container.duration or 0) / av.time_base
        if 0 < seconds < SHORTEST_SECONDS:
            raise VideoError(_too_short(path, seconds))
        return VideoInfo(
            width, height, float(stream.average_rate or 0), seconds, stream.codec_context.name,
            sound.codec_context.name, int(sound.rate or 0),
        )  # fmt: skip


def read_pictures(path: Path, fps: float) -> Iterator[tuple[int, np.ndarray]]:
    """Yields `(index, rgb)`, uint8 `[H, W, 3]`, at times index / fps after the first picture.

    A video that breaks off is read as far as it goes. A picture that is shown longer than 1 / fps is yielded again
    (the very same array).

    Raises:
        VideoError: if it cannot be opened or nothing can be decoded.
    """
    n_read = 0
    shown: tuple[float, av.VideoFrame] | None = None
    aspect = 1.0
    for time, frame, aspect in _timed_frames(path):
        if shown is not None:
            n_due = int(np.ceil((shown[0] + time) / 2 * fps - 1e-6))
            if n_due > n_read:
                rgb = upright(shown[1], aspect)
                yield from ((index, rgb) for index in range(n_read, n_due))
                n_read = n_due
        shown = time, frame
    if shown is None:
        raise VideoError(f"{path}: no picture of it can be decoded.")
    last = float((shown[1].duration or 0) * shown[1].time_base) or 1 / fps
    rgb = upright(shown[1], aspect)
    yield from ((index, rgb) for index in range(n_read, max(n_read + 1, round((shown[0] + last) * fps))))


def extract_sound(path: Path, wav: Path, seconds: float, delay_s: float = 0.0) -> None:
    """Writes the voice beside the pictures: mono WAV at its own rate, from the first picture on, `seconds` long.

    Args:
        delay_s: how much later than in the video the voice is laid; negative brings it forward.

    Raises:
        VideoError: if the sound cannot be decoded or is empty.
    """
    with _opened(path) as container:
        start = _first_picture_time(container, path)
    pieces = []
    rate = 0
    with _opened(path) as container:
        sound = container.streams.audio[0]
        resampler = None
        try:
            for frame in container.decode(sound):
                if resampler is None:
                    rate = frame.sample_rate
                    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
                    begin = float(frame.time or 0)
                pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        except av.FFmpegError as error:
            if not pieces:
                raise VideoError(f"{path}: its sound cannot be decoded ({error.strerror}).") from error
    if not pieces:
        raise VideoError(f"{path}: its sound track is empty; an avatar learns its lips from the voice.")
    samples = np.concatenate(pieces).astype(np.float32)
    soundfile.write(
        wav, _placed(samples, round((begin - start + delay_s) * rate), round(seconds * rate)), rate, subtype="PCM_16"
    )


def upright(frame: av.VideoFrame, aspect: float = 1.0) -> np.ndarray:
    """A decoded frame as it is meant to be seen: uint8 `[H, W, 3]`, rotated, its pixels `aspect` wide made square."""
    width = max(1, round(frame.width * aspect))
    rgb = frame.to_ndarray(format="rgb24", width=width, height=frame.height)
    quarter_turns = round((frame.rotation or 0) / 90) % 4  # the display matrix counts counter-clockwise, as rot90 does
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb


def check_length(path: Path, n_frames: int, fps: float) -> None:
    """Raises VideoError if what was decoded is too short to learn from."""
    if n_frames / fps < SHORTEST_SECONDS - 0.5 / fps:
        raise VideoError(_too_short(path, n_frames / fps))


def _too_short(path: Path, seconds: float) -> str:
    return (
        f"{path}: is only {seconds:.1f} s long; at least {SHORTEST_SECONDS:g} s are needed, and minutes make a better "
        "avatar."
    )


def _opened(path: Path) -> av.container.InputContainer:
    if not Path(path).is_file():
        raise VideoError(f"{path}: there is no such file.")
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"{path}: is not a video this program can read ({reason}).") from error


def _picture_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        raise VideoError(f"{path}: has no pictures, only sound or data; a video of a person talking is needed.")
    streams[0].thread_type = "AUTO"
    return streams[0]


def _pixel_aspect(stream: av.VideoStream) -> float:
    aspect = stream.sample_aspect_ratio
    return float(aspect) if aspect and aspect > 0 else 1.0


def _timed_frames(path: Path) -> Iterator[tuple[float, av.VideoFrame, float]]:
    """Frames with rising times in seconds from the first one, and the aspect of their pixels."""
    with _opened(path) as container:
        stream = _picture_stream(container, path)
        step = 1 / float(stream.average_rate or 25)
        aspect = _pixel_aspect(stream)
        first, last, n_frames = None, -np.inf, 0
        try:
            for frame in container.decode(stream):
                time = frame.time if frame.time is not None else (first or 0) + n_frames * step
                first = time if first is None else first
                if time - first > last:
                    last = time - first
                    n_frames += 1
                    yield last, frame, aspect
        except av.FFmpegError as error:
            if n_frames == 0:
                raise VideoError(f"{path}: its pictures cannot be decoded ({error.strerror}).") from error


def _first_picture_time(container: av.container.InputContainer, path: Path) -> float:
    first = next(container.decode(_picture_stream(container, path)), None)
    return float(first.time or 0) if first is not None else 0.0


def _placed(samples: np.ndarray, offset: int, length: int) -> np.ndarray:
    """Samples shifted by `offset` (positive: they start later), padded and cut to `length`."""
    out = np.zeros(length, np.float32)
    source = samples[max(0, -offset) :]
    start = min(max(0, offset), length)
    n = min(len(source), length - start)
    out[start : start + n] = source[:n]
    return out
