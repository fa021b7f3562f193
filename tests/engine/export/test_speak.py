"""Sound files of any kind become takes; long ones stream."""

import tracemalloc
import wave

import av
import numpy as np
import pytest
import soundfile

from engine.errors import AudioError, MouthpieceError
from engine.export import speak as speaking
from engine.take import load_take
from engine.take_voice import TakeVoice
from tests.fakes import avatar as fake
from tests.fakes.motion import made_motion


@pytest.fixture(autouse=True)
def fake_avatars(monkeypatch):
    monkeypatch.setattr(speaking, "load_avatar", fake.load)


def voice_of(seconds=2.0, rate=44_100):
    t = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * 220 * t) * (t > seconds / 2)).astype(np.float32)


def write_voice(path, samples, rate=44_100):
    if path.suffix in (".wav", ".flac", ".mp3"):
        soundfile.write(path, samples, rate)
        return path
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return path


def spoken(tmp_path, voice):
    avatar = fake.save(tmp_path / "a.avatar")
    return list(speaking.speak(avatar, voice, tmp_path / "t.take"))


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "m4a"])
def test_a_dropped_sound_becomes_a_take_that_speaks_it(tmp_path, ending):
    spoken(tmp_path, write_voice(tmp_path / f"v.{ending}", voice_of()))
    take = load_take(tmp_path / "t.take")
    assert take.info.name == "v"
    assert take.seconds == pytest.approx(2.0, abs=0.12)
    mouth = take.result[:, take.schema.index("lip.00")]
    assert mouth[take.times < 0.9].max() < 0.1 < 0.5 < mouth[(take.times > 1.2) & (take.times < 1.9)].min()
    assert np.diff(take.times) == pytest.approx(1 / 30)


def test_the_voice_of_a_take_is_read_in_pieces_and_whole_alike(tmp_path):
    spoken(tmp_path, write_voice(tmp_path / "v.wav", voice_of()))
    whole = load_take(tmp_path / "t.take").voice
    voice = TakeVoice(tmp_path / "t.take")
    assert np.array_equal(np.concatenate(list(voice.blocks(1_000))), whole)
    assert np.array_equal(voice.read(50_000, 100), whole[50_000:50_100])
    assert len(voice.read(len(whole) - 5, 100)) == 5
    np.testing.assert_allclose(whole, voice_of(), atol=1e-4)


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path):
    peaks = []
    for name, seconds in (("short", 12), ("long", 36)):
        path = tmp_path / f"{name}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            for _ in range(seconds):
                file.writeframes(np.random.default_rng(0).integers(-3000, 3000, 16_000, dtype=np.int16).tobytes())
        tracemalloc.start()
        for step in speaking.speak(fake.save(tmp_path / "a.avatar"), path, tmp_path / "t.take"):
            if step.stage == "Speaking":
                peak = tracemalloc.get_traced_memory()[1]
        peaks.append(peak)
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_silent_and_a_clipped_voice_are_spoken_with_a_word_about_it(tmp_path):
    assert "silent" in spoken(tmp_path, write_voice(tmp_path / "s.wav", np.zeros(32_000, np.float32)))[-1].message
    loud = np.sign(voice_of()) + np.float32(1e-9)
    assert "clipped" in spoken(tmp_path, write_voice(tmp_path / "c.wav", loud.astype(np.float32)))[-1].message


@pytest.mark.parametrize("content", [b"", b"not a sound at all" * 100])
def test_what_is_no_sound_is_one_sentence_and_leaves_nothing(tmp_path, content):
    (tmp_path / "v.wav").write_bytes(content)
    with pytest.raises(AudioError):
        spoken(tmp_path, tmp_path / "v.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.avatar", "v.wav"]


def test_a_stopped_or_impossible_take_leaves_nothing(tmp_path):
    avatar, voice = fake.save(tmp_path / "a.avatar"), write_voice(tmp_path / "v.wav", voice_of())
    work = speaking.speak(avatar, voice, tmp_path / "t.take")
    next(step for step in work if step.stage == "Speaking")
    work.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.avatar", "v.wav"]
    with pytest.raises(MouthpieceError, match="nowhere"):
        list(speaking.speak(avatar, voice, tmp_path / "nowhere" / "t.take"))


def test_the_voice_moves_the_head_of_a_take_where_it_is_asked_to(tmp_path):
    avatar, voice = fake.save(tmp_path / "a.avatar"), write_voice(tmp_path / "v.wav", voice_of(5.0))
    made_motion().save(tmp_path / "m.motion")
    yaws = {}
    for name, motion in {"still": None, "moved": tmp_path / "m.motion"}.items():
        list(speaking.speak(avatar, voice, tmp_path / f"{name}.take", idle=False, head_motion=motion))
        take = load_take(tmp_path / f"{name}.take")
        yaws[name] = take.driven[:, take.schema.index("pose.yaw")]
    assert not yaws["still"].any() and yaws["moved"].std() > 0.3
