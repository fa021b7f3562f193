"""The clip writer: picture and sound stay together, lengths agree, a failure is one sentence."""

import av
import numpy as np
import pytest

from engine.errors import OutputError
from engine.export.video import SOUND_RATE_HZ, VideoWriter


def write_clip(path, fps=25.0, n_frames=50, flash_at=1.0):
    """Black frames with one white one, and a click at the same moment."""
    voice = np.zeros(int(n_frames / fps * SOUND_RATE_HZ), dtype=np.float32)
    voice[int(flash_at * SOUND_RATE_HZ) :][:240] = 0.9
    with VideoWriter(path, (64, 48), fps) as writer:
        for i in range(n_frames):
            white = abs(i / fps - flash_at) < 0.5 / fps
            heard = voice[round(i / fps * SOUND_RATE_HZ) : round((i + 1) / fps * SOUND_RATE_HZ)]
            writer.write(np.full((48, 64, 3), 255 if white else 0, dtype=np.uint8), heard)


def read_clip(path):
    """Times of the flash and of the click, and both lengths in seconds."""
    with av.open(str(path)) as file:
        flash = [float(f.pts * f.time_base) for f in file.decode(video=0) if f.to_ndarray(format="gray").mean() > 128]
    with av.open(str(path)) as file:
        pieces = [(float(f.pts * f.time_base), f.to_ndarray()[0]) for f in file.decode(audio=0)]
    sound = np.zeros(int((pieces[-1][0] + 0.1) * SOUND_RATE_HZ), dtype=np.float32)
    for time, samples in pieces:
        start = max(0, round(time * SOUND_RATE_HZ))
        sound[start : start + len(samples)] = samples[: len(sound) - start]
    return flash, float(np.argmax(np.abs(sound) > 0.3) / SOUND_RATE_HZ)


@pytest.mark.parametrize("fps", [25.0, 30.0, 23.976])
def test_a_flash_and_a_click_written_together_are_read_back_together(tmp_path, fps):
    flash_at = 24 / fps
    write_clip(tmp_path / "clip.mp4", fps=fps, flash_at=flash_at)
    flash, click = read_clip(tmp_path / "clip.mp4")
    assert len(flash) == 1
    assert abs(flash[0] - flash_at) < 0.002
    assert abs(click - flash_at) < 0.005


def test_a_clip_has_every_frame_and_says_its_colours(tmp_path):
    write_clip(tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 50
        assert file.streams.video[0].codec_context.colorspace == 1  # BT.709
        assert abs(float(file.duration) / av.time_base - 2.0) < 0.05


def test_an_unwritable_place_is_one_sentence(tmp_path):
    with pytest.raises(OutputError, match="nowhere") as caught:
        VideoWriter(tmp_path / "nowhere" / "clip.mp4", (64, 48), 25.0)
    assert "\n" not in str(caught.value)
