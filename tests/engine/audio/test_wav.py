"""Sound files."""

import av
import numpy as np
import pytest
import soundfile

from engine.audio.wav import SoundReader, read_sound, write_wav
from engine.errors import AudioError, OutputError


def voice(rate_hz=16_000, seconds=0.5):
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * 220 * time) * (time < 0.4)).astype(np.float32)


@pytest.mark.parametrize(("bits", "error"), [(16, 3.1e-5), (24, 1e-6), (32, 0)])
def test_what_was_written_is_read_back(tmp_path, bits, error):
    write_wav(tmp_path / "v.wav", voice(), 16_000, bits)
    samples, rate = read_sound(tmp_path / "v.wav")
    assert rate == 16_000 and samples.dtype == np.float32
    np.testing.assert_allclose(samples, voice(), atol=error)


@pytest.mark.parametrize("name", ["v.flac", "v.ogg", "v.mp3"])
def test_formats_of_soundfile_are_read(tmp_path, name):
    soundfile.write(tmp_path / name, voice(44_100), 44_100)
    samples, rate = read_sound(tmp_path / name, rate_hz=None)
    assert rate == 44_100
    assert np.corrcoef(samples[: len(voice(44_100))], voice(44_100))[0, 1] > 0.99


def test_the_sound_of_an_m4a_or_a_video_is_read(tmp_path):
    path = tmp_path / "v.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(voice(48_000)[None], format="fltp", layout="mono")
        frame.rate = 48_000
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples, rate = read_sound(path)
    assert rate == 16_000
    assert np.corrcoef(samples[: len(voice())], voice())[0, 1] > 0.99


def test_channels_are_mixed_to_one_and_the_rate_is_changed(tmp_path):
    left, right = voice(48_000), np.zeros(24_000, dtype=np.float32)
    soundfile.write(tmp_path / "v.wav", np.stack([left, right], axis=1), 48_000, subtype="FLOAT")
    samples, rate = read_sound(tmp_path / "v.wav")
    assert (rate, len(samples)) == (16_000, 8_000)
    np.testing.assert_allclose(samples[50:6_000], voice()[50:6_000] / 2, atol=0.003)


@pytest.mark.parametrize("n", [1, 999, 1_000, 8_000, 20_000])
def test_blocks_are_the_whole_file_in_order(tmp_path, n):
    write_wav(tmp_path / "v.wav", voice(), 16_000, 32)
    blocks = list(SoundReader(tmp_path / "v.wav").blocks(n))
    assert {len(block) for block in blocks[:-1]} <= {n}
    np.testing.assert_array_equal(np.concatenate(blocks), voice())


def damaged(tmp_path, kind):
    path = tmp_path / f"{kind}.wav"
    write_wav(path, voice(), 16_000)
    data = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "cut in the header":
        path.write_bytes(data[:20])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "no samples":
        write_wav(path, np.zeros(0), 16_000)
    elif kind == "text":
        path.write_text("this is not a sound\n" * 50)
    elif kind == "missing":
        path.unlink()
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    elif kind == "not numbers":
        samples = voice()
        samples[4_000] = np.nan
        write_wav(path, samples, 16_000, 32)
    elif kind == "truncated flac":
        soundfile.write(path, np.random.default_rng(0).standard_normal(16_000) * 0.1, 16_000, format="FLAC")
        path.write_bytes(path.read_bytes()[:9_000])
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("truncated", "incomplete"),
        ("cut in the header", "no sound in it"),
        ("empty", "0 bytes"),
        ("no samples", "0 samples"),
        ("text", "not a sound file"),
        ("missing", "No such file"),
        ("folder", "folder"),
        ("not numbers", "not numbers at 0.25 s"),
        ("truncated flac", "damaged|incomplete"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path, kind, says):
    path = damaged(tmp_path, kind)
    with pytest.raises(AudioError, match=says) as raised:
        read_sound(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_video_without_sound_says_so(tmp_path):
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="no sound track"):
        read_sound(path)


def test_a_wav_that_was_piped_has_an_unknown_size_and_is_read_to_its_end(tmp_path):
    path = tmp_path / "v.wav"
    write_wav(path, voice(), 16_000)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(read_sound(path)[0]) == len(voice())


def test_an_unwritable_place_is_an_output_error(tmp_path):
    with pytest.raises(OutputError):
        write_wav(tmp_path / "nowhere" / "v.wav", voice(), 16_000)
    assert not list(tmp_path.iterdir())


@pytest.mark.shared
def test_the_real_speech_files_are_read(shared_data):
    for path in sorted((shared_data / "speech").glob("*.wav")):
        samples, rate = read_sound(path)
        assert rate == 16_000 and len(samples) > 16_000 and 0.01 < np.abs(samples).max() < 1.2
