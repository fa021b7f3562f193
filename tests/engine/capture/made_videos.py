"""Small videos made on the spot: any times, any rotation, with or without sound."""

from fractions import Fraction

import av
import numpy as np

SOUND_RATE_HZ = 16000


def numbered(n_frames: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Grey pictures whose brightness tells their number: 8 more each frame, over and over."""
    return [np.full((size[1], size[0], 3), 20 + 8 * (i % 27), np.uint8) for i in range(n_frames)]


def write_video(path, pictures, times=None, fps=25, sound=True, turned_deg=0, sound_from=0.0, click_at=None) -> None:
    """Writes pictures (uint8 `[H, W, 3]`) at `times` (seconds), a sound track beside them, and a rotation to apply."""
    times = np.arange(len(pictures)) / fps if times is None else np.asarray(times)
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=1000)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt, video.options = "yuv420p", {"crf": "12", "preset": "ultrafast", "bf": "0"}
        video.codec_context.time_base = Fraction(1, 1000)
        if turned_deg:
            video.set_display_rotation(turned_deg)
        voice = file.add_stream("aac", rate=SOUND_RATE_HZ, layout="mono") if sound else None
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), video.codec_context.time_base
            file.mux(video.encode(frame))
        file.mux(video.encode())
        if sound:
            _write_sound(file, voice, times[-1] + 1 / fps, sound_from, click_at)


def _write_sound(file, voice, seconds, start, click_at) -> None:
    samples = 0.1 * np.sin(np.arange(round((seconds - start) * SOUND_RATE_HZ)) * 0.05).astype(np.float32)
    if click_at is not None:
        samples[:] = 0
        samples[round((click_at - start) * SOUND_RATE_HZ) :][:320] = 0.9
    for i in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, i : i + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SOUND_RATE_HZ, i + round(start * SOUND_RATE_HZ)
        file.mux(voice.encode(frame))
    file.mux(voice.encode())
