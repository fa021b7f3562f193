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
        has_sound: whether `write` gets sound with every picture.
        crf: H.264 quality, 18 looks lossless.

    Raises:
        OutputError: when the file cannot be written or the disk is full.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], fps: float, *, has_sound: bool = True, crf: int = 18,
        metadata: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._path = path
        self._waiting = np.zeros(0, dtype=np.float32)  # sound not yet encoded
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
        if has_sound:
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

    def write(self, rgb: np.ndarray, sound: np.ndarray | None = None) -> None:
        """Adds a picture, uint8 `[H, W, 3]`, and the sound that is heard while it stands, mono float32 at 48 kHz."""
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts = self._frames_done
        frame.time_base = 1 / self._rate
        self._frames_done += 1
        self._mux(self._video, frame)
        if sound is not None:
            self._waiting = np.concatenate([self._waiting, sound])
            self._write_sound(SOUND_FRAME)

    def close(self) -> None:
        """Writes what is left of the sound and finishes the file."""
        self._write_sound(1)
        for stream in filter(None, (self._video, self._sound)):
            self._mux(stream, None)
        try:
            self._file.close()
        except (OSError, av.FFmpegError) as error:
            raise OutputError(f"{self._path}: {_reason(error)}; free some space and render again.") from error

    def _write_sound(self, least: int) -> None:
        """Encodes the waiting sound in whole codec frames, down to a last one of at least `least` samples."""
        while self._sound is not None and len(self._waiting) >= least:
            piece, self._waiting = self._waiting[:SOUND_FRAME], self._waiting[SOUND_FRAME:]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece[None]), format="fltp", layout="mono")
            frame.sample_rate = SOUND_RATE_HZ
            frame.pts = self._samples_done
            frame.time_base = Fraction(1, SOUND_RATE_HZ)
            self._samples_done += len(piece)
            self._mux(self._sound, frame)

    def _mux(self, stream, frame) -> None:
        try:
            for packet in stream.encode(frame):
                self._file.mux(packet)
        except (OSError, av.FFmpegError) as error:
            raise OutputError(f"{self._path}: {_reason(error)}; free some space and render again.") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
