"""High-pass, gain, meter and gate."""

import numpy as np
import pytest

from engine.audio.voice import SILENCE_DB, Gain, Gate, HighPass, LevelMeter, Voice
from engine.errors import AudioError

BLOCK = 160


def tone(db, seconds, hz=400.0, start=0):
    number = np.arange(start, start + round(seconds * 16_000))
    return (10 ** (db / 20) * np.sqrt(2) * np.sin(2 * np.pi * hz * number / 16_000)).astype(np.float32)


def through(stage, sound, block=BLOCK):
    return np.concatenate([stage.push(sound[i : i + block]) for i in range(0, len(sound), block)])


def rms_db(sound):
    return 20 * np.log10(np.sqrt(np.mean(np.square(sound, dtype=np.float64))) + 1e-9)


def test_high_pass_takes_rumble_and_offset_and_leaves_the_voice():
    assert rms_db(through(HighPass(80), tone(-20, 1, hz=20))[4_000:]) < -40
    assert rms_db(through(HighPass(80), tone(-20, 1, hz=300))[4_000:]) == pytest.approx(-20, abs=0.2)
    assert np.abs(through(HighPass(80), np.full(4_000, 0.3, dtype=np.float32))).max() < 1e-4


def test_high_pass_does_not_depend_on_the_block_size():
    sound = tone(-20, 0.5, hz=90)
    np.testing.assert_allclose(through(HighPass(), sound, 37), through(HighPass(), sound, 999), atol=1e-6)


def test_high_pass_is_the_butterworth_of_scipy():
    from scipy.signal import butter, sosfilt, sosfilt_zi

    sound = np.random.default_rng(0).normal(0.1, 0.2, 4_000).astype(np.float32)
    sections = butter(2, 120.0, "highpass", fs=16_000, output="sos")
    wanted, _ = sosfilt(sections, sound, zi=sosfilt_zi(sections) * sound[0])
    np.testing.assert_allclose(through(HighPass(120.0), sound), wanted, atol=1e-6)


def test_a_gain_change_has_no_click():
    gain = Gain()
    first = gain.push(tone(-20, 0.01))
    gain.db = 12
    second = gain.push(tone(-20, 0.01, start=160))
    third = gain.push(tone(-20, 0.01, start=320))
    steps = np.abs(np.diff(np.concatenate([first, second, third])))
    assert steps.max() <= 1.1 * np.abs(np.diff(third)).max()
    assert rms_db(first) == pytest.approx(-20, abs=0.01) and rms_db(third) == pytest.approx(-8, abs=0.01)


def test_the_meter_reads_a_tone_as_what_it_is():
    meter = LevelMeter()
    for i in range(100):
        level = meter.push(tone(-18, 0.01, start=160 * i))
    assert level.rms_db == pytest.approx(-18, abs=0.2)
    assert level.peak_db == pytest.approx(-15, abs=0.2)
    assert not level.has_clipped


def test_the_peak_holds_and_then_falls_and_clipping_shows_for_two_seconds():
    meter = LevelMeter()
    meter.push(np.array([1.0], dtype=np.float32))
    silence = np.zeros(BLOCK, dtype=np.float32)
    levels = [meter.push(silence) for _ in range(300)]
    assert levels[95].peak_db == 0 and levels[95].has_clipped
    assert levels[199].peak_db == pytest.approx(-20, abs=0.5) and levels[195].has_clipped
    assert not levels[205].has_clipped
    assert LevelMeter().push(silence).rms_db == SILENCE_DB


def test_the_gate_opens_in_the_block_that_is_loud_and_holds_through_a_short_pause():
    gate = Gate(threshold_db=-40, hold_ms=200)
    through(gate, tone(-60, 0.5))
    assert not gate.is_open
    opened = gate.push(tone(-20, 0.01))
    assert gate.is_open and rms_db(opened[80:]) == pytest.approx(-20, abs=0.5)
    through(gate, tone(-20, 0.05))
    pause = through(gate, tone(-60, 0.15))
    assert gate.is_open and rms_db(pause) == pytest.approx(-60, abs=0.5)
    closed = through(gate, tone(-60, 0.4))
    assert not gate.is_open and not closed[-3_000:].any()


def test_the_gate_does_not_flutter_between_its_two_thresholds():
    gate = Gate(threshold_db=-40, hold_ms=20)
    through(gate, tone(-43, 0.2))
    assert not gate.is_open  # below the threshold it does not open
    through(gate, tone(-38, 0.05))
    through(gate, tone(-43, 0.5))
    assert gate.is_open  # but what opened it may become a little quieter


def test_the_gate_fades_and_never_cuts():
    gate = Gate(threshold_db=-40, hold_ms=20)
    sound = np.concatenate([np.full(3_200, 0.1), np.full(3_200, 0.004)]).astype(np.float32)
    made = through(gate, sound) / sound
    assert np.abs(np.diff(made)).max() < 0.02 and made[-1] == 0


@pytest.mark.parametrize("threshold_db", [None, SILENCE_DB])
def test_without_a_threshold_the_gate_passes_everything(threshold_db):
    sound = tone(-90, 0.2)
    np.testing.assert_array_equal(through(Gate(threshold_db), sound), sound)


def test_the_meter_shows_the_voice_after_gain_even_when_the_gate_is_shut():
    voice = Voice()
    voice.gain.db = 10
    voice.gate.threshold_db = -20
    made = through(voice, tone(-50, 1.0))
    assert not made[8_000:].any()
    assert voice.level.rms_db == pytest.approx(-40, abs=0.5)


def test_an_empty_block_changes_nothing():
    empty = np.zeros(0, dtype=np.float32)
    voice = Voice()
    assert len(voice.push(empty)) == 0
    voice.push(tone(-20, 0.5))
    level = voice.level
    voice.push(empty)
    assert voice.level == level


def test_a_cut_off_beyond_the_band_is_refused():
    with pytest.raises(AudioError, match="9000"):
        HighPass(9_000)
