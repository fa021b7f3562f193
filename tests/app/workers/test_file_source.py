"""A file in the microphone's place: its own samples, on time, over and over, and a word when it is damaged."""

import threading
import time

import numpy as np
import pytest

from app.workers.file_source import FileSource, _Played
from engine.audio.ring import SampleRing, SourceState
from engine.audio.wav import write_wav
from engine.errors import AudioError

RATE = 22_050


@pytest.fixture
def ring(tmp_path) -> SampleRing:
    return SampleRing.create(tmp_path / "voice.ring", 48_000, 20.0)


@pytest.fixture
def sound(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, RATE // 4)
    samples = np.convolve(noise, np.ones(12) / 12, "same").astype(np.float32)  # nothing that resampling takes away
    write_wav(tmp_path / "sound.wav", samples, RATE, bits=32)
    return tmp_path / "sound.wav", samples


def wait(condition, seconds: float = 60.0) -> None:
    """Waits for what another thread does."""
    end, nothing = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        nothing.wait(0.005)


def test_the_files_samples_arrive_at_its_rate_and_go_round(ring, sound):
    path, samples = sound
    source = FileSource(path, ring, None, print)
    source.start()
    wait(lambda: ring.written > 2.6 * RATE // 2)
    source.stop()
    read, first = ring.read(0, ring.written)
    assert first == 0 and ring.rate_hz == RATE and ring.state == SourceState.NONE
    assert np.array_equal(read[: len(samples)], samples)
    again = len(samples) + round(0.6 * 100) * round(RATE / 100)
    assert not read[len(samples) : again].any()
    assert np.array_equal(read[again : again + 1000], samples[:1000])


def test_samples_lie_on_the_clock(ring, sound):
    source = FileSource(sound[0], ring, None, print)
    begun = time.perf_counter()
    source.start()
    wait(lambda: ring.written > 0)
    assert begun - 0.01 < ring.time_of(0) < time.perf_counter()
    wait(lambda: ring.written > RATE)
    source.stop()
    assert ring.time_of(RATE) - ring.time_of(0) == pytest.approx(1.0, abs=1e-6)


def test_what_is_played_is_the_same_sound_at_the_players_rate_and_later(ring, sound, tmp_path):
    output = SampleRing.create(tmp_path / "output.ring", 44_100, 20.0)
    source = FileSource(sound[0], ring, output, print)
    source.output_delay_s = 0.25
    source.start()
    wait(lambda: output.written > 44_100)
    source.stop()
    played, _ = output.read(0, output.written)
    delay = round(0.25 * 44_100)
    assert not played[: delay - 100].any()
    assert np.corrcoef(played[delay + 44 : delay + 44 + 8000 : 2], sound[1][:4000])[0, 1] > 0.95


def test_a_delay_that_changes_is_reached_without_a_gap(ring, sound, tmp_path):
    output = SampleRing.create(tmp_path / "output.ring", 44_100, 20.0)
    played = _Played(output, RATE, 0.1)
    noise = np.random.default_rng(1).uniform(0.2, 0.5, (300, RATE // 100)).astype(np.float32)
    for block in noise[:20]:
        played.write(block, 0.1)
    before = output.written
    for block in noise[20:]:
        played.write(block, 0.2)
    lengthened = (output.written - before) / 44_100 - 2.8 * (RATE // 100 * 100 / RATE)
    assert lengthened == pytest.approx(0.1, abs=0.012)
    samples, first = output.read(round(0.15 * 44_100), output.written)
    assert samples.min() > 0.05 and first > 0


def test_a_muted_file_keeps_time_in_silence(ring, sound):
    ring.is_muted = True
    source = FileSource(sound[0], ring, None, print)
    source.start()
    wait(lambda: ring.written > 2000)
    source.stop()
    assert not ring.read(0, 2000)[0].any()


def test_a_file_that_is_no_sound_is_refused_at_once(ring, tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("no sound")
    with pytest.raises(AudioError, match=r"text\.wav"):
        FileSource(path, ring, None, print)


def test_a_file_that_goes_wrong_on_the_way_is_told(ring, tmp_path):
    samples = np.zeros(RATE // 5, dtype=np.float32)
    samples[RATE // 10] = np.nan
    write_wav(tmp_path / "nan.wav", samples, RATE, bits=32)
    told = []
    source = FileSource(tmp_path / "nan.wav", ring, None, told.append)
    source.start()
    wait(lambda: bool(told))
    source.stop()
    assert "nan.wav" in told[0] and "not numbers" in told[0]
