"""The parts of the latency trial that need no window: its sound, its clock, and what it makes of pixels."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from app.trials.latency import RATE_HZ, ScreenWatch, _doubt, step_sound
from app.trials.virtual_sound import missing_programs
from engine.evaluation.sound_step import crossing


def test_vowels_begin_where_it_says_and_nearly_nothing_is_heard_in_between():
    sound, onsets = step_sound(5)
    for onset in onsets:
        assert np.abs(sound[onset - RATE_HZ // 4 : onset]).max() < 1e-3
        assert np.abs(sound[onset : onset + RATE_HZ // 50]).max() > 0.05
    assert len(set(np.diff(onsets))) == 4  # at uneven distances, so that no clock of the program keeps step with them


def test_pixels_stand_on_the_screen_until_the_next_picture():
    watch = ScreenWatch(None)
    watch._times = [9.0, 10.02, 10.05, 10.11, 10.4]
    watch._pixels = [np.full(4, value, dtype=np.float32) for value in (0.0, 0.0, 5.0, 90.0, 100.0)]
    delay = crossing(*watch.around(10.0), 10.0, (0.42 + 10.0, 0.48 + 10.0))
    assert delay == pytest.approx(0.11, abs=0.0021)


@pytest.mark.sound
@pytest.mark.skipif(sys.platform != "linux", reason="named pipes of this kind are Linux")
def test_the_piped_voice_is_paced_and_says_when_each_block_was_written(tmp_path):
    import os

    from tests.virtual_sound import wait_until

    os.mkfifo(tmp_path / "fifo")
    sent = np.arange(4_800, dtype=np.int16)
    soundfile.write(tmp_path / "said.wav", sent, RATE_HZ, subtype="PCM_16")
    command = [sys.executable, "-m", "app", "_microphone", *(str(tmp_path / n) for n in ("fifo", "said.wav", "times"))]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        with open(tmp_path / "fifo", "rb") as pipe:
            heard = np.frombuffer(pipe.read(2 * 480 * 25), dtype=np.int16)
            writer.stdin.close()
            wait_until(lambda: pipe.read(960) == b"" and writer.poll() is not None)
        times = np.fromfile(tmp_path / "times", dtype=np.float64)
    finally:
        writer.kill()
        writer.wait()
    np.testing.assert_array_equal(heard, np.resize(sent, len(heard)))  # round and round
    assert len(times) >= 25 and np.all(np.diff(times) > 0)
    assert np.diff(times).sum() >= 0.01 * (len(times) - 2)  # never faster than real time


def test_what_a_trial_needs_is_named():
    assert set(missing_programs()) <= {"pulseaudio", "pactl", "paplay", "portaudio"}


def test_the_trials_bring_no_torch_into_the_window():
    code = "import sys, app.trials.latency, app.trials.soak, app.trials.commands; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_figures_of_a_busy_machine_are_doubted_aloud():
    assert _doubt({"0": {"lost_samples": 0, "fps": 55.0}, "40": {"lost_samples": 0, "fps": 31.0}}) == ""
    assert "4 pictures a second" in _doubt({"0": {"lost_samples": 0, "fps": 4.0}})
    assert "480 samples" in _doubt({"0": {"lost_samples": 480, "fps": 60.0}})
