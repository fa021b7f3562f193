"""Writing a clip: H.264 and AAC in MP4, sound and picture interleaved so that the file can be cut off anywhere."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from engine.errors import OutputError

SOUND_RATE_HZ = 48_000
SOUND_FRAME = 1_024
BT709 = 1


class VideoWriter:
    """An MP4 being written: pictures in order, sound as it is due. Use as a context manager.

    Args:
        path: where; the caller renames it when everything went well.
        size: width and height in pixels, even.
        fps: pictures a second.
        voice: mono float32 at 48 kHz, or None for a silent clip.
        crf: H.264 quality, 18 looks lossless.

    Raises:
        OutputError: when the file cannot be written or the disk is full.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], fps: float, voice: np.ndarray | None, *, crf: int = 18,
        metadata: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._path = path
        self._voice = voice
        self._samples_done = 0
        self._frames_done = 0
        self._rate = Fraction(fps).limit_denominator(1001)
        self._file = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart+use_metadata_tags"})
        self._file.metadata.update(metadata or {})
        self._video = self._file.add_stream("libx264", rate=self._rate, options={"crf": str(crf), "preset": "medium"})
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = 1 / self._rate
        context = self._video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        self._sound = None
        if voice is not None:
            self._sound = self._file.add_stream("aac", rate=SOUND_RATE_HZ, layout="mono")
            self._sound.bit_rate = 160_000
        try:
            self._file.start_encoding()
        except (OSError, av.FFmpegError) as error:
            raise OutputError(f"{path}: {_reason(error)}; choose a folder you can write to.") from error

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def write(self, rgb: np.ndarray) -> None:
        """Adds a picture, uint8 `[H, W, 3]`, and the sound up to its end."""
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts = self._frames_done
        frame.time_base = 1 / self._rate
        self._frames_done += 1
        self._mux(self._video, frame)
        self._write_sound(int(self._frames_done / self._rate * SOUND_RATE_HZ))

    def close(self) -> None:
        """Writes the rest of the sound (padded or cut to the picture's length) and finishes the file."""
        self._write_sound(int(self._frames_done / self._rate * SOUND_RATE_HZ), last=True)
        for stream in filter(None, (self._video, self._sound)):
            self._mux(stream, None)
        try:
            self._file.close()
        except (OSError, av.FFmpegError) as error:
            raise OutputError(f"{self._path}: {_reason(error)}; free some space and render again.") from error

    def _write_sound(self, until: int, last: bool = False) -> None:
        while self._sound is not None and self._samples_done < until:
            n = min(SOUND_FRAME, until - self._samples_done)
            if n < SOUND_FRAME and not last:
                return
            piece = self._voice[self._samples_done : self._samples_done + n]
            piece = np.pad(piece, (0, n - len(piece))).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(piece[None], format="fltp", layout="mono")
            frame.sample_rate = SOUND_RATE_HZ
            frame.pts = self._samples_done
            frame.time_base = Fraction(1, SOUND_RATE_HZ)
            self._samples_done += n
            self._mux(self._sound, frame)

    def _mux(self, stream, frame) -> None:
        try:
            for packet in stream.encode(frame):
                self._file.mux(packet)
        except (OSError, av.FFmpegError) as error:
            raise OutputError(f"{self._path}: {_reason(error)}; free some space and render again.") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
