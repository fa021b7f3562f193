"""A clip's sound: both readers get the same sound at the same time, whatever its rate and wherever the clip starts."""

import numpy as np
import pytest

from engine.export.sound import ArrangedSound, FaceSound, FileSound, HeldSound
from engine.performance.take_edit import TakeEdit


def tone_burst(rate, at, seconds=4.0):
    t = np.arange(int(seconds * rate)) / rate
    return (np.sin(2 * np.pi * 440 * t) * ((t >= at) & (t < at + 0.1))).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("start", [0.0, 2.5])
def test_face_and_file_hear_a_burst_at_its_time(rate, start):
    sound = HeldSound(tone_burst(rate, at=3.0), rate)
    blocks = list(FaceSound(sound, start).heard_until(4.2))
    face = np.concatenate([block.samples for block in blocks])
    assert blocks[0].time == pytest.approx(max(0.0, start - 2.0))
    assert blocks[0].time + np.argmax(np.abs(face) > 0.2) / 16_000 == pytest.approx(3.0, abs=0.002)
    file = FileSound(sound, start).next_samples(round((4.0 - start) * 48_000))
    assert start + np.argmax(np.abs(file) > 0.2) / 48_000 == pytest.approx(3.0, abs=0.002)


def test_after_the_end_both_hear_silence():
    sound = HeldSound(np.full(8_000, 0.5, np.float32), 16_000)
    blocks = list(FaceSound(sound).heard_until(3.0))
    assert blocks[-1].end >= 3.0 and not blocks[-1].samples.any()
    assert not FileSound(sound).next_samples(48_000 * 3)[-48_000:].any()


def burst_at(samples, rate):
    return np.argmax(np.abs(samples) > 0.2) / rate


def arranged(edit, rate=48_000, at=3.0):
    sound = ArrangedSound(HeldSound(tone_burst(rate, at), rate), edit.clips, 4.0)
    return sound, np.concatenate(list(sound.blocks()))


def test_an_uncut_voice_is_the_raw_one_bit_for_bit():
    sound, samples = arranged(TakeEdit())
    assert np.array_equal(samples, tone_burst(48_000, 3.0))
    assert sound.seconds == 4.0


def test_cuts_move_the_voice_and_its_length_to_the_sample():
    sound, samples = arranged(TakeEdit().ripple_cut(4.0, 1.0, 2.25))
    assert len(samples) == round(sound.seconds * 48_000) == round(2.75 * 48_000)
    assert burst_at(samples, 48_000) == pytest.approx(1.75, abs=0.002)


def test_a_lifted_stretch_is_silent():
    _, samples = arranged(TakeEdit().lift(4.0, 2.9, 3.3))
    assert not samples[int(2.91 * 48_000) : int(3.29 * 48_000)].any()
    assert len(samples) == 4 * 48_000


@pytest.mark.parametrize("speed", [0.5, 1.5, 2.0, 4.0])
def test_a_retimed_voice_keeps_its_pitch_and_fills_its_time(speed):
    tone = np.sin(2 * np.pi * 440 * np.arange(4 * 48_000) / 48_000).astype(np.float32)
    edit = TakeEdit().retime(4.0, 0.0, 4.0, speed)
    sound = ArrangedSound(HeldSound(tone, 48_000), edit.clips, 4.0)
    samples = np.concatenate(list(sound.blocks()))
    assert len(samples) == round(4 / speed * 48_000)
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * 48_000 / len(middle) == pytest.approx(440, rel=0.02)


def test_what_was_said_is_heard_where_the_retimed_face_says_it():
    edit = TakeEdit().retime(4.0, 0.0, 4.0, 2.0)
    _, samples = arranged(edit)
    assert burst_at(samples, 48_000) == pytest.approx(1.5, abs=0.03)


def test_cut_edges_do_not_click():
    loud = HeldSound(np.full(4 * 48_000, 0.8, np.float32), 48_000)
    sound = ArrangedSound(loud, TakeEdit().ripple_cut(4.0, 1.0, 2.0).clips, 4.0)
    samples = np.concatenate(list(sound.blocks(1000)))
    assert np.abs(np.diff(samples)).max() < 0.02
