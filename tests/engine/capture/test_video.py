"""Reading videos: times, rotation, sound, and one sentence for what cannot be read."""

import numpy as np
import pytest
import soundfile

from engine.capture.video import check_length, extract_sound, inspect_video, read_pictures
from engine.errors import VideoError
from tests.engine.capture.made_videos import numbered, write_video


def numbers(path, fps) -> list[int]:
    """Which frame each picture read is, told by its brightness."""
    return [round((float(rgb.mean()) - 20) / 8) % 27 for _, rgb in read_pictures(path, fps)]


def test_pictures_at_the_video_s_own_rate_are_read_one_by_one(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(60))
    assert numbers(tmp_path / "a.mp4", 25) == [i % 27 for i in range(60)]


def test_another_rate_is_resampled_by_time(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(75), fps=30)
    read = numbers(tmp_path / "a.mp4", 25)
    nearest = [round(k / 25 * 30) % 27 for k in range(len(read))]
    off = [(a - b) % 27 for a, b in zip(read, nearest, strict=True)]
    assert abs(len(read) - 62.5) < 1
    assert set(off) <= {0, 26}  # halfway between two, either is nearest


def test_a_variable_frame_rate_is_handled(tmp_path):
    times = np.concatenate([np.arange(20) / 25, 0.8 + np.arange(10) / 10, 1.8 + np.arange(20) / 50])
    write_video(tmp_path / "a.mp4", numbered(50), times=times)
    read = list(read_pictures(tmp_path / "a.mp4", 25))
    assert [index for index, _ in read] == list(range(len(read)))
    assert abs(len(read) / 25 - 2.2) < 0.06
    shown = numbers(tmp_path / "a.mp4", 25)
    wanted = [int(np.argmin(np.abs(times - k / 25))) % 27 for k in range(len(shown))]
    assert max(min((a - b) % 27, (b - a) % 27) for a, b in zip(shown, wanted, strict=True)) <= 1


@pytest.mark.parametrize("turned_deg", [90, 180, -90])
def test_rotation_metadata_is_applied(tmp_path, turned_deg):
    upright = np.full((96, 64, 3), 40, np.uint8)
    upright[:48, :32] = 230  # bright at the top left
    stored = np.ascontiguousarray(np.rot90(upright, -turned_deg // 90))
    write_video(tmp_path / "a.mp4", [stored] * 55, turned_deg=turned_deg)
    _, rgb = next(read_pictures(tmp_path / "a.mp4", 25))
    assert rgb.shape == (96, 64, 3)
    assert rgb[:40, :24].mean() > 200 > 80 > rgb[56:, 40:].mean()
    info = inspect_video(tmp_path / "a.mp4")
    assert (info.width, info.height) == (64, 96)


@pytest.mark.parametrize("sound_from", [0.0, 0.5])
def test_sound_stays_beside_the_pictures(tmp_path, sound_from):
    write_video(tmp_path / "a.mp4", numbered(60), sound_from=sound_from, click_at=1.4)
    extract_sound(tmp_path / "a.mp4", tmp_path / "a.wav", 60 / 25)
    samples, rate = soundfile.read(tmp_path / "a.wav")
    assert rate == 16000 and samples.ndim == 1
    assert len(samples) == round(60 / 25 * rate)
    assert abs(np.argmax(np.abs(samples) > 0.4) / rate - 1.4) < 0.03


def test_sound_that_runs_ahead_of_its_picture_is_laid_later(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(60), click_at=1.2)
    extract_sound(tmp_path / "a.mp4", tmp_path / "a.wav", 60 / 25, delay_s=0.2)
    samples, rate = soundfile.read(tmp_path / "a.wav")
    assert len(samples) == round(60 / 25 * rate)
    assert abs(np.argmax(np.abs(samples) > 0.4) / rate - 1.4) < 0.03


@pytest.mark.parametrize(
    ("name", "says"), [("missing.mp4", "no such file"), ("text.mp4", "not a video"), ("sound.wav", "no pictures")]
)
def test_what_is_no_video_is_refused_in_one_sentence(tmp_path, name, says):
    (tmp_path / "text.mp4").write_text("not a video at all")
    soundfile.write(tmp_path / "sound.wav", np.zeros(40000), 16000)
    with pytest.raises(VideoError, match=says) as caught:
        inspect_video(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_a_video_without_sound_is_refused(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(60), sound=False)
    with pytest.raises(VideoError, match="no sound track"):
        inspect_video(tmp_path / "a.mp4")


def test_a_clip_of_one_second_is_refused(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(25))
    with pytest.raises(VideoError, match=r"only 1\.0 s long"):
        inspect_video(tmp_path / "a.mp4")
    with pytest.raises(VideoError, match="is only"):
        check_length(tmp_path / "a.mp4", 25, 25)


def test_a_video_that_breaks_off_is_read_as_far_as_it_goes(tmp_path):
    write_video(
        tmp_path / "a.mkv", [np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8) for i in range(90)]
    )
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    n_read = sum(1 for _ in read_pictures(tmp_path / "cut.mkv", 25))
    assert 20 < n_read < 80
