"""The clip writer: picture and sound stay together in every container, alpha survives, a failure is one sentence."""

import json
import shutil
import subprocess

import av
import numpy as np
import pytest
from PIL import Image

from engine.errors import OutputError
from engine.export.formats import FORMATS
from engine.export.video import SOUND_RATE_HZ, VideoWriter

VIDEOS = [kind for kind in FORMATS.values() if kind.kind == "video" and kind.sound]
LOOPS = [kind for kind in FORMATS.values() if kind.kind == "video" and not kind.sound]
SIDE, FPS, N = 96, 25.0, 50


def disc() -> np.ndarray:
    """A soft-edged disc of colour, straight alpha, uint8 `[S, S, 4]`."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
    alpha = np.clip((SIDE * 0.35 - np.hypot(x, y)) / 6 + 0.5, 0, 1)
    pixels = np.zeros((SIDE, SIDE, 4), dtype=np.uint8)
    pixels[..., :3] = 180, 120, 90
    pixels[..., 3] = np.round(255 * alpha)
    return pixels


def write_clip(path, kind, fps=FPS, n_frames=N, flash_at=1.0, dark=None):
    """Dark frames with one white one, and a click at the same moment."""
    dark = np.zeros((48, 64, 3), np.uint8) if dark is None else dark
    voice = np.zeros(int(n_frames / fps * SOUND_RATE_HZ), dtype=np.float32)
    voice[int(flash_at * SOUND_RATE_HZ) :][:240] = 0.9
    with VideoWriter(path, dark.shape[1::-1], fps, kind=kind) as writer:
        for i in range(n_frames):
            picture = dark.copy()
            if abs(i / fps - flash_at) < 0.5 / fps:
                picture[...] = 255
            heard = voice[round(i / fps * SOUND_RATE_HZ) : round((i + 1) / fps * SOUND_RATE_HZ)]
            writer.write(picture if kind.has_alpha or picture.shape[2] == 3 else picture[..., :3], heard)


def pictures(path, kind, format="gray"):
    """Decoded pictures with their times; VP9's alpha is in a layer that only libvpx reads."""
    with av.open(str(path)) as file:
        if kind.container == "webm":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            frames = (f for packet in file.demux(video=0) for f in decoder.decode(packet))
            stream = file.streams.video[0]
            return [(float(f.pts * stream.time_base), f.to_ndarray(format=format)) for f in frames]
        return [(f.time, f.to_ndarray(format=format)) for f in file.decode(video=0)]


def sound_of(path) -> tuple[np.ndarray, float]:
    """The decoded sound on the file's own clock, and when its first sample is heard."""
    with av.open(str(path)) as file:
        pieces = [(f.time, f.to_ndarray()) for f in file.decode(audio=0)]
    scale = 1.0 if pieces[0][1].dtype.kind == "f" else float(np.iinfo(pieces[0][1].dtype).max)
    return np.concatenate([p.reshape(-1) for _, p in pieces]) / scale, pieces[0][0]


@pytest.mark.parametrize("kind", VIDEOS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("fps", [25.0, 23.976])
def test_a_flash_and_a_click_written_together_are_read_back_together(tmp_path, kind, fps):
    flash_at = 24 / fps
    dark = np.zeros((48, 64, 4 if kind.has_alpha else 3), np.uint8)
    write_clip(tmp_path / f"clip{kind.suffix}", kind, fps, flash_at=flash_at, dark=dark)
    shown = [time for time, grey in pictures(tmp_path / f"clip{kind.suffix}", kind) if grey.mean() > 128]
    sound, begins = sound_of(tmp_path / f"clip{kind.suffix}")
    assert len(shown) == 1
    assert abs(shown[0] - flash_at) < 0.002
    assert abs(begins + np.argmax(np.abs(sound) > 0.3) / SOUND_RATE_HZ - flash_at) < 0.005


@pytest.mark.parametrize("kind", VIDEOS, ids=lambda kind: kind.name)
def test_a_clip_has_every_frame_its_length_and_says_its_colours(tmp_path, kind):
    path = tmp_path / f"clip{kind.suffix}"
    write_clip(path, kind, dark=disc() if kind.has_alpha else None)
    with av.open(str(path)) as file:
        video, context = file.streams.video[0], file.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)  # BT.709
        assert abs(float(file.duration) / av.time_base - N / FPS) < 0.05
        assert float(video.average_rate) == pytest.approx(FPS)
    assert len(pictures(path, kind)) == N


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed (Debian: ffmpeg)")
@pytest.mark.parametrize("kind", VIDEOS, ids=lambda kind: kind.name)
def test_another_program_counts_the_same_frames_length_and_colours(tmp_path, kind):
    path = tmp_path / f"clip{kind.suffix}"
    write_clip(path, kind, dark=disc() if kind.has_alpha else None)
    asked = "stream=nb_read_frames,color_space,color_primaries,color_transfer:format=duration"
    command = [
        "ffprobe",
        "-v",
        "error",
        "-count_frames",
        "-select_streams",
        "v:0",
        "-show_entries",
        asked,
        "-of",
        "json",
    ]
    said = json.loads(subprocess.run([*command, str(path)], capture_output=True, text=True, check=True).stdout)
    [video] = said["streams"]
    assert int(video["nb_read_frames"]) == N
    assert {video[f"color_{name}"] for name in ("space", "primaries", "transfer")} == {"bt709"}
    assert abs(float(said["format"]["duration"]) - N / FPS) < 0.05


@pytest.mark.parametrize("kind", [kind for kind in VIDEOS if kind.has_alpha], ids=lambda kind: kind.name)
def test_alpha_survives_over_a_dark_and_a_light_ground(tmp_path, kind):
    path = tmp_path / f"clip{kind.suffix}"
    write_clip(path, kind, n_frames=3, flash_at=9, dark=disc())
    _, made = pictures(path, kind, "rgba")[1]
    given = disc().astype(float)
    for ground in (0.0, 255.0):
        over = [p[..., :3] * p[..., 3:] / 255 + ground * (1 - p[..., 3:] / 255) for p in (given, made.astype(float))]
        assert np.abs(over[0] - over[1]).mean() <= 1.0
    assert made[0, 0, 3] <= 1 and made[SIDE // 2, SIDE // 2, 3] >= 254


@pytest.mark.parametrize("kind", LOOPS, ids=lambda kind: kind.name)
def test_a_loop_plays_for_ever_at_its_rate_with_its_alpha(tmp_path, kind):
    path = tmp_path / f"loop{kind.suffix}"
    given = [np.roll(disc(), 2 * i, axis=1) for i in range(10)]
    with VideoWriter(path, (SIDE, SIDE), FPS, kind=kind, has_sound=True) as writer:
        for picture in given:
            writer.write(picture)
    with Image.open(path) as image:
        assert image.n_frames == 10
        durations = []
        for i, picture in enumerate(given):
            image.seek(i)
            made = np.asarray(image.convert("RGBA")).astype(int)
            durations.append(image.info["duration"])
            solid, empty = picture[..., 3] == 255, picture[..., 3] == 0
            assert np.abs(made - picture)[solid].mean() < 3
            assert made[..., 3][empty].max() == 0
        assert image.info["loop"] == 0
    assert np.allclose(durations, 1000 / FPS)


def test_a_plain_colour_comes_back_as_it_was(tmp_path):
    write_clip(tmp_path / "clip.mp4", FORMATS["mp4"], flash_at=9, dark=np.full((48, 64, 3), (200, 60, 30), np.uint8))
    _, made = pictures(tmp_path / "clip.mp4", FORMATS["mp4"], "rgb24")[10]
    assert np.abs(made.astype(int) - (200, 60, 30)).mean() < 3


def test_an_unwritable_place_is_one_sentence(tmp_path):
    with pytest.raises(OutputError, match="nowhere") as caught:
        VideoWriter(tmp_path / "nowhere" / "clip.mp4", (64, 48), 25.0)
    assert "\n" not in str(caught.value)
