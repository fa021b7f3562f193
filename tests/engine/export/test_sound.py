"""A clip's sound: both readers get the same sound at the same time, whatever its rate and wherever the clip starts."""

import numpy as np
import pytest

from engine.export.sound import ClipSound, HeldSound


def tone_burst(rate, at, seconds=4.0):
    t = np.arange(int(seconds * rate)) / rate
    return (np.sin(2 * np.pi * 440 * t) * ((t >= at) & (t < at + 0.1))).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("start", [0.0, 2.5])
def test_face_and_file_hear_a_burst_at_its_time(rate, start):
    sound = ClipSound(HeldSound(tone_burst(rate, at=3.0), rate), start)
    blocks = list(sound.heard_until(4.2))
    face = np.concatenate([block.samples for block in blocks])
    assert blocks[0].time == pytest.approx(max(0.0, start - 2.0))
    assert blocks[0].time + np.argmax(np.abs(face) > 0.2) / 16_000 == pytest.approx(3.0, abs=0.002)
    file = sound.next_samples(round((4.0 - start) * 48_000))
    assert start + np.argmax(np.abs(file) > 0.2) / 48_000 == pytest.approx(3.0, abs=0.002)


def test_after_the_end_both_hear_silence():
    sound = ClipSound(HeldSound(np.full(8_000, 0.5, np.float32), 16_000), 0.0)
    blocks = list(sound.heard_until(3.0))
    assert blocks[-1].end >= 3.0 and not blocks[-1].samples.any()
    assert not sound.next_samples(48_000 * 3)[-48_000:].any()
